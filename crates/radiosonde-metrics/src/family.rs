//! One guarded metric: which label sets may become series, and where the rest goes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, RwLock};

use metrics::Key;
use radiosonde_registry::{MetricType, closest_name};

use crate::caller::Caller;
use crate::delta::Sink;
use crate::fault::{Fault, quoted};
use crate::ingest;
use crate::labels::{LabelRule, Pairs, observed_pairs};
use crate::life::Life;
use crate::looked::Looked;
use crate::observed::Namespace;
use crate::redaction::Redactor;
use crate::refusal::{Announcer, Entry, Refusals};
use crate::registered::is_computed;
use crate::rollup::Rollup;
use crate::series::Series;
use crate::shape::id_shape;
use crate::snapshot;
use crate::sync::{read, write};
use crate::table::Table;

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

/// A metric and its series.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) info: Arc<Info>,
    pub(crate) labels: LabelSet,
    /// Most series, the overflow sets not counted.
    pub(crate) cap: usize,
    /// Whether this process may write it; see [`Reason::ForeignSource`].
    pub(crate) writable: bool,
    /// Sums over its series, made at each snapshot.
    pub(crate) rollups: Vec<Rollup>,
    /// What it shares a limit with, if anything.
    pub(crate) namespace: Option<Arc<Namespace>>,
    table: RwLock<Table>,
    looked: Looked,
}

/// Where a write goes.
pub(crate) enum Resolved {
    Series(Arc<Series>),
    Refused(Arc<Entry>),
}

impl Guarded {
    pub(crate) fn new(info: Info, labels: LabelSet, cap: usize, writable: bool) -> Self {
        let limited = match &labels {
            LabelSet::Declared(rules) => rules.len(),
            LabelSet::Observed => 0,
        };
        let table = RwLock::new(Table::new(limited));
        let (info, looked) = (Arc::new(info), Looked::default());
        let (rollups, namespace) = (Vec::new(), None);
        Self { info, labels, cap, writable, rollups, namespace, table, looked }
    }

    /// Finds or creates the series of a key. `accepts` says whether the handle that is asked for
    /// fits the metric's type.
    pub(crate) fn resolve(
        &self,
        accepts: bool,
        key: &Key,
        redactor: &Redactor,
        caller: Caller<'_>,
    ) -> Resolved {
        match self.try_resolve(accepts, key, redactor) {
            Ok(series) => Resolved::Series(series),
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
    pub(crate) fn find_or_create(
        &self,
        key: &Key,
        redactor: &Redactor,
    ) -> Result<Arc<Series>, String> {
        self.try_resolve(true, key, redactor).map_err(|fault| fault.to_string())
    }

    fn try_resolve<'k>(
        &'k self,
        accepts: bool,
        key: &'k Key,
        redactor: &Redactor,
    ) -> Result<Arc<Series>, Fault<'k>> {
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
        let encoded = pairs.encode();
        let known = read(&self.table).series(&encoded);
        if let Some(series) = known {
            return Ok(series);
        }
        self.look(encoded, &pairs, redactor)
    }

