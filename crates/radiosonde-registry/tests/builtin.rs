//! The metrics radiosonde writes itself.

use std::path::Path;

use radiosonde_registry::{MetricType, Registry};

#[test]
fn every_fragment_is_a_registry_without_findings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("builtin");
    let mut metrics = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of fragments") {
        let path = entry.expect("an entry").path();
        let fragment = Registry::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(fragment.series_limit(None), 2_000, "{path:?}");
        for (name, label) in &fragment.labels {
            assert_eq!(Registry::builtin().labels.get(name), Some(label), "{path:?} {name}");
        }
        metrics += fragment.metrics.len();
    }
    assert_eq!(Registry::builtin().metrics.len(), metrics, "a fragment is left out or refused");
}

const HTTP_SERVER: &[&str] =
    &["http_request_method", "http_route", "http_response_status_code", "error_type"];
const HTTP_CLIENT: &[&str] =
    &["http_request_method", "server_address", "http_response_status_code", "error_type"];
const RPC: &[&str] = &["rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"];

#[test]
fn what_the_other_crates_write_is_there() {
    let table: &[(&str, MetricType, &[&str])] = &[
        ("process_cpu_seconds_total", MetricType::Counter, &[]),
        ("process_resident_memory_bytes", MetricType::Gauge, &[]),
        ("process_virtual_memory_bytes", MetricType::Gauge, &[]),
        ("process_open_fds", MetricType::Gauge, &[]),
        ("process_max_fds", MetricType::Gauge, &[]),
        ("process_start_time_seconds", MetricType::Gauge, &[]),
        ("process_threads", MetricType::Gauge, &[]),
        ("machine_last_heartbeat_timestamp_seconds", MetricType::Gauge, &[]),
        ("machine_heartbeat_interval_seconds", MetricType::Gauge, &[]),
        ("radiosonde_directory_free_bytes", MetricType::Gauge, &[]),
        ("system_cpu_load_average_1m", MetricType::Gauge, &[]),
        ("system_linux_memory_available_bytes", MetricType::Gauge, &[]),
        ("system_memory_limit_bytes", MetricType::Gauge, &[]),
        ("system_uptime_seconds", MetricType::Gauge, &[]),
        ("worker_last_heartbeat_timestamp_seconds", MetricType::Gauge, &["worker"]),
        ("worker_jobs_running", MetricType::Gauge, &["worker"]),
        ("worker_jobs_total", MetricType::Counter, &["job_outcome"]),
        ("worker_handles_refused_total", MetricType::Counter, &[]),
        ("tokio_workers", MetricType::Gauge, &["runtime"]),
        ("tokio_alive_tasks", MetricType::Gauge, &["runtime"]),
        ("tokio_global_queue_depth", MetricType::Gauge, &["runtime"]),
        ("http_server_request_duration_seconds", MetricType::Histogram, HTTP_SERVER),
        ("http_server_active_requests", MetricType::Gauge, &["http_request_method", "url_scheme"]),
        ("http_server_request_body_size_bytes", MetricType::Histogram, HTTP_SERVER),
        ("http_server_response_body_size_bytes", MetricType::Histogram, HTTP_SERVER),
        ("http_client_request_duration_seconds", MetricType::Histogram, HTTP_CLIENT),
        (
            "http_client_active_requests",
            MetricType::Gauge,
            &["http_request_method", "server_address"],
        ),
        ("http_client_request_body_size_bytes", MetricType::Histogram, HTTP_CLIENT),
        ("http_client_response_body_size_bytes", MetricType::Histogram, HTTP_CLIENT),
        ("rpc_server_call_duration_seconds", MetricType::Histogram, RPC),
        ("rpc_client_call_duration_seconds", MetricType::Histogram, RPC),
        ("radiosonde_records_total", MetricType::Counter, &["signal", "outcome"]),
        ("radiosonde_records_pending", MetricType::Gauge, &["signal"]),
        ("radiosonde_records_dropped_total", MetricType::Counter, &["signal", "reason"]),
        ("radiosonde_records_refused_total", MetricType::Counter, &["signal", "reason"]),
        ("radiosonde_records_truncated_total", MetricType::Counter, &["signal"]),
        ("radiosonde_metric_writes_refused_total", MetricType::Counter, &["metric", "reason"]),
        ("radiosonde_series", MetricType::Gauge, &["metric"]),
        ("radiosonde_series_limit", MetricType::Gauge, &["metric"]),
        ("radiosonde_namespace_series", MetricType::Gauge, &["module"]),
        ("radiosonde_namespace_series_limit", MetricType::Gauge, &["module"]),
        ("radiosonde_redacted_total", MetricType::Counter, &["rule"]),
        ("radiosonde_problems", MetricType::Gauge, &[]),
        ("radiosonde_open_spans", MetricType::Gauge, &["listed"]),
        ("radiosonde_console_lines_dropped_total", MetricType::Counter, &[]),
        ("radiosonde_propagation_ignored_total", MetricType::Counter, &["header", "reason"]),
        ("radiosonde_ids_sanitized_total", MetricType::Counter, &[]),
        ("radiosonde_span_notices_total", MetricType::Counter, &["notice"]),
        ("radiosonde_drain_restarts_total", MetricType::Counter, &[]),
        ("radiosonde_format_panics_total", MetricType::Counter, &[]),
        ("radiosonde_scrapes_refused_total", MetricType::Counter, &[]),
        ("radiosonde_otlp_records_total", MetricType::Counter, &["signal", "outcome"]),
        ("radiosonde_otlp_records_dropped_total", MetricType::Counter, &["signal", "reason"]),
        ("radiosonde_otlp_records_unexported_total", MetricType::Counter, &["reason"]),
        ("radiosonde_otlp_pending_records", MetricType::Gauge, &["signal"]),
        ("radiosonde_otlp_pending_bytes", MetricType::Gauge, &["signal"]),
        ("radiosonde_otlp_oldest_pending_seconds", MetricType::Gauge, &["signal"]),
        ("radiosonde_otlp_breaker_state", MetricType::Gauge, &["signal", "state"]),
        ("radiosonde_otlp_adopted_spools", MetricType::Gauge, &[]),
        ("radiosonde_otlp_adopted_waiting_spools", MetricType::Gauge, &[]),
        ("radiosonde_otlp_adopted_records_total", MetricType::Counter, &["outcome"]),
        ("radiosonde_otlp_adopted_pending_records", MetricType::Gauge, &[]),
        ("metric_ingest_status", MetricType::Counter, &["metric", "status"]),
        ("metric_last_seen_timestamp_seconds", MetricType::Gauge, &["metric"]),
        ("metric_interval_seconds", MetricType::Gauge, &["metric"]),
        ("last_update_timestamp_seconds", MetricType::Gauge, &["metric"]),
    ];
    let builtin = Registry::builtin();
    for (name, metric_type, labels) in table {
        let metric = builtin.metric(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(metric.metric_type, *metric_type, "{name}");
        assert_eq!(metric.labels, *labels, "{name}");
        assert!(metric.max_labels >= Some(labels.len()), "{name}");
    }
    assert_eq!(builtin.series_limit(Some("whatever")), 2_000);
}
