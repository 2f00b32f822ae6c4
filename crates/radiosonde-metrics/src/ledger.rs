//! Per thread: what the job that is current has done to which series, until its context is left.
//!
//! A write under a job adds to a list of at most [`SERIES_MAX`] series and arms the context's
//! leave hook; the hook, a full list, [`flush`] and the end of the thread turn the list into
//! deltas. The list is taken out before anybody is called, and writes made by whoever is called
//! are not booked: a delta must not cause a delta.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use radiosonde_context::{Context, has_job, leave};

use crate::delta::{Delta, DeltaValue};
use crate::series::Identity;

/// Series one thread collects before it delivers early.
const SERIES_MAX: usize = 64;

/// Takes the process-wide leave hook. False when somebody else has it: then deltas are delivered
/// only by a full list, a flush or the end of the thread.
pub(crate) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| leave::set_hook(left))
}

/// Books a change of a series to the job that is current, if there is one.
pub(crate) fn add(identity: &Arc<Identity>, value: DeltaValue) {
    if has_job() && identity.info.wants_deltas() {
        add_to_job(identity, value);
    }
}

/// Delivers what this thread has so far.
pub(crate) fn flush() {
    deliver(take(), None);
}

fn left(context: &Context) {
    deliver(take(), Some(context));
}

fn add_to_job(identity: &Arc<Identity>, value: DeltaValue) {
    if DELIVERING.get() {
        return;
    }
    // An error means that the thread is ending and its list has been delivered.
    let full = LEDGER.try_with(|ledger| {
        let Ok(mut ledger) = ledger.try_borrow_mut() else { return false };
        ledger.add(identity, value);
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
    for (identity, value) in entries {
        let Some(callback) = identity.info.sink.callback() else { continue };
        let delta = Delta {
            name: identity.info.name.clone(),
            metric_type: identity.info.metric_type,
            unit: identity.info.unit.get().cloned(),
            labels: identity.labels.clone(),
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
    entries: Vec<(Arc<Identity>, DeltaValue)>,
}

impl Ledger {
    fn add(&mut self, identity: &Arc<Identity>, value: DeltaValue) {
        if self.entries.is_empty() {
            self.context = Some(Context::current());
            leave::arm();
        }
        // Latest first: code tends to write the same series again.
        let known = self.entries.iter_mut().rev().find(|(known, _)| Arc::ptr_eq(known, identity));
        match known {
            Some((_, sum)) => sum.absorb(value),
            None => self.entries.push((identity.clone(), value)),
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
