//! Rules for values: what is a secret by its looks, wherever it stands.

mod card;
mod credentials;
mod header;
mod jwt;
mod parameter;
mod pem;
pub(crate) mod prefilter;
mod prefixes;
mod reader;
mod text;
mod url;
#[cfg(test)]
mod work;

use std::ops::Range;

use reader::Reader;

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

/// A text while its matches are looked for, from left to right.
pub(crate) struct Scanner<'r, 't> {
    rules: &'r Rules,
    text: &'t str,
    /// Not within a word.
    at: usize,
    reader: Reader<'t>,
}

impl<'r, 't> Scanner<'r, 't> {
    pub(crate) fn new(rules: &'r Rules, text: &'t str) -> Self {
        Self { rules, text, at: 0, reader: Reader::new(text.as_bytes()) }
    }
}

impl<'r> Iterator for Scanner<'r, '_> {
    type Item = Match<'r>;

    /// The next thing that the rules for values match.
    fn next(&mut self) -> Option<Match<'r>> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let at = self.at;
            let anchor = ANCHORS[usize::from(*byte)];
            self.reader.count(1);
            let end = match anchor {
                Anchor::None | Anchor::Word => at,
                Anchor::Sign | Anchor::Beginning => match self.look(at) {
                    Some(found) if !self.rules.allows_value(&self.text[found.range.clone()]) => {
                        self.at = found.range.end;
                        return Some(found);
                    }
                    Some(allowed) => allowed.range.end,
                    None => at,
                },
            };
            self.at = match anchor {
                Anchor::None | Anchor::Sign => end.max(at + 1),
                // Words are looked at where they begin: the rest of one is skipped.
                Anchor::Word | Anchor::Beginning => end.max(end_of_word(bytes, at)),
            };
        }
        None
    }
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

impl<'r> Scanner<'r, '_> {
    /// Looks closer at a byte that a secret may begin at, or is announced by.
    fn look(&mut self, at: usize) -> Option<Match<'r>> {
        let (rules, reader) = (self.rules, &mut self.reader);
        let bytes = reader.text();
        let (rule, range) = match bytes[at] {
            b'%' if bytes[at..].starts_with(b"%B") => {
                ("card_number", at + 2..card::end_of_track(reader, at + 2)?)
            }
            b'%' if bytes[at..].starts_with(b"%3") => {
                ("url_password", url::encoded_password(reader, at)?)
            }
            b' ' | b'\t' | b'\\' | b'+' | b'%' if !is_end_of_scheme(bytes, at) => return None,
            b' ' | b'\t' | b'\\' | b'+' | b'%' => credentials::find(reader, at)?,
            b':' => match url::begin(bytes, at) {
                Some(from) => ("url_password", url::password(reader, at, from)?),
                None => header::value(rules, reader, at)?,
            },
            b'=' => parameter::find(rules, self.text, reader, at)?,
            b'-' => ("private_key_block", pem::body(reader, at)?),
            b'0'..=b'9' => ("card_number", at..card::end_of_card(reader, at)?),
            b'e' if bytes[at..].starts_with(b"eyJ") => ("jwt", at..jwt::end_of_token(reader, at)?),
            _ => ("api_key_prefix", at..prefixes::end_of_key(reader, at)?),
        };
        Some(Match { range, rule })
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
        if matches!(this, b' ' | b'\t' | b'\\' | b'+' | b'%' | b':' | b'=' | b'-') {
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
