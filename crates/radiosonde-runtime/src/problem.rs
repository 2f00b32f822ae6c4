//! Problems: what does not work, and what to do about it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radiosonde_redact::Rules;
use serde::Serialize;

/// Something that does not work, with the fix. Everything else goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// What is wrong, naming file, line, variable or field.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// Whether `try_init!` stops for it.
    pub severity: Severity,
}

/// What a problem means for the start of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Something is not as the program asks: `try_init!` fails.
    #[default]
    Error,
    /// Something has come with time or lies on the disk, such as the end of a deprecation: to be
    /// seen to, but the same program started well before, and must do so again.
    Warning,
}

impl Problem {
    /// A problem and its fix; an error.
    pub fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into(), severity: Severity::Error }
    }

    /// A problem that `try_init!` does not stop for.
    pub fn warning(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(what, fix) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; fix: {}", self.what, self.fix)
    }
}

/// What `try_init!` found wrong: every problem, warnings as well, not only the first.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitError {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 { "" } else { "s" };
        write!(f, "telemetry has {} problem{plural}", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

/// As [`Display`](fmt::Display): a `main` that returns it shows it like this.
impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for InitError {}

impl List {
    /// What may be shown of a problem.
    fn shown(&self, problem: Problem) -> Problem {
        let shown = |text: String| {
            let redacted = match &self.rules {
                Some(rules) => rules.redact(&text, &mut |_| ()),
                None => Rules::standard().redact(&text, &mut |_| ()),
            };
            redacted.unwrap_or(text)
        };
        Problem { what: shown(problem.what), fix: shown(problem.fix), ..problem }
    }
}

/// Problems that are kept; more are counted only.
const PROBLEMS_MAX: usize = 256;

/// The problems of one telemetry. Cheap to clone; clones share the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    all: Vec<Problem>,
    /// Not yet written to the log.
    unlogged: VecDeque<Problem>,
    omitted: u64,
    /// What to do about problems that are numbers and were in the log: it is the same for all numbers.
    counted: Vec<String>,
    /// What must not be shown of a text from the environment or a file.
    rules: Option<Rules>,
}

impl Problems {
    /// Adds a problem, once, without the secrets in it.
    pub(crate) fn add(&self, problem: Problem) {
        let mut list = self.list();
        let problem = list.shown(problem);
        if list.all.contains(&problem) {
            return;
        }
        if list.all.len() >= PROBLEMS_MAX {
            list.omitted += 1;
            return;
        }
        list.all.push(problem.clone());
        list.unlogged.push_back(problem);
    }

    pub(crate) fn say(&self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(Problem::new(what, fix));
    }

    pub(crate) fn warn(&self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(Problem::warning(what, fix));
    }

    /// Takes a problem back: what it says is over. Said again, it is a new one.
    pub(crate) fn retract(&self, problem: &Problem) {
        let mut list = self.list();
        let problem = list.shown(problem.clone());
        list.all.retain(|there| *there != problem);
    }

    /// Redacts by these rules from here on, and not by the standard ones only.
    pub(crate) fn apply(&self, rules: &Rules) {
        self.list().rules = Some(rules.clone());
    }

    /// Puts one problem in the place of another, and into the log too if asked. Whether that other
    /// was listed.
    pub(crate) fn replace(&self, old: &Problem, new: &Problem, log: bool) -> bool {
        let mut list = self.list();
        let (old, new) = (list.shown(old.clone()), list.shown(new.clone()));
        let Some(place) = list.all.iter().position(|there| *there == old) else { return false };
        // Said already, of another reason: it must not stand there twice.
        if old != new && list.all.contains(&new) {
            return false;
        }
        list.all[place].clone_from(&new);
        if log {
            list.unlogged.push_back(new);
        }
        true
    }

    /// Adds what the rules have to say about the callbacks of the application.
    fn add_panicked(&self) {
        let panicked: Vec<String> = match &self.list().rules {
            Some(rules) => rules.panicked_callbacks().map(str::to_owned).collect(),
            None => return,
        };
        for name in panicked {
            self.say(
                format!(
                    "the redaction callback `{name}` panicked and is not asked any more: every \
                         value it would have seen is redacted, and counted under its name"
                ),
                "mend the callback, which has to bear whatever stands at its paths, and restart",
            );
        }
    }

    /// What the rules differ in from the standard ones, see [`Rules::summary`].
    pub(crate) fn redaction(&self) -> Option<String> {
        self.list().rules.as_ref().and_then(Rules::summary)
    }

    /// All problems so far, and a last one that counts those past the limit.
    pub(crate) fn all(&self) -> Vec<Problem> {
        self.add_panicked();
        let list = self.list();
        let mut all = list.all.clone();
        if list.omitted > 0 {
            let what = format!("{} further problems are not listed", list.omitted);
            all.push(Problem::new(what, "mend the ones above first"));
        }
        all
    }

    /// Whether a problem of this kind, whatever its number, is asked about for the first time.
    pub(crate) fn is_first(&self, problem: &Problem) -> bool {
        let mut list = self.list();
        let is_first = !list.counted.contains(&problem.fix) && list.counted.len() < PROBLEMS_MAX;
        if is_first {
            list.counted.push(problem.fix.clone());
        }
        is_first
    }

    pub(crate) fn take_unlogged(&self) -> Vec<Problem> {
        self.add_panicked();
        self.list().unlogged.drain(..).collect()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
