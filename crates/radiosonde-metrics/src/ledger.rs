//! Per thread: what the job that is current has done to which series, until its context is left.
//!
//! A write under a job adds to a list of at most [`SERIES_MAX`] series and arms the context's
//! leave hook; the hook, a full list, [`flush`] and the end of the thread turn the list into
//! deltas. The list is taken out before anybody is called, and writes made by whoever is called
//! are not booked: a delta must not cause a delta.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use radiosonde_context::{Context, leave};

use crate::delta::{Delta, DeltaValue};
use crate::family::Guarded;

/// Series one thread collects before it delivers early.
const SERIES_MAX: usize = 64;

/// Takes the process-wide leave hook. False when somebody else has it: then deltas are delivered
/// only by a full list, a flush or the end of the thread.
pub(crate) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| leave::set_hook(left))
}

/// Delivers what this thread has so far.
pub(crate) fn flush() {
    deliver(take(), None);
}

fn left(context: &Context) {
    deliver(take(), Some(context));
}

/// Books a change of a series to the job that is current.
pub(crate) fn add(family: &Arc<Guarded>, place: usize, value: DeltaValue) {
    if DELIVERING.get() {
        return;
    }
    // An error means that the thread is ending and its list has been delivered.
    let full = LEDGER.try_with(|ledger| {
        let Ok(mut ledger) = ledger.try_borrow_mut() else { return false };
        ledger.add(family, place, value);
        ledger.entries.len() >= SERIES_MAX
    });
    if full == Ok(true) {
        flush();
    }
}

fn take() -> Ledger {
    let taken = LEDGER.try_with(|ledger| ledger.try_borrow_mut().map(|mut l| l.take()));
    taken.ok().and_then(Result::ok).unwrap_or_default()
}

/// Calls the sinks. `context` is the one that is being left; without it, the one that was current
/// when the list was begun.
fn deliver(mut ledger: Ledger, context: Option<&Context>) {
    let begun = ledger.context.take().unwrap_or_default();
    let context = context.unwrap_or(&begun);
    let entries = std::mem::take(&mut ledger.entries);
    if entries.is_empty() || DELIVERING.replace(true) {
        return;
    }
    for ((family, place), value) in entries {
        let info = &family.info;
        let Some((callback, series)) = info.sink.callback().zip(family.series_at(place)) else {
            continue;
        };
        let delta = Delta {
            name: info.name.clone(),
            metric_type: info.metric_type,
            unit: info.unit.get().cloned(),
            labels: family.labels_of(series),
            value,
        };
        // Someone else's code on an application thread: its panic must end here.
        let _ = catch_unwind(AssertUnwindSafe(|| callback(context, &delta)));
    }
    DELIVERING.set(false);
}

#[derive(Default)]
struct Ledger {
    /// The context of the first entry.
    context: Option<Context>,
    /// By family and place of the series.
    entries: Vec<((Arc<Guarded>, usize), DeltaValue)>,
}

impl Ledger {
    fn add(&mut self, family: &Arc<Guarded>, place: usize, value: DeltaValue) {
        if self.entries.is_empty() {
            self.context = Some(Context::current());
            leave::arm();
        }
        // Latest first: code tends to write the same series again.
        let is_it =
            |(known, at): &(Arc<Guarded>, usize)| *at == place && Arc::ptr_eq(known, family);
        let known = self.entries.iter_mut().rev().find(|(known, _)| is_it(known));
        match known {
            Some((_, sum)) => sum.absorb(value),
            None => self.entries.push(((family.clone(), place), value)),
        }
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Drop for Ledger {
    /// The end of the thread. Depending on the order in which its storage goes, the leave hook
    /// may come too late to find the list.
    fn drop(&mut self) {
        if !self.entries.is_empty() {
            deliver(self.take(), None);
        }
    }
}

thread_local! {
    static LEDGER: RefCell<Ledger> =
        const { RefCell::new(Ledger { context: None, entries: Vec::new() }) };
    static DELIVERING: Cell<bool> = const { Cell::new(false) };
}
