//! What a program says by our own means, as others receive it: the same by our receiver, through rotel, and
//! by a server of Python.

use crate::common::{UNICODE, WITHIN};
use crate::parts::{Process, part};
use crate::python::Collector;
use crate::rotel::rotel;
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use radiosonde_testkit::{Attributes, Measured, MetricKind, Received, Receiver, Value};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the program sends to; without it the program's test is none.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The folder of its telemetry, which also tells that it is to run.
pub(crate) const FOLDER: &str = "EMITTED_TEST_FOLDER";
const PROGRAM: &str = "emitted::a_program_of_a_test";
/// Where the span's link points.
const LINKED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Runs the program that this test is, until it has handed over and sent everything.
pub(crate) fn run(program: &str, endpoint: &str, protocol: &str) {
    run_with(program, endpoint, protocol, &[]);
}

/// The same with more in its environment.
pub(crate) fn run_with(program: &str, endpoint: &str, protocol: &str, more: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "--nocapture", program]).stdout(Stdio::null());
    command.env(FOLDER, folder.path());
    let variables = vec![
        (ENDPOINT, endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=pr%C3%BCfung"),
        ("RADIOSONDE_STDERR", "off"),
    ];
    let variables = [&variables, more].concat();
    let mut process = Process::start_with(command, &variables);
    assert!(process.0.wait().expect("its end").success());
}

/// The program itself; nothing when it is run as a test.
#[test]
fn a_program_of_a_test() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let service = radiosonde::Service::new("kasse-ß", "1.2.3");
    let guard = radiosonde::Config::new(service).dir(std::path::PathBuf::from(folder)).init();
    let linked = radiosonde::propagation::extract(&[("traceparent", LINKED)]);
    {
        let span = tracing::info_span!(
            "place_order",
            otel.kind = "server",
            text = UNICODE,
            yes = true,
            least = i64::MIN,
            half = 0.5,
            otel.status_code = "ERROR",
            otel.status_description = "kaputt ☠",
        );
        radiosonde::add_link(&span, &linked);
        let _entered = span.enter();
        tracing::error!(
            text = UNICODE,
            most = i64::MAX,
            half = 0.5,
            yes = true,
            "größer: {UNICODE}"
        );
        metrics::histogram!("order_seconds", "route" => "/käse/{id}").record(0.25);
        metrics::counter!("orders_total", "route" => "/käse/{id}").increment(7);
    }
    radiosonde::event!("order.placed", text = UNICODE, items = 3, "an order");
    let flushed = guard.flush_otlp(Duration::from_secs(20));
    assert!(flushed.otlp.is_some(), "{flushed}");
    guard.shutdown(Duration::from_secs(20));
}

/// What our own program said, wherever it went through.
fn check(received: &Received, way: &str) {
    let span = received.spans.iter().find(|span| span.name == "place_order").expect("the span");
    assert_eq!((span.kind, span.status, span.status_message.as_str()), (2, 2, "kaputt ☠"), "{way}");
    has(&span.attributes, &[("text", UNICODE.into()), ("yes", true.into())], way);
    has(&span.attributes, &[("least", i64::MIN.into()), ("half", 0.5.into())], way);
    let link = &span.links[0];
    let linked: Vec<&str> = LINKED.split('-').collect();
    assert_eq!((link.trace_id.as_str(), link.span_id.as_str()), (linked[1], linked[2]), "{way}");
    let resource = &span.origin.resource;
    has(resource, &[("service.name", "kasse-ß".into()), ("service.version", "1.2.3".into())], way);
    has(resource, &[("deployment.environment.name", "prüfung".into())], way);

    let log = received.logs.iter().find(|log| log.severity == 17).expect("the log record");
    assert_eq!(log.body, format!("größer: {UNICODE}").as_str().into(), "{way}");
    has(&log.attributes, &[("text", UNICODE.into()), ("most", i64::MAX.into())], way);
    assert_eq!((&log.trace_id, &log.span_id), (&span.trace_id, &span.span_id), "{way}");
    assert!(log.time_ns >= span.start_ns && log.time_ns <= span.end_ns, "{way}");

    let event = received.logs.iter().find(|log| log.attributes.int("items") == Some(3));
    let event = event.expect("the event");
    assert_eq!(event.body, "an order".into(), "{way}");
    assert_eq!(event.attributes.text("text"), Some(UNICODE), "{way}");

    let points = |name| received.points_of(name).last().expect("a point");
    let (counter, histogram) = (points("orders_total"), points("order_seconds"));
    assert_eq!(counter.kind, MetricKind::MonotonicSum, "{way}");
    assert!(
        matches!(counter.value, Measured::Int(7) | Measured::Double(7.0)),
        "{way}: {counter:?}"
    );
    assert_eq!(counter.attributes.text("route"), Some("/käse/{id}"), "{way}");
    let (Measured::Histogram { total, .. } | Measured::Exponential { total, .. }) =
        &histogram.value
    else {
        panic!("{way}: {histogram:?}")
    };
    assert_eq!((total.count, total.sum), (1, Some(0.25)), "{way}");
    // Of each only once: a later snapshot of the same values is without.
    let exemplars: Vec<_> =
        received.points_of("order_seconds").flat_map(|point| &point.exemplars).collect();
    let [exemplar] = exemplars.as_slice() else { panic!("{way}: {exemplars:?}") };
    assert_eq!(exemplar.value, Measured::Double(0.25), "{way}");
    assert_eq!((&exemplar.trace_id, &exemplar.span_id), (&span.trace_id, &span.span_id), "{way}");
}

