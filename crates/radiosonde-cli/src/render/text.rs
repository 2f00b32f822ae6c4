//! Text from lines, which may hold anything: cleaned, measured, and cut to what is read.

use std::borrow::Cow;

use radiosonde_events::clean_for_terminal as clean;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// Text of a line: [`clean`], and cut where nobody reads on. `-o json` has all of it.
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

/// A text whose numbers and ids are `#`, so that what one call site wrote is the same text. Cut to what
/// tells it from others.
pub(crate) fn pattern(text: &str, out: &mut String) {
    let end = out.len() + PATTERN_BYTES_MAX;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        // `job-12`, `0xff`, `7f3a91`; a name with a digit in it loses it, which harms nobody.
        let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
        let word = if has_digit { "#" } else { word };
        if out.len() + word.len() > end {
            out.push_str(start_of(word, end.saturating_sub(out.len())));
            out.push('…');
            return;
        }
        out.push_str(word);
        rest = after;
    }
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

/// A clean text without colours in so many columns: what is longer has `…` in its middle, as names
/// differ at their ends as often as at their beginnings.
pub(crate) fn fit_middle(text: &str, columns_max: usize) -> Cow<'_, str> {
    if columns(text) <= columns_max {
        return Cow::Borrowed(text);
    }
    let all: Vec<&str> = units(text).collect();
    let room = columns_max.saturating_sub(1);
    let fits = |units: &mut dyn Iterator<Item = &&str>, mut room: usize| {
        let has_room = |unit: &&str| {
            let left = room.checked_sub(width(unit));
            room = left.unwrap_or(0);
            left.is_some()
        };
        units.copied().take_while(has_room).count()
    };
    let mut end = fits(&mut all.iter().rev(), room / 2);
    // What stands over a character that is left out.
    while end > 0 && width(all[all.len() - end]) == 0 {
        end -= 1;
    }
    let begin = fits(&mut all.iter(), room.div_ceil(2)).min(all.len() - end);
    let (begin, end) = (all[..begin].concat(), all[all.len() - end..].concat());
    Cow::Owned(format!("{begin}…{end}"))
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

/// What ends each of our colours.
const PAINT_END: &str = "\x1b[0m";

/// The most of one text or value that is printed for people, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// Of what one call site writes.
const PATTERN_BYTES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_call_site_are_one_pattern() {
        for (text, expect) in [
            ("429 Rate limit, retrying", "# Rate limit, retrying"),
            ("job-17 took 3.5 s", "job-# took #.# s"),
            ("GET /users/8f3a-11/rows", "GET /users/#-#/rows"),
            ("plain", "plain"),
            ("", ""),
            ("é1 ü", "# ü"),
        ] {
            let mut out = "before".to_owned();
            pattern(text, &mut out);
            assert_eq!(out, format!("before{expect}"));
        }
        let mut out = String::new();
        pattern(&"é".repeat(10_000), &mut out);
        assert!(out.len() <= PATTERN_BYTES_MAX + '…'.len_utf8(), "{out}");
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
    fn a_name_keeps_both_ends() {
        for (text, columns_max, expect) in [
            ("fits", 4, "fits"),
            ("GET /api/v1/orders/{id}", 13, "GET /a…s/{id}"),
            ("GET /api/v1/orders/{id}", 12, "GET /a…/{id}"),
            ("日本語日本語", 7, "日…語"),
            ("ab\\u{1b}cd", 9, "ab…cd"),
            ("e\u{301}e\u{301}e\u{301}e", 3, "e\u{301}…e"),
            ("abc", 1, "…"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(fit_middle(text, columns_max), expect, "{text} in {columns_max}");
        }
    }

    #[test]
    fn endless_text_is_cut_between_characters() {
        let text = shown(&"é".repeat(10_000));
        assert!(text.len() < 5_000 && text.ends_with("… (+15904 bytes)"), "{}", text.len());
    }
}
