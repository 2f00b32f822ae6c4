//! What was offered from elsewhere and could not be taken over.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::journal::lock;
use crate::level::Kind;

/// Pairs of signal and reason that are told apart. Reasons are constants of the program; this is for
/// the case that somebody makes many.
const REASONS_MAX: usize = 64;
/// Longest text about the first one, in bytes.
const FIRST_MAX: usize = 256;

/// Records of one signal that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Their signal.
    pub kind: Kind,
    /// Why, as the value of the label `reason`.
    pub reason: &'static str,
    /// How many there were.
    pub count: u64,
    /// What the first one was about, for people.
    pub first: String,
}

#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// By signal.
    counts: [AtomicU64; 3],
    list: Mutex<Vec<Refusal>>,
}

impl Refusals {
    pub(crate) fn add(
        &self,
        kind: Kind,
        reason: &'static str,
        count: u64,
        first: impl FnOnce() -> String,
    ) {
        if count == 0 {
            return;
        }
        self.counts[kind as usize].fetch_add(count, Ordering::Relaxed);
        let is_same = |known: &&mut Refusal| known.kind == kind && known.reason == reason;
        if let Some(known) = lock(&self.list).iter_mut().find(is_same) {
            known.count += count;
            return;
        }
        // Made without the lock: it is code of the caller.
        let mut first = first();
        first.truncate(crate::descriptor::floor_char_boundary(&first, FIRST_MAX));
        let mut list = lock(&self.list);
        if let Some(known) = list.iter_mut().find(is_same) {
            known.count += count;
        } else if list.len() < REASONS_MAX {
            list.push(Refusal { kind, reason, count, first });
        }
        // Past that, the sum of the signal has it.
    }

    /// How many of a signal there were.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn all(&self) -> Vec<Refusal> {
        lock(&self.list).clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Filter, Journal, Kind, Level, Placement};

    #[test]
    fn what_is_refused_is_offered_and_rejected_and_the_books_add_up() {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        journal.refuse(Kind::Span, "malformed", 2, || "ä".repeat(200));
        journal.refuse(Kind::Span, "malformed", 3, || unreachable!("the first one stands"));
        journal.refuse(Kind::Metric, "malformed", 0, || unreachable!("there was none"));
        let account = journal.account(Kind::Span);
        assert_eq!((account.offered, account.rejected, account.pending), (5, 5, 0));
        assert_eq!(journal.account(Kind::Metric).offered, 0);
        let refusals = journal.refusals();
        assert_eq!(refusals.len(), 1);
        assert_eq!((refusals[0].reason, refusals[0].count), ("malformed", 5));
        assert_eq!(refusals[0].first, "ä".repeat(128));
    }

    #[test]
    fn reasons_are_bounded_and_the_sum_is_not() {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        for nth in 0..super::REASONS_MAX + 10 {
            let reason: &'static str = Box::leak(format!("reason_{nth}").into_boxed_str());
            journal.refuse(Kind::Event, reason, 1, String::new);
        }
        assert_eq!(journal.refusals().len(), super::REASONS_MAX);
        assert_eq!(journal.account(Kind::Event).rejected, super::REASONS_MAX as u64 + 10);
    }
}
