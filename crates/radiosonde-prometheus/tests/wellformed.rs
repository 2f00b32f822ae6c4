//! Whatever is recorded, both formats can be read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use common::strict::read;
use proptest::prelude::*;
use radiosonde_context::{SpanId, TraceId};
use radiosonde_metrics::{
    Exemplar, Exposition as _, Family, Head, MetricType, Point, Series, Snapshot, Value,
};
use radiosonde_prometheus::{Format, Writer, text};

/// Few stems and many suffixes, so that families get into each other's way.
fn name() -> impl Strategy<Value = String> {
    let stem = prop::sample::select(vec!["a", "a_b", "A", "b:c", "1x", "é", "_", ""]);
    let suffix = prop::sample::select(vec![
        "", "", "_total", "_total", "_sum", "_count", "_bucket", "_created", "_seconds", "-sum",
    ]);
    (stem, suffix.clone(), suffix).prop_map(|(stem, one, two)| format!("{stem}{one}{two}"))
}

fn metric_type() -> impl Strategy<Value = MetricType> {
    prop::sample::select(vec![
        MetricType::Counter,
        MetricType::Gauge,
        MetricType::Histogram,
        MetricType::Summary,
    ])
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\\\\"\n\r\0{}=, #]{0,8}",
        Just("# EOF\nother 1".to_owned()),
        Just(String::new()),
    ]
}

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::sample::select(vec!["le", "quantile", "a", "a.b", "a_b", "__x", "", "1", "é"]);
    let value = prop_oneof![words(), Just("x".to_owned())];
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..4)
}

fn value() -> impl Strategy<Value = Value> {
    let few = prop::sample::select(vec![-1.0, -0.0, 0.0, 0.5, 25.0, f64::NAN, f64::INFINITY]);
    let float = prop_oneof![few, any::<f64>(), prop::num::f64::ANY];
    let bounds = prop::collection::vec(float.clone(), 0..5);
    let counts = prop::collection::vec(prop_oneof![0_u64..9, any::<u64>()], 0..6);
    prop_oneof![
        any::<u64>().prop_map(Value::Counter),
        float.clone().prop_map(Value::FloatCounter),
        float.clone().prop_map(Value::Gauge),
        (bounds, counts, float.clone(), any::<u64>()).prop_map(|(bounds, counts, sum, count)| {
            Value::Histogram { bounds: bounds.into(), counts, sum, count, exponential: None }
        }),
        (any::<u64>(), float.clone(), prop::collection::vec((-0.5..1.5_f64, float), 0..4))
            .prop_map(|(count, sum, quantiles)| Value::Summary { count, sum, quantiles }),
    ]
}

fn family() -> impl Strategy<Value = Family> {
    let series = ((labels(), value()), prop::collection::vec(0_usize..4, 0..3));
    let series = prop::collection::vec(series, 0..5);
    let unit = prop::sample::select(vec![None, Some(""), Some("seconds"), Some("b"), Some("é")]);
    (name(), metric_type(), words(), unit, series).prop_map(
        |(name, metric_type, help, unit, series)| {
            let mut family = Family::new(&name, metric_type);
            family.help = help.into();
            family.unit = unit.map(Into::into);
            family.series = series
                .into_iter()
                .map(|((labels, value), buckets)| {
                    let labels = labels.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
                    let mut series = Series::new(labels, value);
                    series.exemplars = buckets.iter().map(|b| exemplar(*b, 1.5)).collect();
                    series
                })
                .collect();
            family
        },
    )
}

/// A family as whoever drives a writer gives it: what the core promises holds, no more.
type Given = (MetricType, Vec<(String, Vec<u64>, f64, Vec<(f64, f64)>)>);

fn given() -> impl Strategy<Value = BTreeMap<String, Given>> {
    let quantiles = prop::collection::vec((-0.5..1.5_f64, prop::num::f64::ANY), 0..4);
    let counts = prop::collection::vec(0_u64..9, 3);
    let series = ("[a-c]", counts, prop::num::f64::ANY, quantiles);
    let family = (metric_type(), prop::collection::vec(series, 1..3));
    let name = "[a-c](_total|_count|_created|_sum)?";
    prop::collection::btree_map(name, family, 0..6)
}

