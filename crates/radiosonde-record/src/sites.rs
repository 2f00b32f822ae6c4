//! Numbers of call sites, found without a lock.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Places, a power of two. A program with more call sites than fit looks the rest up under a lock.
const PLACES: usize = 8192;
/// Places looked at for a key.
const PROBES: usize = 16;

/// From the key of a call site to its number. Only grows; one writer at a time.
#[derive(Debug)]
pub(crate) struct Sites(Box<[Place]>);

#[derive(Debug, Default)]
struct Place {
    key: AtomicUsize,
    id: AtomicU32,
}

impl Default for Sites {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Place::default()).collect())
    }
}

impl Sites {
    /// The number of a key that was inserted; from any thread.
    #[inline]
    pub(crate) fn find(&self, key: usize) -> Option<u32> {
        for place in self.places(key) {
            match place.key.load(Ordering::Acquire) {
                0 => return None,
                found if found == key => return Some(place.id.load(Ordering::Relaxed)),
                _ => {}
            }
        }
        None
    }

    /// Inserts a key that is not 0. Whether it found a place. The caller sees to it that nobody
    /// else inserts at the same time.
    pub(crate) fn insert(&self, key: usize, id: u32) -> bool {
        let free = self.places(key).find(|place| place.key.load(Ordering::Relaxed) == 0);
        if let Some(place) = free.filter(|_| key != 0) {
            place.id.store(id, Ordering::Relaxed);
            place.key.store(key, Ordering::Release);
            return true;
        }
        false
    }

    #[inline]
    fn places(&self, key: usize) -> impl Iterator<Item = &Place> {
        // Keys are addresses of statics: their low bits say nothing.
        let first = (key >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15usize) >> (usize::BITS - 13);
        (0..PROBES).map(move |step| &self.0[(first + step) % PLACES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_and_the_rest_is_not() {
        let sites = Sites::default();
        let keys: Vec<usize> = (1..4000).map(|n| n * 8).collect();
        let inserted: Vec<bool> = keys.iter().map(|key| sites.insert(*key, *key as u32)).collect();
        for (key, inserted) in keys.iter().zip(&inserted) {
            assert_eq!(sites.find(*key), inserted.then_some(*key as u32));
        }
        assert!(inserted.iter().filter(|inserted| !**inserted).count() < 40);
        assert_eq!(sites.find(8 * 5000), None);
        assert!(!sites.insert(0, 1));
        assert_eq!(sites.find(0), None);
    }
}
