//! A condition from its text.

use super::duration::{Duration, unit_of};
use super::number::Number;
use super::{
    Condition, InvalidCondition, Key, Literal, Order, Own, TRACE, Test, is_in_order, is_plain, size,
};
use crate::query::trace_prefix;

pub(super) fn parse(text: &str) -> Result<Condition, InvalidCondition> {
    let wrong = |at: usize, reason: String| InvalidCondition { text: text.to_owned(), at, reason };
    if text.len() > TEXT_BYTES_MAX {
        return Err(wrong(0, format!("a condition has at most {TEXT_BYTES_MAX} bytes")));
    }
    let start = text.len() - text.trim_start().len();
    if let Some((key, negated)) = presence(text, start).map_err(|(at, told)| wrong(at, told))? {
        return Ok(Condition { text: text.to_owned(), key, test: Test::Exists, negated });
    }
    let (key, end) = key_at(text, start).map_err(|(at, reason)| wrong(at, reason))?;
    let rest = &text[end..];
    let blanks = rest.len() - rest.trim_start().len();
    let at = end + blanks;
    let Some((sign, operator)) = SIGNS.iter().find(|(sign, _)| text[at..].starts_with(sign)) else {
        // Between two words, where neither has one.
        let gap = text[start..end].find(' ').filter(|_| at == text.len());
        let at = gap.map_or(at, |gap| start + gap);
        return Err(wrong(at, no_operator(&text[at..])));
    };
    if *sign == "=" && text[at + 1..].starts_with('~') {
        return Err(wrong(at, "write ~= for a regular expression".to_owned()));
    }
    if *sign == "=" && text[at + 1..].starts_with(['<', '>']) {
        return Err(wrong(at, "write <= or >=; a text that begins so stands in quotes".to_owned()));
    }
    let behind = &text[at + sign.len()..];
    let from = at + sign.len() + (behind.len() - behind.trim_start().len());
    let value = text[from..].trim_end();
    let literal = || {
        one_alone(value).map_err(|(at, reason)| wrong(from + at, reason))?;
        literal(&key, value).map_err(|reason| wrong(from, reason))
    };
    let (test, negated) = match operator {
        Operator::Equal => (Test::Equal(literal()?), false),
        Operator::Unequal => (Test::Equal(literal()?), true),
        Operator::Ordered(order) => {
            if value.is_empty() {
                return Err(wrong(from, format!("a value is missing behind `{sign}`")));
            }
            let literal = literal()?;
            let is_infinite = value.parse::<f64>().is_ok_and(f64::is_infinite);
            if is_infinite && value.ends_with(|c: char| c.is_ascii_digit()) {
                return Err(wrong(from, "no number is as large".to_owned()));
            }
            if !literal.quoted && !literal.has_amount() && !is_in_order(value) {
                return Err(wrong(from, no_amount(&text[start..end], sign, value)));
            }
            (Test::Ordered(*order, literal), false)
        }
        Operator::Fits | Operator::FitsNot if is_between(value, '"') || is_between(value, '\'') => {
            return Err(wrong(from, QUOTED_REGEX.to_owned()));
        }
        Operator::Fits => (regex(value).map_err(|reason| wrong(from, reason))?, false),
        Operator::FitsNot => (regex(value).map_err(|reason| wrong(from, reason))?, true),
    };
    Ok(Condition { text: text.to_owned(), key, test, negated })
}

/// The key a name means.
pub(super) fn key_of(name: &str) -> Key {
    let own = Own::ALL.into_iter().find(|own| own.name() == name);
    match (own, name.strip_prefix("meta.")) {
        (Some(own), _) => Key::Of(own),
        (None, Some(field)) if !field.is_empty() => Key::Meta(field.to_owned()),
        (None, _) => Key::Any(name.to_owned()),
    }
}

