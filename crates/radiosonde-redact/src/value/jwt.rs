//! JSON web tokens, signed (three parts) and encrypted (five).

use super::reader::{Reader, Token};
use super::text::{Alphabet, decode_base64};

/// Longest header that is looked at.
const HEADER_MAX: usize = 2 * 1024;
/// Beginnings that are decoded in one run of characters: a header has one, and what hangs before it
/// has few.
const ATTEMPTS_MAX: usize = 4;

/// Where the token ends that begins at `start`, where a word can begin, with `eyJ`.
pub(crate) fn end_of_token(reader: &mut Reader<'_>, start: usize) -> Option<usize> {
    if !reader.text().get(start..)?.starts_with(b"eyJ") {
        return None;
    }
    let header_end = reader.end_of_run(start, Alphabet::UrlSafe);
    if reader.token.header_end != header_end {
        reader.token = rest_of_token(reader, header_end);
    }
    let Token { parts, end, ref mut attempts, .. } = reader.token;
    let header = start..header_end;
    if parts < 3 || end - start < super::prefilter::RUN || header.len() > HEADER_MAX {
        return None;
    }
    *attempts += 1;
    if *attempts > ATTEMPTS_MAX {
        return None;
    }
    reader.count(header.len());
    is_header(&reader.text()[header]).then_some(end)
}

/// The parts behind a header. Each is read for the four headers before it at most.
fn rest_of_token(reader: &mut Reader<'_>, header_end: usize) -> Token {
    let text = reader.text();
    let (mut at, mut parts) = (header_end, 1);
    while parts < 5 && text.get(at) == Some(&b'.') {
        let part = reader.read(at + 1, |byte| Alphabet::UrlSafe.has(byte)).len();
        // The last part of an unsigned one is empty, and so is the key of some encrypted ones.
        if parts == 1 && part < 2 && text.get(at + 1) != Some(&b'.') {
            break;
        }
        at += 1 + part;
        parts += 1;
    }
    Token { header_end, parts, end: at, attempts: 0 }
}

/// Whether this is a JSON object that names an algorithm.
fn is_header(part: &[u8]) -> bool {
    let json = decode_base64(part)
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    json.is_some_and(|json| json.get("alg").is_some())
}
