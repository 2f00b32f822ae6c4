//! Requests that have everything OTLP can carry, and a client that sends bytes as they are.
#![allow(dead_code, reason = "each test uses some of it")]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use prost::Message as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// 2026-01-02T03:04:05.678901234Z.
pub(crate) const TIME: u64 = 1_767_323_045_678_901_234;
pub(crate) const TRACE: [u8; 16] = [0xab; 16];
pub(crate) const SPAN: [u8; 8] = [0xcd; 8];
pub(crate) const UNICODE: &str = "grüße, 漢字 and \u{1f6f0}\u{fe0f} \"quoted\"\n\u{0}";

pub(crate) fn any(value: Any) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn text(text: &str) -> Any {
    Any::StringValue(text.to_owned())
}

pub(crate) fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

/// One attribute of each kind.
pub(crate) fn kinds() -> Vec<KeyValue> {
    let array = |values: Vec<Any>| {
        Any::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
    };
    let inner = vec![pair("inner", text("värde")), pair("depth", Any::IntValue(2))];
    vec![
        pair("text", text(UNICODE)),
        pair("empty", text("")),
        pair("yes", Any::BoolValue(true)),
        pair("least", Any::IntValue(i64::MIN)),
        pair("most", Any::IntValue(i64::MAX)),
        pair("half", Any::DoubleValue(0.5)),
        pair("bytes", Any::BytesValue(vec![0, 1, 0xfe, 0xff])),
        pair("texts", array(vec![text("a"), text("ß")])),
        pair("numbers", array(vec![Any::IntValue(1), Any::IntValue(-2)])),
        pair("mixed", array(vec![Any::BoolValue(false), Any::DoubleValue(1e300)])),
        pair("map", Any::KvlistValue(KeyValueList { values: inner })),
    ]
}

fn resource() -> Option<Resource> {
    let attributes = vec![pair("service.name", text("kasse-ß")), pair("cores", Any::IntValue(2))];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "shop::checkout".to_owned(),
        version: "1.2.3".to_owned(),
        attributes: vec![pair("scoped", Any::BoolValue(true))],
        dropped_attributes_count: 0,
    })
}

/// A record that has every field, and one that has almost none.
pub(crate) fn logs() -> ExportLogsServiceRequest {
    let full = LogRecord {
        time_unix_nano: TIME,
        observed_time_unix_nano: TIME + 1,
        severity_number: 17,
        severity_text: "ERROR".to_owned(),
        body: Some(any(text(UNICODE))),
        attributes: kinds(),
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: TRACE.to_vec(),
        span_id: SPAN.to_vec(),
        event_name: "order.placed".to_owned(),
    };
    let bare = LogRecord {
        body: Some(any(kinds()[10].value.clone().and_then(|value| value.value).expect("a map"))),
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records: vec![full, bare],
                schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
            }],
            schema_url: String::new(),
        }],
    }
}

