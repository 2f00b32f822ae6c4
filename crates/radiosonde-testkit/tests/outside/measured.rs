//! Metrics of a program with a registry, as others receive them: each kind, as they stand and as they change,
//! with exemplars that lead to the trace.

use crate::common::WITHIN;
use crate::emitted::{FOLDER, run_with};
use crate::of_python;
use crate::parts::part;
use crate::python::Collector;
use crate::rotel::rotel;
use radiosonde_testkit::{Measured, MetricKind, Point, Received, Receiver};
use std::collections::BTreeSet;
use std::time::Duration;

const PROGRAM: &str = "measured::a_program_of_a_test";
const PREFERENCE: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const REGISTRY: &str = r#"{"schema_version": 1,
  "labels": {"route": {"values": ["/käse/{id}"]}},
  "metrics": [
    {"name": "orders_total", "type": "counter", "unit": "orders", "help": "Orders.", "labels": ["route"]},
    {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Durations.",
     "exponential_buckets": {"scale": 0, "min": 0.25, "max": 8}, "labels": []},
    {"name": "size_bytes", "type": "histogram", "unit": "bytes", "help": "Sizes.", "buckets": [10, 100], "labels": []},
    {"name": "coldest_celsius", "type": "gauge", "unit": "celsius", "help": "Temperature.", "labels": []}]}"#;

/// The program itself; nothing when it is run as a test.
#[test]
fn a_program_of_a_test() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let config = radiosonde::Config::new(radiosonde::Service::new("kasse-ß", "1.2.3"));
    let config = config.registry(REGISTRY).own_crate("outside");
    let guard = config.dir(std::path::PathBuf::from(folder)).init();
    let flush = || {
        let flushed = guard.flush_otlp(Duration::from_secs(20));
        assert!(flushed.otlp.is_some(), "{flushed}");
    };
    {
        let span = tracing::info_span!("measuring");
        let _entered = span.enter();
        metrics::counter!("orders_total", "route" => "/käse/{id}").increment(7);
        metrics::histogram!("took_seconds").record(0.3);
        metrics::histogram!("took_seconds").record(3.0);
        metrics::histogram!("size_bytes").record(50.0);
        metrics::gauge!("coldest_celsius").set(-273.15);
    }
    flush();
    metrics::counter!("orders_total", "route" => "/käse/{id}").increment(5);
    metrics::histogram!("took_seconds").record(3.5);
    metrics::gauge!("coldest_celsius").set(-0.0);
    flush();
    guard.shutdown(Duration::from_secs(20));
}

fn check(received: &Received, is_delta: bool, way: &str) {
    let span = received.spans.iter().find(|span| span.name == "measuring").expect("the span");
    let of = |name: &'static str| received.points_of(name).collect::<Vec<_>>();
    let temporality = if is_delta { 1 } else { 2 };

    let counted = of("orders_total");
    assert!(counted.iter().all(|point| point.kind == MetricKind::MonotonicSum), "{way}");
    assert!(counted.iter().all(|point| point.temporality == temporality), "{way}");
    assert_eq!(counted[0].attributes.text("route"), Some("/käse/{id}"), "{way}");
    let numbers: Vec<_> = counted.iter().map(|point| number(point)).collect();
    assert_eq!(numbers[0], 7.0, "{way}");
    spans_of_time(&counted, is_delta, way);
    if is_delta {
        assert_eq!(numbers.iter().sum::<f64>(), 12.0, "{way}: {numbers:?}");
    } else {
        assert_eq!(numbers.last(), Some(&12.0), "{way}: {numbers:?}");
    }

    // 0.3 is in (2^-2, 2^-1], and 3 and 3.5 are in (2^1, 2^2].
    let took = of("took_seconds");
    assert!(took.iter().all(|point| point.kind == MetricKind::ExponentialHistogram), "{way}");
    assert!(took.iter().all(|point| point.temporality == temporality), "{way}");
    let (first, rest) = took.split_first().expect("a point");
    assert_eq!(powers(first), (0, 2, Some(3.3), (-2, vec![1, 0, 0, 1])), "{way}");
    let later = rest.iter().map(|point| powers(point)).find(|(_, count, ..)| *count > 0);
    let last = if is_delta { later } else { rest.last().map(|point| powers(point)) };
    let expected = if is_delta {
        (0, 1, Some(3.5), (1, vec![1]))
    } else {
        (0, 3, Some(6.8), (-2, vec![1, 0, 0, 2]))
    };
    assert_eq!(last, Some(expected), "{way}");

    let size = of("size_bytes")[0];
    assert_eq!((size.kind, size.temporality), (MetricKind::Histogram, temporality), "{way}");
    let Measured::Histogram { total, bounds, buckets } = &size.value else {
        panic!("{way}: {size:?}")
    };
    assert_eq!((total.count, total.sum), (1, Some(50.0)), "{way}");
    assert_eq!((&bounds[..], &buckets[..]), (&[10.0, 100.0][..], &[0, 1, 0][..]), "{way}");

    let cold = of("coldest_celsius");
    let numbers: Vec<_> = cold.iter().map(|point| format!("{:?}", number(point))).collect();
    assert_eq!((cold[0].kind, &*numbers[0]), (MetricKind::Gauge, "-273.15"), "{way}");
    assert_eq!(numbers.last().map(String::as_str), Some("-0.0"), "{way}");

    // Each of a bucket, of what was measured in the span.
    let mut values = BTreeSet::new();
    for point in took.iter().chain(&counted) {
        for exemplar in &point.exemplars {
            assert_eq!(
                (&exemplar.trace_id, &exemplar.span_id),
                (&span.trace_id, &span.span_id),
                "{way}"
            );
            // Its time is that of a clock of milliseconds.
            let start_ns = span.start_ns / 1_000_000 * 1_000_000;
            assert!((start_ns..=span.end_ns).contains(&exemplar.time_ns), "{way}");
            values.insert(format!("{:?}", exemplar.value));
        }
    }
    assert!(values.contains("Double(0.3)") && values.contains("Double(3.0)"), "{way}: {values:?}");
}

