//! Private keys as PEM blocks.

use std::ops::Range;

use super::reader::Reader;

/// Longest label between the dashes.
const LABEL_MAX: usize = 64;
/// What stands between its words, also in forms and URLs.
const SPACES: [&str; 3] = [" ", "+", "%20"];
/// Headers before the key, at most.
const HEADERS_MAX: usize = 4096;
/// Where the key must begin, counted from the last header.
const KEY_MAX: usize = 512;
/// The line that ends a key is looked for this far.
const BODY_MAX: usize = 64 * 1024;
/// Characters in one piece that make a body one, and of each of two lines.
const KEY_MIN: usize = 24;
const LINE_MIN: usize = 16;

/// What stands between the first and the last line of a private key that is announced at `start`;
/// to the end of the text, when the last line was cut off.
pub(crate) fn body(reader: &mut Reader<'_>, start: usize) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN";
    let text = reader.text();
    reader.count(BEGIN.len());
    let rest = text.get(start..)?.strip_prefix(BEGIN)?;
    let label = rest.iter().take(LABEL_MAX).position(|byte| *byte == b'-')?;
    reader.count(2 * label);
    let name = rest.get(..label)?;
    let private = SPACES.iter().any(|space| {
        let mut words = str::from_utf8(name).unwrap_or_default().rsplit(space);
        let last = words.next();
        let last = if last == Some("BLOCK") { words.next() } else { last };
        last == Some("KEY") && words.next() == Some("PRIVATE") && words.next().is_some()
    });
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
    let body = &body[..body.len().min(HEADERS_MAX + KEY_MAX)];
    let body = &body[..dashes(body, b"-----BEGIN").unwrap_or(body.len())];
    reader.count(5 * body.len());
    let body = behind_headers(body);
    let body = &body[..body.len().min(KEY_MAX)];
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut before = 0;
    for run in body.split(|byte| !is_digit(byte)).map(<[u8]>::len).filter(|length| *length > 0) {
        if run >= KEY_MIN || run >= LINE_MIN && before >= LINE_MIN {
            return true;
        }
        before = run;
    }
    false
}

/// The body without lines such as `Proc-Type: 4,ENCRYPTED`.
fn behind_headers(mut body: &[u8]) -> &[u8] {
    loop {
        let line = behind_breaks(body);
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
        let length = line.iter().take(LABEL_MAX).take_while(is_name).count();
        if length == 0 || line.get(length) != Some(&b':') {
            return body;
        }
        let ends = |pair: &[u8]| pair[0] == b'\n' || pair == b"\\n";
        let Some(end) = line.windows(2).position(ends) else { return &[] };
        body = &line[end..];
    }
}

/// Behind ends of lines, which may be escaped.
fn behind_breaks(mut body: &[u8]) -> &[u8] {
    loop {
        body = match body {
            [b' ' | b'\n' | b'\r', rest @ ..] | [b'\\', b'n' | b'r', rest @ ..] => rest,
            _ => return body,
        };
    }
}

fn dashes(text: &[u8], line: &[u8]) -> Option<usize> {
    text.windows(line.len()).position(|window| window == line)
}
