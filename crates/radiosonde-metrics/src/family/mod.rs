//! One guarded metric: its series, finding them, and reading them. Which label sets become series is
//! in [`admission`], and which of these are not shown any more in [`retired`].

mod admission;
mod known;
mod retired;

pub(crate) use retired::Standing;

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use radiosonde_registry::MetricType;
use rapidhash::v3::RapidSecrets;

use crate::beside::Beside;
use crate::blame::{Blame, Exploded};
use crate::cells::{SharedArena, Texts};
use crate::clock::Clock;
use crate::delta::Sink;
use crate::index::{Index, SERIES_MAX};
use crate::labels::{LabelRule, Pairs};
use crate::life::Life;
use crate::looked::Looked;
use crate::observed::Namespace;
use crate::refusal::{Announcer, Entry, Refusals};
use crate::rollup::Rollup;
use crate::segmented::Segmented;
use crate::series::Series;
use crate::snapshot::{self, Exponential, Labels};
use crate::sought::Sought;

use known::Known;
use retired::Retired;

/// What every series of a family shares.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) name: Arc<str>,
    pub(crate) metric_type: MetricType,
    /// Set from the registry, or by the first description when there is no registry entry.
    pub(crate) unit: OnceLock<Arc<str>>,
    pub(crate) help: OnceLock<Arc<str>>,
    /// Bounds of a histogram; empty for other types.
    pub(crate) bounds: Arc<[f64]>,
    /// How these were made, if they are powers of one base.
    pub(crate) exponential: Option<Exponential>,
    /// Part of radiosonde's own fragments: has no deltas.
    pub(crate) builtin: bool,
    pub(crate) life: Life,
    pub(crate) sink: Arc<Sink>,
    pub(crate) refusals: Refusals,
}

impl Info {
    /// Of an observed metric; what is known beyond that is set afterwards.
    pub(crate) fn new(
        name: &str,
        metric_type: MetricType,
        bounds: Arc<[f64]>,
        announcer: &Arc<Announcer>,
        sink: &Arc<Sink>,
        arena: &SharedArena,
    ) -> Self {
        let name: Arc<str> = Arc::from(name);
        Self {
            name: name.clone(),
            metric_type,
            unit: OnceLock::new(),
            help: OnceLock::new(),
            bounds,
            exponential: None,
            builtin: false,
            life: Life::default(),
            sink: sink.clone(),
            refusals: Refusals::new(name, announcer.clone(), arena.clone()),
        }
    }

    /// Takes up what a program says about a metric; what is known already holds.
    pub(crate) fn describe(&self, unit: Option<Arc<str>>, help: Arc<str>) {
        if let Some(unit) = unit {
            let _ = self.unit.set(unit);
        }
        let _ = self.help.set(help);
    }

    pub(crate) fn wants_deltas(&self) -> bool {
        !self.builtin && self.sink.is_active()
    }
}

/// Which labels a family takes.
#[derive(Debug)]
pub(crate) enum LabelSet {
    /// Exactly these, sorted by name.
    Declared(Box<[LabelRule]>),
    /// Any: there is no registry.
    Observed,
}

/// What all families of one pipeline have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// Where their values are.
    pub(crate) arena: SharedArena,
    pub(crate) clock: Clock,
}

/// The label that marks an overflow set, as OpenTelemetry calls it.
pub(crate) const OVERFLOW_LABEL: &str = "otel_metric_overflow";

/// A metric and its series.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) info: Info,
    pub(crate) labels: LabelSet,
    /// Most series, the overflow sets not counted.
    pub(crate) cap: usize,
    /// Whether this process may write it; see [`Reason::ForeignSource`].
    pub(crate) writable: bool,
    /// Sums over its series, made at each snapshot.
    pub(crate) rollups: Vec<Rollup>,
    /// What it shares a limit with, if anything.
    pub(crate) namespace: Option<Arc<Namespace>>,
    /// Where its values are.
    pub(crate) arena: SharedArena,
    /// Seeded for this process: who knows it cannot choose labels that fall together.
    secrets: RapidSecrets,
    /// In the order they came, the overflow sets among them: whatever sums series does it in this
    /// order, so that no sum of floats ever falls.
    series: Segmented<Series>,
    /// Their labels.
    texts: Texts,
    /// How long the names of the declared labels are.
    names: Box<[u16]>,
    /// How many there are, and how many of them are shown and no overflow sets.
    count: AtomicUsize,
    admitted: AtomicUsize,
    /// How many of them, in the order they came, scrapers have been shown.
    pub(crate) shown: AtomicUsize,
    /// Those that are no overflow sets, by all their labels.
    index: Index,
    /// The overflow sets, by their enumerated labels. Bounded by the registry, therefore outside the
    /// cap.
    overflow: Index,
    /// Held exclusively while a series is new: different values of each label that has a limit of
    /// them.
    growing: RwLock<Vec<HashSet<Box<str>>>>,
    pub(crate) retired: Retired,
    /// What of these can be told without a lock.
    known: Box<[Known]>,
    /// The one overflow set, where no label is enumerated.
    lone: OnceLock<usize>,
    /// Whether the text of a series has escapes.
    has_escaped: AtomicBool,
    looked: Looked,
    blame: Blame,
    pub(crate) beside: Beside,
}

