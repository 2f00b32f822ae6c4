//! No counter, bucket, count or sum of values that are not negative ever falls from one snapshot to
//! the next, whatever threads write, end and begin meanwhile; and each shows all values that were
//! recorded before it, and none that nobody has begun to record.
//!
//! `XTASK_MONOTONIC` is the number of cases: 2,000 by `cargo xtask prove monotonic`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use common::with;
use metrics::{Counter, Histogram, counter, histogram};
use proptest::prelude::*;
use radiosonde_metrics::{Exemplar, Exposition, Head, Metrics, Point, Scrape, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"host": {"max_values": 6}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["host"], "series_limit": 6,
     "rollups": [{"name": "all_runs_total", "by": [], "help": "All runs."}]},
    {"name": "run_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "owner": "platform", "labels": ["host"], "buckets": [0.1, 1, 1e100], "series_limit": 6,
     "rollups": [{"name": "all_run_seconds", "by": [], "help": "All time."}]},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform",
     "labels": ["host"], "series_limit": 6}
  ]
}"#;

fn cases() -> u32 {
    std::env::var("XTASK_MONOTONIC").ok().map_or(64, |cases| cases.parse().unwrap())
}

/// One write. Hosts are few, so that threads meet, and more than fit, so that some are folded.
#[derive(Clone, Debug)]
enum Step {
    Absolute(u8, u64),
    Increment(u8, u64),
    /// Through a handle all threads share.
    IncrementShared(u64),
    Record(u8, f64),
    RecordMany(u8, f64, usize),
    RecordShared(f64),
    RecordSize(u8, f64),
}

/// Values at which sums of floats go wrong first: of very different size, fractions, zero, and what
/// is refused.
fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..100.0_f64,
        2 => prop::sample::select(vec![0.1, 0.2, 0.3, 1e-300, 1e16, 1.0, 1e100, 1e300, -0.0, 0.0]),
        1 => prop::sample::select(vec![f64::MAX, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE]),
    ]
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..1000_u64,
        1 => prop::sample::select(vec![u64::from(u32::MAX), 1 << 62, u64::MAX]),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let host = || 0..9_u8;
    prop_oneof![
        (host(), 0..10_000_u64).prop_map(|(host, to)| Step::Absolute(host, to)),
        (host(), counts()).prop_map(|(host, by)| Step::Increment(host, by)),
        counts().prop_map(Step::IncrementShared),
        (host(), values()).prop_map(|(host, value)| Step::Record(host, value)),
        (host(), values(), 0..50_usize).prop_map(|(h, value, n)| Step::RecordMany(h, value, n)),
        values().prop_map(Step::RecordShared),
        (host(), values()).prop_map(|(host, value)| Step::RecordSize(host, value)),
    ]
}

/// What threads share.
#[derive(Clone)]
struct Shared {
    counter: Counter,
    histogram: Histogram,
    /// Values for `run_seconds` that are to be taken: whose recording has begun, and has ended.
    begun: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

impl Shared {
    fn new() -> Self {
        let counter = counter!("runs_total", "host" => "shared");
        let histogram = histogram!("run_seconds", "host" => "shared");
        Self { counter, histogram, begun: Arc::default(), ended: Arc::default() }
    }

    /// Writes, and counts the values that are to be in `run_seconds`.
    fn write_counted(&self, step: &Step) {
        let values = values_of_runs(step);
        self.begun.fetch_add(values, Ordering::SeqCst);
        self.write(step);
        self.ended.fetch_add(values, Ordering::SeqCst);
    }

