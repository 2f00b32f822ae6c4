//! Text from lines, made safe to print.
//!
//! A line may hold anything a program was sent: terminal escapes that clear the screen or rename
//! the window, line breaks that forge a second line, characters that turn the reading direction.
//! All of them are shown as what they are.

use std::borrow::Cow;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

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

/// `1 span`, `2 spans`.
pub(crate) fn many(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
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

/// Columns a clean text takes, painted or not.
pub(crate) fn columns(text: &str) -> usize {
    units(text).map(width).sum()
}

/// A clean text, painted or not, in so many columns: what is longer ends with `…`.
pub(crate) fn fit(text: &str, columns_max: usize) -> Cow<'_, str> {
    if columns(text) <= columns_max {
        return Cow::Borrowed(text);
    }
    let mut fitted = String::with_capacity(text.len());
    let mut room = columns_max.saturating_sub(1);
    let mut painted = false;
    for unit in units(text) {
        if unit.starts_with('\x1b') {
            painted = unit != PAINT_END;
        }
        let Some(left) = room.checked_sub(width(unit)) else { break };
        room = left;
        fitted.push_str(unit);
    }
    fitted.push('…');
    if painted {
        fitted.push_str(PAINT_END);
    }
    Cow::Owned(fitted)
}

/// What must not be parted: our own colours, escapes as [`clean`] writes them, characters.
fn units(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '\x1b' => rest.find('m').map(|end| end + 1),
            '\\' if rest.starts_with("\\u{") => rest.find('}').map(|end| end + 1),
            '\\' => rest.chars().nth(1).map(|second| 1 + second.len_utf8()),
            _ => None,
        };
        let (unit, after) = rest.split_at(end.unwrap_or(first.len_utf8()));
        rest = after;
        Some(unit)
    })
}

fn width(unit: &str) -> usize {
    if unit.starts_with('\x1b') { 0 } else { unit.width() }
}

/// Control characters, and those that reorder or hide what stands around them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What ends each of our colours.
const PAINT_END: &str = "\x1b[0m";

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
    fn a_line_is_cut_at_the_edge_and_nowhere_in_the_middle_of_something() {
        let bad = |text: &str| format!("\x1b[1m\x1b[31m{text}\x1b[0m");
        for (text, columns_max, expect) in [
            ("fits", 4, "fits"),
            ("too long", 4, "too…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e", 2, "e\u{301}…"),
            ("ab\\u{1b}cd", 6, "ab…"),
            ("ab\\u{1b}cd", 9, "ab\\u{1b}…"),
            ("ab\\ncd", 4, "ab…"),
            ("ab\\u{1b", 6, "ab\\u{…"),
            ("\\", 1, "\\"),
            ("", 0, ""),
            ("x", 0, "…"),
            (&bad("error"), 5, &bad("error")),
            (&bad("errors"), 5, &bad("erro…")),
            (&format!("{}plain", bad("er")), 5, &format!("{}pl…", bad("er"))),
        ] {
            assert_eq!(fit(text, columns_max), expect, "{text} in {columns_max}");
        }
    }

    #[test]
    fn endless_text_is_cut_between_characters() {
        let text = shown(&"é".repeat(10_000));
        assert!(text.len() < 5_000 && text.ends_with("… (+15904 bytes)"), "{}", text.len());
    }
}
