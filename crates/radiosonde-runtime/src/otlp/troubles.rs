//! What is wrong with what is sent, as problems: said once, kept up to date, and taken back when it is over.

use std::path::Path;

use radiosonde_otlp::{Signal, State, Status, Stream};
use radiosonde_spool::{Account, DropReason};

use crate::problem::{Problem, Problems};
use crate::words::{counted, grouped, size};

/// What was said of destinations and of the spool, as long as it holds.
#[derive(Debug, Default)]
pub(super) struct Troubles(Vec<(About, Problem)>);

/// What a problem is about: there is one at a time of each.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// A destination, by its signal and endpoint, that takes nothing.
    Way(String, String),
    /// Records of a signal that are lost, or may be, at an endpoint, and how.
    Loss(String, String, &'static str),
    /// Records that were dropped from the own spool, for this reason.
    Dropped(DropReason),
    /// What waits in memory only.
    Memory,
}

impl About {
    /// A loss stays one when it does not go on.
    fn is_for_good(&self) -> bool {
        matches!(self, Self::Loss(..) | Self::Dropped(_))
    }
}

/// What there is to look at.
pub(super) struct View<'a> {
    pub(super) statuses: &'a [Status],
    pub(super) accounts: &'a [Account],
    /// Where the spool is.
    pub(super) path: &'a Path,
    pub(super) cap_bytes: u64,
    /// Whether what this process records goes there, and not only what an earlier one left.
    pub(super) is_own: &'a dyn Fn(Signal, &str) -> bool,
}

impl Troubles {
    /// Brings the problems up to what holds now. Only the first of a kind is logged: counts and texts of
    /// attempts change all the time.
    pub(super) fn tell(&mut self, view: &View<'_>, problems: &Problems) {
        let mut now = self.found(view);
        let kept = self.0.iter().filter(|(about, _)| about.is_for_good());
        let kept: Vec<_> = kept.filter(|(about, _)| !has(&now, about)).cloned().collect();
        now.extend(kept);
        for (_, over) in self.0.iter().filter(|(about, _)| !has(&now, about)) {
            problems.retract(over);
        }
        for (about, new) in &now {
            match self.0.iter().find(|(it, _)| it == about) {
                Some((_, old)) if old == new => {}
                Some((_, old)) if problems.replace(old, new, false) => {}
                _ => problems.add(new.clone()),
            }
        }
        self.0 = now;
    }

    fn found(&self, view: &View<'_>) -> Vec<(About, Problem)> {
        let has_overflowed =
            view.accounts.iter().any(|account| dropped(account, DropReason::Cap) > 0);
        let mut found = Vec::new();
        for status in view.statuses {
            let (signal, endpoint) = (status.signal.name().to_owned(), status.endpoint.clone());
            let about = About::Way(signal.clone(), endpoint.clone());
            // One that is being tried is as it was before.
            let problem = match status.state {
                State::HalfOpen => {
                    self.0.iter().find(|(it, _)| *it == about).map(|(_, it)| it.clone())
                }
                _ => {
                    let is_own = (view.is_own)(status.signal, &status.endpoint);
                    of_state(status, has_overflowed, is_own)
                }
            };
            found.extend(problem.map(|problem| (about, problem)));
            let losses = losses(status).into_iter();
            found.extend(losses.map(|(how, problem)| {
                (About::Loss(signal.clone(), endpoint.clone(), how), problem)
            }));
        }
        let drops = DropReason::ALL.map(|reason| (reason, of_drops(reason, view)));
        let drops = drops.into_iter().filter_map(|(reason, it)| it.map(|it| (reason, it)));
        found.extend(drops.map(|(reason, problem)| (About::Dropped(reason), problem)));
        found.extend(of_memory(view.accounts, view.path).map(|it| (About::Memory, it)));
        found
    }
}

fn has(all: &[(About, Problem)], about: &About) -> bool {
    all.iter().any(|(it, _)| it == about)
}

/// What is wrong with a destination, if somebody has to do something about it.
fn of_state(status: &Status, has_overflowed: bool, is_own: bool) -> Option<Problem> {
    let (endpoint, signal) = (&status.endpoint, status.signal.name());
    let error = status.last_error.as_deref().unwrap_or("it does not answer");
    let room = if has_overflowed {
        "the spool is full, and the oldest is dropped"
    } else {
        "nothing is lost until the spool is full"
    };
    // Where the endpoint was another one, seeing to the receiver may be the wrong advice.
    let (of_earlier, elsewhere) = if is_own {
        ("", "")
    } else {
        (
            " of earlier processes",
            "; to send them elsewhere, stop this process and run `radiosonde spool drain --endpoint`",
        )
    };
    match status.state {
        State::Held => Some(Problem::new(
            // Not all of it is said by the receiver: a certificate that cannot be read is not.
            format!("{signal}{of_earlier} wait, as none can be sent to {endpoint}: {error}"),
            format!(
                "mend the endpoint or its headers (OTEL_EXPORTER_OTLP_*), or the receiver; {room}, and it \
                 is tried again once a minute{elsewhere}"
            ),
        )),
        State::Open => Some(Problem::warning(
            format!("{signal}{of_earlier} wait, as {endpoint} does not take them: {error}"),
            format!("see to the receiver; {room}, and it is tried again by itself{elsewhere}"),
        )),
        _ => None,
    }
}

