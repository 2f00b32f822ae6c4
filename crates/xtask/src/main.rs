//! `cargo xtask`: the commands people and CI run on this workspace.
//!
//! `test` runs every test, `check` everything that is judged without running the code, `prove` the
//! long proofs. CI calls these same commands, so that whatever fails there fails here too.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command: its report goes to stdout")]

mod args;
mod check;
mod checkers;
mod fuzz;
mod help;
mod parts;
mod prove;
mod python;
mod steps;
mod tally;
mod test;

use args::Command;
use std::process::ExitCode;

/// The command was understood and something in it failed.
const FAILED: u8 = 1;
/// The command was not understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match args::parse(&arguments) {
        Ok(Command::Help(text)) => {
            print!("{text}");
            true
        }
        Ok(Command::Test(options)) => test::run(&options),
        Ok(Command::Check(options)) => check::run(&options),
        Ok(Command::Prove(options)) => prove::run(&options),
        Ok(Command::ProveWith(options)) => checkers::run(&options),
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{}", help::SHORT.trim_end());
            return ExitCode::from(USAGE);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
