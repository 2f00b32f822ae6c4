//! What is wrong with what is sent, as problems: said once, kept up to date, and taken back when it is over.

use std::path::Path;

use radiosonde_otlp::{Signal, State, Status, Stream};
use radiosonde_spool::{Account, DropReason};

use crate::problem::{Problem, Problems};
use crate::words::{base, counted, grouped, listed, size};

/// What was said of destinations and of the spool, as long as it holds.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    said: Vec<(About, Problem)>,
    /// The ways that were closed at the last look.
    closed: Vec<Way>,
}

/// A destination of one signal that takes nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    signal: Signal,
    endpoint: String,
    /// Whether it refuses what is sent, as it is configured, and does not only fail to take it.
    is_held: bool,
    /// Whether what this process records goes there.
    is_own: bool,
    error: String,
}

/// What a problem is about: there is one at a time of each.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// A receiver that takes nothing, by one of its signals, what its endpoints have in common, and which
    /// one it is of those with other headers.
    Way(Signal, String, usize),
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
        self.closed = self.closed(view);
        let mut now = self.found(view);
        let kept = self.said.iter().filter(|(about, _)| about.is_for_good());
        let kept: Vec<_> = kept.filter(|(about, _)| !has(&now, about)).cloned().collect();
        now.extend(kept);
        for (_, over) in self.said.iter().filter(|(about, _)| !has(&now, about)) {
            problems.retract(over);
        }
        for (about, new) in &now {
            match self.said.iter().find(|(it, _)| it == about) {
                Some((_, old)) if old == new => {}
                Some((_, old)) if problems.replace(old, new, false) => {}
                _ => problems.add(new.clone()),
            }
        }
        self.said = now;
    }

    /// The ways that are closed now. One that is being tried is as it was before.
    fn closed(&self, view: &View<'_>) -> Vec<Way> {
        let way = |status: &Status| match status.state {
            State::HalfOpen => {
                let is_it =
                    |it: &&Way| it.signal == status.signal && it.endpoint == status.endpoint;
                self.closed.iter().find(is_it).cloned()
            }
            State::Held | State::Open => {
                let error = status.last_error.as_deref().unwrap_or("it does not answer");
                Some(Way {
                    signal: status.signal,
                    endpoint: status.endpoint.clone(),
                    is_held: status.state == State::Held,
                    is_own: (view.is_own)(status.signal, &status.endpoint),
                    error: error.to_owned(),
                })
            }
            _ => None,
        };
        view.statuses.iter().filter_map(way).collect()
    }

    /// What is wrong with receivers: one cause is one problem, however many signals it keeps waiting.
    fn of_ways(&self, has_overflowed: bool) -> Vec<(About, Problem)> {
        let mut groups: Vec<Vec<&Way>> = Vec::new();
        for way in &self.closed {
            match groups.iter_mut().find(|group| group[0].is_as(way)) {
                Some(group) => group.push(way),
                None => groups.push(vec![way]),
            }
        }
        let mut found: Vec<(About, Problem)> = Vec::new();
        for group in &groups {
            let about = |way: &&Way| {
                let about = |nth| About::Way(way.signal, way.base().to_owned(), nth);
                (0..).map(about).find(|about| !has(&found, about))
            };
            // Under the name under which it was said before.
            let before = group.iter().filter_map(about).find(|about| has(&self.said, about));
            let about = before.or_else(|| about(&group[0]));
            let problem = of_receiver(group, has_overflowed);
            found.extend(about.map(|about| (about, problem)));
        }
        found
    }

    fn found(&self, view: &View<'_>) -> Vec<(About, Problem)> {
        let has_overflowed =
            view.accounts.iter().any(|account| dropped(account, DropReason::Cap) > 0);
        let mut found = self.of_ways(has_overflowed);
        for status in view.statuses {
            let (signal, endpoint) = (status.signal.name().to_owned(), status.endpoint.clone());
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

impl Way {
    /// What its endpoint has in common with those of other signals at the same receiver.
    fn base(&self) -> &str {
        base(&self.endpoint, self.signal.name())
    }

    /// Whether the same is wrong with both.
    fn is_as(&self, other: &Self) -> bool {
        (self.base(), self.is_held, self.is_own, &self.error)
            == (other.base(), other.is_held, other.is_own, &other.error)
    }
}

/// What is wrong with a receiver, for all signals that are kept waiting by it.
fn of_receiver(ways: &[&Way], has_overflowed: bool) -> Problem {
    let Way { is_held, is_own, error, .. } = ways[0];
    let mut signals: Vec<&str> = ways.iter().map(|way| way.signal.name()).collect();
    signals.sort_unstable();
    signals.dedup();
    let (signals, to) = (listed(&signals), ways[0].base());
    let room = if has_overflowed {
        "the spool is full, and what matters least is dropped"
    } else {
        "nothing is lost until the spool is full"
    };
    // Where the endpoint was another one, seeing to the receiver may be the wrong advice.
    let (of_earlier, elsewhere) = if *is_own {
        ("", "")
    } else {
        (
            " of earlier processes",
            "; to send them elsewhere, stop this process and run `radiosonde spool drain --endpoint`",
        )
    };
    if *is_held {
        Problem::new(
            // Not all of it is said by the receiver: a certificate that cannot be read is not.
            format!("{signals}{of_earlier} wait, as none can be sent to {to}: {error}"),
            format!(
                "mend the endpoint or its headers (OTEL_EXPORTER_OTLP_*), or the receiver, which is \
                 tried again once a minute; {room}{elsewhere}"
            ),
        )
    } else {
        Problem::warning(
            format!("{signals}{of_earlier} wait, as {to} does not take them: {error}"),
            format!("see to the receiver, which is tried again by itself; {room}{elsewhere}"),
        )
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
    let lost = each.filter(|(_, account)| dropped(account, reason) > 0);
    let lost: Vec<&str> = lost.map(|(stream, _)| stream.name()).collect();
    if lost.is_empty() {
        return None;
    }
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
        DropReason::WrongNumber => (
            "they came under the number of others, as no version of radiosonde sends them"
                .to_owned(),
            "report it, with the versions that wrote to this directory",
        ),
        DropReason::UnknownStream => (
            "a later version of radiosonde wrote them, of a kind that is unknown here".to_owned(),
            "send what waits with that version: `radiosonde spool drain`",
        ),
        reason => (
            format!("what is in {} cannot be read ({})", view.path.display(), reason.name()),
            "check the disk; the log has an event `radiosonde.gap` with when and how many",
        ),
    };
    // How many stands in the books, which go on while this is read.
    let of = listed(&lost);
    Some(Problem::new(format!("records of {of} will not be sent, as {why}: see `dropped`"), fix))
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

#[cfg(test)]
mod tests {
    use radiosonde_spool::Tally;

    use super::*;

    fn way(signal: Signal, host: &str, error: &str) -> Way {
        let endpoint = format!("http://{host}/v1/{signal}");
        Way { signal, endpoint, is_held: false, is_own: true, error: error.to_owned() }
    }

    fn told(troubles: &Troubles) -> Vec<(About, String)> {
        troubles.of_ways(false).into_iter().map(|(about, problem)| (about, problem.what)).collect()
    }

    #[test]
    fn a_loss_names_its_streams_and_leaves_its_number_to_the_books() {
        let mut accounts = vec![Account::default(); Stream::ALL.len()];
        let mut told = |records| {
            for stream in [Stream::LogsInfo, Stream::Traces] {
                let mut lost = Tally::default();
                lost.records = records;
                accounts[stream.index()].dropped = vec![(DropReason::Cap, lost)];
            }
            let (accounts, is_own) = (&accounts[..], &|_: Signal, _: &str| true);
            let path = Path::new("spool");
            of_drops(
                DropReason::Cap,
                &View { statuses: &[], accounts, path, cap_bytes: 4 << 20, is_own },
            )
        };
        let first = told(44_623).unwrap();
        let what = "records of logs-info and traces will not be sent, as the spool is full (4.0 MiB): \
                    see `dropped`";
        assert_eq!(first.what, what);
        assert_eq!(told(81_003).unwrap().what, what);
        assert_eq!(told(0), None);
    }

    #[test]
    fn one_cause_is_one_problem_under_the_name_that_it_had() {
        let metrics = way(Signal::Metrics, "collector:4318", "refused");
        let mut troubles = Troubles { closed: vec![metrics], ..Troubles::default() };
        let first = troubles.of_ways(false);
        assert_eq!(
            first[0].1.what,
            "metrics wait, as http://collector:4318 does not take them: refused"
        );
        troubles.said.clone_from(&first);
        troubles.closed.insert(0, way(Signal::Logs, "collector:4318", "refused"));
        let both = told(&troubles);
        let expected =
            "logs and metrics wait, as http://collector:4318 does not take them: refused";
        assert_eq!(both, [(first[0].0.clone(), expected.to_owned())], "replaced, not said anew");

        let moved = way(Signal::Traces, "moved:4318", "refused");
        let other = way(Signal::Traces, "collector:4318", "answered 503");
        for (way, signals) in [(moved, "traces wait"), (other, "traces wait")] {
            troubles.closed.truncate(2);
            troubles.closed.push(way);
            let told = told(&troubles);
            assert_eq!(told.len(), 2, "another receiver, or another cause: {told:?}");
            assert!(told[1].1.starts_with(signals) && told[0].0 != told[1].0, "{told:?}");
        }
        // The same endpoint twice, with other headers.
        let errors = ["answered 401", "answered 403"];
        troubles.closed = errors.map(|error| way(Signal::Logs, "collector:4318", error)).to_vec();
        let told = told(&troubles);
        assert!(told.len() == 2 && told[0].0 != told[1].0, "{told:?}");
    }
}
