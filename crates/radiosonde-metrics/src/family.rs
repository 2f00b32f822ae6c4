//! One guarded metric: which label sets may become series, and where the rest goes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use metrics::Key;
use radiosonde_registry::{MetricType, closest_name};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

use crate::beside::Beside;
use crate::blame::{Blame, Exploded};
use crate::caller::Caller;
use crate::cells::{SharedArena, Texts};
use crate::clock::Clock;
use crate::delta::Sink;
use crate::fault::{Fault, quoted};
use crate::index::{Index, SERIES_MAX};
use crate::ingest;
use crate::labels::{LabelRule, Pairs, observed_pairs};
use crate::life::Life;
use crate::looked::Looked;
use crate::observed::Namespace;
use crate::redaction::Redactor;
use crate::refusal::{Announcer, Entry, Refusals};
use crate::registered::is_computed;
use crate::rollup::Rollup;
use crate::segmented::Segmented;
use crate::series::{Folded, Series};
use crate::shape::id_shape;
use crate::snapshot::{self, Exponential, Labels};
use crate::sync::{read, write};
use crate::values::UNSET;

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
            refusals: Refusals::new(name, announcer.clone()),
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

/// What a free label is in an overflow set.
const OVERFLOW_VALUE: &str = "_other";

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
    /// How many there are, and how many of them are no overflow sets.
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
            looked: Looked::default(),
            blame: Blame::new(limited),
            beside: Beside::new(common.clock.clone()),
        }
    }

    /// Finds or creates the series of a key. `accepts` says whether the handle that is asked for
    /// fits the metric's type.
    pub(crate) fn resolve(
        self: &Arc<Self>,
        accepts: bool,
        key: &Key,
        redactor: &Redactor,
        caller: Caller<'_>,
    ) -> Resolved {
        match self.try_resolve(accepts, key, redactor, caller) {
            Ok(place) => Resolved::Series(self.clone(), place),
            Err(fault) => {
                let entry = self.info.refusals.entry(fault.reason());
                entry.set_full_label(fault.full_label());
                entry.describe(|| self.told(&fault), caller);
                Resolved::Refused(entry.clone())
            }
        }
    }

    /// A fault in words, with a guess at what was meant: for the first of a kind, as it takes time.
    fn told(&self, fault: &Fault<'_>) -> String {
        let meant = |written: &str, known: &mut dyn Iterator<Item = &str>| {
            closest_name(written, known).map(|name| format!("; did you mean `{name}`?"))
        };
        match fault {
            Fault::LabelValue { label, value, .. }
                if *self.info.name == *ingest::NAME && *label == "metric" =>
            {
                let rule = self.rules().iter().find(|rule| rule.name() == "metric");
                let mut known = rule.and_then(LabelRule::values).unwrap_or_default().iter();
                let guess = meant(value, &mut known.by_ref().map(|name| &**name));
                format!("no metric `{}`{}", quoted(value), guess.unwrap_or_default())
            }
            Fault::LabelUndeclared(label) => {
                let guess = meant(label, &mut self.rules().iter().map(LabelRule::name));
                format!("{fault}{}", guess.unwrap_or_default())
            }
            _ => fault.to_string(),
        }
    }

    /// The series of a key, or why there can be none; counted nowhere.
    pub(crate) fn find_or_create(&self, key: &Key, redactor: &Redactor) -> Result<usize, String> {
        let resolved = self.try_resolve(true, key, redactor, Caller::default());
        resolved.map(|found| found.place).map_err(|fault| fault.to_string())
    }

    fn try_resolve<'k>(
        &'k self,
        accepts: bool,
        key: &'k Key,
        redactor: &Redactor,
        caller: Caller<'_>,
    ) -> Result<Place, Fault<'k>> {
        if !self.writable {
            let is_ours = is_computed(&self.info.name);
            return Err(if is_ours { Fault::Computed } else { Fault::ForeignSource });
        }
        if !accepts {
            return Err(Fault::TypeMismatch(self.info.metric_type));
        }
        let pairs = match &self.labels {
            LabelSet::Declared(rules) => Pairs::declared(rules, key, redactor)?,
            LabelSet::Observed => observed_pairs(self.info.metric_type, key, redactor)?,
        };
        let place = match self.find(self.hash(&pairs), &pairs) {
            Some(place) => place,
            None => return self.look(&pairs, redactor, caller),
        };
        // A label whose name hides its values is counted with each write.
        Ok(Place { place, is_own: !pairs.has_hidden() })
    }

    /// The series of labels that have none under their own values: what may be shown of them has one,
    /// or they are new.
    #[cold]
    fn look(
        &self,
        pairs: &Pairs<'_>,
        redactor: &Redactor,
        caller: Caller<'_>,
    ) -> Result<Place, Fault<'static>> {
        let other = |place| Place { place, is_own: false };
        if let Some(place) = self.looked.series(pairs, redactor) {
            return Ok(other(place));
        }
        let mut rules = Vec::new();
        let Some(shown) = pairs.redacted(redactor, &mut rules) else {
            // What is folded is no series of its own; what is new is found when it comes again.
            return self.admit(pairs, caller).map(other);
        };
        rules.iter().for_each(|rule| redactor.count(rule));
        let place = self.admit(&shown, caller)?;
        self.looked.keep(pairs, place, &rules);
        Ok(other(place))
    }

    /// The series of these labels: the one there is, a new one, or the overflow set.
    fn admit(&self, pairs: &Pairs<'_>, caller: Caller<'_>) -> Result<usize, Fault<'static>> {
        // Read before the series are looked at again: who is full then has all of its series.
        let room = self.has_room(&read(&self.growing), pairs);
        let hash = self.hash(pairs);
        if let Some(place) = self.find(hash, pairs) {
            return Ok(place);
        }
        if let Err(fault) = room.and_then(|()| self.shared_room(Namespace::has_room)) {
            self.blame(pairs, caller);
            if self.is_gauge() {
                return Err(fault);
            }
            // The usual end of a flood of new values: no exclusive lock is taken.
            if let Some(place) = self.find_overflow(pairs) {
                return Ok(place);
            }
        }
        self.admit_new(hash, pairs, caller)
    }

    #[cold]
    fn admit_new(
        &self,
        hash: u32,
        pairs: &Pairs<'_>,
        caller: Caller<'_>,
    ) -> Result<usize, Fault<'static>> {
        // Before the lock: values that are refused must not hold up those that are not.
        let unfit = self.check_new(pairs);
        let mut growing = write(&self.growing);
        if let Some(place) = self.find(hash, pairs) {
            return Ok(place);
        }
        let mut room = self.has_room(&growing, pairs);
        if room.is_ok() {
            unfit?;
            // Last: what is taken is used.
            room = self.shared_room(Namespace::take);
        }
        let no_text = Fault::SeriesCap(self.cap);
        let Err(fault) = room else {
            return self.insert(&mut growing, hash, pairs).ok_or(no_text);
        };
        if self.is_gauge() {
            return Err(fault);
        }
        let folded = self.info.refusals.entry(fault.reason_to_fold());
        folded.set_full_label(fault.full_label());
        folded.describe(|| fault.to_string(), caller);
        if let Some(place) = self.find_overflow(pairs) {
            return Ok(place);
        }
        self.insert_overflow(pairs, Folded::of(fault.reason_to_fold())).ok_or(no_text)
    }

    /// Takes note of what a flood of new values is made of.
    fn blame(&self, pairs: &Pairs<'_>, caller: Caller<'_>) {
        self.blame.note(pairs.iter(), caller.module);
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

    /// Whether a label set that is not there may become a series.
    fn has_room(
        &self,
        growing: &[HashSet<Box<str>>],
        pairs: &Pairs<'_>,
    ) -> Result<(), Fault<'static>> {
        if self.admitted.load(Ordering::Acquire) >= self.cap {
            return Err(Fault::SeriesCap(self.cap));
        }
        for ((rule, known), (_, value)) in self.rules().iter().zip(growing).zip(pairs.iter()) {
            if let Some(max) = rule.max_values
                && known.len() >= max
                && !known.contains(value)
            {
                return Err(Fault::LabelValues { label: rule.name().to_owned().into(), max });
            }
        }
        Ok(())
    }

    /// Whether the namespace has room, if it belongs to one.
    fn shared_room(
        &self,
        room: impl FnOnce(&Namespace) -> Result<(), Fault<'static>>,
    ) -> Result<(), Fault<'static>> {
        self.namespace.as_deref().map_or(Ok(()), room)
    }

    /// Gauges do not fold: the sum or the last of several gauges means nothing.
    fn is_gauge(&self) -> bool {
        self.info.metric_type == MetricType::Gauge
    }

    /// What is checked once per series, because it costs more than a lookup.
    fn check_new(&self, pairs: &Pairs<'_>) -> Result<(), Fault<'static>> {
        for (index, (name, value)) in pairs.iter().enumerate() {
            let rule = self.rules().get(index);
            // Values on a list, and redacted ones, are what the registry or the rules made them.
            if rule.is_some_and(LabelRule::is_closed) || value == radiosonde_redact::REDACTED {
                continue;
            }
            if let Some(kind) = id_shape(value) {
                return Err(Fault::LabelShape { label: name.to_owned().into(), kind });
            }
            if let Some(rule) = rule.filter(|rule| !rule.matches_pattern(value)) {
                return Err(rule.pattern_fault(value));
            }
        }
        Ok(())
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

    /// The series with these values of all declared labels, in their order, and its place. No
    /// allocation. Values that are escaped in a scrape are not found.
    #[inline(always)]
    pub(crate) fn find_values<const N: usize>(
        &self,
        values: &[&str; N],
    ) -> Option<(usize, &Series)> {
        let names = self.names.first_chunk::<N>()?;
        let is_it = |place: usize| {
            let series = self.series.get(place)?;
            let is_it = series.has_values(&self.texts, names, values);
            is_it.then_some((place, series))
        };
        self.index.find_map(self.hash_values(values.iter().copied()), is_it)
    }

    fn find_overflow(&self, pairs: &Pairs<'_>) -> Option<usize> {
        let labels = || overflow_labels(self.rules(), pairs);
        let is_it =
            |place| self.series.get(place).is_some_and(|series| series.is(&self.texts, labels()));
        self.overflow.find(self.overflow_hash(pairs), is_it)
    }

    fn hash(&self, pairs: &Pairs<'_>) -> u32 {
        match &self.labels {
            LabelSet::Declared(_) => self.hash_values(pairs.iter().map(|(_, value)| value)),
            LabelSet::Observed => self.hash_values(pairs.iter().flat_map(|(n, v)| [n, v])),
        }
    }

    fn overflow_hash(&self, pairs: &Pairs<'_>) -> u32 {
        let closed = self.rules().iter().zip(pairs.iter()).filter(|(rule, _)| rule.is_closed());
        self.hash_values(closed.map(|(_, (_, value))| value))
    }

    #[inline(always)]
    fn hash_values<'v>(&self, values: impl Iterator<Item = &'v str>) -> u32 {
        let one = |value: &str| {
            rapidhash_v3_inline::<false, true, false>(value.as_bytes(), &self.secrets)
        };
        // The length is part of the hash of a value: values do not run together.
        let add = |all: u64, value| (all.rotate_left(23) ^ one(value)).wrapping_mul(MIX);
        let hash = values.fold(self.secrets.seed, add);
        // The upper half of a product is made of all of its factors.
        (hash >> 32) as u32
    }

    fn insert(
        &self,
        growing: &mut [HashSet<Box<str>>],
        hash: u32,
        pairs: &Pairs<'_>,
    ) -> Option<usize> {
        for ((rule, known), (_, value)) in self.rules().iter().zip(growing).zip(pairs.iter()) {
            if rule.max_values.is_some() && !known.contains(value) {
                let _ = known.insert(value.into());
            }
        }
        let place = self.push(pairs.iter(), hash, None)?;
        let admitted = self.admitted.load(Ordering::Relaxed);
        self.index.insert(hash, place, admitted, |place| self.hash_at(place));
        // After the series can be found: who sees a full family finds all of its series.
        self.admitted.store(admitted + 1, Ordering::Release);
        Some(place)
    }

    fn insert_overflow(&self, pairs: &Pairs<'_>, folded: Folded) -> Option<usize> {
        let hash = self.overflow_hash(pairs);
        let labels = overflow_labels(self.rules(), pairs);
        let count = self.count.load(Ordering::Relaxed);
        let place = self.push(labels, hash, Some(folded))?;
        let overflows = count - self.admitted.load(Ordering::Relaxed);
        self.overflow.insert(hash, place, overflows, |place| self.hash_at(place));
        Some(place)
    }

    /// Adds a series at the end; the caller holds the lock.
    fn push<'l>(
        &self,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        hash: u32,
        folded: Option<Folded>,
    ) -> Option<usize> {
        let place = self.count.load(Ordering::Relaxed);
        let bounds = self.info.bounds.len();
        let cell = match self.info.metric_type {
            MetricType::Gauge => self.arena.reserve_shared(2),
            // The buckets, that of +Inf, and the sum.
            MetricType::Histogram => self.arena.reserve(bounds + 2),
            MetricType::Summary => self.arena.reserve(2),
            _ => self.arena.reserve(1),
        };
        if self.is_gauge()
            && let Some(bits) = self.arena.shared(cell)
        {
            bits.store(UNSET, Ordering::Relaxed);
        }
        let series = Series::new(&self.texts, labels, cell, hash, folded)?;
        let _ = self.series.get_or_init(place, || series);
        self.count.store(place + 1, Ordering::Release);
        Some(place)
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

    /// Creates every series of a family whose labels all have lists of values; does nothing when
    /// there are more than the cap, or than `room`, or a label is free. Returns how many there would
    /// be.
    pub(crate) fn create_all(&self, room: usize) -> Option<usize> {
        let lists: Vec<&[Arc<str>]> =
            self.rules().iter().map(LabelRule::values).collect::<Option<_>>()?;
        let product = lists.iter().fold(1_usize, |n, list| n.saturating_mul(list.len()));
        if product > self.cap.min(room) {
            return Some(product);
        }
        for nth in 0..product {
            let mut rest = nth;
            let values = lists.iter().map(|list| {
                let value = &list[rest % list.len()];
                rest /= list.len();
                value.as_ref()
            });
            if let Some(place) = self.create(values)
                && self.is_gauge()
            {
                self.begin_at_zero(place);
            }
        }
        Some(product)
    }

    /// Creates one series, within the cap. The values are allowed, and in the order of the labels.
    pub(crate) fn create<'v>(&'v self, values: impl Iterator<Item = &'v str>) -> Option<usize> {
        let pairs = self.rules().iter().map(LabelRule::name).zip(values);
        let pairs = Pairs::of_declared(pairs);
        let hash = self.hash(&pairs);
        let mut growing = write(&self.growing);
        let is_new = self.find(hash, &pairs).is_none();
        let has_room = self.admitted.load(Ordering::Relaxed) < self.cap;
        (is_new && has_room).then(|| self.insert(&mut growing, hash, &pairs))?
    }

    /// A gauge begins at 0 because the registry says so.
    fn begin_at_zero(&self, place: usize) {
        if let Some(series) = self.series.get(place)
            && let Some(bits) = self.arena.shared(series.cell)
        {
            let _ = bits.compare_exchange(UNSET, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Series there are, the overflow sets not counted.
    pub(crate) fn series_count(&self) -> usize {
        self.admitted.load(Ordering::Acquire)
    }

    /// All series, the overflow sets too, in the order they came.
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
        let all = self.live();
        if rollups {
            self.rollups.iter().for_each(|rollup| push(rollup.sum(self, &all)));
        }
        push(snapshot::Family {
            name: self.info.name.clone(),
            metric_type: self.info.metric_type,
            unit: self.info.unit.get().cloned(),
            help: self.info.help.get().cloned().unwrap_or_else(|| Arc::from("")),
            series: all,
            summed_over: None,
        });
    }

    /// The roll-ups alone.
    pub(crate) fn sum_rollups(&self, mut push: impl FnMut(snapshot::Family)) {
        if !self.rollups.is_empty() {
            let all = self.live();
            self.rollups.iter().for_each(|rollup| push(rollup.sum(self, &all)));
        }
    }

    /// The series that have values, in the order they came.
    fn live(&self) -> Vec<snapshot::Series> {
        let live = |(place, series): (usize, &Series)| {
            let value = self.value(place, series)?;
            let mut live = snapshot::Series::new(self.labels_of(series), value);
            self.beside.read_exemplars(place, &mut live.exemplars);
            Some(live)
        };
        self.all_series().enumerate().filter_map(live).collect()
    }
}

/// The labels of the overflow set that a label set folds into, sorted by name.
fn overflow_labels<'l>(
    rules: &'l [LabelRule],
    pairs: &'l Pairs<'_>,
) -> impl Iterator<Item = (&'l str, &'l str)> {
    let own = rules.iter().zip(pairs.iter()).map(|(rule, (_, value))| {
        (rule.name(), if rule.is_closed() { value } else { OVERFLOW_VALUE })
    });
    let before = rules.iter().take_while(|rule| rule.name() < OVERFLOW_LABEL).count();
    let after = own.clone().skip(before);
    own.take(before).chain([(OVERFLOW_LABEL, "true")]).chain(after)
}

/// An odd number without a pattern.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
