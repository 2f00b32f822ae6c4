//! The options that commands share: what to look for, and how to print it.
//!
//! Each has a twin in the environment, which the command line wins over. Which command has which of
//! them is said by [`super::abilities`].

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use radiosonde_store::Level;
use radiosonde_store::query::Condition;

use super::Time;
use super::values::{LevelArg, count_arg, evt_arg, field_arg, id_arg, trace_arg};

/// What to look for. Conditions given together must all hold.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Select {
    /// Telemetry directory, file, quoted pattern, or - for standard input; repeat for several
    ///
    /// A file has any name and is text, gzip or zstd: what it is, its first bytes say. Lines of
    /// others are JSON with a time, `ts`, `time`, `timestamp` or the like, as loggers write them.
    ///
    /// Default: $RADIOSONDE_DIR, else $STATE_DIRECTORY, else ./data/telemetry, else every service
    /// below $XDG_STATE_HOME/radiosonde (~/.local/state/radiosonde).
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Job id, exactly
    #[arg(
        long,
        value_name = "ID",
        value_parser = id_arg,
        env = "RADIOSONDE_CLI_JOB",
        help_heading = "What"
    )]
    pub(crate) job: Option<String>,
    /// Trace id, the first digits of one, or a traceparent
    #[arg(
        long,
        value_name = "ID",
        value_parser = trace_arg,
        env = "RADIOSONDE_CLI_TRACE",
        help_heading = "What"
    )]
    pub(crate) trace: Option<String>,
    /// Machine id, exactly
    #[arg(
        long,
        value_name = "ID",
        value_parser = id_arg,
        env = "RADIOSONDE_CLI_MACHINE",
        help_heading = "What"
    )]
    pub(crate) machine: Option<String>,
    /// Worker id, exactly
    #[arg(
        long,
        value_name = "ID",
        value_parser = id_arg,
        env = "RADIOSONDE_CLI_WORKER",
        help_heading = "What"
    )]
    pub(crate) worker: Option<String>,
    /// Session id, exactly
    #[arg(
        long,
        value_name = "ID",
        value_parser = id_arg,
        env = "RADIOSONDE_CLI_SESSION",
        help_heading = "What"
    )]
    pub(crate) session: Option<String>,
    /// Name of the service that wrote it, exactly
    #[arg(long, value_name = "NAME", env = "RADIOSONDE_CLI_SERVICE", help_heading = "What")]
    pub(crate) service: Option<String>,
    /// At least this severe
    #[arg(
        short,
        long,
        value_name = "LEVEL",
        value_parser = LevelArg,
        env = "RADIOSONDE_CLI_LEVEL",
        help_heading = "What"
    )]
    pub(crate) level: Option<Level>,
    /// Whole name of the event; repeat for several, or part them by commas
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = evt_arg,
        env = "RADIOSONDE_CLI_EVT",
        help_heading = "What"
    )]
    pub(crate) evt: Vec<String>,
    /// KEY OP VALUE, such as 'status>=400' or 'code~=rate.*'; all must hold
    ///
    /// KEY is a field of `meta`, or msg, level, evt, source, service, trace_id, job_id and the like;
    /// `meta.level` means the field where the names clash, and `a.b` what is in an object. job, trace,
    /// worker and the like are short for their ids. OP is = or
    /// !=, ~= or !~= with a regular expression, or <, <=, >, >=; `KEY?` asks whether it is there, and
    /// `!KEY?` whether it is not. A line without the key fits != and !~= only.
    ///
    /// With = and != an id is a whole one, but for traces: `trace=0edadbc0` and `trace_id=0edadbc0` are
    /// those that begin so, as with --trace, and `trace_id="..."` in quotes is the whole id. More or less
    /// than a word is a matter of text and stands in quotes: `code>="rate"`. A length of time has its
    /// unit, as texts have it or the end of the key: `elapsed>=20ms`, `duration_us>=1.5s`.
    ///
    /// Sealed files are searched by their index for `job_id=`, `trace_id=`, `session_id=`, `machine_id=`,
    /// `worker_id=`, `service=`, `evt=` and `level` as they are for the options of these names.
    ///
    /// Repeat it, or give several behind one --where; in the environment, one on each line.
    #[arg(
        long = "where",
        value_name = "CONDITION",
        value_delimiter = '\n',
        env = "RADIOSONDE_CLI_WHERE",
        help_heading = "What"
    )]
    pub(crate) conditions: Vec<Condition>,
    #[command(flatten)]
    pub(crate) time: Time,
    /// Only the newest N lines
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        value_parser = count_arg,
        allow_negative_numbers = true,
        env = "RADIOSONDE_CLI_LIMIT",
        help_heading = "What"
    )]
    pub(crate) limit: Option<usize>,
    /// Go on with what is written from now on
    #[arg(
        short,
        long,
        value_parser = yes_or_no,
        env = "RADIOSONDE_CLI_FOLLOW",
        help_heading = "What"
    )]
    pub(crate) follow: bool,
    /// With --follow, begin with the newest N lines; 0 for none
    #[arg(long, value_name = "N", env = "RADIOSONDE_CLI_TAIL", help_heading = "What")]
    pub(crate) tail: Option<usize>,
    #[command(flatten)]
    pub(crate) show: Show,
    /// Say on stderr what was read for it, and what was skipped
    #[arg(
        long,
        value_parser = FalseyValueParser::new(),
        env = "RADIOSONDE_CLI_EXPLAIN",
        help_heading = "How"
    )]
    pub(crate) explain: bool,
}

