//! Batch gauges: their values and times go from process to process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{value, with};
use metrics::gauge;
use radiosonde_metrics::{BatchValue, Clock, Metrics, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"provider": {"values": ["acme", "other"]}, "note": {"max_values": 2}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "cost_ratio", "type": "gauge", "unit": "ratio", "help": "Cost.", "owner": "platform",
     "labels": ["provider"], "source": "batch", "interval_s": 3600},
    {"name": "notes", "type": "gauge", "unit": "items", "help": "Notes.", "owner": "platform",
     "labels": ["note"], "source": "batch", "series_limit": 2},
    {"name": "live", "type": "gauge", "unit": "items", "help": "Live.", "owner": "platform"},
    {"name": "done_total", "type": "counter", "unit": "items", "help": "Done.",
     "owner": "platform", "source": "batch"}
  ]
}"#;

const NOW: u64 = 1_793_491_200;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn metrics() -> (Metrics, Clock) {
    let clock = Clock::fixed(at(NOW));
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    (Metrics::new(Settings { registry, clock: clock.clone(), ..Settings::default() }), clock)
}

fn old(metric: &str, labels: &[(&str, &str)], value: f64, computed_at: u64) -> BatchValue {
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    BatchValue::new(metric, labels, value, at(computed_at))
}

fn updated(metrics: &Metrics, metric: &str) -> Option<Value> {
    value(metrics, "last_update_timestamp_seconds", &[("metric", metric)])
}

#[test]
fn a_value_goes_on_with_its_time() {
    let (before, clock) = metrics();
    assert_eq!((before.batch_values(), before.take_batch_changes()), (Vec::new(), false));
    assert_eq!(updated(&before, "cost_ratio"), None);
    with(&before, || {
        gauge!("live").set(1.0);
        gauge!("cost_ratio", "provider" => "acme").set(0.1 + 0.2);
        clock.set(at(NOW + 10));
        gauge!("cost_ratio", "provider" => "other").set(7.0);
    });
    assert!(before.take_batch_changes());
    assert!(!before.take_batch_changes());
    let kept = before.batch_values();
    let acme = old("cost_ratio", &[("provider", "acme")], 0.1 + 0.2, NOW);
    assert_eq!(kept, [acme, old("cost_ratio", &[("provider", "other")], 7.0, NOW + 10)]);
    assert_eq!(updated(&before, "cost_ratio"), Some(Value::Gauge((NOW + 10) as f64)));

    let (after, clock) = metrics();
    clock.set(at(NOW + 4_000));
    let restored = after.restore_batch(kept.clone());
    assert_eq!((restored.taken, restored.dropped), (2, Vec::new()));
    assert_eq!(after.batch_values(), kept);
    let acme = value(&after, "cost_ratio", &[("provider", "acme")]);
    assert_eq!(acme, Some(Value::Gauge(0.1 + 0.2)));
    assert_eq!(updated(&after, "cost_ratio"), Some(Value::Gauge((NOW + 10) as f64)));
    // It was seen when it was computed, whichever process did it.
    let seen = [("metric", "cost_ratio")];
    let seen = value(&after, "metric_last_seen_timestamp_seconds", &seen);
    assert_eq!(seen, Some(Value::Gauge((NOW + 10) as f64)));
    assert!(!after.take_batch_changes());
}

#[test]
fn the_newest_of_several_wins_in_any_order() {
    let acme = [("provider", "acme")];
    let mut values = vec![old("cost_ratio", &acme, 1.0, 100), old("cost_ratio", &acme, 3.0, 300)];
    values.push(old("cost_ratio", &acme, 2.0, 200));
    for _ in 0..3 {
        values.rotate_left(1);
        let (metrics, _) = metrics();
        assert_eq!(metrics.restore_batch(values.clone()).taken, 1);
        assert_eq!(metrics.batch_values(), [old("cost_ratio", &acme, 3.0, 300)]);
    }
}

