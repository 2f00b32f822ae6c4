//! The cap is exact, nothing past it is lost, and filtered sums stay right.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::HashSet;
use std::thread;

use common::{metrics, metrics_in, refused, total, value, with};
use metrics::{counter, gauge, histogram};
use radiosonde_metrics::{Metrics, Reason, Settings, Value};
use radiosonde_registry::Registry;

#[test]
fn eight_threads_and_400_keys_make_exactly_50_series() {
    for round in 0..20 {
        let metrics = metrics_in("staging");
        let (threads, keys, writes) = (8_usize, 400_usize, 1_200_usize);
        thread::scope(|scope| {
            for thread in 0..threads {
                let metrics = &metrics;
                scope.spawn(move || {
                    with(metrics, || {
                        for n in 0..writes {
                            // Each thread in an order of its own, so that they meet on new keys.
                            let key = (n * (2 * thread + 1) + thread * 50 + round) % keys;
                            let host = format!("h{key}");
                            counter!("wide_total", "host" => host, "outcome" => "retry")
                                .increment(1);
                        }
                    });
                });
            }
        });
        let snapshot = metrics.snapshot();
        let series = &snapshot.family("wide_total").unwrap().series;
        let own = series.iter().filter(|s| s.labels.len() == 2);
        let distinct: HashSet<_> = own.clone().map(|s| s.labels.clone()).collect();
        assert_eq!((own.count(), distinct.len()), (50, 50), "round {round}");
        assert_eq!(series.len(), 51, "and one overflow set");
        assert_eq!(total(&metrics, "wide_total"), (threads * writes) as u64);
        let labels = [("host", "_other"), ("outcome", "retry"), ("otel_metric_overflow", "true")];
        let folded = refused(&metrics, "wide_total", Reason::SeriesCap);
        assert_eq!(value(&metrics, "wide_total", &labels), Some(Value::Counter(folded)));
    }
}

#[test]
fn an_overflow_set_keeps_the_enumerated_labels() {
    let metrics = metrics_in("staging");
    with(&metrics, || {
        for n in 0..100 {
            let outcome = if n % 2 == 0 { "success" } else { "failure" };
            counter!("wide_total", "host" => format!("h{n}"), "outcome" => outcome).increment(1);
        }
    });
    let sum_of = |outcome: &str| -> u64 {
        let snapshot = metrics.snapshot();
        let family = snapshot.family("wide_total").unwrap();
        let mine = family.series.iter().filter(|s| s.labels.iter().any(|l| &*l.1 == outcome));
        mine.map(|s| if let Value::Counter(n) = s.value { n } else { 0 }).sum()
    };
    assert_eq!((sum_of("success"), sum_of("failure")), (50, 50), "filtered sums stay right");
    for outcome in ["success", "failure"] {
        let labels = [("host", "_other"), ("outcome", outcome), ("otel_metric_overflow", "true")];
        assert_eq!(value(&metrics, "wide_total", &labels), Some(Value::Counter(25)));
    }
    assert_eq!(
        value(&metrics, "radiosonde_series", &[("metric", "wide_total")]),
        Some(Value::Gauge(50.0))
    );
    let limit = |metrics| value(metrics, "radiosonde_series_limit", &[("metric", "wide_total")]);
    assert_eq!(limit(&metrics), Some(Value::Gauge(50.0)));
    assert_eq!(limit(&metrics_in("production")), Some(Value::Gauge(200.0)));
}

#[test]
fn a_label_has_at_most_its_number_of_values() {
    let metrics = metrics();
    with(&metrics, || {
        for small in ["a", "b", "c", "d", "a"] {
            counter!("small_total", "small" => small).increment(1);
        }
    });
    assert_eq!(value(&metrics, "small_total", &[("small", "a")]), Some(Value::Counter(2)));
    assert_eq!(value(&metrics, "small_total", &[("small", "c")]), None);
    let overflow = [("small", "_other"), ("otel_metric_overflow", "true")];
    assert_eq!(value(&metrics, "small_total", &overflow), Some(Value::Counter(2)));
    let refusal = &metrics.refusals()[0];
    assert_eq!(refusal.example.as_deref(), Some("label `small` has its 2 different values"));
    assert_eq!((refusal.reason.is_folded(), refusal.full_label.as_deref()), (true, Some("small")));
}

