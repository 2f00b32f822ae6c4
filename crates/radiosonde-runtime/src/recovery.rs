//! What earlier processes left, recovered on the drain's thread while it drains.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radiosonde_events::recover::{
    Host, RecoveredInstance, RecoveryReport, Work, recover_slot, remove_targets,
};
use radiosonde_events::{DaySink, Filing, Live, Owner, Redactions};
use radiosonde_record::{Drain, DropReason, Kind, Level, Sink, Slot};

use crate::io_thread::IoControl;
use crate::otlp::Otlp;
use crate::problem::Problems;
use crate::words::{counted, grouped};

/// Processes that are named one by one when they were recovered.
const NAMED_MAX: usize = 10;

/// What was recovered, and what the log does not have of it yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovered(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    records: u64,
    interrupted: u64,
    interrupted_unlisted: u64,
    unlogged: Vec<Told>,
}

/// A line of the log.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) text: String,
    /// What was brought into files.
    pub(crate) records: u64,
    /// Spans that were open.
    pub(crate) spans: u64,
    /// Whose they were, when the line is of one process.
    pub(crate) process: Option<(u32, String)>,
}

impl Recovered {
    pub(crate) fn add(&self, report: &RecoveryReport) {
        let records: fn(&RecoveredInstance) -> u64 =
            |found| found.recovered.records.iter().sum::<u64>();
        let mut told: Vec<Told> = Vec::new();
        for found in report.instances.iter().take(NAMED_MAX) {
            let RecoveredInstance { service, pid, instance, .. } = found;
            let (records, spans) = (records(found), found.recovered.interrupted);
            let open = match spans {
                0 => String::new(),
                open => format!(", and {} open at its end", counted(open, "span")),
            };
            let more = match found.recovered.interrupted_unlisted {
                0 => String::new(),
                more => format!("; {} had no place in its table", counted(more, "more open span")),
            };
            let text = format!(
                "{service} (pid {pid}, instance {instance}) had ended without a shutdown; {} of it \
                 recovered{open}{more}",
                counted(records, "record")
            );
            let process = Some((*pid, instance.clone()));
            told.push(Told { text, records, spans, process });
        }
        let more = report.instances.len().saturating_sub(NAMED_MAX);
        if more > 0 {
            let of_more = || report.instances.iter().skip(NAMED_MAX);
            let records = of_more().map(records).sum();
            let spans = of_more().map(|found| found.recovered.interrupted).sum();
            let (more, told_of) =
                (counted(more as u64, "more process"), counted(records, "record"));
            let text = format!("{more} had ended without a shutdown; {told_of} recovered");
            told.push(Told { text, records, spans, process: None });
        }
        let sum = |of: fn(&RecoveredInstance) -> u64| report.instances.iter().map(of).sum::<u64>();
        let mut state = self.state();
        state.records += sum(records);
        state.interrupted += sum(|found| found.recovered.interrupted);
        state.interrupted_unlisted += sum(|found| found.recovered.interrupted_unlisted);
        state.unlogged.append(&mut told);
    }

    pub(crate) fn records(&self) -> u64 {
        self.state().records
    }

    pub(crate) fn interrupted(&self) -> u64 {
        self.state().interrupted
    }

    pub(crate) fn interrupted_unlisted(&self) -> u64 {
        self.state().interrupted_unlisted
    }

