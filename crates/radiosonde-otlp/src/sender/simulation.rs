//! Lanes under thousands of simulated networks and clocks: whatever the collector does, everything is
//! delivered or counted, in order, without haste, and at the end a fresh record still arrives.

mod collector;
mod spool;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::collector::{Collector, Fault};
use self::spool::SimulatedSpool;
use super::answer::{Answer, Verdict};
use super::breaker::Shown;
use super::lane::{Lane, Source, Step};
use super::pace::Pace;
use crate::signal::Signal;
use crate::streams::Stream;

/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The sender looks at its lanes at least so often.
const TICK: Duration = Duration::from_millis(500);
const MINUTE: Duration = Duration::from_secs(60);
const STREAMS: [Stream; 4] =
    [Stream::LogsDebug, Stream::LogsInfo, Stream::LogsWarning, Stream::Events];

/// How many worlds a test tries: one in so many of those of `XTASK_SENDER`.
fn worlds(one_in: u64) -> u64 {
    let days = std::env::var("XTASK_SENDER").map_or(200, |text| text.parse().expect("a number"));
    (days / one_in).max(1)
}

/// splitmix64.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a run is made of.
#[derive(Clone, Debug, Default)]
struct Scenario {
    /// What the collector does, from a second on.
    faults: Vec<(u64, Fault)>,
    /// Records a second.
    rate: u64,
    /// Seconds during which records come in.
    seconds: u64,
    /// Entries that the collector will never take.
    poison: BTreeSet<u64>,
    /// Seconds at which the process is killed and starts anew.
    kills: Vec<u64>,
    strict: bool,
    /// Every so many calls to the spool fail, while records come in; none when it is 0.
    spool_fails: u64,
}

/// A process, its spool and its collector.
struct World {
    now: Duration,
    random: Random,
    spool: SimulatedSpool,
    collector: Collector,
    lane: Lane<SimulatedSpool>,
    /// Answers on their way.
    coming: BTreeMap<(Duration, u64), Option<Answer>>,
    strict: bool,
    /// When each request was sent.
    attempts: Vec<Duration>,
    /// By stream, records in the order in which they were first sent.
    first_sent: BTreeMap<String, Vec<u64>>,
    sent: BTreeSet<u64>,
    steps: u64,
    /// Requests without records.
    empty: usize,
    /// Streams and sequences of requests with records that the collector did not have.
    new: BTreeSet<String>,
    /// The same of those with records that it had.
    repeated: Vec<String>,
    /// By request, when it was sent and how many were under way then.
    under_way: Vec<(Duration, usize)>,
}

