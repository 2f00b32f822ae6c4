//! Passwords in URLs, and secrets among parameters: of URLs, of forms, of cookies.

use std::borrow::Cow;
use std::ops::Range;

use super::prefilter::RUN;
use super::reader::Reader;
use super::text::{ends_url, is_placeholder, looks_random};
use crate::Rules;

/// Longest user and password that are looked for.
const USERINFO_MAX: usize = 1024;
/// Longest name of a parameter.
const NAME_MAX: usize = 64;
/// How often a slash was escaped, at most.
const ESCAPES_MAX: usize = 8;
/// Longest name of a scheme.
const SCHEME_MAX: usize = 16;
/// Longest value between quotation marks or brackets, and how many of these it may have in it.
const QUOTED_MAX: usize = 1024;
const DOUBLED_MAX: usize = 4;
/// Apostrophes in the first value of a form, at most.
const APOSTROPHES_MAX: usize = 2;
/// Shortest value of a cookie that is taken for a secret.
const COOKIE_MIN: usize = 8;

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

/// What stands before the name of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A sign that separates parameters.
    Parameter,
    /// Nothing, or what ends a value as well: a form may begin here, or a sentence go on.
    Text,
}

/// The rule, and the value, when the `=` at `equals` gives a secret to a parameter.
pub(crate) fn parameter<'r>(
    rules: &'r Rules,
    text: &str,
    reader: &mut Reader<'_>,
    equals: usize,
) -> Option<(&'r str, Range<usize>)> {
    let bytes = reader.text();
    let before = bytes.get(equals.saturating_sub(NAME_MAX + 1)..equals)?;
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%')
    };
    let length = before.iter().rev().take_while(|byte| is_name(byte)).count();
    reader.count(length + 1);
    let start = equals - length;
    let name = text.get(start..equals)?;
    let before = match start.checked_sub(1).map(|at| bytes[at]) {
        Some(b'?' | b'&' | b';' | b'#') => Before::Parameter,
        None | Some(b',') => Before::Text,
        Some(byte) if ends_url(byte) => Before::Text,
        Some(_) => return None,
    };
    if length == 0 || length > NAME_MAX {
        return None;
    }
    if reader.is_in_cookie(start) {
        return cookie(rules, reader, name, equals + 1);
    }
    let from = equals + 1;
    if before == Before::Text {
        // What is read here is hardly read again: a value ends where such a name can begin, but for
        // an apostrophe or two.
        let mut apostrophes = 0;
        let ends = |at: usize| match bytes[at] {
            b'\'' if is_apostrophe(bytes, at) && apostrophes < APOSTROPHES_MAX => {
                apostrophes += 1;
                false
            }
            byte => matches!(byte, b',' | b'\''),
        };
        let value = value(reader, from, ends, None);
        // In sentences no names are encoded.
        let is_form = name.contains('%') || begins_parameter(reader, from + value.len());
        if !is_form && !looks_random(value) || is_placeholder(value) {
            return None;
        }
        reader.count(length);
        return Some((rules.rule_for_key(&decoded(name))?, from..from + value.len()));
    }
    // First the name, which is short: a text full of parameters must not be read once for each.
    reader.count(length);
    let name = &*decoded(name);
    let rule = match rules.rule_for_key(name) {
        // The directory a process works in has that name as well.
        Some(_)
            if name.eq_ignore_ascii_case("pwd")
                && bytes[start - 1] != b';'
                && is_path(&bytes[from..]) =>
        {
            return None;
        }
        Some(rule) => rule,
        None if is_signature(name) => {
            // Up to the next name, for the same reason.
            let front = reader.read(from, |byte| !ends_value(byte) && byte != b'?');
            if !looks_random(front) {
                return None;
            }
            "url_parameter"
        }
        None => return None,
    };
    if bytes[start - 1] == b';'
        && let Some(range) = quoted(reader, from)
    {
        return (!is_placeholder(&bytes[range.clone()])).then_some((rule, range));
    }
    let opening = reader.opening(start);
    let value = value(reader, from, |_| false, opening);
    let is_secret = !is_placeholder(value) && !is_setting(value);
    is_secret.then_some((rule, from..from + value.len()))
}

/// The name as it was before it was encoded.
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = rest.get(1..3).filter(|_| *first == b'%');
        let code = code.and_then(|digits| str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &rest[3..];
            }
            None => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

/// Whether a value begins as paths do.
fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/") || value.get(..3).is_some_and(|f| f.eq_ignore_ascii_case(b"%2F"))
}

/// Whether a value says that there is none, or is what a program can be told instead of one.
fn is_setting(value: &[u8]) -> bool {
    const SETTINGS: [&str; 7] =
        ["false", "include", "null", "omit", "same-origin", "true", "undefined"];
    // A sentence may go on behind it.
    let stops = value.iter().rev().take_while(|byte| b":.!?".contains(byte)).count();
    let word = &value[..value.len() - stops];
    SETTINGS.iter().any(|setting| setting.as_bytes().eq_ignore_ascii_case(word))
}

