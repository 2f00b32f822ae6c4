//! Series that were taken out to make room: what they held then, and what becomes of what is written
//! to them afterwards.
//!
//! Their cells stay theirs, so that handles, caches of threads and the index need not know: a write
//! goes where it always went. Whoever reads looks first which of these series were written since. Such
//! a series comes back if there is room; otherwise it is folded for good, and from then on what came
//! since it was retired is part of its overflow set. That part only grows, as cells do.

use std::collections::{BTreeMap, HashSet};
use std::slice::{from_mut, from_ref};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use radiosonde_registry::MetricType;

use super::Guarded;
use super::known::Known;
use crate::fault::Fault;
use crate::index::SERIES_MAX;
use crate::labels::Pairs;
use crate::observed::Namespace;
use crate::refusal::Reason;
use crate::series::{Folded, Series};
use crate::snapshot::{self, Value};
use crate::sync::{read, write};

/// Retired series a family keeps, and may keep more only if its limit is higher: they take memory until
/// the process ends.
const RETIRED_MAX: usize = 100_000;

/// The retired series of a family.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// How many there are. Read first: a family that has none pays nothing else.
    count: AtomicUsize,
    /// Changed only under the lock that series grow under, which is taken before this one. Who reads
    /// takes it out and holds no lock.
    view: RwLock<Arc<View>>,
}

/// Which series are retired at one moment.
#[derive(Clone, Debug, Default)]
struct View {
    gone: BTreeMap<usize, Gone>,
    /// Those that were folded, by the overflow set they belong to, in the order they came to it.
    folded: BTreeMap<usize, Vec<usize>>,
}

/// A retired series.
#[derive(Clone, Debug)]
struct Gone {
    /// What its cells held; see [`Guarded::read_cells`].
    held: Arc<[u64]>,
    is_folded: bool,
}

/// The series that a reading shows: those there were at one moment.
#[derive(Debug)]
pub(crate) struct Standing {
    count: usize,
    /// None if none was retired.
    view: Option<Arc<View>>,
}

impl Retired {
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn view(&self) -> Arc<View> {
        read(&self.view).clone()
    }
}

impl Standing {
    /// How many series there are, all counted: also those that are not shown.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn gone(&self, place: usize) -> Option<&Gone> {
        self.view.as_ref()?.gone.get(&place)
    }

    /// The series that are shown, the overflow sets too, in the order they came.
    pub(crate) fn series<'f>(
        &self,
        family: &'f Guarded,
    ) -> impl Iterator<Item = (usize, &'f Series)> {
        let shown = (0..self.count).filter(|place| self.gone(*place).is_none());
        shown.filter_map(|place| Some((place, family.series.get(place)?)))
    }

    /// Adds to the value of an overflow set what was written to the series that were folded into it.
    pub(crate) fn add_folded(
        &self,
        family: &Guarded,
        overflow: usize,
        counts: &mut [u64],
        sum: &mut f64,
    ) {
        let Some(view) = &self.view else { return };
        let mut now = Vec::new();
        for place in view.folded.get(&overflow).into_iter().flatten() {
            let (Some(series), Some(gone)) = (family.series.get(*place), view.gone.get(place))
            else {
                continue;
            };
            family.read_cells(series, &mut now);
            let held = family.parts(&gone.held);
            add_growth(counts, sum, family.parts(&now), held);
        }
    }

    /// Leaves what is shown of the values of all series, each with its place, in their order: what is
    /// retired goes, and what was folded of it is added to the overflow sets.
    pub(crate) fn settle(&self, family: &Guarded, all: &mut Vec<(usize, snapshot::Series)>) {
        let Some(view) = &self.view else { return };
        let at = |all: &[(usize, snapshot::Series)], place: usize| {
            all.binary_search_by_key(&place, |(place, _)| *place).ok()
        };
        for (overflow, folded) in &view.folded {
            let Some(to) = at(all, *overflow) else { continue };
            let Some(mut sum) = all.get(to).map(|(_, series)| series.value.clone()) else {
                continue;
            };
            for place in folded {
                let now = at(all, *place).and_then(|from| all.get(from));
                if let Some(((_, now), gone)) = now.zip(view.gone.get(place)) {
                    add_value(&mut sum, &now.value, family.parts(&gone.held));
                }
            }
            if let Some((_, series)) = all.get_mut(to) {
                series.value = sum;
            }
        }
        all.retain(|(place, _)| !view.gone.contains_key(place));
    }

    /// Whether a series is retired, and shown nowhere.
    fn is_away(&self, place: usize) -> bool {
        self.gone(place).is_some_and(|gone| !gone.is_folded)
    }
}

