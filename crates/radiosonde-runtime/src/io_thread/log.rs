//! What telemetry says of itself in the log.

use std::time::Duration;

use radiosonde_context::Context;
use radiosonde_events::upkeep::RemovedFile;
use radiosonde_record::{Descriptor, DropReason, Journal, Kind, Level, Site, Value, patiently};

use crate::problem::Problem;
use crate::recovery::Told;
use crate::suppressed::Summary;
use crate::telemetry::Telemetry;

/// How long a line waits for room in the ring.
const PATIENCE: Duration = Duration::from_secs(1);
/// Where its lines come from.
const SOURCE: &str = "radiosonde";

/// Each problem stands in the log once; one that is a number with what it was first.
pub(super) fn problems(telemetry: &Telemetry) {
    let counted = telemetry.counted_problems().filter(|it| telemetry.problems().is_first(it));
    let counted: Vec<Problem> = counted.collect();
    for problem in telemetry.problems().take_unlogged().into_iter().chain(counted) {
        let fix = [("fix", Value::Str(&problem.fix))];
        own_event(
            telemetry,
            &Context::default(),
            Level::Warning,
            "telemetry.problem",
            &problem.what,
            &fix,
        );
    }
}

/// Who was killed stands in the log of who comes after.
pub(super) fn recovered(telemetry: &Telemetry) {
    for Told { text, records, spans, process } in telemetry.recovered().take_unlogged() {
        let mut meta = vec![("records", Value::U64(records)), ("spans", Value::U64(spans))];
        if let Some((pid, instance)) = &process {
            meta.extend([("pid", Value::U64((*pid).into())), ("instance", Value::Str(instance))]);
        }
        let (none, evt) = (Context::default(), "telemetry.recovered");
        own_event(telemetry, &none, Level::Warning, evt, &text, &meta);
    }
}

/// Losses stand in the log as well as in the books.
pub(super) fn suppressed(telemetry: &Telemetry, summary: Option<Summary>) {
    let Some(Summary { text, meta }) = summary else { return };
    let meta: Vec<_> = meta.iter().map(|(key, json)| (*key, Value::Json(json))).collect();
    own_event(telemetry, &Context::default(), Level::Warning, "telemetry.suppressed", &text, &meta);
}

/// What a rule has removed stands in the log.
pub(super) fn removed(telemetry: &Telemetry, all: &[RemovedFile]) {
    for RemovedFile { name: file, rule, removed, .. } in all {
        let rule = rule.as_str();
        let meta = [
            ("file", Value::Str(file)),
            ("rule", Value::Str(rule)),
            ("lines", Value::U64(removed.lines)),
            ("bytes", Value::U64(removed.bytes)),
        ];
        let text = format!("removed {file} by the rule `{rule}`");
        own_event(telemetry, &Context::default(), Level::Info, "telemetry.removed", &text, &meta);
    }
}

/// A line of telemetry itself. The filter holds for it, as its target is `radiosonde`; limits do
/// not, they would hold back what says so.
pub(crate) fn own_event(
    telemetry: &Telemetry,
    context: &Context,
    level: Level,
    evt: &str,
    msg: &str,
    meta: &[(&str, Value<'_>)],
) {
    let Some(journal) = telemetry.journal() else { return };
    if journal.allows(SOURCE, level) {
        record(journal, context, (level, evt), msg, meta);
    }
}

/// As [`own_event`], whatever the filter says: what no later look could find out. Whether it is recorded.
pub(crate) fn unfiltered_event(
    telemetry: &Telemetry,
    (level, evt): (Level, &str),
    msg: &str,
    meta: &[(&str, Value<'_>)],
) -> bool {
    let Some(journal) = telemetry.journal() else { return false };
    let passed = [DropReason::NoDestination, DropReason::RateLimited];
    let dropped = || {
        let dropped = journal.account(Kind::Event).dropped.into_iter();
        dropped.filter(|(why, _)| !passed.contains(why)).map(|(_, count)| count).sum::<u64>()
    };
    let before = dropped();
    record(journal, &Context::default(), (level, evt), msg, meta);
    // Others may have dropped something meanwhile: then it is said again.
    dropped() == before
}

fn record(
    journal: &Journal,
    context: &Context,
    (level, evt): (Level, &str),
    msg: &str,
    meta: &[(&str, Value<'_>)],
) {
    let (name, source) = (evt.to_owned(), SOURCE.to_owned());
    let site = Site::from(Descriptor { name, source, ..Descriptor::default() });
    patiently(PATIENCE, || {
        journal.record(Kind::Event, level, &site, &context.packed(), |record| {
            record.message(Value::Str(msg));
            for (key, value) in meta {
                record.field_named(key, *value);
            }
        });
    });
}
