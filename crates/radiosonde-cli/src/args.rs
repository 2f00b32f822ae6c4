//! The command line.

mod coverage;
mod doctor;
mod figures;
mod ops;
mod spool;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use radiosonde_store::Level;
use radiosonde_store::query::{check_id, trace_prefix};

pub(crate) use self::coverage::{CoverageArgs, Expected};
pub(crate) use self::doctor::DoctorArgs;
pub(crate) use self::figures::{By, StatsArgs, TopArgs};
pub(crate) use self::ops::{CheckArgs, DiffArgs, OpsCommand};
pub(crate) use self::spool::{DrainArgs, DropArgs, SpoolCommand, SpoolSelect};
use crate::when;

/// Find logs, events, traces and metrics of a program again.
///
/// Reads the telemetry files a program with radiosonde wrote; no server is involved. All times are
/// UTC. Exit status: 0 found, 1 nothing found, 2 usage, or a directory that does not exist, 3 some
/// file could not be read in full. The `ops` commands judge a registry instead: 0 no problem, 1
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
    Logs(Select),
    /// Named events only, without plain log lines
    #[command(after_long_help = flowing(EVENTS))]
    Events(Select),
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
    /// Completion of this command line for a shell
    #[command(after_long_help = flowing(COMPLETIONS))]
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RemovedArgs {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Removed from this moment on: 2025-10-06, 2025-10-06T13:00:00Z, 13:00, 3d, -2h, yesterday
    #[arg(long, value_name = "WHEN", value_parser = when::since, allow_hyphen_values = true, help_heading = "What")]
    pub(crate) since: Option<Timestamp>,
    /// Removed up to this moment, which is not included; a day is included as a whole
    #[arg(long, value_name = "WHEN", value_parser = when::until, allow_hyphen_values = true, help_heading = "What")]
    pub(crate) until: Option<Timestamp>,
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
    #[arg(value_name = "TRACE", value_parser = trace_arg, conflicts_with = "trace")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) pick: Pick,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    /// Whole names of series, where otherwise the edge of the terminal cuts them
    #[arg(long, help_heading = "How")]
    pub(crate) wide: bool,
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
    /// Whole lines, where otherwise the edge of the terminal cuts them, and every attribute of a span
    #[arg(long, help_heading = "How")]
    pub(crate) wide: bool,
}

/// What to look for. Conditions given together must all hold.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Select {
    /// Telemetry directory, or one day file; repeat for several
    ///
    /// Default: $RADIOSONDE_DIR, else $STATE_DIRECTORY, else ./data/telemetry, else every service
    /// below $XDG_STATE_HOME/radiosonde (~/.local/state/radiosonde).
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Job id, exactly
    #[arg(long, value_name = "ID", value_parser = id_arg, help_heading = "What")]
    pub(crate) job: Option<String>,
    /// Trace id, the first digits of one, or a traceparent
    #[arg(long, value_name = "ID", value_parser = trace_arg, help_heading = "What")]
    pub(crate) trace: Option<String>,
    /// Machine id, exactly
    #[arg(long, value_name = "ID", value_parser = id_arg, help_heading = "What")]
    pub(crate) machine: Option<String>,
    /// Worker id, exactly
    #[arg(long, value_name = "ID", value_parser = id_arg, help_heading = "What")]
    pub(crate) worker: Option<String>,
    /// Session id, exactly
    #[arg(long, value_name = "ID", value_parser = id_arg, help_heading = "What")]
    pub(crate) session: Option<String>,
    /// At least this severe: trace, debug, info, warning, error, critical
    #[arg(long, value_name = "LEVEL", help_heading = "What")]
    pub(crate) level: Option<Level>,
    /// Name of the event; repeat for several
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub(crate) evt: Vec<String>,
    /// From this moment on: 2025-10-06, 2025-10-06T13:00:00Z, 13:00, 3d, -2h, yesterday
    #[arg(long, value_name = "WHEN", value_parser = when::since, allow_hyphen_values = true, help_heading = "What")]
    pub(crate) since: Option<Timestamp>,
    /// Up to this moment, which is not included; a day is included as a whole
    #[arg(long, value_name = "WHEN", value_parser = when::until, allow_hyphen_values = true, help_heading = "What")]
    pub(crate) until: Option<Timestamp>,
    /// Only the newest N lines
    #[arg(short = 'n', long, value_name = "N", value_parser = count_arg, allow_negative_numbers = true, help_heading = "What")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// How to print it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Show {
    /// For people, or for programs: one JSON object each, lines as they are stored
    #[arg(short, long, value_enum, default_value_t, help_heading = "How")]
    pub(crate) output: Output,
    /// Short for --output json
    #[arg(long, help_heading = "How")]
    pub(crate) json: bool,
    /// Colours; `auto` means on a terminal, or with CLICOLOR_FORCE, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "How")]
    pub(crate) color: Color,
}

