//! One signal on its way to one destination: what goes out next, and what becomes of it.
//!
//! A pure state machine: [`Lane::next`] says what to send, [`Lane::answered`] takes what came of it.
//! Time is handed in as the time since some beginning, randomness as numbers.
//!
//! # Order
//! Of the streams of a signal the one whose oldest record is oldest goes first. With more than
//! [`BACKLOG`] records waiting, four of five ranges come from the stream of the highest rank that has
//! any (business events, then warnings, …), and the fifth from the oldest, so that nothing starves.
//! Within a stream ranges are sent in their order; how many at a time, [`Flight`] says.
//!
//! # What a collector refuses
//! The halves of a refused part are tried, down to the one entry that is refused alone. If anything was
//! accepted since that search began, it is tried once more, and then given up, to quarantine; if not,
//! it is parked until something is, and tried again each minute. A request without records asks whether
//! the collector takes anything, when nothing else may be taken any more, or when nothing else waits and
//! all that does was refused [`ALONE`] times: what is refused alone does not wait for ever for company.
//! A collector that refuses that request too, or [`PARKED_MAX`] single entries while it accepts nothing,
//! does not mean the entries: it counts as misconfigured, and nothing is given up.
//!
//! # What a collector fails at
//! A 500, INTERNAL or UNKNOWN says nothing of the records: they are never given up for it, however often
//! it comes. A range that the collector failed at five times waits behind the others, for a second at
//! first, for a minute in the end. Four ranges at which it fails for ever hold up their signal, which
//! [`Status::last_error`](super::Status::last_error) says.
//!
//! # At the end of the process
//! Whatever is under way when it ends is sent a second time, by whoever comes next. So nothing is sent that
//! would not be answered by then, as far as the last answer tells; and what may have been sent before waits
//! until the collector has answered something, a request without records if there is nothing else. A slow
//! collector then gets a range twice at most, however many short programs there are.

mod choice;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use super::breaker::{Breaker, HOLD, PROBE_RECORDS, Permit, RECORDS_MAX};
use super::flight::{FLIGHT_MAX, Flight};
use super::job::{Job, Part};
use super::pace::Pace;
use super::status::Counts;
use super::store::{Store, Waiting};
use crate::assemble::assemble;
use crate::signal::Signal;
use crate::streams::Stream;

/// Ranges that are taken at most; they are in memory.
const JOBS_MAX: usize = FLIGHT_MAX;
/// Bytes of a request before it is compressed, unless one entry has more. What a gRPC server takes by
/// default is 4 MiB.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// What a request is not cut below for being too large.
const BYTES_MIN: usize = 16 * 1024;
/// Requests that are accepted before larger ones are tried again.
const REGROW: u32 = 64;
/// How long records gather before they are sent, unless there are many.
pub(super) const LINGER: Duration = Duration::from_millis(500);
/// So many records are sent without waiting for more.
const MANY: u64 = 512;
/// Records that wait at most while they are sent by age alone.
pub(super) const BACKLOG: u64 = RECORDS_MAX * FLIGHT_MAX as u64;
/// Single entries that a collector may refuse without accepting anything.
const PARKED_MAX: usize = 16;
/// How often all that waits is refused, a minute apart, before a request without records asks whether
/// it is the records.
const ALONE: u8 = 10;
/// Between two tries to settle a range when the disk refuses.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Lane<S: Store> {
    signal: Signal,
    streams: Vec<Stream>,
    strict: bool,
    timeout: Duration,
    pub(super) breaker: Breaker,
    flight: Flight,
    pace: Pace,
    sources: Vec<Source<S>>,
    jobs: Vec<Job<S::Taken>>,
    flying: Vec<Flying>,
    numbers: u64,
    /// Requests that were accepted.
    accepts: u64,
    accepts_since_cut: u32,
    bytes_max: usize,
    /// Whether the collector has once shown that it is one.
    pub(super) is_known: bool,
    /// Whether the collector seems to refuse everything.
    in_doubt: bool,
    /// When a request without records may be sent again.
    ask_at: Duration,
    turn: usize,
    /// Whether somebody waits: then records do not gather.
    pub(super) in_a_hurry: bool,
    /// When the process ends, once it is known.
    pub(super) ends_at: Option<Duration>,
    /// How long the last answer took; the one before says nothing of a collector that has recovered.
    last_trip: Option<Duration>,
    pub(super) counts: Counts,
}

/// A spool whose records go this way.
pub(super) struct Source<S> {
    pub(super) id: u64,
    pub(super) store: S,
    pub(super) instance: String,
    pub(super) resource: Arc<[u8]>,
    /// Not before that: so that many programs that start at once do not all send at once.
    pub(super) from: Duration,
    appended: u64,
    /// By stream of the signal: not before that, so that records gather.
    next_take: Vec<Duration>,
    /// By stream of the signal: not before that, since there was nothing to be had.
    again_at: Vec<Duration>,
}

