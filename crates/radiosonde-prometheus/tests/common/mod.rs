//! A snapshot with everything in it, and endpoints over it.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod strict;

use radiosonde_metrics::{
    Exposition, Family, MetricType, Metrics, Scrape, Settings, Snapshot, Value,
};
use radiosonde_prometheus::{Endpoints, Health, Source};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {
    "outcome": {"values": ["success", "failure"]},
    "path": {"max_values": 20, "lint_allow": [{"rule": "free_text_label", "reason": "to be escaped"}]}
  },
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs \\ started.",
     "labels": ["outcome", "path"], "owner": "platform"},
    {"name": "queue_depth", "type": "gauge", "unit": "items", "help": "Queue.", "owner": "platform"},
    {"name": "parse_seconds", "type": "histogram", "unit": "seconds", "help": "Parse.",
     "buckets": [0.25, 25, 1e21], "labels": ["outcome"], "owner": "platform"},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform"}
  ]
}"#;

/// Metrics written through the guard, hostile label values among them.
pub(crate) fn metrics() -> Metrics {
    let registry = Registry::parse("registry.json", REGISTRY);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    let labels = vec![("environment".to_owned(), "staging".to_owned())];
    let metrics = Metrics::new(Settings { registry, labels, ..Settings::default() });
    metrics::with_local_recorder(&metrics.recorder(), || {
        for path in [r"C:\", r"C:\\", "say \"hi\"", "🎈", "", "{a=\"b\"} 1"] {
            metrics::counter!("runs_total", "outcome" => "success", "path" => path).increment(2);
        }
        metrics::counter!("nobody_total").increment(1);
        metrics::gauge!("queue_depth").set(3.5);
        for value in [0.25, 0.3, 30.0] {
            metrics::histogram!("parse_seconds", "outcome" => "success").record(value);
        }
        metrics::histogram!("size_bytes").record(12.0);
    });
    metrics
}

/// What libraries write under names that are parts of other metrics.
pub(crate) fn crowded() -> Metrics {
    use metrics::{Key, Level, Metadata, Recorder as _};
    const LIBRARY: Metadata<'static> = Metadata::new("lib", Level::INFO, Some("lib"));
    let registry = Registry::parse("registry.json", REGISTRY);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    let own_crates = vec!["app".to_owned()];
    let metrics = Metrics::new(Settings { registry, own_crates, ..Settings::default() });
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::histogram!("parse_seconds", "outcome" => "success").record(1.0);
        metrics::histogram!("size_bytes").record(12.0);
    });
    let recorder = metrics.recorder();
    let count = |name: &'static str| {
        recorder.register_counter(&Key::from_name(name), &LIBRARY).increment(1);
    };
    let record = |name: &'static str| {
        recorder.register_histogram(&Key::from_name(name), &LIBRARY).record(1.0);
    };
    ["parse_seconds_count", "parse.seconds.bucket", "size_bytes_sum"].into_iter().for_each(count);
    // Whichever comes first.
    record("early");
    count("early_sum");
    count("late_count");
    record("late");
    metrics
}

/// What only a collector could put in: nothing checks it but the renderer.
pub(crate) fn hostile() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.gauge("bad name-1", &[("label name", "line\nend\0nul"), ("9", "x")], f64::NAN);
    snapshot.gauge("bad_name-1", &[("a.b", "1"), ("a_b", "2"), ("__name__", "x")], f64::INFINITY);
    snapshot.counter("bad-name_1", &[], 1);
    snapshot.gauge("1st", &[("", "empty name")], f64::NEG_INFINITY);
    snapshot.gauge("", &[], 1e300);
    let mut family = Family::new("no_help_seconds", MetricType::Histogram);
    family.series.push(radiosonde_metrics::Series::new(
        vec![("le".into(), "mine".into())],
        Value::Histogram {
            bounds: [1.0, f64::INFINITY].into(),
            counts: vec![1, 2, 3],
            sum: 9.0,
            count: 77,
            exponential: None,
        },
    ));
    // Help that would end the line and begin another.
    family.help = "two\nlines \\ and \"quotes\"".into();
    snapshot.push(family);
    snapshot
}

pub(crate) struct Sample(pub(crate) Metrics);

impl Source for Sample {
    fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
        self.0.expose(scrape, to);
    }

    fn scraped(&self) {
        self.0.scraped();
    }
}

impl Endpoints for Sample {
    fn health(&self) -> Health {
        Health { ok: true, text: "ok\n".into() }
    }

    fn report_text(&self) -> String {
        "all is well\n".into()
    }

    fn report_json(&self) -> String {
        "{\"problems\":[]}".into()
    }
}
