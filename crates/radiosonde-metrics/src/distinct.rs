//! About how many different values there were, in 64 bytes, whatever their number.

use std::f64::consts::LN_2;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::sought::fold;

/// Registers of an estimate: its standard error is 1.04 / √64 = 13 %.
const REGISTERS: usize = 64;

/// Bits of a hash that choose the register.
const CHOICE: u32 = REGISTERS.ilog2();

/// As far as a register rises, which takes 2⁵⁸ values.
const TOP: u8 = 58;

/// An estimate of different values: a HyperLogLog. Many threads may add at once.
#[derive(Debug)]
pub(crate) struct Distinct([AtomicU8; REGISTERS]);

impl Default for Distinct {
    fn default() -> Self {
        Self([const { AtomicU8::new(0) }; REGISTERS])
    }
}

impl Distinct {
    /// Adds a value by its hash. Few calls write anything: a register rises 58 times at most.
    #[inline]
    pub(crate) fn add(&self, hash: u64) {
        let Some(register) = self.0.get((hash >> (u64::BITS - CHOICE)) as usize) else { return };
        let zeros = (hash << CHOICE).leading_zeros();
        let height = u8::try_from(zeros + 1).unwrap_or(TOP).min(TOP);
        if register.load(Ordering::Relaxed) < height {
            register.fetch_max(height, Ordering::Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        self.0.iter().for_each(|register| register.store(0, Ordering::Relaxed));
    }

    /// About how many different values were added; 0 only if none was.
    ///
    /// Ertl's form of the estimate ("New cardinality estimation algorithms for HyperLogLog
    /// sketches", 2017): it is as good for a few values, for which it comes to counting the registers
    /// that are still empty, and needs no table of corrections.
    pub(crate) fn estimate(&self) -> f64 {
        let mut shares = [0.0; TOP as usize + 1];
        for register in &self.0 {
            let height = usize::from(register.load(Ordering::Relaxed).min(TOP));
            shares[height] += 1.0 / REGISTERS as f64;
        }
        let risen = shares[1..].iter().rev().fold(0.0, |sum, share| (sum + share) / 2.0);
        REGISTERS as f64 / (2.0 * LN_2 * (risen + empty(shares[0])))
    }
}

/// What the empty registers add: x + Σ x^(2^k) · 2^(k-1). Infinite when all are.
fn empty(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut power, mut weight) = (share, share, 1.0);
    loop {
        power *= power;
        let next = sum + power * weight;
        if next == sum {
            return sum;
        }
        (sum, weight) = (next, weight * 2.0);
    }
}

/// The seed of this process, which nobody outside of it knows.
pub(crate) fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().hash_one(0_u8))
}

/// A hash of a text. It spreads values well enough for estimates, and is for nothing else.
#[inline]
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let bytes = text.as_bytes();
    let mut hash = seed ^ bytes.len() as u64;
    // The last word overlaps the one before, so that no bytes have to be copied.
    let last = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(last), _, _) => {
            let (words, _) = bytes[..bytes.len() - 1].as_chunks::<8>();
            for word in words {
                hash = fold(hash ^ u64::from_le_bytes(*word), ODD);
            }
            u64::from_le_bytes(*last)
        }
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    // Once more, so that the last bytes reach every bit.
    fold(fold(hash ^ last, ODD), seed | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(seed: u64, values: u32) -> f64 {
        let distinct = Distinct::default();
        for value in 0..values {
            distinct.add(hash(seed, &format!("user-{value}")));
        }
        distinct.estimate()
    }

    #[test]
    #[cfg_attr(miri, ignore = "millions of values")]
    fn the_error_is_as_stated_for_few_values_and_for_many() {
        let sizes = [(1, 200), (2, 200), (10, 200), (50, 200), (100, 200), (160, 200), (250, 200)];
        let large = [(400, 200), (1_000, 200), (5_000, 100), (50_000, 20), (500_000, 6)];
        for (values, seeds) in sizes.into_iter().chain(large) {
            let errors = (0..seeds).map(|seed| estimate(seed, values) / f64::from(values) - 1.0);
            let squares = errors.map(|error| error * error).sum::<f64>();
            let spread = (squares / seeds as f64).sqrt();
            // 13 %, and what so few samples of it may differ by.
            assert!(spread < 0.18, "{values} values: {spread:.3}");
        }
    }

    #[test]
    fn nothing_is_nothing_and_the_same_value_counts_once() {
        let distinct = Distinct::default();
        assert_eq!(distinct.estimate(), 0.0);
        (0..1_000).for_each(|_| distinct.add(hash(1, "once")));
        assert!((0.9..1.5).contains(&distinct.estimate()), "{}", distinct.estimate());
    }

    #[test]
    fn the_ends_of_the_range_are_numbers() {
        let distinct = Distinct::default();
        for register in 0..REGISTERS as u64 {
            distinct.add(register << (u64::BITS - CHOICE));
        }
        let most = distinct.estimate();
        assert!(most.is_finite() && most > 1e18, "{most}");
    }

    #[test]
    fn texts_that_differ_in_little_have_hashes_that_differ() {
        let texts = ["", "\0", "\0\0", "a", "b", "ab", "ba", "aaaaaaaa", "aaaaaaaa\0", "aaaaaaaaa"];
        let mut hashes: Vec<u64> = texts.iter().map(|text| hash(7, text)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
        assert_ne!(hash(7, "a"), hash(8, "a"), "the seed counts");
        assert_eq!(seed(), seed(), "one seed a process");
    }
}
