//! Which series has a label set: a hash table that only grows, and is read without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Slots of the first table; each further one has twice as many.
const FIRST: usize = 16;

/// Enough for [`SERIES_MAX`] in half of the slots of the last table.
const TABLES: usize = 18;

/// Bits of a slot that say which series it is; the rest are of the hash, so that most slots of other
/// series are passed without a look at them.
const PLACE_BITS: u32 = 20;

/// Series a family may have, folded ones included.
pub(crate) const SERIES_MAX: usize = (1 << PLACE_BITS) - 2;

const PLACE: u32 = (1 << PLACE_BITS) - 1;

/// Places of series by the hashes of their label sets. One thread at a time inserts; old tables stay
/// for those who are reading them, and together are as large as the last.
#[derive(Debug, Default)]
pub(crate) struct Index {
    tables: [OnceLock<Box<[AtomicU32]>>; TABLES],
    current: AtomicUsize,
}

impl Index {
    /// The place with that hash for which `is_it` holds. Who finds nothing here may find it a moment
    /// later.
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        self.find_map(hash, |place| is_it(place).then_some(place))
    }

    /// As [`Index::find`], with what is known of the place that is it.
    #[inline]
    pub(crate) fn find_map<T>(&self, hash: u32, known: impl Fn(usize) -> Option<T>) -> Option<T> {
        let table = self.tables.get(self.current.load(Ordering::Acquire))?.get()?;
        let mask = table.len() - 1;
        let mut at = hash as usize & mask;
        // A table is never more than half full, so that this ends.
        loop {
            let slot = table.get(at)?.load(Ordering::Acquire);
            if slot == 0 {
                return None;
            }
            if slot & !PLACE == hash & !PLACE {
                let place = (slot & PLACE) as usize - 1;
                if let Some(known) = known(place) {
                    return Some(known);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a place that is not there, below [`SERIES_MAX`]. `len` are those there are, `hash_of`
    /// says their hashes. Only for whoever holds the lock of the family.
    pub(crate) fn insert(
        &self,
        hash: u32,
        place: usize,
        len: usize,
        hash_of: impl Fn(usize) -> u32,
    ) {
        let mut nth = self.current.load(Ordering::Relaxed);
        while (len + 1) * 2 > FIRST << nth && nth + 1 < TABLES {
            nth += 1;
        }
        let Some(table) = self.tables.get(nth) else { return };
        let is_new = table.get().is_none();
        let table = table.get_or_init(|| (0..FIRST << nth).map(|_| AtomicU32::new(0)).collect());
        if is_new && nth > 0 {
            let before = self.current.load(Ordering::Relaxed);
            let places = self.tables.get(before).and_then(OnceLock::get).into_iter().flatten();
            for slot in places.map(|slot| slot.load(Ordering::Relaxed)).filter(|slot| *slot != 0) {
                let place = (slot & PLACE) as usize - 1;
                put(table, hash_of(place), place);
            }
        }
        put(table, hash, place);
        // What the slots say is there before they are looked at.
        self.current.store(nth, Ordering::Release);
    }
}

fn put(table: &[AtomicU32], hash: u32, place: usize) {
    let mask = table.len() - 1;
    let free = (0..table.len()).map(|step| (hash as usize + step) & mask);
    let mut free = free.filter_map(|at| table.get(at));
    if let Some(slot) = free.find(|slot| slot.load(Ordering::Relaxed) == 0) {
        slot.store((hash & !PLACE) | (place as u32 + 1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_also_while_the_table_grows() {
        let index = Index::default();
        // Few different hashes, so that many collide.
        let hash = |place: usize| (place as u32 % 97).wrapping_mul(0x9e37_79b9);
        for place in 0..if cfg!(miri) { 60 } else { 5_000 } {
            assert_eq!(index.find(hash(place), |found| found == place), None);
            index.insert(hash(place), place, place, hash);
            for known in [0, place / 2, place] {
                assert_eq!(index.find(hash(known), |found| found == known), Some(known));
            }
        }
    }

    #[test]
    fn one_thread_reads_while_another_inserts() {
        let index = Index::default();
        let hash = |place: usize| (place as u32).wrapping_mul(0x9e37_79b9);
        let known = AtomicUsize::new(0);
        let count = if cfg!(miri) { 40 } else { 2_000 };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for place in 0..count {
                    index.insert(hash(place), place, place, hash);
                    known.store(place + 1, Ordering::Release);
                }
            });
            scope.spawn(|| {
                while known.load(Ordering::Acquire) < count {
                    for place in 0..known.load(Ordering::Acquire) {
                        assert_eq!(index.find(hash(place), |found| found == place), Some(place));
                    }
                }
            });
        });
    }
}
