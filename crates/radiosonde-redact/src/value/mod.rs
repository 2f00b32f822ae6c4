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

/// Everything in a text that the rules for values match, in order and apart from each other.
pub(crate) fn scan<'r>(rules: &'r Rules, text: &str, found: &mut Vec<Match<'r>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !IS_ANCHOR[usize::from(*byte)] {
            at += 1;
            continue;
        }
        at = match look(rules, text, at) {
            Look::Match(found_here) if rules.allows_value(&text[found_here.range.clone()]) => {
                found_here.range.end
            }
            Look::Match(found_here) => {
                let end = found_here.range.end;
                found.push(found_here);
                end
            }
            Look::Nothing => at + 1,
            Look::NothingUpTo(end) => end.max(at + 1),
        };
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
        b' ' => credentials::find(bytes, at),
        b':' if bytes[at..].starts_with(b"://") => {
            url::password(bytes, at).map(|range| ("url_password", range))
        }
        b'=' => url::parameter(rules, text, at),
        b'-' => pem::body(bytes, at).map(|range| ("private_key_block", range)),
        b'0'..=b'9' => {
            // Only where a number begins.
            if at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit()) {
                return Look::Nothing;
            }
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

/// The bytes that [`look`] has something to say about.
static IS_ANCHOR: [bool; 256] = {
    let mut anchors = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let this = byte as u8;
        anchors[byte] = matches!(this, b' ' | b':' | b'=' | b'-' | b'e' | b'0'..=b'9')
            || prefixes::is_first_letter(this);
        byte += 1;
    }
    anchors
};
