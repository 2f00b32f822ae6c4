//! Offsets of the ring header, see the module documentation.

use crate::level::{DropReason, Kind, Level};

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"RSNDRNG2");
pub(super) const VERSION: u32 = 2;

pub(super) const HEADER_SIZE: usize = 4096;
pub(super) const MAGIC_AT: usize = 0;
pub(super) const VERSION_AT: usize = 8;
pub(super) const CAPACITY_AT: usize = 12;
pub(super) const NUMBER_AT: usize = 16;
pub(super) const HEAD_AT: usize = 128;
pub(super) const BUSY_AT: usize = 136;
pub(super) const ACCEPTED_AT: usize = 144;
pub(super) const TRUNCATED_AT: usize = 168;
pub(super) const DROPPED_AT: usize = 256;
pub(super) const DROPPED_OUTSIDE_AT: usize = 1536;
pub(crate) const TAIL_AT: usize = 3072;

/// Reasons a header has room for, more than there are.
const REASONS_MAX: usize = 8;

pub(super) fn accepted_at(kind: Kind) -> usize {
    ACCEPTED_AT + 8 * kind as usize
}

pub(super) fn truncated_at(kind: Kind) -> usize {
    TRUNCATED_AT + 8 * kind as usize
}

pub(super) fn dropped_at(kind: Kind, reason: DropReason, level: Level) -> usize {
    DROPPED_AT + cell(kind, reason, level)
}

pub(super) fn dropped_outside_at(kind: Kind, reason: DropReason, level: Level) -> usize {
    DROPPED_OUTSIDE_AT + cell(kind, reason, level)
}

fn cell(kind: Kind, reason: DropReason, level: Level) -> usize {
    8 * ((kind as usize * REASONS_MAX + reason as usize) * Level::ALL.len() + level as usize)
}

/// The word that says a push is under way: where it began, and of which kind it is. Positions are
/// multiples of 8, so that three bits are free.
pub(super) fn busy_word(head: u64, kind: Kind) -> u64 {
    head | (kind as u64) << 1 | 1
}

/// What a ring header, or a sum of them, counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) accepted: [u64; 3],
    pub(crate) truncated: [u64; 3],
    pub(crate) dropped: [[[u64; 6]; DropReason::ALL.len()]; 3],
}

impl Counters {
    /// Reads a header through `load`, which takes an offset.
    pub(super) fn read(load: impl Fn(usize) -> u64) -> Self {
        let mut counters = Self::default();
        for kind in Kind::ALL {
            counters.accepted[kind as usize] = load(accepted_at(kind));
            counters.truncated[kind as usize] = load(truncated_at(kind));
            for reason in DropReason::ALL {
                for level in Level::ALL {
                    let own = load(dropped_at(kind, reason, level));
                    let outside = load(dropped_outside_at(kind, reason, level));
                    counters.dropped[kind as usize][reason as usize][level as usize] =
                        own.wrapping_add(outside);
                }
            }
        }
        counters
    }

    /// Takes out the push its thread was killed in: it was counted, if at all, before `head`
    /// moved. `busy` is the word of that name, `last` how many records the last one says were
    /// accepted with it.
    pub(super) fn settle(&mut self, head: u64, busy: u64, last: u64) {
        let torn = busy & 1 == 1 && busy & !7 == head;
        let counted: u64 = self.accepted.iter().fold(0, |sum, count| sum.wrapping_add(*count));
        if torn
            && counted == last.wrapping_add(1)
            && let Some(accepted) = self.accepted.get_mut((busy >> 1 & 3) as usize)
        {
            *accepted = accepted.wrapping_sub(1);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for kind in 0..3 {
            // Wrapping: records that found no destination are taken out of `accepted` elsewhere,
            // and the header of a dead ring may say anything.
            self.accepted[kind] = self.accepted[kind].wrapping_add(other.accepted[kind]);
            self.truncated[kind] = self.truncated[kind].wrapping_add(other.truncated[kind]);
            for reason in 0..DropReason::ALL.len() {
                for level in 0..6 {
                    let sum = &mut self.dropped[kind][reason][level];
                    *sum = sum.wrapping_add(other.dropped[kind][reason][level]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_of_a_header_do_not_overlap() {
        let mut seen = std::collections::BTreeSet::from([HEAD_AT, BUSY_AT, TAIL_AT]);
        for kind in Kind::ALL {
            assert!(seen.insert(accepted_at(kind)));
            assert!(seen.insert(truncated_at(kind)));
            for reason in DropReason::ALL {
                for level in Level::ALL {
                    for at in [dropped_at, dropped_outside_at].map(|at| at(kind, reason, level)) {
                        assert!(seen.insert(at), "{at}");
                        assert!(at + 8 <= TAIL_AT);
                    }
                }
            }
        }
    }

    #[test]
    fn a_push_that_was_counted_but_not_committed_is_taken_out() {
        let counted = |accepted| Counters { accepted, ..Counters::default() };
        let settled = |accepted, head, busy, last| {
            let mut counters = counted(accepted);
            counters.settle(head, busy, last);
            counters.accepted
        };
        let busy = busy_word(800, Kind::Span);
        assert_eq!(settled([4, 3, 0], 800, busy, 6), [4, 2, 0], "killed after the count");
        assert_eq!(settled([4, 2, 0], 800, busy, 6), [4, 2, 0], "killed before it");
        assert_eq!(settled([4, 3, 0], 900, busy, 7), [4, 3, 0], "killed after the commit");
        assert_eq!(settled([4, 3, 0], 800, 0, 7), [4, 3, 0], "at rest");
        assert_eq!(settled([4, 3, 0], 800, u64::MAX, 9), [4, 3, 0], "nonsense");
    }
}
