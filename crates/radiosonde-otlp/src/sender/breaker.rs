//! The breaker: whether a request may go out now, and how large.
//!
//! ```text
//!            3 failures in a row, or a hint to wait
//!   closed ─────────────────────────────────────────▶ open ──(waited)──▶ half-open: one small probe
//!     ▲ │ slow start                                   ▲                   │        │
//!     │ └── configuration ──▶ held ──(60 s)──▶ probe   └──── failed, longer┘        │
//!     └──────────────────────────────────────────────────────── answered ───────────┘
//! ```
//! A pure state machine: time is handed in as the time since some beginning, and randomness as a
//! number. It never gives up.

use std::time::Duration;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 3;
/// Shortest wait of an open breaker.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// Longest wait that is our own choice.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait that a collector may ask for.
pub(super) const HINT_MAX: Duration = Duration::from_secs(600);
/// Between two looks at whether a configuration has become right.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// Records of a probe, and of the first request after one that was answered.
pub(super) const PROBE_RECORDS: u64 = 64;
/// How long a probe may take at first. One that ran out of it has twice as long the next time, so that
/// a collector that is slow and well is found to be.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Records of a request at most.
pub(super) const RECORDS_MAX: u64 = 2_048;
/// Answers in a row after which a collector counts as well again.
const WELL: u32 = 8;

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// One request of at most [`PROBE_RECORDS`], within this time.
    Probe(Duration),
    /// Requests of at most so many records.
    Send(u64),
    /// Nothing until then; none while a probe is under way.
    Wait(Option<Duration>),
}

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Something that stays until somebody changes it.
    Configuration,
    /// Something that may pass.
    Passing {
        /// Whether it ran out of time.
        timed_out: bool,
    },
    /// The collector asks to be left alone, for so long if it said so.
    Throttled(Option<Duration>),
}

/// What a breaker shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Closed,
    HalfOpen,
    Held,
    Open,
}

#[derive(Clone, Debug)]
pub(super) struct Breaker {
    state: State,
    /// How long an attempt may take.
    timeout: Duration,
    /// In a row, while closed.
    failures: u32,
    /// Answers in a row, while closed.
    answers: u32,
    /// How often it opened since the collector was well.
    openings: u32,
    /// Probes in a row that ran out of time.
    late_probes: u32,
    records: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Held { until: Duration },
    Open { until: Duration },
    Probing { held: bool },
}

