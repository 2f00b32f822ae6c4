//! Writes, retirements and looks in any order: what is shown is to the last number what a model of it
//! says, in a snapshot and in a scrape. And with many threads: nothing that only rises falls, no limit is
//! exceeded, and the roll-ups have everything.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{refused, with};
use metrics::{Counter, Histogram, counter, histogram};
use proptest::prelude::*;
use radiosonde_metrics::{Exemplar, Exposition, Head, Metrics, Point, Reason, Scrape, Settings};
use radiosonde_registry::Registry;

const CAP: usize = 6;
const HOSTS_MAX: usize = 4;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"host": {"max_values": 4}, "kind": {"values": ["a", "b"]}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["host", "kind"], "series_limit": 6,
     "rollups": [{"name": "all_runs_total", "by": ["kind"], "help": "All runs."}]},
    {"name": "run_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "owner": "platform", "labels": ["host", "kind"], "buckets": [1, 10], "series_limit": 6,
     "rollups": [{"name": "all_run_seconds", "by": ["kind"], "help": "All time."}]},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform",
     "labels": ["host", "kind"], "series_limit": 6}
  ]
}"#;

const NAMES: [&str; 3] = ["runs_total", "run_seconds", "size_bytes"];

/// All that is shown of a series: counts, and the sum in halves, so that it is exact.
type Cells = Vec<u64>;

/// Host and kind; the host of an overflow set is `_other`.
type Labels = (String, String);

fn metrics() -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    Metrics::new(Settings { registry, ..Settings::default() })
}

/// What one look shows, by metric and labels.
#[derive(Debug, Default, PartialEq)]
struct Page {
    family: String,
    series: BTreeMap<(String, Labels), Cells>,
}

impl Page {
    fn of(metrics: &Metrics, by_snapshot: bool) -> Self {
        let mut page = Self::default();
        if by_snapshot {
            metrics.snapshot().expose(&mut page);
        } else {
            metrics.expose(Scrape::default(), &mut page);
        }
        page.family.clear();
        page
    }

    fn of_metric<'p>(&'p self, name: &'p str) -> impl Iterator<Item = (&'p Labels, &'p Cells)> {
        let of_it = self.series.iter().filter(move |((family, _), _)| family == name);
        of_it.map(|((_, labels), cells)| (labels, cells))
    }
}

