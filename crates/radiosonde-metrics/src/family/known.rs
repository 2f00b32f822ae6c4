//! Values that labels with a limit of them have, as far as it can be told without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bits for each value: of a hundred values that are not there, two pass for one that is.
const BITS: usize = 16;

/// More bits are never used.
const BITS_MAX: usize = 1 << 20;

/// Whether a label has as many values as it may, and if so, which values it certainly has not.
#[derive(Debug, Default)]
pub(super) struct Known {
    is_full: AtomicBool,
    /// Two bits for each value it had when it was full, each time it was; made at the first.
    filter: OnceLock<Box<[AtomicU64]>>,
}

impl Known {
    /// Says that there is no room for other values than these, by their hashes.
    pub(super) fn fill(&self, count: usize, hashes: impl Iterator<Item = u64>) {
        let bits = count.saturating_mul(BITS).min(BITS_MAX).next_power_of_two();
        let words = bits.div_ceil(64);
        let filter = self.filter.get_or_init(|| (0..words).map(|_| AtomicU64::new(0)).collect());
        for bit in hashes.flat_map(bits_of) {
            if let Some((word, mask)) = at(filter, bit) {
                word.fetch_or(mask, Ordering::Relaxed);
            }
        }
        // After the bits: who sees this sees them.
        self.is_full.store(true, Ordering::Release);
    }

    /// Says that there is room again. The bits stay: who is reading them could take one that is missing
    /// for a value that is. So less can be told at a glance, and all else is looked at.
    pub(super) fn open(&self) {
        self.is_full.store(false, Ordering::Release);
    }

    /// Whether a value with that hash is none of those there are, and no other one may come.
    #[inline]
    pub(super) fn excludes(&self, hash: impl FnOnce() -> u64) -> bool {
        self.is_full.load(Ordering::Acquire)
            && self.filter.get().is_some_and(|filter| {
                let is_set = |bit| {
                    at(filter, bit)
                        .is_some_and(|(word, mask)| word.load(Ordering::Relaxed) & mask != 0)
                };
                !bits_of(hash()).into_iter().all(is_set)
            })
    }
}

fn bits_of(hash: u64) -> [usize; 2] {
    [hash as u32 as usize, (hash >> 32) as usize]
}

fn at(filter: &[AtomicU64], bit: usize) -> Option<(&AtomicU64, u64)> {
    // There are as many words as a power of two.
    let bit = bit & (filter.len() * 64 - 1);
    Some((filter.get(bit / 64)?, 1 << (bit % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: u64) -> u64 {
        let product = u128::from(value + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (product >> 40) as u64
    }

    #[test]
    fn what_is_there_is_never_excluded_and_most_else_is() {
        for count in if cfg!(miri) { vec![1, 20] } else { vec![1, 3, 20, 200, 5_000] } {
            let known = Known::default();
            assert!(!known.excludes(|| hash(1)), "nothing is known yet");
            known.fill(count as usize, (0..count).map(hash));
            assert!((0..count).all(|value| !known.excludes(|| hash(value))), "{count}");
            let others = if cfg!(miri) { 200 } else { 10_000 };
            let excluded = (count..count + others).filter(|value| known.excludes(|| hash(*value)));
            let excluded = excluded.count();
            assert!(excluded as u64 * 20 > others * 19, "{excluded} of {count}");
        }
    }
}
