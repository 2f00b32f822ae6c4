//! Lists of what was captured, and what of it is meant.

use std::fmt;
use std::ops::Deref;

use radiosonde_record::{Level, ToValue};

use super::entry::Recorded;

/// Events or spans, in the order they were recorded; spans as they ended.
#[derive(Clone, Debug)]
pub struct Found<T>(Vec<T>);

impl<T> Found<T> {
    pub(super) fn new(all: Vec<T>) -> Self {
        Self(all)
    }
}

impl<T: Deref<Target = Recorded>> Found<T> {
    /// Those of that name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.filtered(|one| one.name() == name)
    }

    /// Those of that level.
    #[must_use]
    pub fn at_level(self, level: Level) -> Self {
        self.filtered(|one| one.level() == level)
    }

    /// Those with that value of a field, or of `job_id`, `worker_id` or `session_id`.
    #[must_use]
    pub fn with(self, key: &str, value: impl ToValue) -> Self {
        self.filtered(|one| one.has(key, &value))
    }

    /// Those whose message contains this.
    #[must_use]
    pub fn saying(self, part: &str) -> Self {
        self.filtered(|one| one.message().contains(part))
    }

    /// Those of that job.
    #[must_use]
    pub fn of_job(self, job: &str) -> Self {
        self.filtered(|one| one.job_id() == Some(job))
    }

    fn filtered(mut self, keep: impl Fn(&T) -> bool) -> Self {
        self.0.retain(keep);
        self
    }
}

impl<T> Deref for Found<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for Found<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'f, T> IntoIterator for &'f Found<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// As the console shows them.
impl<T: Deref<Target = Recorded>> fmt::Display for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| f.write_str(one.shown()))
    }
}
