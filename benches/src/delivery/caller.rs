//! What a call costs the thread that makes it while its telemetry is sent.

use super::case::{Case, End, Pace};
use super::processes::Processes;
use super::watch::{endpoint, receiver};
use crate::harness::parent::clear;
use crate::harness::{Books, Measured, Round, stats};
use radiosonde_testkit::{Fault, Script};
use std::path::Path;

/// Calls whose time is taken, eight a millisecond.
const CALLS: u64 = 24_000;
const CALLS_QUICK: u64 = 8_000;
/// Where the second kind of ours keeps its rings.
const MEMORY: &str = "/dev/shm";
/// How the names of their folders begin; the number of the process follows.
const RINGS: &str = "radiosonde-benches-";

/// Times of calls, in microseconds: `caller_healthy` or `caller_hung`, or the same with `_awake` for a
/// thread that does not sleep between calls; signal and transport as in the other cells.
pub(super) fn times(round: &Round) -> Result<Measured, String> {
    let (fault, rest) = round.names[1].split_once('/').ok_or("no signal and transport")?;
    // Only the signal and the transport are asked for.
    let case = Case::of(&format!("healthy/{rest}"))?;
    let (receiver, _) = receiver()?;
    if fault.starts_with("caller_hung") {
        receiver.play(Script::healthy().until_told(Fault::HangAfterBody));
    }
    let to = endpoint(&receiver, case.transport);
    let mut processes = Processes::new(round, (case.signal, case.transport), to);
    clear(Path::new(MEMORY), RINGS);
    let rings = format!("{MEMORY}/{RINGS}{}", std::process::id());
    let in_memory = round.names[2] == "radiosonde-shm";
    if in_memory {
        std::fs::create_dir_all(&rings).map_err(|error| format!("cannot make {rings}: {error}"))?;
        processes.set("RADIOSONDE_RINGS", &rings);
    }
    let path = round.folder.join("times.json");
    let pace = if fault.ends_with("_awake") { Pace::Awake } else { Pace::Sleeping };
    let calls = round.size.of(CALLS, CALLS_QUICK);
    let ended = processes
        .start(calls, pace, End::Shutdown, Some(path.clone()))
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
