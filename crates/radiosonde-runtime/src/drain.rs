//! Sends what processes that have ended left, without waiting for their next start: for `radiosonde spool
//! drain`, and for `radiosonde recover` where owners send over OTLP.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use radiosonde_events::Redactions;
use radiosonde_events::recover::{RecoveryReport, recover_directory_with};

use crate::otlp::{Drainer, Gap, Otlp};
use crate::problem::{Problem, Problems};
use crate::recovery::{self, Exporting};
use crate::report::{AdoptedReport, DestinationReport};

/// Between two looks at how it goes on.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long before the end nothing is begun that would not be answered by then; of a short time half.
const END_WITHIN: Duration = Duration::from_secs(2);
/// Limits past a day are a day.
const WITHIN_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What to send, and for how long to try.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The telemetry directory.
    pub directory: PathBuf,
    /// When to give up. What is not sent by then stays.
    pub within: Duration,
    /// Where to send it instead of where its owner would have: the endpoint for all signals, with the
    /// other variables of `OTEL_EXPORTER_OTLP_*` as they are set here. Headers of the owner are not sent
    /// there.
    pub endpoint: Option<String>,
}

impl Options {
    /// Everything in this directory, where its owners would have sent it, for at most a minute.
    pub fn new(directory: &Path) -> Self {
        let within = Duration::from_secs(60);
        Self { directory: directory.to_owned(), within, endpoint: None }
    }
}

/// How it went, or goes on.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Drained {
    /// What became of it.
    pub records: AdoptedReport,
    /// How it stands with those it goes to.
    pub destinations: Vec<DestinationReport>,
    /// Losses that nobody was told of before: how many records, of which stream, and why.
    pub gaps: Vec<(u64, String, String)>,
    /// What went wrong.
    pub problems: Vec<Problem>,
}

/// Recovers a directory as [`recover_directory`](radiosonde_events::recover::recover_directory) does, and
/// what goes over OTLP into the spools of its owners. With what is wrong with those.
///
/// # Errors
/// As there.
pub fn recover(directory: &Path, retry: bool) -> io::Result<(RecoveryReport, Vec<Problem>)> {
    let (otlp, redactions) = (&Otlp::default(), &Redactions::default());
    let host = &mut Exporting { otlp, redactions };
    let report = recover_directory_with(directory, retry, host)?;
    let problems = Problems::default();
    otlp.say_what_was_gone(&problems);
    Ok((report, problems.all()))
}

/// Recovers what killed processes left, and sends all that waits in spools nobody owns, telling
/// `progress` from time to time. Spools in which everything is done are removed.
///
/// # Errors
/// As from the system, when the directory cannot be read or there is no thread for it.
pub fn drain(options: &Options, progress: &mut dyn FnMut(&Drained)) -> io::Result<Drained> {
    let within = options.within.min(WITHIN_MAX);
    let end = END_WITHIN.min(within / 2);
    let deadline = Instant::now() + (within - end);
    let (otlp, problems) = (Otlp::default(), Problems::default());
    std::fs::read_dir(&options.directory)?;
    // Everything, as no slot is ours.
    let redactions = Redactions::default();
    let none = u32::MAX;
    drop(recovery::run_later(&options.directory, none, &redactions, &problems, &otlp));
    let (directory, endpoint) = (&options.directory, options.endpoint.as_deref());
    let mut drainer = Drainer::start(&otlp, directory, endpoint, &problems)?;
    let mut drained = Drained::default();
    let mut is_empty = false;
    loop {
        drainer.turn(&problems);
        drained.gaps.extend(drainer.tell_gaps(&problems).iter().map(told));
        (drained.records, drained.destinations) = drainer.state();
        drained.problems = problems.all();
        progress(&drained);
        let was_empty = is_empty;
        is_empty = drained.records.pending + drained.records.waiting == 0;
        let left = deadline.saturating_duration_since(Instant::now());
        // Once more: what was in the way of another look may be gone with the last of it.
        if is_empty && was_empty || left.is_zero() {
            break;
        }
        std::thread::sleep(if is_empty { Duration::ZERO } else { LOOK_INTERVAL.min(left) });
    }
    // The sender may begin what it can still hear the answer to.
    drained.records = drainer.end(if is_empty { Duration::ZERO } else { end }, &problems);
    drained.problems = problems.all();
    Ok(drained)
}

fn told(gap: &Gap) -> (u64, String, String) {
    (gap.records, gap.stream.to_owned(), gap.reason.to_owned())
}