fn exemplar(bucket: usize, value: f64) -> Exemplar {
    let ids = (TraceId::from_bytes([7; 16]).unwrap(), SpanId::from_bytes([9; 8]).unwrap());
    let at = UNIX_EPOCH + Duration::from_millis(1_520_879_607_789);
    Exemplar::new(bucket, value, ids, at)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_snapshot_can_be_read_in_both_formats(families in prop::collection::vec(family(), 0..8)) {
        let mut snapshot = Snapshot::default();
        families.into_iter().for_each(|family| snapshot.push(family));
        for (format, open) in [(Format::Text, false), (Format::OpenMetrics, true)] {
            let text = text::render_as(&snapshot, format);
            let families = read(&text, open);
            prop_assert!(families.is_ok(), "{:?}\n{text}", families.err());
        }
    }

    #[test]
    fn any_exposition_with_exemplars_and_quantiles_can_be_read(given in given(), bounds in (-5.0..0.0_f64, 0.0..5.0_f64)) {
        let mut writer = Writer::default();
        for (format, open) in [(Format::Text, false), (Format::OpenMetrics, true)] {
            writer.begin(format);
            for (name, (metric_type, series)) in &given {
                writer.family(&Head::new(name, *metric_type));
                let mut labels: Vec<_> = series.iter().collect();
                labels.sort_by(|a, b| a.0.cmp(&b.0));
                labels.dedup_by(|a, b| a.0 == b.0);
                for (label, counts, value, quantiles) in labels {
                    let point = match metric_type {
                        MetricType::Counter => Point::Counter(counts[0]),
                        MetricType::Gauge => Point::Gauge(*value),
                        MetricType::Summary => Point::Summary { quantiles, sum: *value, count: counts[0] },
                        _ => Point::Histogram { bounds: &[bounds.0, bounds.1], counts, sum: *value },
                    };
                    let exemplars = [exemplar(0, *value), exemplar(2, 3.0)];
                    writer.series(&format!("label=\"{label}\""), &point, &exemplars);
                }
            }
            let text = writer.finish().unwrap();
            let families = read(text, open);
            prop_assert!(families.is_ok(), "{:?}\n{text}", families.err());
        }
    }
}

#[test]
fn a_registry_with_everything_reads_the_same_in_both_formats() {
    let snapshot = common::metrics().snapshot();
    let plain = read(&text::render(&snapshot), false).unwrap();
    let open = read(&text::render_as(&snapshot, Format::OpenMetrics), true).unwrap();
    assert_eq!(plain.len(), open.len());
    for (plain, open) in plain.iter().zip(&open) {
        assert_eq!(plain.help, open.help);
        assert_eq!(plain.samples.len(), open.samples.len(), "{}", plain.name);
        for (one, other) in plain.samples.iter().zip(&open.samples) {
            assert_eq!((&one.name, &one.labels), (&other.name, &other.labels));
            assert!(one.value == other.value || one.value.is_nan());
        }
    }
    let runs = plain.iter().find(|family| family.name == "runs_total").unwrap();
    let paths: Vec<&str> = runs.samples.iter().map(|sample| sample.labels[2].1.as_str()).collect();
    assert_eq!(paths, ["", r"C:\", r"C:\\", "say \"hi\"", "{a=\"b\"} 1", "🎈"]);
}

/// Every line as name, sorted labels and value; families by name.
fn lines(text: &str, open: bool) -> BTreeMap<String, Vec<String>> {
    let families = read(text, open).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let lines = families.into_iter().map(|family| {
        let sample = |sample: &common::strict::Sample| {
            let mut labels = sample.labels.clone();
            labels.sort();
            format!("{} {labels:?} {}", sample.name, sample.value)
        };
        let mut samples: Vec<String> = family.samples.iter().map(sample).collect();
        samples.sort();
        (format!("{} {} {:?} {:?}", family.name, family.word, family.help, family.unit), samples)
    });
    lines.collect()
}

#[test]
fn what_is_written_at_once_is_what_a_snapshot_says() {
    for metrics in [common::metrics(), common::crowded()] {
        for (format, open) in [(Format::Text, false), (Format::OpenMetrics, true)] {
            let at_once = lines(&text::of(&metrics, format), open);
            let copied = lines(&text::render_as(&metrics.snapshot(), format), open);
            assert!(at_once.len() > 5, "{at_once:?}");
            assert_eq!(at_once, copied);
        }
    }
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    for (text, open) in [
        ("a 1\n", false),
        ("# TYPE a gauge\na 1", false),
        ("# TYPE a gauge\na 1\na 1\n", false),
        ("# TYPE a gauge\na{b=\"\"} 1\na{b=\"\\x\"} 1\n", false),
        ("# TYPE a gauge\nb 1\n", false),
        ("# TYPE a gauge\n\na 1\n", false),
        ("# TYPE a counter\na 1\n# EOF\n", true),
        ("# TYPE a counter\na_total -1\n# EOF\n", true),
        ("# TYPE a gauge\na 1\n", true),
        ("# TYPE a gauge\n# TYPE a_total counter\n# EOF\n# EOF\n", true),
        ("# TYPE a gauge\na 1\n# TYPE a counter\na_total 1\n# EOF\n", true),
        ("# HELP a say \"hi\"\n# TYPE a gauge\n# EOF\n", true),
        ("# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_sum 1\na_count 1\n", false),
        ("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n", false),
        ("# TYPE a gauge\na 1 # {b=\"c\"} 1\n# EOF\n", true),
        ("# TYPE a gauge\n# UNIT a seconds\n# EOF\n", true),
    ] {
        assert!(read(text, open).is_err(), "{text}");
    }
}
