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
