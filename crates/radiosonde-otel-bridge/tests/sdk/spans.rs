//! Spans of a team's own `SdkTracerProvider`.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue as Attribute, any_value,
};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message as _;
use radiosonde_otel_bridge::sdk::SdkClient;
use serde_json::json;

use super::bodies::request;
use super::{lines_of, resource, send, telemetry, with};

fn provider() -> SdkTracerProvider {
    let _running = telemetry();
    let exporter = with(SpanExporter::builder().with_http(), SdkClient::new()).build().unwrap();
    let builder = SdkTracerProvider::builder().with_resource(resource("shop"));
    builder.with_simple_exporter(exporter).build()
}

#[test]
fn a_span_stands_in_its_line_as_a_native_one() {
    let tracer = provider().tracer("spans.all");
    let state = TraceState::from_key_value([("vendor", "x1")]).unwrap();
    let trace = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    let span = SpanId::from(0xb7ad_6b71_6920_3331);
    let remote = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, state);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let list = Value::Array(Array::String(vec![StringValue::from("a"), StringValue::from("b")]));
    let parent = Context::new().with_remote_span_context(remote.clone());
    let mut span = tracer
        .span_builder("charge card")
        .with_kind(SpanKind::Client)
        .with_start_time(start)
        .with_links(vec![Link::new(remote, vec![KeyValue::new("why", "retry")], 0)])
        .with_attributes([
            KeyValue::new("amount", 12.5),
            KeyValue::new("items", list.clone()),
            KeyValue::new("job_id", "job-9"),
            KeyValue::new("card_token", "tok-1"),
        ])
        .start_with_context(&tracer, &parent);
    let attributes = vec![KeyValue::new("attempt", 2), KeyValue::new("seen", list)];
    span.add_event_with_timestamp("retry", start + Duration::from_millis(3), attributes);
    span.set_status(Status::Error { description: Cow::Borrowed("declined") });
    let own = span.span_context().span_id();
    span.end_with_timestamp(start + Duration::from_micros(5_250));
    let lines = lines_of("spans", |line| line["source"] == "spans.all");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["ts"], "2023-11-14T22:13:20.005250Z");
    assert_eq!((&line["evt"], &line["msg"]), (&json!("span"), &json!("charge card")));
    assert_eq!(line["level"], "error");
    assert_eq!(line["trace_id"], trace.to_string());
    assert_eq!(line["span_id"], own.to_string());
    assert_eq!(line["job_id"], "job-9");
    let expected = json!({
        "name": "charge card", "parent_span_id": "b7ad6b7169203331",
        "start": "2023-11-14T22:13:20.000000Z", "duration_us": 5250, "kind": "client",
        "status": "error", "status_message": "declined", "trace_state": "vendor=x1",
        "links": [{
            "trace_id": trace.to_string(), "span_id": "b7ad6b7169203331",
            "trace_state": "vendor=x1", "attributes": {"why": "retry"},
        }],
        "events": [{
            "ts": "2023-11-14T22:13:20.003000Z", "name": "retry",
            "attributes": {"attempt": 2, "seen": ["a", "b"]},
        }],
        "attributes": {"amount": 12.5, "items": ["a", "b"], "card_token": "[redacted]"},
    });
    assert_eq!(line["meta"], expected);
}

#[test]
fn what_has_no_room_is_counted_in_the_line() {
    let tracer = provider().tracer("spans.large");
    let mut span = tracer.start("large");
    for nth in 0..128 {
        let text = "x".repeat(1_000);
        span.add_event("long", vec![KeyValue::new("nth", nth), KeyValue::new("text", text)]);
    }
    span.end();
    let lines = lines_of("spans", |line| line["source"] == "spans.large");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let kept = line["meta"]["events"].as_array().unwrap().len() as u64;
    let dropped = line["meta"]["dropped_events_count"].as_u64().unwrap();
    assert!(kept > 10 && kept + dropped == 128, "{kept} and {dropped}");
}

fn attributes(count: usize) -> Vec<Attribute> {
    let value = Some(AnyValue { value: Some(any_value::Value::IntValue(1)) });
    let attribute =
        |nth| Attribute { key: format!("key.{nth}"), value: value.clone(), ..Default::default() };
    (0..count).map(attribute).collect()
}

/// In time that grows with the body, and not with its square: this took minutes.
#[test]
fn attributes_without_end_are_left_out_and_counted() {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![1; 8],
        name: "endless".to_owned(),
        attributes: attributes(300_000),
        dropped_attributes_count: 5,
        events: vec![Event { attributes: attributes(1_030), ..Default::default() }],
        ..Default::default()
    };
    let name = "spans.endless".to_owned();
    let scope = InstrumentationScope { name, attributes: attributes(70), ..Default::default() };
    let scope = ScopeSpans { scope: Some(scope), spans: vec![span], ..Default::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..Default::default() };
    let body = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let _running = telemetry();
    let request = request("/v1/traces", "application/x-protobuf", "", body);
    assert!(send(&SdkClient::new(), request).unwrap().status().is_success());
    let lines = lines_of("spans", |line| line["source"] == "spans.endless");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let meta = &line["meta"];
    assert_eq!(meta["dropped_attributes_count"], 300_000 - 1_024 + 5);
    assert_eq!(meta["attributes"]["otel.scope.dropped_attributes_count"], 6);
    // 1,024 of its own, 64 of the scope and their counts.
    assert_eq!(meta["attributes"].as_object().unwrap().len(), 1_024 + 64 + 1);
    assert_eq!(meta["events"][0]["attributes"]["dropped_attributes_count"], 6);
}
