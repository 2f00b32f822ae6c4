//! Lists and maps that a program says through the OpenTelemetry API and through an SDK, as others receive
//! them: as such, wherever attributes are.

use crate::common::{UNICODE, WITHIN};
use crate::emitted::{FOLDER, has, logs_of_an_sdk, records, run};
use crate::parts::part;
use crate::python::Collector;
use crate::rotel::rotel;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Link, Span as _, SpanContext, TraceFlags, Tracer as _};
use opentelemetry::{Array, KeyValue, Value as Said};
use radiosonde_testkit::{Attributes, Received, Receiver, Value};
use serde_json::json;
use std::time::{Duration, SystemTime};

const PROGRAM: &str = "lists::a_program_of_a_test";

fn lists() -> Vec<KeyValue> {
    let texts = Array::String(vec![UNICODE.into(), "".into()]);
    vec![
        KeyValue::new("bools", Said::Array(vec![true, false].into())),
        KeyValue::new("ints", Said::Array(vec![i64::MIN, -2, i64::MAX].into())),
        KeyValue::new("floats", Said::Array(vec![0.1, -3.0, 1e300].into())),
        KeyValue::new("texts", Said::Array(texts)),
        KeyValue::new("none", Said::Array(Array::String(Vec::new()))),
    ]
}

/// The program itself; nothing when it is run as a test.
#[test]
fn a_program_of_a_test() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let config = radiosonde::Config::new(radiosonde::Service::new("kasse-ß", "1.2.3"));
    let guard = config.dir(std::path::PathBuf::from(folder)).otel_bridge(true).init();
    let tracer = opentelemetry::global::tracer("shop");
    let (trace, span) = (opentelemetry::TraceId::from(1), opentelemetry::SpanId::from(2));
    let linked = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, Default::default());
    let builder = tracer.span_builder("listed").with_attributes(lists());
    let mut span = builder.with_links(vec![Link::new(linked, lists(), 0)]).start(&tracer);
    span.add_event_with_timestamp("noted", SystemTime::now(), lists());
    span.end();

    let logs = logs_of_an_sdk();
    let logger = logs.logger("shop");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Error);
    record.set_body("of an SDK".into());
    let inner = [("deep".into(), AnyValue::ListAny(Box::new(vec![true.into(), 0.5.into()])))];
    let list = vec![1.into(), AnyValue::from(UNICODE), AnyValue::Map(Box::new(inner.into()))];
    record.add_attribute("mixed", AnyValue::ListAny(Box::new(list)));
    logger.emit(record);

    let flushed = guard.flush_otlp(Duration::from_secs(20));
    assert!(flushed.otlp.is_some(), "{flushed}");
    guard.shutdown(Duration::from_secs(20));
}

fn check(received: &Received, way: &str) {
    let span = received.spans.iter().find(|span| span.name == "listed").expect("the span");
    let expected = [
        ("bools", vec![true, false].into()),
        ("ints", vec![i64::MIN, -2, i64::MAX].into()),
        ("floats", vec![0.1, -3.0, 1e300].into()),
        ("texts", vec![UNICODE, ""].into()),
        ("none", Value::Array(Vec::new())),
    ];
    has(&span.attributes, &expected, way);
    has(&span.events[0].attributes, &expected, way);
    has(&span.links[0].attributes, &expected, way);
    let log = received.logs.iter().find(|log| log.body == "of an SDK".into()).expect("the record");
    let inner = Attributes(vec![("deep".to_owned(), Value::Array(vec![true.into(), 0.5.into()]))]);
    let list = Value::Array(vec![1.into(), UNICODE.into(), Value::Map(inner)]);
    has(&log.attributes, &[("mixed", list)], way);
}

fn is_whole(received: &Received) -> bool {
    received.spans.iter().any(|span| span.name == "listed")
        && received.logs.iter().any(|log| log.body == "of an SDK".into())
}

#[test]
fn our_receiver_gets_lists_as_lists() {
    let receiver = Receiver::start().expect("a receiver");
    run(PROGRAM, &receiver.http_endpoint(), "http/protobuf");
    check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), "http/protobuf");
}

#[test]
fn lists_come_through_rotel_as_lists() {
    let Some(folder) = part("rotel") else { return };
    let receiver = Receiver::start().expect("a receiver");
    let rotel = rotel(&folder, "grpc", &receiver.grpc_endpoint());
    run(PROGRAM, &rotel.endpoint, "http/protobuf");
    check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), "rotel");
}

#[test]
fn a_server_of_python_gets_lists_as_lists() {
    let Some(collector) = Collector::start() else { return };
    run(PROGRAM, &collector.endpoint, "grpc");
    let all = collector.all();
    let has = |record: &serde_json::Value, key: &str, values: serde_json::Value| {
        let attributes = record["attributes"].as_array().expect("attributes");
        let expected = json!({"key": key, "value": {"arrayValue": values}});
        assert!(attributes.contains(&expected), "{key}: {record:#}");
    };
    let spans = records(&all, "traces", ["resourceSpans", "scopeSpans", "spans"]);
    let span = spans.iter().find(|span| span["name"] == "listed").expect("the span");
    for record in [span, &span["events"][0], &span["links"][0]] {
        let numbers =
            [i64::MIN, -2, i64::MAX].map(|number| json!({"intValue": number.to_string()}));
        has(record, "ints", json!({"values": numbers}));
        let numbers = [0.1, -3.0, 1e300].map(|number| json!({"doubleValue": number}));
        has(record, "floats", json!({"values": numbers}));
        has(record, "bools", json!({"values": [{"boolValue": true}, {"boolValue": false}]}));
        has(record, "texts", json!({"values": [{"stringValue": UNICODE}, {"stringValue": ""}]}));
        has(record, "none", json!({}));
    }
    let logs = records(&all, "logs", ["resourceLogs", "scopeLogs", "logRecords"]);
    let log = logs.iter().find(|log| log["body"]["stringValue"] == "of an SDK");
    let deep = json!({"arrayValue": {"values": [{"boolValue": true}, {"doubleValue": 0.5}]}});
    let map = json!({"kvlistValue": {"values": [{"key": "deep", "value": deep}]}});
    let values = json!({"values": [{"intValue": "1"}, {"stringValue": UNICODE}, map]});
    has(log.expect("the log record"), "mixed", values);
}
