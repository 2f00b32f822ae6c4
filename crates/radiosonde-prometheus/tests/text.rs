//! The text format, line by line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use radiosonde_metrics::{Family, MetricType, Series, Snapshot, Value};
use radiosonde_prometheus::Format;
use radiosonde_prometheus::text::render;

#[test]
fn a_snapshot_is_written_in_the_order_of_names_with_help_and_type_once() {
    let text = render(&common::metrics().snapshot());
    let own: Vec<&str> = text.lines().filter(|line| !line.contains("radiosonde_")).collect();
    let expected = r#"# HELP parse_seconds Parse.
# TYPE parse_seconds histogram
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
# HELP runs_total Runs \\ started.
# TYPE runs_total counter
runs_total{environment="staging",outcome="success",path=""} 2
runs_total{environment="staging",outcome="success",path="C:\\"} 2
runs_total{environment="staging",outcome="success",path="C:\\\\"} 2
runs_total{environment="staging",outcome="success",path="say \"hi\""} 2
runs_total{environment="staging",outcome="success",path="{a=\"b\"} 1"} 2
runs_total{environment="staging",outcome="success",path="🎈"} 2
# HELP size_bytes Sizes.
# TYPE size_bytes summary
size_bytes{environment="staging",quantile="0.5"} 12.0
size_bytes{environment="staging",quantile="0.9"} 12.0
size_bytes{environment="staging",quantile="0.95"} 12.0
size_bytes{environment="staging",quantile="0.99"} 12.0
size_bytes_sum{environment="staging"} 12.0
size_bytes_count{environment="staging"} 1"#;
    assert_eq!(own, expected.lines().collect::<Vec<_>>());
    assert!(text.ends_with('\n'));
    let refused =
        r#"_refused_total{environment="staging",metric="nobody_total",reason="unregistered"} 1"#;
    assert!(text.contains(refused), "{text}");
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
# HELP no_help_seconds two\nlines \\ and "quotes"
# TYPE no_help_seconds histogram
no_help_seconds_bucket{le="1.0"} 1
no_help_seconds_bucket{le="+Inf"} 6
no_help_seconds_sum 9.0
no_help_seconds_count 6
"#;
    assert_eq!(render(&common::hostile()), expected);
    assert_eq!(render(&Snapshot::default()), "");
}

#[test]
fn series_that_fall_together_are_written_once_and_buckets_rise() {
    let mut snapshot = Snapshot::default();
    snapshot.gauge("a", &[("x.y", "1")], 1.0);
    snapshot.gauge("a", &[("x_y", "1")], 2.0);
    snapshot.gauge("a", &[("x_y", "2")], 3.0);
    snapshot.gauge("b-c", &[], 1.0);
    snapshot.gauge("b_c", &[], 2.0);
    let mut family = Family::new("h", MetricType::Histogram);
    for (le, bounds) in [("1", [2.0, 1.0, 3.0, 3.0]), ("2", [f64::NAN, 0.0, -0.0, 5.0])] {
        let value = Value::Histogram {
            bounds: bounds.into(),
            counts: vec![1, 2, 4, 8, 16],
            sum: 0.0,
            count: 31,
            exponential: None,
        };
        family.series.push(Series::new(vec![("x".into(), le.into())], value));
    }
    snapshot.push(family);
    // A value of another type than the family.
    snapshot.gauge("h", &[("x", "3")], 1.0);
    let expected = r#"# TYPE a gauge
a{x_y="1"} 1.0
a{x_y="2"} 3.0
# TYPE b_c gauge
b_c 1.0
# TYPE h histogram
h_bucket{x="1",le="2.0"} 1
h_bucket{x="1",le="3.0"} 7
h_bucket{x="1",le="+Inf"} 31
h_sum{x="1"} 0.0
h_count{x="1"} 31
h_bucket{x="2",le="0.0"} 3
h_bucket{x="2",le="5.0"} 15
h_bucket{x="2",le="+Inf"} 31
h_sum{x="2"} 0.0
h_count{x="2"} 31
"#;
    assert_eq!(render(&snapshot), expected);
}

/// Who serves the texts without us copies the media types from there.
#[test]
fn the_page_on_scraping_has_the_media_types_as_they_are() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scraping.md");
    let page = std::fs::read_to_string(page).unwrap();
    for format in [Format::Text, Format::OpenMetrics] {
        let header = format!("`Content-Type: {}`", format.content_type());
        assert!(page.contains(&header), "{header}");
    }
}
