//! Leaving out lines by a field of theirs, without taking them apart.

use memchr::{memchr2, memmem};
use serde_json::Value;

use super::{Condition, Key, is_plain, short_for};

/// Tells lines that a condition does not hold for by what stands behind its key in their bytes.
#[derive(Debug)]
pub(crate) struct Sieve<'a> {
    condition: &'a Condition,
    /// The end of the key, with its quote.
    key: memmem::Finder<'static>,
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
        let key = memmem::Finder::new(&format!("{last}\"")).into_owned();
        Some(Sieve { condition: self, key })
    }
}

impl Sieve<'_> {
    /// Whether a line cannot fit: wherever the key stands in it, be it that of another object, there is
    /// a value that does not. `false` where this does not tell.
    pub(crate) fn rules_out(&self, text: &[u8]) -> bool {
        // A key with an escape may be the same.
        memmem::find(text, b"\\u").is_none()
            && self.key.find_iter(text).all(|at| self.is_other(text, at))
    }

    /// Whether no key that may be meant ends here, or one with a value that does not fit.
    fn is_other(&self, text: &[u8], at: usize) -> bool {
        // A key may be the path as a whole, or the last part of it in an object.
        if !text[..at].ends_with(b"\"") && !text[..at].ends_with(b".") {
            return true;
        }
        let behind = text[at + self.key.needle().len()..].trim_ascii_start();
        match behind.split_first() {
            Some((b':', value)) => {
                let value = scalar(value.trim_ascii_start());
                value.is_some_and(|value| !self.condition.test.of(&value))
            }
            // A text that is no key.
            Some((b',' | b'}' | b']', _)) => true,
            _ => false,
        }
    }
}

/// The value that a text begins with. `None` for objects and arrays, and for texts with escapes.
fn scalar(text: &[u8]) -> Option<Value> {
    let end = match text.split_first()? {
        (b'"', rest) => {
            let end = memchr2(b'"', b'\\', rest)?;
            (rest[end] == b'"').then_some(end + 2)?
        }
        (b'{' | b'[', _) => return None,
        _ => text.iter().position(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace())?,
    };
    serde_json::from_slice(&text[..end]).ok()
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
    fn what_holds_without_a_value_has_none() {
        for condition in ["n!=5", "n!~=x", "!n?", "job=x", "trace=0", "level=info", "msg=x"] {
            assert!(condition.parse::<Condition>().unwrap().sieve().is_none(), "{condition}");
        }
    }
}
