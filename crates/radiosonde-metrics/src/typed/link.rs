//! The short way of a catalogue to the recorder of the process.
//!
//! A function of a catalogue asks the current recorder for a handle, as the macros of the `metrics`
//! crate do. When that is ours, and stays for good, it tells where the series of the metric are, and
//! from then on the function looks there itself, as long as the current recorder is the same.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use radiosonde_registry::MetricType;

use super::label::{Part, Text};
use super::metric::KEPT_MAX;
use crate::family::Guarded;
use crate::handle::{At, Write};
use crate::labels::LabelRule;
use crate::recorder::{Recorder, accepts};

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
    static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
}

/// Whether a catalogue asks where its series are.
pub(crate) fn is_asked() -> bool {
    ASKED.get()
}

/// Tells it: `family` are the series of a metric, `recorder` who said so.
pub(crate) fn answer(recorder: &Recorder, family: Option<&Arc<Guarded>>) {
    let address = std::ptr::from_ref(recorder).addr();
    let answer = family.map(|family| (address, family.clone()));
    let _ = ANSWER.try_with(|place| place.replace(answer));
}

/// Asks while `register` has the recorder make a handle.
///
/// An answer counts if the current recorder itself gave it, to the question about the metric of that
/// name: one that stands around ours may ask it about another.
pub(super) fn ask<H>(name: &str, register: impl FnOnce() -> H) -> (H, Option<Answer>) {
    let asking = Asking::begin();
    let handle = register();
    let answer = asking.end();
    let is_direct = |answer: &Answer| is_current(answer.0) && *answer.1.info.name == *name;
    (handle, answer.filter(is_direct))
}

/// Who answered, and the series of the metric.
pub(super) type Answer = (usize, Arc<Guarded>);

/// A question, which ends also when a recorder panics.
struct Asking;

impl Asking {
    fn begin() -> Self {
        let _stale = ANSWER.try_with(RefCell::take);
        ASKED.set(true);
        Self
    }

    fn end(self) -> Option<Answer> {
        ANSWER.try_with(RefCell::take).ok().flatten()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKED.set(false);
    }
}

/// Whether the current recorder is the one at that address. The recorder of the process is never moved
/// or dropped, so that no other can be there.
#[inline(always)]
fn is_current(address: usize) -> bool {
    metrics::with_recorder(|current| std::ptr::from_ref(current).addr() == address)
}

/// Where the series of a metric are.
#[derive(Debug)]
pub(super) struct Link {
    /// Where the recorder is, which is there for good.
    recorder: usize,
    family: &'static Arc<Guarded>,
    /// The arena of writes that are done with the value.
    direct: u64,
    /// By the places of listed values, the first label counting fastest: where the series is, 0 while
    /// it was not asked for. Empty where a label is not listed.
    listed: Box<[AtomicU64]>,
}

impl Link {
    /// The link of a metric with these labels, sorted; none where each write has to be looked at.
    pub(super) fn new(
        (recorder, family): Answer,
        labels: &[&str],
        values: &[Part<'_>],
        wanted: MetricType,
    ) -> Option<Self> {
        let rules = family.rules();
        let is_simple = family.writable
            && !family.is_observed()
            && accepts(&family, wanted)
            && rules.iter().map(LabelRule::name).eq(labels.iter().copied())
            && !rules.iter().any(LabelRule::is_redacted);
        if !is_simple {
            return None;
        }
        let size = |part: &Part<'_>| match part.0 {
            Text::Listed(list, _) => Some(list.len()),
            _ => None,
        };
        let product = values.iter().try_fold(1_usize, |n, part| n.checked_mul(size(part)?));
        let count = product.filter(|product| *product <= KEPT_MAX).unwrap_or(0);
        let direct = family.direct();
        Some(Self {
            recorder,
            // The recorder keeps it for good, and so may this.
            family: Box::leak(Box::new(family)),
            direct,
            listed: (0..count).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// Whether its recorder is the current one.
    #[inline(always)]
    pub(super) fn is_current(&self) -> bool {
        is_current(self.recorder)
    }

    /// The way to the series with these values, if it is there under just them.
    #[inline(always)]
    pub(super) fn find<const N: usize>(&self, values: &[Part<'_>; N]) -> Option<Write<'static>> {
        let at = match self.listed(values) {
            Some(slot) => {
                let known = At::from_bits(slot.load(Ordering::Relaxed));
                known.or_else(|| self.fill(slot, values))
            }
            None => self.search(values),
        };
        at.map(|at| Write::from_parts(self.family, self.direct, at))
    }

    #[inline(always)]
    fn listed(&self, values: &[Part<'_>]) -> Option<&AtomicU64> {
        let (mut place, mut count) = (0, 1);
        for part in values {
            let Text::Listed(list, index) = part.0 else { return None };
            place += index * count;
            count *= list.len();
        }
        self.listed.get(place)
    }

    #[cold]
    #[inline(never)]
    fn fill<const N: usize>(&self, slot: &AtomicU64, values: &[Part<'_>; N]) -> Option<At> {
        let at = self.search(values)?;
        slot.store(at.to_bits(), Ordering::Relaxed);
        Some(at)
    }

    /// Where the series with these values is.
    #[inline(never)]
    fn search<const N: usize>(&self, values: &[Part<'_>; N]) -> Option<At> {
        let (place, series) = self.family.find_values(&values.each_ref().map(Part::as_str))?;
        Some(At::new(place, series.cell))
    }
}
