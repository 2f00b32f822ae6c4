//! Which lines were given out already, by their ids.
//!
//! The ids of one ring are numbers that rise, so what was given of them is a few ranges where every
//! line fits, and one for each line where few do. Bounded: where there are too many ranges, the
//! lowest of the ring that has most are forgotten, which are its oldest.

use std::collections::{BTreeMap, HashMap};

use crate::query::id_parts;

/// Ids that were met.
#[derive(Debug, Default)]
pub(super) struct Seen {
    rings: HashMap<(u64, u32), Ring>,
    /// In all rings.
    ranges: usize,
    /// Counts up, so that the ring that was used longest ago can be told.
    uses: u64,
}

#[derive(Debug, Default)]
struct Ring {
    /// The first number of each range and the last.
    ranges: BTreeMap<u64, u64>,
    used: u64,
}

impl Seen {
    /// Notes an id. Whether it is new, or none of ours, which tells nothing.
    pub(super) fn note(&mut self, id: &str) -> bool {
        let Some((instance, ring, number)) = id_parts(id.as_bytes()) else { return true };
        self.uses += 1;
        let ring = self.rings.entry((instance, ring)).or_default();
        ring.used = self.uses;
        let before = ring.ranges.len();
        let is_new = ring.note(number);
        self.ranges = self.ranges + ring.ranges.len() - before;
        self.make_room();
        is_new
    }

    fn make_room(&mut self) {
        if self.rings.len() > RINGS_MAX {
            let oldest = self.rings.iter().min_by_key(|(_, ring)| ring.used).map(|(key, _)| *key);
            let gone = oldest.and_then(|key| self.rings.remove(&key));
            self.ranges -= gone.map_or(0, |ring| ring.ranges.len());
        }
        if self.ranges > RANGES_MAX
            && let Some(ring) = self.rings.values_mut().max_by_key(|ring| ring.ranges.len())
        {
            let half = ring.ranges.len() / 2;
            if let Some(middle) = ring.ranges.keys().nth(half).copied() {
                ring.ranges = ring.ranges.split_off(&middle);
                self.ranges -= half;
            }
        }
    }
}

impl Ring {
    fn note(&mut self, number: u64) -> bool {
        let below = self.ranges.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let last = match number.checked_add(1) {
            Some(next) => self.ranges.remove(&next).unwrap_or(number),
            None => number,
        };
        let joined = below.filter(|(_, last)| last.checked_add(1) == Some(number));
        let _ = self.ranges.insert(joined.map_or(number, |(first, _)| first), last);
        true
    }
}

/// Fewer in tests, which fill it.
const SHARE: usize = if cfg!(test) { 256 } else { 1 };
/// Ranges of numbers, in all: some 32 MiB.
const RANGES_MAX: usize = (1 << 20) / SHARE;
/// Rings: as many as some hundred processes have.
const RINGS_MAX: usize = (16 << 10) / SHARE;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> String {
        format!("aaaaaaaa.1.{number}")
    }

    #[test]
    fn ids_of_ours_are_new_once_and_others_always() {
        let mut seen = Seen::default();
        let ids = ["aaaaaaaa.1.1", "aaaaaaaa.2.1", "bbbbbbbb.1.1"];
        for id in ids {
            assert!(seen.note(id), "{id:?}");
        }
        for id in ids {
            assert!(!seen.note(id), "{id:?}");
        }
        for id in ["aaaaaaaa.1.01", "7", "", "request-7"] {
            assert!(seen.note(id) && seen.note(id), "{id:?}");
        }
        let last = id(u64::MAX);
        assert!(seen.note(&last) && !seen.note(&last));
    }

    #[test]
    fn a_dense_ring_is_one_range_and_a_sparse_one_forgets_its_oldest() {
        let mut seen = Seen::default();
        for number in 0..10_000 {
            assert!(seen.note(&id(number)));
        }
        assert_eq!(seen.ranges, 1);
        let last = 3 * RANGES_MAX as u64;
        for number in 0..last {
            let _ = seen.note(&format!("bbbbbbbb.1.{}", 2 * number));
        }
        assert!(seen.ranges <= RANGES_MAX);
        let held: usize = seen.rings.values().map(|ring| ring.ranges.len()).sum();
        assert_eq!(held, seen.ranges);
        // The newest, and all of the ring that takes no room.
        assert!(!seen.note(&format!("bbbbbbbb.1.{}", 2 * last - 2)));
        assert!(!seen.note(&id(7)));
        for ring in 0..2 * RINGS_MAX {
            let _ = seen.note(&format!("cccccccc.{ring}.1"));
        }
        assert!(seen.rings.len() <= RINGS_MAX);
    }

    proptest! {
        #[test]
        fn the_same_as_a_set_of_all_ids(numbers in proptest::collection::vec(0u64..60, 0..200)) {
            let (mut seen, mut all) = (Seen::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(seen.note(&id(number)), all.insert(number));
            }
            let ranges = all.iter().filter(|n| **n == 0 || !all.contains(&(**n - 1))).count();
            prop_assert_eq!(seen.ranges, ranges);
        }
    }
}
