//! Requests as no stock exporter sends them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use opentelemetry_http::{Bytes, Request};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    Sum,
};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use radiosonde_otel_bridge::sdk::{SdkClient, Signal};
use radiosonde_record::{Filter, Journal, Kind, Level, Placement, with_journal};

use super::send;

const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn logs(count: usize) -> Vec<u8> {
    let scope = ScopeLogs { log_records: vec![LogRecord::default(); count], ..Default::default() };
    let resource = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
}

fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope = ScopeMetrics { metrics, ..Default::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 64 MiB and a byte of zeros.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.write_all(&[0]).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn request(path: &str, kind: &str, encoding: &str, body: Vec<u8>) -> Request<Bytes> {
    let request = Request::post(format!("http://localhost:4318{path}"));
    let request = request.header("content-type", kind).header("content-encoding", encoding);
    request.body(body.into()).unwrap()
}

pub(super) fn journal() -> Journal {
    Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap()
}

fn adds_up(journal: &Journal) {
    for kind in Kind::ALL {
        let account = journal.account(kind);
        let sum = account.delivered + account.rejected + account.dropped_total() + account.pending;
        assert_eq!(account.offered, sum, "{kind:?}");
    }
}

#[test]
fn what_cannot_be_taken_over_is_answered_and_counted_by_reason() {
    let cut = |mut body: Vec<u8>| {
        let _last = body.pop();
        body
    };
    let zstd = zstd_of(&logs(2));
    let cases = [
        ("/v1/logs", PROTOBUF, "", logs(2), 200, ""),
        ("/v1/logs", PROTOBUF, "identity", Vec::new(), 200, ""),
        ("/base/v1/logs/", "Application/X-Protobuf; x=1", "GZIP", gzip(&logs(2)), 200, ""),
        ("/v1/logs", PROTOBUF, "zstd", zstd.clone(), 200, ""),
        ("/v1/logs", PROTOBUF, "", b"\xff\xff\xff\xff".to_vec(), 400, "malformed"),
        ("/v1/logs", PROTOBUF, "", cut(logs(2)), 400, "malformed"),
        ("/v1/logs", PROTOBUF, "gzip", cut(gzip(&logs(2))), 400, "malformed"),
        ("/v1/logs", PROTOBUF, "gzip", logs(2), 400, "malformed"),
        ("/v1/logs", PROTOBUF, "zstd", cut(zstd), 400, "malformed"),
        ("/v1/logs", PROTOBUF, "gzip", bomb(), 413, "too_large"),
        ("/v1/logs", PROTOBUF, "", vec![0; (64 << 20) + 1], 413, "too_large"),
        ("/v1/logs", PROTOBUF, "br", logs(2), 415, "content_encoding"),
        ("/v1/logs", "application/json", "", b"{}".to_vec(), 415, "content_type"),
        ("/v1/logs", "", "", logs(2), 415, "content_type"),
        ("/v1/profiles", PROTOBUF, "", logs(2), 404, "wrong_path"),
        ("/", PROTOBUF, "", logs(2), 404, "wrong_path"),
    ];
    for (path, content_type, encoding, body, status, reason) in cases {
        let journal = journal();
        let request = request(path, content_type, encoding, body);
        let empty = request.body().is_empty();
        let answer = with_journal(&journal, || send(&SdkClient::new(), request)).unwrap();
        let what = format!("{path} {content_type} {encoding}: {answer:?}");
        assert_eq!(answer.status().as_u16(), status, "{what}");
        let refusals = journal.refusals();
        let told: Vec<_> = refusals.iter().map(|refusal| (refusal.reason, refusal.count)).collect();
        let account = journal.account(Kind::Event);
        if status == 200 {
            let response = ExportLogsServiceResponse::decode(answer.body().as_ref()).unwrap();
            assert_eq!(response, ExportLogsServiceResponse::default());
            assert!(told.is_empty(), "{what}");
            assert_eq!(account.pending, if empty { 0 } else { 2 }, "{what}");
        } else {
            assert_eq!(told, [(reason, 1)], "{what}");
            assert_eq!((account.offered, account.rejected), (1, 1), "{what}");
            assert!(!answer.body().is_empty(), "it says why");
        }
        adds_up(&journal);
    }
}

/// A frame of zstd that holds the bytes as they are: a magic number, a header of one segment with a
/// size of one byte, and a raw block.
fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
    let header = u32::from(length) << 3 | 1;
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}

