//! Lines that a parser refuses for a single value: a number beyond all it knows, or one of another type
//! than its field has. Such a value is taken for a text, as it is written.

use std::ops::Range;

use serde::de::IgnoredAny;

/// The same line with these values in quotes. `None` where there are none: it is wrong in another way.
pub(super) fn quoted(text: &str) -> Option<String> {
    let mut quoted = Quoted { text, out: String::new(), copied: 0 };
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at)?;
                let key = &text[at + 1..end - 1];
                let colon = behind_blanks(bytes, end);
                at = end;
                if depth == 1 && bytes.get(colon) == Some(&b':') && TEXTS.contains(&key) {
                    at = behind_blanks(bytes, colon + 1);
                    if let Some(end) = end_of_other(text, at)? {
                        quoted.add(at..end);
                        at = end;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                let end = end_of_word(bytes, at);
                // A number is no key, with or without quotes.
                let is_key = bytes.get(behind_blanks(bytes, end)) == Some(&b':');
                if !is_key && is_beyond(&text[at..end]) {
                    quoted.add(at..end);
                }
                at = end;
            }
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth.checked_sub(1)?),
            _ => at += 1,
        }
    }
    (quoted.copied > 0).then(|| quoted.out + &text[quoted.copied..])
}

/// A line whose values are put in quotes, one after the other.
struct Quoted<'a> {
    text: &'a str,
    out: String,
    /// Up to where it is in `out`.
    copied: usize,
}

impl Quoted<'_> {
    fn add(&mut self, value: Range<usize>) {
        self.out.push_str(&self.text[self.copied..value.start]);
        self.out.push_str(&serde_json::Value::from(&self.text[value.clone()]).to_string());
        self.copied = value.end;
    }
}

/// The end of the value that begins there, if it is neither a text nor nothing. The outer `None`: it is
/// no value.
fn end_of_other(text: &str, start: usize) -> Option<Option<usize>> {
    let bytes = text.as_bytes();
    let end = match bytes.get(start)? {
        b'"' | b'n' => return Some(None),
        b'{' | b'[' => {
            let (mut at, mut depth) = (start, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => at = end_of_string(bytes, at)? - 1,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break at;
                }
            }
        }
        _ => end_of_word(bytes, start),
    };
    serde_json::from_str::<IgnoredAny>(&text[start..end]).ok().map(|_| Some(end))
}

/// Whether it is a number of JSON that no `f64` is.
fn is_beyond(word: &str) -> bool {
    word.parse::<f64>().is_ok_and(f64::is_infinite)
        && serde_json::from_str::<IgnoredAny>(word).is_ok()
}

fn behind_blanks(bytes: &[u8], at: usize) -> usize {
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
    at + bytes[at..].iter().take_while(is_blank).count()
}

fn end_of_word(bytes: &[u8], at: usize) -> usize {
    let is_inner = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    at + bytes[at..].iter().take_while(is_inner).count()
}

/// The place behind the quote that ends a string which begins there.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// The fields of a line that are texts.
const TEXTS: [&str; 11] = [
    "evt",
    "source",
    "msg",
    "service",
    "trace_id",
    "span_id",
    "job_id",
    "machine_id",
    "worker_id",
    "session_id",
    "id",
];
