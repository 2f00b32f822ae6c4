//! What stands behind the name of an HTTP authentication scheme.

use std::borrow::Cow;
use std::ops::Range;

use super::prefilter::RUN;
use super::reader::Reader;
use super::text::{Alphabet, decode_base64, is_boundary_before, is_placeholder};

/// Shortest credentials that are recognised behind a scheme with a capital letter.
const SHORTEST: usize = 8;
/// Credentials are told from words by so many characters.
const JUDGED: usize = 64;
/// Longest Base64 that is decoded; the rest of a longer one is replaced all the same.
const DECODED_MAX: usize = 16 * 1024;

/// The rule, and where the credentials stand, when the sign at `at` divides a scheme from them: a
/// space or tab, one that is escaped, and in URLs and forms `+` or `%20`.
pub(crate) fn find(reader: &mut Reader<'_>, at: usize) -> Option<(&'static str, Range<usize>)> {
    let text = reader.text();
    let before = text.get(..at)?;
    let scheme_of = |name: &[u8]| {
        let at = before.len().checked_sub(name.len())?;
        let (front, scheme) = before.split_at(at);
        let alone = front.last().is_none_or(|byte| !byte.is_ascii_alphanumeric())
            || is_boundary_before(text, at);
        (alone && scheme.eq_ignore_ascii_case(name)).then(|| scheme[0])
    };
    let (rule, first) = match scheme_of(b"bearer") {
        Some(first) => ("bearer", first),
        None => ("basic", scheme_of(b"basic")?),
    };
    let (start, is_encoded) = match text[at] {
        b'+' => (at + 1, true),
        b'%' if text[at..].starts_with(b"%20") => (at + 3, true),
        b'%' => return None,
        b'\\' => (begin(reader, end_of_tab(text, at)?), false),
        _ => (begin(reader, at), false),
    };
    let end = match (is_encoded, rule) {
        (true, _) => end_of_encoded(reader, start),
        (false, "bearer") => reader.end_of_run(start, Alphabet::Token),
        (false, _) => reader.end_of_run(start, Alphabet::Base64),
    };
    let given = &text[start..end];
    if rule == "bearer" {
        let end = end - stops(given);
        let given = &text[start..end];
        let fits = given.len() >= shortest(first) && is_no_word(given) && !is_placeholder(given);
        return fits.then_some((rule, start..end));
    }
    let given = if is_encoded { decoded(given) } else { Cow::Borrowed(given) };
    let padded = given.last() == Some(&b'=');
    let fits = given.len() >= SHORTEST && (padded || given.len() >= shortest(first));
    reader.count(given.len());
    let given = &given[..given.len().min(DECODED_MAX)];
    (fits && is_user_and_password(given)).then_some((rule, start..end))
}

/// A scheme with a small letter is not looked for: then its credentials have to be noticed.
fn shortest(first: u8) -> usize {
    if first == b'B' { SHORTEST } else { RUN }
}

/// How often a text was escaped that stands in another, at most.
const ESCAPES_MAX: usize = 8;

fn escapes(text: &[u8]) -> usize {
    text.iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count()
}

/// Behind a tab that is escaped.
fn end_of_tab(text: &[u8], at: usize) -> Option<usize> {
    let sign = at + escapes(&text[at..]);
    (text.get(sign) == Some(&b't')).then_some(sign + 1)
}

/// Behind the spaces that begin at `at`, and behind a quotation mark, which may be escaped.
pub(crate) fn begin(reader: &mut Reader<'_>, at: usize) -> usize {
    let spaces = reader.read(at, |byte| matches!(byte, b' ' | b'\t')).len();
    let start = at + spaces;
    let rest = reader.text().get(start..).unwrap_or_default();
    let escapes = escapes(rest);
    match rest.get(escapes) {
        Some(b'"' | b'\'') => start + escapes + 1,
        _ => start,
    }
}

/// Where a token ends in a URL or form, in which `+` is a space and other signs are encoded.
fn end_of_encoded(reader: &mut Reader<'_>, start: usize) -> usize {
    let mut at = start;
    loop {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        at += reader.read(at, plain).len();
        match reader.text().get(at..at + 3) {
            Some(sign) if sign_of(sign).is_some() => at += 3,
            _ => return at,
        }
    }
}

fn sign_of(encoded: &[u8]) -> Option<u8> {
    const SIGNS: [(&[u8], u8); 3] = [(b"%2B", b'+'), (b"%2F", b'/'), (b"%3D", b'=')];
    SIGNS.iter().find(|(text, _)| encoded.eq_ignore_ascii_case(text)).map(|(_, sign)| *sign)
}

/// The same with its signs as they are.
fn decoded(given: &[u8]) -> Cow<'_, [u8]> {
    let mut plain = Vec::with_capacity(given.len());
    let mut rest = given;
    while let [first, ..] = rest {
        let sign = rest.get(..3).and_then(sign_of);
        plain.push(sign.unwrap_or(*first));
        rest = &rest[if sign.is_some() { 3 } else { 1 }..];
    }
    Cow::Owned(plain)
}

/// What ends a sentence, and not the token.
pub(crate) fn stops(token: &[u8]) -> usize {
    token.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count()
}

/// Whether this is neither a word nor a few of them: `bearer authentication`, `Bearer-scheme`.
fn is_no_word(token: &[u8]) -> bool {
    let token = &token[..token.len().min(JUDGED)];
    let capitals = token.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    token.iter().any(u8::is_ascii_digit)
        || capitals >= 2
        || token.len() >= 32 && !token.contains(&b'/')
}

/// Whether this decodes to text with a colon in it.
fn is_user_and_password(given: &[u8]) -> bool {
    let decoded = decode_base64(given).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|text| {
        text.find(':').is_some_and(|colon| colon + 1 < text.len())
            && !text.chars().any(char::is_control)
    })
}
