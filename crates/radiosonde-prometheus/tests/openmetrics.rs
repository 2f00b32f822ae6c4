//! OpenMetrics, line by line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use radiosonde_context::{SpanId, TraceId};
use radiosonde_metrics::{Exemplar, Exposition as _, Head, MetricType, Point, Snapshot};
use radiosonde_prometheus::{Format, Writer, text};

fn own(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains("radiosonde_")).collect()
}

#[test]
fn a_snapshot_has_units_counters_without_total_and_an_end() {
    let text = text::render_as(&common::metrics().snapshot(), Format::OpenMetrics);
    let expected = r#"# HELP parse_seconds Parse.
# TYPE parse_seconds histogram
# UNIT parse_seconds seconds
parse_seconds_bucket{environment="staging",outcome="failure",le="0.25"} 0
parse_seconds_bucket{environment="staging",outcome="failure",le="25.0"} 0
parse_seconds_bucket{environment="staging",outcome="failure",le="1e21"} 0
parse_seconds_bucket{environment="staging",outcome="failure",le="+Inf"} 0
parse_seconds_sum{environment="staging",outcome="failure"} 0.0
parse_seconds_count{environment="staging",outcome="failure"} 0
parse_seconds_bucket{environment="staging",outcome="success",le="0.25"} 1
parse_seconds_bucket{environment="staging",outcome="success",le="25.0"} 2
parse_seconds_bucket{environment="staging",outcome="success",le="1e21"} 3
parse_seconds_bucket{environment="staging",outcome="success",le="+Inf"} 3
parse_seconds_sum{environment="staging",outcome="success"} 30.55
parse_seconds_count{environment="staging",outcome="success"} 3
# HELP queue_depth Queue.
# TYPE queue_depth gauge
queue_depth{environment="staging"} 3.5
# HELP runs Runs \\ started.
# TYPE runs counter
runs_total{environment="staging",outcome="success",path=""} 2
runs_total{environment="staging",outcome="success",path="C:\\"} 2
runs_total{environment="staging",outcome="success",path="C:\\\\"} 2
runs_total{environment="staging",outcome="success",path="say \"hi\""} 2
runs_total{environment="staging",outcome="success",path="{a=\"b\"} 1"} 2
runs_total{environment="staging",outcome="success",path="🎈"} 2
# HELP size_bytes Sizes.
# TYPE size_bytes summary
# UNIT size_bytes bytes
size_bytes{environment="staging",quantile="0.5"} 12.0
size_bytes{environment="staging",quantile="0.9"} 12.0
size_bytes{environment="staging",quantile="0.95"} 12.0
size_bytes{environment="staging",quantile="0.99"} 12.0
size_bytes_sum{environment="staging"} 12.0
size_bytes_count{environment="staging"} 1
# EOF"#;
    assert_eq!(own(&text), expected.lines().collect::<Vec<_>>());
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn whatever_the_snapshot_holds_the_text_is_well_formed() {
    let expected = r#"# TYPE _ gauge
_ 1e300
# TYPE _1st gauge
_1st{_="empty name"} -Inf
# TYPE bad_name_1 gauge
bad_name_1{label_name="line\nend�nul",_9="x"} NaN
bad_name_1{a_b="1"} +Inf
# HELP no_help_seconds two\nlines \\ and \"quotes\"
# TYPE no_help_seconds histogram
no_help_seconds_bucket{le="1.0"} 1
no_help_seconds_bucket{le="+Inf"} 6
no_help_seconds_sum 9.0
no_help_seconds_count 6
# EOF
"#;
    assert_eq!(text::render_as(&common::hostile(), Format::OpenMetrics), expected);
    assert_eq!(text::render_as(&Snapshot::default(), Format::OpenMetrics), "# EOF\n");
}

/// A trace of 1s, a span of 2s.
fn exemplar(bucket: usize, value: f64, at: SystemTime) -> Exemplar {
    let ids = (TraceId::from_bytes([0x11; 16]).unwrap(), SpanId::from_bytes([0x22; 8]).unwrap());
    Exemplar::new(bucket, value, ids, at)
}

const IDS: &str = r#"{trace_id="11111111111111111111111111111111",span_id="2222222222222222"}"#;

/// Every type, with all it can have.
fn everything(writer: &mut Writer) {
    let at = UNIX_EPOCH + Duration::from_millis(1_520_879_607_089);
    let mut head = Head::new("a_bytes_total", MetricType::Counter);
    (head.unit, head.help) = (Some("bytes"), "A \"help\".");
    writer.family(&head);
    writer.series("x=\"1\"", &Point::Counter(7), &[exemplar(0, 1.0, at), exemplar(0, 2.0, at)]);
    writer.series("x=\"2\"", &Point::FloatCounter(0.5), &[exemplar(0, 0.25, at)]);
    writer.series("x=\"3\"", &Point::FloatCounter(-0.5), &[]);
    writer.series("x=\"4\"", &Point::Counter(1), &[exemplar(0, f64::NAN, at)]);
    writer.series("", &Point::Counter(u64::MAX), &[]);
    writer.family(&Head::new("b", MetricType::Counter));
    writer.series("", &Point::Counter(3), &[exemplar(0, 1.0, at)]);
    writer.family(&Head::new("c", MetricType::Gauge));
    writer.series("", &Point::Gauge(f64::NEG_INFINITY), &[exemplar(0, 1.0, at)]);
    writer.family(&Head::new("c_total", MetricType::Counter));
    writer.series("", &Point::Counter(1), &[]);
    writer.family(&Head::new("d", MetricType::Histogram));
    let before = UNIX_EPOCH - Duration::from_secs(1);
    let point = Point::Histogram { bounds: &[0.5, 2.0], counts: &[1, 0, 2], sum: 9.25 };
    writer.series("x=\"1\"", &point, &[exemplar(0, 0.25, before), exemplar(2, 4.5, at)]);
    let point = Point::Histogram { bounds: &[0.5, 2.0], counts: &[1, 0, 2], sum: -0.5 };
    writer.series("x=\"2\"", &point, &[]);
    let point = Point::Histogram { bounds: &[-0.5], counts: &[1, 0], sum: 1.0 };
    writer.series("", &point, &[]);
    writer.family(&Head::new("d_count", MetricType::Gauge));
    writer.series("", &Point::Gauge(1.0), &[]);
    writer.family(&Head::new("e", MetricType::Summary));
    let quantiles = [(0.5, 1.0), (0.99, -2.0), (1.0, f64::NAN), (1.5, 3.0)];
    let point = Point::Summary { quantiles: &quantiles, sum: -1.0, count: 4 };
    writer.series("x=\"1\"", &point, &[exemplar(0, 1.0, at)]);
    let point = Point::Summary { quantiles: &quantiles[..1], sum: 4.0, count: 4 };
    writer.series("", &point, &[]);
}

#[test]
fn every_type_with_exemplars_quantiles_and_values_below_zero() {
    let mut writer = Writer::new(Format::OpenMetrics);
    everything(&mut writer);
    let expected = r#"# HELP a_bytes A \"help\".
# TYPE a_bytes counter
# UNIT a_bytes bytes
a_bytes_total{x="1"} 7 # IDS 2.0 1520879607.089
a_bytes_total{x="2"} 0.5 # IDS 0.25 1520879607.089
a_bytes_total{x="4"} 1
a_bytes_total 18446744073709551615
# TYPE b unknown
b 3
# TYPE c gauge
c -Inf
# TYPE c_total unknown
c_total 1
# TYPE d histogram
d_bucket{x="1",le="0.5"} 1 # IDS 0.25
d_bucket{x="1",le="2.0"} 1
d_bucket{x="1",le="+Inf"} 3 # IDS 4.5 1520879607.089
d_sum{x="1"} 9.25
d_count{x="1"} 3
d_bucket{x="2",le="0.5"} 1
d_bucket{x="2",le="2.0"} 1
d_bucket{x="2",le="+Inf"} 3
d_bucket{le="-0.5"} 1
d_bucket{le="+Inf"} 1
# TYPE e summary
e{x="1",quantile="0.5"} 1.0
e{x="1",quantile="1.0"} NaN
e_count{x="1"} 4
e{quantile="0.5"} 1.0
e_sum 4.0
e_count 4
# EOF
"#;
    assert_eq!(writer.finish().unwrap(), expected.replace("IDS", IDS));
    // The counter that falls and the gauge that would be read as a part of the histogram.
    assert_eq!((writer.left_out(), writer.first_left_out()), (2, Some("a_bytes_total")));
    common::strict::read(writer.finish().unwrap(), true).unwrap();
}

#[test]
fn the_older_format_has_no_exemplars_and_room_for_all_values() {
    let mut writer = Writer::new(Format::Text);
    everything(&mut writer);
    let expected = r#"# HELP a_bytes_total A "help".
# TYPE a_bytes_total counter
a_bytes_total{x="1"} 7
a_bytes_total{x="2"} 0.5
a_bytes_total{x="3"} -0.5
a_bytes_total{x="4"} 1
a_bytes_total 18446744073709551615
# TYPE b counter
b 3
# TYPE c gauge
c -Inf
# TYPE c_total counter
c_total 1
# TYPE d histogram
d_bucket{x="1",le="0.5"} 1
d_bucket{x="1",le="2.0"} 1
d_bucket{x="1",le="+Inf"} 3
d_sum{x="1"} 9.25
d_count{x="1"} 3
d_bucket{x="2",le="0.5"} 1
d_bucket{x="2",le="2.0"} 1
d_bucket{x="2",le="+Inf"} 3
d_sum{x="2"} -0.5
d_count{x="2"} 3
d_bucket{le="-0.5"} 1
d_bucket{le="+Inf"} 1
d_sum 1.0
d_count 1
# TYPE e summary
e{x="1",quantile="0.5"} 1.0
e{x="1",quantile="0.99"} -2.0
e{x="1",quantile="1.0"} NaN
e_sum{x="1"} -1.0
e_count{x="1"} 4
e{quantile="0.5"} 1.0
e_sum 4.0
e_count 4
"#;
    assert_eq!(writer.finish().unwrap(), expected);
    assert_eq!((writer.left_out(), writer.first_left_out()), (1, Some("d_count")));
    common::strict::read(writer.finish().unwrap(), false).unwrap();
}

#[test]
fn a_writer_begins_anew_in_its_memory_and_ends_at_its_limit() {
    let mut writer = Writer::new(Format::OpenMetrics).with_limit(10_000);
    everything(&mut writer);
    let place = writer.finish().unwrap().as_ptr();
    for _ in 0..2 {
        writer.begin(Format::Text);
        assert_eq!((writer.left_out(), writer.first_left_out()), (0, None));
        everything(&mut writer);
        let text = writer.finish().unwrap();
        assert!(text.starts_with("# HELP a_bytes_total"));
        assert_eq!(text.as_ptr(), place);
    }
    let mut small = Writer::new(Format::Text).with_limit(100);
    everything(&mut small);
    let error = small.finish().unwrap_err();
    assert_eq!(error.limit, 100);
    assert_eq!(
        error.to_string(),
        "the metrics are more than 100 bytes of text; record fewer series, or raise the limit"
    );
    assert!(small.finish().is_err());
    assert_eq!(small.into_text(), "");
    // A limit that is just met.
    let mut exact = Writer::new(Format::Text).with_limit(23);
    exact.family(&Head::new("a", MetricType::Gauge));
    exact.series("", &Point::Gauge(1.0), &[]);
    assert_eq!(exact.finish(), Ok("# TYPE a gauge\na 1.0\n"));
}