pub(crate) fn has(attributes: &Attributes, expected: &[(&str, Value)], way: &str) {
    for (name, value) in expected {
        assert_eq!(attributes.find(name), Some(value), "{way}: {name} of {attributes}");
    }
}

/// Whether everything that is checked has come.
fn is_whole(received: &Received) -> bool {
    let points = |name| received.points_of(name).next().is_some();
    received.logs.len() >= 2
        && received.spans.iter().any(|span| span.name == "place_order")
        && points("orders_total")
        && points("order_seconds")
}

/// The logs of an SDK whose exporter sends to us.
pub(crate) fn logs_of_an_sdk() -> SdkLoggerProvider {
    let client = radiosonde::otel::sdk::SdkClient::new();
    let exporter = opentelemetry_otlp::LogExporter::builder().with_http().with_http_client(client);
    // What the variable says is for what is sent from here.
    let exporter = exporter.with_protocol(Protocol::HttpBinary).build().expect("an exporter");
    SdkLoggerProvider::builder().with_simple_exporter(exporter).build()
}

/// What lies three lists deep in the requests of a signal.
pub(crate) fn records(
    all: &[serde_json::Value],
    signal: &str,
    path: [&str; 3],
) -> Vec<serde_json::Value> {
    let found = all.iter().filter(|found| found["signal"] == signal);
    let items =
        |value: &serde_json::Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    found
        .flat_map(|found| items(&found["message"], path[0]))
        .flat_map(|group| items(&group, path[1]))
        .flat_map(|group| items(&group, path[2]))
        .collect()
}

#[test]
fn our_receiver_gets_what_a_program_said() {
    for (protocol, is_grpc) in [("http/protobuf", false), ("grpc", true)] {
        let receiver = Receiver::start().expect("a receiver");
        let endpoint = if is_grpc { receiver.grpc_endpoint() } else { receiver.http_endpoint() };
        run(PROGRAM, &endpoint, protocol);
        check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), protocol);
    }
}

#[test]
fn what_a_program_said_comes_through_rotel() {
    let Some(folder) = part("rotel") else { return };
    let receiver = Receiver::start().expect("a receiver");
    let rotel = rotel(&folder, "grpc", &receiver.grpc_endpoint());
    run(PROGRAM, &rotel.endpoint, "http/protobuf");
    check(&receiver.wait_until(WITHIN, is_whole).expect("everything"), "rotel");
}

#[test]
fn a_server_of_python_gets_what_a_program_said() {
    let Some(collector) = Collector::start() else { return };
    run(PROGRAM, &collector.endpoint, "grpc");
    let all = collector.all();
    let of = |signal: &str, path: [&str; 3]| records(&all, signal, path);
    let has = |record: &serde_json::Value, key: &str, value: serde_json::Value| {
        let attributes = record["attributes"].as_array().expect("attributes");
        assert!(attributes.contains(&json!({"key": key, "value": value})), "{key}: {record:#}");
    };
    let spans = of("traces", ["resourceSpans", "scopeSpans", "spans"]);
    let span = spans.iter().find(|span| span["name"] == "place_order").expect("the span");
    assert_eq!(span["kind"], "SPAN_KIND_SERVER");
    assert_eq!(span["status"], json!({"message": "kaputt ☠", "code": "STATUS_CODE_ERROR"}));
    has(span, "text", json!({"stringValue": UNICODE}));
    has(span, "least", json!({"intValue": i64::MIN.to_string()}));
    assert_eq!(span["links"][0]["spanId"], "t61rcWkgMzE=");
    let logs = of("logs", ["resourceLogs", "scopeLogs", "logRecords"]);
    let log = logs.iter().find(|log| log["severityNumber"] == "SEVERITY_NUMBER_ERROR");
    let log = log.expect("the log record");
    assert_eq!(log["body"]["stringValue"], format!("größer: {UNICODE}"));
    assert_eq!((&log["traceId"], &log["spanId"]), (&span["traceId"], &span["spanId"]));
    has(log, "most", json!({"intValue": i64::MAX.to_string()}));
    has(log, "yes", json!({"boolValue": true}));
    let metrics = of("metrics", ["resourceMetrics", "scopeMetrics", "metrics"]);
    let points: Vec<&serde_json::Value> = metrics
        .iter()
        .filter(|metric| metric["name"] == "order_seconds")
        .filter_map(|metric| metric.get("histogram").or(metric.get("exponentialHistogram")))
        .map(|histogram| &histogram["dataPoints"][0])
        .collect();
    let point = points.iter().find(|point| point.get("exemplars").is_some());
    let point = point.expect("a point with an exemplar");
    assert_eq!((&point["count"], &point["sum"]), (&json!("1"), &json!(0.25)));
    assert_eq!(point["exemplars"][0]["spanId"], span["spanId"]);
    has(point, "route", json!({"stringValue": "/käse/{id}"}));
}
