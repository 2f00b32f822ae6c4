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
use metrics::{Counter, Histogram, counter, histogram};
use radiosonde_metrics::{
    Exemplar, Exposition, Head, Metrics, Point, Scrape, Series, Settings, Value,
};
use radiosonde_registry::Registry;

const KEYS: usize = 400;
const LANES: usize = 8;
/// Threads that follow each other in a lane.
const GENERATIONS: usize = 3;
/// Writes of a lane per round, of each kind.
const WRITES: usize = 600;

fn rounds() -> usize {
    std::env::var("XTASK_CAP").ok().map_or(16, |rounds| rounds.parse().unwrap())
}

/// A counter and a histogram for each round, with caps of 50 and 200 by turns.
fn metrics_of(rounds: impl Iterator<Item = usize>) -> Metrics {
    let metric = |round: usize| {
        let cap = cap(round);
        format!(
            r#"{{"name": "crowd_{round}_total", "type": "counter", "unit": "items", "help": "Counted.",
                 "owner": "platform", "labels": ["host"], "series_limit": {cap}}},
               {{"name": "crowd_{round}_seconds", "type": "histogram", "unit": "seconds",
                 "help": "Measured.", "owner": "platform", "labels": ["host"], "series_limit": {cap},
                 "buckets": [100, 200, 300]}}"#
        )
    };
    let metrics: Vec<String> = rounds.map(metric).collect();
    let text = format!(
        r#"{{"schema_version": 1, "labels": {{"host": {{"pattern": "h[0-9]{{1,3}}"}}}},
            "owners": {{"platform": {{"slack": "telemetry"}}}}, "metrics": [{}]}}"#,
        metrics.join(",")
    );
    let registry = Registry::parse("registry.json", &text);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    Metrics::new(Settings { registry, ..Settings::default() })
}

fn cap(round: usize) -> usize {
    [50, 200][round % 2]
}

/// One round: its metrics, how they are written, and what was offered to them by key. The last place
/// is for writes that no series may take.
struct Round {
    number: usize,
    metrics: Metrics,
    /// Through the recorder of the process, which keeps series for each thread; otherwise through
    /// one that holds for a closure.
    installed: bool,
    counter: String,
    histogram: String,
    counted: Vec<AtomicU64>,
    measured: Vec<AtomicU64>,
}

