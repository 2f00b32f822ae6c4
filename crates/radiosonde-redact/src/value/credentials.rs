//! What stands behind the name of an HTTP authentication scheme.

use super::text::{Alphabet, decode_base64, is_placeholder, run_length};

/// Shortest credentials that are recognised behind a scheme with a capital letter.
const SHORTEST: usize = 8;

/// Longest that are looked at; the rest of longer ones is replaced all the same.
const LONGEST: usize = 16 * 1024;

/// The rule, and where the credentials stand, when the space at `space` divides a scheme from them.
pub(crate) fn find(text: &[u8], space: usize) -> Option<(&'static str, std::ops::Range<usize>)> {
    let before = text.get(..space)?;
    let scheme_of = |name: &[u8]| {
        let at = before.len().checked_sub(name.len())?;
        let (front, scheme) = before.split_at(at);
        let alone = front.last().is_none_or(|byte| !byte.is_ascii_alphanumeric())
            || super::text::is_boundary_before(text, at);
        (alone && scheme.eq_ignore_ascii_case(name)).then(|| scheme[0])
    };
    let start = space + text[space..].iter().take_while(|byte| **byte == b' ').count();
    if let Some(first) = scheme_of(b"bearer") {
        let end = start + token_length(&text[start..]);
        let token = &text[start..end];
        let fits = token.len() >= shortest(first) && is_no_word(token) && !is_placeholder(token);
        return fits.then_some(("bearer", start..end));
    }
    let first = scheme_of(b"basic")?;
    let end = start + run_length(&text[start..], Alphabet::Base64, LONGEST);
    let given = &text[start..end];
    let padded = given.last() == Some(&b'=');
    let fits = given.len() >= SHORTEST && (padded || given.len() >= shortest(first));
    (fits && is_user_and_password(given)).then_some(("basic", start..end))
}

/// A scheme with a small letter is not looked for: then its credentials have to be noticed.
fn shortest(first: u8) -> usize {
    if first == b'B' { SHORTEST } else { super::prefilter::RUN }
}

/// The length of a `token68`, the full stop of a sentence aside.
fn token_length(text: &[u8]) -> usize {
    let is_part = |byte: &&u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    let length = text.iter().take_while(is_part).count();
    let dots = text[..length].iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    length - dots
}

/// Whether this is neither a word nor a few of them: `bearer authentication`, `Bearer-scheme`.
fn is_no_word(token: &[u8]) -> bool {
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
