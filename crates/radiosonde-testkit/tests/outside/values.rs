//! Values of every kind, wherever OTLP has room for them, said by each way there is: receivers that nobody
//! here wrote get what was said, to the bit.

use crate::common::WITHIN;
use crate::emitted::{FOLDER, logs_of_an_sdk, run};
use crate::of_python;
use crate::parts::part;
use crate::python::Collector;
use crate::rotel::rotel;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Link, Span as _, SpanContext, TraceFlags, TraceState, Tracer as _};
use opentelemetry::{Array, KeyValue, Value as Said};
use radiosonde_testkit::{Attributes, Received, Receiver, Value};
use std::time::{Duration, SystemTime};

const PROGRAMS: [&str; 2] = ["values::a_program_of_a_test", "values::a_bridged_program_of_a_test"];
/// From right to left, beyond the first plane, joined, composed and not, controls, and the last of all.
const TEXT: &str = "שלום \u{202e}\u{1f469}\u{200d}\u{1f680} é e\u{301} \u{1}\t\u{1b}\u{7f}\u{85}\u{fffe}\u{10ffff}";
const STATE: &str = "vendor=a,other@tenant=b";
const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const SPAN: u64 = 0xb7ad_6b71_6920_3331;

fn all_bytes() -> Vec<u8> {
    (0..=u8::MAX).collect()
}

fn floats() -> Vec<f64> {
    vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.1, 5e-324, f64::MAX]
}

/// What OpenTelemetry's own API can say.
fn attributes() -> Vec<KeyValue> {
    let texts = Array::String(vec![TEXT.into(), "".into(), "\0bAAAA".into()]);
    vec![
        KeyValue::new("text", TEXT),
        KeyValue::new("ключ-🔑", true),
        KeyValue::new("least", i64::MIN),
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("floats", Said::Array(floats().into())),
        KeyValue::new("texts", Said::Array(texts)),
    ]
}

/// The same as it has to arrive.
fn expected() -> Vec<(&'static str, Value)> {
    vec![
        ("text", TEXT.into()),
        ("ключ-🔑", true.into()),
        ("least", i64::MIN.into()),
        ("nan", f64::NAN.into()),
        ("floats", floats().into()),
        ("texts", vec![TEXT, "", "\0bAAAA"].into()),
    ]
}

fn linked() -> SpanContext {
    let ids = (opentelemetry::TraceId::from(TRACE), opentelemetry::SpanId::from(SPAN));
    let state: TraceState = STATE.parse().expect("a trace state");
    SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, state)
}

/// The programs themselves; nothing when they are run as tests. In one of them OpenTelemetry's API is ours, and
/// tracing-opentelemetry, through which spans go then, knows no bytes.
#[test]
fn a_program_of_a_test() {
    say(false, || {
        say_by_tracing();
        let bytes = all_bytes();
        let array = [0_u8, 255];
        radiosonde::event!("order.placed", bytes, none = None::<i64>, array, "\u{1f6d2}");
        say_by_an_sdk();
    });
}

#[test]
fn a_bridged_program_of_a_test() {
    say(true, || {
        say_by_the_api();
        tracing::warn!(bytes = &*all_bytes(), "beside the bridge");
    });
}

fn say(is_bridged: bool, what: impl FnOnce()) {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let config = radiosonde::Config::new(radiosonde::Service::new("kasse-ß", "1.2.3"));
    let guard = config.dir(std::path::PathBuf::from(folder)).otel_bridge(is_bridged).init();
    what();
    let flushed = guard.flush_otlp(Duration::from_secs(20));
    assert!(flushed.otlp.is_some(), "{flushed}");
    guard.shutdown(Duration::from_secs(20));
}

fn say_by_tracing() {
    let bytes = &*all_bytes();
    let traceparent = format!("00-{TRACE:032x}-{SPAN:016x}-01");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", STATE)];
    let span = tracing::info_span!(
        "native",
        bytes,
        text = TEXT,
        most = i64::MAX,
        zero = -0.0,
        least = f64::NEG_INFINITY,
    );
    radiosonde::add_link(&span, &radiosonde::propagation::extract(&headers));
    let _entered = span.enter();
    tracing::warn!(bytes, nan = f64::NAN, most = f64::INFINITY, "{TEXT}");
}

fn say_by_the_api() {
    let tracer = opentelemetry::global::tracer("shop");
    let builder = tracer.span_builder("bridged").with_attributes(attributes());
    let mut span = builder.with_links(vec![Link::new(linked(), attributes(), 0)]).start(&tracer);
    span.add_event_with_timestamp(TEXT, SystemTime::now(), attributes());
    span.end();
}

fn say_by_an_sdk() {
    let logs = logs_of_an_sdk();
    let logger = logs.logger("shop");
    for (name, body) in [
        ("of.bytes", bytes(all_bytes())),
        ("of.list", list(vec![bytes(vec![]), 1.into(), TEXT.into()])),
        ("of.nothing", "".into()),
    ] {
        let mut record = logger.create_log_record();
        record.set_event_name(name);
        record.set_severity_number(Severity::Error);
        record.set_trace_context(TRACE.into(), SPAN.into(), Some(TraceFlags::SAMPLED));
        record.set_body(body);
        record.add_attribute("bytes", bytes(all_bytes()));
        record.add_attribute("empty", bytes(Vec::new()));
        record.add_attribute("mixed", mixed());
        logger.emit(record);
    }
}

fn bytes(bytes: Vec<u8>) -> AnyValue {
    AnyValue::Bytes(Box::new(bytes))
}