impl Round {
    fn new(number: usize, metrics: Metrics, installed: bool) -> Arc<Self> {
        let zeros = || (0..=KEYS).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            number,
            metrics,
            installed,
            counter: format!("crowd_{number}_total"),
            histogram: format!("crowd_{number}_seconds"),
            counted: zeros(),
            measured: zeros(),
        })
    }

    fn within<R>(&self, write: impl FnOnce() -> R) -> R {
        if self.installed { write() } else { with(&self.metrics, write) }
    }

    fn counter_of(&self, host: usize) -> Counter {
        counter!(self.counter.clone(), "host" => format!("h{host}"))
    }

    fn histogram_of(&self, host: usize) -> Histogram {
        histogram!(self.histogram.clone(), "host" => format!("h{host}"))
    }

    fn note_counted(&self, host: usize) {
        self.counted[host].fetch_add(1, Ordering::Relaxed);
    }

    fn note_measured(&self, host: usize) {
        self.measured[host].fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes when its thread takes down its thread-local values.
struct LastWords {
    round: Arc<Round>,
    handles: (Counter, Histogram),
    host: usize,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let (round, host) = (&self.round, self.host);
        round.within(|| {
            for host in [host, host + 1] {
                round.counter_of(host).increment(1);
                round.note_counted(host);
            }
        });
        self.handles.0.increment(1);
        round.note_counted(host);
        self.handles.1.record(as_value(host));
        round.note_measured(host);
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
fn write_part(round: &Arc<Round>, lane: usize, part: std::ops::Range<usize>) {
    let host = (lane * 31 + part.start) % (KEYS - 1);
    let last_words = || {
        let handles = (round.counter_of(host), round.histogram_of(host));
        Some(LastWords { round: round.clone(), handles, host })
    };
    // Before the first write of the thread.
    OUTLIVES.with(|words| assert!(words.borrow().is_none()));
    for n in part {
        // Each lane in an order of its own, so that they meet on new keys.
        let host = (n * (2 * lane + 1) + lane * 50) % KEYS;
        round.counter_of(host).increment(1);
        round.note_counted(host);
        round.histogram_of(host).record(as_value(host));
        round.note_measured(host);
        if n % 16 == lane {
            counter!(round.counter.clone(), "hostess" => "h1").increment(1);
            let shaped = format!("{:032x}", n * LANES + lane);
            counter!(round.counter.clone(), "host" => shaped).increment(1);
            round.note_counted(KEYS);
            round.note_counted(KEYS);
            round.histogram_of(host).record(f64::NAN);
            round.note_measured(KEYS);
        }
    }
    OUTLIVES.with(|words| *words.borrow_mut() = last_words());
    IS_OUTLIVED.with(|words| *words.borrow_mut() = last_words());
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
struct Page<'n> {
    name: &'n str,
    is_mine: bool,
    writes: u64,
    series: BTreeSet<String>,
}

impl Exposition for Page<'_> {
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
fn check(Round { number: round, metrics, .. }: &Round, name: &str, offered: &[AtomicU64]) {
    let (cap, snapshot) = (cap(*round), metrics.snapshot());
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

fn run(round: &Arc<Round>) {
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || {
                for generation in 0..GENERATIONS {
                    let part = WRITES / GENERATIONS;
                    let part = generation * part..(generation + 1) * part;
                    let round = round.clone();
                    let write = move || round.within(|| write_part(&round, lane, part));
                    // The end of a scope does not wait for thread-local destructors; this does.
                    thread::spawn(write).join().unwrap();
                }
            });
        }
    });
    check(round, &round.counter, &round.counted);
    check(round, &round.histogram, &round.measured);
}

#[test]
fn eight_threads_at_400_keys_fill_a_metric_exactly() {
    for number in 0..rounds() {
        run(&Round::new(number, metrics_of(std::iter::once(number)), false));
    }
}

#[test]
fn eight_threads_fill_a_metric_exactly_through_the_recorder_of_the_process() {
    let metrics = metrics_of(0..rounds());
    metrics.recorder().install().unwrap();
    for number in 0..rounds() {
        run(&Round::new(number, metrics.clone(), true));
    }
}

/// More threads at once than a library would keep memory for, each through handles of its own
/// and of another thread, which several share.
#[test]
fn two_hundred_threads_at_once_lose_nothing() {
    const THREADS: usize = 200;
    const EACH: u64 = 2_000;
    let metrics = metrics_of(0..1);
    let round = Round::new(0, metrics.clone(), false);
    let (counters, histogram) = round.within(|| {
        let counters = (0..THREADS).map(|thread| round.counter_of(thread % 10));
        (counters.collect::<Arc<[_]>>(), round.histogram_of(1))
    });
    let all_there = Arc::new(Barrier::new(THREADS));
    let spawn = |thread: usize| {
        let (counters, histogram) = (counters.clone(), histogram.clone());
        let (round, all_there) = (round.clone(), all_there.clone());
        thread::spawn(move || {
            let own = round.within(|| round.counter_of(thread % 10));
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
        let value = snapshot.value(&round.counter, &[("host", &host)]);
        assert_eq!(value, Some(&Value::Counter(each)), "{host}");
    }
    let Some(Value::Histogram { count, sum, .. }) =
        snapshot.value(&round.histogram, &[("host", "h1")])
    else {
        panic!("no histogram");
    };
    let writes = THREADS as u64 * EACH;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let expected = (writes, writes as f64);
    assert_eq!((*count, *sum), expected);
}
