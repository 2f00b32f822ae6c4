//! Bodies that were recorded, and that the collector behind did not take: they come again.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use opentelemetry_http::{Bytes, Request};

/// Bodies that are remembered. An exporter sends one at a time, and tries it again before the next.
const REMEMBERED_MAX: usize = 64;

/// What has failed lately. Takes 16 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    failed: Mutex<VecDeque<(u64, u64)>>,
}

impl Repeats {
    /// Begins to hand a request on. Whether its body has failed before is [`Attempt::is_repeat`].
    pub(super) fn begin<'a>(&'a self, request: &Request<Bytes>) -> Attempt<'a> {
        let (path, body) = (request.uri().path(), request.body());
        // Two of 64 bits: one alone would meet another body by chance once in a long life.
        let key =
            (self.hasher.hash_one((0_u8, path, body)), self.hasher.hash_one((1_u8, path, body)));
        let is_repeat = self.failed().contains(&key);
        Attempt { repeats: self, key, is_repeat, is_recorded: is_repeat, is_done: false }
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, u64)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request while it is handed on. Dropped before it is done, as when its future is, it has failed.
/// Only what was recorded is remembered: what was not, as before `init!`, has its chance again.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    repeats: &'a Repeats,
    key: (u64, u64),
    /// The same bytes were recorded before, and were not taken by the collector.
    pub(super) is_repeat: bool,
    is_recorded: bool,
    is_done: bool,
}

impl Attempt<'_> {
    /// Its lines are here, or in the books as dropped.
    pub(super) fn recorded(&mut self) {
        self.is_recorded = true;
    }

    /// The collector has it: the same bytes are not expected again.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut failed = self.repeats.failed();
        failed.retain(|key| *key != self.key);
        if self.is_recorded && !self.is_done {
            if failed.len() == REMEMBERED_MAX {
                let _oldest = failed.pop_front();
            }
            failed.push_back(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, body: &str) -> Request<Bytes> {
        Request::post(path).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn only_what_has_failed_is_a_repeat_and_that_once() {
        let repeats = Repeats::default();
        let is_repeat = |path: &str, body: &str, is_taken: bool| {
            let mut attempt = repeats.begin(&request(path, body));
            let is_repeat = attempt.is_repeat;
            attempt.recorded();
            if is_taken {
                attempt.done();
            }
            is_repeat
        };
        assert!(!is_repeat("/v1/logs", "a", true));
        assert!(!is_repeat("/v1/logs", "a", false), "the first one was taken");
        assert!(!is_repeat("/v1/traces", "a", true), "another signal");
        assert!(is_repeat("/v1/logs", "a", false));
        assert!(is_repeat("/v1/logs", "a", true));
        assert!(!is_repeat("/v1/logs", "a", true), "and that was the end of it");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let repeats = Repeats::default();
        for nth in 0..10 * REMEMBERED_MAX {
            repeats.begin(&request("/v1/logs", &nth.to_string())).recorded();
        }
        assert_eq!(repeats.failed().len(), REMEMBERED_MAX);
        let last = (10 * REMEMBERED_MAX - 1).to_string();
        assert!(repeats.begin(&request("/v1/logs", &last)).is_repeat);
    }
}
