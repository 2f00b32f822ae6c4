//! What goes out next.

use std::cmp::Reverse;
use std::time::Duration;

use radiosonde_spool::Limit;

use super::{BACKLOG, JOBS_MAX, LINGER, Lane, MANY, Source};
use crate::sender::job::Job;
use crate::sender::store::{Range as _, Store, Waiting};
use crate::sender::thread::LAST_ANSWERS;

impl<S: Store> Lane<S> {
    /// The place of the job that the next request comes from; takes a range when there is none.
    pub(super) fn choose(
        &mut self,
        now: Duration,
        waiting: &[Vec<Waiting>],
        records: u64,
    ) -> Option<usize> {
        self.turn = self.turn.wrapping_add(1);
        if self.in_doubt {
            // Whether the collector refuses everything is found out with something else.
            if let Some(at) = self.take(now, waiting, records) {
                return Some(at);
            }
            let count = self.jobs.len();
            let mut places = (0..count).map(|step| (self.turn + step) % count);
            return places.find(|at| self.may_go(&self.jobs[*at], now));
        }
        let first = self.jobs.iter().position(|job| self.may_go(job, now));
        first.or_else(|| self.take(now, waiting, records))
    }

    fn take(&mut self, now: Duration, waiting: &[Vec<Waiting>], records: u64) -> Option<usize> {
        while self.jobs.len() < JOBS_MAX {
            let (source, stream) = self.ready(now, waiting)?;
            let left = self.left(source, stream, waiting);
            let limit = Limit { records, bytes: self.bytes_max as u64 };
            let of = &mut self.sources[source];
            let name = self.streams[stream];
            let taken = match of.store.take(name, limit) {
                Ok(Some(taken)) => taken,
                other => {
                    of.again_at[stream] = now + LINGER;
                    if let Err(error) = other {
                        self.counts.spool_errors += 1;
                        self.counts.say(now, format!("the spool cannot be read: {error}"));
                    }
                    continue;
                }
            };
            self.numbers += 1;
            let job = Job::new(self.numbers, of.id, name, taken);
            if job.taken.records() >= left {
                of.next_take[stream] = now + LINGER;
            }
            for payload in job.damaged() {
                let _ = of.store.quarantine(name, payload, "an entry that cannot be read");
            }
            let may_go = self.may_go(&job, now);
            self.jobs.push(job);
            if may_go {
                return Some(self.jobs.len() - 1);
            }
            self.settle(now);
        }
        None
    }

    /// Whether a request that is sent now will be answered before the process ends, as far as is known.
    pub(super) fn is_in_time(&self, now: Duration) -> bool {
        let answered = now + self.last_trip.unwrap_or_default();
        self.ends_at.is_none_or(|end| now < end && answered <= end + LAST_ANSWERS)
    }

    /// Whether a part of a job may be sent now.
    fn may_go(&self, job: &Job<S::Taken>, now: Duration) -> bool {
        job.is_waiting(now) && !self.is_left_alone(job)
    }

    /// Whether it may have been sent before, and waits for the collector to answer something else.
    fn is_left_alone(&self, job: &Job<S::Taken>) -> bool {
        job.taken.is_again() && self.last_trip.is_none()
    }

    /// Whether what waits waits for that alone.
    pub(super) fn waits_for_an_answer(&self, now: Duration) -> bool {
        let waits = |job: &Job<S::Taken>| job.is_waiting(now) && self.is_left_alone(job);
        self.flying.is_empty() && self.jobs.iter().any(waits)
    }

    /// Whether nothing more is sent until then.
    pub(in crate::sender) fn is_vain(&self, now: Duration, until: Duration) -> bool {
        let is_over = self.flying.is_empty() && !self.is_in_time(now);
        is_over || self.breaker.until().is_some_and(|at| at > until)
    }

    /// The source and stream to take from, by place.
    fn ready(&self, now: Duration, waiting: &[Vec<Waiting>]) -> Option<(usize, usize)> {
        let mut all = 0;
        let mut ready = Vec::new();
        for (source, streams) in waiting.iter().enumerate() {
            for (stream, state) in streams.iter().enumerate() {
                let left = self.left(source, stream, waiting);
                all += left;
                if left > 0 && self.take_at(source, stream, left) <= now {
                    ready.push((source, stream, state.oldest_ns));
                }
            }
        }
        let rank = |stream: usize| Reverse(self.streams[stream].rank());
        let chosen = if all > BACKLOG && !self.turn.is_multiple_of(5) {
            ready.into_iter().min_by_key(|(_, stream, oldest_ns)| (rank(*stream), *oldest_ns))
        } else {
            ready.into_iter().min_by_key(|(_, stream, oldest_ns)| (*oldest_ns, rank(*stream)))
        };
        chosen.map(|(source, stream, _)| (source, stream))
    }

    /// When a range of a stream may be taken.
    fn take_at(&self, source: usize, stream: usize, left: u64) -> Duration {
        let Source { again_at, next_take, from, .. } = &self.sources[source];
        if self.in_a_hurry {
            return again_at[stream];
        }
        let gathered = if left >= MANY { Duration::ZERO } else { next_take[stream] };
        again_at[stream].max(gathered).max(*from)
    }

    /// Records of a stream that are not taken.
    fn left(&self, source: usize, stream: usize, waiting: &[Vec<Waiting>]) -> u64 {
        let (id, name) = (self.sources[source].id, self.streams[stream]);
        let taken = self.jobs.iter().filter(|job| (job.source, job.stream) == (id, name));
        let taken: u64 = taken.map(|job| job.taken.records()).sum();
        waiting[source][stream].pending.saturating_sub(taken)
    }

    /// Records that are not taken: of the stream that has most, and of all.
    pub(super) fn backlog(&self, waiting: &[Vec<Waiting>]) -> (u64, u64) {
        let streams =
            |source: usize| (0..waiting[source].len()).map(move |stream| (source, stream));
        let places = (0..waiting.len()).flat_map(streams);
        let left = places.map(|(source, stream)| self.left(source, stream, waiting));
        left.fold((0, 0), |(most, all), left| (most.max(left), all + left))
    }

    /// When to look again while nothing is ready.
    pub(super) fn wake(&self, now: Duration) -> Option<Duration> {
        let parked = self.jobs.iter().filter_map(Job::parked_until);
        let settle = self.jobs.iter().filter(|job| job.is_done()).map(|job| job.settle_at);
        let gathering = self.sources.iter().flat_map(|source| {
            source.next_take.iter().map(|take| (*take).max(source.from)).filter(|take| *take > now)
        });
        let resting = self.jobs.iter().filter(|job| job.is_resting(now)).map(Job::rests_until);
        parked.chain(settle).chain(resting).chain(gathering).filter(|until| *until > now).min()
    }
}
