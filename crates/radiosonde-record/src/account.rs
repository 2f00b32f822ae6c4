//! The books of a signal.

use crate::level::{DropReason, Kind};
use crate::ring::Counters;

/// What became of everything that was offered to one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Calls that asked for a record.
    pub offered: u64,
    /// Records that are in their day file (or on the console, without a directory).
    pub delivered: u64,
    /// Records that could not be read or encoded.
    pub rejected: u64,
    /// Calls that left no record, by reason; reasons that did not occur are absent.
    pub dropped: Vec<(DropReason, u64)>,
    /// Records in rings or stage, on their way.
    pub pending: u64,
    /// Records of which something was cut to fit. They are counted above as well.
    pub truncated: u64,
}

impl Account {
    pub(crate) fn new(kind: Kind, sum: &Counters, delivered: u64, rejected: u64) -> Self {
        let by_reason = |reason: DropReason| -> u64 {
            sum.dropped[kind as usize][reason as usize].iter().sum()
        };
        let dropped: Vec<_> = DropReason::ALL
            .into_iter()
            .map(|reason| (reason, by_reason(reason)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let accepted = sum.accepted[kind as usize];
        let dropped_sum: u64 = dropped.iter().map(|(_, count)| count).sum();
        Self {
            offered: accepted.wrapping_add(dropped_sum),
            delivered,
            rejected,
            dropped,
            pending: accepted.wrapping_sub(delivered + rejected),
            truncated: sum.truncated[kind as usize],
        }
    }

    /// The sum over all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }
}
