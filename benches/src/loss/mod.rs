//! Suite `loss`: which events are gone when a program ends, however it ends.
//!
//! A process records 50 events a millisecond for 100 ms, then 5,000 at once, then it ends; or it is
//! killed in the midst of 50 events a millisecond. After each call has returned, its number goes into
//! a file mapping, which survives the process. What has a number there and no line afterwards is
//! lost. Candidates are made to wait when their queue is full, where they can: what is lost here is
//! lost by dying, and not for want of room.
//!
//! For radiosonde the directory is recovered before the lines are counted, as the next start of the
//! program would, or `radiosonde recover`.

use crate::events::candidates::emit::Emit;
use crate::events::candidates::fast_log::FastLog;
use crate::events::candidates::ftlog::FtLog;
use crate::events::candidates::json_subscriber::JsonSubscriber;
use crate::events::candidates::log_serde::LogSerde;
use crate::events::candidates::logforth::Logforth;
use crate::events::candidates::radiosonde::Macro;
use crate::events::candidates::slog::Slog;
use crate::events::candidates::spdlog::Spdlog;
use crate::events::candidates::tracing_json::TracingJson;
use crate::events::lines::Seen;
use crate::events::subject::{Fields, Subject, candidate};
use crate::harness::{
    Better, Books, Candidate, Layout, Measured, Round, Size, Suite, Workload, child,
};
use radiosonde::__private::AckCounter;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use std::mem::ManuallyDrop;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "loss",
    about: "events that are gone, of those whose call had returned, by the end of the process",
    prepare: None,
    layout: Layout::Matrix,
    workloads: &[
        Workload { name: "return", about: "main returns, the guard is dropped", ..ENDING },
        Workload { name: "leaked", about: "main returns, the guard was forgotten", ..ENDING },
        Workload { name: "exit", about: "std::process::exit, which drops nothing", ..ENDING },
        Workload { name: "panic", about: "a panic in main, which drops the guard", ..ENDING },
        Workload { name: "abort", about: "std::process::abort", ..ENDING },
        Workload { name: "sigterm", about: "SIGTERM, which nobody handles", ..ENDING },
        Workload {
            name: "sigkill",
            about: "SIGKILL, as from kill -9 or for want of memory",
            ..ENDING
        },
    ],
};

const ENDING: Workload = Workload {
    name: "",
    about: "",
    unit: "events lost",
    better: Better::Less,
    threads: 1,
    rounds: 5,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[
        candidate::<Macro>(run::<Macro>),
        candidate::<TracingJson<true>>(run::<TracingJson<true>>),
        candidate::<JsonSubscriber<true>>(run::<JsonSubscriber<true>>),
        candidate::<Emit>(run::<Emit>),
        candidate::<Logforth<true>>(run::<Logforth<true>>),
        candidate::<Slog<true>>(run::<Slog<true>>),
        candidate::<Spdlog>(run::<Spdlog>),
        candidate::<FastLog<true>>(run::<FastLog<true>>),
        candidate::<FtLog<true>>(run::<FtLog<true>>),
        candidate::<LogSerde>(run::<LogSerde>),
    ] as &[Candidate],
};

/// Events that come together in the paced part, and the time from one such group to the next.
const TOGETHER: u64 = 50;
const EVERY: Duration = Duration::from_millis(1);
/// Groups before the burst.
const GROUPS: u32 = 100;
/// Events of the burst.
const BURST: u64 = 5_000;
/// Who is killed has recorded so many events at least, and at most so many more.
const BEFORE_A_KILL: u64 = 1_000;
const SPREAD_OF_KILLS: u64 = 4_000;
/// A process that has not ended by then hangs.
const WITHIN: Duration = Duration::from_secs(30);
/// More events than any process here records.
const EVENTS_MAX: u64 = 1 << 22;

/// One death: told by the size, this process dies, or watches another one die.
fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    let ending = round.names[1].as_str();
    if let Size::Bursts(_) = round.size {
        die::<S>(round, ending)
    } else {
        watch::<S>(round, ending)
    }
}