impl World {
    fn new(scenario: &Scenario, seed: u64) -> Self {
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
    fn kill(&mut self) {
        self.coming.clear();
        self.spool.reopen();
        self.lane = lane(self.strict, self.spool.clone());
    }

    /// Everything that happens until then.
    fn run(&mut self, until: Duration) {
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
    fn live(&mut self, scenario: &Scenario) {
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

    fn append(&mut self, mut records: u64) {
        while records > 0 {
            let stream = STREAMS[usize::try_from(self.random.below(4)).expect("small")];
            let count = (self.random.below(60) + 1).min(records);
            self.spool.append(stream, count, self.now);
            records -= count;
        }
    }

    /// Until nothing is pending, or too long. Life goes on meanwhile, slowly.
    fn drain(&mut self, within: Duration) {
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

    fn most_attempts_a_minute(&self, from: u64, to: u64) -> usize {
        let within = |at: &&Duration| (from..to).contains(&at.as_secs());
        let times: Vec<_> = self.attempts.iter().filter(within).collect();
        let minutes = times.iter().enumerate().map(|(place, start)| {
            times[place..].iter().take_while(|at| ***at < **start + MINUTE).count()
        });
        minutes.max().unwrap_or_default()
    }

    fn most_under_way(&self, from: u64, to: u64) -> usize {
        let within = self.under_way.iter().filter(|(at, _)| (from..to).contains(&at.as_secs()));
        within.map(|(_, count)| *count).max().unwrap_or_default()
    }

    /// What must hold at the end of every run.
    fn check(&mut self, scenario: &Scenario, what: &str) {
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

/// Runs it, with all that has to be waited for at the end.
fn run(scenario: &Scenario, seed: u64) -> World {
    let mut world = World::new(scenario, seed);
    world.live(scenario);
    let end = scenario.faults.last().map_or(0, |(from, _)| *from);
    let end = Duration::from_secs(end).max(world.now);
    world.run(end);
    world.drain(Duration::from_secs(3_600));
    let what = format!("seed {seed}, {scenario:?}");
    world.check(scenario, &what);
    world
}

/// Each fault for half a minute, in the middle of a minute.
#[test]
fn each_fault_alone_costs_nothing() {
    for fault in Fault::all() {
        for seed in 0..worlds(100) {
            let faults = vec![(15, fault), (45, Fault::None)];
            let scenario = Scenario { faults, rate: 60, seconds: 60, ..Scenario::default() };
            let world = run(&scenario, seed);
            // Three failures, a probe now and then; not one a second.
            let most = world.most_attempts_a_minute(16, 45);
            let is_outage = !fault.takes_some();
            assert!(!is_outage || most <= 40, "{fault:?}, seed {seed}: {most} attempts");
        }
    }
}

#[test]
fn an_outage_of_an_hour_is_tried_a_few_times_a_minute_and_drained_gently() {
    for fault in [Fault::Refused, Fault::Hang, Fault::Status(503), Fault::Status(401)] {
        let faults = vec![(10, fault), (3_600, Fault::None)];
        let scenario = Scenario { faults, rate: 20, seconds: 30, ..Scenario::default() };
        let world = run(&scenario, 7);
        let most = world.most_attempts_a_minute(120, 3_600);
        assert!((1..=8).contains(&most), "{fault:?}: {most} attempts in a minute");
        let per_second = world.collector.most_in_a_second();
        assert!(per_second <= 2 * 5_000 + 2_048, "{fault:?}: {per_second} records in a second");
    }
}

#[test]
fn poison_is_found_and_everything_else_arrives() {
    for seed in 0..worlds(10) {
        let mut random = Random(seed);
        let count = [1, 2, 5, 20, 40][usize::try_from(seed % 5).expect("small")];
        let start = random.below(5_000);
        let is_together = random.one_in(2);
        let poison = (0..count)
            .map(|at| if is_together { start + at } else { random.below(8_000) })
            .collect();
        let scenario = Scenario { poison, rate: 400, seconds: 20, ..Scenario::default() };
        let world = run(&scenario, seed);
        // Two for each halving on the way to each, and what goes out anyway.
        let most = 2 * 12 * count as usize + 4 * count as usize + 400;
        assert!(world.attempts.len() < most, "seed {seed}: {} requests", world.attempts.len());
    }
}

/// 8,000 records a second, twenty times a second, and kills at any millisecond.
fn busy(world: &mut World, millis: u64, mut kills: BTreeSet<u64>) {
    for _ in 0..millis / 50 {
        world.append(400);
        let end = world.now + Duration::from_millis(50);
        while let Some(kill) = kills.pop_first() {
            if Duration::from_millis(kill) > end {
                kills.insert(kill);
                break;
            }
            world.run(Duration::from_millis(kill));
            world.kill();
        }
        world.run(end);
    }
}

#[test]
fn a_kill_repeats_one_range_at_most() {
    for seed in 0..worlds(20) {
        let mut random = Random(seed ^ 0xdead);
        let faults = vec![(0, Fault::Far(1 + random.below(100)))];
        let mut world = World::new(&Scenario { faults, ..Scenario::default() }, seed);
        let kills: BTreeSet<u64> = (0..4).map(|_| 500 + random.below(4_000)).collect();
        let most = kills.len();
        busy(&mut world, 5_000, kills);
        assert!(world.spool.pending() < 8_000, "seed {seed}: {}", world.spool.pending());
        world.drain(MINUTE);
        assert_eq!(world.spool.pending(), 0, "seed {seed}");
        let (repeated, doubles) = (&world.repeated, world.collector.doubles());
        assert!(repeated.len() <= most, "seed {seed}: {most} kills, {repeated:?}");
        for batch in repeated {
            assert!(world.new.contains(batch), "seed {seed}: {batch} is not as it was");
        }
        assert!(doubles <= most as u64 * 2_048, "seed {seed}: {doubles} records");
    }
}

#[test]
fn a_far_collector_is_kept_up_with_and_a_near_one_gets_one_request_at_a_time() {
    let faults = vec![(0, Fault::Far(90)), (10, Fault::Far(500)), (70, Fault::Far(90))];
    let mut world = World::new(&Scenario { faults, ..Scenario::default() }, 3);
    let mut pending = Vec::new();
    for _ in 0..10 {
        busy(&mut world, 10_000, BTreeSet::new());
        pending.push(world.spool.pending());
    }
    let widest = |from: u64, to: u64| world.most_under_way(from, to);
    assert_eq!(widest(0, 10), 1);
    assert_eq!(widest(10, 70), 4, "{pending:?}");
    assert_eq!(widest(80, 100), 1, "{pending:?}");
    assert!(pending.iter().all(|pending| *pending < 60_000), "{pending:?}");
    assert!(pending[9] < 8_000, "{pending:?}");
}

/// One record at a time, so that each is a range of its own; the first are poison, or seem to be.
fn single_records(scenario: &Scenario, count: u64) -> World {
    let mut world = World::new(scenario, 1);
    for _ in 0..count {
        world.spool.append(Stream::LogsInfo, 1, world.now);
        world.run(world.now + 2 * TICK);
    }
    world
}

#[test]
fn poison_alone_does_not_hold_up_what_comes_after_it() {
    let scenario = Scenario { poison: (0..7).collect(), ..Scenario::default() };
    let mut world = single_records(&scenario, 20);
    world.drain(Duration::from_secs(600));
    assert!(world.empty > 0 && world.empty <= 3, "{} requests without records", world.empty);
    world.check(&scenario, "poison alone");
    // The same from a collector that refuses anything: nothing is given up.
    let faults = vec![(0, Fault::Status(400)), (1_200, Fault::None)];
    let scenario = Scenario { faults, ..Scenario::default() };
    let mut world = single_records(&scenario, 20);
    world.run(Duration::from_secs(1_200));
    assert_eq!(world.spool.pending(), 20);
    assert!(world.attempts.len() < 100, "{} attempts", world.attempts.len());
    world.drain(Duration::from_secs(600));
    assert_eq!(world.spool.settled(), (world.spool.appended(), 0));
}

#[test]
fn poison_with_nothing_after_it_is_given_up_when_the_collector_takes_a_request_without_records() {
    for count in 1..=3 {
        let scenario = Scenario { poison: (0..count).collect(), ..Scenario::default() };
        let mut world = single_records(&scenario, count);
        world.run(8 * MINUTE);
        assert_eq!(world.spool.pending(), count, "not on the first refusals");
        world.run(12 * MINUTE);
        assert_eq!((world.spool.settled(), world.empty), ((0, count), 1));
        world.check(&scenario, "poison with nothing after it");
    }
    // It takes nothing at all: what it refuses may be well.
    let faults = vec![(0, Fault::Status(400)), (86_400, Fault::None)];
    let mut world = single_records(&Scenario { faults, ..Scenario::default() }, 1);
    world.run(Duration::from_secs(86_000));
    assert_eq!((world.spool.pending(), world.lane.breaker.shown()), (1, Shown::Held));
    world.run(Duration::from_secs(86_500));
    assert_eq!(world.spool.settled(), (1, 0));
}

#[test]
fn a_collector_that_refuses_everything_costs_nothing_once_it_is_mended() {
    for fault in [Fault::Status(400), Fault::Status(422), Fault::Status(413), Fault::Status(500)] {
        for seed in 0..worlds(40) {
            let faults = vec![(5, fault), (1_800, Fault::None)];
            let scenario = Scenario { faults, rate: 100, seconds: 30, ..Scenario::default() };
            let world = run(&scenario, seed);
            assert_eq!(world.spool.settled().1, 0, "{fault:?}");
            let most = world.most_attempts_a_minute(300, 1_800);
            assert!(most <= 40, "{fault:?}: {most} attempts in a minute");
        }
    }
}

#[test]
fn the_letter_of_the_specification_drops_what_is_refused_and_counts_it() {
    for status in [400, 401, 404, 413, 415, 500] {
        let faults = vec![(5, Fault::Status(status)), (10, Fault::None)];
        let rate = 400;
        let scenario = Scenario { faults, rate, seconds: 20, strict: true, ..Scenario::default() };
        let world = run(&scenario, 3);
        let (_, rejected) = world.spool.settled();
        assert!(rejected > 0 && rejected < 400 * 10, "{status}: {rejected}");
        assert_eq!(world.lane.counts.dropped_by_the_letter, rejected);
    }
    for fault in [Fault::Refused, Fault::Status(503), Fault::Status(429), Fault::HandshakeFails] {
        let faults = vec![(5, fault), (10, Fault::None)];
        let rate = 400;
        let scenario = Scenario { faults, rate, seconds: 20, strict: true, ..Scenario::default() };
        assert_eq!(run(&scenario, 3).spool.settled().1, 0, "{fault:?}");
    }
}

#[test]
fn partial_success_is_counted_and_never_sent_again() {
    let faults = vec![(0, Fault::Partial(3)), (30, Fault::None)];
    let scenario = Scenario { faults, rate: 400, seconds: 30, ..Scenario::default() };
    let world = run(&scenario, 1);
    assert_eq!(world.collector.doubles(), 0);
    assert_eq!(world.spool.settled().1, world.collector.refused());
    assert!(world.collector.refused() > 0);
    assert!(world.lane.counts.message.as_deref().is_some_and(|text| text.contains("refused 3")));
}

#[test]
fn a_spool_that_cannot_be_read_or_written_is_tried_again_without_haste() {
    for every in [1, 2, 3, 7] {
        let scenario =
            Scenario { rate: 4_000, seconds: 20, spool_fails: every, ..Scenario::default() };
        let mut world = World::new(&scenario, every);
        world.live(&scenario);
        assert!(world.steps < 200 * 20, "every {every}: {} steps", world.steps);
        assert!(world.lane.counts.spool_errors > 0);
        let is_dead = every == 1;
        assert_eq!(world.spool.settled() == (0, 0), is_dead, "every {every}");
        world.drain(Duration::from_secs(600));
        world.check(&scenario, "a spool that failed");
    }
}

/// Faults, kills, poison and errors of the spool by chance.
#[test]
fn thousands_of_bad_days() {
    for seed in 0..worlds(1) {
        let mut random = Random(seed ^ 0x5eed);
        let all = Fault::all();
        let mut faults = Vec::new();
        let mut second = 0;
        for _ in 0..random.below(5) {
            second += random.below(12);
            let chosen = usize::try_from(random.below(all.len() as u64)).expect("small");
            faults.push((second, all[chosen]));
            second += random.below(30);
            faults.push((second, Fault::None));
        }
        let kills = (0..random.below(4)).map(|_| random.below(40)).collect();
        let poison = (0..random.below(6)).map(|_| random.below(4_000)).collect();
        let poison = if random.one_in(3) { poison } else { BTreeSet::new() };
        let rate = [4, 16, 60][usize::try_from(random.below(3)).expect("small")];
        let spool_fails = if random.one_in(4) { 2 + random.below(9) } else { 0 };
        let seconds = 40;
        let strict = false;
        let scenario = Scenario { faults, rate, seconds, poison, kills, strict, spool_fails };
        run(&scenario, seed);
    }
}

#[test]
fn what_is_there_at_the_start_waits_a_little_unless_somebody_waits() {
    let first_sent = |is_awaited: bool| {
        let mut world = World::new(&Scenario::default(), 1);
        world.append(5_000);
        let (spool, resource) = (world.spool.clone(), b"resource"[..].into());
        let mut source = Source::new(1, spool, "instance".to_owned(), resource);
        source.from = Duration::from_secs(5);
        world.lane = Lane::new(Signal::Logs, false, TIMEOUT, Pace::new(5_000));
        world.lane.add(source);
        world.lane.in_a_hurry = is_awaited;
        world.drain(MINUTE);
        assert_eq!(world.spool.pending(), 0);
        world.attempts[0]
    };
    assert_eq!(first_sent(false), Duration::from_secs(5));
    assert_eq!(first_sent(true), Duration::ZERO);
}

#[test]
fn events_and_warnings_go_first_when_much_waits() {
    let faults = vec![(0, Fault::Status(503)), (20, Fault::None)];
    let scenario = Scenario { faults, rate: 4_000, seconds: 20, ..Scenario::default() };
    let mut world = World::new(&scenario, 5);
    world.live(&scenario);
    let before = world.spool.pending_of(Stream::Events) + world.spool.pending_of(Stream::LogsDebug);
    assert!(before > 20_000, "{before}");
    while world.spool.pending_of(Stream::Events) > 0 {
        world.run(world.now + TICK);
        assert!(world.now < Duration::from_secs(300));
    }
    let [events, debug] = [Stream::Events, Stream::LogsDebug].map(|s| world.spool.appended_of(s));
    let debug_left = world.spool.pending_of(Stream::LogsDebug);
    assert!(
        debug_left > debug / 2,
        "{debug_left} of {debug} debug lines waited for {events} events"
    );
    assert!(
        debug_left + world.spool.pending_of(Stream::LogsInfo) < 2 * debug,
        "the rest moves too"
    );
    world.drain(Duration::from_secs(600));
    world.check(&scenario, "by rank");
}