impl Breaker {
    /// Closed, for requests of any size: a range that was under way when the process before was killed
    /// goes out again as it did then.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            state: State::Closed,
            timeout,
            failures: 0,
            answers: 0,
            openings: 0,
            late_probes: 0,
            records: RECORDS_MAX,
        }
    }

    pub(super) fn permit(&self, now: Duration) -> Permit {
        match self.state {
            State::Closed => Permit::Send(self.records),
            State::Held { until } | State::Open { until } if now < until => {
                Permit::Wait(Some(until))
            }
            State::Held { .. } | State::Open { .. } => {
                let timeout = PROBE_TIMEOUT.saturating_mul(1 << self.late_probes.min(16));
                Permit::Probe(timeout.min(self.timeout))
            }
            State::Probing { .. } => Permit::Wait(None),
        }
    }

    /// A probe is under way.
    pub(super) fn probe(&mut self) {
        self.state = State::Probing { held: matches!(self.state, State::Held { .. }) };
    }

    /// A request came to nothing that says anything of the collector: its records are not sent any
    /// more.
    pub(super) fn forget(&mut self, is_probe: bool, now: Duration) {
        match self.state {
            State::Probing { held: true } if is_probe => self.state = State::Held { until: now },
            State::Probing { held: false } if is_probe => self.state = State::Open { until: now },
            _ => {}
        }
    }

    /// The collector took a request, or said what is wrong with it: it is there.
    pub(super) fn answered(&mut self, is_probe: bool) {
        match self.state {
            State::Closed => {
                self.failures = 0;
                self.grow();
            }
            State::Probing { .. } if is_probe => {
                self.state = State::Closed;
                (self.failures, self.answers, self.late_probes) = (0, 0, 0);
                self.records = PROBE_RECORDS;
            }
            // An answer from before it opened: what came after knows better.
            State::Held { .. } | State::Open { .. } | State::Probing { .. } => {}
        }
    }

    fn grow(&mut self) {
        self.answers = self.answers.saturating_add(1);
        if self.answers >= WELL {
            self.openings = 0;
        }
        self.records = (self.records * 2).min(RECORDS_MAX);
    }

    pub(super) fn failed(&mut self, now: Duration, failure: Failure, is_probe: bool, random: u64) {
        self.answers = 0;
        match (self.state, failure) {
            (State::Probing { .. }, _) if !is_probe => {}
            (State::Closed | State::Probing { .. }, Failure::Configuration) => self.hold(now),
            (State::Closed | State::Probing { .. }, Failure::Throttled(hint)) => {
                self.open(now, hint, random);
            }
            (State::Probing { .. }, Failure::Passing { timed_out }) => {
                self.late_probes = if timed_out { self.late_probes.saturating_add(1) } else { 0 };
                self.open(now, None, random);
            }
            (State::Closed, Failure::Passing { .. }) => {
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    self.open(now, None, random);
                }
            }
            (State::Open { until }, Failure::Throttled(Some(hint))) => {
                self.state = State::Open { until: until.max(now + hint.min(HINT_MAX)) };
            }
            (State::Held { .. } | State::Open { .. }, _) => {}
        }
    }

    /// Stays away for [`HOLD`].
    pub(super) fn hold(&mut self, now: Duration) {
        self.failures = 0;
        self.state = State::Held { until: now + HOLD };
    }

    fn open(&mut self, now: Duration, hint: Option<Duration>, random: u64) {
        let longest = WAIT_MIN.saturating_mul(2 << self.openings.min(16)).min(WAIT_MAX);
        let spread = (longest - WAIT_MIN).as_millis().try_into().unwrap_or(u64::MAX);
        let jitter = WAIT_MIN + Duration::from_millis(random % (spread + 1));
        let wait = jitter.max(hint.unwrap_or_default().min(HINT_MAX));
        self.openings = self.openings.saturating_add(1);
        self.failures = 0;
        self.state = State::Open { until: now + wait };
    }

    pub(super) fn shown(&self) -> Shown {
        match self.state {
            State::Closed => Shown::Closed,
            State::Held { .. } | State::Probing { held: true } => Shown::Held,
            State::Open { .. } => Shown::Open,
            State::Probing { held: false } => Shown::HalfOpen,
        }
    }

    /// When it lets the next request through, if it does not now.
    pub(super) fn until(&self) -> Option<Duration> {
        match self.state {
            State::Held { until } | State::Open { until } => Some(until),
            State::Closed | State::Probing { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PASSING: Failure = Failure::Passing { timed_out: false };

    fn breaker() -> Breaker {
        Breaker::new(Duration::from_secs(10))
    }

    fn opened(random: u64) -> Breaker {
        let mut breaker = breaker();
        for _ in 0..FAILURES_MAX {
            breaker.failed(SECOND, PASSING, false, random);
        }
        breaker
    }

    /// Lets a probe out as soon as it may go; when that was.
    fn probe(breaker: &mut Breaker) -> Duration {
        let at = breaker.until().expect("open or held");
        assert!(matches!(breaker.permit(at), Permit::Probe(_)));
        breaker.probe();
        assert_eq!(breaker.permit(at + HINT_MAX), Permit::Wait(None), "one probe at a time");
        at
    }

    #[test]
    fn it_opens_at_the_third_failure_in_a_row() {
        let mut breaker = breaker();
        for _ in 0..10 {
            breaker.failed(SECOND, PASSING, false, 0);
            breaker.failed(SECOND, PASSING, false, 0);
            breaker.answered(false);
            assert_eq!(breaker.shown(), Shown::Closed);
        }
        assert_eq!(opened(0).shown(), Shown::Open);
    }

    #[test]
    fn waits_are_random_up_to_a_limit_that_doubles() {
        for (random, waits) in [(0, [500, 500, 500, 500, 500, 500, 500]), (u64::MAX / 2, [0; 7])] {
            let mut breaker = opened(random);
            let mut now = SECOND;
            let mut limit = SECOND;
            for expected in waits {
                let wait = breaker.until().expect("open") - now;
                assert!(wait >= WAIT_MIN && wait <= limit, "{wait:?} of {limit:?}");
                assert!(expected == 0 || wait == Duration::from_millis(expected));
                now = probe(&mut breaker);
                breaker.failed(now, PASSING, true, random);
                limit = (limit * 2).min(WAIT_MAX);
            }
        }
    }

    #[test]
    fn what_the_collector_asks_for_is_waited_for_within_reason() {
        for (hint, least, most) in [
            (None, WAIT_MIN, SECOND),
            (Some(Duration::ZERO), WAIT_MIN, SECOND),
            (Some(7 * SECOND), 7 * SECOND, 7 * SECOND),
            (Some(Duration::MAX), HINT_MAX, HINT_MAX),
        ] {
            let mut breaker = breaker();
            breaker.failed(SECOND, Failure::Throttled(hint), false, 1);
            let wait = breaker.until().expect("open at once") - SECOND;
            assert!(wait >= least && wait <= most, "{hint:?}: {wait:?}");
        }
        // A later answer may ask for longer, never for less.
        let mut breaker = breaker();
        for (seconds, expected) in [(7, 8), (2, 8), (20, 21)] {
            let hint = Failure::Throttled(Some(seconds * SECOND));
            breaker.failed(SECOND, hint, false, 1);
            assert_eq!(breaker.until(), Some(expected * SECOND));
        }
    }

    #[test]
    fn after_a_probe_it_starts_slowly() {
        let mut breaker = opened(0);
        probe(&mut breaker);
        breaker.answered(true);
        let mut permits = Vec::new();
        for _ in 0..7 {
            let Permit::Send(records) = breaker.permit(SECOND) else { panic!() };
            permits.push(records);
            breaker.answered(false);
        }
        let expected = [64, 128, 256, 512, 1_024, 2_048, 2_048];
        assert_eq!(permits, expected);
    }

    #[test]
    fn a_probe_that_runs_out_of_time_has_longer_the_next_time() {
        let mut breaker = opened(0);
        for seconds in [2, 4, 8, 10, 10] {
            let at = breaker.until().expect("open");
            assert_eq!(breaker.permit(at), Permit::Probe(seconds * SECOND));
            breaker.probe();
            breaker.failed(at, Failure::Passing { timed_out: true }, true, 0);
        }
    }

    #[test]
    fn a_configuration_is_looked_at_once_a_minute() {
        let mut breaker = breaker();
        breaker.failed(SECOND, Failure::Configuration, false, 0);
        for round in 1..5 {
            assert_eq!(breaker.shown(), Shown::Held);
            let at = probe(&mut breaker);
            assert_eq!(at, SECOND + round * HOLD);
            breaker.failed(at, Failure::Configuration, true, 0);
        }
        probe(&mut breaker);
        breaker.answered(true);
        assert_eq!(breaker.shown(), Shown::Closed);
    }

    #[test]
    fn late_answers_of_earlier_requests_change_nothing() {
        let mut breaker = opened(0);
        let until = breaker.until();
        breaker.answered(false);
        breaker.failed(SECOND, PASSING, false, 9);
        breaker.failed(SECOND, Failure::Configuration, false, 9);
        assert_eq!(breaker.until(), until);
        probe(&mut breaker);
        breaker.answered(false);
        breaker.failed(SECOND, PASSING, false, 9);
        assert_eq!(breaker.shown(), Shown::HalfOpen);
    }

    #[test]
    fn a_collector_that_comes_and_goes_is_waited_for_longer() {
        let mut breaker = opened(u64::MAX);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let at = probe(&mut breaker);
            breaker.answered(true);
            for _ in 0..FAILURES_MAX {
                breaker.failed(at, PASSING, false, 499);
            }
            waits.push(breaker.openings);
        }
        assert!(waits.is_sorted_by(|one, next| one < next), "{waits:?}");
        probe(&mut breaker);
        for is_probe in [true, false, false, false, false, false, false, false, false] {
            breaker.answered(is_probe);
        }
        assert_eq!(breaker.openings, 0, "well again");
    }
}
