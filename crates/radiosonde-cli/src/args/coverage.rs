//! The command line of `coverage`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::Show;
use crate::when;

#[derive(Debug, Args)]
pub(crate) struct CoverageArgs {
    /// Telemetry directory, or one day file; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Who has to have reported: SERVICE, or SERVICE@MACHINE; repeat, or part by commas
    ///
    /// Default: every service and machine that reported since --known, but for programs that were
    /// done in a short time.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', value_parser = expected, help_heading = "What")]
    pub(crate) expect: Vec<Expected>,
    /// What counts as lately: reported from this moment on
    #[arg(long, value_name = "WHEN", value_parser = when::since, default_value = "1h", allow_hyphen_values = true, help_heading = "What")]
    pub(crate) since: Timestamp,
    /// How far back services are looked for that may have fallen silent
    #[arg(long, value_name = "WHEN", value_parser = when::since, default_value = "7d", allow_hyphen_values = true, help_heading = "What")]
    pub(crate) known: Timestamp,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// A service that has to be there, on one machine or on any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) service: String,
    pub(crate) machine: Option<String>,
}

fn expected(text: &str) -> Result<Expected, String> {
    let text = text.trim();
    // Names of services may hold an `@`; ids of machines cannot.
    let (service, machine) = match text.rsplit_once('@') {
        Some((service, machine)) => (service, Some(machine)),
        None => (text, None),
    };
    if service.is_empty() || machine.is_some_and(str::is_empty) {
        return Err("write SERVICE or SERVICE@MACHINE".to_owned());
    }
    Ok(Expected { service: service.to_owned(), machine: machine.map(str::to_owned) })
}

pub(super) const HELP: &str =
    "A service that runs reports at least once a minute, also when it has nothing to do:
its heartbeat (machine.status) and its metrics. `silent` is one that did not report lately; the last word
of one that `stopped` was that it stops, lately or not. Programs that were done within
two minutes (`ended`) are missed only where --expect names them. Counts are of the time
since --since. A line of more than five minutes from now counts for nothing: the clock of who
wrote it is wrong.

Exit status: 0 everyone expected reported, 1 someone did not, 2 usage, or a directory
that does not exist, 3 some file could not be read in full.

Examples:
  radiosonde coverage                                  who was silent for an hour
  radiosonde coverage --since 5m --expect api,worker   a check every few minutes
  radiosonde coverage --expect worker@m-3,worker@m-4   one service, two machines
  radiosonde coverage -o json \\
    | jq -r 'select(.expected and (.reported | not)).service'";
