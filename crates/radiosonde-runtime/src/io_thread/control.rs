//! Orders for the thread `radiosonde-io`.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use radiosonde_events::recover::Work;

use crate::park::Unparker;

/// Orders for the thread.
#[derive(Default)]
pub(crate) struct IoControl {
    pub(super) unparker: Unparker,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// Work that takes the time of a disk.
    pub(super) later: Vec<Work>,
    /// A last snapshot is wanted.
    pub(super) stop: bool,
    /// It is recorded.
    pub(super) snapshotted: bool,
    /// The drain has ended: a last sync is wanted.
    pub(super) finish: bool,
    /// Whether it worked, once it is done.
    pub(super) synced: Option<bool>,
    /// The sender has ended: what is left of the spools is to be written, and those that are done removed,
    /// for which nobody waits longer than until then.
    pub(super) close: Option<Instant>,
    pub(super) closed: bool,
    /// Whether our own spool is to be removed; then the thread ends.
    pub(super) remove: Option<bool>,
    /// It has ended.
    pub(super) ended: bool,
    /// Who waits for a sync has a number; up to this one they are done.
    pub(super) syncs_wanted: u64,
    pub(super) syncs_done: u64,
    /// Whether syncs are waited for at all.
    pub(super) awaits_sync: bool,
    /// As with syncs: who waits for the values of batch gauges to be kept.
    pub(super) looks_wanted: u64,
    pub(super) looks_done: u64,
    pub(super) awaits_look: bool,
    /// As with syncs: who waits for a snapshot that is not due yet.
    pub(super) snapshots_wanted: u64,
    pub(super) snapshots_done: u64,
}

impl IoControl {
    /// Has a last snapshot recorded, and waits for it, at most `within`.
    pub(crate) fn snapshot(&self, within: Duration) {
        self.state().stop = true;
        self.wait(within, |state| state.snapshotted);
    }

    /// Has everything synced a last time, and waits for it, at most `within`: a disk that hangs holds this
    /// thread, not the caller. Whether everything is on disk.
    pub(crate) fn finish(&self, within: Duration) -> bool {
        self.state().finish = true;
        self.wait(within, |state| state.synced.is_some());
        self.state().synced == Some(true)
    }

    /// Has done what the ended sender has left to do for the spools, and waits for it, at most `within`.
    /// Whether there is a thread that does it.
    pub(crate) fn close(&self, within: Duration) -> bool {
        self.state().close = Some(Instant::now() + within);
        self.wait(within, |state| state.closed);
        let state = self.state();
        state.closed || !state.ended
    }

    /// Ends the thread, which removes our own spool first if that is wanted, and waits for it, at most
    /// `within`.
    pub(crate) fn end(&self, remove: bool, within: Duration) {
        self.state().remove = Some(remove);
        self.wait(within, |state| state.ended);
    }

    /// Waits until what was written before this call is on disk, at most `within`, when the policy
    /// is to sync every batch; otherwise for nothing.
    pub(crate) fn await_sync(&self, within: Duration) {
        let mut state = self.state();
        if !state.awaits_sync {
            return;
        }
        state.syncs_wanted += 1;
        let wanted = state.syncs_wanted;
        drop(state);
        self.wait(within, |state| state.syncs_done >= wanted);
    }

    /// Waits until the values of batch gauges are kept, at most `within`; for nothing where there
    /// are none.
    pub(crate) fn await_look(&self, within: Duration) {
        let mut state = self.state();
        if !state.awaits_look {
            return;
        }
        state.looks_wanted += 1;
        let wanted = state.looks_wanted;
        drop(state);
        self.wait(within, |state| state.looks_done >= wanted);
    }

    /// Has a snapshot recorded now, and waits for it, at most `within`.
    pub(crate) fn await_snapshot(&self, within: Duration) {
        let mut state = self.state();
        state.snapshots_wanted += 1;
        let wanted = state.snapshots_wanted;
        drop(state);
        self.wait(within, |state| state.snapshots_done >= wanted);
    }

    /// Runs `work` on the thread, or on this one when that has ended.
    pub(crate) fn later(&self, work: Work) {
        let mut state = self.state();
        if state.ended || state.synced.is_some() {
            drop(state);
            return work();
        }
        state.later.push(work);
        drop(state);
        self.unparker.unpark();
    }

    fn wait(&self, within: Duration, done: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + within;
        self.unparker.unpark();
        let mut state = self.state();
        while !done(&state) && !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
