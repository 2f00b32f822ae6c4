//! The `radiosonde` command: finds logs, events, traces and metrics of a program again, by the ids
//! they share, in the files the program wrote. No server is involved.
//!
//! ```text
//! $ radiosonde correlate --job job-7
//! job job-7 · ingestion · 2025-10-06 11:50:00.000 to 11:50:02.500 UTC (2.50 s)
//! 1 trace, 2 spans (1 error), 1 event (1 warning), 1 metric change
//! trace 0edadbc0a1b2c3d4e5f60718293a4b5c  worker w-3  machine web-1
//! time    critical path ◆: ingest (1.50 s, 60 %), GET /usage (1.00 s, 40 %)
//! error   11:50:02.500 in ingestion on web-1: ingest: gave up
//!
//! 11:50:00.000 █████████████████████████   2.50 s ◆ ingest  error: gave up  provider=acme
//! 11:50:00.100  ██████████                 1.00 s ◆ ├─ GET /usage  ok  client
//! 11:50:01.050           •                          │  └─ WARN  openrouter_error  429, retrying  status=429
//! 11:50:02.400                         +            └─ metric runs_total{outcome="failure"} +1
//!
//! metrics, summed
//!   runs_total{outcome="failure"}  +1
//! ```
//!
//! The crate is made for its binary; as a library it has only [`main`], and [`run`] for those who
//! build a command of their own around it:
//!
//! ```
//! let mut out = Vec::new();
//! let status = radiosonde_cli::run(
//!     ["radiosonde", "logs", "--dir", "/no/such/directory"].map(Into::into).to_vec(),
//!     &mut out,
//! );
//! assert_eq!(status, 2);
//! ```
//!
//! # Exit status
//!
//! 0 something was found, 1 nothing was, 2 the command line or a named directory is wrong, 3 some
//! file could not be read in full: what could be is printed, and the file, place and reason stand
//! on stderr. A reader that closes the pipe ends the command quietly, with 0. Following that is
//! interrupted before it is through what was there, without a line so far, ends with 130.
//!
//! The `ops` commands judge a registry: 0 there is no problem, or no breaking change, 1 there are
//! some, 2 the command line is wrong, or a file cannot be read.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod explain;
mod figures;
mod levels;
mod narrowed;
mod nothing;
mod outcome;
mod output;
mod pager;
mod places;
mod progress;
mod recover;
mod render;
mod runs;
mod select;
mod story;
mod when;
mod zone;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::pager::Paged;

/// Runs the command of the process's arguments, printing to its standard output.
#[must_use]
pub fn main() -> ExitCode {
    // Not the lock of `println!`, whose line buffer would cost a system call for each line.
    let mut out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout());
    ExitCode::from(run_on(std::env::args_os().collect(), &mut out, true))
}

/// Runs the command of `args` (the first is the program's name), printing what was found to `out`
/// and everything else to stderr. Returns the exit status.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> u8 {
    run_on(args, out, false)
}

/// The same, where `out` may be standard output, which may be a terminal.
fn run_on(args: Vec<OsString>, out: &mut dyn Write, is_stdout: bool) -> u8 {
    let (cli, manner) = match args::Cli::read(args) {
        Ok(read) => read,
        Err(error) => {
            // Help and version are no errors: clap prints them to stdout, with status 0. Where even
            // printing fails there is nobody left to tell.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(outcome::USAGE);
        }
    };
    let mut out = Paged::new(out, &manner, is_stdout);
    let result = commands::run(&cli.command, &mut out)
        .and_then(|status| out.flush().map(|()| status).map_err(Into::into));
    // What is said now stands behind what the pager shows.
    drop(out);
    outcome::status(result)
}
