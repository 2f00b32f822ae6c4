//! The subcommands.

mod around;
mod closing;
mod correlate;
mod coverage;
mod doctor;
mod follow;
mod linked;
mod logs;
mod man;
mod metrics;
mod ops;
mod removed;
mod spool;
mod stats;
mod summary;
mod top;
mod trace;
mod unfiled;
mod verdict;

use std::io::Write;

use radiosonde_events::clean_json_for_terminal;
use radiosonde_store::Line;
use radiosonde_store::query::Found;

use crate::args::{self, Command, Select};
use crate::outcome::{FOUND, Stop};
use crate::recover;
use crate::render::is_terminal;

pub(crate) use crate::commands::removed::sums as removed_in_all;

/// Runs one; the result is the exit status.
pub(crate) fn run(command: &Command, out: &mut dyn Write) -> Result<u8, Stop> {
    match command {
        Command::Logs(args) => lines(&args.select()?, logs::Which::All, out),
        Command::Events(args) => lines(&args.select()?, logs::Which::Named, out),
        Command::Tail(args) => follow::run(&args.select()?, logs::Which::All, out),
        Command::Trace(args) => trace::run(args, out),
        Command::Metrics(args) => metrics::run(args, out),
        Command::Correlate(args) => correlate::run(args, out),
        Command::Top(args) => top::run(args, out),
        Command::Stats(args) => stats::run(args, out),
        Command::Coverage(args) => coverage::run(args, out),
        Command::Removed(args) => removed::run(args, out),
        Command::Recover(args) => recover::run(args, out),
        Command::Doctor(args) => doctor::run(args, out),
        Command::Spool(command) => spool::run(command, out),
        Command::Ops(command) => ops::run(command, out),
        Command::Man => man::run(out),
        Command::Completions { shell } => completions(*shell, out),
    }
}

fn lines(select: &Select, which: logs::Which, out: &mut dyn Write) -> Result<u8, Stop> {
    if select.follow { follow::run(select, which, out) } else { logs::run(select, which, out) }
}

fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "radiosonde", &mut script);
    out.write_all(&script)?;
    Ok(FOUND)
}

/// Prints a line as it is stored. On a terminal, characters that would act on it are written as
/// the JSON escapes they could have been stored as.
fn print_stored(line: &Line, out: &mut dyn Write) -> Result<(), Stop> {
    print_json(&line.raw, out)
}

/// The slot of the process that wrote a line, as its file has it.
fn slot(found: &Found<'_>) -> u32 {
    found.file.map_or(0, |file| file.day.slot)
}

fn print_json(object: &str, out: &mut dyn Write) -> Result<(), Stop> {
    if is_terminal() {
        writeln!(out, "{}", clean_json_for_terminal(object))?;
    } else {
        writeln!(out, "{object}")?;
    }
    Ok(())
}
