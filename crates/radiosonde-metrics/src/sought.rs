//! A label's value on its way to its series, in the form it is hashed and compared in.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

/// Texts up to this length are told apart by two words.
const SHORT: usize = 15;

/// A value, with two words at hand that are the value if it is short: most are, and are hashed and
/// compared by these, without a loop or a call.
// Two numbers, no array: what is written in two parts and read as one takes longer than all the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'v> {
    pub(crate) text: &'v str,
    pub(crate) one: u64,
    pub(crate) other: u64,
}

impl<'v> Sought<'v> {
    #[inline(always)]
    pub(crate) fn new(text: &'v str) -> Self {
        let (one, other) = words(text.as_bytes());
        Self { text, one, other }
    }

    /// Whether no other value has these words.
    #[inline(always)]
    pub(crate) fn is_short(&self) -> bool {
        self.text.len() <= SHORT
    }

    /// Whether it is exactly this text.
    #[inline(always)]
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        words(text) == (self.one, self.other)
            && (text.len() <= SHORT || text == self.text.as_bytes())
    }

    /// Adds it to the hash of what stands before it. The length is part of it, so that values do not run
    /// together.
    #[inline(always)]
    pub(crate) fn add_to(&self, hash: u64, secrets: &RapidSecrets) -> u64 {
        match self.is_short() {
            true => self.add_short_to(hash, secrets),
            false => add_long_to(hash, self.text, secrets),
        }
    }

    /// As [`Sought::add_to`], of a short one.
    #[inline(always)]
    pub(crate) fn add_short_to(&self, hash: u64, secrets: &RapidSecrets) -> u64 {
        add(hash, self.one, self.other, secrets)
    }
}

/// Whether two texts are the same, without a call where they are short.
#[inline(always)]
pub(crate) fn is_same_text(one: &[u8], other: &[u8]) -> bool {
    words(one) == words(other) && (one.len() <= SHORT || one == other)
}

#[cold]
#[inline(never)]
fn add_long_to(hash: u64, text: &str, secrets: &RapidSecrets) -> u64 {
    let own = rapidhash_v3_inline::<true, false, false>(text.as_bytes(), secrets);
    add(hash, own, text.len() as u64, secrets)
}

#[inline(always)]
fn add(hash: u64, one: u64, other: u64, secrets: &RapidSecrets) -> u64 {
    let [_, first, second, ..] = secrets.secrets;
    fold(one ^ first ^ hash.rotate_left(32), other ^ second ^ hash)
}

/// The first eight bytes, and the last eight with the length, at most 255, in the place of the first of
/// them: in a text of less than 16 that one is among the first eight. Shorter texts alike.
#[inline(always)]
fn words(text: &[u8]) -> (u64, u64) {
    let len = text.len().min(255) as u64;
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last) & !0xff | len);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return (u64::from(first) << 32 | u64::from(last), len);
    }
    match *text {
        [] => (0, len),
        [one] => (one.into(), len),
        [one, two] => (u64::from(one) << 8 | u64::from(two), len),
        [one, two, three, ..] => {
            (u64::from(one) << 16 | u64::from(two) << 8 | u64::from(three), len)
        }
    }
}

/// Both halves of a product: each bit of it depends on many.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn hash(values: &[&str]) -> u64 {
        let secrets = RapidSecrets::seed(7);
        values.iter().fold(secrets.seed, |hash, value| Sought::new(value).add_to(hash, &secrets))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 50 } else { 5_000 }))]

        #[test]
        fn a_value_is_itself_and_nothing_else(one in "[ab]{0,20}", other in "[ab]{0,20}") {
            prop_assert!(Sought::new(&one).is(one.as_bytes()));
            prop_assert_eq!(Sought::new(&one).is(other.as_bytes()), one == other);
            prop_assert_eq!(hash(&[&one]) == hash(&[&other]), one == other);
            if one.len().max(other.len()) <= SHORT {
                prop_assert_eq!(words(one.as_bytes()) == words(other.as_bytes()), one == other);
            }
        }
    }

    #[test]
    fn a_long_text_is_no_short_one_with_the_same_ends() {
        let text = |len: usize| format!("provider{}-alpha1", "x".repeat(len - 15));
        for (short, long) in [(15, 271), (15, 527), (16, 272), (255, 256), (255, 511), (300, 556)] {
            let (short, long) = (text(short), text(long));
            for (one, other) in [(&short, &long), (&long, &short)] {
                assert!(!is_same_text(one.as_bytes(), other.as_bytes()), "{}", one.len());
                assert!(!Sought::new(one).is(other.as_bytes()), "{}", one.len());
                assert_ne!(hash(&[one]), hash(&[other]));
            }
            assert!(is_same_text(long.as_bytes(), text(long.len()).as_bytes()));
        }
    }

    /// As many as fall together by chance, and not more.
    #[test]
    #[cfg_attr(miri, ignore = "hundreds of thousands of values")]
    fn values_that_are_alike_spread() {
        let mut buckets = HashSet::new();
        let mut upper = HashSet::new();
        for i in 0..65_536 {
            let hash = hash(&["eu", &format!("user-{i}")]);
            let _ = buckets.insert(hash as u16);
            let _ = upper.insert((hash >> 32) as u16);
        }
        // Of 65,536 that are thrown at as many places, 63.2 % have one at least: 41,427 ± 97.
        for places in [buckets.len(), upper.len()] {
            assert!((40_900..41_950).contains(&places), "{places}");
        }
        let together =
            [hash(&["ab", "c"]), hash(&["a", "bc"]), hash(&["abc", ""]), hash(&["", "abc"])];
        assert_eq!(HashSet::from(together).len(), 4);
        assert_eq!(HashSet::from([hash(&["a", "b"]), hash(&["b", "a"]), hash(&["a"])]).len(), 3);
    }
}
