//! One cell: a receiver that does wrong, processes that send to it, and what arrived in the end.

use super::arrivals::Arrivals;
use super::case::{Case, End, Pace, Signal, Transport};
use super::processes::Processes;
use crate::harness::{Books, LARGEST, Measured, REPEATS, REPEATS_MAX, Role, Round};
use radiosonde_testkit::{Fault, Key, Receiver, Script};
use std::time::{Duration, Instant};

/// Once nothing new has arrived for this long after a process has ended, nothing of it will.
const QUIET: Duration = Duration::from_millis(500);
/// The same while a next start sends what was left; longer than any pause of a breaker or a retry.
pub(super) const QUIET_NEXT: Duration = Duration::from_secs(40);
/// How often the arrivals are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A receiver that counts, and where it counts.
pub(super) fn receiver() -> Result<(Receiver, Arrivals), String> {
    let arrivals = Arrivals::default();
    let counting = arrivals.clone();
    let receiver = Receiver::builder()
        .counts_only()
        // Counted here: the receiver needs no keys of its own.
        .key(Key::Attribute(String::new()))
        .watch(move |received| counting.add(received))
        .start()
        .map_err(|error| format!("no receiver: {error}"))?;
    Ok((receiver, arrivals))
}

/// The endpoint for this transport.
pub(super) fn endpoint(receiver: &Receiver, transport: Transport) -> String {
    match transport {
        Transport::Grpc => receiver.grpc_endpoint(),
        Transport::Http => receiver.http_endpoint(),
    }
}

/// Does one cell.
pub(super) fn watch(round: &Round) -> Result<Measured, String> {
    let case = Case::of(&round.names[1])?;
    let course = case.course(round.size);
    let (receiver, arrivals) = receiver()?;
    let to = endpoint(&receiver, case.transport);
    let mut processes = Processes::new(round, (case.signal, case.transport), to);
    let mut process = processes.start(course.events, course.pace, course.end, None)?;
    processes.wait_for_the_first(&mut process)?;
    let started = Instant::now();
    receiver.play(course.script.clone());
    for at in &course.kills {
        std::thread::sleep(at.saturating_sub(started.elapsed()));
        process.kill()?;
        let left = course.events.saturating_sub(processes.emitted()?);
        process = processes.start(left, course.pace, course.end, None)?;
    }
    process.wait()?;
    let (emitted, ranges) = (processes.emitted()?, processes.ranges()?);
    let taken = processes.points()?;
    // What is promised of metrics is each point of a snapshot.
    let promised = if case.signal == Signal::Metrics { taken.iter().sum() } else { emitted };
    if promised == 0 {
        return Err("nothing was handed over, or no snapshot was taken of it".to_owned());
    }
    let arrived = || match case.signal {
        Signal::Metrics => arrivals.points(&taken),
        Signal::Logs | Signal::Spans => arrivals.within(&ranges),
    };
    if course.script_goes_on {
        receiver.play(Script::healthy().until_told(Fault::Refuse));
    }
    wait_until_quiet(&arrivals, QUIET, || arrived() == promised);
    let at_exit = arrived();
    receiver.play(Script::healthy());
    if round.candidate.role == Role::Ours && at_exit < promised {
        let mut next = processes.start(0, Pace::AtOnce, End::WhenTold, None)?;
        wait_until_quiet(&arrivals, QUIET_NEXT, || arrived() == promised);
        next.tell();
        next.wait()?;
        wait_until_quiet(&arrivals, QUIET, || arrived() == promised);
    }
    let arrived = arrived();
    let percent = |count: u64, of: u64| count as f64 * 100.0 / of as f64;
    let [again, repeats, largest] = arrivals.again().map(|count| count as f64);
    let mut figures = vec![
        ("at_exit", percent(at_exit, promised)),
        ("again", again),
        (REPEATS, repeats),
        (LARGEST, largest),
    ];
    figures.extend(case.repeats_max(&course).map(|most| (REPEATS_MAX, f64::from(most))));
    if case.signal == Signal::Metrics {
        figures.push(("increments", percent(arrivals.counted().min(emitted), emitted)));
    }
    let (lost, counted) = (promised - arrived, processes.dropped());
    Ok(Measured {
        samples: vec![percent(arrived, promised)],
        books: Books { events: promised, lost, counted, ..Books::default() },
        figures,
    })
}

/// Waits until this is so, or nothing new has arrived for this long.
pub(super) fn wait_until_quiet(arrivals: &Arrivals, quiet: Duration, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        let newest = arrivals.newest().map_or(started, |newest| newest.max(started));
        if newest.elapsed() > quiet {
            return;
        }
        std::thread::sleep(LOOK);
    }
}