#[test]
fn a_path_of_its_own_is_no_hindrance_when_the_signal_is_told() {
    let journal = journal();
    let client = SdkClient::new().for_signal(Signal::Logs);
    let request = request("/ingest", PROTOBUF, "", logs(3));
    let answer = with_journal(&journal, || send(&client, request)).unwrap();
    assert_eq!((answer.status(), journal.account(Kind::Event).pending), (StatusCode::OK, 3));
}

fn gauge(name: &str, points: usize, flags: u32) -> Metric {
    let value = Some(Number::AsInt(1));
    let point = NumberDataPoint { flags, value, ..Default::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point; points] }));
    Metric { name: name.to_owned(), data, ..Default::default() }
}

#[test]
fn points_that_cannot_be_recorded_are_told_to_the_sdk_and_the_books() {
    let no_number = NumberDataPoint::default();
    let sum = Sum { data_points: vec![no_number], aggregation_temporality: 2, is_monotonic: true };
    let no_kind = NumberDataPoint { value: Some(Number::AsInt(1)), ..Default::default() };
    let odd = Sum { data_points: vec![no_kind], aggregation_temporality: 7, is_monotonic: true };
    let bounds = HistogramDataPoint { explicit_bounds: vec![1.0], ..Default::default() };
    let histogram = Histogram { data_points: vec![bounds], aggregation_temporality: 2 };
    let count = HistogramDataPoint {
        explicit_bounds: vec![1.0],
        bucket_counts: vec![100, 100],
        count: 3,
        ..Default::default()
    };
    let counts = Histogram { data_points: vec![count], aggregation_temporality: 2 };
    let falling = NumberDataPoint { value: Some(Number::AsInt(-5)), ..Default::default() };
    let fell = Sum { data_points: vec![falling], aggregation_temporality: 1, is_monotonic: true };
    let named = |data| Metric { name: "odd".into(), data: Some(data), ..Default::default() };
    let all = metrics(vec![
        named(Data::Sum(sum)),
        named(Data::Sum(odd)),
        named(Data::Histogram(histogram)),
        named(Data::Histogram(counts)),
        named(Data::Sum(fell)),
        Metric { name: "nothing".into(), ..Default::default() },
        gauge("", 1, 0),
        gauge("gone", 2, 1),
        gauge("fits", 9_000, 0),
        gauge("does_not", 4_000, 0),
    ]);
    let journal = journal();
    // Nothing drains: what the ring cannot hold is dropped, and stands in the books.
    let request = request("/v1/metrics", PROTOBUF, "", all);
    let answer = with_journal(&journal, || send(&SdkClient::new(), request)).unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let response = ExportMetricsServiceResponse::decode(answer.body().as_ref()).unwrap();
    let mut told: Vec<_> =
        journal.refusals().into_iter().map(|it| (it.reason, it.count, it.first)).collect();
    told.sort();
    // Points that were refused for other reasons have taken their places.
    let past = 6 + 2 + 9_000 + 4_000 - 10_000;
    let expected = [
        ("malformed", 6, "points of odd".to_owned()),
        ("no_value", 2, "points of gone".to_owned()),
        ("past_limit", past, "points of does_not".to_owned()),
    ];
    assert_eq!(told, expected);
    let rejected = response.partial_success.unwrap().rejected_data_points;
    assert_eq!(rejected as u64, 8 + past);
    let account = journal.account(Kind::Metric);
    assert_eq!((account.offered, account.rejected), (13_008, 8 + past));
    assert!(account.dropped_total() > 0);
    adds_up(&journal);
}