impl Exposition for Page {
    fn family(&mut self, head: &Head<'_>) {
        self.family = head.name.to_owned();
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, _: &[Exemplar]) {
        let of = |name: &str| {
            let value = labels.split(',').find_map(|label| label.strip_prefix(name));
            value.unwrap_or("").trim_matches(['=', '"']).to_owned()
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let halves = |sum: f64| (sum * 2.0) as u64;
        let cells = match *point {
            Point::Counter(n) => vec![n],
            Point::Histogram { counts, sum, .. } => {
                counts.iter().copied().chain([halves(sum)]).collect()
            }
            Point::Summary { count, sum, .. } => vec![count, halves(sum)],
            _ => return,
        };
        if of("kind").is_empty() {
            return;
        }
        let key = (self.family.clone(), (of("host"), of("kind")));
        let again = self.series.insert(key, cells);
        assert!(again.is_none(), "{} {labels}: twice", self.family);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Takes a handle and keeps it; which creates what is not there.
    Keep(usize, u8, bool),
    /// With the kept handle, if there is one.
    WriteKept(usize, u8, bool, u8),
    Write(usize, u8, bool, u8),
    Retire(usize),
    Look(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (metric, host) = (|| 0..NAMES.len(), || 0..8_u8);
    let step = prop_oneof![
        1 => (metric(), host(), any::<bool>()).prop_map(|(m, h, k)| Step::Keep(m, h, k)),
        4 => (metric(), host(), any::<bool>(), 0..3_u8)
            .prop_map(|(m, h, k, by)| Step::WriteKept(m, h, k, by)),
        8 => (metric(), host(), any::<bool>(), 0..3_u8)
            .prop_map(|(m, h, k, by)| Step::Write(m, h, k, by)),
        2 => metric().prop_map(Step::Retire),
        2 => any::<bool>().prop_map(Step::Look),
    ];
    prop::collection::vec(step, 0..250)
}

fn labels(host: u8, kind: bool) -> Labels {
    (format!("h{host}"), if kind { "a" } else { "b" }.to_owned())
}

/// What a write adds to the cells of its series.
fn added(metric: usize, by: u8) -> Cells {
    // 0.5, 5 and 50: one for each bucket, and twice that.
    let halves = [1, 10, 100][usize::from(by)];
    match metric {
        0 => vec![u64::from(by)],
        1 => {
            let mut cells = vec![0; 4];
            cells[usize::from(by)] = 1;
            cells[3] = halves;
            cells
        }
        _ => vec![1, halves],
    }
}

fn add(to: &mut Cells, more: &[u64]) {
    to.resize(more.len().max(to.len()), 0);
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

enum State {
    Shown,
    Away(Cells),
    Folded(Cells),
}

#[derive(Clone, Copy)]
enum Target {
    Series(usize),
    Overflow(bool),
}

/// A metric as it is said to be.
#[derive(Default)]
struct Model {
    series: Vec<(Labels, Cells, State)>,
    overflow: BTreeMap<String, Cells>,
    hosts: BTreeSet<String>,
    all: BTreeMap<String, Cells>,
    folded: u64,
}

impl Model {
    fn has_room(&self, host: &str) -> bool {
        let shown = self.series.iter().filter(|(.., state)| matches!(state, State::Shown)).count();
        shown < CAP && (self.hosts.contains(host) || self.hosts.len() < HOSTS_MAX)
    }

    fn target(&mut self, metric: usize, host: u8, kind: bool) -> Target {
        let labels = labels(host, kind);
        if let Some(place) = self.series.iter().position(|(known, ..)| *known == labels) {
            return Target::Series(place);
        }
        let none = vec![0; added(metric, 0).len()];
        if !self.has_room(&labels.0) {
            let _ = self.overflow.entry(labels.1).or_insert(none);
            return Target::Overflow(kind);
        }
        let _ = self.hosts.insert(labels.0.clone());
        self.series.push((labels, none, State::Shown));
        Target::Series(self.series.len() - 1)
    }

    fn write(&mut self, target: Target, kind: bool, cells: &[u64]) {
        add(self.all.entry(labels(0, kind).1).or_default(), cells);
        match target {
            Target::Series(place) => add(&mut self.series[place].1, cells),
            Target::Overflow(kind) => {
                self.folded += 1;
                add(self.overflow.get_mut(&labels(0, kind).1).unwrap(), cells);
            }
        }
    }

    fn retire(&mut self) -> usize {
        self.hosts.clear();
        let shown = self.series.iter_mut().filter(|(.., state)| matches!(state, State::Shown));
        shown.map(|(_, cells, state)| *state = State::Away(cells.clone())).count()
    }

    /// Takes back what was written, or folds it, and says what is shown.
    fn look(&mut self) -> BTreeMap<Labels, Cells> {
        for place in 0..self.series.len() {
            let ((host, kind), cells, State::Away(held)) = &self.series[place] else { continue };
            if cells == held {
                continue;
            }
            let (host, kind, held) = (host.clone(), kind.clone(), held.clone());
            if self.has_room(&host) {
                let _ = self.hosts.insert(host);
                self.series[place].2 = State::Shown;
            } else {
                let _ = self.overflow.entry(kind).or_insert(vec![0; held.len()]);
                self.folded += 1;
                self.series[place].2 = State::Folded(held);
            }
        }
        let other = |kind: &String| ("_other".to_owned(), kind.clone());
        let overflow = self.overflow.iter().map(|(kind, cells)| (other(kind), cells.clone()));
        let mut shown: BTreeMap<Labels, Cells> = overflow.collect();
        for (labels, cells, state) in &self.series {
            match state {
                State::Shown => drop(shown.insert(labels.clone(), cells.clone())),
                State::Away(_) => {}
                State::Folded(held) => {
                    let grown: Cells =
                        cells.iter().zip(held).map(|(now, then)| now - then).collect();
                    add(shown.get_mut(&other(&labels.1)).unwrap(), &grown);
                }
            }
        }
        shown
    }
}

enum Kept {
    Counter(Counter),
    Histogram(Histogram),
}

impl Kept {
    fn new(metric: usize, host: u8, kind: bool) -> Self {
        let (host, kind) = labels(host, kind);
        match metric {
            0 => Self::Counter(counter!("runs_total", "host" => host, "kind" => kind)),
            1 => Self::Histogram(histogram!("run_seconds", "host" => host, "kind" => kind)),
            _ => Self::Histogram(histogram!("size_bytes", "kind" => kind, "host" => host)),
        }
    }

    fn write(&self, by: u8) {
        match self {
            Self::Counter(counter) => counter.increment(u64::from(by)),
            Self::Histogram(histogram) => histogram.record([0.5, 5.0, 50.0][usize::from(by)]),
        }
    }
}

fn check(metrics: &Metrics, models: &mut [Model; 3], by_snapshot: bool) {
    let page = Page::of(metrics, by_snapshot);
    for (name, model) in NAMES.iter().zip(models) {
        let shown: BTreeMap<_, _> =
            page.of_metric(name).map(|(labels, cells)| (labels.clone(), cells.clone())).collect();
        assert_eq!(shown, model.look(), "{name}");
        for (kind, cells) in model.all.iter().filter(|_| *name != "size_bytes") {
            let sum = (format!("all_{name}"), (String::new(), kind.clone()));
            assert_eq!(page.series.get(&sum), Some(cells), "{sum:?}");
        }
        assert_eq!(refused(metrics, name, Reason::SeriesCap), model.folded, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn what_is_shown_is_what_the_model_says(steps in steps()) {
        let metrics = metrics();
        let mut models = <[Model; 3]>::default();
        let mut kept: HashMap<(usize, u8, bool), (Kept, Target)> = HashMap::new();
        with(&metrics, || {
            for step in steps {
                match step {
                    Step::Keep(metric, host, kind) => {
                        let target = models[metric].target(metric, host, kind);
                        let handle = Kept::new(metric, host, kind);
                        let _ = kept.insert((metric, host, kind), (handle, target));
                    }
                    Step::WriteKept(metric, host, kind, by) => {
                        let Some((handle, target)) = kept.get(&(metric, host, kind)) else { continue };
                        handle.write(by);
                        models[metric].write(*target, kind, &added(metric, by));
                    }
                    Step::Write(metric, host, kind, by) => {
                        let target = models[metric].target(metric, host, kind);
                        Kept::new(metric, host, kind).write(by);
                        models[metric].write(target, kind, &added(metric, by));
                    }
                    Step::Retire(metric) => {
                        assert_eq!(metrics.retire(NAMES[metric]), Some(models[metric].retire()));
                    }
                    Step::Look(by_snapshot) => check(&metrics, &mut models, by_snapshot),
                }
            }
            [true, false].into_iter().for_each(|by| check(&metrics, &mut models, by));
        });
    }
}

const WRITERS: u8 = 8;
const ROUNDS: usize = 300;

/// Writes all there is, until the looks are done.
fn write_all(thread: u8, done: &AtomicBool, written: &AtomicU64) {
    let kept: Vec<Kept> = (0..3).map(|metric| Kept::new(metric, thread, true)).collect();
    while !done.load(Ordering::Relaxed) {
        for host in 0..8 {
            for (metric, kept) in kept.iter().enumerate() {
                Kept::new(metric, (host + thread) % 8, host % 2 == 0).write(1);
                kept.write(1);
            }
        }
        written.fetch_add(8 * 2, Ordering::Relaxed);
    }
}

/// Nothing fell since the page before, and what was not retired is there.
fn compare(before: &Page, after: &Page, retired: Option<&str>) {
    for (key @ (name, (host, _)), then) in &before.series {
        let may_leave = retired == Some(name) && host != "_other";
        match after.series.get(key) {
            None => assert!(may_leave, "{key:?} is gone"),
            // What was retired, and came back, goes on as well.
            Some(now) => {
                assert!(
                    now.iter().zip(then).all(|(n, t)| n >= t),
                    "{key:?}: {then:?}, then {now:?}"
                );
            }
        }
    }
    for name in NAMES {
        let own = after.of_metric(name).filter(|((host, _), _)| host != "_other");
        let hosts: Vec<_> = own.map(|((host, _), _)| host).collect();
        assert!(hosts.len() <= CAP, "{name}: {hosts:?}");
        assert!(hosts.iter().collect::<BTreeSet<_>>().len() <= HOSTS_MAX, "{name}: {hosts:?}");
    }
}

#[test]
fn threads_write_what_is_being_retired() {
    let metrics = metrics();
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut retired = 0;
    thread::scope(|scope| {
        for thread in 0..WRITERS {
            let (metrics, done, written) = (&metrics, &done, &written);
            scope.spawn(move || with(metrics, || write_all(thread, done, written)));
        }
        // The writers end also where a look finds fault.
        let looks = scope.spawn(|| {
            let mut before = Page::default();
            let until = Instant::now() + Duration::from_secs(60);
            for round in 0.. {
                // More than there were at once: some came back, or new ones came.
                let is_enough = retired > NAMES.len() * CAP || Instant::now() > until;
                if round >= ROUNDS && is_enough {
                    break;
                }
                let name = NAMES.get(round % (2 * NAMES.len())).copied();
                retired += name.and_then(|name| metrics.retire(name)).unwrap_or(0);
                let after = Page::of(&metrics, round % 2 == 0);
                compare(&before, &after, name);
                before = after;
            }
        });
        let looked = looks.join();
        done.store(true, Ordering::Relaxed);
        looked.unwrap();
    });
    assert!(retired > NAMES.len() * CAP, "{retired}");
    let pages = [true, false].map(|by_snapshot| Page::of(&metrics, by_snapshot));
    assert_eq!(pages[0], pages[1]);
    let written = written.load(Ordering::Relaxed);
    let sum = |name: &str| {
        let all = pages[0].of_metric(name).map(|(_, cells)| match &cells[..] {
            [count] => *count,
            [counts @ .., _] => counts.iter().sum(),
            [] => 0,
        });
        all.sum::<u64>()
    };
    assert_eq!((sum("all_runs_total"), sum("all_run_seconds")), (written, written));
    // Less what the series that are away or folded had when they were retired.
    NAMES.iter().for_each(|name| assert!((1..=written).contains(&sum(name)), "{name}"));
}
