//! `cargo xtask prove fuzz`: the targets of the folder `fuzz`, two side by side.

use crate::checkers::{Options, nightly, target_folder};
use crate::steps::{Run, cargo, colour, program, root, section, succeeds, watch};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The programs in `fuzz/fuzz_targets`; the first ones run longest where time is short.
pub(crate) const TARGETS: &[&str] = &[
    "ring_image",
    "json_escape",
    "encode_record",
    "redact_text",
    "record_decode",
    "open_spans",
    "stage_contents",
    "spool_segment",
    "spool_cursor",
    "callsites_lookup",
    "sealed_reader",
    "filter_parse",
    "condition_parse",
    "registry_parse",
    "propagation_extract",
    "propagation_texts",
    "otlp_http_answer",
    "otlp_grpc_answer",
    "otlp_manifest",
    "otlp_settings",
    "otlp_payloads",
];

/// For each target.
const SECONDS: u32 = 600;
/// Targets at the same time.
const SIDE_BY_SIDE: usize = 2;
/// An input that takes longer is a finding, and so is one that takes more memory.
const LIMITS: &[&str] = &["-timeout=10", "-rss_limit_mb=2048"];
/// Between two words about a target.
const PROGRESS: Duration = Duration::from_secs(30);
/// What is shown of a fuzzer that found something.
const LAST_LINES: usize = 40;

/// Runs the targets that were asked for.
pub(crate) fn run(options: &Options, run: &mut Run) {
    let seconds = options.seconds.or_else(from_environment).unwrap_or(SECONDS);
    let ready = run.step("cargo-fuzz", has_fuzzer)
        && run.step("inputs to begin with", write_seeds)
        && run.step("build", || watch(&mut fuzzer("build", &[]), |_| ()).ok);
    if !ready {
        return;
    }
    let wanted = |name: &&str| options.only.is_empty() || options.only.contains(name);
    let waiting = Mutex::new(TARGETS.iter().copied().filter(wanted).collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    let title = format!("{seconds} s for each target, {SIDE_BY_SIDE} at a time");
    run.step(&title, || {
        std::thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(|| {
                    // In a statement of its own: the lock is not held while the target runs.
                    let next = || lock(&waiting).pop_front();
                    while let Some(target) = next() {
                        let outcome = Outcome::of(target, seconds);
                        lock(&done).push(outcome);
                    }
                });
            }
        });
        report(&lock(&done))
    });
}

/// `--seconds` by another way, for scripts.
fn from_environment() -> Option<u32> {
    std::env::var("XTASK_SECONDS").ok()?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_fuzzer() -> bool {
    succeeds(&mut cargo(&["fuzz", "--version"])) || {
        println!("cargo-fuzz is missing: installing it (a few minutes)");
        watch(&mut cargo(&["install", "cargo-fuzz", "--locked"]), |_| ()).ok
    }
    // It knows no way to ask for the compiler it needs.
    && (succeeds(&mut nightly(&["--version"])) || {
        println!("the nightly compiler is missing: installing it");
        let install = ["toolchain", "install", "nightly", "--profile", "minimal"];
        watch(&mut program("rustup", &install), |_| ()).ok
    })
}

fn write_seeds() -> bool {
    let mut command = cargo(&["test", "--quiet", colour(), "-p", "radiosonde-events"]);
    command.args(["--test", "fuzz", "--", "--ignored", "write_the_inputs_to_begin_with"]);
    watch(command.env("XTASK_CORPUS", root().join("fuzz/corpus")), |_| ()).ok
}

/// A command of cargo-fuzz. No sanitizer: there is no `unsafe` in what is fuzzed, and without one
/// it gets further in the same time. Overflow is checked, and debug assertions are.
fn fuzzer(subcommand: &str, rest: &[&str]) -> std::process::Command {
    let mut command = nightly(&["fuzz", subcommand, "--sanitizer", "none"]);
    command.args(rest).env("CARGO_TARGET_DIR", target_folder().join("fuzz"));
    command
}

/// What a target came to.
#[derive(Debug, Default)]
struct Outcome {
    target: &'static str,
    took: Duration,
    found_nothing: bool,
    seen: Seen,
}

/// What a fuzzer says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    executions: u64,
    /// Edges of the program that were reached.
    coverage: u64,
    /// Inputs that each reach something of their own.
    inputs: u64,
}

impl Seen {
    /// Reads a line like `#39411 DONE   cov: 1689 ft: 6131 corp: 570/2830Kb lim: 12349`.
    fn read(line: &str) -> Option<Self> {
        let (executions, rest) = line.strip_prefix('#')?.split_once('\t')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)?.split('/').next()?.parse().ok()
        };
        Some(Self {
            executions: executions.trim().parse().ok()?,
            coverage: after("cov:")?,
            inputs: after("corp:").unwrap_or_default(),
        })
    }
}

impl Outcome {
    fn of(target: &'static str, seconds: u32) -> Self {
        let started = Instant::now();
        let mut outcome = Self { target, ..Self::default() };
        let mut command = fuzzer("run", &[target, "--"]);
        command.arg(format!("-max_total_time={seconds}")).args(LIMITS);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                eprintln!("{target}: cannot start the fuzzer: {error}");
                return outcome;
            }
        };
        let mut last = VecDeque::new();
        let mut told = Instant::now();
        for line in child.stderr.take().into_iter().flat_map(|err| BufReader::new(err).split(b'\n'))
        {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(seen) = Seen::read(&line) {
                outcome.seen = seen;
                if told.elapsed() >= PROGRESS {
                    told = Instant::now();
                    let Seen { executions, coverage, .. } = seen;
                    let seconds = started.elapsed().as_secs();
                    println!(
                        "{target:<18} {seconds:>4} s, {executions} executions, {coverage} edges"
                    );
                }
            }
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        outcome.found_nothing = child.wait().is_ok_and(|status| status.success());
        outcome.took = started.elapsed();
        if !outcome.found_nothing {
            section(&format!("{target} found something, or did not run"));
            last.iter().for_each(|line| eprintln!("{line}"));
        }
        outcome
    }
}

/// Prints what all came to; true when nothing was found, and something was looked at.
fn report(done: &[Outcome]) -> bool {
    println!(
        "\n{:<18} {:>12} {:>8} {:>8} {:>8}",
        "target", "executions", "seconds", "edges", "inputs"
    );
    for Outcome { target, took, found_nothing, seen } in done {
        let Seen { executions, coverage, inputs } = seen;
        let verdict = if *found_nothing { "" } else { "  FOUND SOMETHING" };
        let seconds = took.as_secs();
        println!("{target:<18} {executions:>12} {seconds:>8} {coverage:>8} {inputs:>8}{verdict}");
    }
    !done.is_empty() && done.iter().all(|done| done.found_nothing && done.seen.executions > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_says_is_read() {
        let line = "#39411\tDONE   cov: 1689 ft: 6131 corp: 570/2830Kb lim: 12349 exec/s: 3031";
        let expected = Seen { executions: 39_411, coverage: 1689, inputs: 570 };
        assert_eq!(Seen::read(line), Some(expected));
        for line in ["", "#", "#12 no tab", "Done 39411 runs in 13 second(s)", "#x\tcov: 1"] {
            assert_eq!(Seen::read(line), None, "{line}");
        }
    }

    #[test]
    fn every_target_of_the_folder_is_run() {
        let folder = root().join("fuzz/fuzz_targets");
        let entries = std::fs::read_dir(folder).expect("a folder of targets");
        let mut found: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
            .collect();
        found.sort();
        let mut known = TARGETS.to_vec();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
