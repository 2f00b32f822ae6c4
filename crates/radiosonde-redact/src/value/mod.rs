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

/// The first thing from `at` on that the rules for values match.
pub(crate) fn next_match<'r>(rules: &'r Rules, text: &str, mut at: usize) -> Option<Match<'r>> {
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let looks = match ANCHORS[usize::from(*byte)] {
            Anchor::None => false,
            Anchor::Sign => true,
            Anchor::Beginning => text::is_boundary_before(bytes, at),
        };
        if !looks {
            at += 1;
            continue;
        }
        at = match look(rules, text, at) {
            Look::Match(found) if rules.allows_value(&text[found.range.clone()]) => found.range.end,
            Look::Match(found) => return Some(found),
            Look::Nothing => at + 1,
            Look::NothingUpTo(end) => end.max(at + 1),
        };
    }
    None
}

/// Everything in a text that the rules for values match, in order and apart from each other.
pub(crate) fn scan<'r>(rules: &'r Rules, text: &str, found: &mut Vec<Match<'r>>) {
    let mut at = 0;
    while let Some(next) = next_match(rules, text, at) {
        at = next.range.end;
        found.push(next);
    }
}

enum Look<'r> {
    Match(Match<'r>),
    Nothing,
    NothingUpTo(usize),
}

/// Looks closer at a byte that a secret may begin at, or is announced by.
fn look<'r>(rules: &'r Rules, text: &str, at: usize) -> Look<'r> {
    let bytes = text.as_bytes();
    let found = match bytes[at] {
        b' ' if is_end_of_scheme(bytes, at) => credentials::find(bytes, at),
        b':' if bytes[at..].starts_with(b"://") => {
            url::password(bytes, at).map(|range| ("url_password", range))
        }
        b'=' => url::parameter(rules, text, at),
        b'-' => pem::body(bytes, at).map(|range| ("private_key_block", range)),
        b'0'..=b'9' => {
            return match card::end_of_card(bytes, at) {
                Ok(end) => Look::Match(Match { range: at..end, rule: "card_number" }),
                Err(end) => Look::NothingUpTo(end),
            };
        }
        b'e' if bytes[at..].starts_with(b"eyJ") => {
            jwt::end_of_token(bytes, at).map(|end| ("jwt", at..end))
        }
        _ => prefixes::end_of_key(bytes, at).map(|end| ("api_key_prefix", at..end)),
    };
    match found {
        Some((rule, range)) => Look::Match(Match { range, rule }),
        None => Look::Nothing,
    }
}

/// Whether the letter before is the last one of `Bearer` or `Basic`.
fn is_end_of_scheme(text: &[u8], space: usize) -> bool {
    let last = space.checked_sub(1).map(|at| text[at] | 0x20);
    matches!(last, Some(b'r' | b'c'))
}

/// What a byte may be to [`look`].
#[derive(Clone, Copy)]
enum Anchor {
    None,
    /// A sign that stands before, behind or in the middle of something.
    Sign,
    /// The first character of something, at the beginning of a word.
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
        }
        byte += 1;
    }
    anchors
};
