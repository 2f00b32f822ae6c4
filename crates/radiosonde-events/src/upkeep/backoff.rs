//! Sealing that fails is not tried at every run: it costs a compression and a disk's bandwidth.

use std::collections::BTreeMap;

use super::Failed;

/// Runs between two attempts, at most: about ten minutes.
const RUNS_MAX: u64 = 64;

/// What failed, how often, and which run tries again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    run: u64,
    waiting: BTreeMap<String, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    failed: Failed,
    pause: u64,
    due: u64,
}

impl Backoff {
    pub(super) fn begin_run(&mut self) {
        self.run += 1;
    }

    /// What was said of a file that is not due again yet.
    pub(super) fn held_back(&self, name: &str) -> Option<&Failed> {
        self.waiting.get(name).filter(|waiting| waiting.due > self.run).map(|found| &found.failed)
    }

    pub(super) fn note(&mut self, name: &str, failed: &Failed) {
        let pause = self.waiting.get(name).map_or(1, |before| (before.pause * 2).min(RUNS_MAX));
        let (failed, due) = (failed.clone(), self.run + pause);
        self.waiting.insert(name.to_owned(), Waiting { failed, pause, due });
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.waiting.remove(name);
    }

    /// Forgets files that are gone.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.waiting.retain(|name, _| is_there(name));
    }
}
