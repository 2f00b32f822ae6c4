//! The command line of `radiosonde spool`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Show, flowing};

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// What is pending, delivered, rejected and dropped, of each process and stream
    #[command(after_long_help = flowing(STATUS))]
    Status(SpoolSelect),
    /// The files that hold it
    #[command(after_long_help = flowing(LIST))]
    List(SpoolSelect),
    /// What the oldest records are that are pending
    #[command(after_long_help = flowing(SHOW))]
    Show(ShowArgs),
    /// Send what processes left that are gone, without waiting for their next start
    #[command(after_long_help = flowing(DRAIN))]
    Drain(DrainArgs),
    /// Drop what is pending of processes that are gone; it is counted
    #[command(after_long_help = flowing(DROP))]
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
pub(crate) struct DrainArgs {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Give up after this time: 30s, 10m
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "60s", help_heading = "How")]
    pub(crate) within: Duration,
    /// Send everything there instead, such as http://127.0.0.1:4318; headers and the like as
    /// OTEL_EXPORTER_OTLP_* has them here
    #[arg(long, value_name = "URL", help_heading = "Where")]
    pub(crate) endpoint: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `30s`, `10m`, `2h`, or a number of seconds.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => 0,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match seconds.filter(|seconds| unit > 0 && *seconds <= SPAN_MAX_S) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("write a number of seconds, or 30s, 10m, 2h, up to a day".to_owned()),
    }
}

/// Who wants to wait longer starts a service.
const SPAN_MAX_S: u64 = 86_400;

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
But for `drain` these commands need no receiver, and but for it and `drop` they change nothing.

Exit status: 0 found, 1 there is no spool (or nothing to drop), 2 usage, or a directory that does not
exist, 3 some spool could not be read, or belongs to a running process and was not dropped.

Examples:
  radiosonde spool status                         what waits, and what was lost
  radiosonde spool status -o json | jq .pending   for other programs
  radiosonde spool show --stream events -n 3      the oldest three";

const STATUS: &str =
    "One row for each stream that ever had a record. In each of them, over all processes that had the
spool: appended = delivered + rejected + dropped + pending. `delivered` is what a receiver
acknowledged. Reasons of dropped: cap (of the spool), disk_full, write_failed, damaged, cursor_lost,
oversize, unknown_stream, wrong_number (a batch below the one before it), operator (by `spool drop`). Of a running process these are the books as they stand on disk.

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

const DRAIN: &str =
    "Recovers what killed processes left in memory files, and sends it with all that waits in spools
nobody owns: to where each process would have sent it, with its headers, or to --endpoint. What
running processes hold is left alone, and named. A receiver that comes back is not flooded. What is
not sent by the end of --within stays; what was lost on the way is told.

Exit status: 0 nothing is left, also when there was nothing or a running process sends its own,
2 usage, 3 some of it waits (also in spools of ended processes that a running one has taken over), was
lost or refused on the way, or could not be read. What `spool drop` gave up is told, and no failure.

Examples:
  radiosonde spool drain   all that waits, for at most a minute
  radiosonde spool drain --within 10m --dir /var/lib/svc/telemetry
  OTEL_EXPORTER_OTLP_HEADERS=api-key=… \\
    radiosonde spool drain --endpoint https://otlp.example.com";

const DROP: &str =
    "For what nobody wants any more, such as records for a receiver that is gone. They are counted as
dropped, reason operator, and the gap is told by the next process of the directory, but for what only
told of earlier gaps. Spools of running processes are left alone: stop them first.

Examples:
  radiosonde spool drop                                 what would be dropped
  radiosonde spool drop --instance k3f9q2xw --yes
  radiosonde spool drop --stream logs-debug --yes";