    pub(crate) fn take_unlogged(&self) -> Vec<Told> {
        std::mem::take(&mut self.state().unlogged)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Recovers our own slot first, then slots whose owners died and which nobody has taken since.
pub(crate) fn run(
    drain: &mut Drain,
    filing: &Filing,
    redactions: &Redactions,
    problems: &Problems,
    io: Option<&IoControl>,
    otlp: &Otlp,
) -> RecoveryReport {
    let mut report = RecoveryReport::default();
    let Some(lease) = drain.lease() else { return report };
    let (root, own) = (lease.root().to_owned(), lease.slot().number());
    // The drain has the slot; what is needed of it here is where it is.
    let own_slot = lease.slot().clone();
    let mut host = Living { drain, io, otlp, redactions, own: true };
    recover_slot(&own_slot, filing, redactions, &mut report, &mut host);
    otlp.hold(&own_slot, true);
    for number in Slot::existing(&root) {
        if number != own
            && let Ok(Some(slot)) = Slot::try_take(&root, number)
        {
            remove_targets(&root, &slot);
            let mut host = Living { drain, io, otlp, redactions, own: false };
            recover_slot(&slot, filing, redactions, &mut report, &mut host);
            otlp.hold(&slot, false);
        }
    }
    say(&report, problems);
    otlp.say_what_was_gone(problems);
    report
}

/// Recovers slots whose owners have died since the start, all but our own, and opens what they left to be
/// sent. On a thread that nobody waits for.
pub(crate) fn run_later(
    root: &Path,
    own: u32,
    redactions: &Redactions,
    problems: &Problems,
    otlp: &Otlp,
) -> RecoveryReport {
    let mut report = RecoveryReport::default();
    let filing = Filing::new(root, &Live::default());
    for number in Slot::existing(root).into_iter().filter(|number| *number != own) {
        let path = root.join("inst").join(number.to_string());
        // Without a look at its lock where there is nothing: a process that starts may want it.
        if !has_remains(&path) {
            continue;
        }
        let taken = Slot::try_take(root, number).unwrap_or_else(|error| {
            // To a process among others, slots of other users are no matter of its own.
            if own == u32::MAX || error.kind() != io::ErrorKind::PermissionDenied {
                report.failed.push((path, error));
            }
            None
        });
        if let Some(slot) = taken {
            remove_targets(root, &slot);
            let mut host = Exporting { otlp, redactions };
            recover_slot(&slot, &filing, redactions, &mut report, &mut host);
            otlp.hold(&slot, false);
        }
    }
    say(&report, problems);
    otlp.say_what_was_gone(problems);
    report
}

/// Whether somebody has left something in a slot that can be recovered.
fn has_remains(slot: &Path) -> bool {
    let entries = std::fs::read_dir(slot).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.any(|name| slot.join(name).join("owner.json").is_file())
}

/// Whoever recovers on a thread of its own.
pub(crate) struct Exporting<'a> {
    pub(crate) otlp: &'a Otlp,
    pub(crate) redactions: &'a Redactions,
}

impl Host for Exporting<'_> {
    fn sink(&mut self, sink: DaySink, owner: &Owner, instance: &Path) -> io::Result<Box<dyn Sink>> {
        self.otlp.around_dead(sink, owner, instance, self.redactions)
    }
}

/// The drain that goes on while its thread recovers.
struct Living<'a> {
    drain: &'a mut Drain,
    io: Option<&'a IoControl>,
    otlp: &'a Otlp,
    redactions: &'a Redactions,
    /// Whether the slot that is recovered is the drain's own.
    own: bool,
}

impl Host for Living<'_> {
    fn sink(&mut self, sink: DaySink, owner: &Owner, instance: &Path) -> io::Result<Box<dyn Sink>> {
        self.otlp.around_dead(sink, owner, instance, self.redactions)
    }

    fn unresolved(&mut self) {
        if self.own {
            self.drain.next_part();
        }
    }

    fn between(&mut self) -> bool {
        !self.drain.turn().stop
    }

    /// The drain's thread waits for no disk: the other one syncs, and then removes the remains.
    fn later(&mut self, work: Work) {
        match self.io {
            Some(io) => io.later(work),
            None => work(),
        }
    }
}

