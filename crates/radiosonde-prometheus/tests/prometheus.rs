//! A real Prometheus scrapes in OpenMetrics, without a complaint, and its answers to `rate`,
//! `increase`, `histogram_quantile` and for exemplars are what was written.
//!
//! `XTASK_SCRAPES` is the number of scrapes, one a second: 60 by `cargo xtask prove scrape`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod peers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::Sample;
use peers::prometheus::Prometheus;
use peers::{OPEN_METRICS, Server};
use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_metrics::{
    Exemplar, Family, MetricType, Metrics, Series, Settings, Snapshot, Value,
};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"outcome": {"values": ["success", "failure"]}, "host": {"max_values": 20}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "ticks_total", "type": "counter", "unit": "ticks", "help": "Ticks.",
     "labels": ["outcome"], "owner": "platform"},
    {"name": "born_total", "type": "counter", "unit": "items", "help": "Born.", "labels": ["host"],
     "owner": "platform"},
    {"name": "born_seconds", "type": "histogram", "unit": "seconds", "help": "Born.",
     "buckets": [1, 2], "labels": ["host"], "owner": "platform"},
    {"name": "queue_depth", "type": "gauge", "unit": "items", "help": "Queue.", "owner": "platform"},
    {"name": "live_seconds", "type": "histogram", "unit": "seconds", "help": "Live.",
     "buckets": [0.1, 0.2, 0.4, 0.8], "labels": ["outcome"], "owner": "platform"},
    {"name": "done_seconds", "type": "histogram", "unit": "seconds", "help": "Done.",
     "buckets": [0.1, 0.2, 0.4, 0.8], "labels": ["outcome"], "owner": "platform"},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform"}
  ]
}"#;

fn scrapes() -> f64 {
    std::env::var("XTASK_SCRAPES").ok().map_or(3.0, |scrapes| scrapes.parse().unwrap())
}

fn metrics() -> Metrics {
    let registry = Registry::parse("registry.json", REGISTRY);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    let labels = vec![("environment".to_owned(), "staging".to_owned())];
    Metrics::new(Settings { registry, labels, ..Settings::default() })
}

fn ids(n: u8) -> (TraceId, SpanId) {
    (TraceId::from_bytes([n; 16]).unwrap(), SpanId::from_bytes([n; 8]).unwrap())
}

/// Series with exemplars, as a collector shows them.
fn traced(snapshot: &mut Snapshot, at: SystemTime) {
    let mut push = |name: &str, metric_type, value, exemplars| {
        let mut family = Family::new(name, metric_type);
        let mut series = Series::new(vec![("odd".into(), "\\\"\n".into())], value);
        series.exemplars = exemplars;
        family.series.push(series);
        snapshot.push(family);
    };
    let exemplar = vec![Exemplar::new(0, 2.0, ids(1), at)];
    push("traced_total", MetricType::Counter, Value::Counter(5), exemplar);
    let value = Value::Histogram {
        bounds: [0.1, 1.0].into(),
        counts: vec![1, 2, 3],
        sum: 20.5,
        count: 6,
        exponential: None,
    };
    let exemplars = vec![Exemplar::new(0, 0.05, ids(2), at), Exemplar::new(2, 7.5, ids(3), at)];
    push("traced_seconds", MetricType::Histogram, value, exemplars);
}

/// Writes at full speed from four threads until dropped.
struct Writers {
    stop: Arc<OnceLock<()>>,
    threads: Vec<thread::JoinHandle<()>>,
    ticks: Arc<AtomicU64>,
}

