//! A crowd of threads that begin and end while others write: the cap is exact, no series is there
//! twice, and every write is in a series, in the overflow set, or among the refusals.
//!
//! `XTASK_CAP` is the number of rounds: 300 by `cargo xtask prove cap`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use common::with;
use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder as _, counter, histogram};
use radiosonde_metrics::{
    Exemplar, Exposition, Head, Metrics, Point, Scrape, Series, Settings, Value,
};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "environments": {"staging": {"series_limit": 50}, "production": {"series_limit": 200}},
  "labels": {"host": {"max_values": 200}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "crowd_total", "type": "counter", "unit": "items", "help": "Counted.",
     "owner": "platform", "labels": ["host"]},
    {"name": "crowd_seconds", "type": "histogram", "unit": "seconds", "help": "Measured.",
     "owner": "platform", "buckets": [100, 200, 300], "labels": ["host"]}
  ]
}"#;

const KEYS: usize = 400;
const LANES: usize = 8;
/// Threads that follow each other in a lane.
const GENERATIONS: usize = 3;
/// Writes of a lane per round, of each kind.
const WRITES: usize = 600;

fn rounds() -> usize {
    std::env::var("XTASK_CAP").ok().map_or(24, |rounds| rounds.parse().unwrap())
}

fn metrics_in(environment: &str) -> Metrics {
    let registry = Registry::parse("registry.json", REGISTRY);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    let environment = Some(environment.to_owned());
    Metrics::new(Settings { registry, environment, ..Settings::default() })
}

fn key(name: &'static str, host: usize) -> Key {
    Key::from_parts(name, vec![Label::new("host", format!("h{host}"))])
}

const PLACE: Metadata<'static> = Metadata::new("crowd", Level::INFO, None);

/// What was offered, by key; the last place is for writes that no series may take.
struct Offered {
    counted: Vec<AtomicU64>,
    measured: Vec<AtomicU64>,
}

impl Offered {
    fn new() -> Arc<Self> {
        let zeros = || (0..=KEYS).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { counted: zeros(), measured: zeros() })
    }
}

fn note(offered: &[AtomicU64], key: usize) {
    offered[key].fetch_add(1, Ordering::Relaxed);
}

/// Writes when its thread takes down its thread-local values.
struct LastWords {
    metrics: Metrics,
    offered: Arc<Offered>,
    handles: (Counter, Histogram),
    host: usize,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let recorder = self.metrics.recorder();
        for host in [self.host, self.host + 1] {
            recorder.register_counter(&key("crowd_total", host), &PLACE).increment(1);
            note(&self.offered.counted, host);
        }
        self.handles.0.increment(1);
        note(&self.offered.counted, self.host);
        self.handles.1.record(as_value(self.host));
        note(&self.offered.measured, self.host);
    }
}