/// What changes is told from where the last was told to; what stands, from the beginning.
fn spans_of_time(points: &[&Point], is_delta: bool, way: &str) {
    for pair in points.windows(2) {
        let [before, point] = pair else { unreachable!("two each") };
        let start = if is_delta { before.time_ns } else { before.start_ns };
        assert_eq!(point.start_ns, start, "{way}");
        assert!(point.time_ns > point.start_ns, "{way}");
    }
}

fn number(point: &Point) -> f64 {
    match point.value {
        Measured::Int(number) => number as f64,
        Measured::Double(number) => number,
        ref other => panic!("no number: {other:?}"),
    }
}

/// Scale, count, sum and buckets.
fn powers(point: &Point) -> (i32, u64, Option<f64>, (i32, Vec<u64>)) {
    match &point.value {
        Measured::Exponential { total, scale, positive, .. } => {
            (*scale, total.count, total.sum, positive.clone())
        }
        other => panic!("no exponential histogram: {other:?}"),
    }
}

fn is_whole(received: &Received) -> bool {
    let colder = |point: &Point| format!("{:?}", point.value) == "Double(-0.0)";
    received.points_of("coldest_celsius").any(colder) && !received.spans.is_empty()
}

const WAYS: [(&str, bool); 2] = [("cumulative", false), ("delta", true)];

#[test]
fn our_receiver_gets_what_was_measured() {
    for (preference, is_delta) in WAYS {
        let receiver = Receiver::start().expect("a receiver");
        run_with(PROGRAM, &receiver.http_endpoint(), "http/protobuf", &[(PREFERENCE, preference)]);
        let received = receiver.wait_until(WITHIN, is_whole).expect("everything");
        check(&received, is_delta, preference);
    }
}

#[test]
fn what_was_measured_comes_through_rotel() {
    let Some(folder) = part("rotel") else { return };
    for (preference, is_delta) in WAYS {
        let receiver = Receiver::start().expect("a receiver");
        let rotel = rotel(&folder, "grpc", &receiver.grpc_endpoint());
        run_with(PROGRAM, &rotel.endpoint, "http/protobuf", &[(PREFERENCE, preference)]);
        let received = receiver.wait_until(WITHIN, is_whole).expect("everything");
        check(&received, is_delta, &format!("rotel, {preference}"));
    }
}

#[test]
fn a_server_of_python_gets_what_was_measured() {
    for (preference, is_delta) in WAYS {
        let Some(collector) = Collector::start() else { return };
        run_with(PROGRAM, &collector.endpoint, "grpc", &[(PREFERENCE, preference)]);
        let received = of_python::received(&collector.all());
        check(&received, is_delta, &format!("python, {preference}"));
    }
}
