//! Values: what each type makes of its writes, zeroes from the start, and the snapshot's order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;

use common::{metrics, registry, value, with};
use metrics::{Unit, counter, describe_histogram, gauge, histogram};
use radiosonde_metrics::{Metrics, Settings, Value, buckets};

const OUTCOME: [(&str, &str); 1] = [("outcome", "retry")];

#[test]
fn counters_never_fall_and_never_wrap() {
    let metrics = metrics();
    with(&metrics, || {
        let known = counter!("known_total", "outcome" => "retry");
        known.increment(5);
        known.absolute(3);
        assert_eq!(value(&metrics, "known_total", &OUTCOME), Some(Value::Counter(5)));
        known.absolute(9);
        assert_eq!(value(&metrics, "known_total", &OUTCOME), Some(Value::Counter(9)));
        known.increment(u64::MAX);
        known.increment(1);
    });
    assert_eq!(value(&metrics, "known_total", &OUTCOME), Some(Value::Counter(u64::MAX)));
}

#[test]
fn gauges_rise_fall_and_stay_finite() {
    let metrics = metrics();
    with(&metrics, || {
        let depth = gauge!("queue_depth", "host" => "a");
        depth.set(10.0);
        depth.increment(2.5);
        depth.decrement(0.5);
        depth.set(f64::NAN);
        depth.increment(f64::NEG_INFINITY);
        assert_eq!(value(&metrics, "queue_depth", &[("host", "a")]), Some(Value::Gauge(12.0)));
        depth.set(f64::MAX);
        depth.increment(f64::MAX);
    });
    assert_eq!(value(&metrics, "queue_depth", &[("host", "a")]), Some(Value::Gauge(f64::MAX)));
    assert_eq!(metrics.refusals()[0].count, 3);
}

#[test]
fn a_histogram_has_the_buckets_of_the_registry_and_bounds_belong_to_them() {
    let metrics = metrics();
    with(&metrics, || {
        let parse = histogram!("parse_duration_milliseconds", "outcome" => "retry");
        for duration in [-1.0, 25.0, 25.1, 100.0, 100.1, 1e300] {
            parse.record(duration);
        }
        parse.record_many(50.0, 4);
    });
    let expected = Value::Histogram {
        bounds: Arc::from([25.0, 50.0, 100.0]),
        counts: vec![2, 5, 1, 2],
        sum: -1.0 + 25.0 + 25.1 + 100.0 + 100.1 + 1e300 + 200.0,
        count: 10,
        exponential: None,
    };
    assert_eq!(value(&metrics, "parse_duration_milliseconds", &OUTCOME), Some(expected));
}

#[test]
fn sums_stay_finite() {
    let metrics = metrics();
    with(&metrics, || {
        histogram!("sizes_bytes", "host" => "a").record_many(f64::MAX, 3);
        histogram!("sizes_bytes", "host" => "a").record(1.0);
    });
    let found = value(&metrics, "sizes_bytes", &[("host", "a")]);
    let Some(Value::Summary { count: 4, sum, quantiles }) = found else { panic!("{found:?}") };
    assert_eq!(sum.to_bits(), f64::MAX.to_bits());
    let finite = |(_, value): &(f64, f64)| value.is_finite();
    assert!(quantiles.len() == 4 && quantiles.iter().all(finite), "{quantiles:?}");
}

#[test]
fn enumerated_counters_and_histograms_exist_at_zero_from_the_start() {
    let metrics = metrics();
    for outcome in ["success", "retry", "failure"] {
        let labels = [("outcome", outcome)];
        assert_eq!(value(&metrics, "known_total", &labels), Some(Value::Counter(0)));
        let histogram = value(&metrics, "parse_duration_milliseconds", &labels);
        assert!(matches!(histogram, Some(Value::Histogram { count: 0, .. })), "{histogram:?}");
    }
    assert_eq!(metrics.series_count(), 6, "nothing else, and no metric of another process");
}