fn die<S: Subject>(round: &Round, ending: &str) -> Result<Measured, String> {
    // An abort would leave a dump of memory somewhere.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|error| format!("cannot forbid dumps: {error}"))?;
    let acknowledged = AckCounter::open(&acknowledgements(round), 0)
        .map_err(|error| format!("cannot acknowledge: {error}"))?;
    let subject = S::start(&logs(round)?)?;
    let is_killed = matches!(ending, "sigterm" | "sigkill");
    S::without_loss(|| {
        let mut number = 0;
        let mut record = |count: u64| {
            for _ in 0..count {
                subject.event(&Fields::of(number));
                number += 1;
                acknowledged.store(number);
            }
        };
        let started = Instant::now();
        let mut group = 0;
        while group < GROUPS || (is_killed && started.elapsed() < WITHIN) {
            std::thread::sleep((EVERY * group).saturating_sub(started.elapsed()));
            record(TOGETHER);
            group += 1;
        }
        record(BURST);
    });
    match ending {
        "return" => {
            let _ended = subject.finish()?;
        }
        "leaked" => {
            let _forgotten = ManuallyDrop::new(subject);
        }
        "exit" => std::process::exit(0),
        "panic" => panic!("an end by panic"),
        "abort" => std::process::abort(),
        other => return Err(format!("not ended by {other}")),
    }
    Ok(Measured { samples: vec![0.0], ..Measured::default() })
}

fn watch<S: Subject>(round: &Round, ending: &str) -> Result<Measured, String> {
    let names = [0, 1, 2].map(|at| round.names[at].as_str());
    let mut command = child::command(&child::arguments(names, Size::Bursts(1), &round.folder))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().map_err(|error| format!("cannot start: {error}"))?;
    let ended = end(&mut process, round, ending);
    if ended.is_err() {
        // It is ours, and must not outlive us.
        let _ = process.kill();
        let _ = process.wait();
    }
    is_expected(ending, ended?)?;
    let logs = logs(round)?;
    let counted = S::recover(&logs)?;
    let seen = Seen::of(&logs, EVENTS_MAX)?;
    let events = read(round)?;
    let lost = events - seen.distinct(events);
    let books = Books { events, lost, counted, duplicated: seen.duplicated, torn: seen.torn };
    Ok(Measured { samples: vec![lost as f64], books, figures: Vec::new() })
}

/// Waits for the end of the process, or sees to it.
fn end(process: &mut Child, round: &Round, ending: &str) -> Result<ExitStatus, String> {
    let signal = match ending {
        "sigterm" => Some(Signal::TERM),
        "sigkill" => Some(Signal::KILL),
        _ => None,
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let enough = BEFORE_A_KILL + u64::from(since.subsec_nanos()) % SPREAD_OF_KILLS;
    let started = Instant::now();
    let mut signal = signal;
    loop {
        if let Some(status) = process.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if signal.is_some() && read(round).is_ok_and(|events| events >= enough) {
            let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or("a process without a number")?;
            if let Some(signal) = signal.take() {
                kill_process(pid, signal).map_err(|error| format!("cannot kill: {error}"))?;
            }
        }
        if started.elapsed() > WITHIN {
            return Err(format!("no end by {ending} within {WITHIN:?}"));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Whether the process ended the way it was to.
fn is_expected(ending: &str, status: ExitStatus) -> Result<(), String> {
    let found = (status.code(), status.signal());
    let expected = match ending {
        "panic" => (Some(101), None),
        "abort" => (None, Some(Signal::ABORT.as_raw())),
        "sigterm" => (None, Some(Signal::TERM.as_raw())),
        "sigkill" => (None, Some(Signal::KILL.as_raw())),
        _ => (Some(0), None),
    };
    if found == expected { Ok(()) } else { Err(format!("ended by {ending} with {status}")) }
}

/// How many events the process says it had recorded.
fn read(round: &Round) -> Result<u64, String> {
    let counters = AckCounter::read_all(&acknowledgements(round));
    let counters = counters.map_err(|error| format!("no acknowledgements: {error}"))?;
    Ok(counters[0])
}

fn acknowledgements(round: &Round) -> PathBuf {
    round.folder.join("acknowledged")
}

/// Where the candidate writes: not beside the acknowledgements.
fn logs(round: &Round) -> Result<PathBuf, String> {
    let folder = round.folder.join("logs");
    make(&folder)?;
    Ok(folder)
}

fn make(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_of_another_kind_is_no_result() {
        let signal = |number: i32| ExitStatus::from_raw(number);
        let code = |number: i32| ExitStatus::from_raw(number << 8);
        for (ending, right, wrong) in [
            ("return", code(0), code(1)),
            ("exit", code(0), signal(9)),
            ("panic", code(101), signal(6)),
            ("abort", signal(6), code(101)),
            ("sigterm", signal(15), code(0)),
            ("sigkill", signal(9), signal(15)),
        ] {
            assert_eq!(is_expected(ending, right), Ok(()), "{ending}");
            assert!(is_expected(ending, wrong).is_err(), "{ending}");
        }
    }
}
