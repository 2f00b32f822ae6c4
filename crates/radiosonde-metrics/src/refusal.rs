//! Writes that were not recorded as asked: why, how many, and telling about each kind once.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key};
use radiosonde_context::is_forked_child;
use radiosonde_registry::MetricType;

use crate::blame::Exploded;
use crate::caller::Caller;
use crate::catalogue::OTHER;
use crate::cells::{self, SharedArena};
use crate::fault::quoted;
use crate::labels::fit_name;
use crate::shape::VALUE_BYTES_MAX;
use crate::sync::{read, write};

/// Labels that are kept of a metric that is not registered.
const WANTED_LABELS_MAX: usize = 32;

/// Why a write was refused, or folded into the overflow set.
///
/// Two reasons mean that it was folded ([`Reason::is_folded`]): it is part of what `/metrics` shows
/// under `otel_metric_overflow="true"`. Under every other one it is lost. So what was written to a
/// metric is what it shows, and its refusals but `series_cap` and `namespace_cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A roll-up, the counter beside a deprecated metric, or one of radiosonde's own books:
    /// radiosonde computes it.
    Computed,
    /// The registry says that the metric is derived or external: this process does not write it.
    ForeignSource,
    /// A gauge past a limit that counters and histograms are folded at: gauges have no sum.
    GaugeCap,
    /// More labels than one series may have (only without a registry: 32).
    LabelCount,
    /// A label that the metric declares was not given.
    LabelMissing,
    /// A label name that Prometheus reserves (`__…`, `le`, `quantile`), that marks an overflow set
    /// (`otel_metric_overflow`), or that is empty.
    LabelName,
    /// A label was given twice.
    LabelRepeated,
    /// A value shaped like an id (UUID, ULID, 16 or more hexadecimal digits, 10 or more digits),
    /// longer than 128 bytes, or with control characters.
    LabelShape,
    /// A label that the metric does not declare.
    LabelUndeclared,
    /// A value that the registry's list or pattern does not contain.
    LabelValue,
    /// More different metrics without a registry entry than are kept (2,000 of 256 crates), or the
    /// first write to one whose crate, or module, has all its series already.
    MetricCap,
    /// A metric name that is empty or longer than 200 bytes (only without a registry).
    MetricName,
    /// A metric without a registry entry, and another metric writes a name that it would write:
    /// a counter `took_seconds_count` beside a histogram `took_seconds`. A scrape of both could not
    /// be read.
    NameTaken,
    /// All metrics of that crate, or module, have as many series together as they may: the write was
    /// folded into the overflow set of its metric, and is not lost.
    NamespaceCap,
    /// The metric has as many series as it may have, or one of its labels as many values: the write
    /// was folded into its overflow set, and is not lost. Of a [retired](crate::Metrics::retire) series
    /// that found no room the first write counts.
    SeriesCap,
    /// The metric is registered with another type.
    TypeMismatch,
    /// The registry does not have the metric.
    Unregistered,
    /// NaN or an infinity, or a gauge that would become one.
    Value,
}

impl Reason {
    /// Whether there was no room for one more series.
    pub(crate) const fn is_cap(self) -> bool {
        matches!(self, Self::GaugeCap | Self::NamespaceCap | Self::SeriesCap)
    }

    /// Every reason, by name. There may be more in a later version.
    pub const ALL: &'static [Self] = &[
        Self::Computed,
        Self::ForeignSource,
        Self::GaugeCap,
        Self::LabelCount,
        Self::LabelMissing,
        Self::LabelName,
        Self::LabelRepeated,
        Self::LabelShape,
        Self::LabelUndeclared,
        Self::LabelValue,
        Self::MetricCap,
        Self::MetricName,
        Self::NameTaken,
        Self::NamespaceCap,
        Self::SeriesCap,
        Self::TypeMismatch,
        Self::Unregistered,
        Self::Value,
    ];

    /// Number of reasons; the last one's place is the last.
    pub(crate) const COUNT: usize = Self::Value as usize + 1;

    /// Whether the write was recorded, only not in a series of its own. What has another reason is
    /// lost.
    pub const fn is_folded(self) -> bool {
        matches!(self, Self::NamespaceCap | Self::SeriesCap)
    }

    /// As it stands in the label `reason` of `radiosonde_metric_writes_refused_total`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::ForeignSource => "foreign_source",
            Self::GaugeCap => "gauge_cap",
            Self::LabelCount => "label_count",
            Self::LabelMissing => "label_missing",
            Self::LabelName => "label_name",
            Self::LabelRepeated => "label_repeated",
            Self::LabelShape => "label_shape",
            Self::LabelUndeclared => "label_undeclared",
            Self::LabelValue => "label_value",
            Self::MetricCap => "metric_cap",
            Self::MetricName => "metric_name",
            Self::NameTaken => "name_taken",
            Self::NamespaceCap => "namespace_cap",
            Self::SeriesCap => "series_cap",
            Self::TypeMismatch => "type_mismatch",
            Self::Unregistered => "unregistered",
            Self::Value => "value",
        }
    }
}