#[test]
fn constant_labels_are_on_every_series_and_required_ones_are_missed() {
    let mut registry = registry();
    registry.required_labels = vec!["environment".into(), "tier".into(), "outcome".into()];
    let labels = [("region", "eu"), ("password", "hunter2"), ("no-name", "x"), ("nul", "\0")];
    let settings = Settings {
        registry: Some(registry),
        environment: Some("staging".into()),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Settings::default()
    };
    let metrics = Metrics::new(settings);
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.gauge("process_threads", &[], 4.0);
        snapshot.counter("known_total", &[("outcome", "retry")], 7);
    }));
    let constants = [("environment", "staging"), ("password", "[redacted]"), ("region", "eu")];
    let with_constants = |own: &[(&'static str, &'static str)]| [own, &constants[..]].concat();
    assert_eq!(value(&metrics, "process_threads", &with_constants(&[])), Some(Value::Gauge(4.0)));
    let own = with_constants(&[("outcome", "retry")]);
    assert_eq!(value(&metrics, "known_total", &own), Some(Value::Counter(7)), "the collector's");
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.family("known_total").unwrap().series.len(), 3, "no label set twice");

    let problems: Vec<String> = metrics.problems().into_iter().map(|(what, _)| what).collect();
    let named = |name: &str| problems.iter().filter(|what| what.contains(name)).count();
    assert_eq!((named("`tier`"), named("`outcome`")), (1, 1), "{problems:?}");
    assert_eq!((named("`no-name`"), named("`nul`")), (1, 1), "{problems:?}");
    for undeclared in ["environment", "password", "region"] {
        let what = format!("the constant label `{undeclared}` is not declared in the registry");
        assert!(problems.contains(&what), "{what}: {problems:?}");
    }
    assert_eq!(problems.len(), 7, "{problems:?}");
}

#[test]
fn constant_labels_are_held_against_the_registry() {
    let problems = |labels: &[&str], max_labels| {
        let mut registry = registry();
        registry.max_labels = max_labels;
        let pair = |name: &&str| ((*name).to_owned(), "v1".to_owned());
        let labels = labels.iter().map(pair).collect();
        let settings = Settings { registry: Some(registry), labels, ..Settings::default() };
        let told = Metrics::new(settings).problems();
        told.into_iter().map(|(what, fix)| format!("{what}; {fix}")).collect::<Vec<_>>()
    };
    assert_eq!(problems(&["version", "host"], Some(4)), [""; 0]);
    assert_eq!(
        problems(&["version", "host"], Some(3)),
        ["with the constant labels `version`, `host` more labels than `max_labels` are on the \
          series of `runs_total`; pass fewer constant labels, or raise `max_labels` in the registry"]
    );
    assert_eq!(
        problems(&["Version"], None),
        ["the constant label `Version` is not declared in the registry; \
          call it `version`, or declare it under `labels` there"]
    );
    // Those of our own metrics, which no registry of a user declares.
    let settings = |name: &str| Settings {
        labels: vec![(name.to_owned(), "x".to_owned())],
        ..Settings::default()
    };
    let own = Metrics::new(settings("status")).problems();
    let what = "the constant label `status` is a label of `metric_ingest_status` itself, \
                whose series keep their own";
    assert!(own.len() == 1 && own[0].0 == what, "{own:?}");
    assert_eq!(Metrics::new(settings("region")).problems(), []);
}

#[test]
fn the_size_of_what_somebody_else_writes_is_not_told() {
    let metrics = metrics();
    let size = |name| value(&metrics, "radiosonde_series", &[("metric", name)]);
    assert_eq!(size("elsewhere_total"), None);
    assert_eq!(size("runs_total"), Some(Value::Gauge(0.0)));
}

#[test]
fn what_is_wrong_with_settings_and_registry_is_named() {
    let mut registry = registry();
    registry.labels.get_mut("version").unwrap().pattern = Some("v[0-9".into());
    let settings = Settings {
        registry: Some(registry),
        environment: Some("prodution".into()),
        labels: vec![("outcome".into(), "maybe".into())],
        ..Settings::default()
    };
    let metrics = Metrics::new(settings);
    let problems = metrics.problems();
    for part in ["`prodution`", "`v[0-9`", "`maybe`"] {
        assert!(problems.iter().any(|(what, _)| what.contains(part)), "{part}: {problems:?}");
    }
    with(&metrics, || counter!("versions_total", "version" => "anything").increment(1));
    assert_eq!(
        value(&metrics, "versions_total", &[("version", "anything"), ("outcome", "maybe")]),
        Some(Value::Counter(1)),
    );
}

