//! The life of a metric: deprecated and counted, written and seen, computed by jobs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{refused, value, with};
use metrics::{counter, gauge, histogram};
use radiosonde_metrics::{Clock, MetricType, Metrics, Reason, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"host": {"max_values": 2}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "old_total", "type": "counter", "unit": "runs", "help": "Old.", "owner": "platform",
     "labels": ["host"], "interval_s": 60,
     "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "new_total", "emit_days": 14}}},
    {"name": "new_total", "type": "counter", "unit": "runs", "help": "New.", "owner": "platform",
     "labels": ["host"]},
    {"name": "dateless_seconds", "type": "histogram", "unit": "seconds", "help": "Dateless.",
     "owner": "platform", "deprecated": true},
    {"name": "old_depth", "type": "gauge", "unit": "items", "help": "Depth.", "owner": "platform",
     "status": "deprecated", "interval_s": 300},
    {"name": "nightly_ratio", "type": "gauge", "unit": "ratio", "help": "Nightly.",
     "owner": "platform", "source": "batch", "interval_s": 86400},
    {"name": "elsewhere_ratio", "type": "gauge", "unit": "ratio", "help": "Elsewhere.",
     "owner": "platform", "source": "external", "interval_s": 60}
  ]
}"#;

/// 2026-11-01T00:00:00Z.
const SINCE: u64 = 1_793_491_200;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn metrics_at(seconds: u64) -> (Metrics, Clock) {
    let clock = Clock::fixed(at(seconds));
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    (Metrics::new(Settings { registry, clock: clock.clone(), ..Settings::default() }), clock)
}

#[test]
fn writes_to_a_deprecated_metric_are_counted_beside_it() {
    let (metrics, _) = metrics_at(SINCE);
    assert_eq!(value(&metrics, "old_total_deprecated", &[]), Some(Value::Counter(0)));
    with(&metrics, || {
        for host in ["a", "b", "c", "d"] {
            // Two of them are folded, and writes as well.
            counter!("old_total", "host" => host).increment(5);
        }
        counter!("old_total", "host" => "a").absolute(3);
        counter!("old_total", "user" => "a").increment(1);
        histogram!("dateless_seconds").record_many(0.5, 3);
        histogram!("dateless_seconds").record(f64::NAN);
        gauge!("old_depth").set(2.0);
        gauge!("old_depth").set(f64::INFINITY);
    });
    let counted = |name| value(&metrics, name, &[]);
    assert_eq!(counted("old_total_deprecated"), Some(Value::Counter(5)));
    assert_eq!(counted("dateless_seconds_deprecated"), Some(Value::Counter(3)));
    assert_eq!(counted("old_depth_deprecated"), Some(Value::Counter(1)));
    assert_eq!(counted("new_total_deprecated"), None);
    // It is recorded as ever.
    assert_eq!(value(&metrics, "old_total", &[("host", "a")]), Some(Value::Counter(5)));

    let snapshot = metrics.snapshot();
    let pair = snapshot.family("old_total_deprecated").unwrap();
    assert_eq!(&*pair.help, "Writes to old_total, deprecated since 2026-11-01; use new_total.");
    assert_eq!((pair.metric_type, pair.unit.as_deref()), (MetricType::Counter, Some("writes")));
    assert_eq!(metrics.problems(), []);
}

#[test]
fn the_window_is_judged_once_at_the_start() {
    const DAY: u64 = 24 * 60 * 60;
    for (start, counted, over) in [
        (0, false, false),
        (SINCE - 1, false, false),
        (SINCE, true, false),
        (SINCE + 14 * DAY - 1, true, false),
        (SINCE + 14 * DAY, false, true),
        (SINCE + 9_999 * DAY, false, true),
    ] {
        let (metrics, clock) = metrics_at(start);
        // Whatever day it is by now.
        clock.set(at(SINCE + 5 * DAY));
        with(&metrics, || counter!("old_total", "host" => "a").increment(1));
        let pair = value(&metrics, "old_total_deprecated", &[]);
        assert_eq!(pair, counted.then_some(Value::Counter(1)), "{start}");
        assert_eq!(value(&metrics, "old_total", &[("host", "a")]), Some(Value::Counter(1)));
        assert_eq!(metrics.problems(), []);
        let warnings = metrics.warnings();
        assert_eq!(warnings.len(), usize::from(over), "{start}: {warnings:?}");
        if let [(what, fix)] = &warnings[..] {
            let days = "`old_total` is deprecated since 2026-11-01, and its 14 days are over";
            assert_eq!(what, days);
            assert_eq!(fix, "use `new_total`, and delete `old_total` from code and registry");
        }
    }
}

#[test]
fn what_is_computed_cannot_be_written() {
    let (metrics, _) = metrics_at(SINCE);
    with(&metrics, || counter!("old_total_deprecated").increment(7));
    assert_eq!(value(&metrics, "old_total_deprecated", &[]), Some(Value::Counter(0)));
    assert_eq!(refused(&metrics, "old_total_deprecated", Reason::Computed), 1);
}