/// What a destination has refused, or answered to without a sense: which no attempt brings back.
fn losses(status: &Status) -> Vec<(&'static str, Problem)> {
    let (endpoint, signal) = (&status.endpoint, status.signal.name());
    let of_signal = |count: u64| format!("{} of {signal}", counted(count, "record"));
    let mut losses = Vec::new();
    let refused = status.rejected.saturating_sub(status.dropped_by_the_letter);
    if refused > 0 {
        // That of a partial success, or of the last request that failed.
        let said = status.message.as_deref().or(status.last_error.as_deref());
        let said = said.map_or(String::new(), |said| format!(": {said}"));
        let set_aside = match status.quarantined {
            0 => String::new(),
            count => {
                format!("; {} of them are in `quarantine` beside the spool", grouped(count))
            }
        };
        losses.push((
            "refused",
            Problem::new(
                format!("{} were refused by {endpoint} and are lost{said}", of_signal(refused)),
                format!("see to what the receiver says of them{set_aside}"),
            ),
        ));
    }
    if status.dropped_by_the_letter > 0 {
        let lost = of_signal(status.dropped_by_the_letter);
        let error = status.last_error.as_deref().unwrap_or("it refuses them");
        losses.push((
            "by_the_letter",
            Problem::new(
                format!(
                    "{lost} were dropped, as the specification says, for an answer of {endpoint}: {error}"
                ),
                "mend the endpoint or its headers (OTEL_EXPORTER_OTLP_*), or unset \
                 RADIOSONDE_STRICT_OTLP, so that they wait",
            ),
        ));
    }
    if status.unreadable > 0 {
        let answers = counted(status.unreadable, "answer");
        losses.push((
            "unreadable",
            Problem::new(
                format!(
                    "{answers} of {endpoint} to {signal} could not be read: nobody knows whether it has \
                     kept them"
                ),
                "look whether that is an OTLP receiver, with the right port and path; the records count as \
                 delivered",
            ),
        ));
    }
    if status.spool_errors > 0 {
        let times = counted(status.spool_errors, "time");
        losses.push((
            "spool",
            Problem::new(
                format!("spooled {signal} for {endpoint} could not be read or settled {times}"),
                "check the disk of the telemetry directory",
            ),
        ));
    }
    losses
}

/// What was dropped from the spool for a reason that somebody can do something about.
fn of_drops(reason: DropReason, view: &View<'_>) -> Option<Problem> {
    let each = Stream::ALL.into_iter().zip(view.accounts);
    let each = each.map(|(stream, account)| (stream, dropped(account, reason)));
    let lost: Vec<(Stream, u64)> = each.filter(|(_, count)| *count > 0).collect();
    if lost.is_empty() {
        return None;
    }
    let records = counted(lost.iter().map(|(_, count)| count).sum(), "record");
    let of = lost.iter().map(|(stream, count)| format!("{} {}", stream.name(), grouped(*count)));
    let of = of.collect::<Vec<_>>().join(", ");
    let (why, fix) = match reason {
        // Asked for.
        DropReason::Operator => return None,
        DropReason::Cap => (
            format!("the spool is full ({})", size(view.cap_bytes)),
            "see to the receiver; for a longer outage raise RADIOSONDE_SPOOL_BYTES",
        ),
        DropReason::DiskFull => (
            format!("the disk of {} is too full", view.path.display()),
            "make room on it, or set RADIOSONDE_DIR to a directory on a larger one",
        ),
        DropReason::WriteFailed => {
            (format!("{} cannot be written", view.path.display()), "mend the disk or the directory")
        }
        DropReason::Oversize => {
            ("they are larger than 1 MiB".to_owned(), "record less in one record")
        }
        reason => (
            format!("what is in {} cannot be read ({})", view.path.display(), reason.name()),
            "check the disk; the log has an event `radiosonde.gap` with when and how many",
        ),
    };
    Some(Problem::new(format!("{records} will not be sent, as {why}: {of}"), fix))
}

fn dropped(account: &Account, reason: DropReason) -> u64 {
    let found = account.dropped.iter().find(|(of, _)| *of == reason);
    found.map_or(0, |(_, tally)| tally.records)
}

/// What waits only in memory is said as long as it does.
fn of_memory(accounts: &[Account], path: &Path) -> Option<Problem> {
    let reason = accounts.iter().find_map(|account| account.in_memory_reason)?;
    let path = path.display();
    Some(match reason {
        DropReason::DiskFull => Problem::new(
            format!(
                "what waits for OTLP waits in memory, and is lost if the process is killed: the disk of \
                 {path} is too full"
            ),
            "make room on it, or set RADIOSONDE_DIR to a directory on a larger one; past 4 MiB records are \
             dropped",
        ),
        _ => Problem::new(
            format!(
                "what waits for OTLP waits in memory, and is lost if the process is killed: {path} cannot \
                 be written"
            ),
            "mend the disk or the directory; it is tried again all the time, and past 4 MiB records are \
             dropped",
        ),
    })
}
