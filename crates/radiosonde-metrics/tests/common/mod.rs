//! A registry with one metric of each kind, and what the tests ask of it.
#![allow(dead_code, reason = "each test file uses a part")]

use radiosonde_metrics::{Metrics, Reason, Settings, Value};
use radiosonde_registry::Registry;

pub(crate) const REGISTRY: &str = r#"{
  "schema_version": 1,
  "environments": {"staging": {"series_limit": 50}, "production": {"series_limit": 200}},
  "labels": {
    "outcome": {"values": ["success", "retry", "failure"]},
    "provider": {"max_values": 20},
    "small": {"max_values": 2},
    "version": {"pattern": "v[0-9]+|next"},
    "token": {"max_values": 5},
    "host": {"max_values": 200}
  },
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["provider", "outcome"]},
    {"name": "wide_total", "type": "counter", "unit": "items", "help": "Many.", "owner": "platform",
     "labels": ["host", "outcome"]},
    {"name": "known_total", "type": "counter", "unit": "items", "help": "Known.", "owner": "platform",
     "labels": ["outcome"]},
    {"name": "small_total", "type": "counter", "unit": "items", "help": "Small.", "owner": "platform",
     "labels": ["small"]},
    {"name": "versions_total", "type": "counter", "unit": "items", "help": "Versions.",
     "owner": "platform", "labels": ["version"]},
    {"name": "secrets_total", "type": "counter", "unit": "items", "help": "Secrets.",
     "owner": "platform", "labels": ["token"]},
    {"name": "queue_depth", "type": "gauge", "unit": "items", "help": "Queue.", "owner": "platform",
     "labels": ["host"]},
    {"name": "parse_duration_milliseconds", "type": "histogram", "unit": "milliseconds",
     "help": "Parse.", "owner": "platform", "buckets": [25, 50, 100], "labels": ["outcome"]},
    {"name": "sizes_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.",
     "owner": "platform", "labels": ["host"]},
    {"name": "elsewhere_total", "type": "counter", "unit": "items", "help": "External.",
     "owner": "platform", "labels": ["outcome"], "source": "external"}
  ]
}"#;

pub(crate) fn registry() -> Registry {
    Registry::parse("registry.json", REGISTRY).unwrap_or_else(|errors| panic!("{errors}"))
}

/// In production, where the limit is 200.
pub(crate) fn metrics() -> Metrics {
    metrics_in("production")
}

pub(crate) fn metrics_in(environment: &str) -> Metrics {
    let environment = Some(environment.to_owned());
    Metrics::new(Settings { registry: Some(registry()), environment, ..Settings::default() })
}

pub(crate) fn with<R>(metrics: &Metrics, f: impl FnOnce() -> R) -> R {
    metrics::with_local_recorder(&metrics.recorder(), f)
}

pub(crate) fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Option<Value> {
    metrics.snapshot().value(name, labels).cloned()
}

pub(crate) fn refused(metrics: &Metrics, metric: &str, reason: Reason) -> u64 {
    let refusals = metrics.refusals();
    let found = refusals.iter().find(|r| r.metric == metric && r.reason == reason);
    found.map_or(0, |refusal| refusal.count)
}

/// The sum over all series of a counter.
pub(crate) fn total(metrics: &Metrics, name: &str) -> u64 {
    let snapshot = metrics.snapshot();
    let series = snapshot.family(name).map_or(&[][..], |family| &family.series);
    let counts = series.iter().map(|series| match series.value {
        Value::Counter(n) => n,
        _ => panic!("{name} is not a counter"),
    });
    counts.sum()
}
