//! Comparisons of radiosonde with its peers, measured side by side in one run on one machine.
//!
//! ```text
//! cargo run --release -p radiosonde-benches -- events --quick
//! ```
//!
//! Each candidate runs in a process of its own, because a process has one subscriber, one recorder
//! and one set of threads; the rounds of all candidates are interleaved, so that a noisy minute hits
//! all of them. Printed is the median over the rounds; `target/benches/<suite>.json` holds the same
//! rows, `<suite>.partial.json` those of a run with `--only` or `--workload`. Absolute times belong
//! to the machine, ratios are what to compare.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command: its table goes to stdout")]

mod args;
mod delivery;
mod events;
mod harness;
mod loss;
mod metrics;
mod query;
mod spans;

use args::Command;
use harness::Suite;
use std::process::ExitCode;

/// Every suite there is.
pub(crate) const SUITES: &[&Suite] = &[
    &events::SUITE,
    &loss::SUITE,
    &metrics::speed::SUITE,
    &metrics::scrape::SUITE,
    &metrics::memory::SUITE,
    &spans::SUITE,
    &delivery::SUITE,
    &query::SUITE,
];

/// The command was not understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match args::parse(&arguments) {
        Ok(Command::Help) => {
            print!("{}", args::help());
            ExitCode::SUCCESS
        }
        Ok(Command::Round(round)) => finish(harness::child::run(&round)),
        Ok(Command::Suite(options)) => finish(harness::parent::run(&options)),
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{}", args::help());
            ExitCode::from(USAGE)
        }
    }
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
