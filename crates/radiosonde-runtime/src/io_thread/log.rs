//! What telemetry says of itself in the log.

use std::time::Duration;

use radiosonde_context::Context;
use radiosonde_events::upkeep::RemovedFile;
use radiosonde_record::{Descriptor, Journal, Kind, Level, Site, Value, is_recorded, patiently};

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
    // Of this record alone: under overload others are dropped all the time.
    is_recorded(|| record(journal, &Context::default(), (level, evt), msg, meta))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::{Config, Profile, Service};

    /// Drops records as fast as it can, for as long as it is told to: deeper in formatters than any goes.
    fn drop_all(journal: &Journal, depth: u8, is_over: &AtomicBool) {
        let site = Site::from(Descriptor::default());
        while !is_over.load(Ordering::Relaxed) {
            journal.record(Kind::Event, Level::Info, &site, &[], |_| {
                if depth > 0 {
                    drop_all(journal, depth - 1, is_over);
                }
            });
        }
    }

    #[test]
    fn what_others_drop_does_not_make_a_line_untold() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::new(Service::new("crowded", "1")).dir(directory.path());
        let config = config.profile(Profile::Cli);
        let (telemetry, _) = Telemetry::start(&config);
        let journal = telemetry.journal().unwrap();
        let (is_over, what) = (AtomicBool::new(false), (Level::Warning, "radiosonde.gap"));
        let dropped = || journal.account(Kind::Event).dropped_total();
        thread::scope(|scope| {
            scope.spawn(|| drop_all(journal, 4, &is_over));
            while dropped() == 0 {
                thread::yield_now();
            }
            let untold = (0..200).filter(|_| !unfiltered_event(&telemetry, what, "lost", &[]));
            let (untold, before) = (untold.count(), dropped());
            // The other one is there until the end.
            while dropped() == before {
                thread::yield_now();
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(untold, 0);
        });
        drop(telemetry.shutdown(Duration::from_secs(20)));
    }
}
