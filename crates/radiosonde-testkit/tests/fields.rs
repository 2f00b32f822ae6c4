//! Everything a record can carry arrives as it was sent, and the other way about: what is not there is
//! not there.

mod common;

use common::{SPAN, TIME, TRACE, UNICODE, WITHIN, logs, metrics, post, traces};
use flate2::write::GzEncoder;
use prost::Message as _;
use radiosonde_testkit::{
    Attributes, Log, Measured, MetricKind, Receiver, Signal, Transport, Value,
};
use std::io::Write as _;

fn kinds() -> Attributes {
    let inner = vec![("inner".to_owned(), Value::from("värde")), ("depth".to_owned(), 2.into())];
    let expected: Vec<(&str, Value)> = vec![
        ("text", UNICODE.into()),
        ("empty", "".into()),
        ("yes", true.into()),
        ("least", i64::MIN.into()),
        ("most", i64::MAX.into()),
        ("half", 0.5.into()),
        ("bytes", Value::Bytes(vec![0, 1, 0xfe, 0xff])),
        ("texts", vec!["a", "ß"].into()),
        ("numbers", vec![1_i64, -2].into()),
        ("mixed", Value::Array(vec![false.into(), 1e300.into()])),
        ("map", Value::Map(Attributes(inner))),
    ];
    Attributes(expected.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[test]
fn a_log_record_arrives_field_by_field() {
    let receiver = Receiver::start().expect("a receiver");
    let sent = post(&receiver.http_endpoint(), "/v1/logs", "", &logs().encode_to_vec());
    assert_eq!(sent.expect("an answer").status, 200);
    let received = receiver.wait_for(2, WITHIN).expect("two records");
    let [full, bare] = received.logs.as_slice() else { panic!("{:?}", received.logs) };
    assert_eq!((full.time_ns, full.observed_ns), (TIME, TIME + 1));
    assert_eq!((full.severity, full.severity_text.as_str()), (17, "ERROR"));
    assert_eq!(full.body, UNICODE.into());
    assert_eq!(full.attributes, kinds());
    assert_eq!((full.attributes_dropped, full.flags), (3, 1));
    assert_eq!(full.trace_id, "ab".repeat(TRACE.len()));
    assert_eq!(full.span_id, "cd".repeat(SPAN.len()));
    assert_eq!(full.event_name, "order.placed");
    let origin = &full.origin;
    assert_eq!(origin.resource.text("service.name"), Some("kasse-ß"));
    assert_eq!(origin.resource.int("cores"), Some(2));
    assert_eq!((origin.scope.as_str(), origin.scope_version.as_str()), ("shop::checkout", "1.2.3"));
    assert_eq!(origin.scope_attributes.find("scoped"), Some(&Value::Bool(true)));
    assert!(origin.scope_schema.ends_with("/1.37.0") && origin.resource_schema.is_empty());
    assert_eq!(Some(&bare.body), kinds().find("map"));
    let mut nothing = Log::default();
    nothing.origin = bare.origin.clone();
    nothing.body = bare.body.clone();
    assert_eq!(*bare, nothing);
}

#[test]
fn a_span_arrives_field_by_field() {
    let receiver = Receiver::start().expect("a receiver");
    let sent = post(&receiver.http_endpoint(), "/v1/traces", "", &traces().encode_to_vec());
    assert_eq!(sent.expect("an answer").status, 200);
    let received = receiver.wait_for(1, WITHIN).expect("a span");
    let span = &received.spans[0];
    assert_eq!(span.trace_id, "ab".repeat(16));
    assert_eq!(
        (span.span_id.as_str(), span.parent_id.as_str()),
        ("cdcdcdcdcdcdcdcd", "1212121212121212")
    );
    assert_eq!((span.trace_state.as_str(), span.flags), ("vendor=a,other=b", 0x101));
    assert_eq!((span.name.as_str(), span.kind), (UNICODE, 2));
    assert_eq!((span.start_ns, span.end_ns), (TIME, TIME + 1_000_000));
    assert_eq!(span.attributes, kinds());
    let dropped = (span.attributes_dropped, span.events_dropped, span.links_dropped);
    assert_eq!(dropped, (1, 3, 5));
    let event = &span.events[0];
    assert_eq!((event.time_ns, event.name.as_str()), (TIME + 5, "exception"));
    assert_eq!((&event.attributes, event.attributes_dropped), (&kinds(), 2));
    let link = &span.links[0];
    assert_eq!(
        (link.trace_id.as_str(), link.span_id.as_str()),
        (&*"34".repeat(16), &*"56".repeat(8))
    );
    assert_eq!((link.trace_state.as_str(), link.flags), ("vendor=c", 1));
    assert_eq!((&link.attributes, link.attributes_dropped), (&kinds(), 4));
    assert_eq!((span.status, span.status_message.as_str()), (2, "kaputt ☠"));
}

#[test]
fn each_kind_of_metric_arrives_field_by_field() {
    let receiver = Receiver::start().expect("a receiver");
    let sent = post(&receiver.http_endpoint(), "/v1/metrics", "", &metrics().encode_to_vec());
    assert_eq!(sent.expect("an answer").status, 200);
    let received = receiver.wait_for(5, WITHIN).expect("five points");
    let of = |name: &str| received.points_of(name).next().expect("a point").clone();
    for (name, kind, temporality, value) in [
        ("orders", MetricKind::MonotonicSum, 2, Measured::Int(7)),
        ("queue", MetricKind::Sum, 1, Measured::Int(-7)),
        ("temperature", MetricKind::Gauge, 0, Measured::Double(-0.5)),
    ] {
        let point = of(name);
        assert_eq!((point.kind, point.temporality), (kind, temporality), "{name}");
        assert_eq!(point.value, value, "{name}");
        assert_eq!(point.exemplars[0].value, Measured::Int(-4), "{name}");
    }
    for point in &received.points {
        assert_eq!(point.attributes.text("route"), Some("/käse/{id}"), "{}", point.name);
        assert_eq!(point.attributes.int("status"), Some(200), "{}", point.name);
        assert_eq!((point.start_ns, point.time_ns), (TIME - 1_000_000_000, TIME), "{}", point.name);
        assert_eq!(point.unit, "By");
        assert_eq!(point.description, format!("what {} are, größtenteils", point.name));
        let exemplar = &point.exemplars[0];
        assert_eq!(exemplar.time_ns, TIME + 7);
        assert_eq!((exemplar.trace_id.len(), exemplar.span_id.as_str()), (32, "cdcdcdcdcdcdcdcd"));
        assert_eq!(exemplar.attributes.text("user"), Some("ü"));
    }
    let Measured::Histogram { total, bounds, buckets } = of("duration").value else {
        panic!("a histogram")
    };
    assert_eq!(
        (total.count, total.sum, total.min, total.max),
        (6, Some(12.5), Some(0.1), Some(9.0))
    );
    assert_eq!((bounds, buckets), (vec![0.5, 5.0], vec![1, 2, 3]));
    let Measured::Exponential {
        total, scale, zero_count, zero_threshold, positive, negative, ..
    } = of("size").value
    else {
        panic!("an exponential histogram")
    };
    assert_eq!(
        (total.count, total.sum, total.min, total.max),
        (10, Some(-1.5), Some(-8.0), Some(2.0))
    );
    assert_eq!((scale, zero_count, zero_threshold), (3, 1, 1e-9));
    assert_eq!((positive, negative), ((-2, vec![4, 0, 1]), (1, vec![4])));
    assert_eq!(of("size").temporality, 1);
}

#[test]
fn compressed_requests_are_taken_and_broken_ones_are_refused() {
    let receiver = Receiver::start().expect("a receiver");
    let plain = common::one_log("compressed");
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("in memory");
    let gzip = gzip.finish().expect("in memory");
    let zstd = zstd::encode_all(plain.as_slice(), 0).expect("in memory");
    for (encoding, body, status) in [
        ("identity", &plain, 200),
        ("gzip", &gzip, 200),
        ("zstd", &zstd, 200),
        ("gzip", &zstd, 400),
        ("gzip", &gzip[..gzip.len() / 2].to_vec(), 400),
        ("identity", &gzip, 400),
        ("br", &plain, 415),
    ] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let answer = post(&receiver.http_endpoint(), "/v1/logs", &headers, body);
        assert_eq!(answer.expect("an answer").status, status, "{encoding}");
    }
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.logs.iter().all(|log| log.body == "compressed".into()));
    assert_eq!(receiver.request_count(), 7);
}

#[test]
fn a_request_is_remembered_with_what_was_answered() {
    let receiver = Receiver::start().expect("a receiver");
    let endpoint = receiver.http_endpoint();
    let body = common::one_log("a");
    let answers = [
        ("/v1/logs", "authorization: Bearer x\r\n", 200),
        ("/prefix/v1/logs", "", 200),
        ("/v1/profiles", "", 404),
        ("/v1/traces", "", 200),
    ];
    for (path, headers, status) in answers {
        assert_eq!(
            post(&endpoint, path, headers, &body).expect("an answer").status,
            status,
            "{path}"
        );
    }
    let requests = receiver.requests();
    assert_eq!(requests.len(), answers.len());
    assert_eq!(requests[0].header("authorization"), Some("Bearer x"));
    assert_eq!((requests[0].signal, requests[0].transport), (Some(Signal::Logs), Transport::Http));
    assert_eq!((requests[0].body_bytes, requests[0].records), (body.len(), 1));
    assert!(requests[0].is_kept && !requests[2].is_kept);
    assert_eq!((requests[2].signal, requests[2].status), (None, 404));
    assert_eq!(requests.iter().map(|found| found.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
}