impl Guarded {
    /// Retires all series but the overflow sets; how many. None if too many would be kept.
    pub(crate) fn retire(&self) -> Option<usize> {
        let mut growing = write(&self.growing);
        let admitted = self.admitted.load(Ordering::Relaxed);
        let max = RETIRED_MAX.max(self.limit().unwrap_or(0)).min(SERIES_MAX / 4);
        if self.retired.count() + admitted > max {
            return None;
        }
        if admitted == 0 {
            return Some(0);
        }
        let mut view = View::clone(&self.retired.view());
        let mut held = Vec::new();
        for (place, series) in self.all_series().enumerate() {
            if series.folded.is_none() && !view.gone.contains_key(&place) {
                self.read_cells(series, &mut held);
                let held = held.as_slice().into();
                let _ = view.gone.insert(place, Gone { held, is_folded: false });
            }
        }
        self.retired.count.store(view.gone.len(), Ordering::Relaxed);
        // At the end, so that writes of gauges do not wait for all of it.
        *write(&self.retired.view) = Arc::new(view);
        growing.iter_mut().for_each(HashSet::clear);
        self.known.iter().for_each(Known::open);
        self.blame.forget();
        self.info.refusals.entries().for_each(|entry| entry.announce_cap_again());
        self.admitted.store(0, Ordering::Release);
        if let Some(namespace) = &self.namespace {
            namespace.give_back(admitted);
        }
        Some(admitted)
    }

    /// Tells about what a reading counted, if that is new. Called without a lock: whoever is told may
    /// write this very metric, and read all.
    pub(crate) fn tell_of_retired(&self) {
        if self.retired.count() > 0 {
            self.info.refusals.entries().for_each(|entry| entry.announce_if_new());
        }
    }

    /// The series that a reading is to show. Those that were retired and written since come back, or are
    /// folded.
    pub(crate) fn standing(&self) -> Standing {
        // The count first: what came after series were retired is counted only where that is known.
        let count = self.count.load(Ordering::Acquire);
        if self.retired.count() == 0 {
            return Standing { count, view: None };
        }
        self.take_back_written();
        if self.info.metric_type == MetricType::Summary {
            // Nobody reads these: what is past would stay.
            let view = self.retired.view();
            view.gone.keys().for_each(|place| self.beside.forget_quantiles(*place));
        }
        // Both under the lock, or what came after series were retired could stand beside them.
        let _growing = read(&self.growing);
        let count = self.count.load(Ordering::Acquire);
        Standing { count, view: Some(self.retired.view()) }
    }

    /// The values of all series that have some, with their places, in the order they came: of retired
    /// ones all if `all` says so, otherwise of those that were folded.
    pub(crate) fn read(&self, standing: &Standing, all: bool) -> Vec<(usize, snapshot::Series)> {
        let wanted = (0..standing.count).filter(|place| all || !standing.is_away(*place));
        let live = |place| {
            let series = self.series.get(place)?;
            let value = self.value(place, series)?;
            let mut live = snapshot::Series::new(self.labels_of(series), value);
            self.beside.read_exemplars(place, &mut live.exemplars);
            Some((place, live))
        };
        wanted.filter_map(live).collect()
    }

