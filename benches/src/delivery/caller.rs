//! What a call costs the thread that makes it while its telemetry is sent, and how fast what was kept is
//! sent once it can be.

use super::case::{Case, End, Signal, Transport};
use super::processes::{Processes, WITHIN};
use super::watch::{endpoint, receiver, wait_until_quiet};
use crate::harness::{Books, Measured, Round, stats};
use radiosonde_testkit::{Fault, Script};
use std::time::{Duration, Instant};

/// Calls whose time is taken, eight a millisecond.
const CALLS: u64 = 40_000;
const CALLS_QUICK: u64 = 8_000;
/// Records that wait for the receiver.
const KEPT: u64 = 200_000;
const KEPT_QUICK: u64 = 50_000;
/// Where the second kind of ours keeps its rings.
const MEMORY: &str = "/dev/shm";

/// Times of calls, in microseconds: `caller_healthy` or `caller_hung`, with signal and transport as in
/// the other cells.
pub(super) fn times(round: &Round) -> Result<Measured, String> {
    let (fault, rest) = round.names[1].split_once('/').ok_or("no signal and transport")?;
    // Only the signal and the transport are asked for.
    let case = Case::of(&format!("healthy/{rest}"))?;
    let (receiver, _) = receiver()?;
    if fault == "caller_hung" {
        receiver.play(Script::healthy().until_told(Fault::HangAfterBody));
    }
    let to = endpoint(&receiver, case.transport);
    let mut processes = Processes::new(round, (case.signal, case.transport), to);
    let rings = format!("{MEMORY}/radiosonde-benches-{}", std::process::id());
    let in_memory = round.names[2] == "radiosonde-shm";
    if in_memory {
        std::fs::create_dir_all(&rings).map_err(|error| format!("cannot make {rings}: {error}"))?;
        processes.set("RADIOSONDE_RINGS", &rings);
    }
    let path = round.folder.join("times.json");
    let calls = round.size.of(CALLS, CALLS_QUICK);
    let ended = processes
        .start(calls, true, End::Shutdown, Some(path.clone()))
        .and_then(|mut process| process.wait());
    if in_memory {
        // A folder of our own name, made above.
        let _ = std::fs::remove_dir_all(&rings);
    }
    ended?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("no times: {error}"))?;
    let samples: Vec<f64> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let p999 = stats::quantile(&samples, 0.999).ok_or("no samples")?;
    let max = samples.iter().copied().fold(0.0, f64::max);
    Ok(Measured {
        samples,
        books: Books { events: calls, ..Books::default() },
        figures: vec![("p999", p999), ("max", max)],
    })
}

/// Records a second that arrive once the receiver is there again, of what the next start finds.
pub(super) fn drained(round: &Round) -> Result<Measured, String> {
    let (receiver, arrivals) = receiver()?;
    receiver.play(Script::healthy().until_told(Fault::Refuse));
    let (signal, transport) = (Signal::Spans, Transport::Http);
    let mut processes = Processes::new(round, (signal, transport), endpoint(&receiver, transport));
    if round.names[2] == "radiosonde-unpaced" {
        processes.set(UNPACED.0, UNPACED.1);
    }
    let kept = round.size.of(KEPT, KEPT_QUICK);
    processes.start(kept, true, End::Exit, None)?.wait()?;
    receiver.play(Script::healthy());
    let ranges = processes.ranges()?;
    let mut next = processes.start(0, true, End::WhenTold, None)?;
    let first = first_arrival(&arrivals)?;
    wait_until_quiet(&arrivals, Duration::from_secs(40), || arrivals.within(&ranges) == kept);
    let took = arrivals.newest().unwrap_or(first).saturating_duration_since(first);
    next.tell();
    next.wait()?;
    let arrived = arrivals.within(&ranges);
    if arrived == 0 || took.is_zero() {
        return Err(format!("{arrived} of {kept} arrived in {took:?}: no rate"));
    }
    Ok(Measured {
        samples: vec![arrived as f64 / took.as_secs_f64()],
        books: Books { events: kept, lost: kept - arrived, ..Books::default() },
        figures: vec![("again", arrivals.again() as f64)],
    })
}

/// The variable that lets a drain go as fast as it can.
const UNPACED: (&str, &str) = ("RADIOSONDE_OTLP_DRAIN_RECORDS_PER_SECOND", "unlimited");

fn first_arrival(arrivals: &super::arrivals::Arrivals) -> Result<Instant, String> {
    let started = Instant::now();
    loop {
        if let Some(first) = arrivals.newest() {
            return Ok(first);
        }
        if started.elapsed() > WITHIN {
            return Err(format!("nothing arrived within {WITHIN:?}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
