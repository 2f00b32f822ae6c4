//! Leaving out lines by a field or the level of theirs, without taking them apart.

use memchr::{memchr2, memmem};

use super::{Condition, Key, Own, is_plain, short_for};
use crate::level::Level;
use crate::peek;

/// Tells lines that are not wanted by what stands behind a key in their bytes.
#[derive(Debug)]
pub(crate) struct Sieve<'a> {
    wanted: Wanted<'a>,
    /// The end of the key, with its quote.
    key: memmem::Finder<'static>,
    /// How an escape begins that may be any letter.
    escape: memmem::Finder<'static>,
}

#[derive(Debug)]
enum Wanted<'a> {
    Condition(&'a Condition),
    AtLeast(Level),
}

impl Condition {
    /// What tells lines it does not hold for. `None` where it may hold for lines without the key.
    pub(crate) fn sieve(&self) -> Option<Sieve<'_>> {
        let path = match &self.key {
            Key::Any(path) if short_for(path).is_none() => path,
            Key::Meta(path) => path,
            Key::Any(_) | Key::Of(_) => return None,
        };
        let last = path.rsplit('.').next().filter(|last| !self.negated && is_plain(last))?;
        Some(Sieve::new(Wanted::Condition(self), last))
    }
}

impl<'a> Sieve<'a> {
    fn new(wanted: Wanted<'a>, key: &str) -> Self {
        let finder = |text: &str| memmem::Finder::new(text).into_owned();
        Self { wanted, key: finder(&format!("{key}\"")), escape: finder("\\u") }
    }

    /// What tells lines that are less severe.
    pub(crate) fn at_least(level: Level) -> Self {
        Self::new(Wanted::AtLeast(level), Own::Level.name())
    }

    /// Whether a line cannot fit: wherever the key stands in it, be it that of another object, there is
    /// a value that does not. `false` where this does not tell.
    pub(crate) fn rules_out(&self, text: &[u8]) -> bool {
        let mut is_told = matches!(self.wanted, Wanted::Condition(_));
        for at in self.key.find_iter(text) {
            let Some(value) = self.behind(text, at) else { continue };
            if !self.is_unwanted(value) {
                return false;
            }
            // A line without a level of its own is for others to judge.
            is_told = is_told || memchr::memrchr(b'{', &text[..at]) == Some(0);
        }
        // A key with an escape may be the same.
        is_told && self.escape.find(text).is_none()
    }

    /// What stands behind the key that ends here. `None` where no key ends that may be meant.
    fn behind<'t>(&self, text: &'t [u8], at: usize) -> Option<&'t [u8]> {
        let before = text[..at].last();
        let behind = text[at + self.key.needle().len()..].trim_ascii_start();
        let is_meant = match self.wanted {
            // A key may be the path as a whole, or the last part of it in an object.
            Wanted::Condition(_) => matches!(before, Some(b'"' | b'.')),
            Wanted::AtLeast(_) => before == Some(&b'"') && !text[..at].ends_with(b"\\\""),
        };
        match behind.split_first() {
            Some((b':', value)) if is_meant => Some(value.trim_ascii_start()),
            // Not known: no text of JSON goes on like this.
            Some((other, _)) if is_meant && !matches!(other, b',' | b'}' | b']') => Some(&[]),
            _ => None,
        }
    }

    /// Whether the value that a text begins with is known, and does not fit.
    fn is_unwanted(&self, text: &[u8]) -> bool {
        let Some(value) = scalar(text) else { return false };
        match self.wanted {
            Wanted::Condition(condition) => {
                let value = serde_json::from_slice(value);
                value.is_ok_and(|value| !condition.test.of(&value))
            }
            Wanted::AtLeast(least) => {
                let word = value.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\""));
                let level = word.and_then(peek::level);
                level.is_some_and(|level| level < least)
            }
        }
    }
}

