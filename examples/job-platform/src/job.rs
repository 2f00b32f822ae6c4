//! A job, as it travels: what is to be done, how often that was tried, and the context it is done in.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use radiosonde::{Context, propagation};
use serde::{Deserialize, Serialize};

use crate::catalog;

/// How often a job is tried at most.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// How long a job that comes back is left to workers other than the one it failed on.
const AVOIDED_FOR: Duration = Duration::from_secs(5);

/// What a job is about. All but the first have a fault, so that there is something to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Renders a scene.
    Render,
    /// Fails at its first attempt.
    Flaky,
    /// Fails at every attempt.
    Broken,
    /// Waits for a storage that is slow, and is done.
    Slow,
    /// Hangs in its first attempt.
    Stall,
    /// Hangs in every attempt.
    Hang,
}

impl Kind {
    /// As it stands in messages, in labels and on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Flaky => "flaky",
            Self::Broken => "broken",
            Self::Slow => "slow",
            Self::Stall => "stall",
            Self::Hang => "hang",
        }
    }

    /// As a label: the kinds are few. Which job it was stands on events and spans.
    pub(crate) fn label(self) -> catalog::JobType {
        catalog::JobType::new(self.as_str())
    }
}

/// A message of the queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) kind: Kind,
    pub(crate) payload: String,
    /// 1 for the first.
    pub(crate) attempt: u32,
    pub(crate) submitted_ms: u64,
    pub(crate) ready_ms: u64,
    /// The worker the last attempt failed on.
    pub(crate) avoid: Option<String>,
    /// How it went, once that is known: `success`, `failure` or `timeout`, and why.
    pub(crate) outcome: Option<(String, String)>,
    /// Trace, job and baggage of whoever wrote the message.
    pub(crate) context: BTreeMap<String, String>,
}

impl Job {
    pub(crate) fn new(job_id: String, kind: Kind, payload: String) -> Self {
        let now = now_ms();
        Self {
            job_id,
            kind,
            payload,
            attempt: 1,
            submitted_ms: now,
            ready_ms: now,
            avoid: None,
            outcome: None,
            context: BTreeMap::new(),
        }
    }

    /// The message with the context that is current here, for the next one who reads it.
    pub(crate) fn sent_from_here(mut self) -> Self {
        propagation::inject(&Context::current(), &mut self.context);
        self
    }

    /// The context the message came with.
    pub(crate) fn sent_context(&self) -> Context {
        propagation::extract(&self.context)
    }

    /// The next attempt, which other workers have a moment for before this one may try again.
    pub(crate) fn after(mut self, worker: &str) -> Self {
        self.attempt += 1;
        self.avoid = Some(worker.to_owned());
        self.ready_ms = now_ms();
        self
    }

    /// Whether a worker may have it now.
    pub(crate) fn is_for(&self, worker: &str) -> bool {
        self.avoid.as_deref() != Some(worker) || self.waited() > AVOIDED_FOR
    }

    /// Since it became ready.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.ready_ms))
    }
}

/// How a job ended, as a label.
pub(crate) fn outcome_label(outcome: &str) -> catalog::Outcome {
    match outcome {
        "success" => catalog::Outcome::Success,
        "timeout" => catalog::Outcome::Timeout,
        _ => catalog::Outcome::Failure,
    }
}

/// An id that no other job has.
pub(crate) fn new_id() -> String {
    // The keys of each are random.
    format!("job-{:016x}", RandomState::new().hash_one(std::process::id()))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
