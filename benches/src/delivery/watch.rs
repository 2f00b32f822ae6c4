//! One cell: a receiver that does wrong, processes that send to it, and what arrived in the end.

use super::arrivals::Arrivals;
use super::case::{Case, End, Pace, Signal, Transport, Wrong};
use super::processes::Processes;
use crate::harness::{Books, Measured, Role, Round};
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
    let emitted = processes.emitted()?;
    let ranges = processes.ranges()?;
    let arrived = || match case.signal {
        Signal::Metrics => arrivals.counted().min(emitted),
        Signal::Logs | Signal::Spans => arrivals.within(&ranges),
    };
    if course.script_goes_on {
        receiver.play(Script::healthy().until_told(Fault::Refuse));
    }
    wait_until_quiet(&arrivals, QUIET, || arrived() == emitted);
    let at_exit = arrived();
    receiver.play(Script::healthy());
    if round.candidate.role == Role::Ours && at_exit < emitted {
        let mut next = processes.start(0, Pace::AtOnce, End::WhenTold, None)?;
        wait_until_quiet(&arrivals, QUIET_NEXT, || arrived() == emitted);
        next.tell();
        next.wait()?;
        wait_until_quiet(&arrivals, QUIET, || arrived() == emitted);
    }
    let (arrived, again) = (arrived(), arrivals.again());
    // Metrics are promised from snapshot to snapshot: what none of them held when a process was cut off
    // shows in the share, and is no debt.
    let cut_off =
        matches!(case.wrong, Wrong::SigKill | Wrong::SigKillInOutage | Wrong::Exit | Wrong::Short);
    let owes = !(case.signal == Signal::Metrics && cut_off);
    let lost = if owes { emitted - arrived } else { 0 };
    let percent = |count: u64| count as f64 * 100.0 / emitted.max(1) as f64;
    Ok(Measured {
        samples: vec![percent(arrived)],
        books: Books { events: emitted, lost, counted: processes.dropped(), ..Books::default() },
        figures: vec![("at_exit", percent(at_exit)), ("again", again as f64)],
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
