//! Roll-ups: sums of the same snapshot that never fall.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{refused, value, with};
use metrics::{counter, histogram};
use proptest::prelude::*;
use radiosonde_metrics::{Family, MetricType, Metrics, Reason, Settings, Snapshot, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {
    "host": {"max_values": 60}, "zone": {"max_values": 3},
    "outcome": {"values": ["success", "failure"]}
  },
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["outcome", "host", "zone"], "series_limit": 5,
     "rollups": [
       {"name": "runs_by_outcome_total", "by": ["outcome"], "help": "Runs by outcome."},
       {"name": "runs_by_zone_total", "by": ["zone", "outcome"]},
       {"name": "all_runs_total", "by": []}
     ]},
    {"name": "run_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "owner": "platform", "labels": ["host"], "buckets": [0.1, 1], "series_limit": 60,
     "rollups": [{"name": "all_run_seconds", "by": []}]}
  ]
}"#;

fn metrics_of(text: &str, labels: &[(&str, &str)]) -> Metrics {
    let registry = Some(Registry::parse("registry.json", text).unwrap());
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Metrics::new(Settings { registry, labels, ..Settings::default() })
}

fn metrics() -> Metrics {
    metrics_of(REGISTRY, &[])
}

#[test]
fn a_roll_up_is_a_family_of_its_own_that_includes_what_was_folded() {
    let metrics = metrics();
    with(&metrics, || {
        for n in 0..20 {
            let (host, zone) = (format!("h{n}"), format!("z{}", n % 2));
            let outcome = if n % 4 == 0 { "failure" } else { "success" };
            counter!("runs_total", "host" => host, "zone" => zone, "outcome" => outcome)
                .increment(1);
        }
    });
    let of = |outcome| value(&metrics, "runs_by_outcome_total", &[("outcome", outcome)]);
    assert_eq!((of("success"), of("failure")), (Some(Value::Counter(15)), Some(Value::Counter(5))));
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(20)));
    let other = [("outcome", "success"), ("zone", "_other")];
    let other = value(&metrics, "runs_by_zone_total", &other);
    // Five series fit, of which two are failures.
    assert_eq!(other, Some(Value::Counter(12)));
    let snapshot = metrics.snapshot();
    let family = snapshot.family("runs_by_outcome_total").unwrap();
    assert_eq!(
        (family.metric_type, family.unit.as_deref(), &*family.help),
        (MetricType::Counter, Some("runs"), "Runs by outcome.")
    );
    assert_eq!(&*snapshot.family("all_runs_total").unwrap().help, "Runs.");
    // They are no series of their own: the cap is not about them.
    let own = snapshot.value("radiosonde_series", &[("metric", "all_runs_total")]);
    assert_eq!(own, None);
}

#[test]
fn sums_that_are_known_beforehand_exist_at_zero() {
    let metrics = metrics();
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(0)));
    let failures = value(&metrics, "runs_by_outcome_total", &[("outcome", "failure")]);
    assert_eq!(failures, Some(Value::Counter(0)));
    assert_eq!(metrics.snapshot().family("runs_by_zone_total"), None);
    let zero = Value::Histogram {
        bounds: Arc::from([0.1, 1.0]),
        counts: vec![0, 0, 0],
        sum: 0.0,
        count: 0,
        exponential: None,
    };
    assert_eq!(value(&metrics, "all_run_seconds", &[]), Some(zero));
}

#[test]
fn a_roll_up_cannot_be_written() {
    let metrics = metrics();
    with(&metrics, || counter!("all_runs_total").increment(9));
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(0)));
    assert_eq!(refused(&metrics, "all_runs_total", Reason::Computed), 1);
}

#[test]
fn a_constant_label_does_not_claim_to_know_what_was_summed() {
    let metrics = metrics_of(REGISTRY, &[("zone", "here"), ("tier", "gold")]);
    with(&metrics, || {
        counter!("runs_total", "host" => "a", "zone" => "z", "outcome" => "success").increment(1);
    });
    assert_eq!(value(&metrics, "all_runs_total", &[("tier", "gold")]), Some(Value::Counter(1)));
}

#[test]
fn counters_stop_at_the_top_together() {
    let metrics = metrics();
    with(&metrics, || {
        for host in ["a", "b"] {
            counter!("runs_total", "host" => host, "zone" => "z", "outcome" => "success")
                .increment(u64::MAX - 1);
        }
    });
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(u64::MAX)));
}

