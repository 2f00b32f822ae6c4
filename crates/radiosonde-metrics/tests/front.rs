//! The guard in front of another recorder: what that one sees is bounded, and the same as ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{metrics, metrics_in, refused, total};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, counter, gauge, histogram,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use radiosonde_metrics::{Metrics, Reason, Value};

/// Another recorder that writes down what reaches it.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    keys: BTreeSet<String>,
    writes: Vec<String>,
    described: Vec<String>,
}

impl Seen {
    fn key(&self, key: &Key) -> Arc<Handle> {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let name = format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","));
        self.0.lock().unwrap().keys.insert(name.clone());
        Arc::new(Handle { name, seen: self.clone() })
    }

    fn keys_of(&self, metric: &str) -> usize {
        let start = format!("{metric}{{");
        self.0.lock().unwrap().keys.iter().filter(|key| key.starts_with(&start)).count()
    }

    fn writes(&self) -> Vec<String> {
        self.0.lock().unwrap().writes.clone()
    }
}

struct Handle {
    name: String,
    seen: Seen,
}

impl Handle {
    fn note(&self, what: &str, value: f64) {
        self.seen.0.lock().unwrap().writes.push(format!("{} {what} {value}", self.name));
    }
}

#[expect(clippy::cast_precision_loss, reason = "small")]
impl CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.note("+", value as f64);
    }

    fn absolute(&self, value: u64) {
        self.note("to", value as f64);
    }
}

impl GaugeFn for Handle {
    fn increment(&self, value: f64) {
        self.note("+", value);
    }

    fn decrement(&self, value: f64) {
        self.note("-", value);
    }

    fn set(&self, value: f64) {
        self.note("=", value);
    }
}

