//! Problems: what does not work, and what to do about it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Something that does not work, with the fix. Everything else goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// What is wrong, naming file, line, variable or field.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Problem {
    /// A problem and its fix.
    pub fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; fix: {}", self.what, self.fix)
    }
}

/// What `try_init!` found wrong: every problem, not only the first.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl std::error::Error for InitError {}

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
}

impl Problems {
    /// Adds a problem, once.
    pub(crate) fn add(&self, problem: Problem) {
        let mut list = self.list();
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

    /// Takes a problem back: what it says is over. Said again, it is a new one.
    pub(crate) fn retract(&self, problem: &Problem) {
        self.list().all.retain(|there| there != problem);
    }

    /// All problems so far, and a last one that counts those past the limit.
    pub(crate) fn all(&self) -> Vec<Problem> {
        let list = self.list();
        let mut all = list.all.clone();
        if list.omitted > 0 {
            let what = format!("{} further problems are not listed", list.omitted);
            all.push(Problem::new(what, "mend the ones above first"));
        }
        all
    }

    pub(crate) fn take_unlogged(&self) -> Vec<Problem> {
        self.list().unlogged.drain(..).collect()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
