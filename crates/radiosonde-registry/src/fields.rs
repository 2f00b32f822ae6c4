//! Reads the keys of one object into typed values; what cannot be read is reported, not returned.

mod forms;
mod meant;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    locate::{Path, Step},
    names,
    report::Report,
    shape::is_command,
    tree::{Kind, Member, Node},
};

/// An object being read. Every key asked for is a known key; [`Fields::finish`] reports the others.
pub(crate) struct Fields<'r, 'd> {
    report: &'r mut Report<'d>,
    path: Path,
    members: &'d [Member],
    /// False when something else stands in the place of an object; its keys are not missed then.
    is_object: bool,
    known: Vec<&'static str>,
}

impl<'r, 'd> Fields<'r, 'd> {
    /// Starts on an object. Something else is reported and read as an object without keys.
    pub(crate) fn of(report: &'r mut Report<'d>, path: Path, node: &'d Node) -> Self {
        let members = match &node.kind {
            Kind::Object(members) => members.as_slice(),
            _ => {
                let _none: Option<()> = mistyped(report, &path, node, "an object");
                &[]
            }
        };
        let (mut met, mut told) = (BTreeSet::new(), BTreeSet::new());
        for member in members {
            // Said once of a key, however often it is repeated.
            if !met.insert(member.key.as_str()) && told.insert(member.key.as_str()) {
                if report.leaves_off() {
                    break;
                }
                let at = path.then(member.key.as_str());
                let what = format!("key `{}` stands here twice", member.key);
                report.unreadable(member.key_start, &at, what, "keep one of them".to_owned());
            }
        }
        let is_object = matches!(node.kind, Kind::Object(_));
        Self { report, path, members, is_object, known: Vec::new() }
    }

