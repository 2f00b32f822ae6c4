//! Secrets among parameters: of URLs, of forms, of connection strings, of cookies.

use std::borrow::Cow;
use std::ops::Range;

use super::reader::Reader;
use super::text::{ends_url, is_placeholder, looks_random};
use crate::Rules;

/// Longest name of a parameter.
const NAME_MAX: usize = 64;
/// How often a quotation mark was escaped, at most.
const ESCAPES_MAX: usize = 8;
/// Longest value between quotation marks or brackets, and how many of these it may have in it.
const QUOTED_MAX: usize = 1024;
const DOUBLED_MAX: usize = 4;
/// Apostrophes in the first value of a form, at most.
const APOSTROPHES_MAX: usize = 2;
/// Shortest value of a cookie that is taken for a secret.
const COOKIE_MIN: usize = 8;

/// What stands before the name of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A sign that separates parameters.
    Parameter,
    /// Nothing, or what ends a value as well: a form may begin here, or a sentence go on.
    Text,
}

/// The rule, and the value, when the `=` at `equals` gives a secret to a parameter.
pub(crate) fn find<'r>(
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
    match before {
        Before::Text => first_of_form(rules, reader, name, equals + 1),
        Before::Parameter => following(rules, reader, name, start),
    }
}

/// The first parameter of a form, behind no sign that would say so.
fn first_of_form<'r>(
    rules: &'r Rules,
    reader: &mut Reader<'_>,
    name: &str,
    from: usize,
) -> Option<(&'r str, Range<usize>)> {
    let text = reader.text();
    // What is read here is hardly read again: a value ends where such a name can begin, but for an
    // apostrophe or two.
    let mut apostrophes = 0;
    let ends = |at: usize| match text[at] {
        b'\'' if is_apostrophe(text, at) && apostrophes < APOSTROPHES_MAX => {
            apostrophes += 1;
            false
        }
        byte => matches!(byte, b',' | b'\''),
    };
    let value = value(reader, from, ends, None);
    reader.count(name.len());
    let plain = decoded(name);
    // In sentences no names are encoded.
    let is_form = plain != name || begins_parameter(reader, from + value.len());
    if !is_form && !looks_random(value) || is_placeholder(value) || is_setting(value) {
        return None;
    }
    Some((rules.rule_for_key(&plain)?, from..from + value.len()))
}

/// A parameter whose name begins at `start`, behind a sign that separates it from others.
fn following<'r>(
    rules: &'r Rules,
    reader: &mut Reader<'_>,
    name: &str,
    start: usize,
) -> Option<(&'r str, Range<usize>)> {
    let text = reader.text();
    let from = start + name.len() + 1;
    let is_connection = text[start - 1] == b';';
    // First the name, which is short: a text full of parameters must not be read once for each.
    reader.count(name.len());
    let name = &*decoded(name);
    let rule = match rules.rule_for_key(name) {
        // The directory a process works in has that name as well.
        Some(_) if name.eq_ignore_ascii_case("pwd") && !is_connection && is_path(&text[from..]) => {
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
    if is_connection && let Some(range) = quoted(reader, from) {
        return (!is_placeholder(&text[range.clone()])).then_some((rule, range));
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
        let code =
            rest.get(1..3).filter(|code| *first == b'%' && code.iter().all(u8::is_ascii_hexdigit));
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

/// Whether a byte ends the value of a parameter, wherever that is written.
pub(crate) fn ends_value(byte: u8) -> bool {
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