impl<S> Source<S> {
    pub(super) fn new(id: u64, store: S, instance: String, resource: Arc<[u8]>) -> Self {
        let (from, next_take, again_at) = (Duration::ZERO, Vec::new(), Vec::new());
        Self { id, store, instance, resource, from, appended: 0, next_take, again_at }
    }
}

/// A request under way.
struct Flying {
    id: u64,
    /// The job and the part of it; none when it carries no records.
    part: Option<(u64, Part)>,
    is_probe: bool,
    sent_at: Duration,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Attempt),
    /// Nothing until then, or until something is answered, or appended.
    Wait(Option<Duration>),
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) id: u64,
    /// Uncompressed.
    pub(super) body: Vec<u8>,
    pub(super) timeout: Duration,
    /// `<instance>/<stream>/<first>-<last>`: the same whenever the same records are sent.
    pub(super) batch: String,
}

impl<S: Store> Lane<S> {
    pub(super) fn new(signal: Signal, strict: bool, timeout: Duration, pace: Pace) -> Self {
        let streams = Stream::ALL.into_iter().filter(|stream| stream.signal() == signal).collect();
        Self {
            signal,
            streams,
            strict,
            timeout,
            breaker: Breaker::new(timeout),
            flight: Flight::new(),
            pace,
            sources: Vec::new(),
            jobs: Vec::new(),
            flying: Vec::new(),
            numbers: 0,
            accepts: 0,
            accepts_since_cut: 0,
            bytes_max: BYTES_MAX,
            is_known: false,
            in_doubt: false,
            ask_at: Duration::ZERO,
            turn: 0,
            in_a_hurry: false,
            ends_at: None,
            last_trip: None,
            counts: Counts::default(),
        }
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn add(&mut self, mut source: Source<S>) {
        let waiting = source.store.waiting(&self.streams);
        source.appended = waiting.iter().map(|stream| stream.appended).sum();
        source.next_take = vec![Duration::ZERO; self.streams.len()];
        source.again_at = source.next_take.clone();
        self.sources.push(source);
    }

    /// Gives back what was taken of a source and sends nothing of it any more.
    pub(super) fn remove(&mut self, source: u64) {
        let of_it = self.jobs.extract_if(.., |job| job.source == source);
        let known = self.sources.iter().find(|known| known.id == source);
        for job in of_it {
            if let Some(known) = known {
                known.store.give_back(job.stream, &job.taken);
            }
        }
        self.sources.retain(|known| known.id != source);
    }

    /// Whether a request with records of a source is under way.
    pub(super) fn is_under_way(&self, source: u64) -> bool {
        let jobs =
            self.flying.iter().filter_map(|flying| flying.part.as_ref().map(|(job, _)| *job));
        let mut sources = jobs.filter_map(|id| self.jobs.iter().find(|job| job.id == id));
        sources.any(|job| job.source == source)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Records that are not settled, and when the oldest of them was appended, in nanoseconds since
    /// 1970.
    pub(super) fn pending(&self) -> (u64, Option<u64>) {
        let waiting = self.sources.iter().flat_map(|source| source.store.waiting(&self.streams));
        waiting.filter(|stream| stream.pending > 0).fold((0, None), |(records, oldest), stream| {
            let oldest = oldest.unwrap_or(u64::MAX).min(stream.oldest_ns);
            (records + stream.pending, Some(oldest))
        })
    }

    /// What to do now.
    pub(super) fn next(&mut self, now: Duration) -> Step {
        self.settle(now);
        for job in &mut self.jobs {
            job.unpark(now, self.accepts);
        }
        let waiting = self.look(now);
        if !self.is_in_time(now) {
            return Step::Wait(None);
        }
        let permit = self.breaker.permit(now);
        self.limit(now, &waiting, permit);
        let (records, timeout) = match permit {
            Permit::Wait(until) => return Step::Wait(until),
            Permit::Probe(timeout) => (PROBE_RECORDS, Some(timeout)),
            Permit::Send(_) if self.flying.len() >= self.flight.width() => return Step::Wait(None),
            Permit::Send(records) => (records, None),
        };
        if let Some(until) = self.pace.wait(now) {
            return Step::Wait(Some(until));
        }
        let Some(at) = self.choose(now, &waiting, records) else {
            return match self.ask_empty(now, timeout) {
                Some(attempt) => Step::Send(attempt),
                None => Step::Wait(self.wake(now)),
            };
        };
        let Some(part) = self.jobs[at].next(records, self.bytes_max) else {
            return Step::Wait(self.wake(now));
        };
        Step::Send(self.send(now, at, part, timeout))
    }

    /// Looks at how many requests may be under way.
    fn limit(&mut self, now: Duration, waiting: &[Vec<Waiting>], permit: Permit) {
        let Permit::Send(records) = permit else {
            self.flight = Flight::new();
            return;
        };
        let (most, all) = self.backlog(waiting);
        self.flight.waiting(most);
        if self.flying.len() >= self.flight.width() {
            let alone = records >= RECORDS_MAX && self.pace.wait(now).is_none();
            self.flight.full(now, all, alone);
        }
    }

    fn send(&mut self, now: Duration, at: usize, part: Part, probe: Option<Duration>) -> Attempt {
        let job = &self.jobs[at];
        if probe.is_some() {
            self.breaker.probe();
        }
        self.pace.take(job.records(part));
        self.numbers += 1;
        self.counts.attempts += 1;
        let id = self.numbers;
        let part_of = Some((job.id, part));
        self.flying.push(Flying { id, part: part_of, is_probe: probe.is_some(), sent_at: now });
        let source = self.sources.iter().find(|source| source.id == job.source);
        let resource = source.map(|source| Arc::clone(&source.resource)).unwrap_or_default();
        let instance = source.map_or("", |source| source.instance.as_str());
        let (first, last) = job.range(part);
        Attempt {
            id,
            body: assemble(&resource, &job.entries(part)),
            timeout: probe.unwrap_or(self.timeout),
            batch: format!("{instance}/{}/{first}-{last}", job.stream.name()),
        }
    }

    /// A request without records, when nothing can be sent but single entries that were refused before
    /// and wait for another request to be accepted: all that may be taken is taken, or there is nothing
    /// else, and was not for long. Also when the process ends and nothing is left but what may have been
    /// sent before.
    fn ask_empty(&mut self, now: Duration, probe: Option<Duration>) -> Option<Attempt> {
        let is_parked = |job: &Job<S::Taken>| job.parked() > 0;
        let rests = |job: &Job<S::Taken>| job.is_resting(now);
        let is_stuck = |job: &Job<S::Taken>| job.flying == 0 && (is_parked(job) || rests(job));
        let is_alone = |job: &Job<S::Taken>| rests(job) || job.refusals() >= ALONE;
        let is_due = self.jobs.len() >= JOBS_MAX || self.jobs.iter().all(is_alone);
        let is_stuck = self.jobs.iter().any(is_parked) && self.jobs.iter().all(is_stuck);
        let is_asked = is_due && is_stuck && !self.in_doubt;
        if !(is_asked || self.waits_for_an_answer(now)) || now < self.ask_at {
            return None;
        }
        let job = self.jobs.first()?;
        let source = self.sources.iter().find(|source| source.id == job.source)?;
        let (body, batch) = (assemble(&source.resource, &[]), format!("{}/empty", source.instance));
        self.ask_at = now + HOLD;
        if probe.is_some() {
            self.breaker.probe();
        }
        self.numbers += 1;
        self.counts.attempts += 1;
        let id = self.numbers;
        self.flying.push(Flying { id, part: None, is_probe: probe.is_some(), sent_at: now });
        Some(Attempt { id, body, timeout: probe.unwrap_or(self.timeout), batch })
    }

    /// How it stands with all streams, what came in going into the pace.
    fn look(&mut self, now: Duration) -> Vec<Vec<Waiting>> {
        let (sources, streams) = (&mut self.sources, &self.streams);
        let mut came = 0;
        let mut look = |source: &mut Source<S>| {
            let waiting = source.store.waiting(streams);
            let appended: u64 = waiting.iter().map(|stream| stream.appended).sum();
            came += appended.saturating_sub(source.appended);
            source.appended = source.appended.max(appended);
            waiting
        };
        let all = sources.iter_mut().map(&mut look).collect();
        self.pace.came(now, came);
        all
    }

    /// Settles what is done.
    fn settle(&mut self, now: Duration) {
        let mut at = 0;
        while let Some(job) = self.jobs.get_mut(at) {
            if !job.is_done() || job.settle_at > now {
                at += 1;
                continue;
            }
            let settled = job.settled();
            let source = self.sources.iter().find(|source| source.id == job.source);
            let done = source.map(|source| source.store.settle(job.stream, &job.taken, settled));
            match done.unwrap_or(Ok(())) {
                Ok(()) => {
                    self.counts.delivered += settled.delivered;
                    self.counts.rejected += settled.rejected;
                    self.jobs.remove(at);
                }
                Err(error) => {
                    job.settle_at = now + SETTLE_AGAIN;
                    self.counts.spool_errors += 1;
                    let what = format!("what was delivered cannot be noted in the spool: {error}");
                    self.counts.say(now, what);
                    at += 1;
                }
            }
        }
    }
}

impl<S: Store> Drop for Lane<S> {
    /// What was taken is taken again by whoever comes next.
    fn drop(&mut self) {
        for job in &self.jobs {
            if let Some(source) = self.sources.iter().find(|source| source.id == job.source) {
                source.store.give_back(job.stream, &job.taken);
            }
        }
    }
}