#[test]
fn gauges_past_the_cap_are_refused_and_counted() {
    let metrics = metrics_in("staging");
    with(&metrics, || {
        for n in 0..60 {
            gauge!("queue_depth", "host" => format!("h{n}")).set(f64::from(n));
        }
    });
    assert_eq!(metrics.snapshot().family("queue_depth").unwrap().series.len(), 50);
    assert_eq!(refused(&metrics, "queue_depth", Reason::GaugeCap), 10);
}

#[test]
fn the_strictest_limit_holds_in_an_unknown_environment() {
    for (environment, limit) in [("production", 200), ("staging", 50), ("prodution", 50)] {
        let metrics = metrics_in(environment);
        with(&metrics, || {
            for n in 0..300 {
                let host = format!("h{n}");
                histogram!("sizes_bytes", "host" => host).record(1.0);
            }
        });
        let snapshot = metrics.snapshot();
        assert_eq!(
            snapshot.family("sizes_bytes").unwrap().series.len(),
            limit + 1,
            "{environment}"
        );
    }
}

#[test]
fn without_a_registry_metrics_are_observed_within_limits() {
    let metrics = Metrics::default();
    with(&metrics, || {
        for n in 0..1_000 {
            counter!("http.requests", "route" => format!("/r{n}")).increment(1);
        }
        for n in 0..3_000 {
            gauge!(format!("gauge_{n}")).set(1.0);
        }
    });
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.family("http_requests").unwrap().series.len(), 201);
    assert_eq!(total(&metrics, "http_requests"), 1_000);
    assert_eq!(metrics.series_count(), 200 + 1_999, "2,000 metrics");
    let refusals = metrics.refusals();
    let capped = refusals.iter().filter(|r| r.reason == Reason::MetricCap).map(|r| r.count);
    assert_eq!(capped.sum::<u64>(), 1_001);
}

#[test]
fn observed_labels_are_ordered_and_checked() {
    let metrics = Metrics::default();
    with(&metrics, || {
        counter!("other", "b" => "2", "a" => "1", "empty" => "").increment(1);
        counter!("other", "a" => "1", "b" => "2").increment(1);
        counter!("other", "request" => "550e8400e29b41d4a716446655440000").increment(1);
        counter!("other", "a.b" => "1", "a_b" => "2").increment(1);
        counter!("other", "__name__" => "1").increment(1);
        gauge!("other").set(1.0);
        counter!("").increment(1);
    });
    assert_eq!(value(&metrics, "other", &[("a", "1"), ("b", "2")]), Some(Value::Counter(2)));
    for reason in
        [Reason::LabelShape, Reason::LabelRepeated, Reason::LabelName, Reason::TypeMismatch]
    {
        assert_eq!(refused(&metrics, "other", reason), 1, "{reason}");
    }
    assert_eq!(refused(&metrics, "", Reason::MetricName), 1);
}

#[test]
fn all_metrics_together_have_only_so_many_series_at_the_start() {
    let list: Vec<String> = (0..250).map(|n| format!("\"v{n}\"")).collect();
    let list = list.join(",");
    let metric = |name: &str, labels: &str| {
        format!(
            r#"{{"name": "{name}", "type": "counter", "unit": "items", "help": "Items.",
                "owner": "platform", "series_limit": 100000, "labels": [{labels}]}}"#
        )
    };
    let metrics = [
        metric("first_total", r#""one", "two""#),
        metric("second_total", r#""one", "two""#),
        metric("third_total", r#""one""#),
    ];
    let text = format!(
        r#"{{"schema_version": 1, "owners": {{"platform": {{"slack": "telemetry"}}}},
            "labels": {{"one": {{"values": [{list}]}}, "two": {{"values": [{list}]}}}},
            "metrics": [{}]}}"#,
        metrics.join(",")
    );
    let registry = Registry::parse("registry.json", &text).unwrap_or_else(|told| panic!("{told}"));
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    assert_eq!(metrics.problems(), []);
    let problems = metrics.warnings();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let what = "the series of `second_total` do not exist at 0 from the start: all metrics together \
                would have more than 100000";
    assert_eq!(problems[0].0, what);
    assert_eq!(metrics.series_count(), 250 * 250 + 250);
    // They come when they are written.
    with(&metrics, || counter!("second_total", "one" => "v1", "two" => "v2").increment(1));
    let labels = [("one", "v1"), ("two", "v2")];
    assert_eq!(value(&metrics, "second_total", &labels), Some(Value::Counter(1)));
}
