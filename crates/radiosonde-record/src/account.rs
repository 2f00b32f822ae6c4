//! The books of a signal.

use crate::level::{DropReason, Kind, Level};
use crate::ring::Counters;

/// What became of everything that was offered to one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Calls that asked for a record.
    pub offered: u64,
    /// Records that are in their day file (or on the console, without a directory).
    pub delivered: u64,
    /// Records that could not be read, taken over or encoded.
    pub rejected: u64,
    /// Calls that left no record, by reason; reasons that did not occur are absent.
    pub dropped: Vec<(DropReason, u64)>,
    /// The same by reason and level, what did not occur absent. Metric points have no level, and
    /// that of records dropped as `forked` or `no_destination` is not known: they are not in here.
    pub dropped_by_level: Vec<(DropReason, Level, u64)>,
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
            dropped_by_level: by_level(kind, sum),
            pending: accepted.wrapping_sub(delivered + rejected),
            truncated: sum.truncated[kind as usize],
        }
    }

    /// These books, with what was refused before it came to a ring.
    pub(crate) fn and_refused(mut self, refused: u64) -> Self {
        self.offered = self.offered.wrapping_add(refused);
        self.rejected = self.rejected.wrapping_add(refused);
        self
    }

    /// The sum over all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }
}

fn by_level(kind: Kind, sum: &Counters) -> Vec<(DropReason, Level, u64)> {
    // What has no level is counted at that of information.
    let has_level = |reason: &DropReason| {
        kind != Kind::Metric && !matches!(reason, DropReason::Forked | DropReason::NoDestination)
    };
    let of = |reason: DropReason| {
        let counts = &sum.dropped[kind as usize][reason as usize];
        Level::ALL.into_iter().map(move |level| (reason, level, counts[level as usize]))
    };
    let reasons = DropReason::ALL.into_iter().filter(has_level);
    reasons.flat_map(of).filter(|(.., count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_told_where_they_are_known() {
        let mut sum = Counters::default();
        for kind in [Kind::Event, Kind::Metric] {
            let dropped = &mut sum.dropped[kind as usize];
            dropped[DropReason::RingFull as usize][Level::Info as usize] = 7;
            dropped[DropReason::RingFull as usize][Level::Warning as usize] = 2;
            dropped[DropReason::RateLimited as usize][Level::Debug as usize] = 1;
            dropped[DropReason::Forked as usize][Level::Info as usize] = 5;
            dropped[DropReason::NoDestination as usize][Level::Info as usize] = 3;
        }
        let events = Account::new(Kind::Event, &sum, 0, 0);
        assert_eq!(events.dropped_total(), 18);
        assert_eq!(
            events.dropped_by_level,
            [
                (DropReason::RateLimited, Level::Debug, 1),
                (DropReason::RingFull, Level::Info, 7),
                (DropReason::RingFull, Level::Warning, 2),
            ]
        );
        let metrics = Account::new(Kind::Metric, &sum, 0, 0);
        assert_eq!((metrics.dropped_total(), metrics.dropped_by_level), (18, Vec::new()));
    }
}
