//! Passwords in URLs, plain, escaped, and encoded into others.

use std::ops::Range;

use super::parameter::ends_value;
use super::prefilter::RUN;
use super::reader::Reader;
use super::text::{ends_url, is_placeholder};

/// Longest user and password that are looked for.
const USERINFO_MAX: usize = 1024;
/// How often a slash was escaped, at most.
const ESCAPES_MAX: usize = 8;
/// Longest name of a scheme.
const SCHEME_MAX: usize = 16;

/// Behind the `://` at `colon`, whose slashes may be escaped: `:\/\/`.
pub(crate) fn begin(text: &[u8], colon: usize) -> Option<usize> {
    let mut at = colon + 1;
    for _ in 0..2 {
        let rest = text.get(at..)?;
        at += rest.iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count();
        if text.get(at) != Some(&b'/') {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// The password of the URL whose `://` stands at `colon` and ends at `from`.
pub(crate) fn password(reader: &mut Reader<'_>, colon: usize, from: usize) -> Option<Range<usize>> {
    let text = reader.text();
    let scheme = text.get(..colon)?.last()?;
    if !scheme.is_ascii_alphanumeric() {
        return None;
    }
    let limit = text.len().min(from + USERINFO_MAX);
    let rest = text.get(from..limit)?;
    // The next URL has slashes as well: no part is read for two of them.
    let ends = |byte: &u8| ends_url(*byte) || matches!(byte, b'/' | b'?' | b'#');
    let authority = rest.iter().position(ends).unwrap_or(rest.len());
    reader.count(3 * authority + 1);
    let split = rest[..authority].iter().position(|byte| *byte == b':')?;
    let at = rest[..authority].iter().rposition(|byte| *byte == b'@');
    // Whoever did not encode his password may have any of these in it; a port has digits only.
    let at = match at {
        Some(at) => at,
        None if rest[split + 1..authority].iter().all(u8::is_ascii_digit) => return None,
        None if rest.first() == Some(&b'[') => return None,
        None => reader.last_at_sign(from + authority, limit)? - from,
    };
    if at <= split + 1 || is_placeholder(&rest[split + 1..at]) {
        return None;
    }
    Some(from + split + 1..from + at)
}

/// What `:`, `/` and `@` are when a URL is the value of another.
const COLON: &[u8] = b"%3A";
const SLASHES: &[u8] = b"%3A%2F%2F";
const AT: &[u8] = b"%40";

/// The password of the URL whose `%3A%2F%2F` stands at `start`: `https%3A%2F%2Fada%3Ahunter2%40h`.
pub(crate) fn encoded_password(reader: &mut Reader<'_>, start: usize) -> Option<Range<usize>> {
    let text = reader.text();
    let begins = |at: usize, sign: &[u8]| {
        text.get(at..at + sign.len()).is_some_and(|found| found.eq_ignore_ascii_case(sign))
    };
    reader.count(SLASHES.len());
    if !begins(start, SLASHES) {
        return None;
    }
    let from = start + SLASHES.len();
    let limit = text.len().min(from + USERINFO_MAX);
    let (mut colon, mut last) = (None, None);
    let mut end = from;
    while end < limit && !ends_value(text[end]) {
        if text[end] == b'%' {
            if colon.is_none() && begins(end, COLON) {
                colon = Some(end + COLON.len());
            } else if begins(end, AT) {
                last = Some(end);
            } else if [b"%2F", b"%3F", b"%23"].iter().any(|sign| begins(end, *sign)) {
                break;
            }
        }
        end += 1;
    }
    reader.count(5 * (end - from) + 1);
    let scheme = text[..start].iter().rev().take(SCHEME_MAX);
    let scheme = scheme.take_while(|byte| byte.is_ascii_alphanumeric()).count();
    reader.count(scheme + 1);
    let (colon, at) = (colon?, last?);
    // What is shorter the quick look may not have noticed.
    let is_noticed = scheme > 0 && end - (start - scheme) >= RUN;
    let password = text.get(colon..at).filter(|password| !password.is_empty())?;
    (is_noticed && !is_placeholder(password)).then_some(colon..at)
}