/// The value of a connection string that may have a `;` in it: without its quotation marks, or with
/// its brackets.
fn quoted(reader: &mut Reader<'_>, from: usize) -> Option<Range<usize>> {
    let text = reader.text();
    let escapes = text.get(from..)?.iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\');
    let escapes = escapes.count();
    let sign = from + escapes;
    let closing = match *text.get(sign)? {
        b'{' if escapes == 0 => b'}',
        mark @ (b'"' | b'\'') => mark,
        _ => return None,
    };
    let mut end = reader.closing(sign + 1, closing)?;
    // Written twice it is meant.
    for _ in 0..DOUBLED_MAX {
        if text.get(end + 1) != Some(&closing) {
            break;
        }
        end = reader.closing(end + 2, closing)?;
    }
    let inner = text.get(sign + 1..end)?;
    let behind = inner.iter().rev().take(escapes).take_while(|byte| **byte == b'\\').count();
    reader.count(2 * escapes + 1);
    let inner = &inner[..inner.len() - behind];
    // Code that puts such a string together goes on: `";Password=" + password + ";"`.
    let is_code =
        matches!(inner.first(), None | Some(b' ' | b'+' | b',' | b')' | b';' | b'.' | b'&'));
    match closing {
        _ if inner.len() > QUOTED_MAX => None,
        b'}' => Some(from..end + 1),
        _ => (!is_code).then_some(sign + 1..sign + 1 + inner.len()),
    }
}

/// Whether this quotation mark stands within a word.
fn is_apostrophe(text: &[u8], at: usize) -> bool {
    let is_letter =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    is_letter(at.checked_sub(1)) && is_letter(Some(at + 1))
}

/// The value of a cookie, when it may be more than a setting.
fn cookie<'r>(
    rules: &'r Rules,
    reader: &mut Reader<'_>,
    name: &str,
    from: usize,
) -> Option<(&'r str, Range<usize>)> {
    const ATTRIBUTES: [&str; 4] = ["domain", "expires", "max-age", "path"];
    let value = reader.read(from, |byte| !ends_value(byte));
    let is_mixed =
        value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    let is_attribute = ATTRIBUTES.iter().any(|known| known.eq_ignore_ascii_case(name));
    if value.len() < COOKIE_MIN || !is_mixed || is_attribute || is_placeholder(value) {
        return None;
    }
    Some((rules.rule_for_key("cookie")?, from..from + value.len()))
}

/// The value that begins here. A bracket that it does not open, a comma and a quotation mark end it
/// where they close what `opening` opens, or where nothing but white space follows.
fn value<'t>(
    reader: &mut Reader<'t>,
    from: usize,
    mut ends: impl FnMut(usize) -> bool,
    opening: Option<u8>,
) -> &'t [u8] {
    let (mut at, mut parentheses, mut brackets, mut braces) = (from, 0_isize, 0_isize, 0_isize);
    let value = reader.read(from, |byte| {
        let closes = match byte {
            b')' => opening == Some(b'(') && parentheses == 0,
            b'}' => opening == Some(b'{') && braces == 0,
            b'\'' => opening == Some(byte),
            _ => (byte != b'\'' && ends_url(byte)) || matches!(byte, b'&' | b';' | b'#'),
        };
        if closes || ends(at) {
            return false;
        }
        at += 1;
        match byte {
            b'(' => parentheses += 1,
            b')' => parentheses -= 1,
            b'[' => brackets += 1,
            b']' => brackets -= 1,
            b'{' => braces += 1,
            b'}' => braces -= 1,
            _ => {}
        }
        true
    });
    // Another parameter follows: then all of it was meant.
    if matches!(reader.text().get(from + value.len()), Some(b'&' | b';' | b'#')) {
        return value;
    }
    let mut end = value.len();
    while let Some(last) = value[..end].last() {
        match last {
            b',' | b'\'' => {}
            b')' if parentheses < 0 => parentheses += 1,
            b']' if brackets < 0 => brackets += 1,
            b'}' if braces < 0 => braces += 1,
            _ => break,
        }
        end -= 1;
    }
    reader.count(value.len() - end);
    &value[..end]
}

fn ends_value(byte: u8) -> bool {
    ends_url(byte) || matches!(byte, b'&' | b';' | b'#' | b',' | b')' | b'}')
}

/// Whether another parameter of a form comes: `&grant_type=`.
fn begins_parameter(reader: &mut Reader<'_>, at: usize) -> bool {
    if reader.text().get(at) != Some(&b'&') {
        return false;
    }
    let name = reader.text().get(at + 1..).unwrap_or_default();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = name.iter().take(NAME_MAX).take_while(is_part).count();
    reader.count(length + 1);
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.get(length) == Some(&b'=')
}

/// Whether a parameter may be a key or a signature, by names that mean other things elsewhere.
fn is_signature(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["auth", "hmac", "key", "sas", "sig", "signature", "x-amz-signature", "x-goog-signature"];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}