// Each stands in `ALL` at its own place, and none is missing.
const _: () = {
    assert!(Reason::ALL.len() == Reason::COUNT);
    let mut place = 0;
    while place < Reason::COUNT {
        assert!(Reason::ALL[place] as usize == place);
        place += 1;
    }
};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many writes to a metric were refused, or folded, for one reason.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The metric; `_other` for unregistered names past the 64 that are kept by name.
    pub metric: String,
    /// The reason.
    pub reason: Reason,
    /// Writes, not handles.
    pub count: u64,
    /// What the first of them looked like, such as ``label `user` looks like a UUID``. Values are
    /// quoted only where the registry has a list or pattern for them, and never of a redacted label.
    pub example: Option<String>,
    /// Module of the first of them: where its macro stands, or its handle was made. `None` under
    /// [`Reason::Value`], as a value is judged where it is written, and the handles of a series may
    /// come from several modules; and for calls of a recorder that give none.
    pub module: Option<String>,
    /// Whether it was made through a function of a catalogue, whose module that is then.
    pub typed: bool,
    /// The label whose `max_values` was reached, where that is the reason.
    pub full_label: Option<String>,
    /// Past a limit of series: the label that has more values than there is room for.
    pub exploded: Option<Exploded>,
    /// The limit that was reached, where that is the reason: of different values of the full label,
    /// else of series.
    pub limit: Option<usize>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, count, .. } = self;
        let writes = if *count == 1 { "write" } else { "writes" };
        let outcome = if self.reason.is_folded() { "folded into overflow" } else { "refused" };
        let reason = self.example.as_deref().unwrap_or(self.reason.as_str());
        write!(f, "{count} {writes} to `{}` {outcome}: {reason}", quoted(metric))?;
        self.place().iter().try_for_each(|place| write!(f, " ({place})"))?;
        self.exploded.iter().try_for_each(|exploded| write!(f, "; {exploded}"))
    }
}

impl Refusal {
    /// Where the first of them was: `in shop::cart`. The functions of a catalogue do not know who
    /// calls them: `through shop::catalog`.
    pub fn place(&self) -> Option<String> {
        let module = self.module.as_deref()?;
        let word = if self.typed { "through" } else { "in" };
        Some(format!("{word} {module}"))
    }
}

/// The refusals of one metric: at most one entry per reason, made when first needed.
#[derive(Debug)]
pub(crate) struct Refusals {
    metric: Arc<str>,
    announcer: Arc<Announcer>,
    arena: SharedArena,
    entries: [OnceLock<Arc<Entry>>; Reason::COUNT],
}

impl Refusals {
    pub(crate) fn new(metric: Arc<str>, announcer: Arc<Announcer>, arena: SharedArena) -> Self {
        Self { metric, announcer, arena, entries: [const { OnceLock::new() }; Reason::COUNT] }
    }

    pub(crate) fn entry(&self, reason: Reason) -> &Arc<Entry> {
        self.entries[reason as usize].get_or_init(|| {
            let mut entry = Entry::new(self.metric.clone(), reason, self.announcer.clone());
            // Threads that write past a cap at full speed must not fight over a count.
            entry.cell = reason.is_folded().then(|| (self.arena.clone(), self.arena.reserve(1)));
            Arc::new(entry)
        })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter_map(OnceLock::get)
    }
}

/// Counts the writes to one metric that one reason applies to. As a handle it does nothing else.
#[derive(Debug)]
pub(crate) struct Entry {
    metric: Arc<str>,
    reason: Reason,
    count: AtomicU64,
    /// Where writes are counted instead, if there are many of them.
    cell: Option<(SharedArena, u32)>,
    example: OnceLock<String>,
    module: OnceLock<(String, bool)>,
    full_label: OnceLock<String>,
    /// Of a metric that is not registered: what was wanted of it.
    wanted: OnceLock<(MetricType, Box<[Arc<str>]>)>,
    announced: AtomicBool,
    announcer: Arc<Announcer>,
}

impl Entry {
    pub(crate) fn new(metric: Arc<str>, reason: Reason, announcer: Arc<Announcer>) -> Self {
        Self {
            metric,
            reason,
            count: AtomicU64::new(0),
            cell: None,
            example: OnceLock::new(),
            module: OnceLock::new(),
            full_label: OnceLock::new(),
            wanted: OnceLock::new(),
            announced: AtomicBool::new(false),
            announcer,
        }
    }

    /// Keeps the first example. `example` only runs when there is none yet.
    pub(crate) fn describe(&self, example: impl FnOnce() -> String, caller: Caller<'_>) {
        if self.example.get().is_none() {
            let _ = self.example.set(example());
            if let Some(module) = caller.module {
                let _ = self.module.set((module.to_owned(), caller.typed));
            }
        }
    }

