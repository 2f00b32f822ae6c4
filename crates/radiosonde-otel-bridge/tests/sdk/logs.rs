//! Log records.

use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::{Key, KeyValue, SpanId, TraceFlags, TraceId};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{Compression, LogExporter, WithHttpConfig as _};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use radiosonde_otel_bridge::sdk::SdkClient;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{lines_of, resource, telemetry, with};

fn provider(service: &'static str) -> SdkLoggerProvider {
    let _running = telemetry();
    let exporter = with(LogExporter::builder().with_http(), SdkClient::new()).build().unwrap();
    let builder = SdkLoggerProvider::builder().with_resource(resource(service));
    builder.with_simple_exporter(exporter).build()
}

#[test]
fn a_record_stands_in_its_line_with_ids_types_and_time() {
    let logs = provider("shop");
    let logger = logs.logger("logs.types");
    let mut record = logger.create_log_record();
    record.set_event_name("payment.failed");
    record.set_severity_number(Severity::Error);
    record.set_severity_text("ERROR");
    record.set_body("card größer \"than\" limit\n".into());
    record.set_timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456));
    let trace = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    record.set_trace_context(trace, SpanId::from(0xb7ad_6b71_6920_3331), Some(TraceFlags::SAMPLED));
    record.add_attributes([
        ("int", AnyValue::Int(i64::MIN)),
        ("double", AnyValue::Double(0.25)),
        ("nan", AnyValue::Double(f64::NAN)),
        ("flag", AnyValue::Boolean(true)),
        ("text", AnyValue::from("über 🦀")),
        ("bytes", AnyValue::Bytes(Box::new(vec![0xff, 0]))),
        ("list", AnyValue::ListAny(Box::new(vec![AnyValue::Int(1), AnyValue::from("x")]))),
        ("map", AnyValue::Map(Box::new([(Key::from("a"), AnyValue::Int(1))].into()))),
        ("job_id", AnyValue::from("job-77")),
        ("worker_id", AnyValue::Int(3)),
        ("session_id", AnyValue::from("s.1")),
    ]);
    logger.emit(record);
    let lines = lines_of("events", |line| line["source"] == "logs.types");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["ts"], "2023-11-14T22:13:20.123456Z");
    assert_eq!(line["level"], "error");
    assert_eq!(line["evt"], "payment.failed");
    assert_eq!(line["msg"], "card größer \"than\" limit\n");
    assert_eq!(line["service"], "shop");
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(line["span_id"], "b7ad6b7169203331");
    let ids = [&line["job_id"], &line["worker_id"], &line["session_id"]];
    assert_eq!(ids, ["job-77", "3", "s.1"]);
    let expected = json!({
        "int": i64::MIN, "double": 0.25, "nan": "NaN", "flag": true, "text": "über 🦀",
        "bytes": "/wA=", "list": [1, "x"], "map": {"a": 1},
    });
    assert_eq!(line["meta"], expected);
}

#[test]
fn what_has_no_place_of_its_own_is_kept_beside() {
    let logs = provider("billing");
    let scope = opentelemetry::InstrumentationScope::builder("logs.beside")
        .with_version("2.1.0")
        .with_attributes([KeyValue::new("flavour", "sweet")]);
    let logger = logs.logger_with_scope(scope.build());
    let mut record = logger.create_log_record();
    record.set_event_name("span");
    record.set_severity_number(Severity::Warn3);
    record.set_severity_text("NOTICE");
    record.set_body(AnyValue::Map(Box::new([(Key::from("password"), "hunter2".into())].into())));
    let before = SystemTime::now();
    logger.emit(record);
    let lines = lines_of("events", |line| line["source"] == "logs.beside");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        (&line["level"], &line["evt"], &line["msg"]),
        (&json!("warning"), &json!("log"), &json!("span"))
    );
    let expected = json!({
        "body": {"password": "[redacted]"}, "event_name": "span", "severity_number": 15,
        "severity_text": "NOTICE", "service.name": "billing", "otel.scope.version": "2.1.0",
        "otel.scope.flavour": "sweet",
    });
    assert_eq!(line["meta"], expected);
    // Without a time of its own it has that of its observation.
    let day = before.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    assert!(day > 20_000 && line["ts"].as_str().unwrap() > "2024", "{line}");
}

#[test]
fn secrets_are_hidden_as_everywhere() {
    let logs = provider("shop");
    let logger = logs.logger("logs.secret");
    let mut record = logger.create_log_record();
    record.set_body("sent Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123".into());
    record.add_attribute("api_key", "k-123");
    record.add_attribute("note", "Bearer zyxwvutsrqponmlkjihgfedcba98");
    logger.emit(record);
    let lines = lines_of("events", |line| line["source"] == "logs.secret");
    let text = serde_json::to_string(&lines).unwrap();
    assert_eq!(lines.len(), 1);
    for secret in ["abcdefghijklm", "k-123", "zyxwvuts"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("api_key") && text.contains("sent Authorization"), "{text}");
}

#[test]
fn events_of_tracing_come_by_the_appender_and_packed() {
    let _running = telemetry();
    let builder = with(LogExporter::builder().with_http(), SdkClient::new());
    let exporter = builder.with_compression(Compression::Gzip).build().unwrap();
    let logs = SdkLoggerProvider::builder().with_batch_exporter(exporter).build();
    let layer = OpenTelemetryTracingBridge::new(&logs);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for n in 0..1_000_u64 {
            tracing::info!(target: "logs.appender", n, kind = ?n.checked_sub(1), "step {n}");
        }
        tracing::debug!(target: "logs.appender", "below the level of the filter");
    });
    logs.force_flush().unwrap();
    let lines = lines_of("events", |line| line["source"] == "logs.appender");
    let numbers: Vec<_> = lines.iter().map(|line| line["meta"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
    let line = &lines[7];
    assert_eq!((&line["msg"], &line["evt"]), (&json!("step 7"), &json!("log")));
    assert_eq!(line["meta"]["kind"], "Some(6)");
    assert!(line["meta"]["event_name"].as_str().unwrap().contains("logs.rs"), "{line}");
}
