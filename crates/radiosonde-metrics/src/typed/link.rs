//! The short way of a catalogue to the recorder of the process.
//!
//! A function of a catalogue asks the current recorder for a handle, as the macros of the `metrics`
//! crate do. When that is ours, and stays for good, it tells where the series of the metric are, and
//! from then on the function looks there itself, as long as the current recorder is the same.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use radiosonde_context::is_forked_child;
use radiosonde_registry::MetricType;

use super::label::{Part, Text};
use super::lines::Lines;
use super::metric::KEPT_MAX;
use crate::family::Guarded;
use crate::handle::{At, Write};
use crate::labels::LabelRule;
use crate::lasting::is_current;
use crate::recorder::{Recorder, accepts};
use crate::redaction::Redactor;
use crate::sought::Sought;

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
    static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
}

/// Whether a catalogue asks where its series are.
pub(crate) fn is_asked() -> bool {
    ASKED.get()
}

/// Tells it: `family` are the series of a metric, `recorder` who said so.
pub(crate) fn answer(recorder: &Recorder, family: Option<&Arc<Guarded>>, redactor: &Arc<Redactor>) {
    let answer = family.map(|family| Answer {
        recorder: std::ptr::from_ref(recorder).addr(),
        family: family.clone(),
        redactor: redactor.clone(),
    });
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
    let is_direct =
        |answer: &Answer| is_current(answer.recorder) && *answer.family.info.name == *name;
    (handle, answer.filter(is_direct))
}

/// Who answered, the series of the metric, and what may be shown of values.
pub(super) struct Answer {
    recorder: usize,
    family: Arc<Guarded>,
    redactor: Arc<Redactor>,
}

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

/// Where the series of a metric are.
#[derive(Debug)]
pub(super) struct Link {
    /// Where the recorder is, which is there for good.
    recorder: usize,
    family: &'static Arc<Guarded>,
    /// The arena of writes that are done with the value.
    direct: u64,
    redactor: Arc<Redactor>,
    /// The module of the catalogue.
    module: Option<&'static str>,
    /// By the places of listed values, the first label counting fastest: where the series is, 0 while
    /// it was not asked for. Empty where a label is not listed.
    listed: Box<[AtomicU64]>,
    /// Where the series of others are.
    lines: Lines,
}

impl Link {
    /// The link of a metric with these labels, sorted; none where each write has to be looked at.
    pub(super) fn new(
        Answer { recorder, family, redactor }: Answer,
        module: Option<&'static str>,
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
            redactor,
            module,
            listed: (0..count).map(|_| AtomicU64::new(0)).collect(),
            lines: Lines::new(),
        })
    }

    /// Whether its recorder is the current one.
    #[inline(always)]
    pub(super) fn is_current(&self) -> bool {
        is_current(self.recorder)
    }

    /// The way to the series with these values, if it is there under just them. Where all are listed
    /// they are asked for once more only if they are needed as a whole.
    #[inline(always)]
    pub(super) fn find<'v, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N],
    ) -> Option<Write<'static>> {
        let at = match self.listed(values()) {
            Some(slot) => match At::from_bits(slot.load(Ordering::Acquire)) {
                Some(at) => at,
                None => self.fill(slot, &values())?,
            },
            None => self.search(&values())?,
        };
        Some(Write::from_parts(self.family, self.direct, at))
    }

    #[inline(always)]
    fn listed<const N: usize>(&self, values: [Part<'_>; N]) -> Option<&AtomicU64> {
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
        // The overflow set is looked for each time: there may be room again.
        if !at.is_aside() {
            // With what it says is there.
            slot.store(at.to_bits(), Ordering::Release);
        }
        Some(at)
    }

    /// Where the series with these values is.
    #[inline(never)]
    fn search<const N: usize>(&self, values: &[Part<'_>; N]) -> Option<At> {
        let values = values.each_ref().map(|part| Sought::new(part.as_str()));
        if !values.iter().all(Sought::is_short) {
            return self.look(self.family.hash_sought(values.iter().copied()), &values);
        }
        let hash = self.family.hash_short(&values);
        self.lines.find(hash, &values).or_else(|| self.look(hash, &values))
    }

    /// Has the family look; where there is no series and no room for one, it is that of the rest.
    #[inline(never)]
    fn look<const N: usize>(&self, hash: u32, values: &[Sought<'_>; N]) -> Option<At> {
        // A lock may be held there by a thread that does not exist.
        if is_forked_child() {
            return None;
        }
        let Some((place, series)) = self.family.find_values(hash, values) else {
            let place = self.family.fold(hash, values, &self.redactor, self.module)?;
            return Some(At::aside(place));
        };
        let at = At::new(place, series.cell);
        if values.iter().all(Sought::is_short) {
            self.lines.add(hash, values, at);
        }
        Some(at)
    }
}