/// A recovery without loss is in the report as a number; what was lost or doubtful is a problem.
fn say(report: &RecoveryReport, problems: &Problems) {
    for found in &report.instances {
        let recovered = &found.recovered;
        let before = if found.other_boot { ", before the machine was restarted" } else { "" };
        let (instance, service, pid) = (&found.instance, &found.service, found.pid);
        let who = format!("instance {instance} of {service} (pid {pid}{before})");
        let lost = recovered.rejected + recovered.lost_bytes;
        if lost > 0 {
            problems.say(
                format!(
                    "{who} left {} records and {} bytes that could not be read",
                    recovered.rejected, recovered.lost_bytes
                ),
                "none: the gaps in the ids of its lines show what is missing",
            );
        }
        if recovered.maybe_duplicates > 0 {
            problems.say(
                format!("{who}: {} batches may stand twice", recovered.maybe_duplicates),
                "none: readers drop lines whose id they have seen; do not edit live day files",
            );
        }
        if recovered.exports_lost > 0 {
            problems.say(
                format!("{who}: {} will not be sent", counted(recovered.exports_lost, "record")),
                "report it: whoever took them to the spool has panicked three times",
            );
        }
        let nowhere: u64 = recovered.without_destination.iter().sum();
        if nowhere > 0 {
            problems.warn(
                format!("{who} had {} with neither file nor endpoint", counted(nowhere, "record")),
                "none, where RADIOSONDE_FILES asks for it; otherwise set an endpoint for them",
            );
        }
        for (path, why) in &recovered.unreadable {
            problems.say(
                format!("{who}: {} was not recovered: {why}", path.display()),
                "recover it with the version that wrote it; it was set aside, not deleted",
            );
        }
        if let Some(place) = &recovered.gone {
            problems.say(
                format!(
                    "{who}: its rings were in {}, which is gone, and with it what was pending",
                    place.display()
                ),
                "where that matters, keep rings in the telemetry directory: unset RADIOSONDE_RINGS",
            );
        }
        if let Some(place) = &recovered.quarantined {
            problems.say(
                format!(
                    "{who}: recovery failed three times; its remains are in {}",
                    place.display()
                ),
                "report it with that directory; nothing was deleted",
            );
        }
        dropped(&who, &recovered.dropped, problems);
    }
    for (path, error) in &report.failed {
        if error.kind() != std::io::ErrorKind::Interrupted {
            problems.say(
                format!("{} could not be recovered: {error}", path.display()),
                "mend the cause; it is tried again at the next start, or by `radiosonde recover`",
            );
        }
    }
}

/// What it had dropped is said with its reasons: it may have ended in order, and its log may be what could not
/// be written.
fn dropped(who: &str, dropped: &[(Kind, DropReason, Level, u64)], problems: &Problems) {
    let (mut sum, mut reasons) = (0, BTreeMap::<&str, u64>::new());
    for (_, reason, _, count) in dropped.iter().filter(|it| it.1 != DropReason::RateLimited) {
        sum += count;
        *reasons.entry(reason.as_str()).or_default() += count;
    }
    if sum > 0 {
        let reasons: Vec<String> =
            reasons.iter().map(|(why, count)| format!("{why} {}", grouped(*count))).collect();
        problems.say(
            format!(
                "{who} had dropped {} before it ended: {}",
                counted(sum, "record"),
                reasons.join(", ")
            ),
            "look at its log for what went before; a full disk or a starved process are the usual causes",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_had_dropped_is_said_with_its_reasons() {
        let problems = Problems::default();
        let of = |kind, reason, count| (kind, reason, Level::Info, count);
        dropped("somebody", &[of(Kind::Event, DropReason::RateLimited, 7)], &problems);
        assert!(problems.all().is_empty(), "a limit of its own");
        let all = [
            of(Kind::Event, DropReason::RingFull, 39_000),
            of(Kind::Span, DropReason::RingFull, 879),
            of(Kind::Event, DropReason::RateLimited, 7),
            of(Kind::Event, DropReason::Contended, 1),
        ];
        dropped("somebody", &all, &problems);
        let [problem] = &problems.all()[..] else { panic!("one of them") };
        let what =
            "somebody had dropped 39,880 records before it ended: contended 1, ring_full 39,879";
        assert_eq!(problem.what, what);
    }
}
