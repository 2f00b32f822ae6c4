//! JSON with positions: a document as a tree whose every node knows where it stands.
//!
//! `serde_json` reports the first type error only, and keeps neither positions nor repeated keys.
//! This parser keeps both, and leaves the reading of single strings and numbers to `serde_json`.

use crate::locate::{Path, Step};

/// Nesting beyond this is refused, so that no document exhausts the stack.
const DEPTH_MAX: usize = 64;

/// A value and the byte it starts at.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) start: usize,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Kind {
    Array(Vec<Node>),
    Bool(bool),
    Null,
    Number(serde_json::Number),
    Object(Vec<Member>),
    String(String),
}

impl Kind {
    /// For messages: "found a string".
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Array(_) => "an array",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Object(_) => "an object",
            Self::String(_) => "a string",
        }
    }
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_start: usize,
    pub(crate) value: Node,
}

impl Node {
    /// The byte at which the thing at `path` starts, or the nearest thing around it.
    pub(crate) fn locate(&self, path: &Path) -> usize {
        let mut node = self;
        for step in &path.0 {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.start
    }

    /// The byte at which the key of the thing at `path` starts; where it is no member of an object,
    /// as [`Node::locate`].
    pub(crate) fn locate_key(&self, path: &Path) -> usize {
        let Some((Step::Key(last), around)) = path.0.split_last() else {
            return self.locate(path);
        };
        let mut node = self;
        for step in around {
            match node.child(step) {
                Some(child) => node = child,
                None => return node.start,
            }
        }
        let Kind::Object(members) = &node.kind else { return node.start };
        let member = members.iter().find(|member| member.key == *last);
        member.map_or(node.start, |member| member.key_start)
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (step, &self.kind) {
            (Step::Key(key), Kind::Object(members)) => {
                members.iter().find(|member| member.key == *key).map(|member| &member.value)
            }
            (Step::Index(index), Kind::Array(items)) => items.get(*index),
            _ => None,
        }
    }
}

/// Where and why a text is not JSON.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) offset: usize,
    pub(crate) path: Path,
    pub(crate) what: String,
    pub(crate) fix: &'static str,
}

/// Parses a whole text.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { text, at: 0, path: Path::default() };
    parser.skip_space();
    let root = parser.value()?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.fail("something follows the document".to_owned(), "delete it"));
    }
    Ok(root)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    path: Path,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(byte) if byte.is_ascii_alphabetic() => self.word()?,
            _ => return Err(self.unexpected("a value", "write a value here")),
        };
        Ok(Node { start, kind })
    }

    fn object(&mut self) -> Result<Kind, SyntaxError> {
        self.open()?;
        let mut members = Vec::new();
        while !self.closes(b'}', members.is_empty())? {
            let key_start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key", "write keys in double quotes"));
            }
            let key = self.string()?;
            self.path.0.push(Step::Key(key.clone()));
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`", "put a colon between key and value"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            self.path.0.pop();
            members.push(Member { key, key_start, value });
        }
        Ok(Kind::Object(members))
    }

    fn array(&mut self) -> Result<Kind, SyntaxError> {
        self.open()?;
        let mut items = Vec::new();
        while !self.closes(b']', items.is_empty())? {
            self.path.0.push(Step::Index(items.len()));
            let item = self.value()?;
            self.path.0.pop();
            items.push(item);
        }
        Ok(Kind::Array(items))
    }

    /// Steps over the opening bracket of an object or array.
    fn open(&mut self) -> Result<(), SyntaxError> {
        if self.path.0.len() >= DEPTH_MAX {
            let what = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(self.fail(what, "flatten it"));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over the closing bracket (true) or over what separates two elements (false).
    fn closes(&mut self, bracket: u8, first: bool) -> Result<bool, SyntaxError> {
        self.skip_space();
        if self.peek() == Some(bracket) {
            self.at += 1;
            return Ok(true);
        }
        if first {
            return Ok(false);
        }
        if self.peek() != Some(b',') {
            let wanted = format!("`,` or `{}`", char::from(bracket));
            return Err(self.unexpected(&wanted, "add the missing comma or bracket"));
        }
        let comma = self.at;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(bracket) {
            self.at = comma;
            let what = format!("comma before `{}`", char::from(bracket));
            return Err(self.fail(what, "delete the comma"));
        }
        Ok(false)
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut escaped = false;
        let inner = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let length = inner.iter().position(|byte| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            // A line break ends the search too: the quote of a later line would be a worse guess.
            closes || *byte == b'\n'
        });
        match length {
            Some(length) if inner.get(length) == Some(&b'"') => self.at = start + length + 2,
            _ => return Err(self.fail("string without end".to_owned(), "close it with `\"`")),
        }
        serde_json::from_str(&self.text[start..self.at]).map_err(|error| {
            // Columns of `serde_json` count bytes from 1, here within one line.
            self.at = start + error.column().saturating_sub(1);
            self.fail(format!("bad string: {}", reason(&error)), "escape it as JSON asks")
        })
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let digits = &self.text[start..start + length];
        let number = serde_json::from_str(digits).map_err(|error| {
            self.fail(format!("bad number: {}", reason(&error)), "write it as 12 or 0.5")
        })?;
        self.at = start + length;
        Ok(Kind::Number(number))
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
        let word = &rest[..length.unwrap_or(rest.len())];
        let kind = match word {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            _ => return Err(self.unexpected("a value", "write text in double quotes")),
        };
        self.at += word.len();
        Ok(kind)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn unexpected(&self, wanted: &str, fix: &'static str) -> SyntaxError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            Some('/') => self.fail("comment".to_owned(), "delete it: JSON has no comments"),
            Some(found) => self.fail(format!("expected {wanted}, found {found:?}"), fix),
            None => self.fail(format!("expected {wanted}, found the end"), "complete the document"),
        }
    }

    #[cold]
    fn fail(&self, what: String, fix: &'static str) -> SyntaxError {
        SyntaxError { offset: self.at, path: self.path.clone(), what, fix }
    }
}