#[test]
fn a_name_that_is_taken_is_a_problem_and_the_metric_stays() {
    let text = REGISTRY.replace("\"dateless_seconds\"", "\"old_depth_deprecated\"");
    // As a registry that is put together without the lints would have it.
    let mut registry = Registry::parse("registry.json", REGISTRY).unwrap();
    assert!(Registry::parse("registry.json", &text).is_err());
    registry.metrics[2].name = "old_depth_deprecated".to_owned();
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    with(&metrics, || histogram!("old_depth_deprecated").record(1.0));
    let series = metrics.snapshot().family("old_depth_deprecated").unwrap().clone();
    assert_eq!(series.metric_type, MetricType::Histogram);
    assert!(
        metrics
            .problems()
            .iter()
            .any(|(what, _)| what.starts_with("`old_depth_deprecated`, which")),
        "{:?}",
        metrics.problems()
    );
}

#[test]
fn runs_of_jobs_are_counted_for_metrics_of_the_registry() {
    let (metrics, _) = metrics_at(SINCE);
    let runs = |metric, status| {
        value(&metrics, "metric_ingest_status", &[("metric", metric), ("status", status)])
    };
    // Those of batch metrics from 0.
    assert_eq!(runs("nightly_ratio", "success"), Some(Value::Counter(0)));
    assert_eq!(runs("nightly_ratio", "failure"), Some(Value::Counter(0)));
    assert_eq!(runs("new_total", "success"), None);
    metrics.ingest("nightly_ratio").succeeded();
    metrics.ingest("nightly_ratio").succeeded();
    metrics.ingest("nightly_ratio").failed();
    metrics.ingest("elsewhere_ratio").succeeded();
    with(&metrics, || {
        // A library that links `metrics` alone.
        counter!("metric_ingest_status", "metric" => "nightly_ratio", "status" => "success")
            .increment(1);
    });
    for n in 0..5_000 {
        metrics.ingest(&format!("made_up_{n}")).failed();
    }
    assert_eq!(runs("nightly_ratio", "success"), Some(Value::Counter(3)));
    assert_eq!(runs("nightly_ratio", "failure"), Some(Value::Counter(1)));
    assert_eq!(runs("elsewhere_ratio", "success"), Some(Value::Counter(1)));
    assert_eq!(metrics.snapshot().family("metric_ingest_status").unwrap().series.len(), 3);
    assert_eq!(refused(&metrics, "metric_ingest_status", Reason::LabelValue), 5_000);
}

#[test]
fn without_a_registry_runs_are_bounded() {
    let metrics = Metrics::default();
    for n in 0..5_000 {
        metrics.ingest(&format!("metric_{n}")).succeeded();
    }
    let snapshot = metrics.snapshot();
    let series = &snapshot.family("metric_ingest_status").unwrap().series;
    // As many metrics as the label may name, and the overflow set.
    assert!((1_000..=2_001).contains(&series.len()), "{}", series.len());
    let total: u64 = series
        .iter()
        .map(|series| match series.value {
            Value::Counter(n) => n,
            _ => panic!("a counter"),
        })
        .sum();
    assert_eq!(total, 5_000);
}

#[test]
fn a_metric_is_seen_when_it_is_written_and_not_before() {
    let (metrics, clock) = metrics_at(SINCE);
    let seen =
        |metric| value(&metrics, "metric_last_seen_timestamp_seconds", &[("metric", metric)]);
    let gauge_at = |seconds: u64| Some(Value::Gauge(seconds as f64));
    clock.set(at(SINCE + 100));
    // Series that exist at 0, or at all, are no writes: it counts from the start of the process.
    assert_eq!(seen("old_total"), gauge_at(SINCE));
    assert_eq!(seen("new_total"), None);
    assert_eq!(seen("elsewhere_ratio"), None);
    let writing = with(&metrics, || counter!("old_total", "host" => "a"));
    assert_eq!(seen("old_total"), gauge_at(SINCE));
    writing.increment(0);
    clock.set(at(SINCE + 130));
    // The time of whoever looks first.
    metrics.note_writes();
    clock.set(at(SINCE + 150));
    assert_eq!(seen("old_total"), gauge_at(SINCE + 130));
    assert_eq!(seen("old_depth"), gauge_at(SINCE));
    with(&metrics, || gauge!("old_depth").set(f64::NAN));
    assert_eq!(seen("old_depth"), gauge_at(SINCE));
    with(&metrics, || gauge!("old_depth").set(0.0));
    assert_eq!(seen("old_depth"), gauge_at(SINCE + 150));
    // A clock that was set back is believed: the last time it was right may be years ahead.
    clock.set(at(SINCE - 1_000));
    writing.increment(1);
    assert_eq!(seen("old_total"), gauge_at(SINCE - 1_000));
    let interval = value(&metrics, "metric_interval_seconds", &[("metric", "old_total")]);
    assert_eq!(interval, Some(Value::Gauge(60.0)));
}
