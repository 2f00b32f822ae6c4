//! Text from lines, made safe to print.
//!
//! A line may hold anything a program was sent: terminal escapes that clear the screen or rename
//! the window, line breaks that forge a second line, characters that turn the reading direction.
//! All of them are shown as what they are.

use std::borrow::Cow;

use serde_json::Value;

/// `text` with every character that does something to a terminal written as `\u{1b}`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => cleaned.push_str("\\n"),
            '\r' => cleaned.push_str("\\r"),
            '\t' => cleaned.push_str("\\t"),
            c if acts(c) => cleaned.extend(c.escape_unicode()),
            c => cleaned.push(c),
        }
    }
    Cow::Owned(cleaned)
}

/// Text of a line: clean, and cut where nobody reads on. `-o json` has all of it.
pub(crate) fn shown(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return clean(text).into_owned();
    }
    let end = start_of(text, TEXT_BYTES_MAX).len();
    format!("{}… (+{} bytes)", clean(&text[..end]), text.len() - end)
}

/// At most the first `bytes` of a text, in whole characters.
pub(crate) fn start_of(text: &str, bytes: usize) -> &str {
    // `str::floor_char_boundary` is younger than our oldest compiler.
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A value as a field's right side: bare where that is clear, quoted where it is not.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let bare = !text.is_empty() && !text.contains([' ', '"', '=']);
            let text = shown(text);
            if bare { text } else { format!("\"{}\"", text.replace('"', "\\\"")) }
        }
        other => shown(&other.to_string()),
    }
}

/// The same for a place in a timeline, where a long value would bury what stands around it.
pub(crate) fn brief_value(whole: &Value) -> String {
    let text = value(whole);
    match text.char_indices().nth(BRIEF_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A JSON line that cannot act on a terminal and still is the same JSON: what is left to escape
/// stands in strings only.
pub(crate) fn json_for_terminal(raw: &str) -> Cow<'_, str> {
    if !raw.chars().any(acts) {
        return Cow::Borrowed(raw);
    }
    let mut safe = String::with_capacity(raw.len() + 16);
    for c in raw.chars() {
        if acts(c) && c != '\t' {
            // All of them are below U+10000.
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Columns a text takes, counting every character as one.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Control characters, and those that reorder or hide what stands around them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The most of one value that is printed in a timeline, in characters.
const BRIEF_CHARS_MAX: usize = 60;

/// The most of one text or value that is printed for people, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_line_acts_on_the_terminal() {
        for (text, expect) in [
            ("plain é 🎈", "plain é 🎈"),
            ("\x1b[2J\x1b]0;owned\x07", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\0\u{7f}\u{9b}", "\\u{0}\\u{7f}\\u{9b}"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
        ] {
            assert_eq!(clean(text), expect);
        }
        let raw = "{\"msg\":\"\u{9b}2J\u{202e}\"}";
        let safe = json_for_terminal(raw);
        assert_eq!(safe, "{\"msg\":\"\\u009b2J\\u202e\"}");
        let (a, b): (Value, Value) =
            (serde_json::from_str(raw).unwrap(), serde_json::from_str(&safe).unwrap());
        assert_eq!(a, b);
    }

    #[test]
    fn values_are_quoted_where_they_would_be_misread() {
        for (json, expect) in [
            ("429", "429"),
            ("1.5", "1.5"),
            ("null", "null"),
            ("\"acme\"", "acme"),
            ("\"\"", "\"\""),
            ("\"a b\"", "\"a b\""),
            ("\"a=\\\"b\\\"\"", "\"a=\\\"b\\\"\""),
            ("[1,{\"a\":\"\\u001b\"}]", "[1,{\"a\":\"\\u001b\"}]"),
        ] {
            assert_eq!(value(&serde_json::from_str(json).unwrap()), expect);
        }
    }

    #[test]
    fn endless_text_is_cut_between_characters() {
        let text = shown(&"é".repeat(10_000));
        assert!(text.len() < 5_000 && text.ends_with("… (+15904 bytes)"), "{}", text.len());
    }
}