/// A series of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) place: usize,
    /// Whether it has the very values that were written: nothing was replaced, folded or counted.
    pub(crate) is_own: bool,
}

/// Where a write goes.
pub(crate) enum Resolved {
    /// To that series of the family.
    Series(Arc<Guarded>, Place),
    Refused(Arc<Entry>),
}

impl Guarded {
    pub(crate) fn new(
        info: Info,
        labels: LabelSet,
        cap: usize,
        writable: bool,
        common: &Common,
    ) -> Self {
        let rules = match &labels {
            LabelSet::Declared(rules) => &**rules,
            LabelSet::Observed => &[],
        };
        let limited = rules.len();
        // No name is as long as that, or it would not be found.
        let len = |rule: &LabelRule| u16::try_from(rule.name().len()).unwrap_or(u16::MAX);
        let names = rules.iter().map(len).collect();
        Self {
            info,
            labels,
            cap: cap.min(SERIES_MAX / 2),
            writable,
            rollups: Vec::new(),
            namespace: None,
            arena: common.arena.clone(),
            secrets: RapidSecrets::seed(seed()),
            series: Segmented::default(),
            texts: Texts::new(),
            names,
            count: AtomicUsize::new(0),
            admitted: AtomicUsize::new(0),
            shown: AtomicUsize::new(0),
            index: Index::default(),
            overflow: Index::default(),
            growing: RwLock::new(vec![HashSet::new(); limited]),
            retired: Retired::default(),
            known: (0..limited).map(|_| Known::default()).collect(),
            lone: OnceLock::new(),
            has_escaped: AtomicBool::new(false),
            looked: Looked::default(),
            blame: Blame::new(limited),
            beside: Beside::new(common.clock.clone()),
        }
    }

    /// Which label exploded, if the metric is full and one has more values than there is room for.
    pub(crate) fn exploded(&self) -> Option<Exploded> {
        self.blame.told()
    }

    /// Most series it may have, be it by a limit of its own or a shared one; none if there is none.
    pub(crate) fn limit(&self) -> Option<usize> {
        let shared = self.namespace.as_deref().map_or(usize::MAX, Namespace::cap);
        Some(self.cap.min(shared)).filter(|cap| *cap < SERIES_MAX / 2)
    }

    /// Most series it may have by a limit of its own; none if it has no such.
    pub(crate) fn own_limit(&self) -> Option<usize> {
        Some(self.cap).filter(|cap| *cap < SERIES_MAX / 2)
    }

    /// The declared labels; empty when any label goes.
    pub(crate) fn rules(&self) -> &[LabelRule] {
        match &self.labels {
            LabelSet::Declared(rules) => rules,
            LabelSet::Observed => &[],
        }
    }

    fn find(&self, hash: u32, pairs: &Pairs<'_>) -> Option<usize> {
        let is_it = |place| {
            self.series.get(place).is_some_and(|series| series.is(&self.texts, pairs.iter()))
        };
        self.index.find(hash, is_it)
    }

    /// The series with these values of all declared labels, in their order, and its place; `hash` is
    /// theirs. No allocation. Values that are escaped in a scrape are not found.
    #[inline(always)]
    pub(crate) fn find_values<const N: usize>(
        &self,
        hash: u32,
        values: &[Sought<'_>; N],
    ) -> Option<(usize, &Series)> {
        let names = self.names.first_chunk::<N>()?;
        let is_it = |place: usize| {
            let series = self.series.get(place)?;
            let is_it = series.has_values(&self.texts, names, values);
            is_it.then_some((place, series))
        };
        self.index.find_map(hash, is_it)
    }

    fn hash(&self, pairs: &Pairs<'_>) -> u32 {
        match &self.labels {
            LabelSet::Declared(_) => self.hash_values(pairs.iter().map(|(_, value)| value)),
            LabelSet::Observed => self.hash_values(pairs.iter().flat_map(|(n, v)| [n, v])),
        }
    }

    fn hash_values<'v>(&self, values: impl Iterator<Item = &'v str>) -> u32 {
        self.hash_sought(values.map(Sought::new))
    }