    pub(crate) fn string(&mut self, key: &'static str) -> Option<String> {
        let text = self.one(key, "a string", |kind| match kind {
            Kind::String(text) => Some(text.clone()),
            _ => None,
        })?;
        // It goes to terminals, pages and code: nothing in it may be taken for a command.
        if text.contains(is_command) {
            let what = format!("`{key}` holds control characters");
            self.unreadable(key, what, "write it in printable characters".to_owned());
            return None;
        }
        Some(text)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.one(key, "true or false", |kind| match kind {
            Kind::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A whole number that fits `T`.
    pub(crate) fn whole<T: TryFrom<u64>>(&mut self, key: &'static str) -> Option<T> {
        self.one(key, "a whole number from 0", |kind| match kind {
            Kind::Number(number) => number.as_u64().and_then(|number| T::try_from(number).ok()),
            _ => None,
        })
    }

    /// A whole number that fits `T`, of either sign.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, key: &'static str) -> Option<T> {
        self.one(key, "a whole number", |kind| match kind {
            Kind::Number(number) => number.as_i64().and_then(|number| T::try_from(number).ok()),
            _ => None,
        })
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Option<f64> {
        self.one(key, "a number", float)
    }

    pub(crate) fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.each(key, |report, path, node| match &node.kind {
            Kind::String(text) => Some(text.clone()),
            _ => mistyped(report, &path, node, "a string"),
        })
    }

    pub(crate) fn numbers(&mut self, key: &'static str) -> Option<Vec<f64>> {
        self.each(key, |report, path, node| match float(&node.kind) {
            Some(number) => Some(number),
            None => mistyped(report, &path, node, "a number"),
        })
    }

    /// Objects in an array. `read` is handed one object after the other.
    pub(crate) fn objects<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Fields<'_, 'd>) -> T,
    ) -> Vec<T> {
        let read = |report: &mut Report<'d>, path, node| {
            // Nobody reads what is wrong with the others.
            let goes_on = !report.leaves_off();
            goes_on.then(|| read(Fields::of(report, path, node)))
        };
        self.each(key, read).unwrap_or_default()
    }

    /// Objects by name.
    pub(crate) fn named<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Fields<'_, 'd>) -> T,
    ) -> BTreeMap<String, T> {
        let Some(member) = self.find(key) else { return BTreeMap::new() };
        let path = self.path.then(key);
        let members = Fields::of(self.report, path.clone(), &member.value).members;
        members
            .iter()
            .map_while(|member| {
                if self.report.leaves_off() {
                    return None;
                }
                let path = path.then(member.key.as_str());
                let fields = Fields::of(self.report, path, &member.value);
                Some((member.key.clone(), read(fields)))
            })
            .collect()
    }

    /// One object under a key.
    pub(crate) fn object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Fields<'_, 'd>) -> T,
    ) -> Option<T> {
        let member = self.find(key)?;
        let path = self.path.then(key);
        Some(read(Fields::of(self.report, path, &member.value)))
    }

    /// Whether the value under a key is an object.
    pub(crate) fn holds_object(&self, key: &str) -> bool {
        self.members
            .iter()
            .any(|member| member.key == key && matches!(member.value.kind, Kind::Object(_)))
    }

    /// Whether the value under a key is true or false.
    pub(crate) fn holds_flag(&self, key: &str) -> bool {
        self.members
            .iter()
            .any(|member| member.key == key && matches!(member.value.kind, Kind::Bool(_)))
    }

    /// Whether the value under a key is a text.
    pub(crate) fn holds_text(&self, key: &str) -> bool {
        self.members
            .iter()
            .any(|member| member.key == key && matches!(member.value.kind, Kind::String(_)))
    }

    /// A word out of a fixed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let written = self.string(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == written) {
            return Some(*value);
        }
        let (what, fix) = unknown_word(what, &written, words);
        self.unreadable(key, what, fix);
        None
    }

    /// A key that has to be there.
    pub(crate) fn demand<T>(
        &mut self,
        key: &'static str,
        read: Option<T>,
        example: &str,
    ) -> Option<T> {
        debug_assert!(meant::DEMANDED.contains(&key), "`{key}` is demanded: list it there");
        if read.is_none() && self.is_object && !self.members.iter().any(|member| member.key == key)
        {
            self.unreadable(key, format!("missing `{key}`"), format!("add {example}"));
        }
        read
    }

    /// Reports the keys nobody asked for.
    pub(crate) fn finish(self) {
        let mut told = BTreeSet::new();
        for member in self.members {
            // Of one that stands there often, the first is enough: guessing takes time.
            if self.known.contains(&member.key.as_str()) || !told.insert(member.key.as_str()) {
                continue;
            }
            if self.report.leaves_off() {
                break;
            }
            let fix = match names::closest(&member.key, self.known.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("use {}", alternatives(&self.known)),
            };
            let path = self.path.then(member.key.as_str());
            let what = format!("unknown key `{}`", member.key);
            self.report.unreadable(member.key_start, &path, what, fix);
        }
    }

    /// The value at `key` is of the right type and still cannot be read.
    #[track_caller]
    pub(crate) fn unreadable(&mut self, key: &str, what: String, fix: String) {
        let path = self.path.then(key);
        let around = self.report.offset(&path);
        self.report.unreadable(around, &path, what, fix);
    }

    fn find(&mut self, key: &'static str) -> Option<&'d Member> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.members.iter().find(|member| member.key == key)
    }

    fn one<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&Kind) -> Option<T>,
    ) -> Option<T> {
        let value = &self.find(key)?.value;
        match read(&value.kind) {
            Some(read) => Some(read),
            None => mistyped(self.report, &self.path.then(key), value, wanted),
        }
    }

    fn each<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Report<'d>, Path, &'d Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = &self.find(key)?.value;
        let path = self.path.then(key);
        let Kind::Array(items) = &value.kind else {
            return mistyped(self.report, &path, value, "an array");
        };
        let items = items.iter().enumerate();
        Some(items.filter_map(|(index, item)| read(self.report, path.then(index), item)).collect())
    }
}

/// What is said of a word that is not in its list, and what to do.
fn unknown_word<T>(what: &str, written: &str, words: &[(&'static str, T)]) -> (String, String) {
    let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    (format!("unknown {what} `{written}`"), format!("use {}", alternatives(&list)))
}

/// Reports a value of the wrong type.
fn mistyped<T>(report: &mut Report<'_>, path: &Path, node: &Node, wanted: &str) -> Option<T> {
    let found = match &node.kind {
        Kind::Number(number) => format!("the number {number}"),
        kind => kind.describe().to_owned(),
    };
    let what = format!("expected {wanted}, found {found}");
    let or = match path.0.last() {
        None => "",
        Some(Step::Key(key)) if meant::DEMANDED.contains(&key.as_str()) => "",
        Some(Step::Index(_)) => " or delete it",
        Some(Step::Key(_)) => " or leave the key out",
    };
    let fix = match meant::instead(path, node, wanted) {
        Some(instead) => format!("write {instead}"),
        None => format!("write {wanted} here{or}"),
    };
    report.unreadable(node.start, path, what, fix);
    None
}

fn float(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Number(number) => number.as_f64(),
        _ => None,
    }
}

/// a, b or c, for messages.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