/// What `serde_json` says, without the position it adds: ours is the one that counts.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_where_they_stand() {
        let text = r#" {"a": [1, {"b": "x"}]} "#;
        let root = parse(text).expect("valid");
        let path = Path::default().then("a").then(1).then("b");
        assert!(text[root.locate(&path)..].starts_with("\"x\""));
        assert!(text[root.locate(&path.then("none"))..].starts_with("\"x\""));
        assert_eq!(root.start, 1);
    }

    #[test]
    fn syntax_errors_say_what_and_where() {
        let table = [
            ("", "", "expected a value, found the end"),
            ("{\"a\": [1,]}", "a", "comma before `]`"),
            ("{\"a\": 1,}", "", "comma before `}`"),
            ("{\"a\": {\"b\" 1}}", "a.b", "expected `:`, found '1'"),
            ("{'a': 1}", "", "expected a key, found '\\''"),
            ("{\"a\": [1 2]}", "a", "expected `,` or `]`, found '2'"),
            ("{\"a\": yes}", "a", "expected a value, found 'y'"),
            ("// registry\n{}", "", "comment"),
            ("{\"a\": \"x\n\"}", "a", "string without end"),
            ("{\"a\": 01}", "a", "bad number: invalid number"),
            ("{} {}", "", "something follows the document"),
        ];
        for (text, path, what) in table {
            let error = parse(text).expect_err(text);
            assert_eq!(
                (error.path.to_string().as_str(), error.what.as_str()),
                (path, what),
                "{text}"
            );
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        let error = parse(&"[".repeat(1_000_000)).expect_err("too deep");
        assert_eq!(error.what, "nested deeper than 64 levels");
    }

    proptest::proptest! {
        /// What `serde_json` accepts is accepted and read alike, and nothing else is.
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:, \n\"a\\\\u0-9.eE+trufalsn-]{0,24}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (parse(&text), &theirs) {
                (Ok(node), Ok(value)) => proptest::prop_assert!(agree(&node, value), "{text}"),
                (Err(error), Err(_)) => proptest::prop_assert!(error.offset <= text.len()),
                (ours, _) => proptest::prop_assert!(false, "{text:?}: {ours:?} against {theirs:?}"),
            }
        }
    }

    fn agree(node: &Node, value: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (&node.kind, value) {
            (Kind::Null, Value::Null) => true,
            (Kind::Bool(ours), Value::Bool(theirs)) => ours == theirs,
            (Kind::Number(ours), Value::Number(theirs)) => ours == theirs,
            (Kind::String(ours), Value::String(theirs)) => ours == theirs,
            (Kind::Array(ours), Value::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| agree(a, b))
            }
            // `serde_json` keeps the last of repeated keys, the tree keeps them all.
            (Kind::Object(ours), Value::Object(theirs)) => theirs.iter().all(|(key, theirs)| {
                let last = ours.iter().rev().find(|member| member.key == *key);
                last.is_some_and(|last| agree(&last.value, theirs))
            }),
            _ => false,
        }
    }
}
