//! `/metrics`, `/health` and `/report` show what the report and the log show, and end with the
//! program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn get(address: &str, path: &str) -> String {
    get_with(address, path, "Accept: */*")
}

/// The answer; what is no text in it is replaced.
fn get_with(address: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("Host: x\r\n{header}\r\nConnection: close\r\n");
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_pages_the_report_and_the_log_tell_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let service = radiosonde::Service::new("pages", "1.0.0");
    let telemetry = radiosonde::Config::new(service)
        .dir(root)
        .registry(
            r#"{"schema_version":1,"owners":{"o":{"slack":"o"}},"metrics":[{"name":"known_total",
            "type":"counter","unit":"things","help":"Things.","owner":"o"}]}"#,
        )
        .profile(radiosonde::Profile::Cli)
        .machine_id("m-1")
        .prometheus("127.0.0.1:0")
        .init();
    assert_eq!(telemetry.report().problems, []);
    let address = telemetry.prometheus_addr().unwrap().to_owned();
    let targets = root.join("prometheus-targets.json");
    let published: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&targets).unwrap()).unwrap();
    assert_eq!(published[0]["targets"], serde_json::json!([address]));
    let labels = &published[0]["labels"];
    assert_eq!((&labels["service"], &labels["machine_id"]), (&"pages".into(), &"m-1".into()));
    assert_eq!(labels["__meta_radiosonde_pid"], std::process::id().to_string());
    // The instance is the directory it works in, and the beginning of the ids of its lines.
    let instance = labels["__meta_radiosonde_instance"].as_str().unwrap();
    assert!(root.join("inst/0").join(instance).is_dir(), "{labels}");
    assert_eq!(labels.as_object().unwrap().len(), 4, "{labels}");

    metrics::counter!("known_total").increment(3);
    for _ in 0..2 {
        metrics::counter!("unknown_total").increment(1);
    }
    for _ in 0..5 {
        radiosonde::event!("seen", password = "hunter2", "seen");
    }
    for _ in 0..3 {
        let headers = [("traceparent", "00-no-trace-01"), ("baggage", "a=1,two words,no-value")];
        assert_eq!(radiosonde::propagation::extract(&headers).trace_id(), None);
    }
    for _ in 0..4 {
        radiosonde::scope().worker("the second").run(|| ());
    }
    telemetry.flush(Duration::from_secs(20));

    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("\nknown_total 3\n"), "{metrics}");
    assert!(!metrics.contains("\nunknown_total"));
    let refused = "radiosonde_metric_writes_refused_total{metric=\"unknown_total\",\
                   reason=\"unregistered\"} 2\n";
    assert!(metrics.contains(refused), "{metrics}");
    assert!(metrics.contains("radiosonde_redacted_total{rule=\"password\"} 5\n"), "{metrics}");
    let of_context = [
        "radiosonde_propagation_ignored_total{header=\"traceparent\",reason=\"malformed\"} 3",
        "radiosonde_propagation_ignored_total{header=\"baggage\",reason=\"malformed\"} 6",
        "radiosonde_ids_sanitized_total 4",
    ];
    for book in of_context {
        assert!(metrics.contains(&format!("\n{book}\n")), "{metrics}");
    }
    for process in ["process_cpu_seconds_total", "process_resident_memory_bytes"] {
        assert!(metrics.contains(process), "{metrics}");
    }

    assert!(metrics.contains("\nradiosonde_scrapes_refused_total 0\n"), "{metrics}");
    assert!(telemetry.metrics_text().contains("# TYPE known_total counter\nknown_total 3\n"));
    let zipped = get_with(&address, "/metrics", "Accept-Encoding: gzip");
    assert!(zipped.contains("content-encoding: gzip\r\n"), "{zipped}");
    let open = get_with(&address, "/metrics", "Accept: application/openmetrics-text");
    for text in [open, telemetry.openmetrics_text()] {
        assert!(text.contains("# TYPE known counter\nknown_total 3\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
    let _service = telemetry.metrics_service();

    // The problem is named once everywhere; its count goes on growing.
    let report = telemetry.report();
    assert_eq!(report.problems.len(), 2, "{report}");
    let changed = "4 ids did not fit and were changed, the first to `the_second`";
    assert!(report.problems[1].what.starts_with(changed), "{report}");
    assert_eq!(report.refused[0].count, 2);
    let page = get(&address, "/report");
    assert_eq!(page.matches("writes to metric `unknown_total` are refused").count(), 1, "{page}");
    assert!(get(&address, "/health").starts_with("HTTP/1.1 200"));
    let report = telemetry.shutdown(Duration::from_secs(20));
    assert_eq!(report.events.pending, 0, "{report}");
    let (mut in_log, mut messages) = (0, HashSet::new());
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("events-") {
            in_log += std::fs::read_to_string(path).unwrap().matches("telemetry.problem").count();
        } else if name.starts_with("metrics-") {
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                messages.insert(line["msg"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(in_log, 2);
    for book in of_context {
        assert!(messages.contains(book), "{book} in the last snapshot: {messages:#?}");
    }
    assert!(!targets.exists(), "nobody scrapes a listener that is gone");
}
