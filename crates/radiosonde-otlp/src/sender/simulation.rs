//! Lanes under simulated networks and clocks, by the thousand in `cargo xtask prove sender`: whatever the
//! collector does, everything is delivered or counted, in order, without haste, and at the end a fresh
//! record still arrives.

mod collector;
mod spool;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use self::collector::Fault;
use self::world::{MINUTE, Random, Scenario, TICK, TIMEOUT, World};
use super::breaker::Shown;
use super::lane::{Lane, Source};
use super::pace::Pace;
use super::thread::LAST_ANSWERS;
use crate::signal::Signal;
use crate::streams::Stream;

/// How many worlds a test tries: one in so many of those of `XTASK_SENDER`.
fn worlds(one_in: u64) -> u64 {
    let days = std::env::var("XTASK_SENDER").map_or(200, |text| text.parse().expect("a number"));
    (days / one_in).max(1)
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
fn a_collector_that_fails_by_chance_costs_no_record() {
    for rate in [50, 90] {
        for seed in 0..worlds(40) {
            let faults = vec![(0, Fault::Random500(rate)), (1_800, Fault::None)];
            let scenario = Scenario { faults, rate: 60, seconds: 60, ..Scenario::default() };
            // `check` holds that nothing is rejected, nor in quarantine.
            let world = run(&scenario, seed);
            assert_eq!(world.lane.counts.quarantined, 0, "{rate} of 100, seed {seed}");
        }
    }
    // One range that it always fails at: the rest goes by.
    let faults = vec![(0, Fault::None)];
    let mut world = World::new(&Scenario { faults, ..Scenario::default() }, 1);
    world.collector.fail_at(3);
    for _ in 0..200 {
        world.spool.append(Stream::LogsInfo, 1, world.now);
        world.run(world.now + 2 * TICK);
    }
    world.run(world.now + MINUTE);
    assert_eq!((world.spool.pending(), world.spool.settled().1), (1, 0));
    let most = world.most_attempts_a_minute(100, 150);
    assert!(most < 80, "{most} attempts in a minute");
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
fn what_never_gave_a_readable_answer_is_no_collector() {
    // From the start, and after a minute in which it was well.
    for (from, is_delivered) in [(0, false), (10, true)] {
        let faults = vec![(0, Fault::None), (from, Fault::Garbage), (600, Fault::None)];
        let mut world = World::new(&Scenario { faults, ..Scenario::default() }, 1);
        world.append(10);
        world.run(Duration::from_secs(20));
        world.append(10);
        world.run(Duration::from_secs(60));
        assert_eq!(world.spool.pending() == 0, is_delivered, "from {from} s");
        assert_eq!(world.lane.counts.unreadable > 0, is_delivered, "from {from} s");
        assert_eq!(world.lane.breaker.shown() == Shown::Held, !is_delivered, "from {from} s");
        world.run(Duration::from_secs(800));
        assert_eq!(world.spool.settled(), (20, 0), "from {from} s");
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
fn bad_days_cost_nothing() {
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

/// Programs that work for so many milliseconds and end within so many, one after the other, each with a few records, and an
/// answer takes so long.
fn short_programs(count: u64, work_millis: u64, within_millis: u64, answer_millis: u64) -> World {
    let faults = vec![(0, Fault::Far(answer_millis))];
    let mut world = World::new(&Scenario { faults, ..Scenario::default() }, answer_millis);
    for _ in 0..count {
        world.append(10);
        world.run(world.now + Duration::from_millis(work_millis));
        ending(&mut world, within_millis);
        world.kill();
    }
    world
}

/// The process ends, and waits so long.
fn ending(world: &mut World, within_millis: u64) {
    let end = world.now + Duration::from_millis(within_millis);
    (world.lane.in_a_hurry, world.lane.ends_at) = (true, Some(end));
    world.run(end + LAST_ANSWERS);
}

#[test]
fn short_programs_do_not_send_a_slow_collector_everything_again() {
    for (work, within, answer) in
        [(0, 2_000, 3_000), (0, 300, 3_000), (0, 300, 600), (700, 300, 3_000)]
    {
        let mut world = short_programs(6, work, within, answer);
        let what = format!("{answer} ms, {work} ms of work, ended within {within} ms");
        assert!(world.repeated.is_empty(), "{what}: {:?}", world.repeated);
        // Somebody who lives for longer gets it there, what was under way at each end a second time.
        world.drain(MINUTE);
        assert_eq!(world.spool.settled(), (60, 0), "{what}");
        let twice: BTreeSet<&String> = world.repeated.iter().collect();
        assert_eq!(twice.len(), world.repeated.len(), "{what}: {:?}", world.repeated);
    }
    let world = short_programs(6, 0, 300, 20);
    assert_eq!((world.spool.settled(), world.collector.doubles()), ((60, 0), 0));
}

#[test]
fn an_answer_that_was_slow_long_ago_holds_nothing_up_at_the_end() {
    let faults = vec![(0, Fault::Far(9_000)), (20, Fault::Far(3))];
    let mut world = World::new(&Scenario { faults, ..Scenario::default() }, 1);
    for _ in 0..3 {
        world.append(10);
        world.run(world.now + Duration::from_secs(15));
    }
    world.append(10);
    ending(&mut world, 300);
    assert_eq!((world.spool.settled(), world.spool.pending()), ((40, 0), 0));
}

#[test]
fn what_may_have_been_sent_goes_at_the_end_only_to_whoever_answers_in_time() {
    for (answer, is_sent) in [(20, true), (3_000, false)] {
        let faults = vec![(0, Fault::Far(answer))];
        let mut world = World::new(&Scenario { faults, ..Scenario::default() }, 1);
        world.spool.append(Stream::LogsInfo, 10, world.now);
        world.run(Duration::from_millis(1));
        world.kill();
        let before = world.attempts.len();
        ending(&mut world, 2_000);
        assert_eq!((world.spool.pending() == 0, world.empty), (is_sent, 1), "{answer} ms");
        assert_eq!(world.attempts.len() - before, 1 + usize::from(is_sent), "{answer} ms");
    }
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
