//! Values of a label that are not listed, resolved once and shared.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};

use radiosonde_context::is_forked_child;
use radiosonde_redact::Rules;
use regex_lite::Regex;

use super::error::UnfitValue;
use crate::fault::Fault;
use crate::shape::{VALUE_BYTES_MAX, id_shape};
use crate::sync::{read, write};

/// What the registry says about a label, and the values of it that are shared.
#[derive(Debug)]
pub struct Label {
    name: &'static str,
    pattern: Option<&'static str>,
    /// Most values that are shared.
    shared_max: usize,
    compiled: OnceLock<Option<Regex>>,
    shared: RwLock<BTreeSet<Arc<str>>>,
}

impl Label {
    /// A label by its name, its pattern and how many values may be shared.
    pub const fn new(name: &'static str, pattern: Option<&'static str>, shared_max: usize) -> Self {
        let shared = RwLock::new(BTreeSet::new());
        Self { name, pattern, shared_max, compiled: OnceLock::new(), shared }
    }

    /// The value of that text. One that is not fit, that hides something, or for which there is no
    /// room, is not shared: it goes when the last symbol goes.
    pub fn symbol(&self, text: &str) -> Symbol {
        if is_forked_child() {
            return Symbol::own(text);
        }
        if let Some(known) = read(&self.shared).get(text) {
            return Symbol(known.clone());
        }
        if read(&self.shared).len() >= self.shared_max
            || self.check(text).is_err()
            || self.hides(text)
        {
            return Symbol::own(text);
        }
        let mut shared = write(&self.shared);
        if let Some(known) = shared.get(text) {
            return Symbol(known.clone());
        }
        let symbol = Symbol::own(text);
        if shared.len() < self.shared_max {
            let _ = shared.insert(symbol.0.clone());
        }
        symbol
    }

    /// Whether writes with that text are taken, as far as that can be told without the series there
    /// are.
    ///
    /// # Errors
    /// Why not: it is longer than 128 bytes, shaped like an id, or does not match the pattern.
    pub fn check(&self, text: &str) -> Result<(), UnfitValue> {
        if let Some(kind) = id_shape(text) {
            return Err(UnfitValue::new(&Fault::LabelShape { label: self.name.into(), kind }));
        }
        let Some(pattern) = self.pattern else { return Ok(()) };
        // A pattern that is none holds nothing back here: `init!` reports it.
        if self.matches(pattern, text) {
            return Ok(());
        }
        // What a rule hides is not repeated in a message.
        let shown = if self.hides(text) { radiosonde_redact::REDACTED } else { text };
        Err(UnfitValue::new(&Fault::LabelValue {
            label: self.name.into(),
            value: shown.to_owned().into(),
            allowed: format!("a match of `{pattern}`"),
        }))
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let compile = || Regex::new(&format!("^(?:{pattern})$")).ok();
        if is_forked_child() {
            return compile().is_none_or(|regex| regex.is_match(text));
        }
        self.compiled.get_or_init(compile).as_ref().is_none_or(|regex| regex.is_match(text))
    }

    /// Whether the value is not to be found in memory because of us. The rules of `init!` are not
    /// known here; the recorder applies them to what is written.
    fn hides(&self, text: &str) -> bool {
        let rules = Rules::standard();
        rules.rule_for_key(self.name).is_some() || rules.may_match(text)
    }

    #[cfg(test)]
    pub(crate) fn shared_count(&self) -> usize {
        read(&self.shared).len()
    }
}

/// A value of a label, resolved once. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    fn own(text: &str) -> Self {
        Self(Arc::from(head(text)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// As much of a value as is needed to see that it is too long.
pub(crate) fn head(text: &str) -> &str {
    let mut end = (VALUE_BYTES_MAX + 1).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.get(..end).unwrap_or(text)
}
