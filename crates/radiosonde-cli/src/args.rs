//! The command line.

mod abilities;
mod coverage;
mod doctor;
mod environment;
mod figures;
mod help;
mod lines;
mod ops;
mod select;
mod spool;
mod spread;
mod time;
mod tips;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches as _, Parser, Subcommand};

pub(crate) use self::abilities::{Manner, command};
pub(crate) use self::coverage::{CoverageArgs, Expected};
pub(crate) use self::doctor::DoctorArgs;
pub(crate) use self::environment::{refused, variables};
pub(crate) use self::figures::{By, MetricsArgs, StatsArgs, TopArgs};
use self::help::*;
pub(crate) use self::lines::LinesArgs;
pub(crate) use self::ops::{CheckArgs, DiffArgs, OpsCommand};
pub(crate) use self::select::{Color, Output, Select, Show};
pub(crate) use self::spool::{DrainArgs, DropArgs, SpoolCommand, SpoolSelect};
pub(crate) use self::time::Time;
use self::values::run_arg;
pub(crate) use self::values::trace_arg;
use crate::when;
use crate::{explain, narrowed, places, zone};

/// Find logs, events, traces and metrics of a program again.
///
/// Reads the telemetry files a program with radiosonde wrote; no server is involved. All times are
/// UTC, unless --local is given. Exit status: 0 found, 1 nothing found, 2 usage, or no
/// telemetry where it was looked for, 3 some file could not be read in full. The `ops` commands judge a registry instead: 0 no problem, 1
/// problems, 2 usage, or a file that cannot be read. `coverage` ends with 1 when a service is silent,
/// `doctor` when something fails.
#[derive(Debug, Parser)]
#[command(name = "radiosonde", version, max_term_width = 100, after_help = flowing(START_HERE))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log lines and events, by time
    #[command(after_long_help = flowing(LOGS))]
    Logs(LinesArgs),
    /// Named events only, without plain log lines
    #[command(after_long_help = flowing(EVENTS))]
    Events(LinesArgs),
    /// The newest log lines and events, and those to come: logs --follow
    #[command(after_long_help = flowing(TAIL))]
    Tail(LinesArgs),
    /// Spans as a tree with bars, and what went wrong in them
    #[command(after_long_help = flowing(TRACE))]
    Trace(TraceArgs),
    /// Latest value of each metric, or what one job or trace changed
    #[command(after_long_help = flowing(METRICS))]
    Metrics(MetricsArgs),
    /// Everything about one job (trace, session, worker, machine) as one timeline
    #[command(after_long_help = flowing(CORRELATE))]
    Correlate(CorrelateArgs),
    /// What there is most of: noisy call sites, slow spans, exploding labels, losses
    #[command(after_long_help = flowing(figures::TOP))]
    Top(TopArgs),
    /// How much is there, of what and when, and what of it is missing
    #[command(after_long_help = flowing(figures::STATS))]
    Stats(StatsArgs),
    /// Which services and machines reported lately, and which fell silent
    #[command(after_long_help = flowing(coverage::HELP))]
    Coverage(CoverageArgs),
    /// What retention has removed, when, and by which rule
    #[command(after_long_help = flowing(REMOVED))]
    Removed(RemovedArgs),
    /// Bring what killed processes left into the files, without waiting for their next start
    #[command(after_long_help = flowing(RECOVER))]
    Recover(RecoverArgs),
    /// What is configured here, what each variable does, and what is wrong
    #[command(after_long_help = flowing(doctor::HELP))]
    Doctor(DoctorArgs),
    /// What waits to be sent over OTLP, and what became of the rest
    #[command(subcommand, after_long_help = flowing(spool::HELP))]
    Spool(SpoolCommand),
    /// What follows from the registry: checks of it, and what changed between two
    #[command(subcommand, after_long_help = flowing(OPS))]
    Ops(OpsCommand),
    /// The manual page, as roff
    #[command(after_long_help = flowing(MAN))]
    Man,
    /// Completion of this command line for a shell
    #[command(after_long_help = flowing(COMPLETIONS))]
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// The command of these arguments, the first of which is the program's name, and how its output goes
    /// to a terminal. Sets the zone of the run, and whether it is explained.
    ///
    /// # Errors
    /// What clap says: help and version as well, which are no errors.
    pub(crate) fn read(args: Vec<OsString>) -> Result<(Self, Manner), clap::Error> {
        // As long as nothing else was asked for.
        let _ = zone::set(false);
        let args = spread::spread(args);
        let mut matches = settled(&args).map_err(|error| tips::with_tip(error, &args))?;
        abilities::check(&matches)?;
        let refused = |reason| command().error(ErrorKind::InvalidValue, reason);
        let is_local = abilities::is_local(&matches);
        zone::set(is_local).map_err(refused)?;
        if is_local {
            // Times of the command line are read when it is, and now they mean others.
            matches = settled(&args).map_err(|error| tips::with_tip(error, &args))?;
        }
        when::told().iter().for_each(|told| eprintln!("radiosonde: {told}"));
        explain::begin(abilities::explains(&matches));
        narrowed::begin(environment::from_environment(&args, &matches));
        let manner = abilities::manner(&matches);
        let cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))?;
        Ok((cli, manner))
    }
}

/// Takes arguments apart. Which day a time in --until is of depends on --since, so that it is read once
/// that is known.
fn settled(args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    when::begin();
    let matches = abilities::parse(args)?;
    let (since, follows) = abilities::time(&matches);
    if when::depends_on(since, follows) { abilities::parse(args) } else { Ok(matches) }
}

/// A trace without its option, where `logs` takes a directory.
fn trace_alone(text: &str) -> Result<String, String> {
    let and_place = |error: String| match places::meant(text) {
        Some(told) => format!("{error}; {told}"),
        None => error,
    };
    trace_arg(text).map_err(and_place)
}

#[derive(Debug, Args)]
pub(crate) struct RemovedArgs {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Vec<PathBuf>,
    /// Try remains that were set aside once more
    ///
    /// Remains are set aside in inst/<slot>/quarantine when recovering them killed several
    /// processes, or when there was something in them that this version cannot read.
    #[arg(long)]
    pub(crate) retry_quarantined: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// Trace id, the first digits of one, or a traceparent
    #[arg(value_name = "TRACE", value_parser = trace_alone)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) pick: Pick,
}

#[derive(Debug, Args)]
pub(crate) struct CorrelateArgs {
    /// Of which it is not said what it is the id of.
    #[arg(hide = true)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) pick: Pick,
}

/// Which of a job's runs to show, and how much of each.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Pick {
    /// Only run N of those found; 1 is the oldest
    #[arg(long, value_name = "N", value_parser = run_arg, requires = "job", allow_negative_numbers = true, help_heading = "What")]
    pub(crate) run: Option<usize>,
    /// Every run of the job, not only the last 3
    #[arg(long, requires = "job", conflicts_with = "run", help_heading = "What")]
    pub(crate) all_runs: bool,
    /// Every row: otherwise many alike are counted after the first three, and 1,000 rows are shown
    #[arg(long, help_heading = "How")]
    pub(crate) all: bool,
    /// Whole lines, where otherwise the edge of the terminal cuts them, and every attribute of a span
    #[arg(long, help_heading = "How")]
    pub(crate) wide: bool,
}