    /// Of values of all declared labels, in their order.
    #[inline(always)]
    pub(crate) fn hash_sought<'v>(&self, values: impl Iterator<Item = Sought<'v>>) -> u32 {
        let hash = values.fold(self.secrets.seed, |hash, value| value.add_to(hash, &self.secrets));
        (hash >> 32) as u32
    }

    /// Of one value.
    fn hash_one(&self, value: Sought<'_>) -> u64 {
        value.add_to(self.secrets.seed, &self.secrets)
    }

    /// As [`Guarded::hash_sought`], of short ones.
    #[inline(always)]
    pub(crate) fn hash_short(&self, values: &[Sought<'_>]) -> u32 {
        let add = |hash, value: &Sought<'_>| value.add_short_to(hash, &self.secrets);
        (values.iter().fold(self.secrets.seed, add) >> 32) as u32
    }

    fn hash_at(&self, place: usize) -> u32 {
        self.series.get(place).map_or(0, |series| series.hash)
    }

    /// Whether any labels go, for want of a registry entry.
    pub(crate) fn is_observed(&self) -> bool {
        matches!(self.labels, LabelSet::Observed)
    }

    pub(crate) fn series_at(&self, place: usize) -> Option<&Series> {
        self.series.get(place)
    }

    /// Whether writes are folded there.
    pub(crate) fn is_overflow(&self, place: usize) -> bool {
        self.series_at(place).is_some_and(|series| series.folded.is_some())
    }

    /// Series there are, overflow sets and retired ones not counted.
    pub(crate) fn series_count(&self) -> usize {
        self.admitted.load(Ordering::Acquire)
    }

    /// All series, overflow sets and retired ones too, in the order they came. What is shown of them
    /// says [`Guarded::standing`].
    pub(crate) fn all_series(&self) -> impl Iterator<Item = &Series> {
        let count = self.count.load(Ordering::Acquire);
        (0..count).filter_map(|place| self.series.get(place))
    }

    /// The labels of a series as a scrape writes them, without the constant ones.
    #[inline]
    pub(crate) fn text_of(&self, series: &Series) -> &str {
        series.text(&self.texts)
    }

    /// The labels of a series one by one, sorted by name, without the constant ones.
    pub(crate) fn pairs_of(&self, series: &Series) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        series.labels(&self.texts)
    }

    /// The labels of a series, sorted by name, without the constant labels.
    pub(crate) fn labels_of(&self, series: &Series) -> Labels {
        let shared = |name: &str| {
            let rule = self.rules().iter().find(|rule| rule.name() == name);
            rule.map_or_else(|| Arc::from(name), |rule| rule.shared_name().clone())
        };
        series.labels(&self.texts).map(|(name, value)| (shared(name), Arc::from(&*value))).collect()
    }

    /// The family, and if they are wanted its roll-ups, which are sums of these very values.
    pub(crate) fn snapshot(&self, mut push: impl FnMut(snapshot::Family), rollups: bool) {
        let standing = self.standing();
        let rollups = rollups && !self.rollups.is_empty();
        // Roll-ups sum what was retired as well: they would fall without it.
        let mut all = self.read(&standing, rollups);
        if rollups {
            self.rollups.iter().for_each(|rollup| push(rollup.sum(self, &all)));
        }
        standing.settle(self, &mut all);
        push(snapshot::Family {
            name: self.info.name.clone(),
            metric_type: self.info.metric_type,
            unit: self.info.unit.get().cloned(),
            help: self.info.help.get().cloned().unwrap_or_else(|| Arc::from("")),
            series: all.into_iter().map(|(_, series)| series).collect(),
            summed_over: None,
        });
    }

    /// The roll-ups alone.
    pub(crate) fn sum_rollups(&self, mut push: impl FnMut(snapshot::Family)) {
        if !self.rollups.is_empty() {
            let all = self.read(&self.standing(), true);
            self.rollups.iter().for_each(|rollup| push(rollup.sum(self, &all)));
        }
    }
}

fn seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
