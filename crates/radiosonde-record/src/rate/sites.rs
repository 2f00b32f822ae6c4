//! The table of call sites behind limits: their allowance, and what was held back.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::descriptor::Descriptor;
use crate::level::Level;
use crate::rate::RateLimit;

/// Places of the table, as a power of two.
const SLOTS_BITS: u32 = 10;
/// Places looked at before a call site goes among the others of its level.
const PROBES: usize = 32;

/// What limits have held back of one call site.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBack {
    /// The call site; empty for those past the size of the table.
    pub site: Descriptor,
    /// Its level.
    pub level: Level,
    /// Events, since the start.
    pub count: u64,
}

/// Call sites by key. Bounded, without locks, and made at its first use.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    slots: OnceLock<Box<[Slot]>>,
    /// Call sites for which there is no place, by level.
    others: [Slot; Level::ALL.len()],
}

/// One call site. A key that is set once stays.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    key: AtomicUsize,
    pub(crate) limit: RateLimit,
    held_back: AtomicU64,
    site: OnceLock<Box<(Descriptor, Level)>>,
}

impl Sites {
    /// The place of a call site.
    pub(crate) fn find(&self, key: usize, level: Level) -> &Slot {
        let slots = self.slots();
        // 0 is nobody's address, and here the sign of a free place.
        let key = key.max(1);
        let first = (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS_BITS);
        let place = |step| &slots[(first as usize + step) & (slots.len() - 1)];
        (0..PROBES).map(place).find(|slot| slot.is_of(key)).unwrap_or(&self.others[level as usize])
    }

    fn slots(&self) -> &[Slot] {
        self.slots.get().unwrap_or_else(|| {
            // Made first and put in place then: an allocator that records comes back to here, and
            // must not find the cell locked by its own thread.
            let made = (0..1 << SLOTS_BITS).map(|_| Slot::default()).collect();
            self.slots.get_or_init(|| made)
        })
    }

    pub(crate) fn held_back(&self) -> Vec<HeldBack> {
        let found = self.slots.get().into_iter().flatten().filter_map(|slot| {
            let count = slot.held_back.load(Ordering::Acquire);
            let (site, level) = &**slot.site.get()?;
            (count > 0).then(|| HeldBack { site: site.clone(), level: *level, count })
        });
        let others = self.others.iter().zip(Level::ALL).filter_map(|(slot, level)| {
            let count = slot.held_back.load(Ordering::Acquire);
            (count > 0).then(|| HeldBack { site: Descriptor::default(), level, count })
        });
        found.chain(others).collect()
    }
}

impl Slot {
    /// Whether this is the place of the key, which takes it when it is free.
    fn is_of(&self, key: usize) -> bool {
        let there = self.key.load(Ordering::Relaxed);
        there == key
            || there == 0
                && self
                    .key
                    .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
                    .map_or_else(|there| there == key, |_free| true)
    }

    /// Counts one event that was held back.
    pub(crate) fn count(&self, level: Level, describe: impl FnOnce() -> Descriptor) {
        if self.key.load(Ordering::Relaxed) != 0 && self.site.get().is_none() {
            // As above: made before the cell is locked.
            let site = Box::new((describe(), level));
            let _the_same = self.site.set(site);
        }
        // Behind the name, so that nobody finds a count without one.
        self.held_back.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "five thousand call sites take it minutes")]
    fn past_its_size_the_others_of_a_level_are_one() {
        let sites = Sites::default();
        const CALL_SITES: u64 = 5000;
        for key in 0..CALL_SITES as usize {
            let name = || Descriptor { name: key.to_string(), ..Descriptor::default() };
            for _ in 0..2 {
                sites.find(key * 16, Level::Info).count(Level::Info, name);
            }
        }
        let held_back = sites.held_back();
        assert_eq!(held_back.iter().map(|site| site.count).sum::<u64>(), 2 * CALL_SITES);
        let (others, named): (Vec<_>, Vec<_>) =
            held_back.into_iter().partition(|site| site.site == Descriptor::default());
        assert_eq!(others.len(), 1);
        assert_eq!(others[0].level, Level::Info);
        assert!(named.len() > 900 && named.len() <= 1 << SLOTS_BITS, "{}", named.len());
        assert!(named.iter().all(|site| site.count == 2));
    }

    #[test]
    fn threads_that_meet_at_a_place_lose_nothing() {
        let sites = Sites::default();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for key in 1..=200 {
                        let name = || Descriptor { line: key, ..Descriptor::default() };
                        sites.find(key as usize * 8, Level::Debug).count(Level::Debug, name);
                    }
                });
            }
        });
        let held_back = sites.held_back();
        assert_eq!(held_back.len(), 200);
        assert!(held_back.iter().all(|site| site.count == 8), "{held_back:?}");
    }
}
