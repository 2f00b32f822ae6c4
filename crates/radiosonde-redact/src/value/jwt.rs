//! JSON web tokens, signed (three parts) and encrypted (five).

use super::text::{Alphabet, CHAINED_MAX, decode_base64, is_in_chain, run_length};

/// Longest header that is looked at.
const HEADER_MAX: usize = 2 * 1024;

/// Where the token ends that begins at `start`, where a word can begin, with `eyJ`.
pub(crate) fn end_of_token(text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    if !rest.starts_with(b"eyJ") {
        return None;
    }
    let most = if is_in_chain(text, start) { CHAINED_MAX } else { HEADER_MAX };
    let header = run_length(rest, Alphabet::UrlSafe, most);
    let mut at = header;
    let mut parts = 1;
    while parts < 5 && rest.get(at) == Some(&b'.') {
        let part = run_length(&rest[at + 1..], Alphabet::UrlSafe, usize::MAX);
        // The last part of an unsigned one is empty, and so is the key of some encrypted ones.
        if parts == 1 && part < 2 && rest.get(at + 1) != Some(&b'.') {
            return None;
        }
        at += 1 + part;
        parts += 1;
    }
    let whole = parts >= 3 && at >= super::prefilter::RUN && is_header(&rest[..header]);
    whole.then_some(start + at)
}

/// Whether this is a JSON object that names an algorithm.
fn is_header(part: &[u8]) -> bool {
    let json = decode_base64(part)
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    json.is_some_and(|json| json.get("alg").is_some())
}
