//! `radiosonde recover`: brings what killed processes left into their day files, now instead of at
//! the next start of the service.

use std::io::Write;
use std::path::Path;

use radiosonde_events::recover::{RecoveredInstance, RecoveryReport};
use radiosonde_runtime::drain::recover;

use crate::args::RecoverArgs;
use crate::nothing;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, USAGE, show};
use crate::render::text::{many, shown};
use crate::select::directories;

pub(crate) fn run(args: &RecoverArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut status = NOTHING;
    let dirs = directories(&args.dir)?;
    if nothing::all_wrong(&dirs) {
        return Ok(USAGE);
    }
    for dir in dirs {
        let of_dir = match recover(&dir, args.retry_quarantined) {
            Ok((report, problems)) => {
                let status = print(&dir, &report, out)?;
                for problem in &problems {
                    eprintln!("radiosonde: {}; {}", shown(&problem.what), shown(&problem.fix));
                }
                if problems.is_empty() { status } else { PARTIAL }
            }
            Err(error) => {
                eprintln!("radiosonde: {}: not recovered: {error}", show(&dir));
                PARTIAL
            }
        };
        status = match (status, of_dir) {
            (PARTIAL, _) | (_, PARTIAL) => PARTIAL,
            (FOUND, _) | (_, FOUND) => FOUND,
            _ => NOTHING,
        };
    }
    out.flush()?;
    Ok(status)
}

fn print(dir: &Path, report: &RecoveryReport, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut partial = !report.failed.is_empty() || !report.quarantined.is_empty();
    for instance in &report.instances {
        writeln!(out, "{}: {}", show(dir), told(instance))?;
        partial |= warn(instance);
    }
    for slot in &report.busy {
        writeln!(out, "{}: slot {slot} belongs to a running process, left alone", show(dir))?;
    }
    if report.instances.is_empty() && report.failed.is_empty() {
        let more = if report.busy.is_empty() { "nothing" } else { "nothing else" };
        writeln!(out, "{}: {more} to recover", show(dir))?;
    }
    out.flush()?;
    for (path, error) in &report.failed {
        eprintln!("radiosonde: {}: not recovered, try again: {error}", show(path));
    }
    for path in &report.quarantined {
        eprintln!(
            "radiosonde: {}: set aside, not recovered; try again with --retry-quarantined, or with \
             the version that wrote it",
            show(path)
        );
    }
    let brought = |instance: &RecoveredInstance| {
        let found = &instance.recovered;
        found.records != [0; 3]
            || found.staged_bytes > 0
            || found.staged_exports > 0
            || found.interrupted > 0
    };
    Ok(match (partial, report.instances.iter().any(brought)) {
        (true, _) => PARTIAL,
        (false, true) => FOUND,
        (false, false) => NOTHING,
    })
}

/// `recovered 12 events, 3 spans of usage-ingestion (pid 4711, instance k3f9q2xw, slot 0)`
fn told(instance: &RecoveredInstance) -> String {
    let [events, spans, metrics] = instance.recovered.records;
    let counts = [(events, "event"), (spans, "span"), (metrics, "metric")];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| many(count, noun))
        .collect();
    let interrupted = instance.recovered.interrupted;
    let what = match (counts.is_empty(), interrupted) {
        (true, 0) => "no lines were left, only tidied up after".to_owned(),
        (true, _) => format!("wrote {} span.interrupted of", many(interrupted, "event")),
        (false, _) => format!("recovered {} of", counts.join(", ")),
    };
    let mut told = format!(
        "{what} {} (pid {}, instance {}, slot {})",
        shown(&instance.service),
        instance.pid,
        shown(&instance.instance),
        instance.slot
    );
    if interrupted > 0 && !counts.is_empty() {
        told.push_str(&format!(", and {} it died in", many(interrupted, "span")));
    }
    let unlisted = instance.recovered.interrupted_unlisted;
    if unlisted > 0 {
        let spans = many(unlisted, if interrupted > 0 { "more span" } else { "span" });
        let were = if unlisted == 1 { "was" } else { "were" };
        told.push_str(&format!(", and {spans} {were} open without a place in its table"));
    }
    let staged = instance.recovered.staged_bytes;
    if staged > 0 {
        told.push_str(&format!(", and {} it had begun to write", many(staged, "byte")));
    }
    let dropped: u64 = instance.recovered.dropped.iter().map(|(.., count)| count).sum();
    if dropped > 0 {
        told.push_str(&format!("; it had dropped {dropped} itself"));
    }
    if instance.other_boot {
        told.push_str("; the machine was restarted since: its last second may be missing or twice");
    }
    told
}

/// Names what could not be brought over; tells whether there was any of that.
fn warn(instance: &RecoveredInstance) -> bool {
    let recovered = &instance.recovered;
    let name = shown(&instance.instance);
    let counts = [
        (recovered.rejected, ["record", "records"], "could not be read"),
        (recovered.lost_bytes, ["byte", "bytes"], "of rings could not be read"),
        (recovered.maybe_duplicates, ["batch", "batches"], "may be in their files twice"),
        (recovered.exports_lost, ["record", "records"], "will not be sent over OTLP"),
    ];
    let nowhere: u64 = recovered.without_destination.iter().sum();
    if nowhere > 0 {
        let records = many(nowhere, "record");
        eprintln!("radiosonde: {name}: {records} with neither file nor endpoint, as it was set up");
    }
    for (count, [one, more], what) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        let noun = if count == 1 { one } else { more };
        eprintln!("radiosonde: {name}: {count} {noun} {what}");
    }
    for (path, reason) in &recovered.unreadable {
        eprintln!("radiosonde: {}: not recovered: {}", show(path), shown(reason));
    }
    if let Some(place) = &recovered.gone {
        let place = show(place);
        eprintln!(
            "radiosonde: {name}: its rings were in {place}, which is gone; what was pending is lost"
        );
    }
    counts.iter().any(|(count, ..)| *count > 0)
        || recovered.gone.is_some()
        || !recovered.unreadable.is_empty()
        || recovered.quarantined.is_some()
}
