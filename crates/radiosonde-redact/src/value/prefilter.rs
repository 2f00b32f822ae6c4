//! A look at text that is cheap, and never misses what a rule for values would match.
//!
//! Whatever matches has one of these:
//!
//! - a `=`, a `@` or a `B`: parameters, passwords in URLs, padded and announced credentials;
//! - [`RUN`] characters and more without a space: keys, tokens, lines of a private key;
//! - [`DENSE`] and more capitals and digits: card numbers, ids of access keys.
//!
//! Ordinary text has none of these, or has one now and then, and then the rules look closer.

/// Characters without a space that a long secret has at least.
pub(crate) const RUN: usize = 23;

/// Capitals and digits that a dense secret has at least.
pub(crate) const DENSE: usize = 13;

/// The shortest match, `?pwd=x`.
const SHORTEST: usize = 6;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether a built-in rule for values might match.
#[inline(always)]
pub(crate) fn may_match(text: &[u8]) -> bool {
    if text.len() >= DENSE {
        return may_match_long(text);
    }
    // Too short for all but parameters and passwords of URLs.
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        (signs(first) | signs(last)) & HIGH != 0
    } else if text.len() >= SHORTEST
        && let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk())
    {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        signs(u64::from(first) | u64::from(last) << 32) & HIGH != 0
    } else {
        false
    }
}

/// The high bit of some bytes, if one is `=` or `@`; those of bytes beyond ASCII never.
#[inline(always)]
fn signs(word: u64) -> u64 {
    let equals = (word ^ (ONES * 0x3d)).wrapping_sub(ONES);
    let at = (word ^ (ONES * 0x40)).wrapping_sub(ONES);
    (equals | at) & !word
}

#[inline(never)]
fn may_match_long(text: &[u8]) -> bool {
    // What two chunks share counts twice, which does no harm.
    let (sign, dense) = if let Some(last) = text.last_chunk::<32>() {
        let (chunks, _) = text.as_chunks::<32>();
        chunks.iter().fold((has_sign(last), density(last)), |(sign, dense), chunk| {
            (sign | has_sign(chunk), dense + density(chunk))
        })
    } else if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        (has_sign(first) | has_sign(last), density(first) + density(last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (has_sign(first) | has_sign(last), density(first) + density(last))
    } else {
        return false;
    };
    sign || dense >= DENSE || text.len() >= RUN && has_run(text)
}

// Each of them in a loop of its own: in this form they become a few vector instructions.

#[inline(always)]
fn has_sign<const N: usize>(bytes: &[u8; N]) -> bool {
    let any = bytes.iter().fold(0, |any, byte| {
        any | u8::from(*byte == b'=') | u8::from(*byte == b'@') | u8::from(*byte == b'B')
    });
    any != 0
}

/// How many of the bytes are capitals and digits, with what stands between them.
#[inline(always)]
fn density<const N: usize>(bytes: &[u8; N]) -> usize {
    let is_dense = |byte: &u8| u8::from(byte.wrapping_sub(b'0') <= b'Z' - b'0');
    usize::from(bytes.iter().fold(0_u8, |count, byte| count + is_dense(byte)))
}

/// Whether there may be [`RUN`] bytes in a row without a space: among so many are two neighbouring
/// words of eight, of which one is every other.
#[inline(always)]
fn has_run(text: &[u8]) -> bool {
    let (words, _) = text.as_chunks::<8>();
    let is_full = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word.wrapping_sub(ONES * 0x21) & !word & HIGH == 0
    };
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if is_full(word)
            && (words.get(at + 1).is_some_and(is_full)
                || at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(is_full))
        {
            return true;
        }
        at += 2;
    }
    false
}
