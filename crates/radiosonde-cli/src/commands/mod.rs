//! The subcommands.

mod correlate;
mod logs;
mod metrics;
mod trace;

use std::io::{IsTerminal, Write};

use radiosonde_events::clean_json_for_terminal;
use radiosonde_store::Line;

use crate::args::Command;
use crate::outcome::Stop;
use crate::recover;

/// Runs one; the result is the exit status.
pub(crate) fn run(command: &Command, out: &mut dyn Write) -> Result<u8, Stop> {
    match command {
        Command::Logs(select) => logs::run(select, logs::Which::All, out),
        Command::Events(select) => logs::run(select, logs::Which::Named, out),
        Command::Trace(args) => trace::run(args, out),
        Command::Metrics(select) => metrics::run(select, out),
        Command::Correlate(args) => correlate::run(args, out),
        Command::Recover(args) => recover::run(args, out),
    }
}

/// Prints a line as it is stored. On a terminal, characters that would act on it are written as
/// the JSON escapes they could have been stored as.
fn print_stored(line: &Line, out: &mut dyn Write) -> Result<(), Stop> {
    if std::io::stdout().is_terminal() {
        writeln!(out, "{}", clean_json_for_terminal(&line.raw))?;
    } else {
        writeln!(out, "{}", line.raw)?;
    }
    Ok(())
}
