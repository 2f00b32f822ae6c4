//! The command lines of `metrics`, `stats` and `top`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Select, Show, Time};

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// How the names of metrics begin, or with * and ?; with --prometheus, names or PromQL
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Ask a Prometheus, by its address; the last hour unless --since says otherwise
    ///
    /// Any server with the HTTP API of Prometheus will do. A counter that is asked for by its name is
    /// shown as its rate, a histogram by its quantiles.
    #[arg(long, value_name = "URL", requires = "names", help_heading = "Where")]
    pub(crate) prometheus: Option<String>,
    /// Header to send with it, such as 'Authorization: Bearer …'; repeat for several
    ///
    /// In the environment, where other users cannot read it, one on each line.
    #[arg(
        long,
        value_name = "HEADER",
        value_delimiter = '\n',
        env = "RADIOSONDE_CLI_HEADER",
        hide_env_values = true,
        help_heading = "Where"
    )]
    pub(crate) header: Vec<String>,
    /// Whole names of series, where otherwise the edge of the terminal cuts them
    #[arg(long, help_heading = "How")]
    pub(crate) wide: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Telemetry directory, or one day file; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Read sealed files as well, where otherwise their index tells how much is in them
    #[arg(long, help_heading = "What")]
    pub(crate) full: bool,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    /// Only this, and more of it
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "What")]
    pub(crate) by: Option<By>,
    /// Whole lines, where otherwise the edge of the terminal cuts them
    #[arg(long, help_heading = "How")]
    pub(crate) wide: bool,
}

/// What `top` ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Call sites by the lines they write
    Callsites,
    /// Metrics by their series, and labels by their values
    Labels,
    /// What was dropped, refused, rejected or missed
    Losses,
    /// Spans by their duration
    Spans,
}

pub(super) const STATS: &str =
    "How much is there: files, lines and bytes of each signal and day, when most of it was
written, and what of it is missing. Live files are read; of sealed ones the index tells lines,
bytes and times at once. It counts as a line whatever was between two line breaks: junk as well, and
half a line that a process which was killed left at the end. Levels, names, gaps and junk are those
of the files that were read: --full reads all of them. With a span of time every file is read that
may hold a line of it.

Each line has a number of its own, `<process>.<ring>.<number>`. A number that is missing between
two others is a line that was lost, or that retention removed. That is only said where every file
was read.

Examples:
  radiosonde stats                 what is there
  radiosonde stats --full          with levels, names and gaps of sealed files
  radiosonde stats --since 1h      of the last hour
  radiosonde stats -o json | jq    for other programs";

pub(super) const TOP: &str = "What there is most of: call sites that write the most lines, the \
slowest spans, metrics with the
most series and the labels that make them, and what was lost. Five rows each; -n N says how many,
and --by shows one of the four with twenty. In the names of log messages # stands for a number.
Durations are exact to a sixteenth, but for the longest. Losses are what the own metrics and events
of the programs tell. A line that stands in the files twice, or in copies of a directory, counts once,
by its id.

Examples:
  radiosonde top --since 1h                 the last hour on one screen
  radiosonde top --by spans -n 50           more of the slowest spans
  radiosonde top --by labels                which label has too many values
  radiosonde top --level error              call sites that write errors";