impl Show {
    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.output == Output::Json
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Pretty,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

fn id_arg(text: &str) -> Result<String, String> {
    let Err(error) = check_id(text) else { return Ok(text.to_owned()) };
    Err(match stored(text) {
        Some(stored) => format!("{error}; it stands in the files as `{stored}`"),
        None => error.to_string(),
    })
}

/// What an id becomes that a program uses and that is none: every character it may not have an
/// underscore, and no more than 128 of them. `None` for the empty text, which is no id at all.
fn stored(text: &str) -> Option<String> {
    let fitting = |c: char| if check_id(c.encode_utf8(&mut [0; 4])).is_ok() { c } else { '_' };
    (!text.is_empty()).then(|| text.chars().take(ID_LENGTH_MAX).map(fitting).collect())
}

pub(crate) fn trace_arg(text: &str) -> Result<String, String> {
    trace_prefix(trace_of(text).unwrap_or(text))
        .map_err(|error| format!("{error}, or by a traceparent"))
}

/// The trace of a `traceparent` of W3C Trace Context, as logs and headers have it:
/// `00-0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7-01`. A later version may have more parts.
fn trace_of(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let mut hex = |digits: usize| {
        let is_hex =
            |part: &&str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.next().filter(is_hex)
    };
    let [_version, trace, _span, _flags] = [hex(2)?, hex(32)?, hex(16)?, hex(2)?];
    Some(trace)
}

fn count_arg(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("write a number of lines, 1 or more".to_owned()),
    }
}

fn run_arg(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("write the number of a run, 1 or more".to_owned()),
    }
}

/// Text of a help, whose paragraphs are written on several lines here: one each for clap, which breaks
/// them where the terminal ends. Indented lines stay as they are.
fn flowing(text: &str) -> String {
    let mut flowing = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        flowing.push_str(line);
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        match lines.peek() {
            Some(next) if is_prose(line) && is_prose(next) => flowing.push(' '),
            Some(_) => flowing.push('\n'),
            None => {}
        }
    }
    flowing
}

/// Characters of an id.
const ID_LENGTH_MAX: usize = 128;

const START_HERE: &str = "Start with:
  radiosonde logs --since 1h --level warning   what went wrong in the last hour
  radiosonde correlate --job JOB               everything about one job

`radiosonde help COMMAND` shows examples of each command.";

const LOGS: &str = "Examples:
  radiosonde logs                                       everything, oldest first
  radiosonde logs -n 50                                 the newest 50 lines
  radiosonde logs --job job-7 --level warning           what went wrong in a job
  radiosonde logs --since yesterday --until yesterday   all of yesterday
  radiosonde logs --evt panic --since 7d                panics of the last week
  radiosonde logs -o json | jq -r .msg                  for other programs";

const EVENTS: &str = "Examples:
  radiosonde events --evt user.action --since 1d     who did what
  radiosonde events --job job-7 -o json | jq .meta   the fields of its events";

const TRACE: &str = "Shows spans, and the events inside them that are warnings or worse; --level
decides otherwise. A span whose line is not there (still running, not sampled, or
kept by another service) is shown as \"(missing span …)\"; one that was open when
its process died has a bar of ▒ and no end; one that was given up is called
cancelled. → names what a span links to, ← which other traces link to it. What is
left out, lines below the level or sizes and ports of requests, is said at the end.
Runs are told apart as `radiosonde help correlate` says.

Examples:
  radiosonde trace 0edadbc0                 by the first digits of the id
  radiosonde trace 00-0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7-01
  radiosonde trace 0edadbc0 --level trace   with every log line and event
  radiosonde trace --job job-7              all traces of a job";

const METRICS: &str = "Without an id: the latest snapshot of each series. With --job, --trace,
--worker or --session: what was recorded under that id, summed for each series.

Examples:
  radiosonde metrics                             the latest values
  radiosonde metrics --job job-7                 what one job changed
  radiosonde metrics -o json | jq '.meta.name'   the lines they come from";

const CORRELATE: &str =
    "One timeline of all four signals: spans with bars, and log lines, events and
metric changes at their place in time; then the sums for each metric. Needs at
least one of --job, --trace, --session, --worker, --machine.

A job id that came back has several runs, each shown with its own time and sums,
the newest last. One run is what shares a trace, overlaps in time, or follows
within 10 s: within 1 s where another process of the same service goes on, and
within 5 min in one process that does not trace. Spans of other jobs are left
out; those below spans of the job are counted at the end.

Examples:
  radiosonde correlate --job job-7                a job's last 3 runs
  radiosonde correlate --job job-7 --run 1        its first run
  radiosonde correlate --trace 0edadbc0           of a trace
  radiosonde correlate --session s-1 --since 1h   of a session, lately
  radiosonde correlate --job job-7 -o json        all its lines, by time";

const RECOVER: &str = "A process that was killed leaves its last records in memory files. The next
start of the service brings them into the day files; this command does it now.
It can be repeated and interrupted: every record appears once. Processes that
run are left alone.

Exit status: 0 something was recovered, 1 there was nothing, 2 usage, or a directory
that does not exist, 3 some of it could not be.

Examples:
  radiosonde recover                                where telemetry usually is
  radiosonde recover --dir /var/lib/svc/telemetry   in one directory";

const REMOVED: &str =
    "Every removal stands in a ledger, inst/<slot>/removed.jsonl, with the lines and bytes
that went. Rules: age (retention_days), files (retention_files), bytes
(retention_bytes). A ledger that has become long is replaced by its sums: their
rows have no time, and are left out with --since and --until.

Exit status: 0 something was removed, 1 nothing was, 2 usage, or a directory
that does not exist, 3 some of a ledger could not be read.

Examples:
  radiosonde removed                         everything, oldest first
  radiosonde removed --since 7d              in the last week
  radiosonde removed -o json | jq -r .file   for other programs";

const OPS: &str = "Examples:
  radiosonde ops check                         faults of ./registry.json
  radiosonde ops diff old.json registry.json   what changed, and breaks";

const COMPLETIONS: &str = "Examples:
  radiosonde completions bash \\
    > ~/.local/share/bash-completion/completions/radiosonde
  radiosonde completions zsh > ~/.zfunc/_radiosonde     with ~/.zfunc in $fpath
  radiosonde completions fish > ~/.config/fish/completions/radiosonde.fish";
