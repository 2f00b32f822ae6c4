//! Text on its way to a terminal: made safe, measured, and parted.
//!
//! A record may hold anything a program was sent: escapes that clear the screen or rename its
//! window, line breaks that forge a line, characters that turn the reading direction. All of them
//! are shown as what they are.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// `text` with every character that acts on a terminal written as `\u{1b}`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if is_printable_ascii(text) || !text.chars().any(acts) {
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

/// A line of JSON that does not act on a terminal, and still is the same JSON: what is left to
/// escape stands inside strings. Line feeds and tabs stay.
pub(crate) fn clean_json(lines: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| !matches!(c, '\n' | '\t') && acts(c);
    if lines.split('\n').all(is_printable_ascii) || !lines.chars().any(is_unsafe) {
        return Cow::Borrowed(lines);
    }
    let mut cleaned = String::with_capacity(lines.len() + 16);
    for c in lines.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(cleaned, "\\u{unit:04x}");
            }
        } else {
            cleaned.push(c);
        }
    }
    Cow::Owned(cleaned)
}

/// Columns that [`clean`] text takes. Never fewer than a terminal takes; more where characters join
/// to one.
pub(crate) fn columns(text: &str) -> usize {
    if is_printable_ascii(text) {
        return text.len();
    }
    text.chars().map(columns_of).sum()
}

/// The front of a text that fits into so many columns once it is clean, and the rest.
pub(crate) fn split_at_columns(text: &str, columns_max: usize) -> (&str, &str) {
    if is_printable_ascii(text) {
        return text.split_at(text.len().min(columns_max));
    }
    let mut left = columns_max;
    for (at, c) in text.char_indices() {
        match left.checked_sub(columns_of(c)) {
            Some(less) => left = less,
            None => return text.split_at(at),
        }
    }
    (text, "")
}

/// `1,204`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Whether each byte is a character of one column that does nothing: as nearly all text is, and
/// then it is quickly measured.
fn is_printable_ascii(text: &str) -> bool {
    // Without an early end it becomes a few vector instructions.
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

fn columns_of(c: char) -> usize {
    match c {
        '\n' | '\r' | '\t' => 2,
        // `\u{1b}`
        c if acts(c) => c.escape_unicode().len(),
        // They turn the character before them into a picture, which is wider.
        '\u{fe00}'..='\u{fe0f}' => 1,
        c => c.width().unwrap_or(1),
    }
}

/// Control characters, and those that reorder or hide what stands around them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        for (text, expect) in [
            ("plain é 🎈", "plain é 🎈"),
            ("\x1b[2J\x1b]0;owned\x07", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\0\u{7f}\u{9b}", "\\u{0}\\u{7f}\\u{9b}"),
            ("a\u{202e}b\u{2066}c\u{61c}", "a\\u{202e}b\\u{2066}c\\u{61c}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(clean(text), expect);
            assert_eq!(columns(text), expect.width(), "{expect}");
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let raw = "{\"msg\":\"\u{9b}2J\u{202e}\u{e0041}\u{7f}\"}\n{\"msg\":\"é\"}\n";
        let safe = clean_json(raw);
        let expect = "{\"msg\":\"\\u009b2J\\u202e\\udb40\\udc41\\u007f\"}\n{\"msg\":\"é\"}\n";
        assert_eq!(safe, expect);
        for (raw, safe) in raw.lines().zip(safe.lines()) {
            let read = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
            assert_eq!(read(raw), read(safe));
        }
    }

    #[test]
    fn text_is_parted_between_characters_by_their_width() {
        for (text, columns_max, front) in [
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("日本語", 5, "日本"),
            ("日本語", 4, "日本"),
            ("🎈🎈", 3, "🎈"),
            ("e\u{301}e", 1, "e\u{301}"),
            ("a\x1b[", 6, "a"),
            ("a\x1b[", 7, "a\x1b"),
            ("x", 0, ""),
        ] {
            let (before, after) = split_at_columns(text, columns_max);
            assert_eq!((before, before.len() + after.len()), (front, text.len()), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, expect) in [
            (0, "0"),
            (999, "999"),
            (1_204, "1,204"),
            (123_456, "123,456"),
            (9_000_000, "9,000,000"),
        ] {
            assert_eq!(grouped(number), expect);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_never_wider_than_counted(text in "\\PC{0,40}", more in proptest::prelude::any::<String>()) {
            for text in [text, more] {
                let clean = clean(&text);
                proptest::prop_assert!(clean.width() <= columns(&text), "{clean:?}");
                proptest::prop_assert!(!clean.chars().any(acts));
            }
        }
    }
}
