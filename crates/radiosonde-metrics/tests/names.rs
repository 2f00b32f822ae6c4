//! Names that are written by something else already: no two families, and no part of one, share one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{refused, value};
use metrics::{Key, KeyName, Level, Metadata, Recorder as _, SharedString};
use radiosonde_metrics::{Metrics, Reason, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"outcome": {"values": ["success", "failure"]}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["outcome"], "rollups": [{"name": "runs_all_total", "by": []}]},
    {"name": "old_total", "type": "counter", "unit": "runs", "help": "Old.", "owner": "platform",
     "deprecated": true},
    {"name": "depth_count", "type": "gauge", "unit": "items", "help": "Depth.",
     "owner": "platform", "lint_allow": [{"rule": "reserved_suffix", "reason": "to be in the way"}]},
    {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Took.",
     "owner": "platform", "labels": ["outcome"], "rollups": [{"name": "all_seconds", "by": []}]}
  ]
}"#;

fn registered() -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let own_crates = vec!["app".to_owned()];
    Metrics::new(Settings { registry, own_crates, ..Settings::default() })
}

const LIBRARY: Metadata<'static> = Metadata::new("lib", Level::INFO, Some("lib"));

fn key(name: &str) -> Key {
    Key::from_name(name.to_owned())
}

fn count(metrics: &Metrics, name: &str) {
    metrics.recorder().register_counter(&key(name), &LIBRARY).increment(1);
}

/// The names of the families, each as often as there are.
fn families(metrics: &Metrics) -> Vec<String> {
    metrics.snapshot().families.iter().map(|family| family.name.to_string()).collect()
}

fn assert_each_once(metrics: &Metrics) {
    let names = families(metrics);
    let mut once = names.clone();
    once.dedup();
    assert_eq!(names, once);
}

#[test]
fn what_is_computed_cannot_be_written_by_a_name_that_is_fitted_to_it() {
    let metrics = registered();
    for name in ["runs.all.total", "old-total-deprecated", "runs_all_total"] {
        let help = SharedString::from("Not ours to say.");
        metrics.recorder().describe_counter(KeyName::from(name), None, help);
        count(&metrics, name);
        assert_eq!(refused(&metrics, name, Reason::Computed), 1, "{name}");
    }
    assert_each_once(&metrics);
    assert_eq!(value(&metrics, "runs_all_total", &[]), Some(Value::Counter(0)));
    assert_eq!(&*metrics.snapshot().family("runs_all_total").unwrap().help, "Runs.");
    assert_eq!(metrics.observed_count(), 0);
}

/// What scrapes could not be read with.
const TAKEN: [&str; 5] = [
    "took_seconds_count",
    "took.seconds.sum",
    "took_seconds_bucket",
    "all_seconds_count",
    "all_seconds_bucket",
];

#[test]
fn a_part_of_a_registered_metric_cannot_be_written_by_another() {
    let metrics = registered();
    for name in TAKEN {
        count(&metrics, name);
        assert_eq!(refused(&metrics, name, Reason::NameTaken), 1, "{name}");
    }
    assert_eq!(
        metrics.refusals()[0].to_string(),
        "1 write to `all_seconds_bucket` refused: the metric `all_seconds` writes \
         `all_seconds_bucket` already (in lib)"
    );
    // The other way: histograms whose counts are the names of something registered.
    for name in ["depth", "old_total_deprecated_x"] {
        metrics.recorder().register_histogram(&key(name), &LIBRARY).record(1.0);
    }
    assert_eq!(refused(&metrics, "depth", Reason::NameTaken), 1);
    assert_eq!(refused(&metrics, "old_total_deprecated_x", Reason::NameTaken), 0);
    // Names that merely resemble them are free.
    for name in ["took_seconds_counts", "took_seconds_max", "runs", "runs_created"] {
        count(&metrics, name);
        assert_eq!(value(&metrics, name, &[]), Some(Value::Counter(1)), "{name}");
    }
}

#[test]
fn of_two_observed_metrics_that_write_one_name_the_first_holds() {
    for registered in [registered(), Metrics::new(Settings::default())] {
        let metrics = &registered;
        let record = |name: &str| {
            metrics.recorder().register_histogram(&key(name), &LIBRARY).record(1.0);
        };
        record("x.y");
        count(metrics, "x_y_count");
        assert_eq!(refused(metrics, "x_y_count", Reason::NameTaken), 1);
        count(metrics, "z_sum");
        record("z");
        assert_eq!(refused(metrics, "z", Reason::NameTaken), 1);
        let text = metrics.refusals().iter().map(ToString::to_string).collect::<String>();
        assert!(text.contains("the metric `z_sum` writes `z_sum` already"), "{text}");
        // A description makes none of them.
        let help = SharedString::from("Help.");
        metrics.recorder().describe_histogram(KeyName::from("z"), None, help);
        assert!(!families(metrics).contains(&"z".to_owned()));
        assert_each_once(metrics);
        assert_eq!(metrics.observed_count(), 2);
    }
}

#[test]
fn of_two_that_race_for_a_name_one_holds() {
    for _ in 0..50 {
        let metrics = Metrics::new(Settings::default());
        std::thread::scope(|scope| {
            let _histogram = scope.spawn(|| {
                metrics.recorder().register_histogram(&key("x"), &LIBRARY).record(1.0);
            });
            count(&metrics, "x_bucket");
        });
        let lost = refused(&metrics, "x", Reason::NameTaken)
            + refused(&metrics, "x_bucket", Reason::NameTaken);
        assert_eq!((lost, metrics.observed_count()), (1, 1));
    }
}
