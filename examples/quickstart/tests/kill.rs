//! SIGKILL at random moments under load: every event whose call had returned is in the day files
//! after the next start, once.
//!
//! The program acknowledges each event in a shared file mapping after the call. Kills:
//! `XTASK_KILLS`, 20 by default; `XTASK_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the proof says what it has shown")]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use radiosonde::__private::AckCounter;
use serde_json::Value as Json;

const THREADS: usize = 2;
/// The last kill falls before this many acknowledged events.
const ACKNOWLEDGED_MAX: u64 = 40_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_was_acknowledged_before_a_kill_is_there_once_after_the_next_start() {
    let kills = number("XTASK_KILLS").unwrap_or(20);
    let seed = number("XTASK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("XTASK_KILLS={kills} XTASK_SEED={seed}");
    let mut random = seed;
    let scratch = tempfile::tempdir().unwrap();
    let telemetry = scratch.path().join("telemetry");

    let mut acknowledged = HashMap::new();
    for run in 0..kills {
        let ack = scratch.path().join(format!("ack-{run}"));
        let service = format!("drill-{run}");
        let mut child = drill(&telemetry, &ack, &service);
        // Every third falls so early that the kill hits the recovery of the one before.
        let latest = if run % 3 == 2 { 20 } else { ACKNOWLEDGED_MAX };
        let moment = next(&mut random) % latest;
        wait_for(&mut child, &ack, moment);
        child.kill().unwrap();
        child.wait().unwrap();
        for (producer, last) in AckCounter::read_all(&ack).unwrap().into_iter().enumerate() {
            if last > 0 {
                acknowledged.insert((service.clone(), producer as u64), last);
            }
        }
    }
    // The next start recovers; this one ends in order.
    let status = quickstart(&telemetry, "after").status().unwrap();
    assert!(status.success());
    verify(&telemetry, &acknowledged);
}

/// Every number up to the acknowledged one, once, and no line twice.
fn verify(telemetry: &Path, acknowledged: &HashMap<(String, u64), u64>) {
    let mut seen: HashMap<(String, u64), Vec<u64>> = HashMap::new();
    let mut ids = HashMap::new();
    for entry in std::fs::read_dir(telemetry).unwrap() {
        let path = entry.unwrap().path();
        let is_day_file = path.extension().is_some_and(|extension| extension == "jsonl");
        let text =
            if is_day_file { std::fs::read_to_string(&path).unwrap() } else { String::new() };
        for line in text.lines() {
            let json: Json = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
            let id = json["id"].as_str().unwrap().to_owned();
            *ids.entry(id).or_insert(0_u32) += 1;
            if json["evt"] == "drill.tick" {
                let service = json["service"].as_str().unwrap().to_owned();
                let producer = json["meta"]["producer"].as_u64().unwrap();
                seen.entry((service, producer))
                    .or_default()
                    .push(json["meta"]["seq"].as_u64().unwrap());
            }
        }
    }
    let twice: Vec<_> = ids.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "lines that stand twice: {twice:?}");
    let mut total = 0;
    for (producer, last) in acknowledged {
        let mut numbers = seen.remove(producer).unwrap_or_default();
        numbers.sort_unstable();
        let expected = 1..=numbers.len() as u64;
        assert!(numbers.iter().copied().eq(expected), "{producer:?}: a gap or a repetition");
        let count = numbers.len() as u64;
        assert!(count >= *last, "{producer:?}: {last} acknowledged, {count} there");
        // The event whose call had not returned may be there or not.
        assert!(count <= last + 1, "{producer:?}: {last} acknowledged, {count} there");
        total += count;
    }
    println!("{} producers killed, {total} events, none lost, none twice", acknowledged.len());
    let left: Vec<_> = std::fs::read_dir(telemetry.join("inst/0"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "lock")
        .collect();
    assert!(left.is_empty(), "nothing is left to recover: {left:?}");
}

fn drill(telemetry: &Path, ack: &Path, service: &str) -> Child {
    let mut command = quickstart(telemetry, service);
    command.args(["--drill", &THREADS.to_string(), "--ack"]).arg(ack);
    command.spawn().unwrap()
}

fn quickstart(telemetry: &Path, service: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .env("RADIOSONDE_DIR", telemetry)
        .env("RADIOSONDE_STDERR", "off")
        .env("OTEL_SERVICE_NAME", service)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null());
    command
}

/// Waits until so many events are acknowledged, or the program has come to its end by itself.
fn wait_for(child: &mut Child, ack: &Path, moment: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sum: u64 = AckCounter::read_all(ack).map_or(0, |counters| counters.iter().sum());
        if sum > moment || child.try_wait().unwrap().is_some() {
            return;
        }
        assert!(Instant::now() < deadline, "{sum} of {moment} events within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
