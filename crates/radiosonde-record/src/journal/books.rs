//! The books of a journal: what became of what was offered.

use std::sync::atomic::Ordering;

use super::{Journal, lock};
use crate::account::Account;
use crate::level::{DropReason, Kind, Level};
use crate::refusal::Refusal;
use crate::ring::{self, Counters};
use crate::thread;

impl Journal {
    /// The books of one signal. `offered = delivered + rejected + dropped + pending` holds in
    /// every answer; see [`Account`].
    ///
    /// In a forked child: what was offered there, all of it dropped as forked; no lock is taken,
    /// which another thread may have held when the process was forked.
    pub fn account(&self, kind: Kind) -> Account {
        if ring::is_forked_child() {
            return self.account_in_child(kind);
        }
        // A signal handler that records for the first time on this thread must not take the locks.
        thread::inside(|| self.sum(kind)).unwrap_or_else(|| self.sum(kind))
    }

    fn account_in_child(&self, kind: Kind) -> Account {
        let mut sum = Counters::default();
        if kind == Kind::Event {
            let forked = self.0.forked.load(Ordering::Relaxed);
            sum.dropped[kind as usize][DropReason::Forked as usize][Level::Info as usize] = forked;
        }
        Account::new(kind, &sum, 0, 0)
    }

    fn sum(&self, kind: Kind) -> Account {
        // Delivered first: it only grows, and nothing is delivered that was not counted as accepted
        // before, so that pending is never negative.
        let delivered = self.0.delivered[kind as usize].load(Ordering::Acquire);
        let rejected = self.0.rejected[kind as usize].load(Ordering::Acquire);
        let mut sum = *lock(&self.0.dropped);
        // Not with the lock held: the drain needs it at each look, and there may be a thousand.
        let rings = lock(&self.0.rings).all().to_vec();
        rings.iter().for_each(|ring| sum.add(&ring.counters()));
        Account::new(kind, &sum, delivered, rejected).and_refused(self.0.refusals.of(kind))
    }

    /// Counts a record that its call site's rate limit held back.
    pub fn count_rate_limited(&self, kind: Kind, level: Level) {
        self.count_outside(kind, DropReason::RateLimited, level);
    }

    /// Counts a call that no ring counts. Neither locks nor allocates; survives the process as
    /// the records do.
    pub(crate) fn count_outside(&self, kind: Kind, reason: DropReason, level: Level) {
        if ring::is_forked_child() {
            return self.count_forked();
        }
        self.0.shared_ring.count_outside(kind, reason, level);
    }

    /// Counts a call in a forked child: in memory of its own.
    #[cold]
    pub(crate) fn count_forked(&self) {
        self.0.forked.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts records that were offered from elsewhere and could not be taken over, as offered and
    /// rejected. `first` says, to people, what the first of this reason was about; no values of the
    /// application may be in it. For whoever takes over records of others: what `event!` and its like
    /// are handed is never refused.
    pub fn refuse(
        &self,
        kind: Kind,
        reason: &'static str,
        count: u64,
        first: impl FnOnce() -> String,
    ) {
        if ring::is_forked_child() {
            return self.count_forked();
        }
        self.0.refusals.add(kind, reason, count, first);
    }

    /// What was refused so far, by signal and reason.
    pub fn refusals(&self) -> Vec<Refusal> {
        if ring::is_forked_child() { Vec::new() } else { self.0.refusals.all() }
    }

    /// How often the drain has panicked and gone on.
    pub fn drain_restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_restart(&self) -> u64 {
        self.0.restarts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many exports nobody has taken over: see [`Sink::export`](crate::Sink::export). Their records
    /// may have lines all the same.
    pub fn exports_lost(&self) -> u64 {
        self.0.exports_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn count_exports_lost(&self, exports: u64) {
        self.0.exports_lost.fetch_add(exports, Ordering::Relaxed);
    }

    pub(crate) fn count_delivered(&self, records: [u64; 3]) {
        for (cell, count) in self.0.delivered.iter().zip(records) {
            cell.fetch_add(count, Ordering::AcqRel);
        }
    }

    pub(crate) fn count_rejected(&self, kind: Kind) {
        self.0.rejected[kind as usize].fetch_add(1, Ordering::AcqRel);
    }

    /// Records that would have had nothing but the exports that are lost.
    pub(crate) fn count_not_exported(&self, records: [u64; 3]) {
        for (cell, count) in self.0.rejected.iter().zip(records) {
            cell.fetch_add(count, Ordering::AcqRel);
        }
    }

    /// Moves records that reached no destination from pending to dropped.
    pub(crate) fn count_without_destination(&self, records: [u64; 3]) {
        let mut dropped = lock(&self.0.dropped);
        for (kind, count) in Kind::ALL.into_iter().zip(records) {
            let reason = DropReason::NoDestination as usize;
            // They were accepted by a ring; here they change the column, not the sum.
            dropped.accepted[kind as usize] = dropped.accepted[kind as usize].wrapping_sub(count);
            dropped.dropped[kind as usize][reason][Level::Info as usize] += count;
        }
    }
}