fn list(values: Vec<AnyValue>) -> AnyValue {
    AnyValue::ListAny(Box::new(values))
}

/// A list with everything in it that a value can be.
fn mixed() -> AnyValue {
    let inner = [("deep".into(), list(vec![bytes(all_bytes()), true.into()]))];
    let numbers = floats().into_iter().map(AnyValue::from).collect();
    list(vec![
        i64::MAX.into(),
        TEXT.into(),
        bytes(b"plain".to_vec()),
        AnyValue::Map(Box::new(inner.into())),
        list(numbers),
        list(Vec::new()),
        "\0".into(),
    ])
}

fn expected_of_mixed() -> Value {
    let inner = Value::Array(vec![Value::Bytes(all_bytes()), true.into()]);
    Value::Array(vec![
        i64::MAX.into(),
        TEXT.into(),
        Value::Bytes(b"plain".to_vec()),
        Value::Map(Attributes(vec![("deep".to_owned(), inner)])),
        floats().into(),
        Value::Array(Vec::new()),
        "\0".into(),
    ])
}

/// To the bit: -0 is not 0, and NaN is NaN.
fn has(found: &Attributes, expected: &[(&str, Value)], way: &str) {
    for (name, value) in expected {
        let shown = format!("{:?}", found.find(name));
        assert_eq!(shown, format!("{:?}", Some(value)), "{way}: {name}");
    }
}

fn check(received: &Received, way: &str) {
    let span = |name: &str| received.spans.iter().find(|span| span.name == name).expect("the span");
    let log = |name: &str| {
        let found = received.logs.iter().find(|log| log.event_name == name);
        found.unwrap_or_else(|| panic!("{way}: no {name}"))
    };
    let (trace_id, span_id) = (format!("{TRACE:032x}"), format!("{SPAN:016x}"));
    let native = span("native");
    let by_tracing = [
        ("bytes", Value::Bytes(all_bytes())),
        ("text", TEXT.into()),
        ("most", i64::MAX.into()),
        ("zero", (-0.0).into()),
        ("least", f64::NEG_INFINITY.into()),
    ];
    has(&native.attributes, &by_tracing, way);
    let warning = received.logs.iter().find(|log| log.body == TEXT.into()).expect("the warning");
    let by_tracing = [
        ("bytes", Value::Bytes(all_bytes())),
        ("nan", f64::NAN.into()),
        ("most", f64::INFINITY.into()),
    ];
    has(&warning.attributes, &by_tracing, way);
    assert_eq!((&warning.trace_id, &warning.span_id), (&native.trace_id, &native.span_id), "{way}");

    let bridged = span("bridged");
    let event = &bridged.events[0];
    assert_eq!(event.name, TEXT, "{way}");
    assert!((bridged.start_ns..=bridged.end_ns).contains(&event.time_ns), "{way}");
    for attributes in [&bridged.attributes, &event.attributes, &bridged.links[0].attributes] {
        has(attributes, &expected(), way);
    }
    let beside = received.logs.iter().find(|log| log.body == "beside the bridge".into());
    has(&beside.expect("it").attributes, &[("bytes", Value::Bytes(all_bytes()))], way);
    for link in [&native.links[0], &bridged.links[0]] {
        assert_eq!((&link.trace_id, &link.span_id), (&trace_id, &span_id), "{way}");
        assert_eq!(link.trace_state, STATE, "{way}");
    }

    let event = log("order.placed");
    assert_eq!(event.body, "\u{1f6d2}".into(), "{way}");
    let by_macro = [
        ("bytes", Value::Bytes(all_bytes())),
        ("none", Value::Empty),
        ("array", Value::Bytes(vec![0, 255])),
    ];
    has(&event.attributes, &by_macro, way);

    for (name, body) in [
        ("of.bytes", Value::Bytes(all_bytes())),
        ("of.list", Value::Array(vec![Value::Bytes(Vec::new()), 1.into(), TEXT.into()])),
    ] {
        let log = log(name);
        assert_eq!(log.body, body, "{way}");
        assert_eq!((&log.trace_id, &log.span_id), (&trace_id, &span_id), "{way}");
        let by_sdk = [
            ("bytes", Value::Bytes(all_bytes())),
            ("empty", Value::Bytes(Vec::new())),
            ("mixed", expected_of_mixed()),
        ];
        has(&log.attributes, &by_sdk, way);
    }
}

fn is_whole(received: &Received) -> bool {
    received.spans.len() >= 2 && received.logs.len() >= 6
}

fn run_all(endpoint: &str, protocol: &str) {
    for program in PROGRAMS {
        run(program, endpoint, protocol);
    }
}

#[test]
fn our_receiver_gets_each_value_as_it_was_said() {
    for (protocol, is_grpc) in [("http/protobuf", false), ("grpc", true)] {
        let receiver = Receiver::start().expect("a receiver");
        let endpoint = if is_grpc { receiver.grpc_endpoint() } else { receiver.http_endpoint() };
        run_all(&endpoint, protocol);
        check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), protocol);
    }
}

#[test]
fn each_value_comes_through_rotel_as_it_was_said() {
    let Some(folder) = part("rotel") else { return };
    let receiver = Receiver::start().expect("a receiver");
    let rotel = rotel(&folder, "grpc", &receiver.grpc_endpoint());
    run_all(&rotel.endpoint, "http/protobuf");
    check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), "rotel");
}

#[test]
fn a_server_of_python_gets_each_value_as_it_was_said() {
    let Some(collector) = Collector::start() else { return };
    run_all(&collector.endpoint, "grpc");
    check(&of_python::received(&collector.all()), "python");
}