thread_local! {
    // What is made first is taken down last: one outlives what radiosonde keeps for the thread, the
    // other does not.
    static OUTLIVES: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    static IS_OUTLIVED: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

/// One value per key, all small and whole, so that sums are exact.
#[expect(clippy::cast_precision_loss, reason = "small")]
fn as_value(host: usize) -> f64 {
    host as f64
}

/// One thread of a lane: writes its part, some of it unfit, and ends with words of its own.
fn write_part(
    metrics: &Metrics,
    offered: &Arc<Offered>,
    lane: usize,
    part: std::ops::Range<usize>,
) {
    let host = (lane * 31 + part.start) % (KEYS - 1);
    let recorder = metrics.recorder();
    let last_words = || LastWords {
        metrics: metrics.clone(),
        offered: offered.clone(),
        handles: (
            recorder.register_counter(&key("crowd_total", host), &PLACE),
            recorder.register_histogram(&key("crowd_seconds", host), &PLACE),
        ),
        host,
    };
    // Before the first write of the thread.
    OUTLIVES.with(|words| assert!(words.borrow().is_none()));
    for n in part {
        // Each lane in an order of its own, so that they meet on new keys.
        let host = (n * (2 * lane + 1) + lane * 50) % KEYS;
        counter!("crowd_total", "host" => format!("h{host}")).increment(1);
        note(&offered.counted, host);
        histogram!("crowd_seconds", "host" => format!("h{host}")).record(as_value(host));
        note(&offered.measured, host);
        if n % 16 == lane {
            counter!("crowd_total", "hostess" => "h1").increment(1);
            counter!("crowd_total", "host" => format!("{:032x}", n * LANES + lane)).increment(1);
            note(&offered.counted, KEYS);
            note(&offered.counted, KEYS);
            histogram!("crowd_seconds", "host" => format!("h{host}")).record(f64::NAN);
            note(&offered.measured, KEYS);
        }
    }
    OUTLIVES.with(|words| *words.borrow_mut() = Some(last_words()));
    IS_OUTLIVED.with(|words| *words.borrow_mut() = Some(last_words()));
}

fn is_overflow(series: &Series) -> bool {
    series.labels.iter().any(|(name, _)| &**name == "otel_metric_overflow")
}

/// Writes in a series. Of a histogram also looks whether all of them have the value of that key.
fn writes_in(series: &Series, host: Option<usize>) -> u64 {
    match &series.value {
        Value::Counter(count) => *count,
        Value::Histogram { counts, count, sum, bounds, .. } => {
            assert_eq!(counts.iter().sum::<u64>(), *count);
            if let Some(host) = host {
                let bucket = bounds.partition_point(|bound| *bound < as_value(host));
                assert_eq!(counts[bucket], *count, "h{host}");
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let expected = as_value(host) * *count as f64;
                assert_eq!(sum.to_bits(), expected.to_bits(), "h{host}");
            }
            *count
        }
        other => panic!("{other:?}"),
    }
}

/// What a scrape shows of a metric.
struct Page {
    name: &'static str,
    is_mine: bool,
    writes: u64,
    series: BTreeSet<String>,
}

impl Exposition for Page {
    fn family(&mut self, head: &Head<'_>) {
        self.is_mine = head.name == self.name;
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, _: &[Exemplar]) {
        if !self.is_mine {
            return;
        }
        self.writes += match point {
            Point::Counter(n) => *n,
            Point::Histogram { counts, .. } => counts.iter().sum(),
            other => panic!("{other:?}"),
        };
        assert!(self.series.insert(labels.to_owned()), "{labels}: twice");
    }
}

/// Holds a metric against what was offered to it.
fn check(metrics: &Metrics, name: &'static str, cap: usize, offered: &[AtomicU64], round: usize) {
    let snapshot = metrics.snapshot();
    let series = &snapshot.family(name).unwrap().series;
    let (mut admitted, mut overflow) = (HashMap::new(), Vec::new());
    for series in series {
        if is_overflow(series) {
            overflow.push(writes_in(series, None));
            continue;
        }
        assert_eq!(series.labels.len(), 1, "{series:?}");
        let host: usize = series.labels[0].1.strip_prefix('h').unwrap().parse().unwrap();
        let again = admitted.insert(host, writes_in(series, Some(host)));
        assert_eq!(again, None, "round {round}: {name}: h{host} is there twice");
    }
    assert_eq!(admitted.len(), cap, "round {round}: {name}");
    assert_eq!(overflow.len(), 1, "round {round}: {name}");
    // There is no eviction, so the first write of a key decides for all others.
    for (host, writes) in &admitted {
        assert_eq!(
            *writes,
            offered[*host].load(Ordering::Relaxed),
            "round {round}: {name}: h{host}"
        );
    }
    let refusals = metrics.refusals();
    let (folded, lost): (Vec<_>, Vec<_>) = refusals
        .iter()
        .filter(|refusal| refusal.metric == name)
        .partition(|r| r.reason.is_folded());
    let sum = |refusals: &[&radiosonde_metrics::Refusal]| refusals.iter().map(|r| r.count).sum();
    let (folded, lost): (u64, u64) = (sum(&folded), sum(&lost));
    assert_eq!(overflow[0], folded, "round {round}: {name}");
    let offered: u64 = offered.iter().map(|n| n.load(Ordering::Relaxed)).sum();
    let admitted: u64 = admitted.values().sum();
    assert_eq!(admitted + folded + lost, offered, "round {round}: {name}");
    let mut page = Page { name, is_mine: false, writes: 0, series: BTreeSet::new() };
    metrics.expose(Scrape::default(), &mut page);
    assert_eq!(page.series.len(), cap + 1, "round {round}: {name}");
    assert_eq!(page.writes, admitted + folded, "round {round}: {name}");
    assert!(lost > 0, "round {round}: {name}: what is unfit is refused");
}

#[test]
fn eight_threads_at_400_keys_fill_a_metric_exactly() {
    for round in 0..rounds() {
        let (environment, cap) = [("staging", 50), ("production", 200)][round % 2];
        let (metrics, offered) = (metrics_in(environment), Offered::new());
        thread::scope(|scope| {
            for lane in 0..LANES {
                let (metrics, offered) = (&metrics, &offered);
                scope.spawn(move || {
                    for generation in 0..GENERATIONS {
                        let part = WRITES / GENERATIONS;
                        let part = generation * part..(generation + 1) * part;
                        let (metrics, offered) = (metrics.clone(), offered.clone());
                        let write = move || {
                            with(&metrics, || write_part(&metrics, &offered, lane, part));
                        };
                        // The end of a scope does not wait for thread-local destructors; this does.
                        thread::spawn(write).join().unwrap();
                    }
                });
            }
        });
        check(&metrics, "crowd_total", cap, &offered.counted, round);
        check(&metrics, "crowd_seconds", cap, &offered.measured, round);
    }
}

/// More threads at once than a library would keep memory for, each through handles of its own
/// and of another thread, which several share.
#[test]
fn two_hundred_threads_at_once_lose_nothing() {
    const THREADS: usize = 200;
    const EACH: u64 = 2_000;
    let metrics = metrics_in("staging");
    let recorder = metrics.recorder();
    let counters: Arc<[Counter]> = (0..THREADS)
        .map(|thread| recorder.register_counter(&key("crowd_total", thread % 10), &PLACE))
        .collect();
    let histogram = recorder.register_histogram(&key("crowd_seconds", 1), &PLACE);
    let all_there = Arc::new(Barrier::new(THREADS));
    let spawn = |thread: usize| {
        let (counters, histogram) = (counters.clone(), histogram.clone());
        let (recorder, all_there) = (recorder.clone(), all_there.clone());
        thread::spawn(move || {
            let own = recorder.register_counter(&key("crowd_total", thread % 10), &PLACE);
            let _ = all_there.wait();
            for _ in 0..EACH {
                own.increment(1);
                counters[thread].increment(2);
                counters[(thread + 1) % THREADS].increment(3);
                histogram.record(1.0);
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let snapshot = metrics.snapshot();
    let each = THREADS as u64 / 10 * EACH * 6;
    for host in 0..10 {
        let host = format!("h{host}");
        let value = snapshot.value("crowd_total", &[("host", &host)]);
        assert_eq!(value, Some(&Value::Counter(each)), "{host}");
    }
    let Some(Value::Histogram { count, sum, .. }) =
        snapshot.value("crowd_seconds", &[("host", "h1")])
    else {
        panic!("no histogram");
    };
    assert_eq!((*count, *sum), (THREADS as u64 * EACH, (THREADS as u64 * EACH) as f64));
}