impl HistogramFn for Handle {
    fn record(&self, value: f64) {
        self.note("saw", value);
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().described.push(key.as_str().to_owned());
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().described.push(key.as_str().to_owned());
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().described.push(key.as_str().to_owned());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.key(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.key(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.key(key))
    }
}

/// Both sides after these writes.
fn after(metrics: &Metrics, write: impl FnOnce()) -> Seen {
    let seen = Seen::default();
    metrics::with_local_recorder(&metrics.recorder().in_front_of(seen.clone()), write);
    seen
}

#[test]
fn what_is_refused_or_secret_does_not_get_through() {
    let metrics = metrics();
    let seen = after(&metrics, || {
        counter!("runs_total", "provider" => "acme", "outcome" => "success").increment(2);
        counter!("runs_total", "provider" => "acme", "outcome" => "exploded").increment(1);
        counter!("runs_total", "user" => "u-1").increment(1);
        counter!("nobody_total").increment(1);
        gauge!("runs_total", "provider" => "acme", "outcome" => "success").set(1.0);
        counter!("secrets_total", "token" => "t-0123").absolute(7);
        gauge!("queue_depth", "host" => "550e8400-e29b-41d4-a716-446655440000").set(1.0);
        let depth = gauge!("queue_depth", "host" => "h1");
        for value in [f64::NAN, 3.0, f64::INFINITY] {
            depth.set(value);
            depth.increment(value);
            depth.decrement(value);
        }
        let took = histogram!("parse_duration_milliseconds", "outcome" => "success");
        for value in [f64::NEG_INFINITY, 30.0, f64::NAN] {
            took.record(value);
        }
        took.record_many(40.0, 2);
        took.record_many(f64::NAN, 2);
        took.record_many(1.0, 0);
    });
    let expected = [
        "runs_total{outcome=success,provider=acme} + 2",
        "secrets_total{token=[redacted]} to 7",
        "queue_depth{host=h1} = 3",
        "queue_depth{host=h1} + 3",
        "queue_depth{host=h1} - 3",
        "parse_duration_milliseconds{outcome=success} saw 30",
        "parse_duration_milliseconds{outcome=success} saw 40",
        "parse_duration_milliseconds{outcome=success} saw 40",
    ];
    assert_eq!(seen.writes(), expected);
    assert_eq!(refused(&metrics, "parse_duration_milliseconds", Reason::Value), 4);
    assert_eq!(refused(&metrics, "queue_depth", Reason::Value), 6);
    assert_eq!(refused(&metrics, "runs_total", Reason::LabelValue), 1);
    assert_eq!(refused(&metrics, "runs_total", Reason::TypeMismatch), 1);
}

#[test]
fn a_gauge_that_ours_refuses_does_not_get_through() {
    let metrics = Metrics::default();
    let seen = after(&metrics, || {
        let old = gauge!("open", "n" => "old");
        old.set(1.0);
        let most = gauge!("open", "n" => "most");
        most.set(f64::MAX);
        most.increment(f64::MAX);
        assert_eq!(metrics.retire("open"), Some(2));
        for n in 0..200 {
            gauge!("open", "n" => format!("n{n}")).set(2.0);
        }
        old.set(3.0);
        old.increment(3.0);
        old.decrement(3.0);
    });
    let old: Vec<_> = seen.writes().into_iter().filter(|line| line.contains("n=old")).collect();
    assert_eq!(old, ["open{n=old} = 1"]);
    assert_eq!(seen.writes().iter().filter(|line| line.contains("n=most")).count(), 1);
    assert_eq!(refused(&metrics, "open", Reason::GaugeCap), 3);
    assert_eq!(refused(&metrics, "open", Reason::Value), 1);
    // It never forgets: those that were retired, and as many as fit after that.
    assert_eq!(seen.keys_of("open"), 202);
}

#[test]
fn the_other_side_sees_names_that_fit_and_one_series_however_it_is_written() {
    let metrics = Metrics::default();
    let seen = after(&metrics, || {
        metrics::describe_counter!("http.requests", Unit::Count, "Requests.");
        metrics::describe_gauge!("open", "Open.");
        metrics::describe_histogram!("took", "Took.");
        for route in ["/a", "/b"] {
            counter!("http.requests", "b" => "2", "http.route" => route).increment(1);
            counter!("http_requests", "http_route" => route, "b" => "2", "empty" => "")
                .increment(1);
        }
        for n in 0..1_000 {
            counter!("many", "n" => format!("n{n}")).increment(1);
        }
    });
    assert_eq!(seen.keys_of("http_requests"), 2, "{:?}", seen.0.lock().unwrap().keys);
    assert_eq!(seen.keys_of("many"), 201);
    assert_eq!(seen.writes().len(), 1_004);
    assert_eq!(seen.0.lock().unwrap().described, ["http.requests", "open", "took"]);
    let help = metrics.snapshot().family("http_requests").unwrap().help.clone();
    assert_eq!(&*help, "Requests.");
}

#[test]
fn descriptions_that_never_end_end_at_the_other_side() {
    let seen = after(&metrics(), || {
        for _ in 0..2 {
            for n in 0..5_000 {
                metrics::describe_counter!(format!("metric_{n}_total"), "One of many.");
            }
        }
    });
    let described: BTreeSet<_> = seen.0.lock().unwrap().described.iter().cloned().collect();
    assert_eq!((described.len(), seen.0.lock().unwrap().described.len()), (4_000, 8_000));
}

/// The lines of a metric in the text of the exporter: labels and value.
fn lines(text: &str, name: &str) -> BTreeMap<String, f64> {
    let of = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    of.filter_map(|line| line.rsplit_once("} "))
        .map(|(labels, value)| (labels.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn ten_thousand_values_become_fifty_series_and_an_overflow_in_the_exporter() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    let metrics = metrics_in("staging");
    let both = Arc::new(metrics.recorder().in_front_of(exporter));
    thread::scope(|scope| {
        for lane in 0..4_usize {
            let both = both.clone();
            scope.spawn(move || {
                metrics::with_local_recorder(&both, || {
                    for n in 0..2_500 {
                        let host = format!("h{}", n * 4 + lane);
                        counter!("wide_total", "host" => host.clone(), "outcome" => "retry")
                            .increment(3);
                        gauge!("queue_depth", "host" => host.clone()).set(7.0);
                        histogram!("sizes_bytes", "host" => host).record(2.0);
                    }
                });
            });
        }
    });
    let text = page.render();
    let counters = lines(&text, "wide_total");
    assert_eq!(counters.len(), 51, "{text}");
    let overflow = r#"host="_other",otel_metric_overflow="true",outcome="retry""#;
    assert_eq!(counters.get(overflow), Some(&(9_950.0 * 3.0)), "{counters:?}");
    assert_eq!(total(&metrics, "wide_total"), 30_000);
    assert!((counters.values().sum::<f64>() - 30_000.0).abs() < f64::EPSILON);
    assert_eq!(refused(&metrics, "wide_total", Reason::SeriesCap), 9_950);

    let gauges = lines(&text, "queue_depth");
    assert_eq!((gauges.len(), refused(&metrics, "queue_depth", Reason::GaugeCap)), (50, 9_950));

    let counts = lines(&text, "sizes_bytes_count");
    assert_eq!(counts.len(), 51, "{text}");
    let snapshot = metrics.snapshot();
    for series in &snapshot.family("sizes_bytes").unwrap().series {
        let labels: Vec<_> = series.labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
        let Value::Summary { count, .. } = series.value else { panic!("{series:?}") };
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let count = count as f64;
        assert_eq!(counts.get(&labels.join(",")), Some(&count), "{labels:?}");
    }
}