/// How to print it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Show {
    /// For people, or for programs: JSON lines as they are stored, or rows of columns
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        env = "RADIOSONDE_CLI_OUTPUT",
        help_heading = "How"
    )]
    pub(crate) output: Output,
    /// Short for --output json
    #[arg(long, help_heading = "How")]
    pub(crate) json: bool,
    /// Columns of --output table and csv, as --where names them; repeat, or part by commas
    #[arg(
        long,
        value_name = "KEY",
        value_delimiter = ',',
        value_parser = field_arg,
        env = "RADIOSONDE_CLI_FIELD",
        help_heading = "How"
    )]
    pub(crate) field: Vec<String>,
    /// Times of this machine's zone instead of UTC, those of --since and --until as well
    #[arg(
        long,
        value_parser = FalseyValueParser::new(),
        env = "RADIOSONDE_CLI_LOCAL",
        help_heading = "How"
    )]
    pub(crate) local: bool,
    /// Colours; `auto` means on a terminal, or with CLICOLOR_FORCE, unless NO_COLOR is set
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        env = "RADIOSONDE_CLI_COLOR",
        help_heading = "How"
    )]
    pub(crate) color: Color,
    /// Print more than a screen of a terminal without $RADIOSONDE_PAGER, $PAGER or less
    #[arg(
        short = 'P',
        long,
        value_parser = FalseyValueParser::new(),
        env = "RADIOSONDE_CLI_NO_PAGER",
        help_heading = "How"
    )]
    pub(crate) no_pager: bool,
}

impl Show {
    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.output() == Output::Json
    }

    /// Whether it is rows of columns, or objects, for programs.
    pub(crate) fn is_for_programs(&self) -> bool {
        matches!(self.output(), Output::Csv | Output::Json)
    }

    /// What was asked for; `--json` goes first.
    pub(crate) fn output(&self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

/// The shape of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Pretty,
    /// One line for each result, its columns below each other
    Table,
    /// One JSON object on each line, as it is stored
    Json,
    /// The lines as they stand in the files
    Raw,
    /// Comma-separated values, RFC 4180
    Csv,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What a variable says of an option without a value. What cannot be understood is no yes: a script
/// that follows does not end.
fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "" | "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}
