//! Every write is in what a metric shows, or among its refusals: from the snapshot alone, which is
//! what `/metrics` shows, it can be told which of them are lost.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use metrics::{Key, Label, Level, Metadata, Recorder as _};
use radiosonde_metrics::{Metrics, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"host": {"max_values": 20}},
  "owners": {"platform": {"slack": "telemetry"}},
  "modules": {"sqlx": {"policy": "allow", "series_limit": 3}},
  "metrics": [
    {"name": "sent_total", "type": "counter", "unit": "items", "help": "Sent.", "owner": "platform",
     "labels": ["host"], "series_limit": 10},
    {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Took.",
     "owner": "platform", "labels": ["host"]},
    {"name": "queue_depth", "type": "gauge", "unit": "items", "help": "Queue.", "owner": "platform",
     "labels": ["host"], "series_limit": 10}
  ]
}"#;

fn guarded() -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    Metrics::new(Settings { registry, own_crates: vec!["shop".into()], ..Settings::default() })
}

fn key(name: &str, host: u64) -> Key {
    Key::from_parts(name.to_owned(), vec![Label::new("host", format!("h{host}"))])
}

/// Writes of all series of a metric, as they are shown.
fn recorded(metrics: &Metrics, name: &str) -> u64 {
    let snapshot = metrics.snapshot();
    let series = snapshot.family(name).map_or(&[][..], |family| &family.series);
    let writes = series.iter().map(|series| match &series.value {
        Value::Counter(n) => *n,
        Value::Histogram { count, .. } => *count,
        // One write each, in these tests.
        _ => 1,
    });
    writes.sum()
}

/// Refused writes to a metric, as they are shown: lost, and folded.
fn refused(metrics: &Metrics, name: &str) -> (u64, u64) {
    let snapshot = metrics.snapshot();
    let all = snapshot.family("radiosonde_metric_writes_refused_total");
    let (mut lost, mut folded) = (0, 0);
    for series in all.map_or(&[][..], |family| &family.series) {
        let label =
            |wanted: &str| &*series.labels.iter().find(|(label, _)| &**label == wanted).unwrap().1;
        let Value::Counter(count) = series.value else { panic!("no counter") };
        match (label("metric"), label("reason")) {
            (metric, _) if metric != name => {}
            (_, "series_cap" | "namespace_cap") => folded += count,
            _ => lost += count,
        }
    }
    (lost, folded)
}

/// Writes 1,000 times, each host once, by one kind of handle, from a module.
fn offer(metrics: &Metrics, kind: &str, module: &str, name: &str) {
    let (recorder, metadata) =
        (metrics.recorder(), Metadata::new("test", Level::INFO, Some(module)));
    for host in 0..1_000 {
        let key = key(name, host);
        match kind {
            "counter" => recorder.register_counter(&key, &metadata).increment(1),
            "gauge" => recorder.register_gauge(&key, &metadata).set(1.0),
            _ => recorder.register_histogram(&key, &metadata).record(0.5),
        }
    }
}

#[test]
fn what_is_offered_is_recorded_or_lost_with_a_reason() {
    let everything = Metrics::new(Settings::default());
    let guarded = guarded();
    let paths = [
        (&guarded, "counter", "shop", "sent_total", 10),
        (&guarded, "histogram", "shop", "took_seconds", 20),
        (&guarded, "gauge", "shop", "queue_depth", 10),
        (&guarded, "gauge", "shop", "sent_total", 0),
        (&guarded, "counter", "shop", "nowhere_total", 0),
        (&guarded, "gauge", "sqlx::pool", "pool_open", 3),
        (&guarded, "counter", "sqlx::pool", "pool_total", 3),
        (&guarded, "gauge", "hyper", "hyper_open", 200),
        // The namespace is full: a new metric, and one that had its room before.
        (&guarded, "counter", "hyper", "hyper_total", 0),
        (&guarded, "histogram", "tower", "tower_seconds", 200),
        (&guarded, "counter", "tower", "tower_total", 0),
        (&everything, "counter", "any", "any_total", 200),
        (&everything, "gauge", "any", "any_open", 200),
    ];
    for (metrics, kind, module, name, series) in paths {
        let before = (recorded(metrics, name), refused(metrics, name));
        offer(metrics, kind, module, name);
        let (lost, folded) = refused(metrics, name);
        let (lost, folded) = (lost - before.1.0, folded - before.1.1);
        let recorded = recorded(metrics, name) - before.0;
        assert_eq!(recorded + lost, 1_000, "{kind} {name}: {recorded} {lost} {folded}");
        assert_eq!(recorded - folded, series, "{kind} {name}: {recorded} {lost} {folded}");
    }
}
