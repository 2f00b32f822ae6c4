//! A look at text that is cheap, and never misses what a rule for values would match.
//!
//! Whatever matches has one of these:
//!
//! - a `=`, a `@` or a `B`: parameters, passwords in URLs, padded and announced credentials;
//! - [`RUN`] characters and more without a space: keys, tokens, lines of a private key;
//! - [`DENSE`] and more capitals and digits: card numbers, ids of access keys.
//!
//! Ordinary text has none of these, or has one now and then, and then the rules look closer. Ids of
//! the usual forms have them and are let through all the same.

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
    let (sign, dense) = if let Some(last) = text.last_chunk::<64>() {
        let (chunks, _) = text.as_chunks::<64>();
        chunks.iter().fold((has_sign(last), density_of(last)), |(sign, dense), chunk| {
            (sign | has_sign(chunk), dense + density_of(chunk))
        })
    } else if let (Some(first), Some(last)) = (text.first_chunk::<32>(), text.last_chunk::<32>()) {
        (has_sign(first) | has_sign(last), density_of(first) + density_of(last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        (has_sign(first) | has_sign(last), density_of(first) + density_of(last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (has_sign(first) | has_sign(last), density_of(first) + density_of(last))
    } else {
        return false;
    };
    (sign || dense >= DENSE || text.len() >= RUN && has_run(text)) && !is_id(text)
}

/// Whether the text is a UUID, or hexadecimal in small letters: of ids there are many, and no rule
/// matches any part of one. Digits alone may be a card's.
fn is_id(text: &[u8]) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.len() {
        36 => text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        }),
        16..=64 => text.iter().all(is_hex) && !text.iter().all(u8::is_ascii_digit),
        _ => false,
    }
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
fn density_of<const N: usize>(bytes: &[u8; N]) -> usize {
    usize::from(bytes.iter().fold(0_u8, |count, byte| count + u8::from(is_dense(*byte))))
}

#[inline(always)]
fn is_dense(byte: u8) -> bool {
    byte.wrapping_sub(b'0') <= b'Z' - b'0'
}

/// The same for a rule that relies on it.
pub(crate) fn density(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| is_dense(**byte)).count()
}

/// Whether there may be [`RUN`] bytes in a row without a space. Among so many are two neighbouring
/// words of eight, of which one is the first of a pair.
#[inline(always)]
fn has_run(text: &[u8]) -> bool {
    let spaces = |word: u64| word.wrapping_sub(ONES * 0x21) & !word & HIGH;
    let (pairs, rest) = text.as_chunks::<16>();
    let pair = |at: usize| pairs.get(at).map(|pair| u128::from_le_bytes(*pair));
    for (at, both) in pairs.iter().enumerate() {
        let both = u128::from_le_bytes(*both);
        if spaces(both as u64) == 0 {
            let before = at.checked_sub(1).and_then(pair);
            if spaces((both >> 64) as u64) == 0
                || before.is_some_and(|before| spaces((before >> 64) as u64) == 0)
            {
                return true;
            }
        }
    }
    // The first of a pair may stand at the end, without the second.
    let last = rest.first_chunk().map(|word| spaces(u64::from_le_bytes(*word)));
    let before = pairs.last().map(|pair| spaces((u128::from_le_bytes(*pair) >> 64) as u64));
    last == Some(0) && before == Some(0)
}
