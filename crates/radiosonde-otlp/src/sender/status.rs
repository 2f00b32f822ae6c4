//! How it stands with what is sent.

use std::time::{Duration, SystemTime};

use crate::destination::Protocol;
use crate::signal::Signal;

/// How it stands with one signal on its way to one destination. Records are counted since the sender
/// started; the books of a spool count over all processes that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What is sent.
    pub signal: Signal,
    /// Where to, as [`Destination::shown`](crate::Destination::shown) has it: without secrets.
    pub endpoint: String,
    /// How.
    pub protocol: Protocol,
    /// Whether anything goes out now.
    pub state: State,
    /// Until the next attempt; none when one may go at any time.
    pub next_attempt: Option<Duration>,
    /// What the last attempt that failed came to, without secrets.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<SystemTime>,
    /// The last message of a collector that took a request, but not all of it, or with a warning.
    pub message: Option<String>,
    /// Requests that were sent.
    pub attempts: u64,
    /// Requests that failed, for whatever reason.
    pub failures: u64,
    /// Records that the collector acknowledged.
    pub delivered: u64,
    /// Records that are not sent again: the collector refused them.
    pub rejected: u64,
    /// Of these, records that were found by search and are in quarantine.
    pub quarantined: u64,
    /// Of these, records that were dropped because the specification says so, in strict mode.
    pub dropped_by_the_letter: u64,
    /// Answers that acknowledge, but could not be read: nobody knows whether records were refused.
    pub unreadable: u64,
    /// Errors of the spool while reading from it or settling.
    pub spool_errors: u64,
    /// Records that wait.
    pub pending: u64,
    /// When the oldest of them was recorded.
    pub oldest_pending: Option<SystemTime>,
}

/// Whether anything goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// All is well, as far as is known.
    Closed,
    /// One small request finds out whether the collector is back.
    HalfOpen,
    /// Something has to be set right first: [`Status::last_error`] says what. It is looked at once a
    /// minute, and nothing is lost meanwhile.
    Held,
    /// The collector is left alone for a while.
    Open,
}

impl State {
    /// The value of a `state` label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Held => "held",
            Self::Open => "open",
        }
    }
}

/// What a lane counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) attempts: u64,
    pub(super) failures: u64,
    pub(super) delivered: u64,
    pub(super) rejected: u64,
    pub(super) quarantined: u64,
    pub(super) dropped_by_the_letter: u64,
    pub(super) unreadable: u64,
    pub(super) spool_errors: u64,
    pub(super) message: Option<String>,
    pub(super) last_error: Option<(Duration, String)>,
}

impl Counts {
    pub(super) fn failed(&mut self, now: Duration, text: String) {
        self.failures += 1;
        self.say(now, text);
    }

    pub(super) fn say(&mut self, now: Duration, text: String) {
        self.last_error = Some((now, text));
    }
}
