//! What earlier processes left, recovered on the drain's thread while it drains.

use std::path::Path;

use radiosonde_events::Redactions;
use radiosonde_events::recover::{RecoveryReport, recover_slot};
use radiosonde_record::{Drain, DropReason, Kind, Slot};

use crate::problem::Problems;

/// Recovers our own slot first, then slots whose owners died and which nobody has taken since.
pub(crate) fn run(
    root: &Path,
    own_slot: u32,
    own_path: &Slot,
    instance: &str,
    redactions: &Redactions,
    problems: &Problems,
    drain: &mut Drain,
) -> u64 {
    let mut report = RecoveryReport::default();
    let mut between = || !drain.turn().stop;
    recover_slot(root, own_path, Some(instance), redactions, &mut report, &mut between);
    for number in Slot::existing(root) {
        if number != own_slot
            && let Ok(Some(slot)) = Slot::try_take(root, number)
        {
            recover_slot(root, &slot, None, redactions, &mut report, &mut between);
        }
    }
    say(&report, problems);
    report.instances.iter().flat_map(|found| found.recovered.records).sum()
}

/// A recovery without loss is in the report as a number; what was lost or doubtful is a problem.
fn say(report: &RecoveryReport, problems: &Problems) {
    for found in &report.instances {
        let recovered = &found.recovered;
        let who = format!("instance {} of {} (pid {})", found.instance, found.service, found.pid);
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
        for (path, why) in &recovered.unreadable {
            problems.say(
                format!("{who}: {} was not recovered: {why}", path.display()),
                "recover it with the version that wrote it, or remove it",
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

fn dropped(
    who: &str,
    dropped: &[(Kind, DropReason, radiosonde_record::Level, u64)],
    problems: &Problems,
) {
    let sum: u64 = dropped
        .iter()
        .filter(|(_, reason, _, _)| *reason != DropReason::RateLimited)
        .map(|(_, _, _, count)| count)
        .sum();
    if sum > 0 {
        problems.say(
            format!("{who} had dropped {sum} records before it died"),
            "look at its log for the reason; a full disk or a starved process are the usual ones",
        );
    }
}
