//! Headers of HTTP as they are printed: `Authorization: Token 9f2c…`, `x-api-key: 9f2c…`.
//!
//! Names of headers are words of everyday language as well: only what goes on like a key is one.

use std::ops::Range;

use super::credentials::{begin, stops};
use super::prefilter::{DENSE, RUN, density};
use super::reader::Reader;
use super::text::{Alphabet, is_placeholder, looks_random};
use crate::Rules;

/// Longest name of a header.
const NAME_MAX: usize = 64;
/// Shortest key, where the quick look notices it.
const SHORTEST: usize = 16;
/// Longest name of an authentication scheme.
const SCHEME_MAX: usize = 32;

/// The rule, and the value, when the `:` at `colon` gives one to a header that is a secret.
pub(crate) fn value<'r>(
    rules: &'r Rules,
    reader: &mut Reader<'_>,
    colon: usize,
) -> Option<(&'r str, Range<usize>)> {
    let text = reader.text();
    let name = name(text, colon);
    reader.count(name.len() + 1);
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("cookie") || is("set-cookie") {
        let start = begin(reader, colon + 1);
        reader.begin_cookie(start);
        return None;
    }
    let authorizes = is("authorization") || is("proxy-authorization");
    if !authorizes && !name.contains(&b'-') {
        return None;
    }
    let mut start = begin(reader, colon + 1);
    let mut end = reader.end_of_run(start, Alphabet::Token);
    if authorizes && matches!(text.get(end), Some(b' ' | b'\t')) && end - start <= SCHEME_MAX {
        let scheme = &text[start..end];
        // These have rules of their own.
        if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        start = begin(reader, end);
        end = reader.end_of_run(start, Alphabet::Token);
    }
    let token = &text[start..end];
    let end = end - stops(token);
    let token = &text[start..end];
    reader.count(token.len() + name.len() + 1);
    let is_noticed = token.len() >= RUN
        || token.len() >= SHORTEST
            && density(token) + density(&text[colon - name.len()..=colon]) >= DENSE;
    if !is_noticed || !is_key(token) || is_placeholder(token) {
        return None;
    }
    Some((rules.rule_for_key(str::from_utf8(name).ok()?)?, start..end))
}

/// The name before the colon, between quotation marks or not; empty when it is too long for one.
fn name(text: &[u8], colon: usize) -> &[u8] {
    let before = match &text[..colon] {
        [before @ .., b'"' | b'\''] => {
            let escapes = before.iter().rev().take(8).take_while(|byte| **byte == b'\\');
            &before[..before.len() - escapes.count()]
        }
        before => before,
    };
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let length = before.iter().rev().take(NAME_MAX + 1).take_while(is_part).count();
    if length > NAME_MAX { &[] } else { &before[before.len() - length..] }
}

/// Whether this is mixed as keys are.
fn is_key(token: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| token.iter().filter(|byte| is(byte)).count();
    let (digits, capitals) = (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase));
    // Names in code have a few capitals and digits as well.
    let mixed = digits >= 4 && digits < token.len() || capitals >= 8 && capitals < token.len();
    mixed && !token.contains(&b'/') || looks_random(token)
}