#[test]
fn what_no_longer_fits_is_dropped_counted_and_named() {
    let (metrics, _) = metrics();
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let restored = metrics.restore_batch(vec![
        old("gone", &[], 1.0, 1),
        old("gone", &[("a", "b")], 1.0, 2),
        old("live", &[], 1.0, 3),
        old("done_total", &[], 1.0, 4),
        old("cost_ratio", &[], 1.0, 5),
        old("cost_ratio", &[("provider", "unknown")], 1.0, 6),
        old("cost_ratio", &[("provider", "acme")], f64::NAN, 7),
        old("notes", &[("note", id)], 1.0, 8),
        old("notes", &[("note", "oldest")], 1.0, 9),
        old("notes", &[("note", "older")], 1.0, 10),
        old("notes", &[("note", "newest")], 1.0, 11),
        old("\u{1b}[31m", &[], 1.0, 12),
    ]);
    assert_eq!(restored.taken, 2);
    let dropped = restored.dropped_by_metric(|_| true);
    let dropped: Vec<_> =
        dropped.iter().map(|(metric, count, _)| (metric.as_str(), *count)).collect();
    let expected = [("cost_ratio", 3), ("done_total", 1), ("gone", 2), ("live", 1), ("notes", 2)];
    assert_eq!(dropped[..5], expected);
    assert_eq!(dropped[5], ("\u{fffd}[31m", 1));
    let kept: Vec<_> = metrics.batch_values().into_iter().map(|kept| kept.labels).collect();
    let note = |note: &str| vec![("note".to_owned(), note.to_owned())];
    assert_eq!(kept, [note("newest"), note("older")]);
    // They count towards the cap.
    with(&metrics, || gauge!("notes", "note" => "late").set(1.0));
    assert_eq!(metrics.batch_values().len(), 2);
    // Nothing was refused: these are no writes of this process.
    assert_eq!(metrics.refusals().len(), 1);
}

#[test]
fn a_time_to_come_beats_nothing_and_does_not_renew_itself() {
    let acme = [("provider", "acme")];
    let other = [("provider", "other")];
    let ahead = NOW + 301;
    let mut values = vec![
        old("cost_ratio", &acme, 777.0, u64::MAX / 1_000_000),
        old("cost_ratio", &acme, 778.0, ahead),
        old("cost_ratio", &acme, 6.0, 1),
        old("cost_ratio", &other, 5.0, ahead),
        old("cost_ratio", &other, 4.0, ahead + 1),
    ];
    assert!(values[1].is_ahead_of(at(NOW)) && !values[1].is_ahead_of(at(NOW + 1)));
    for _ in 0..values.len() {
        values.rotate_left(1);
        let (metrics, _) = metrics();
        assert_eq!(metrics.restore_batch(values.clone()).taken, 2);
        let kept = metrics.batch_values();
        assert_eq!(kept[0], old("cost_ratio", &acme, 6.0, 1));
        // Nobody knows when: long ago, so that it is missed.
        assert_eq!(kept[1].value, 4.0);
        assert_eq!(kept[1].computed_at, UNIX_EPOCH + Duration::from_millis(1));
    }
}

#[test]
fn a_time_a_moment_ahead_is_now_and_names_are_bounded() {
    let (metrics, _) = metrics();
    let soon = old("cost_ratio", &[("provider", "acme")], 1.0, NOW + 300);
    assert_eq!(metrics.restore_batch(vec![soon]).taken, 1);
    assert_eq!(metrics.batch_values()[0].computed_at, at(NOW));
    let many = (0..1_000).map(|n| old(&format!("gone_{n}"), &[], 1.0, n)).collect();
    let dropped = metrics.restore_batch(many).dropped_by_metric(|_| true);
    assert_eq!(dropped.len(), 65);
    assert_eq!(dropped.iter().map(|(_, count, _)| count).sum::<u64>(), 1_000);
}

#[test]
fn secrets_are_not_restored() {
    let (metrics, _) = metrics();
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let _ = metrics.restore_batch(vec![old("notes", &[("note", token)], 1.0, 1)]);
    with(&metrics, || gauge!("notes", "note" => token).set(2.0));
    let text = format!("{:?} {:?}", metrics.batch_values(), metrics.snapshot());
    assert!(!text.contains(token), "{text}");
    assert_eq!(metrics.batch_values().len(), 1);
}