    /// Takes a gauge back that is about to be written, if it is retired. A fault if there is no room.
    #[cold]
    pub(crate) fn take_back_gauge(&self, place: usize) -> Result<(), Fault<'static>> {
        let is_gone = read(&self.retired.view).gone.contains_key(&place);
        let Some(series) = self.series.get(place).filter(|_| is_gone) else { return Ok(()) };
        // The usual end of writes without room: no exclusive lock is taken.
        self.with_pairs(series, |pairs| self.has_room(&read(&self.growing), pairs))?;
        self.shared_room(Namespace::has_room)?;
        let mut growing = write(&self.growing);
        let mut view = write(&self.retired.view);
        self.take_back(&mut growing, Arc::make_mut(&mut view), place)
    }

    #[cold]
    fn take_back_written(&self) {
        let written: Vec<usize> = {
            let view = self.retired.view();
            let mut now = Vec::new();
            let is_written = |(place, gone): &(&usize, &Gone)| {
                !gone.is_folded && self.is_written(**place, gone, &mut now)
            };
            view.gone.iter().filter(is_written).map(|(place, _)| *place).collect()
        };
        if written.is_empty() {
            return;
        }
        let refused = self.place_written(&written);
        // Told later: whoever reads may hold a lock that whoever is told wants.
        refused.into_iter().for_each(|reason| self.info.refusals.entry(reason).add(1));
    }

    /// Takes series back that were written, or folds them; the reasons for which it could not take them
    /// back, one for each.
    fn place_written(&self, written: &[usize]) -> Vec<Reason> {
        let mut growing = write(&self.growing);
        let mut view = write(&self.retired.view);
        let view = Arc::make_mut(&mut view);
        let (mut refused, mut now) = (Vec::new(), Vec::new());
        for place in written.iter().copied() {
            // Somebody else may have been here in between.
            let mut is_it = |gone: &Gone| !gone.is_folded && self.is_written(place, gone, &mut now);
            if !view.gone.get(&place).is_some_and(&mut is_it) {
                continue;
            }
            let Err(fault) = self.take_back(&mut growing, view, place) else { continue };
            let reason = if self.is_gauge() {
                // Written while it was being retired: the write counts as refused.
                if let Some(gone) = view.gone.get_mut(&place) {
                    gone.held = now.as_slice().into();
                }
                fault.reason()
            } else {
                self.fold_retired(view, place, &fault);
                fault.reason_to_fold()
            };
            let entry = self.info.refusals.entry(reason);
            entry.set_full_label(fault.full_label());
            entry.describe(|| fault.to_string(), crate::caller::Caller::default());
            refused.push(reason);
        }
        refused
    }

    /// Makes a retired series one that is shown, if there is room as for a new one.
    fn take_back(
        &self,
        growing: &mut [HashSet<Box<str>>],
        view: &mut View,
        place: usize,
    ) -> Result<(), Fault<'static>> {
        let Some(series) = self.series.get(place).filter(|_| view.gone.contains_key(&place)) else {
            return Ok(());
        };
        self.with_pairs(series, |pairs| {
            self.has_room(growing, pairs)?;
            // Last: what is taken is used.
            self.shared_room(Namespace::take)?;
            self.hold_values(growing, pairs);
            Ok(())
        })?;
        let _ = view.gone.remove(&place);
        self.retired.count.store(view.gone.len(), Ordering::Relaxed);
        let admitted = self.admitted.load(Ordering::Relaxed);
        self.admitted.store(admitted + 1, Ordering::Release);
        Ok(())
    }

    /// Makes what is written to a retired series part of its overflow set.
    fn fold_retired(&self, view: &mut View, place: usize, fault: &Fault<'_>) {
        let (Some(series), Some(gone)) = (self.series.get(place), view.gone.get_mut(&place)) else {
            return;
        };
        let folded = Folded::of(fault.reason_to_fold());
        let overflow = self.with_pairs(series, |pairs| {
            self.find_overflow(pairs).or_else(|| self.insert_overflow(pairs, folded))
        });
        if let Some(overflow) = overflow {
            gone.is_folded = true;
            view.folded.entry(overflow).or_default().push(place);
        }
    }

    fn with_pairs<R>(&self, series: &Series, to: impl FnOnce(&Pairs<'_>) -> R) -> R {
        let pairs: Vec<_> = self.pairs_of(series).collect();
        to(&Pairs::of_declared(pairs.iter().map(|(name, value)| (*name, &**value))))
    }

    /// Whether the cells of a retired series have changed; `now` is what they hold.
    fn is_written(&self, place: usize, gone: &Gone, now: &mut Vec<u64>) -> bool {
        let Some(series) = self.series.get(place) else { return false };
        self.read_cells(series, now);
        **now != *gone.held
    }

    /// What the cells of a series hold, in place of what is in the list: its counts, and the bits of
    /// the sum if it has one; of a gauge its bits and when it was computed.
    fn read_cells(&self, series: &Series, to: &mut Vec<u64>) {
        to.clear();
        if self.is_gauge() {
            let load = |at| Some(self.arena.shared(series.cell + at)?.load(Ordering::Acquire));
            to.extend([load(0), load(1)].map(Option::unwrap_or_default));
            return;
        }
        let counts = self.info.bounds.len() + 1;
        to.resize(counts, 0);
        self.arena.sums(series.cell, to);
        if self.has_sum() {
            to.push(self.arena.sum_f64(series.cell + counts as u32).to_bits());
        }
    }

    fn has_sum(&self) -> bool {
        matches!(self.info.metric_type, MetricType::Histogram | MetricType::Summary)
    }

    /// Counts and sum of what [`Guarded::read_cells`] has read.
    fn parts<'h>(&self, held: &'h [u64]) -> (&'h [u64], f64) {
        match held.split_last() {
            Some((sum, counts)) if self.has_sum() => (counts, f64::from_bits(*sum)),
            _ => (held, 0.0),
        }
    }
}

/// Adds by how much counts and sum have grown. Neither falls, as long as they do not: rounding is
/// monotone.
fn add_growth(counts: &mut [u64], sum: &mut f64, now: (&[u64], f64), held: (&[u64], f64)) {
    let finite = |value: f64| value.clamp(f64::MIN, f64::MAX);
    for ((all, now), held) in counts.iter_mut().zip(now.0).zip(held.0) {
        *all = all.saturating_add(now.saturating_sub(*held));
    }
    *sum = finite(*sum + finite(now.1 - held.1));
}

/// As [`add_growth`], of values of one type.
fn add_value(to: &mut Value, now: &Value, held: (&[u64], f64)) {
    match (to, now) {
        (Value::Counter(to), Value::Counter(now)) => {
            add_growth(from_mut(to), &mut 0.0, (from_ref(now), 0.0), held);
        }
        (
            Value::Histogram { counts, sum, count, .. },
            Value::Histogram { counts: now, sum: now_sum, .. },
        ) => {
            add_growth(counts, sum, (now, *now_sum), held);
            *count = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        }
        (Value::Summary { count, sum, .. }, Value::Summary { count: now, sum: now_sum, .. }) => {
            add_growth(from_mut(count), sum, (from_ref(now), *now_sum), held);
        }
        // Gauges are not folded.
        _ => {}
    }
}