/// The key of a condition that asks for a value, whatever it is, and whether it asks for none. `None` for one that
/// asks something else.
fn presence(text: &str, start: usize) -> Result<Option<(Key, bool)>, (usize, String)> {
    let body = text.trim_end();
    let Some(asked) = body.get(start..).and_then(|body| body.strip_suffix('?')) else {
        return Ok(None);
    };
    let (asked, negated) = match asked.strip_prefix('!') {
        Some(asked) => (asked.trim_start(), true),
        None => (asked, false),
    };
    let at = body.len() - 1 - asked.len();
    if asked.starts_with('"') {
        let (key, end) = quoted_key(text, at)?;
        let is_all = text[end..body.len() - 1].trim().is_empty();
        return Ok(is_all.then_some((key, negated)));
    }
    if asked.contains(OPERATORS) {
        return Ok(None);
    }
    match asked.trim_end() {
        "" => Err((start, "a key is missing before `?`".to_owned())),
        name if name.ends_with('?') => {
            let at = at + name.len() - 1;
            Err((at, "one `?` is enough; a key that ends with one stands in quotes".to_owned()))
        }
        name => Ok(Some((key_of(name), negated))),
    }
}

/// Whether a key needs no quotes around it.
pub(super) fn is_bare(name: &str) -> bool {
    let is_parted = name.is_empty() || name.trim() != name || name.contains(OPERATORS);
    !is_parted && !name.starts_with('"') && !name.ends_with('?')
}

/// The key of a condition, and where it ends.
fn key_at(text: &str, start: usize) -> Result<(Key, usize), (usize, String)> {
    let rest = &text[start..];
    if rest.starts_with('"') {
        return quoted_key(text, start);
    }
    let end = rest.find(OPERATORS).unwrap_or(rest.len());
    let name = rest[..end].trim_end();
    if name.is_empty() {
        return Err((start, "a key is missing".to_owned()));
    }
    Ok((key_of(name), start + name.len()))
}

/// A key in quotes that begins here, and where it ends.
fn quoted_key(text: &str, start: usize) -> Result<(Key, usize), (usize, String)> {
    let rest = &text[start..];
    let Some(end) = quoted(rest) else {
        return Err((start, "the quote is not closed".to_owned()));
    };
    let name: String = serde_json::from_str(&rest[..end])
        .map_err(|_| (start, "in quotes, a key is a text of JSON".to_owned()))?;
    Ok((key_of(&name), start + end))
}

/// Where a text of JSON ends that begins here.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_between(text: &str, quote: char) -> bool {
    text.len() > 1 && text.starts_with(quote) && text.ends_with(quote)
}

fn no_operator(rest: &str) -> String {
    match rest.chars().next() {
        Some('!' | '~') => "no operator begins like this: there are = != ~= !~= < <= > >=",
        _ => "an operator is missing: = != ~= !~= < <= > >= or `?` at the end",
    }
    .to_owned()
}

fn literal(key: &Key, value: &str) -> Result<Literal, String> {
    if value.starts_with('"') {
        let text = serde_json::from_str(value).map_err(|_| {
            "in quotes, a value is a text of JSON, and nothing follows it".to_owned()
        })?;
        return with_kind(key, Literal { text, quoted: true, ..Literal::default() });
    }
    if is_between(value, '\'') {
        return Err("a text stands in double quotes, and one in single quotes as well: \"'...'\""
            .to_owned());
    }
    let (unit, is_size) = match key {
        Key::Meta(name) | Key::Any(name) => (unit_of(name), size::is_of(name)),
        Key::Of(_) => (None, false),
    };
    let number = Number::parse(value);
    let duration = match (number, unit) {
        (Some(_), Some(unit)) => Duration::parse_in(value, unit),
        _ => Duration::parse(value),
    };
    let number = number
        .or_else(|| duration?.in_units(unit?))
        .or_else(|| size::parse(value).filter(|_| is_size));
    with_kind(key, Literal { text: value.to_owned(), number, duration, ..Literal::default() })
}

/// Refuses several conditions in one, which nothing would fit.
fn one_alone(value: &str) -> Result<(), (usize, String)> {
    if value.starts_with('"') {
        return Ok(());
    }
    for joint in JOINTS {
        if let Some(at) = value.find(joint)
            && value[at + joint.len()..].contains(OPERATORS)
        {
            let reason = "one condition for each --where, and all of them have to hold; a text \
                          with this in it stands in quotes";
            return Err((at + 1, reason.to_owned()));
        }
    }
    Ok(())
}

