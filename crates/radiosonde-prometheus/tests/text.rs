//! The text format, line by line.

mod common;

use radiosonde_metrics::Snapshot;
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
