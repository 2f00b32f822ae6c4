//! The command line of `radiosonde ops`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use radiosonde_ops::Day;

use super::{Show, flowing};

#[derive(Debug, Subcommand)]
pub(crate) enum OpsCommand {
    /// What is wrong with registries, with line, column and fix
    #[command(after_long_help = flowing(CHECK))]
    Check(CheckArgs),
    /// What changed between two registries, and which changes break queries, panels or code
    #[command(after_long_help = flowing(DIFF))]
    Diff(DiffArgs),
    /// The JSON Schema of registry.json, for editors
    #[command(after_long_help = flowing(SCHEMA))]
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Registry file, or - for standard input; repeat for several
    ///
    /// Default: ./registry.json.
    #[arg(value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// The lints that `lint_allow` can name, instead of a check
    #[arg(long, conflicts_with = "file")]
    pub(crate) rules: bool,
    #[command(flatten)]
    pub(crate) judge: Judge,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The registry as it was; - for standard input
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The registry as it shall be; - for standard input
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) judge: Judge,
}

/// By which day, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Judge {
    /// Day by which deprecations are judged, such as 2026-11-01
    ///
    /// Default: the day it is now, in UTC.
    #[arg(long, value_name = "DAY")]
    pub(crate) today: Option<Day>,
    #[command(flatten)]
    pub(crate) show: Show,
}

impl Judge {
    pub(crate) fn day(&self) -> Day {
        self.today.unwrap_or_else(Day::today)
    }
}

const CHECK: &str =
    "Everything the registry's own lints say; and where they say nothing, deprecations
whose days are over, texts nobody has written yet (a help of …), and expressions
that are no PromQL or read what no metric writes.

With --json, one object for each problem: file, line, column, path, what, fix.

Exit status: 0 no problem, 1 problems, 2 usage, or a file that cannot be read.

Examples:
  radiosonde ops check                            ./registry.json
  radiosonde ops check services/*/registry.json   several at once
  radiosonde ops check --today 2027-01-01         what will have ended by then
  radiosonde ops check --json | jq -r .what       for other programs
  radiosonde ops check --rules                    what `lint_allow` can name";

const DIFF: &str =
    "Breaking is what makes a query, a panel, an alert or a caller see something else, or
nothing: a metric, label or label value that goes; another type, unit, label set or
buckets; a limit that falls. A deprecated metric may go when its days are over. The
lints are left out, so that a registry of an earlier version can be compared.

With --json, one object for each change: breaking, path, what, old, new, fix.

Exit status: 0 nothing breaking, 1 breaking changes, 2 usage, or a file that cannot
be read.

Examples:
  radiosonde ops diff old.json registry.json            two files
  git show main:registry.json | radiosonde ops diff - registry.json
                                                        what a branch changes";

const SCHEMA: &str =
    "Editors that know JSON Schema complete keys, show what they mean, and underline what
is wrong. Put the schema beside the registry and name it there:

  {
    \"$schema\": \"./registry.schema.json\",
    \"schema_version\": 1,

Examples:
  radiosonde ops schema > registry.schema.json";