impl Writers {
    fn start(metrics: &Metrics) -> Self {
        let (stop, ticks) = (Arc::new(OnceLock::new()), Arc::new(AtomicU64::new(0)));
        let spawn = |lane: u32| {
            let (metrics, stop, ticks) = (metrics.clone(), stop.clone(), ticks.clone());
            thread::spawn(move || {
                metrics::with_local_recorder(&metrics.recorder(), || {
                    for n in 0_u32.. {
                        if stop.get().is_some() {
                            break;
                        }
                        metrics::counter!("ticks_total", "outcome" => "success").increment(3);
                        ticks.fetch_add(3, Ordering::Relaxed);
                        let value = f64::from((n * 7 + lane) % 100) / 100.0;
                        metrics::histogram!("live_seconds", "outcome" => "success").record(value);
                        metrics::histogram!("size_bytes").record(value * 1000.0);
                        metrics::gauge!("queue_depth").set(value);
                        if n % 64 == 0 {
                            // A breath, so that a machine of two cores has one for Prometheus.
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                });
            })
        };
        Self { threads: (0..4).map(spawn).collect(), stop, ticks }
    }

    /// Ends them; how often `ticks_total` was raised.
    fn end(self) -> u64 {
        let _ = self.stop.set(());
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.ticks.load(Ordering::Relaxed)
    }
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.expect("an answer");
    assert!((found - expected).abs() <= expected.abs() * 1e-9, "{found} instead of {expected}");
}

const TICKS: &str = r#"ticks_total{outcome="success"}"#;

#[test]
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn prometheus_scrapes_without_a_complaint_and_answers_with_what_was_written() {
    let Some(program) = peers::program("prometheus") else { return };
    let (metrics, begun) = (metrics(), SystemTime::now());
    metrics.add_collector(Box::new(move |snapshot| traced(snapshot, begun)));
    let server = Server::start(Sample(metrics.clone()));
    let prometheus = Prometheus::start(&program, server.addr);
    // Series of listed labels are there at 0 before anybody writes: what comes is seen to rise.
    prometheus.wait_until("a first scrape", |it| it.number(TICKS, None) == Some(0.0));

    metrics::with_local_recorder(&metrics.recorder(), || {
        let done = metrics::histogram!("done_seconds", "outcome" => "success");
        for (value, times) in [(0.05, 50), (0.15, 30), (0.3, 15), (0.8, 5)] {
            done.record_many(value, times);
        }
    });
    let writers = Writers::start(&metrics);
    let count = |it: &Prometheus| it.number("count_over_time(up[1h])", None).unwrap_or(0.0);
    let wanted = count(&prometheus) + scrapes();
    let mut patience = 0.0;
    while patience < wanted {
        // A minute for the next scrape, not for all of them.
        patience = count(&prometheus) + 1.0;
        prometheus.wait_until("a scrape", |it| count(it) >= patience);
    }
    let ticks = writers.end() as f64;
    prometheus.wait_until("the last value", |it| it.number(TICKS, None) == Some(ticks));

    answers(&prometheus, ticks);
    quantiles(&prometheus);
    exemplars(&prometheus, begun);
    health(&prometheus, &server);
}

/// `increase`, `rate`, and that nothing ever fell.
fn answers(prometheus: &Prometheus, ticks: f64) {
    let samples = prometheus.samples(TICKS);
    assert!(samples.len() as f64 >= scrapes(), "{samples:?}");
    assert!(samples.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{samples:?}");
    let (first, last) = (samples.first().unwrap(), samples.last().unwrap());
    assert_eq!((first.1.to_bits(), last.1.to_bits()), (0_f64.to_bits(), ticks.to_bits()));
    // At the time of the last sample there is nothing after it to extrapolate to, and a counter that
    // begins at 0 is not extrapolated to below it.
    let at = Some(last.0);
    near(prometheus.number(&format!("increase({TICKS}[1h])"), at), ticks);
    near(prometheus.number(&format!("rate({TICKS}[1h])"), at), ticks / 3600.0);
    near(prometheus.number("sum(increase(ticks_total[1h]))", at), ticks);
    let none = prometheus.query(r#"increase(ticks_total{outcome="failure"}[1h]) > 0"#, at);
    assert!(none.is_empty(), "{none:?}");
    let names = prometheus.ask("/api/v1/label/__name__/values", &[]);
    let names: Vec<_> = names.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let rises = |name: &&&str| {
        ["_total", "_bucket", "_sum", "_count"].iter().any(|part| name.ends_with(part))
    };
    assert!(names.iter().filter(rises).count() > 10, "{names:?}");
    for name in names.iter().filter(rises) {
        let fell = prometheus.query(&format!("resets({name}[1h]) > 0"), at);
        assert!(fell.is_empty(), "{name}: {fell:?}");
        assert!(!prometheus.query(&format!("resets({name}[1h])"), at).is_empty(), "{name}");
    }
}

/// Quantiles of known values, and buckets that agree with the count in each scrape.
fn quantiles(prometheus: &Prometheus) {
    let last = prometheus.samples(r#"done_seconds_count{outcome="success"}"#).pop().unwrap();
    let at = Some(last.0);
    for (quantile, expected) in [("0.5", 0.1), ("0.65", 0.15), ("0.9", 0.2 + 0.2 * 10.0 / 15.0)] {
        let rates = "sum by (le) (rate(done_seconds_bucket[1h]))";
        near(prometheus.number(&format!("histogram_quantile({quantile}, {rates})"), at), expected);
    }
    let mean = "rate(done_seconds_sum{outcome=\"success\"}[1h]) / \
                ignoring() rate(done_seconds_count{outcome=\"success\"}[1h])";
    near(prometheus.number(mean, at), (0.05 * 50.0 + 0.15 * 30.0 + 0.3 * 15.0 + 0.8 * 5.0) / 100.0);

    let part = |name: &str| prometheus.samples(&format!("live_seconds_{name}"));
    let counts = part(r#"count{outcome="success"}"#);
    let mut below = vec![0.0; counts.len()];
    for le in ["0.1", "0.2", "0.4", "0.8", "+Inf"] {
        let bucket = part(&format!(r#"bucket{{outcome="success",le="{le}"}}"#));
        assert_eq!(bucket.len(), counts.len(), "{le}");
        for (below, (_, value)) in below.iter_mut().zip(&bucket) {
            assert!(*below <= *value, "le {le}: {value} after {below}");
            *below = *value;
        }
    }
    let count: Vec<f64> = counts.iter().map(|(_, value)| *value).collect();
    assert_eq!(below, count, "the last bucket is the count, in every scrape");
    assert!(count.last().is_some_and(|count| *count > 0.0));
}

/// What Prometheus kept of exemplars; only OpenMetrics has them.
fn exemplars(prometheus: &Prometheus, begun: SystemTime) {
    for (query, expected) in [
        ("traced_total", vec![(2.0, 1)]),
        ("traced_seconds_bucket", vec![(0.05, 2), (7.5, 3)]),
        (r#"traced_seconds_bucket{le="+Inf"}"#, vec![(7.5, 3)]),
    ] {
        let mut found = found_exemplars(prometheus, query);
        found.sort_by(|a, b| a.value.total_cmp(&b.value));
        assert_eq!(found.len(), expected.len(), "{query}: {found:?}");
        for (found, (value, n)) in found.iter().zip(expected) {
            let (trace, span) = ids(n);
            assert_eq!(found.value.to_bits(), f64::to_bits(value), "{found:?}");
            assert_eq!((&found.trace, &found.span), (&trace.to_string(), &span.to_string()));
            let at = begun.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            assert!((found.at - at).abs() < 0.002, "{} instead of {at}", found.at);
        }
    }
}

#[derive(Debug)]
struct Found {
    value: f64,
    trace: String,
    span: String,
    at: f64,
}

fn found_exemplars(prometheus: &Prometheus, query: &str) -> Vec<Found> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (start, end) = ((now - 3600).to_string(), (now + 60).to_string());
    let range = [("query", query), ("start", &start), ("end", &end)];
    let data = prometheus.ask("/api/v1/query_exemplars", &range);
    let series = data.as_array().unwrap().iter();
    let exemplars = series.flat_map(|series| series["exemplars"].as_array().unwrap());
    let found = exemplars.map(|exemplar| Found {
        value: exemplar["value"].as_str().unwrap().parse().unwrap(),
        trace: exemplar["labels"]["trace_id"].as_str().unwrap().to_owned(),
        span: exemplar["labels"]["span_id"].as_str().unwrap().to_owned(),
        at: exemplar["timestamp"].as_f64().unwrap(),
    });
    found.collect()
}

/// That every scrape went well, and that all we show has arrived.
#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn health(prometheus: &Prometheus, server: &Server) {
    let targets = prometheus.ask("/api/v1/targets", &[("state", "active")]);
    let targets = targets["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 1);
    assert_eq!((&targets[0]["health"], &targets[0]["lastError"]), (&"up".into(), &"".into()));
    near(prometheus.number("min_over_time(up[1h])", None), 1.0);

    let text = server.scrape(OPEN_METRICS);
    let lines = text.lines().filter(|line| !line.starts_with('#')).count() as f64;
    for count in ["scrape_samples_scraped", "scrape_samples_post_metric_relabeling"] {
        near(prometheus.number(count, None), lines);
    }
    let odd = r#"traced_total{odd="\\\"\n",environment="staging"}"#;
    near(prometheus.number(odd, None), 5.0);
    let about = prometheus.ask("/api/v1/metadata", &[("metric", "done_seconds")]);
    let about = &about["done_seconds"][0];
    assert_eq!(
        (&about["type"], &about["help"], &about["unit"]),
        (&"histogram".into(), &"Done.".into(), &"seconds".into()),
        "the unit is told by OpenMetrics alone"
    );
    assert_eq!(prometheus.complaints(), [""; 0]);
}

/// A counter that began between two scrapes is shown at 0 once, so that what it began with counts.
#[test]
fn what_began_between_two_scrapes_is_in_the_increase() {
    let Some(program) = peers::program("prometheus") else { return };
    let metrics = metrics();
    let server = Server::start(Sample(metrics.clone()));
    let prometheus = Prometheus::start(&program, server.addr);
    prometheus.wait_until("a first scrape", |it| it.number(TICKS, None) == Some(0.0));
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::counter!("born_total", "host" => "h1").increment(5);
        for value in [0.5, 1.5, 1.5, 9.0] {
            metrics::histogram!("born_seconds", "host" => "h1").record(value);
        }
    });
    let shown = |it: &Prometheus| it.number("born_total", None) == Some(5.0);
    prometheus.wait_until("the counter", shown);
    let samples = prometheus.samples("born_total");
    let last = *samples.last().unwrap();
    assert_eq!(samples.first().unwrap().1.to_bits(), 0_f64.to_bits(), "{samples:?}");
    near(prometheus.number("increase(born_total[1h])", Some(last.0)), 5.0);
    for (name, expected) in [
        (r#"born_seconds_bucket{le="1.0"}"#, 1.0),
        (r#"born_seconds_bucket{le="2.0"}"#, 3.0),
        (r#"born_seconds_bucket{le="+Inf"}"#, 4.0),
        ("born_seconds_sum", 12.5),
        ("born_seconds_count", 4.0),
    ] {
        near(prometheus.number(&format!("increase({name}[1h])"), Some(last.0)), expected);
    }
    // Who is no scraper sees what there is, though nobody saw it before.
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::counter!("born_total", "host" => "h2").increment(7);
    });
    let server = Server::start(Sample(metrics));
    let text = server.scrape(OPEN_METRICS);
    let shown = |line: &str| line.starts_with("born_total{") && line.contains(r#"host="h2""#);
    let line = text.lines().find(|line| shown(line)).unwrap();
    assert!(line.ends_with(" 7"), "{line}");
    assert_eq!(prometheus.complaints(), [""; 0]);
}

/// What a program writes inside a trace is what Prometheus finds it by.
#[test]
fn a_write_inside_a_trace_is_found_by_its_exemplar() {
    let Some(program) = peers::program("prometheus") else { return };
    let metrics = metrics();
    let (trace, span) = ids(9);
    let server = Server::start(Sample(metrics.clone()));
    let prometheus = Prometheus::start(&program, server.addr);
    prometheus.wait_until("a first scrape", |it| it.number(TICKS, None) == Some(0.0));
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    metrics::with_local_recorder(&metrics.recorder(), || {
        Context::current().with_span(trace, span, true).run(|| {
            metrics::counter!("ticks_total", "outcome" => "success").increment(4);
            metrics::histogram!("done_seconds", "outcome" => "success").record(0.3);
        });
    });
    for (query, value) in [("ticks_total", 4.0), (r#"done_seconds_bucket{le="0.4"}"#, 0.3)] {
        prometheus.wait_until("an exemplar", |it| !found_exemplars(it, query).is_empty());
        let found = found_exemplars(&prometheus, query);
        assert_eq!(found.len(), 1, "{found:?}");
        let found = &found[0];
        assert_eq!(found.value.to_bits(), f64::to_bits(value), "{found:?}");
        assert_eq!((&found.trace, &found.span), (&trace.to_string(), &span.to_string()));
        assert!((0.0..PATIENCE_SECONDS).contains(&(found.at - before + 0.002)), "{found:?}");
    }
    assert_eq!(prometheus.complaints(), [""; 0]);
}

const PATIENCE_SECONDS: f64 = 60.0;
