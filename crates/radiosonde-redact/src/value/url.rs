//! Passwords in URLs, and secrets among their parameters.

use std::ops::Range;

use super::prefixes::looks_random;
use super::text::{ends_url, is_placeholder};
use crate::Rules;

/// Longest user and password that are looked for.
const USERINFO_MAX: usize = 1024;
/// Longest name of a parameter.
const NAME_MAX: usize = 64;
/// Longest signature that is looked at.
const SIGNATURE_MAX: usize = 1024;

/// The password of the URL whose `://` stands at `colon`.
pub(crate) fn password(text: &[u8], colon: usize) -> Option<Range<usize>> {
    let scheme = text.get(..colon)?.last()?;
    let from = colon + 3;
    if !scheme.is_ascii_alphanumeric() {
        return None;
    }
    let rest = text.get(from..)?;
    let rest = &rest[..rest.len().min(USERINFO_MAX)];
    let ends = |byte: &u8| ends_url(*byte) || matches!(byte, b'/' | b'?' | b'#');
    let authority = rest.iter().position(ends).unwrap_or(rest.len());
    let split = rest[..authority].iter().position(|byte| *byte == b':')?;
    let at = rest[..authority].iter().rposition(|byte| *byte == b'@');
    // Whoever did not encode his password may have any of these in it; a port has digits only.
    let at = at.or_else(|| {
        let is_port = rest[split + 1..authority].iter().all(u8::is_ascii_digit);
        if is_port || rest.first() == Some(&b'[') {
            return None;
        }
        let behind = &rest[authority..];
        let end = behind.iter().position(|byte| ends_url(*byte)).unwrap_or(behind.len());
        Some(authority + behind[..end].iter().rposition(|byte| *byte == b'@')?)
    })?;
    if at <= split + 1 || is_placeholder(&rest[split + 1..at]) {
        return None;
    }
    Some(from + split + 1..from + at)
}

/// The rule, and the value, when the `=` at `equals` gives a secret to a parameter.
pub(crate) fn parameter<'r>(
    rules: &'r Rules,
    text: &str,
    equals: usize,
) -> Option<(&'r str, Range<usize>)> {
    let bytes = text.as_bytes();
    let before = bytes.get(equals.saturating_sub(NAME_MAX + 1)..equals)?;
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%')
    };
    let length = before.iter().rev().take_while(|byte| is_name(byte)).count();
    let start = equals - length;
    let introduced = matches!(bytes.get(start.checked_sub(1)?)?, b'?' | b'&' | b';' | b'#');
    if length == 0 || !introduced {
        return None;
    }
    let name = text.get(start..equals)?;
    // First the name, which is short: a text full of parameters must not be read once for each.
    let (rule, needs_look) = match rules.rule_for_key(name) {
        Some(rule) => (rule, false),
        None if is_signature(name) => ("url_parameter", true),
        None => return None,
    };
    let from = equals + 1;
    let ends =
        |byte: &u8| ends_url(*byte) || matches!(byte, b'&' | b';' | b'#' | b',' | b')' | b'}');
    let most = if needs_look { SIGNATURE_MAX } else { usize::MAX };
    let length = bytes[from..].iter().take(most).take_while(|byte| !ends(byte)).count();
    let value = &bytes[from..from + length];
    if is_placeholder(value) || needs_look && !looks_random(value) {
        return None;
    }
    Some((rule, from..from + length))
}

/// Whether a parameter may be a key or a signature, by names that mean other things elsewhere.
fn is_signature(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["auth", "hmac", "key", "sas", "sig", "signature", "x-amz-signature", "x-goog-signature"];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}