    /// Keeps the label of the first example, as [`Entry::describe`] does.
    pub(crate) fn set_full_label(&self, label: Option<&str>) {
        if let Some(label) = label.filter(|_| self.example.get().is_none()) {
            let _ = self.full_label.set(label.to_owned());
        }
    }

    /// Keeps what a draft needs to know of a metric that is not registered: the first key's labels.
    pub(crate) fn want(&self, metric_type: MetricType, key: &Key) {
        if self.reason == Reason::Unregistered && self.wanted.get().is_none() {
            let labels = key.labels().take(WANTED_LABELS_MAX);
            let names = labels.map(|label| fit_name(label.key(), false));
            let usable = names.filter(|name| !name.is_empty() && name.len() <= VALUE_BYTES_MAX);
            let _ = self.wanted.set((metric_type, usable.map(|name| Arc::from(&*name)).collect()));
        }
    }

    /// Name, type and labels of a metric that is not registered, and was written. What has a
    /// catalogue has an entry there.
    pub(crate) fn wanted(&self) -> Option<(&str, MetricType, &[Arc<str>])> {
        let (metric_type, labels) = self.wanted.get()?;
        let of_catalogue = self.module.get().is_some_and(|(_, typed)| *typed);
        let is_named = !of_catalogue && *self.metric != *OTHER && !self.metric.is_empty();
        let is_written = self.writes() > 0;
        (is_named && is_written).then_some((&self.metric, *metric_type, labels))
    }

    /// Writes so far.
    fn writes(&self) -> u64 {
        match &self.cell {
            Some((arena, cell)) => arena.sum(*cell),
            None => self.count.load(Ordering::Relaxed),
        }
    }

    /// Counts `writes` and, the first time, tells about it.
    pub(crate) fn count(&self, writes: u64) {
        self.add(writes);
        self.announce_if_new();
    }

    /// Counts, and tells nobody: for whoever holds a lock.
    pub(crate) fn add(&self, writes: u64) {
        // What a child counts is nobody's, and what it waited for may never come.
        if writes == 0 || is_forked_child() {
            return;
        }
        if let Some((arena, cell)) = &self.cell {
            cells::add(arena, *cell, writes);
        } else {
            let more = |count: u64| Some(count.saturating_add(writes));
            let _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// Tells about the entry as [`Entry::announce`] does: at no cost, once it is told.
    pub(crate) fn announce_if_new(&self) {
        let is_new = !self.announced.load(Ordering::Relaxed);
        if is_new && self.announcer.is_set() && !is_forked_child() {
            self.announce();
        }
    }

    /// Has the next write past a cap told again.
    pub(crate) fn announce_cap_again(&self) {
        if self.reason.is_cap() {
            self.announced.store(false, Ordering::Relaxed);
        }
    }

    /// Tells about the entry if it has a count and nobody was told yet. No lock is held during the
    /// call, so what is called may write metrics, even this one.
    #[cold]
    pub(crate) fn announce(&self) {
        let Some(callback) = read(&self.announcer.callback).clone() else { return };
        let Some(refusal) = self.refusal() else { return };
        if !self.announced.swap(true, Ordering::Relaxed) {
            // Someone else's code on an application thread: its panic must end here.
            let _ = catch_unwind(AssertUnwindSafe(|| callback(&refusal)));
        }
    }

    /// The entry in public form; `None` while nothing was counted.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let count = self.writes();
        (count > 0).then(|| Refusal {
            metric: self.metric.to_string(),
            reason: self.reason,
            count,
            example: self.example.get().cloned(),
            module: self.module.get().map(|(module, _)| module.clone()),
            typed: self.module.get().is_some_and(|(_, typed)| *typed),
            full_label: self.full_label.get().cloned(),
            exploded: None,
            limit: None,
        })
    }
}

impl CounterFn for Entry {
    fn increment(&self, _: u64) {
        self.count(1);
    }

    fn absolute(&self, _: u64) {
        self.count(1);
    }
}

impl GaugeFn for Entry {
    fn increment(&self, _: f64) {
        self.count(1);
    }

    fn decrement(&self, _: f64) {
        self.count(1);
    }

    fn set(&self, _: f64) {
        self.count(1);
    }
}

impl HistogramFn for Entry {
    fn record(&self, _: f64) {
        self.count(1);
    }

    fn record_many(&self, _: f64, count: usize) {
        self.count(count as u64);
    }
}

/// What is called with the first refusal of each metric and reason.
pub(crate) type OnRefusal = Arc<dyn Fn(&Refusal) + Send + Sync>;

/// Where refusals are told.
#[derive(Default)]
pub(crate) struct Announcer {
    callback: RwLock<Option<OnRefusal>>,
    /// Whether there is one: looked at with each write while there is none.
    is_set: AtomicBool,
}

impl Announcer {
    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, callback: OnRefusal) {
        *write(&self.callback) = Some(callback);
        self.is_set.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}
