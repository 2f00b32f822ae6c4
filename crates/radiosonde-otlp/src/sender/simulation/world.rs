//! A process, its spool and its collector, in a time of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::collector::{self, Collector, Fault};
use super::spool::SimulatedSpool;
use crate::sender::answer::{Answer, Verdict};
use crate::sender::lane::{Lane, Source, Step};
use crate::sender::pace::Pace;
use crate::signal::Signal;
use crate::streams::Stream;

/// How long an attempt may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The sender looks at its lanes at least so often.
pub(super) const TICK: Duration = Duration::from_millis(500);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const STREAMS: [Stream; 4] =
    [Stream::LogsDebug, Stream::LogsInfo, Stream::LogsWarning, Stream::Events];

/// splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a run is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Scenario {
    /// What the collector does, from a second on.
    pub(super) faults: Vec<(u64, Fault)>,
    /// Records a second.
    pub(super) rate: u64,
    /// Seconds during which records come in.
    pub(super) seconds: u64,
    /// Entries that the collector will never take.
    pub(super) poison: BTreeSet<u64>,
    /// Seconds at which the process is killed and starts anew.
    pub(super) kills: Vec<u64>,
    pub(super) strict: bool,
    /// Every so many calls to the spool fail, while records come in; none when it is 0.
    pub(super) spool_fails: u64,
}

/// A process, its spool and its collector.
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) random: Random,
    pub(super) spool: SimulatedSpool,
    pub(super) collector: Collector,
    pub(super) lane: Lane<SimulatedSpool>,
    /// Answers on their way.
    pub(super) coming: BTreeMap<(Duration, u64), Option<Answer>>,
    pub(super) strict: bool,
    /// When each request was sent.
    pub(super) attempts: Vec<Duration>,
    /// By stream, records in the order in which they were first sent.
    pub(super) first_sent: BTreeMap<String, Vec<u64>>,
    pub(super) sent: BTreeSet<u64>,
    pub(super) steps: u64,
    /// Requests without records.
    pub(super) empty: usize,
    /// Streams and sequences of requests with records that the collector did not have.
    pub(super) new: BTreeSet<String>,
    /// The same of those with records that it had.
    pub(super) repeated: Vec<String>,
    /// By request, when it was sent and how many were under way then.
    pub(super) under_way: Vec<(Duration, usize)>,
}

