//! Baggage headers read (W3C Baggage, §3.3.1).

use super::{BYTES_MAX, Baggage, MEMBERS_MAX, Member, length, percent, put};
use crate::trace_state::trimmed;

/// What several headers say together, and how much of it was left out.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) baggage: Baggage,
    /// Members that are none by the grammar.
    pub(crate) malformed: u64,
    /// Members whose key came again: the last one counts.
    pub(crate) duplicate: u64,
    /// Members beyond 64, and those that would have made it longer than 8192 bytes.
    pub(crate) too_many: u64,
    pub(crate) too_long: u64,
}

/// Reads the headers of one request, combined in their order. A member that is malformed or does
/// not fit is left out, the others stay.
pub(crate) fn read(headers: &[&[u8]]) -> Read {
    let mut out = Read::default();
    let mut members: Vec<Member> = Vec::new();
    let mut bytes = 0;
    let texts = headers.iter().flat_map(|header| header.split(|byte| *byte == b','));
    for text in texts.map(trimmed).filter(|text| !text.is_empty()) {
        let Some(member) = member(text) else {
            out.malformed += 1;
            continue;
        };
        let known = members.iter().find(|known| known.key == member.key);
        let without = bytes - known.map_or(0, |known| known.length() + 1);
        if known.is_none() && members.len() == MEMBERS_MAX {
            out.too_many += 1;
        } else if without + member.length() > BYTES_MAX {
            out.too_long += 1;
        } else {
            bytes = without + member.length() + 1;
            out.duplicate += u64::from(put(&mut members, member));
        }
    }
    debug_assert!(length(&members) <= BYTES_MAX);
    out.baggage = Baggage::of(members);
    out
}

/// `key OWS "=" OWS value *( OWS ";" OWS property )`
fn member(text: &[u8]) -> Option<Member> {
    let (pair, metadata) = match text.iter().position(|byte| *byte == b';') {
        Some(end) => (&text[..end], Some(trimmed(&text[end + 1..]))),
        None => (text, None),
    };
    let (key, value) = pair_of(pair)?;
    let value = value?;
    let metadata = metadata.unwrap_or_default();
    if !metadata.is_empty() && !is_metadata(metadata) {
        return None;
    }
    let key = std::str::from_utf8(key).ok()?;
    Some(Member::new(key, &percent::decode(value), std::str::from_utf8(metadata).ok()?))
}

/// Key and value of `key=value`, the key alone of `key`.
fn pair_of(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (key, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(end) => (trimmed(&text[..end]), Some(trimmed(&text[end + 1..]))),
        None => (trimmed(text), None),
    };
    let fits = value.unwrap_or_default().iter().all(|byte| percent::is_octet(*byte));
    (is_token(key) && fits).then_some((key, value))
}

/// `token` of RFC 9110, §5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_char)
}

/// Properties, split by semicolons: `key OWS "=" OWS value`, or `key`.
pub(crate) fn is_metadata(text: &[u8]) -> bool {
    text.split(|byte| *byte == b';').all(|property| pair_of(property).is_some())
}