#[test]
fn a_snapshot_has_one_order() {
    let names = |reverse: bool| {
        let metrics = metrics();
        let mut hosts: Vec<String> = (0..40).map(|n| format!("h{n}")).collect();
        if reverse {
            hosts.reverse();
        }
        with(&metrics, || {
            for host in hosts {
                counter!("wide_total", "outcome" => "retry", "host" => host.clone()).increment(1);
                gauge!("queue_depth", "host" => host).set(1.0);
            }
        });
        metrics.snapshot()
    };
    let snapshot = names(false);
    assert_eq!(snapshot, names(true));
    assert!(snapshot.families.is_sorted_by_key(|family| family.name.clone()));
    for family in &snapshot.families {
        assert!(family.series.is_sorted_by_key(|series| series.labels.clone()), "{}", family.name);
        assert!(family.series.iter().all(|series| series.labels.is_sorted()));
    }
}

#[test]
fn descriptions_count_without_a_registry_and_not_with_one() {
    let observed = Metrics::default();
    with(&observed, || {
        describe_histogram!("wait", Unit::Seconds, "Time in the queue.");
        assert!(observed.snapshot().family("wait").is_none(), "a description is not a series");
        histogram!("wait").record(0.1);
        histogram!("wait_seconds").record(0.1);
    });
    let snapshot = observed.snapshot();
    let wait = snapshot.family("wait").unwrap();
    assert_eq!((wait.unit.as_deref(), &*wait.help), (Some("seconds"), "Time in the queue."));
    let Some(Value::Histogram { bounds, .. }) = value(&observed, "wait_seconds", &[]) else {
        panic!("a histogram without a registry")
    };
    assert_eq!(*bounds, buckets::SECONDS);

    let metrics = metrics();
    with(&metrics, || describe_histogram!("parse_duration_milliseconds", "Something else."));
    let snapshot = metrics.snapshot();
    assert_eq!(&*snapshot.family("parse_duration_milliseconds").unwrap().help, "Parse.");
}

#[test]
fn a_collector_that_panics_costs_its_own_families_only() {
    let metrics = metrics();
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.gauge("process_threads", &[], 4.0);
        assert!(snapshot.families.is_empty(), "a collector that panics");
    }));
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.float_counter("process_cpu_seconds_total", &[], 1.5);
    }));
    for _ in 0..3 {
        assert_eq!(
            value(&metrics, "process_cpu_seconds_total", &[]),
            Some(Value::FloatCounter(1.5))
        );
        assert!(value(&metrics, "known_total", &OUTCOME).is_some());
    }
    assert_eq!(metrics.problems().len(), 1);
}

#[test]
fn a_gauge_shows_nothing_before_its_first_value() {
    let text = common::REGISTRY.replace(
        "\"metrics\": [",
        r#""metrics": [
        {"name": "asked_ratio", "type": "gauge", "unit": "ratio", "help": "Asked for.",
         "owner": "platform", "labels": ["outcome"], "zero_init": true},"#,
    );
    let registry = radiosonde_registry::Registry::parse("registry.json", &text).unwrap();
    let registered = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    for metrics in [registered, Metrics::default()] {
        let host = [("host", "a")];
        let shown = || value(&metrics, "queue_depth", &host);
        with(&metrics, || {
            let depth = gauge!("queue_depth", "host" => "a");
            depth.set(f64::NAN);
            depth.increment(f64::INFINITY);
            assert_eq!(shown(), None);
            assert!(
                !metrics.registry_draft().contains("queue_depth"),
                "{}",
                metrics.registry_draft()
            );
            // A change begins at 0, and then it is a value, 0 as well.
            depth.decrement(0.0);
            assert_eq!(shown(), Some(Value::Gauge(0.0)));
            depth.decrement(2.0);
            assert_eq!(shown(), Some(Value::Gauge(-2.0)));
            // A counter that has counted nothing is at 0: `increase()` needs it.
            let _unused = counter!("wide_total", "host" => "a", "outcome" => "retry");
            let wide = value(&metrics, "wide_total", &[("host", "a"), ("outcome", "retry")]);
            assert_eq!(wide, Some(Value::Counter(0)));
        });
        if metrics.observed_count() == 0 {
            assert_eq!(value(&metrics, "asked_ratio", &OUTCOME), Some(Value::Gauge(0.0)));
        }
    }
}