    fn write(&self, step: &Step) {
        let host = |host: &u8| format!("h{host}");
        match step {
            Step::Absolute(n, to) => counter!("runs_total", "host" => host(n)).absolute(*to),
            Step::Increment(n, by) => counter!("runs_total", "host" => host(n)).increment(*by),
            Step::IncrementShared(by) => self.counter.increment(*by),
            Step::Record(n, value) => histogram!("run_seconds", "host" => host(n)).record(*value),
            Step::RecordMany(n, value, times) => {
                histogram!("run_seconds", "host" => host(n)).record_many(*value, *times);
            }
            Step::RecordShared(value) => self.histogram.record(*value),
            Step::RecordSize(n, value) => {
                histogram!("size_bytes", "host" => host(n)).record(*value);
            }
        }
    }
}

/// A metric and its labels, these in the order of their names.
type Name = (String, Vec<String>);

/// What a scrape shows of the values that may not fall: of each series its parts, by name. A sum is
/// given as its bits, which are in the order of the numbers as long as these are not negative.
#[derive(Default)]
struct Page {
    family: String,
    series: HashMap<Name, Vec<(String, u64)>>,
}

impl Exposition for Page {
    fn family(&mut self, head: &Head<'_>) {
        self.family = head.name.to_owned();
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, _: &[Exemplar]) {
        let bits = |sum: f64| {
            assert!(sum.is_finite() && sum >= 0.0, "{}: {sum}", self.family);
            // Minus zero becomes zero.
            (sum + 0.0).to_bits()
        };
        let parts = match *point {
            Point::Counter(n) => vec![("counter".into(), n)],
            Point::FloatCounter(value) => vec![("counter".into(), bits(value))],
            Point::Histogram { counts, sum, .. } => {
                let count = counts.iter().fold(0_u64, |all, n| all.saturating_add(*n));
                let buckets = counts.iter().enumerate();
                let buckets = buckets.map(|(i, n)| (format!("bucket {i}"), *n));
                buckets.chain([("sum".into(), bits(sum)), ("count".into(), count)]).collect()
            }
            Point::Summary { sum, count, .. } => {
                vec![("sum".into(), bits(sum)), ("count".into(), count)]
            }
            // Gauges may fall.
            _ => return,
        };
        // No value in this test has a comma.
        let mut labels: Vec<String> = labels.split(',').map(str::to_owned).collect();
        labels.sort();
        let again = self.series.insert((self.family.clone(), labels.clone()), parts);
        assert!(again.is_none(), "{} {labels:?}: twice", self.family);
    }
}

/// The last values seen.
#[derive(Default)]
struct Watch {
    last: Page,
    looks: usize,
}

impl Watch {
    /// Looks once more, now by a snapshot and now by what a scrape calls. Everything that was there is
    /// there, and nothing fell.
    fn look(&mut self, metrics: &Metrics, shared: &Shared) {
        let mut now = Page::default();
        let ended = shared.ended.load(Ordering::SeqCst);
        self.looks += 1;
        if self.looks.is_multiple_of(2) {
            metrics.expose(Scrape::default(), &mut now);
        } else {
            metrics.snapshot().expose(&mut now);
        }
        let begun = shared.begun.load(Ordering::SeqCst);
        let recorded = now.values_in("run_seconds");
        assert!((ended..=begun).contains(&recorded), "{recorded}, not {ended} to {begun} values");
        for (key, before) in &self.last.series {
            let after = now.series.get(key).unwrap_or_else(|| panic!("{key:?} is gone"));
            for ((part, before), (_, after)) in before.iter().zip(after) {
                assert!(before <= after, "{key:?}: {part} fell from {before} to {after}");
            }
        }
        self.last = now;
    }
}

impl Page {
    /// Values in the buckets of all series of a histogram.
    fn values_in(&self, name: &str) -> u64 {
        let series = self.series.iter().filter(|((family, _), _)| family == name);
        let parts = series.flat_map(|(_, parts)| parts);
        parts.filter(|(part, _)| part.starts_with("bucket ")).map(|(_, count)| count).sum()
    }
}

/// Values that a step adds to `run_seconds`.
fn values_of_runs(step: &Step) -> u64 {
    match step {
        Step::Record(_, value) | Step::RecordShared(value) => u64::from(value.is_finite()),
        Step::RecordMany(_, value, times) if value.is_finite() => *times as u64,
        _ => 0,
    }
}

/// How often a thread writes what it writes: it should not end before others have begun.
const REPEATS: u64 = 30;

/// Runs the steps of each lane, each in threads that follow each other, and looks all the while.
fn run(lanes: &[Vec<Vec<Step>>]) -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let metrics = Metrics::new(Settings { registry, ..Settings::default() });
    let shared = with(&metrics, Shared::new);
    let at_work = AtomicUsize::new(lanes.len());
    let mut watch = Watch::default();
    thread::scope(|scope| {
        for lane in lanes {
            let (metrics, shared, at_work) = (&metrics, &shared, &at_work);
            scope.spawn(move || {
                for generation in lane {
                    // Joined, so that the next thread finds what the ended one has left.
                    let write_all =
                        || generation.iter().for_each(|step| shared.write_counted(step));
                    let write = || with(metrics, || (0..REPEATS).for_each(|_| write_all()));
                    thread::scope(|scope| scope.spawn(write).join().unwrap());
                }
                at_work.fetch_sub(1, Ordering::Release);
            });
        }
        while at_work.load(Ordering::Acquire) > 0 {
            watch.look(&metrics, &shared);
        }
    });
    // Both ways, at rest.
    (0..2).for_each(|_| watch.look(&metrics, &shared));
    metrics
}

/// Writes that are taken, by name of the metric.
fn taken(lanes: &[Vec<Vec<Step>>]) -> BTreeMap<&'static str, u64> {
    let mut taken = BTreeMap::from([("run_seconds", 0), ("size_bytes", 0)]);
    for step in lanes.iter().flatten().flatten() {
        *taken.get_mut("run_seconds").unwrap() += values_of_runs(step);
        if let Step::RecordSize(_, value) = step {
            *taken.get_mut("size_bytes").unwrap() += u64::from(value.is_finite());
        }
    }
    taken
}

/// Writes that a histogram or a summary shows.
fn writes(metrics: &Metrics, name: &str) -> u64 {
    let snapshot = metrics.snapshot();
    let series = snapshot.family(name).map_or(&[][..], |family| &family.series);
    let count = |value: &Value| match value {
        Value::Histogram { count, .. } | Value::Summary { count, .. } => *count,
        other => panic!("{other:?}"),
    };
    series.iter().map(|series| count(&series.value)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn nothing_that_only_rises_ever_falls(
        lanes in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(steps(), 0..120), 1..4), 1..5)
    ) {
        let metrics = run(&lanes);
        for (name, expected) in taken(&lanes) {
            prop_assert_eq!(writes(&metrics, name), expected * REPEATS, "{}", name);
        }
    }
}
