//! Passwords in URLs, and secrets among parameters: of URLs, of forms, of cookies.

use std::ops::Range;

use super::reader::Reader;
use super::text::{ends_url, is_placeholder, looks_random};
use crate::Rules;

/// Longest user and password that are looked for.
const USERINFO_MAX: usize = 1024;
/// Longest name of a parameter.
const NAME_MAX: usize = 64;
/// Shortest value of a cookie that is taken for a secret.
const COOKIE_MIN: usize = 8;

/// The password of the URL whose `://` stands at `colon`.
pub(crate) fn password(reader: &mut Reader<'_>, colon: usize) -> Option<Range<usize>> {
    let text = reader.text();
    let scheme = text.get(..colon)?.last()?;
    let from = colon + 3;
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
        // Nothing that is read here is read again: a value ends where such a name can begin.
        let value = value(reader, from);
        let is_form = begins_parameter(reader, from + value.len());
        if !is_form && !looks_random(value) || is_placeholder(value) {
            return None;
        }
        reader.count(length);
        return Some((rules.rule_for_key(name)?, from..from + value.len()));
    }
    // First the name, which is short: a text full of parameters must not be read once for each.
    reader.count(length);
    let rule = match rules.rule_for_key(name) {
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
    let value = value(reader, from);
    (!is_placeholder(value)).then_some((rule, from..from + value.len()))
}

/// The value of a cookie, when it may be more than a setting.
fn cookie<'r>(
    rules: &'r Rules,
    reader: &mut Reader<'_>,
    name: &str,
    from: usize,
) -> Option<(&'r str, Range<usize>)> {
    const ATTRIBUTES: [&str; 4] = ["domain", "expires", "max-age", "path"];
    let value = value(reader, from);
    let is_mixed =
        value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    let is_attribute = ATTRIBUTES.iter().any(|known| known.eq_ignore_ascii_case(name));
    if value.len() < COOKIE_MIN || !is_mixed || is_attribute || is_placeholder(value) {
        return None;
    }
    Some((rules.rule_for_key("cookie")?, from..from + value.len()))
}

/// The value that begins here; a bracket that it opens it may close.
fn value<'t>(reader: &mut Reader<'t>, from: usize) -> &'t [u8] {
    let value = reader.read(from, |byte| !ends_value(byte));
    let closes = reader.text().get(from + value.len()) == Some(&b'}');
    let is_open = value.starts_with(b"{") || value.starts_with(b"${");
    if is_open && closes { &reader.text()[from..from + value.len() + 1] } else { value }
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
