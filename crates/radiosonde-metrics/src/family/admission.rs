//! Which label sets become series of a family, and where the rest goes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics::Key;
use radiosonde_registry::{MetricType, closest_name};

use super::{Guarded, LabelSet, OVERFLOW_LABEL, Place, Resolved};
use crate::caller::Caller;
use crate::fault::{Fault, quoted};
use crate::index::SERIES_MAX;
use crate::ingest;
use crate::labels::{LabelRule, Pairs, observed_pairs};
use crate::observed::Namespace;
use crate::redaction::Redactor;
use crate::registered::is_computed;
use crate::series::{Folded, Series};
use crate::shape::id_shape;
use crate::sought::Sought;
use crate::sync::{read, write};
use crate::values::UNSET;

/// What a free label is in an overflow set.
const OVERFLOW_VALUE: &str = "_other";

impl Guarded {
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
        let hash = self.hash(&pairs);
        let Some(place) = self.find(hash, &pairs) else {
            return self.look(hash, &pairs, redactor, caller);
        };
        // A label whose name hides its values is counted with each write.
        Ok(Place { place, is_own: !pairs.has_hidden() })
    }

    /// The series of labels that have none under their own values: what may be shown of them has one,
    /// or they are new.
    #[cold]
    fn look(
        &self,
        hash: u32,
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
            return self.admit(hash, pairs, caller).map(other);
        };
        rules.iter().for_each(|rule| redactor.count(rule));
        let place = self.admit(self.hash(&shown), &shown, caller)?;
        // An overflow set is looked for each time: there may be room again.
        if !self.is_overflow(place) {
            self.looked.keep(pairs, place, &rules);
        }
        Ok(other(place))
    }

    /// The series of these labels: the one there is, a new one, or the overflow set.
    fn admit(
        &self,
        hash: u32,
        pairs: &Pairs<'_>,
        caller: Caller<'_>,
    ) -> Result<usize, Fault<'static>> {
        let values = || pairs.iter().map(|(_, value)| Sought::new(value));
        // The usual end of a flood of new values: no lock is taken.
        if !self.is_gauge()
            && (self.is_full() || self.excludes(values()))
            && self.find(hash, pairs).is_none()
            && let Some(place) = self.find_overflow(pairs)
        {
            self.blame.note(pairs.iter(), caller.module);
            return Ok(place);
        }
        // Read before the series are looked at again: who is full then has all of its series.
        let room = self.has_room(&read(&self.growing), pairs);
        if let Some(place) = self.find(hash, pairs) {
            return Ok(place);
        }
        if let Err(fault) = room.and_then(|()| self.shared_room(Namespace::has_room)) {
            // What a flood of new values is made of.
            self.blame.note(pairs.iter(), caller.module);
            if self.is_gauge() {
                return Err(fault);
            }
            if let Some(place) = self.find_overflow(pairs) {
                return Ok(place);
            }
        }
        self.admit_new(hash, pairs, caller)
    }

    /// The overflow set for values that have no series and get none: the same as [`Guarded::resolve`]
    /// would find, where that can be told at a glance. `hash` is that of the values, which are in the
    /// order of the declared labels.
    pub(crate) fn fold<const N: usize>(
        &self,
        hash: u32,
        values: &[Sought<'_>; N],
        redactor: &Redactor,
        module: Option<&str>,
    ) -> Option<usize> {
        // Such a value has no series, and gets none.
        let is_excluded = self.excludes(values.iter().copied());
        if self.is_gauge() || !(is_excluded || self.is_full()) {
            return None;
        }
        let rules = self.rules();
        let is_fine = |(rule, value): (&LabelRule, &Sought<'_>)| rule.is_fine(value.text, redactor);
        // Texts with escapes are not found by their values.
        let may_be_there = self.has_escaped.load(Ordering::Acquire)
            || (!is_excluded && self.find_values(hash, values).is_some());
        if may_be_there || !rules.iter().zip(values).all(is_fine) {
            return None;
        }
        let place = match self.lone.get() {
            Some(place) => *place,
            None => {
                let texts = values.iter().map(|value| value.text);
                let pairs = Pairs::of_declared(rules.iter().map(LabelRule::name).zip(texts));
                self.find_overflow(&pairs)?
            }
        };
        let texts = values.iter().map(|value| value.text);
        self.blame.note(rules.iter().map(LabelRule::name).zip(texts), module);
        Some(place)
    }

    /// Whether there is no room for another series; one that came a moment ago may be there.
    fn is_full(&self) -> bool {
        self.admitted.load(Ordering::Acquire) >= self.cap
    }

    /// Whether one of these values, in the order of the declared labels, has no series and gets none:
    /// its label has other values, and as many as it may. No is no answer.
    fn excludes<'v>(&self, mut values: impl Iterator<Item = Sought<'v>>) -> bool {
        self.known
            .iter()
            .any(|known| values.next().is_some_and(|value| known.excludes(|| self.hash_one(value))))
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

    /// Whether a label set that is not there may become a series.
    pub(super) fn has_room(
        &self,
        growing: &[HashSet<Box<str>>],
        pairs: &Pairs<'_>,
    ) -> Result<(), Fault<'static>> {
        if self.is_full() {
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
    pub(super) fn shared_room(
        &self,
        room: impl FnOnce(&Namespace) -> Result<(), Fault<'static>>,
    ) -> Result<(), Fault<'static>> {
        self.namespace.as_deref().map_or(Ok(()), room)
    }

    /// Gauges do not fold: the sum or the last of several gauges means nothing.
    pub(super) fn is_gauge(&self) -> bool {
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

    pub(super) fn find_overflow(&self, pairs: &Pairs<'_>) -> Option<usize> {
        if let Some(place) = self.lone.get() {
            return Some(*place);
        }
        let labels = || overflow_labels(self.rules(), pairs);
        let is_it =
            |place| self.series.get(place).is_some_and(|series| series.is(&self.texts, labels()));
        self.overflow.find(self.overflow_hash(pairs), is_it)
    }

    fn overflow_hash(&self, pairs: &Pairs<'_>) -> u32 {
        let closed = self.rules().iter().zip(pairs.iter()).filter(|(rule, _)| rule.is_closed());
        self.hash_values(closed.map(|(_, (_, value))| value))
    }

    fn insert(
        &self,
        growing: &mut [HashSet<Box<str>>],
        hash: u32,
        pairs: &Pairs<'_>,
    ) -> Option<usize> {
        let place = self.push(pairs.iter(), hash, None)?;
        self.hold_values(growing, pairs);
        let admitted = self.admitted.load(Ordering::Relaxed);
        // What is retired is found all the same.
        let found = admitted + self.retired.count();
        self.index.insert(hash, place, found, |place| self.hash_at(place));
        // After the series can be found: who sees a full family finds all of its series.
        self.admitted.store(admitted + 1, Ordering::Release);
        Some(place)
    }

    /// Notes the values of labels that have a limit of them.
    pub(super) fn hold_values(&self, growing: &mut [HashSet<Box<str>>], pairs: &Pairs<'_>) {
        let mut at_a_glance = self.known.iter();
        for ((rule, known), (_, value)) in self.rules().iter().zip(growing).zip(pairs.iter()) {
            let at_a_glance = at_a_glance.next();
            let Some(max) = rule.max_values else { continue };
            if !known.contains(value) && known.insert(value.into()) && known.len() >= max {
                let hashes = known.iter().map(|value| self.hash_one(Sought::new(value)));
                at_a_glance.inspect(|glance| glance.fill(max, hashes));
            }
        }
    }

    pub(super) fn insert_overflow(&self, pairs: &Pairs<'_>, folded: Folded) -> Option<usize> {
        let hash = self.overflow_hash(pairs);
        let labels = overflow_labels(self.rules(), pairs);
        let count = self.count.load(Ordering::Relaxed);
        let place = self.push(labels, hash, Some(folded))?;
        let others = self.admitted.load(Ordering::Relaxed) + self.retired.count();
        let overflows = count - others;
        self.overflow.insert(hash, place, overflows, |place| self.hash_at(place));
        if !self.rules().iter().any(LabelRule::is_closed) {
            let _ = self.lone.set(place);
        }
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
        // The index has no room for more, which takes a limit of half a million or as many retired ones.
        if place >= SERIES_MAX {
            return None;
        }
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
        if !series.is_plain() {
            self.has_escaped.store(true, Ordering::Release);
        }
        let _ = self.series.get_or_init(place, || series);
        self.count.store(place + 1, Ordering::Release);
        Some(place)
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
