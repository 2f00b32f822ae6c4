//! The command line of `radiosonde spool`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Show;

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// What is pending, delivered, rejected and dropped, of each process and stream
    #[command(after_long_help = STATUS)]
    Status(SpoolSelect),
    /// The files that hold it
    #[command(after_long_help = LIST)]
    List(SpoolSelect),
    /// What the oldest records are that are pending
    #[command(after_long_help = SHOW)]
    Show(ShowArgs),
    /// Drop what is pending of processes that are gone; it is counted
    #[command(after_long_help = DROP)]
    Drop(DropArgs),
}

/// Which spools, and for whom.
#[derive(Debug, Args)]
pub(crate) struct SpoolSelect {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Only the spool of this instance
    #[arg(long, value_name = "ID", help_heading = "What")]
    pub(crate) instance: Option<String>,
    /// Only this stream, such as events or logs-debug
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub(crate) stream: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Most records of each stream
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, help_heading = "How")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) select: SpoolSelect,
}

#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// Really drop it; without this, what would be dropped is told
    #[arg(long, help_heading = "How")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) select: SpoolSelect,
}

pub(super) const HELP: &str =
    "Where an OTLP endpoint is set, records wait in inst/<slot>/spool/<instance> until a receiver has
acknowledged them. A process that ends leaves its spool; the next one of the directory sends it.
These commands need no receiver, and change nothing but for `drop`.

Exit status: 0 found, 1 there is no spool (or nothing to drop), 2 usage, or a directory that does not
exist, 3 some spool could not be read, or belongs to a running process and was not dropped.

Examples:
  radiosonde spool status                               what waits, and why it was lost
  radiosonde spool status -o json | jq .pending         for other programs
  radiosonde spool show --stream events -n 3            the oldest three";

const STATUS: &str =
    "One row for each stream that ever had a record. In each of them, over all processes that had the
spool: appended = delivered + rejected + dropped + pending. `delivered` is what a receiver
acknowledged. Reasons of dropped: cap (of the spool), disk_full, write_failed, damaged, cursor_lost,
oversize, operator (by `spool drop`). Of a running process these are the books as they stand on disk.

Examples:
  radiosonde spool status
  radiosonde spool status --instance k3f9q2xw --json";

const LIST: &str = "One row for each segment, oldest first. A process removes those that are sent.

Examples:
  radiosonde spool list
  radiosonde spool list --stream traces";

const SHOW: &str =
    "The oldest records that are pending, as they will be sent: a log's or event's message, a span's
name, a metric's name, with the time it was appended and its size.

Examples:
  radiosonde spool show
  radiosonde spool show --stream logs-warning -n 50";

const DROP: &str =
    "For what nobody wants any more, such as records for a receiver that is gone. They are counted as
dropped, reason operator, and the gap is told by the next process of the directory. Spools of running
processes are left alone: stop them first.

Examples:
  radiosonde spool drop                                 what would be dropped
  radiosonde spool drop --instance k3f9q2xw --yes
  radiosonde spool drop --stream logs-debug --yes";
