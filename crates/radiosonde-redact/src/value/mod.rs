//! Rules for values: what is a secret by its looks, wherever it stands.

mod card;
mod credentials;
mod jwt;
mod pem;
pub(crate) mod prefilter;
mod prefixes;
mod text;
mod url;

use std::ops::Range;

use crate::Rules;

/// The names of the rules for values.
pub(crate) const NAMES: [&str; 8] = [
    "api_key_prefix",
    "basic",
    "bearer",
    "card_number",
    "jwt",
    "private_key_block",
    "url_parameter",
    "url_password",
];

/// Something that has to go.
#[derive(Clone, Debug)]
pub(crate) struct Match<'r> {
    pub(crate) range: Range<usize>,
    pub(crate) rule: &'r str,
}

/// The first thing from `at` on that the rules for values match. `at` is not within a word.
pub(crate) fn next_match<'r>(rules: &'r Rules, text: &str, mut at: usize) -> Option<Match<'r>> {
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let anchor = ANCHORS[usize::from(*byte)];
        let end = match anchor {
            Anchor::None => at,
            Anchor::Sign | Anchor::Beginning => match look(rules, text, at) {
                Some(found) if !rules.allows_value(&text[found.range.clone()]) => {
                    return Some(found);
                }
                Some(allowed) => allowed.range.end,
                None => at,
            },
            Anchor::Word => at,
        };
        at = match anchor {
            Anchor::None | Anchor::Sign => end.max(at + 1),
            // Words are looked at where they begin: the rest of one is skipped.
            Anchor::Word | Anchor::Beginning => end.max(end_of_word(bytes, at)),
        };
    }
    None
}

/// Where the next word may begin: behind this one, or behind what stands for something else, such
/// as the `n` of `\n` and the `3D` of `%3D`.
fn end_of_word(text: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    match text.get(..start).and_then(<[u8]>::last) {
        Some(b'\\') if matches!(text[start], b'n' | b'r' | b't') => start + 1,
        Some(b'%')
            if text[start..].iter().take(2).filter(|byte| byte.is_ascii_hexdigit()).count()
                == 2 =>
        {
            start + 2
        }
        _ => start + text[start..].iter().take_while(|byte| is_part(byte)).count().max(1),
    }
}

/// Everything in a text that the rules for values match, in order and apart from each other.
pub(crate) fn scan<'r>(rules: &'r Rules, text: &str, found: &mut Vec<Match<'r>>) {
    let mut at = 0;
    while let Some(next) = next_match(rules, text, at) {
        at = next.range.end;
        found.push(next);
    }
}

/// Looks closer at a byte that a secret may begin at, or is announced by.
fn look<'r>(rules: &'r Rules, text: &str, at: usize) -> Option<Match<'r>> {
    let bytes = text.as_bytes();
    let (rule, range) = match bytes[at] {
        b' ' if is_end_of_scheme(bytes, at) => credentials::find(bytes, at)?,
        b':' if bytes[at..].starts_with(b"://") => ("url_password", url::password(bytes, at)?),
        b'=' => url::parameter(rules, text, at)?,
        b'-' => ("private_key_block", pem::body(bytes, at)?),
        b'0'..=b'9' => ("card_number", at..card::end_of_card(bytes, at)?),
        b'e' if bytes[at..].starts_with(b"eyJ") => ("jwt", at..jwt::end_of_token(bytes, at)?),
        _ => ("api_key_prefix", at..prefixes::end_of_key(bytes, at)?),
    };
    Some(Match { range, rule })
}

/// Whether the letter before is the last one of `Bearer` or `Basic`.
fn is_end_of_scheme(text: &[u8], space: usize) -> bool {
    let last = space.checked_sub(1).map(|at| text[at] | 0x20);
    matches!(last, Some(b'r' | b'c'))
}

/// What a byte may be to [`look`].
#[derive(Clone, Copy)]
enum Anchor {
    /// Nothing, and no part of a word.
    None,
    /// A sign that stands before, behind or in the middle of something.
    Sign,
    /// A letter or digit of words that are nothing.
    Word,
    /// A letter or digit that something may begin with.
    Beginning,
}

static ANCHORS: [Anchor; 256] = {
    let mut anchors = [Anchor::None; 256];
    let mut byte = 0;
    while byte < 256 {
        let this = byte as u8;
        if matches!(this, b' ' | b':' | b'=' | b'-') {
            anchors[byte] = Anchor::Sign;
        } else if matches!(this, b'e' | b'0'..=b'9') || prefixes::is_first_letter(this) {
            anchors[byte] = Anchor::Beginning;
        } else if this.is_ascii_alphanumeric() {
            anchors[byte] = Anchor::Word;
        }
        byte += 1;
    }
    anchors
};
