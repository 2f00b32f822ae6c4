//! JSON with texts in it that stand for what JSON has no form for: bytes, and three numbers.
//!
//! Lists and maps of OpenTelemetry are JSON in a record, and bytes and NaN in them are texts in its line.
//! Over OTLP they are what they were. So a text that begins with U+0000 says by its second character what
//! the rest of it is:
//! ```text
//! b  bytes, as base64
//! d  a number: NaN, +Inf or -Inf
//! t  a text that begins with U+0000 itself
//! ```
//! JSON of which no text is marked is a [`Value::Json`](crate::Value::Json). Names are never marked. Not
//! for users.

use std::borrow::Cow;

use crate::base64;

/// What all marks begin with.
pub const MARK: char = '\0';
/// The same inside of JSON, where it is written so and not otherwise.
const WRITTEN: &str = "\\u0000";

/// What a text in marked JSON stands for.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "not for users")]
pub enum Marked<'a> {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number that JSON does not have.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl Marked<'_> {
    /// What rules for texts are asked about: bytes as far as they are text, too.
    pub fn into_text(self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.to_owned(),
        }
    }
}

/// The text that stands for bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    format!("{MARK}b{}", base64::encoded(bytes))
}

/// The text that stands for a number that JSON does not have; `None` for those it has.
pub fn of_number(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_finite() => None,
        _ if number.is_nan() => Some("\0dNaN"),
        _ if number > 0.0 => Some("\0d+Inf"),
        _ => Some("\0d-Inf"),
    }
}

/// The text that stands for a text: itself, unless that would be taken for a mark.
pub fn of_text(text: &str) -> Cow<'_, str> {
    if text.starts_with(MARK) { format!("{MARK}t{text}").into() } else { text.into() }
}

/// What a text stands for. One with a mark that is none of ours stands for itself.
pub fn read(text: &str) -> Marked<'_> {
    let Some(marked) = text.strip_prefix(MARK) else { return Marked::Text(text) };
    let bytes = |digits: &str| base64::decoded(digits.as_bytes()).map(Marked::Bytes);
    let number = |name| match name {
        "NaN" => Some(Marked::Number(f64::NAN)),
        "+Inf" => Some(Marked::Number(f64::INFINITY)),
        "-Inf" => Some(Marked::Number(f64::NEG_INFINITY)),
        _ => None,
    };
    let read = match marked.split_at_checked(1) {
        Some(("b", rest)) => bytes(rest),
        Some(("d", rest)) => number(rest),
        Some(("t", rest)) => Some(Marked::Text(rest)),
        _ => None,
    };
    read.unwrap_or(Marked::Text(text))
}

/// The length of the mark of a text that is written in JSON, from behind its quote, and which one it is.
pub fn mark_of(written: &str) -> Option<(usize, u8)> {
    let kind = *written.strip_prefix(WRITTEN)?.as_bytes().first()?;
    matches!(kind, b'b' | b'd' | b't').then_some((WRITTEN.len() + 1, kind))
}

/// The JSON as a line shows it: without marks.
pub fn shown(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        let (before, text) = rest.split_at(quote + 1);
        let end = end_of_text(text);
        let is_name = text.get(end + 1..).is_some_and(|after| after.trim_start().starts_with(':'));
        let mark = mark_of(&text[..end]).filter(|_| !is_name).map_or(0, |(length, _)| length);
        out.push_str(before);
        out.push_str(&text[mark..end]);
        out.push_str(&text[end..(end + 1).min(text.len())]);
        rest = text.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Where the quote is that ends a text.
fn end_of_text(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_marked_reads_back() {
        for bytes in [&[][..], b"plain", &[0, 0xff, 0x80]] {
            assert_eq!(read(&of_bytes(bytes)), Marked::Bytes(bytes.to_vec()));
        }
        for number in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(of_number(number).map(read), Some(Marked::Number(number)));
        }
        let nan = of_number(f64::NAN).map(read);
        assert!(matches!(nan, Some(Marked::Number(number)) if number.is_nan()));
        assert_eq!(of_number(-0.0), None);
        for text in ["", "\0", "\0bAAAA", "\0t", "größe"] {
            assert_eq!(read(&of_text(text)), Marked::Text(text));
        }
        for foreign in ["\0", "\0x", "\0b?", "\0d1", "\0é"] {
            assert_eq!(read(foreign), Marked::Text(foreign));
        }
    }

    #[test]
    fn a_line_shows_no_marks() {
        for (json, expected) in [
            (r#"["\u0000bAAH/","\u0000dNaN",1]"#, r#"["AAH/","NaN",1]"#),
            (r#"{"\u0000bAAAA" : "\u0000t\u0000x"}"#, r#"{"\u0000bAAAA" : "\u0000x"}"#),
            // A quote before it, a text before it, and another mark.
            (
                r#"["\"\u0000b","a\\","\u0000z","\\u0000b"]"#,
                r#"["\"\u0000b","a\\","\u0000z","\\u0000b"]"#,
            ),
            // No JSON.
            (r#"["\u0000b"#, r#"[""#),
            ("[\"\\", "[\"\\"),
            ("\"é", "\"é"),
        ] {
            assert_eq!(shown(json), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_walked_to_its_end(text in "[\"\\\\u0bdtéa:\\[ ]{0,40}") {
            prop_assert!(shown(&text).len() <= text.len());
        }
    }
}
