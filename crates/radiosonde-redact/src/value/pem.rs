//! Private keys as PEM blocks.

use std::ops::Range;

use super::reader::Reader;

/// Longest label between the dashes.
const LABEL_MAX: usize = 64;
/// Where the key must begin, counted from the line that announces it.
const HEADERS_MAX: usize = 512;
/// The line that ends a key is looked for this far.
const BODY_MAX: usize = 64 * 1024;
/// Characters that make a body one.
const BODY_MIN: usize = 24;

/// What stands between the first and the last line of a private key that is announced at `start`;
/// to the end of the text, when the last line was cut off.
pub(crate) fn body(reader: &mut Reader<'_>, start: usize) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let text = reader.text();
    reader.count(BEGIN.len());
    let rest = text.get(start..)?.strip_prefix(BEGIN)?;
    let label = rest.iter().take(LABEL_MAX).position(|byte| *byte == b'-')?;
    reader.count(label);
    let name = rest.get(..label)?;
    let private = name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK");
    let body = rest.get(label..)?.strip_prefix(b"-----")?;
    if !private || !has_key(reader, body) {
        return None;
    }
    let from = text.len() - body.len();
    let end = dashes(&body[..body.len().min(BODY_MAX)], b"-----END");
    reader.count(end.unwrap_or(body.len()));
    Some(from..end.map_or(text.len(), |end| from + end))
}

/// Whether Base64 follows, and not a sentence. What is announced next has its own.
fn has_key(reader: &mut Reader<'_>, body: &[u8]) -> bool {
    let body = &body[..body.len().min(HEADERS_MAX)];
    let body = &body[..dashes(body, b"-----BEGIN").unwrap_or(body.len())];
    reader.count(2 * body.len());
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    body.split(|byte| !is_digit(byte)).any(|run| run.len() >= BODY_MIN)
}

fn dashes(text: &[u8], line: &[u8]) -> Option<usize> {
    text.windows(line.len()).position(|window| window == line)
}