#[test]
fn spans_without_ids_are_refused_and_others_beside_them_are_not() {
    let ids = |trace: usize, span: usize| Span {
        trace_id: vec![1; trace],
        span_id: vec![1; span],
        status: Some(opentelemetry_proto::tonic::trace::v1::Status {
            code: 99,
            message: "?".into(),
        }),
        kind: -3,
        ..Default::default()
    };
    let zeros = Span { trace_id: vec![0; 16], span_id: vec![0; 8], ..Default::default() };
    let spans = vec![ids(16, 8), ids(15, 8), ids(16, 0), Span::default(), zeros];
    let scope = ScopeSpans { spans, ..Default::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..Default::default() };
    let body = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let journal = journal();
    let request = request("/v1/traces", PROTOBUF, "", body);
    let answer = with_journal(&journal, || send(&SdkClient::new(), request)).unwrap();
    let response = ExportTraceServiceResponse::decode(answer.body().as_ref()).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_spans, 4);
    let account = journal.account(Kind::Span);
    assert_eq!((account.offered, account.rejected, account.pending), (5, 4, 1));
}

#[test]
fn a_body_of_more_records_than_memory_is_for_is_refused_as_a_whole() {
    let attributes = |count| {
        let log_record =
            LogRecord { attributes: vec![KeyValue::default(); count], ..Default::default() };
        let scope = ScopeLogs { log_records: vec![log_record; 2], ..Default::default() };
        let resource = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
        ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
    };
    let spans = |events| {
        let events = vec![Event::default(); events];
        let span =
            Span { trace_id: vec![1; 16], span_id: vec![1; 8], events, ..Default::default() };
        let scope = ScopeSpans { spans: vec![span], ..Default::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..Default::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
    };
    let cases = [
        ("/v1/logs", Kind::Event, logs(65_536), None),
        ("/v1/logs", Kind::Event, logs(65_537), Some(65_537)),
        ("/v1/logs", Kind::Event, attributes(524_289), Some(2)),
        ("/v1/metrics", Kind::Metric, metrics(vec![gauge("a", 65_537, 0)]), Some(65_537)),
        ("/v1/traces", Kind::Span, spans(1_048_577), Some(1)),
    ];
    for (path, kind, body, refused) in cases {
        // Nothing drains, and nothing has to: it is about what is read.
        let off = Filter::parse("off", Level::Info).0;
        let journal = Journal::open(Placement::Memory, off).unwrap();
        let request = request(path, PROTOBUF, "", body);
        let answer = with_journal(&journal, || send(&SdkClient::new(), request)).unwrap();
        let status = if refused.is_some() { 413 } else { 200 };
        assert_eq!(answer.status().as_u16(), status, "{path} {refused:?}: {answer:?}");
        if let Some(refused) = refused {
            let refusals = journal.refusals();
            assert_eq!((refusals[0].reason, refusals[0].count), ("too_large", refused));
            assert_eq!(journal.account(kind).rejected, refused);
        }
        adds_up(&journal);
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let journal = journal();
    let valid =
        [("/v1/logs", logs(3)), ("/v1/metrics", metrics(vec![gauge("a", 3, 0), gauge("b", 1, 1)]))];
    with_journal(&journal, || {
        for (path, body) in valid {
            for at in 0..body.len() {
                for byte in [0, 0x7f, 0x80, 0xff] {
                    let mut changed = body.clone();
                    changed[at] = byte;
                    let request = request(path, PROTOBUF, "", changed);
                    let status = send(&SdkClient::new(), request).unwrap().status().as_u16();
                    assert!(status == 200 || status == 400, "{status}");
                }
            }
        }
    });
    adds_up(&journal);
}

#[test]
fn after_the_end_the_sdk_is_told_so() {
    let journal = journal();
    assert!(journal.close(std::time::Duration::from_secs(10)));
    let request = request("/v1/logs", PROTOBUF, "", logs(2));
    let answer = with_journal(&journal, || send(&SdkClient::new(), request)).unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(journal.account(Kind::Event).dropped_total(), 2);
    adds_up(&journal);
}
