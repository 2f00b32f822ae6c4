//! A lane with its destination.

use std::time::{Duration, Instant, SystemTime};

use radiosonde_spool::Spool;

use super::breaker::Shown;
use super::lane::Lane;
use super::pace::Pace;
use super::status::{State, Status};
use super::transport::Transport;
use super::{SenderOptions, lane};
use crate::destination::{Destination, Protocol};
use crate::signal::Signal;

/// Everything of one signal to one destination, whichever spools it comes from.
pub(super) struct Route {
    pub(super) id: u64,
    pub(super) destination: Destination,
    pub(super) strict: bool,
    pub(super) lane: Lane<Spool>,
    pub(super) transport: Transport,
}

impl Route {
    pub(super) fn new(
        id: u64,
        destination: &Destination,
        signal: Signal,
        strict: bool,
        options: &SenderOptions,
    ) -> Self {
        let pace = Pace::new(options.records_per_second_min);
        let mut lane = Lane::new(signal, strict, destination.timeout(), pace);
        // A status of gRPC comes from nothing else.
        lane.is_known = destination.protocol == Protocol::Grpc;
        Self {
            id,
            destination: destination.clone(),
            strict,
            lane,
            transport: Transport::new(destination.clone(), signal, options.proxies.clone()),
        }
    }

    /// Whether what has this destination goes this way.
    pub(super) fn is_of(&self, destination: &Destination, signal: Signal, strict: bool) -> bool {
        (self.lane.signal(), self.strict) == (signal, strict) && self.destination == *destination
    }

    pub(super) fn status(&self, clock: &Clock) -> Status {
        let now = clock.now();
        let Lane { breaker, counts, .. } = &self.lane;
        let (pending, oldest_ns) = self.lane.pending();
        let state = match breaker.shown() {
            Shown::Closed => State::Closed,
            Shown::HalfOpen => State::HalfOpen,
            Shown::Held => State::Held,
            Shown::Open => State::Open,
        };
        let last = counts.last_error.clone();
        Status {
            signal: self.lane.signal(),
            endpoint: self.destination.shown(),
            protocol: self.destination.protocol,
            state,
            next_attempt: breaker.until().map(|until| until.saturating_sub(now)),
            last_error: last.as_ref().map(|(_, text)| text.clone()),
            last_error_at: last.map(|(at, _)| clock.wall(at)),
            message: counts.message.clone(),
            attempts: counts.attempts,
            failures: counts.failures,
            delivered: counts.delivered,
            rejected: counts.rejected,
            quarantined: counts.quarantined,
            dropped_by_the_letter: counts.dropped_by_the_letter,
            unreadable: counts.unreadable,
            spool_errors: counts.spool_errors,
            pending,
            oldest_pending: oldest_ns.map(|ns| SystemTime::UNIX_EPOCH + Duration::from_nanos(ns)),
        }
    }

    /// Whether all that was appended until then, in nanoseconds since 1970, is settled.
    pub(super) fn is_settled(&self, until_ns: u64) -> bool {
        match self.lane.pending() {
            (0, _) => true,
            // The oldest is told never too late.
            (_, oldest_ns) => oldest_ns.is_some_and(|oldest_ns| oldest_ns > until_ns),
        }
    }
}

/// The time since the thread started, and that of the wall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    start_wall: SystemTime,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), start_wall: SystemTime::now() }
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    pub(super) fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    fn wall(&self, at: Duration) -> SystemTime {
        self.start_wall + at
    }
}

/// How long a route may be left alone.
pub(super) const TICK: Duration = lane::LINGER;