/// A span that has every field.
pub(crate) fn traces() -> ExportTraceServiceRequest {
    let span = trace::Span {
        trace_id: TRACE.to_vec(),
        span_id: SPAN.to_vec(),
        trace_state: "vendor=a,other=b".to_owned(),
        parent_span_id: [0x12; 8].to_vec(),
        flags: 0x101,
        name: UNICODE.to_owned(),
        kind: 2,
        start_time_unix_nano: TIME,
        end_time_unix_nano: TIME + 1_000_000,
        attributes: kinds(),
        dropped_attributes_count: 1,
        events: vec![trace::span::Event {
            time_unix_nano: TIME + 5,
            name: "exception".to_owned(),
            attributes: kinds(),
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![trace::span::Link {
            trace_id: [0x34; 16].to_vec(),
            span_id: [0x56; 8].to_vec(),
            trace_state: "vendor=c".to_owned(),
            attributes: kinds(),
            dropped_attributes_count: 4,
            flags: 1,
        }],
        dropped_links_count: 5,
        status: Some(trace::Status { message: "kaputt ☠".to_owned(), code: 2 }),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![trace::ResourceSpans {
            resource: resource(),
            scope_spans: vec![trace::ScopeSpans {
                scope: scope(),
                spans: vec![span],
                schema_url: String::new(),
            }],
            schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        }],
    }
}

/// Each kind of metric, with exemplars where there can be any.
pub(crate) fn metrics() -> ExportMetricsServiceRequest {
    let labels = || vec![pair("route", text("/käse/{id}")), pair("status", Any::IntValue(200))];
    let exemplar = |value| metrics::Exemplar {
        filtered_attributes: vec![pair("user", text("ü"))],
        time_unix_nano: TIME + 7,
        span_id: SPAN.to_vec(),
        trace_id: TRACE.to_vec(),
        value: Some(value),
    };
    let whole = || exemplar(metrics::exemplar::Value::AsInt(-4));
    let part = || exemplar(metrics::exemplar::Value::AsDouble(0.25));
    let number = |value| metrics::NumberDataPoint {
        attributes: labels(),
        start_time_unix_nano: TIME - 1_000_000_000,
        time_unix_nano: TIME,
        exemplars: vec![whole()],
        flags: 0,
        value: Some(value),
    };
    let int = |value| number(metrics::number_data_point::Value::AsInt(value));
    let double = |value| number(metrics::number_data_point::Value::AsDouble(value));
    let sum = |point, is_monotonic, aggregation_temporality| {
        metrics::metric::Data::Sum(metrics::Sum {
            data_points: vec![point],
            aggregation_temporality,
            is_monotonic,
        })
    };
    let histogram = metrics::HistogramDataPoint {
        attributes: labels(),
        start_time_unix_nano: TIME - 1_000_000_000,
        time_unix_nano: TIME,
        count: 6,
        sum: Some(12.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.5, 5.0],
        exemplars: vec![part()],
        flags: 0,
        min: Some(0.1),
        max: Some(9.0),
    };
    let buckets = |offset, bucket_counts| {
        Some(metrics::exponential_histogram_data_point::Buckets { offset, bucket_counts })
    };
    let exponential = metrics::ExponentialHistogramDataPoint {
        attributes: labels(),
        start_time_unix_nano: TIME - 1_000_000_000,
        time_unix_nano: TIME,
        count: 10,
        sum: Some(-1.5),
        scale: 3,
        zero_count: 1,
        positive: buckets(-2, vec![4, 0, 1]),
        negative: buckets(1, vec![4]),
        flags: 0,
        exemplars: vec![part()],
        min: Some(-8.0),
        max: Some(2.0),
        zero_threshold: 1e-9,
    };
    let exponential = metrics::ExponentialHistogram {
        data_points: vec![exponential],
        aggregation_temporality: 1,
    };
    let histogram = metrics::Histogram { data_points: vec![histogram], aggregation_temporality: 2 };
    let gauge = metrics::Gauge { data_points: vec![double(-0.5)] };
    let all = [
        ("orders", sum(int(7), true, 2)),
        ("queue", sum(int(-7), false, 1)),
        ("temperature", metrics::metric::Data::Gauge(gauge)),
        ("duration", metrics::metric::Data::Histogram(histogram)),
        ("size", metrics::metric::Data::ExponentialHistogram(exponential)),
    ];
    let metric = |(name, data): (&str, metrics::metric::Data)| metrics::Metric {
        name: name.to_owned(),
        description: format!("what {name} are, größtenteils"),
        unit: "By".to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![metrics::ResourceMetrics {
            resource: resource(),
            scope_metrics: vec![metrics::ScopeMetrics {
                scope: scope(),
                metrics: all.into_iter().map(metric).collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

/// A request of one log record with this body.
pub(crate) fn one_log(body: &str) -> Vec<u8> {
    many_logs(&[body])
}

/// A request of log records with these bodies.
pub(crate) fn many_logs(bodies: &[&str]) -> Vec<u8> {
    let record = |body: &&str| LogRecord { body: Some(any(text(body))), ..LogRecord::default() };
    let log_records = bodies.iter().map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// An answer of HTTP/1.1 as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Sends a request of HTTP/1.1 on a connection of its own and reads until it is closed.
pub(crate) fn post(
    endpoint: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = send(endpoint, path, headers, body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

/// Sends a request and leaves the answer to the caller.
pub(crate) fn send(
    endpoint: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(WITHIN))?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: receiver\r\nconnection: close\r\n\
         content-type: application/x-protobuf\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    Ok(stream)
}
