//! Offsets of the ring header, see the module documentation.

use crate::level::{DropReason, Kind, Level};

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"RSNDRNG1");
pub(super) const VERSION: u32 = 1;

pub(super) const HEADER_SIZE: usize = 4096;
pub(super) const MAGIC_AT: usize = 0;
pub(super) const VERSION_AT: usize = 8;
pub(super) const CAPACITY_AT: usize = 12;
pub(super) const NUMBER_AT: usize = 16;
pub(super) const HEAD_AT: usize = 128;
pub(super) const SEQUENCE_AT: usize = 136;
pub(super) const ACCEPTED_AT: usize = 144;
pub(super) const TRUNCATED_AT: usize = 168;
pub(super) const BUSY_AT: usize = 192;
pub(super) const DROPPED_AT: usize = 256;
pub(super) const TAIL_AT: usize = 2048;

/// Reasons a header has room for, more than there are.
const REASONS_MAX: usize = 8;

pub(super) fn accepted_at(kind: Kind) -> usize {
    ACCEPTED_AT + 8 * kind as usize
}

pub(super) fn truncated_at(kind: Kind) -> usize {
    TRUNCATED_AT + 8 * kind as usize
}

pub(super) fn dropped_at(kind: Kind, reason: DropReason, level: Level) -> usize {
    let cell = (kind as usize * REASONS_MAX + reason as usize) * Level::ALL.len() + level as usize;
    DROPPED_AT + 8 * cell
}

/// What a ring header, or a sum of them, counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) accepted: [u64; 3],
    pub(crate) truncated: [u64; 3],
    pub(crate) dropped: [[[u64; 6]; 5]; 3],
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
                    counters.dropped[kind as usize][reason as usize][level as usize] =
                        load(dropped_at(kind, reason, level));
                }
            }
        }
        counters
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for kind in 0..3 {
            // Wrapping: records that found no destination are taken out of `accepted` elsewhere.
            self.accepted[kind] = self.accepted[kind].wrapping_add(other.accepted[kind]);
            self.truncated[kind] += other.truncated[kind];
            for reason in 0..5 {
                for level in 0..6 {
                    self.dropped[kind][reason][level] += other.dropped[kind][reason][level];
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
        let mut seen = std::collections::BTreeSet::from([HEAD_AT, SEQUENCE_AT, BUSY_AT, TAIL_AT]);
        for kind in Kind::ALL {
            assert!(seen.insert(accepted_at(kind)));
            assert!(seen.insert(truncated_at(kind)));
            for reason in DropReason::ALL {
                for level in Level::ALL {
                    let at = dropped_at(kind, reason, level);
                    assert!(seen.insert(at), "{at}");
                    assert!(at + 8 <= TAIL_AT);
                }
            }
        }
    }
}