#[test]
fn what_cannot_be_summed_is_a_problem() {
    let mut registry = Registry::parse("registry.json", REGISTRY).unwrap();
    let mut gauge = registry.metrics[0].clone();
    (gauge.name, gauge.metric_type) = ("depth".to_owned(), MetricType::Gauge);
    registry.metrics[0].rollups[0].by = vec!["unknown".to_owned()];
    registry.metrics[0].rollups[1].name = "run_seconds".to_owned();
    registry.metrics.push(gauge);
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    let problems: Vec<String> = metrics.problems().into_iter().map(|(what, _)| what).collect();
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems[0].contains("keeps `unknown`"), "{problems:#?}");
    assert!(problems[1].contains("`run_seconds`, which is computed"), "{problems:#?}");
    assert!(problems[2].contains("sums a gauge"), "{problems:#?}");
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(0)));
}

/// Every number of a family by its labels, under a name each, and the sum of histograms.
fn numbers(family: &Family) -> BTreeMap<String, f64> {
    let mut numbers = BTreeMap::new();
    for series in &family.series {
        let labels = format!("{:?}", series.labels);
        match &series.value {
            Value::Counter(n) => drop(numbers.insert(labels, *n as f64)),
            Value::Histogram { counts, sum, count, .. } => {
                for (at, bucket) in counts.iter().enumerate() {
                    numbers.insert(format!("{labels} {at}"), *bucket as f64);
                }
                numbers.insert(format!("{labels} sum"), *sum);
                numbers.insert(format!("{labels} count"), *count as f64);
            }
            other => panic!("{other:?}"),
        }
    }
    numbers
}

fn nothing_fell(before: &Snapshot, after: &Snapshot) {
    for family in &before.families {
        if family.metric_type == MetricType::Gauge {
            continue;
        }
        let after = numbers(after.family(&family.name).unwrap());
        for (what, number) in numbers(family) {
            assert!(after[&what] >= number, "{} {what}: {number} {}", family.name, after[&what]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Values of very different size, in any order, with new series and an overflow set between them:
    /// what a new one adds is often less than what another order of the sum would take away.
    #[test]
    fn no_sum_ever_falls(
        writes in prop::collection::vec((0_u8..80, -20_i32..20, 1_u32..1000), 1..150)
    ) {
        let metrics = metrics();
        let mut before = metrics.snapshot();
        let mut written = 0;
        with(&metrics, || {
            for (host, exponent, digits) in writes {
                let value = f64::from(digits) * 10_f64.powi(exponent);
                histogram!("run_seconds", "host" => format!("h{host}")).record(value);
                written += 1;
                let after = metrics.snapshot();
                nothing_fell(&before, &after);
                match after.value("all_run_seconds", &[]) {
                    Some(Value::Histogram { count, .. }) => assert_eq!(*count, written),
                    other => panic!("{other:?}"),
                }
                before = after;
            }
        });
    }
}

#[test]
fn no_sum_falls_while_threads_write() {
    let metrics = metrics();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3_u32)
            .map(|thread| {
                let metrics = &metrics;
                scope.spawn(move || {
                    with(metrics, || {
                        for n in 0..4_000_u32 {
                            let host = format!("h{}", (n + thread) % 9);
                            let value = f64::from(n % 97 + 1) * 0.1_f64.powi((n % 23) as i32);
                            histogram!("run_seconds", "host" => host.clone()).record(value);
                            counter!("runs_total", "host" => host, "zone" => "z",
                                "outcome" => "success")
                            .increment(1);
                        }
                    });
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut before = metrics.snapshot();
            let mut snapshots = 0;
            while !done.load(Ordering::Acquire) {
                let after = metrics.snapshot();
                nothing_fell(&before, &after);
                // A sum is one of the values beside it.
                let series: f64 = match after.family("runs_total") {
                    Some(family) => numbers(family).values().sum(),
                    None => 0.0,
                };
                let all = numbers(after.family("all_runs_total").unwrap());
                assert_eq!(all.values().sum::<f64>(), series);
                before = after;
                snapshots += 1;
            }
            snapshots
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(12_000)));
}