/// The value that a text begins with. `None` for objects and arrays, and for texts with escapes.
fn scalar(text: &[u8]) -> Option<&[u8]> {
    let end = match text.split_first()? {
        (b'"', rest) => {
            let end = memchr2(b'"', b'\\', rest)?;
            (rest[end] == b'"').then_some(end + 2)?
        }
        (b'{' | b'[', _) => return None,
        _ => {
            text.iter().position(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace())?
        }
    };
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Line;

    const HEAD: &str = r#"{"ts":"2025-10-06T13:43:10.500000Z","#;

    fn rules_out(condition: &str, fields: &str) -> bool {
        let condition: Condition = condition.parse().unwrap();
        let text = format!("{HEAD}{fields}}}");
        let line = Line::parse(text.as_bytes()).unwrap();
        let is_out = condition.sieve().is_some_and(|sieve| sieve.rules_out(text.as_bytes()));
        assert!(!(is_out && condition.matches(&line)), "{condition} leaves out {text}");
        is_out
    }

    #[test]
    fn a_value_that_does_not_fit_leaves_the_line_out() {
        for (condition, fields) in [
            ("n>5", r#""meta":{"n":5}"#),
            ("n>5", r#""meta":{"n" : -7.5 , "m":9}"#),
            ("n>5", r#""n":5"#),
            ("n>5", r#""meta":{"n":"unknown"}"#),
            ("n>5", r#""meta":{"n":null}"#),
            ("n>5", r#""meta":{"n":1,"x":"n","y":["n"],"an":9,"n_":9}"#),
            ("n>5", r#""meta":{"n":1},"n":2"#),
            ("n>5", r#""meta":{"n":1,"msg":"a \"n\": 9"}"#),
            ("n=5ms", r#""meta":{"n":"4ms"}"#),
            ("n=true", r#""meta":{"n":false}"#),
            ("meta.n=x", r#""meta":{"n":"y"}"#),
            ("a.b>5", r#""meta":{"a.b":5}"#),
            ("a.b>5", r#""meta":{"a":{"b":5}}"#),
            ("n?", r#""meta":{"n":null}"#),
        ] {
            assert!(rules_out(condition, fields), "{condition} {fields}");
        }
    }

    #[test]
    fn what_may_fit_is_left_to_be_taken_apart() {
        for (condition, fields) in [
            ("n>5", r#""meta":{"n":6}"#),
            // One of two is enough, wherever it stands.
            ("n>5", r#""meta":{"n":null,"attributes":{"n":6}}"#),
            ("n>5", r#""meta":{"m":1},"n":6"#),
            ("n>5", r#""meta":{"n":1,"n":6}"#),
            ("n>5", r#""meta":{"n":1,"x":{"n":6}}"#),
            // Other than plain.
            ("n>5", r#""meta":{"n":[1,6]}"#),
            ("n?", r#""meta":{"n":{}}"#),
            ("n=x", r#""meta":{"n":"\u0078"}"#),
            ("n=\"\\n\"", r#""meta":{"n":"\n"}"#),
            ("n>5", r#""meta":{"\u006e":6}"#),
            ("n>5", r#""meta":{"n":1,"\u006e":6}"#),
            ("a.b>5", r#""meta":{"a":{"b":6}}"#),
            ("a.b>5", r#""meta":{"a.b":6}"#),
            ("a.b.c>5", r#""meta":{"a":{"b.c":6}}"#),
            // A number beyond all.
            ("n>5", r#""meta":{"m":1},"n":1E400"#),
        ] {
            assert!(!rules_out(condition, fields), "{condition} {fields}");
        }
    }

    #[test]
    fn less_severe_lines_are_left_out_by_the_word_of_their_level() {
        let is_out = |fields: &str| {
            let text = format!("{HEAD}{fields}}}");
            Sieve::at_least(Level::Error).rules_out(text.as_bytes())
        };
        for less in ["debug", "INFO", "warning", "warn"] {
            assert!(
                is_out(&format!(r#""level":"{less}","msg":"a \"level\":\"error\"""#)),
                "{less}"
            );
        }
        for other in [
            r#""level":"error""#,
            r#""level":"eror""#,
            r#""level":50"#,
            r#""level":null"#,
            r#""level":"info","level":"error""#,
            r#""level":"info","meta":{"level":"deep"}"#,
            r#""level":"info","lev\u0065l":"error""#,
            r#""severity":"INFO""#,
            r#""meta":{"level":"info"}"#,
            r#""log.level":"info","severity":"ERROR""#,
            r#""x\"level":"info","severity":"ERROR""#,
            r#""kind":"level","xlevel":"info","severity":"ERROR""#,
        ] {
            assert!(!is_out(other), "{other}");
        }
    }

    #[test]
    fn what_holds_without_a_value_has_none() {
        for condition in ["n!=5", "n!~=x", "!n?", "job=x", "trace=0", "level=info", "msg=x"] {
            assert!(condition.parse::<Condition>().unwrap().sieve().is_none(), "{condition}");
        }
    }
}