    /// The series of labels that have none under their own values: what may be shown of them has one,
    /// or they are new.
    #[cold]
    fn look(
        &self,
        encoded: Vec<u8>,
        pairs: &Pairs<'_>,
        redactor: &Redactor,
    ) -> Result<Arc<Series>, Fault<'static>> {
        if let Some(series) = self.looked.series(&encoded, redactor) {
            return Ok(series);
        }
        let mut rules = Vec::new();
        let Some(shown) = pairs.redacted(redactor, &mut rules) else {
            return self.admit(encoded, pairs);
        };
        rules.iter().for_each(|rule| redactor.count(rule));
        let series = self.admit(shown.encode(), &shown)?;
        self.looked.keep(&encoded, &series, &rules);
        Ok(series)
    }

    /// The series of these labels: the one there is, a new one, or the overflow set.
    fn admit(&self, encoded: Vec<u8>, pairs: &Pairs<'_>) -> Result<Arc<Series>, Fault<'static>> {
        {
            let table = read(&self.table);
            if let Some(series) = table.series(&encoded) {
                return Ok(series);
            }
            let room = table.has_room(self.cap, self.rules(), pairs);
            if let Err(fault) = room.and_then(|()| self.shared_room(Namespace::has_room)) {
                // The usual end of a flood of new values: no exclusive lock is taken.
                if let Some(series) = table.overflow(&pairs.encode_enumerated(self.rules())) {
                    return Ok(series);
                }
                if self.is_gauge() {
                    return Err(fault);
                }
            }
        }
        self.admit_new(encoded, pairs)
    }

    #[cold]
    fn admit_new(
        &self,
        encoded: Vec<u8>,
        pairs: &Pairs<'_>,
    ) -> Result<Arc<Series>, Fault<'static>> {
        // Before the lock: values that are refused must not hold up those that are not.
        let unfit = self.check_new(pairs);
        let mut table = write(&self.table);
        if let Some(series) = table.series(&encoded) {
            return Ok(series);
        }
        let mut room = table.has_room(self.cap, self.rules(), pairs);
        if room.is_ok() {
            unfit?;
            // Last: what is taken is used.
            room = self.shared_room(Namespace::take);
        }
        if let Err(fault) = room {
            if self.is_gauge() {
                return Err(fault);
            }
            let folded = self.info.refusals.entry(fault.reason_to_fold());
            folded.set_full_label(fault.full_label());
            folded.describe(|| fault.to_string(), Caller::default());
            return Ok(table.insert_overflow(&self.info, self.rules(), pairs, folded.clone()));
        }
        Ok(table.insert(&self.info, encoded, self.rules(), pairs))
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
        let mut table = write(&self.table);
        for nth in 0..product {
            let mut rest = nth;
            let choice = self.rules().iter().zip(&lists).map(|(rule, list)| {
                let value = &list[rest % list.len()];
                rest /= list.len();
                (rule.name(), value.as_ref())
            });
            let pairs = Pairs::of_declared(choice);
            let encoded = pairs.encode();
            if table.series(&encoded).is_none() {
                table.insert(&self.info, encoded, self.rules(), &pairs).begin_at_zero();
            }
        }
        Some(product)
    }

    /// Creates one series, within the cap. The values are allowed, and in the order of the labels.
    pub(crate) fn create(&self, values: &[&str]) {
        let pairs = self.rules().iter().zip(values).map(|(rule, value)| (rule.name(), *value));
        let pairs = Pairs::of_declared(pairs);
        let encoded = pairs.encode();
        let mut table = write(&self.table);
        if table.len() < self.cap && table.series(&encoded).is_none() {
            let _ = table.insert(&self.info, encoded, self.rules(), &pairs);
        }
    }

    /// When the newest of its values was computed, in milliseconds since 1970; of batch gauges.
    pub(crate) fn last_computed(&self) -> Option<u64> {
        self.info.life.computed_by.as_ref()?;
        let table = read(&self.table);
        table.all().iter().filter_map(|series| series.computed()).map(|(_, at)| at).max()
    }

    /// Series there are, the overflow sets not counted.
    pub(crate) fn series_count(&self) -> usize {
        read(&self.table).len()
    }

    /// Whether a series was written since the last call; then this is when the metric was seen.
    pub(crate) fn take_written(&self, now: u64) -> bool {
        let written =
            read(&self.table).all().iter().fold(false, |any, series| series.take_written() | any);
        if written {
            self.info.life.seen.store(now, Ordering::Relaxed);
        }
        written
    }

    /// All series, the overflow sets too, in the order they came.
    pub(crate) fn all_series(&self) -> Vec<Arc<Series>> {
        // The lock is only held to list the series: a scrape must not hold up new ones.
        read(&self.table).all().to_vec()
    }

    /// The family, and its roll-ups, which are sums of these very values.
    pub(crate) fn snapshot(&self, mut push: impl FnMut(snapshot::Family)) {
        let value = |series: Arc<Series>| {
            let value = series.value()?;
            Some((series, value))
        };
        let all: Vec<_> = self.all_series().into_iter().filter_map(value).collect();
        for rollup in &self.rollups {
            push(rollup.sum(&self.info, self.rules(), self.cap, &all));
        }
        let live = |(series, value): (Arc<Series>, snapshot::Value)| {
            snapshot::Series::new(series.labels().clone(), value)
        };
        push(snapshot::Family {
            name: self.info.name.clone(),
            metric_type: self.info.metric_type,
            unit: self.info.unit.get().cloned(),
            help: self.info.help.get().cloned().unwrap_or_else(|| Arc::from("")),
            series: all.into_iter().map(live).collect(),
            summed_over: None,
        });
    }
}