impl World {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let spool = SimulatedSpool::default();
        Self {
            now: Duration::ZERO,
            random: Random(seed),
            collector: Collector::new(scenario.faults.clone(), scenario.poison.clone()),
            lane: lane(scenario.strict, spool.clone()),
            spool,
            coming: BTreeMap::new(),
            strict: scenario.strict,
            attempts: Vec::new(),
            first_sent: BTreeMap::new(),
            sent: BTreeSet::new(),
            steps: 0,
            empty: 0,
            new: BTreeSet::new(),
            repeated: Vec::new(),
            under_way: Vec::new(),
        }
    }

    /// The process is killed: what it held is lost, what is in the spool is there.
    pub(super) fn kill(&mut self) {
        self.coming.clear();
        self.spool.reopen();
        self.lane = lane(self.strict, self.spool.clone());
    }

    /// Everything that happens until then.
    pub(super) fn run(&mut self, until: Duration) {
        while self.now < until {
            let wait = self.send();
            let tick = self.now + TICK;
            let answer = self.coming.first_key_value().map(|((at, _), _)| *at);
            let next = [Some(tick), wait, answer].into_iter().flatten().min().unwrap_or(tick);
            let next = next.min(until);
            assert!(next > self.now || answer == Some(next), "a lane that waits for the past");
            self.now = next.max(self.now);
            while let Some(entry) = self.coming.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let ((_, id), answer) = entry.remove_entry();
                let lost = Answer::new(Verdict::Failed { timed_out: true }, "no answer in time");
                let random = self.random.next();
                self.lane.answered(id, answer.unwrap_or(lost), self.now, random);
            }
        }
    }

    /// Sends what may be sent; until when there is nothing more to do.
    fn send(&mut self) -> Option<Duration> {
        loop {
            self.steps += 1;
            let attempt = match self.lane.next(self.now) {
                Step::Send(attempt) => attempt,
                Step::Wait(until) => return until,
            };
            self.attempts.push(self.now);
            let records = collector::records(&attempt.body);
            self.empty += usize::from(records.is_empty());
            if records.iter().any(|record| self.collector.has(*record)) {
                self.repeated.push(attempt.batch.clone());
            } else {
                self.new.insert(attempt.batch.clone());
            }
            let stream = attempt.batch.split('/').nth(1).expect("a stream").to_owned();
            for record in &records {
                if self.sent.insert(*record) {
                    self.first_sent.entry(stream.clone()).or_default().push(*record);
                }
            }
            let took = self.collector.asked(self.now, &records, &mut self.random);
            let (after, answer) = match took {
                Some((after, answer)) if after < attempt.timeout => (after, Some(answer)),
                _ => (attempt.timeout, None),
            };
            self.coming.insert((self.now + after, attempt.id), answer);
            self.under_way.push((self.now, self.coming.len()));
        }
    }

    /// Records come in, and are sent, and the process is killed now and then.
    pub(super) fn live(&mut self, scenario: &Scenario) {
        self.spool.fail(scenario.spool_fails);
        for second in 0..scenario.seconds {
            if scenario.kills.contains(&second) {
                self.kill();
            }
            for _ in 0..4 {
                self.append(scenario.rate / 4);
                self.run(self.now + TICK / 2);
            }
        }
        self.spool.fail(0);
    }

    pub(super) fn append(&mut self, mut records: u64) {
        while records > 0 {
            let stream = STREAMS[usize::try_from(self.random.below(4)).expect("small")];
            let count = (self.random.below(60) + 1).min(records);
            self.spool.append(stream, count, self.now);
            records -= count;
        }
    }

    /// Until nothing is pending, or too long. Life goes on meanwhile, slowly.
    pub(super) fn drain(&mut self, within: Duration) {
        let end = self.now + within;
        let mut fresh = self.now + MINUTE;
        while self.spool.pending() > 0 && self.now < end {
            self.run(self.now + TICK);
            if self.now >= fresh {
                fresh = self.now + MINUTE;
                self.append(1);
            }
        }
    }

    pub(super) fn most_attempts_a_minute(&self, from: u64, to: u64) -> usize {
        let within = |at: &&Duration| (from..to).contains(&at.as_secs());
        let times: Vec<_> = self.attempts.iter().filter(within).collect();
        let minutes = times.iter().enumerate().map(|(place, start)| {
            times[place..].iter().take_while(|at| ***at < **start + MINUTE).count()
        });
        minutes.max().unwrap_or_default()
    }

    pub(super) fn most_under_way(&self, from: u64, to: u64) -> usize {
        let within = self.under_way.iter().filter(|(at, _)| (from..to).contains(&at.as_secs()));
        within.map(|(_, count)| *count).max().unwrap_or_default()
    }

    /// What must hold at the end of every run.
    pub(super) fn check(&mut self, scenario: &Scenario, what: &str) {
        let appended = self.spool.appended();
        assert_eq!(self.spool.pending(), 0, "{what}: {:?}", self.lane.counts);
        let (delivered, rejected) = self.spool.settled();
        assert_eq!(delivered + rejected, appended, "{what}");
        let missing: BTreeSet<u64> =
            (0..appended).filter(|record| !self.collector.has(*record)).collect();
        assert!(missing.len() as u64 <= rejected, "{what}: {missing:?} and {rejected} counted");
        if !scenario.strict && !scenario.faults.iter().any(|(_, fault)| fault.is_partial()) {
            let poison = scenario.poison.range(..appended).copied().collect::<BTreeSet<_>>();
            assert_eq!(missing, poison, "{what}: only what cannot be taken is missing");
            assert_eq!(rejected, missing.len() as u64, "{what}");
            assert_eq!(self.spool.quarantined(), missing, "{what}");
        }
        if scenario.poison.is_empty() && !scenario.faults.iter().any(|(_, f)| f.is_refusal()) {
            for (stream, records) in &self.first_sent {
                assert!(records.is_sorted(), "{what}: {stream} is out of order");
            }
        }
        let may_double = scenario.faults.iter().any(|(_, fault)| fault.loses_answers());
        if !may_double && scenario.kills.is_empty() {
            assert_eq!(self.collector.doubles(), 0, "{what}: doubles without a lost answer");
        }
        // A fresh record still arrives, and soon.
        self.append(1);
        self.drain(Duration::from_secs(5));
        assert!(self.collector.has(appended), "{what}: the last record");
        let seconds = self.now.as_secs() + 1;
        assert!(self.steps < 200 * seconds, "{what}: {} steps in {seconds} s", self.steps);
    }
}

fn lane(strict: bool, spool: SimulatedSpool) -> Lane<SimulatedSpool> {
    let mut lane = Lane::new(Signal::Logs, strict, TIMEOUT, Pace::new(5_000));
    lane.add(Source::new(1, spool, "instance".to_owned(), b"resource"[..].into()));
    lane
}
