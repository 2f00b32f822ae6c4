//! Secrets inside finished JSON.
//!
//! The text is walked, not read into a tree and written again: what is no secret stays as it was
//! written, numbers to the last digit.

use serde::de::IgnoredAny;

use crate::rules::TANGLED;
use crate::{REDACTED, Rules};

/// Deepest nesting; what is deeper goes as a whole.
const DEPTH_MAX: usize = 128;

impl Rules {
    /// The JSON text without the secrets in it, when there are any: values under keys that name
    /// secrets, at any depth, and secrets in strings and keys. `path` is where the text stands.
    /// Text that is no JSON is redacted as text, and then comes back as a JSON string.
    pub fn redact_json<'r>(
        &'r self,
        path: &str,
        json: &str,
        counted: &mut dyn FnMut(&'r str),
    ) -> Option<String> {
        self.redact_json_by(path, json, &|text| text, counted)
    }

    /// As [`Rules::redact_json`], where texts may stand for something else: the rules are asked about
    /// what `meant` makes of each, and what they find replaces the whole of it. Names mean themselves.
    pub fn redact_json_by<'r>(
        &'r self,
        path: &str,
        json: &str,
        meant: &dyn Fn(String) -> String,
        counted: &mut dyn FnMut(&'r str),
    ) -> Option<String> {
        if serde_json::from_str::<IgnoredAny>(json).is_err() {
            return self.redact_at(path, json, counted).map(|redacted| quoted(&redacted));
        }
        let mut walk = Walk {
            rules: self,
            json,
            at: 0,
            copied: 0,
            out: String::new(),
            path: path.to_owned(),
            meant,
            counted,
        };
        walk.value(0);
        (walk.copied > 0).then(|| {
            walk.out.push_str(&json[walk.copied..]);
            walk.out
        })
    }
}

/// A walk over JSON that is known to be well-formed.
struct Walk<'r, 'c, 'j> {
    rules: &'r Rules,
    json: &'j str,
    at: usize,
    /// Up to here the text stands in `out`, redacted.
    copied: usize,
    out: String,
    path: String,
    meant: &'c dyn Fn(String) -> String,
    counted: &'c mut dyn FnMut(&'r str),
}

impl<'r> Walk<'r, '_, '_> {
    fn value(&mut self, depth: usize) {
        self.space();
        let start = self.at;
        match self.peek() {
            _ if depth == DEPTH_MAX => {
                self.skip();
                self.hide(start, TANGLED);
            }
            b'{' => self.object(depth),
            b'[' => {
                self.at += 1;
                while self.goes_on(b']') {
                    self.value(depth + 1);
                }
            }
            b'"' => {
                let (text, other) = self.string();
                let text = (self.meant)(text);
                let redacted = self.rules.redact_at(&self.path, &text, self.counted);
                if redacted.is_some() && other.is_some() || self.hides(other.as_deref()) {
                    self.hide(start, TANGLED);
                } else if let Some(redacted) = redacted {
                    self.replace(start, &redacted);
                }
            }
            b'n' => self.skip(),
            _ => {
                self.skip();
                let path = &self.path;
                if !self.rules.callbacks.is_empty()
                    && let Some(redacted) =
                        self.rules.redact_at(path, &self.json[start..self.at], self.counted)
                {
                    self.replace(start, &redacted);
                }
            }
        }
    }

    fn object(&mut self, depth: usize) {
        self.at += 1;
        while self.goes_on(b'}') {
            let start = self.at;
            let (key, other) = self.string();
            // What is left of a key may name a secret as well.
            let mut rule = self.rules.rule_for_key(&key);
            rule = rule.or_else(|| self.rules.rule_for_key(other.as_deref()?));
            let redacted = self.rules.redact(&key, self.counted);
            if redacted.is_some() && other.is_some() || self.hides(other.as_deref()) {
                self.hide(start, TANGLED);
            } else if let Some(redacted) = redacted {
                self.replace(start, &redacted);
                rule = rule.or_else(|| self.rules.rule_for_key(&redacted));
            }
            self.space();
            // The colon.
            self.at += 1;
            self.space();
            let start = self.at;
            match rule {
                Some(rule) if self.peek() != b'n' => {
                    self.skip();
                    self.hide(start, rule);
                }
                _ => {
                    let length = self.path.len();
                    self.path.push('.');
                    self.path.push_str(&key);
                    self.value(depth + 1);
                    self.path.truncate(length);
                }
            }
        }
    }

    /// Whether another member comes; otherwise it is behind the end.
    fn goes_on(&mut self, end: u8) -> bool {
        self.space();
        let ends = self.peek() == end;
        if ends || self.peek() == b',' {
            self.at += 1;
        }
        self.space();
        // A text that stops here would not be well-formed; it ends all the same.
        !ends && self.at < self.json.len()
    }

    /// Replaces the value from `start` to here, unless somebody has done so before.
    fn hide(&mut self, start: usize, rule: &'r str) {
        if self.json[start..self.at].trim_matches('"') != REDACTED {
            (self.counted)(rule);
            self.replace(start, REDACTED);
        }
    }

    /// What the text from `start` to here becomes.
    fn replace(&mut self, start: usize, text: &str) {
        self.out.push_str(&self.json[self.copied..start]);
        self.out.push_str(&quoted(text));
        self.copied = self.at;
    }

    /// The string that begins here. Has it half a surrogate pair in it, which is no text, it comes
    /// back twice: without, and with a space in its place.
    fn string(&mut self) -> (String, Option<String>) {
        let start = self.at;
        self.skip_string();
        let written = &self.json[start..self.at];
        if let Ok(text) = serde_json::from_str(written) {
            return (text, None);
        }
        // Nothing else keeps a string of well-formed JSON from being text.
        let text = |instead| {
            serde_json::from_str(&without_halves(written, instead))
                .unwrap_or_else(|_| written.to_owned())
        };
        (text(""), Some(text(" ")))
    }

    /// Whether there is a secret in a text that is none as it is written.
    fn hides(&mut self, text: Option<&str>) -> bool {
        text.is_some_and(|text| self.rules.redact(text, self.counted).is_some())
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while self.at < self.json.len() {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.json.len();
    }

    /// Goes behind the value that begins here.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                byte if depth == 0 || !byte.is_ascii_alphanumeric() => {
                    let is_part = |byte: &u8| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
                    };
                    let rest = &self.json.as_bytes()[self.at..];
                    let length = rest.iter().take_while(|byte| is_part(byte)).count();
                    self.at += length.max(1);
                }
                _ => self.at += 1,
            }
            if depth == 0 || self.at >= self.json.len() {
                return;
            }
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The byte that comes; 0 behind the end.
    fn peek(&self) -> u8 {
        self.json.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

/// A string as it is written in JSON, with something else for each half of a surrogate pair.
fn without_halves(written: &str, instead: &str) -> String {
    let unit_at = |at: usize| {
        let digits = written.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(written.len());
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = written[at..].find('\\') {
        at += found;
        let length = match (unit_at(at), unit_at(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(&written[copied..at]);
                out.push_str(instead);
                copied = at + 6;
                6
            }
            (Some(_), _) => 6,
            // One sign is escaped.
            (None, _) => 2,
        };
        at += length;
    }
    out.push_str(&written[copied..]);
    out
}

fn quoted(text: &str) -> String {
    // Text can always be written as JSON.
    serde_json::to_string(text).unwrap_or_else(|_| format!("\"{REDACTED}\""))
}