/// What to write instead of a value that nothing is more or less than but texts.
fn no_amount(key: &str, sign: &str, value: &str) -> String {
    // What would have to be escaped, or act on a terminal, is not repeated.
    let or =
        |text, instead| if is_plain(text) && text.len() <= REPEATED_MAX { text } else { instead };
    let (key, value) = (or(key, "KEY"), or(value, "TEXT"));
    if size::parse(value).is_some() {
        return format!(
            "sizes are those of keys that end with _bytes: {key}{sign}\"{value}\" compares texts"
        );
    }
    if value.starts_with(|c: char| c.is_ascii_digit()) {
        return format!(
            "this is no number and no length of time, whose units are ns us ms s m min h; nor a \
             size, with B kB MB GB TB KiB MiB GiB TiB; {key}{sign}\"{value}\" compares texts"
        );
    }
    format!(
        "this is no number: {key}{sign}\"{value}\" compares texts, {key}~={value} finds those that \
         hold it"
    )
}

/// With the level, the moment or the trace that the key asks for.
fn with_kind(key: &Key, literal: Literal) -> Result<Literal, String> {
    match key {
        Key::Of(Own::Level) => match literal.text.parse() {
            Ok(level) => Ok(Literal { level: Some(level), ..literal }),
            Err(_) => {
                Err("`level` is compared to trace, debug, info, warning, error or critical; a \
                           field of that name is `meta.level`"
                    .to_owned())
            }
        },
        Key::Of(Own::Ts) => match literal.text.parse() {
            Ok(moment) => Ok(Literal { moment: Some(moment), ..literal }),
            Err(_) => {
                Err("`ts` is compared to a moment such as 2025-10-06T13:00:00Z; --since and \
                           --until know more forms"
                    .to_owned())
            }
        },
        // A field of that name is what it is.
        Key::Of(Own::TraceId) => Ok(with_trace(literal)),
        Key::Any(name) if name == TRACE => Ok(with_trace(literal)),
        _ => Ok(literal),
    }
}

fn with_trace(literal: Literal) -> Literal {
    let start = trace_prefix(&literal.text).ok().filter(|_| !literal.quoted);
    Literal { trace: start, ..literal }
}

#[cfg(feature = "regex")]
fn regex(pattern: &str) -> Result<Test, String> {
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build();
    match built {
        Ok(regex) => Ok(Test::Fits(Box::new(regex))),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("the regular expression needs more than {} MiB", REGEX_BYTES_MAX >> 20))
        }
        Err(error) => {
            // The last line says what is wrong; those before it repeat the pattern.
            let told = error.to_string();
            let what = told.lines().last().unwrap_or_default();
            Err(format!("no regular expression: {}", what.trim_start_matches("error: ")))
        }
    }
}

#[cfg(not(feature = "regex"))]
fn regex(_pattern: &str) -> Result<Test, String> {
    Err("regular expressions are not built in: use = and !=, or the feature `regex`".to_owned())
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    Fits,
    FitsNot,
    Ordered(Order),
    Unequal,
}

/// The longer ones first.
const SIGNS: [(&str, Operator); 9] = [
    ("!~=", Operator::FitsNot),
    ("!=", Operator::Unequal),
    ("~=", Operator::Fits),
    ("<=", Operator::Ordered(Order::AtMost)),
    (">=", Operator::Ordered(Order::AtLeast)),
    ("==", Operator::Equal),
    ("<", Operator::Ordered(Order::Less)),
    (">", Operator::Ordered(Order::More)),
    ("=", Operator::Equal),
];

/// What other languages have between two conditions.
const JOINTS: [&str; 6] = [" && ", " || ", " and ", " or ", " AND ", " OR "];

const QUOTED_REGEX: &str = "a regular expression has no quotes around it; those that a text has stand \
                            behind a \\";

/// Characters a bare key cannot have.
const OPERATORS: [char; 5] = ['=', '!', '<', '>', '~'];

/// Of a key and of a value that an error repeats.
const REPEATED_MAX: usize = 40;
/// Of a condition.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Of a compiled expression, and of what it remembers while it matches.
#[cfg(feature = "regex")]
const REGEX_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
#[cfg(not(feature = "regex"))]
mod tests {
    #[test]
    fn without_regular_expressions_it_is_said_what_to_use() {
        let refused = "code~=x".parse::<crate::query::Condition>().unwrap_err();
        assert!(refused.to_string().contains("the feature `regex`"), "{refused}");
        assert!("code=x".parse::<crate::query::Condition>().is_ok());
    }
}
