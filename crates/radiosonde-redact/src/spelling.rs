//! How keys are compared: whole segments, whatever the case and the separators.

use std::borrow::Cow;

/// A key with letters beyond ASCII in small, other spaces as spaces, and without what is not shown.
pub(crate) fn plain(key: &str) -> Cow<'_, str> {
    if key.is_ascii() {
        return Cow::Borrowed(key);
    }
    let mut plain = String::with_capacity(key.len());
    for letter in key.chars() {
        match letter {
            _ if letter.is_ascii() => plain.push(letter),
            _ if is_unseen(letter) => {}
            _ if letter.is_whitespace() => plain.push(' '),
            _ => plain.extend(letter.to_lowercase()),
        }
    }
    Cow::Owned(plain)
}

/// Whether a character takes no room: soft hyphens, marks of direction, joiners, byte order marks.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether neighbouring whole segments of `key` spell `word`, and the key is not about it only.
///
/// `word` is lowercase letters and digits without separators.
pub(crate) fn names_secret(key: &str, word: &str) -> bool {
    let key = key.as_bytes();
    let mut ends = (0..key.len())
        .filter(|start| is_start(key, *start))
        .filter_map(|start| end_of_match(key, start, word.as_bytes()))
        .peekable();
    if ends.peek().is_none() {
        return false;
    }
    match harmless_end(key) {
        // A match that reaches into the last segment is the secret itself.
        Some(last) => ends.any(|end| end > last),
        None => true,
    }
}

/// Whether the whole of `key` spells `word`.
pub(crate) fn is_spelt(key: &str, word: &str) -> bool {
    letters(key).eq(word.bytes())
}

/// What a key spells: lowercase letters and digits, without separators.
pub(crate) fn letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !is_separator(*byte)).map(|byte| byte.to_ascii_lowercase())
}

/// The first letter of every segment, as a set. A key that shares none with the first letters of
/// the rules cannot match, which is the usual case and has to be cheap.
pub(crate) fn initials(key: &str) -> u32 {
    let bytes = key.as_bytes();
    (0..bytes.len()).filter(|at| is_start(bytes, *at)).fold(0, |set, at| set | initial(bytes[at]))
}

/// The set of one letter; everything that is not a letter shares the last bit.
pub(crate) const fn initial(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => 1 << (letter - b'a'),
        _ => 1 << 31,
    }
}

/// Where `word`, spelt from a segment's `start`, ends together with a segment.
fn end_of_match(key: &[u8], start: usize, word: &[u8]) -> Option<usize> {
    let mut at = start;
    for letter in word {
        while at > start && key.get(at).copied().is_some_and(is_separator) {
            at += 1;
        }
        if !key.get(at)?.eq_ignore_ascii_case(letter) {
            return None;
        }
        at += 1;
    }
    // `password2` is a password.
    while key.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    let ends = key.get(at).copied().is_none_or(is_separator) || is_start(key, at);
    ends.then_some(at)
}

/// Where the last segment starts, if it is a word that makes the key speak about a secret only.
fn harmless_end(key: &[u8]) -> Option<usize> {
    let last = (0..key.len()).rev().find(|at| is_start(key, *at))?;
    let tail = &key[last..];
    let length = tail.iter().position(|byte| is_separator(*byte)).unwrap_or(tail.len());
    let is_harmless = |word: &&str| word.as_bytes().eq_ignore_ascii_case(&tail[..length]);
    HARMLESS.iter().any(is_harmless).then_some(last)
}

/// Whether a segment starts at `at`.
fn is_start(key: &[u8], at: usize) -> bool {
    let Some(byte) = key.get(at).copied() else { return false };
    if is_separator(byte) {
        return false;
    }
    let Some(before) = at.checked_sub(1).and_then(|at| key.get(at).copied()) else { return true };
    let next_is_lower = key.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    is_separator(before)
        || byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                // The last capital of a run begins the next word: `APIKey` is `API` and `Key`.
                || before.is_ascii_uppercase() && next_is_lower)
}

/// Bytes beyond ASCII are parts of letters, everything else that is no letter or digit separates.
fn is_separator(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

/// Last segments that say the key is about a secret and does not hold it.
const HARMLESS: &[&str] = &[
    "age",
    "at",
    "attempts",
    "bytes",
    "consent",
    "count",
    "counts",
    "enabled",
    "exists",
    "expiration",
    "expired",
    "expires",
    "expiry",
    "id",
    "identity",
    "ids",
    "in",
    "index",
    "kind",
    "len",
    "length",
    "limit",
    "missing",
    "ms",
    "name",
    "names",
    "policy",
    "present",
    "release",
    "required",
    "seconds",
    "size",
    "status",
    "total",
    "ttl",
    "type",
    "usage",
    "valid",
    "version",
];
