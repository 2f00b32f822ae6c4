//! Rules of the user: patterns and callbacks.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Bytes of a pattern as it is written.
const WRITTEN_MAX: usize = 4096;
/// Bytes of a pattern as it is run.
const COMPILED_MAX: usize = 128 * 1024;
/// Patterns and callbacks, of each kind. All of them are asked about every text.
pub(crate) const COUNT_MAX: usize = 64;

/// A rule that is left out since it cannot be used, or that does not do what it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) what: String,
    pub(crate) fix: String,
    /// It is not used at all.
    pub(crate) is_left_out: bool,
}

impl Fault {
    /// What is wrong, naming the rule.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; fix: {}", self.what, self.fix)
    }
}

/// A regular expression with a name.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) name: String,
    pub(crate) regex: Regex,
}

impl Pattern {
    pub(crate) fn new(name: &str, pattern: &str) -> Result<Self, Fault> {
        let refused = |why: &str| Fault {
            what: format!("the redaction pattern `{}` is not used: {why}", short(name)),
            fix: "mend the pattern; the syntax is that of the crate regex-lite, without \
                  look-around and back-references"
                .to_owned(),
            is_left_out: true,
        };
        if pattern.len() > WRITTEN_MAX {
            return Err(refused("it has more than 4096 bytes"));
        }
        let built = RegexBuilder::new(pattern).size_limit(COMPILED_MAX).build();
        let regex = built.map_err(|error| refused(last_line(&error.to_string())))?;
        Ok(Self { name: name.to_owned(), regex })
    }

    /// What is wrong with it, when it matches no text at all.
    pub(crate) fn emptiness(&self) -> Option<Fault> {
        let is_empty = |text: &str| self.regex.find(text).is_some_and(|found| found.is_empty());
        (is_empty("") || is_empty("a")).then(|| Fault {
            what: format!(
                "the redaction pattern `{}` matches the empty text, which is nowhere and everywhere",
                short(&self.name)
            ),
            fix: "write what it has at least: `x+` and not `x*`, no `|` at an end".to_owned(),
            is_left_out: false,
        })
    }

    /// Whether the whole of a value matches.
    pub(crate) fn is_whole(&self, value: &str) -> bool {
        self.regex.find_iter(value).any(|found| found.len() == value.len())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

/// What is said may be several lines, of which the last one has the reason.
fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or(text).trim_start_matches("error: ")
}

/// The front of a name, for a sentence.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    const SHOWN: usize = 64;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

/// What a callback says about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing against it: the other rules are asked about it.
    Keep,
    /// It is replaced by [`REDACTED`](crate::REDACTED).
    Redact,
    /// It is replaced by this, which the other rules are asked about.
    Replace(String),
}

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is asking a callback of [`Rules::with_callback`](crate::Rules::with_callback).
///
/// For panic hooks: what a callback panics with may be the value it was asked about.
pub fn is_in_callback() -> bool {
    IN_CALLBACK.try_with(Cell::get).unwrap_or(false)
}

/// A function of the application; clones of the rules share it.
pub(crate) struct Judge<F: ?Sized = dyn Fn(&str, &str) -> Verdict + Send + Sync> {
    /// It is not asked again: what panics once does so at the rate of events.
    has_panicked: AtomicBool,
    function: F,
}

impl<F> Judge<F> {
    pub(crate) const fn new(function: F) -> Self {
        Self { has_panicked: AtomicBool::new(false), function }
    }
}

impl Judge {
    fn ask(&self, path: &str, value: &str) -> Verdict {
        struct Leave(bool);
        impl Drop for Leave {
            fn drop(&mut self) {
                let _ = IN_CALLBACK.try_with(|within| within.set(self.0));
            }
        }
        // Only a flag: nothing is published through it.
        if self.has_panicked.load(Ordering::Relaxed) {
            return Verdict::Redact;
        }
        let _leave = Leave(IN_CALLBACK.try_with(|within| within.replace(true)).unwrap_or_default());
        let asked = catch_unwind(AssertUnwindSafe(|| (self.function)(path, value)));
        asked.unwrap_or_else(|payload| {
            self.has_panicked.store(true, Ordering::Relaxed);
            // To drop it may panic as well.
            let _once_for_a_callback = Box::leak(payload);
            Verdict::Redact
        })
    }
}

/// A function of the application, and the paths it is asked about.
#[derive(Clone)]
pub(crate) struct Callback {
    pub(crate) name: String,
    pub(crate) paths: Vec<String>,
    /// Missing where the rules were read from a file.
    judge: Option<Arc<Judge>>,
}

impl Callback {
    pub(crate) fn new(name: &str, paths: &[&str], judge: Option<Arc<Judge>>) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { name: name.to_owned(), paths, judge }
    }

    /// Whether it is asked about the value at this path: its own, or one below it.
    fn sees(&self, path: &str) -> bool {
        let is_below = |own: &String| {
            path.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.paths.is_empty() || self.paths.iter().any(is_below)
    }

    /// What becomes of a value, and whether that is another one.
    pub(crate) fn judge<'v>(&self, path: &str, value: Cow<'v, str>) -> (Cow<'v, str>, bool) {
        if !self.sees(path) || value == crate::REDACTED {
            return (value, false);
        }
        let verdict = self.judge.as_ref().map_or(Verdict::Redact, |judge| judge.ask(path, &value));
        match verdict {
            Verdict::Keep => (value, false),
            Verdict::Redact => (Cow::Borrowed(crate::REDACTED), true),
            Verdict::Replace(other) if other == *value => (value, false),
            Verdict::Replace(other) => (Cow::Owned(other), true),
        }
    }

    /// Takes over the function of a callback of the same name.
    pub(crate) fn learn(&mut self, known: &[Self]) {
        if self.judge.is_none()
            && let Some(known) = known.iter().find(|known| known.name == self.name)
        {
            self.judge.clone_from(&known.judge);
        }
    }

    /// Whether it has panicked, and is not asked any more.
    pub(crate) fn has_panicked(&self) -> bool {
        self.judge.as_ref().is_some_and(|judge| judge.has_panicked.load(Ordering::Relaxed))
    }

    /// Whether nobody here knows what it would say.
    pub(crate) fn is_missing(&self) -> bool {
        self.judge.is_none()
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.paths == other.paths
    }
}

impl Eq for Callback {}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("name", &self.name).field("paths", &self.paths).finish()
    }
}

/// A pattern as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredPattern {
    pub(crate) name: String,
    pub(crate) pattern: String,
}

/// A callback as it is stored: without its function.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredCallback {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) paths: Vec<String>,
}
