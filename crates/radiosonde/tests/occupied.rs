//! `init!` beside a subscriber, a logger and a recorder that are already set, and a second time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use tracing_subscriber::prelude::*;

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, _: &log::Record<'_>) {}
    fn flush(&self) {}
}

#[test]
fn what_is_taken_is_named_with_its_fix_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // Not `init()`, which sets a logger as well where some crate of the build has asked for that.
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    log::set_boxed_logger(Box::new(Logger)).unwrap();
    metrics::set_global_recorder(metrics::NoopRecorder).unwrap();

    let telemetry = radiosonde::init!(service = "second", dir = directory.path());
    let problems = telemetry.report().problems;
    for part in
        ["tracing subscriber is already set", "logger for the log crate", "metrics recorder"]
    {
        let found = problems.iter().find(|problem| problem.what.contains(part));
        let problem = found.unwrap_or_else(|| panic!("{part}: {problems:?}"));
        // The other order is worse: what is set after `init!` fails, and may end the program.
        assert!(problem.fix.contains("set after init!"), "{problem}");
    }
    assert_eq!(problems.len(), 3, "{problems:?}");

    // event! needs none of the three.
    radiosonde::event!("still.recorded", "yes");
    let again = radiosonde::config!(service = "third").profile(radiosonde::Profile::Cli).init();
    let report = again.flush(Duration::from_secs(20));
    assert_eq!(report.service, "second", "the first one goes on");
    assert!(report.events.delivered >= 1);
    let day_file = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_file())
        .unwrap();
    assert!(std::fs::read_to_string(day_file).unwrap().contains("still.recorded"));
}

/// What a report can tell of.
#[cfg(feature = "panic")]
const PIECES: &[&str] = &["events", "logger", "panic hook", "recorder"];
#[cfg(not(feature = "panic"))]
const PIECES: &[&str] = &["events", "logger", "recorder"];

#[test]
fn parts_install_nothing_and_work_where_they_are_put() {
    let directory = tempfile::tempdir().unwrap();
    let parts = radiosonde::config!(service = "parts", dir = directory.path()).build();
    // Each loses what it would receive, and nothing else says so.
    let unused = || parts.guard.report().pieces_not_in_use;
    assert_eq!(unused(), PIECES);
    let said = format!("\npieces     not in use: {}\n", PIECES.join(", "));
    assert!(parts.guard.report().to_string().contains(&said), "{}", parts.guard.report());
    let subscriber = tracing_subscriber::registry().with(parts.layer);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("outer").in_scope(|| tracing::info!("inside"));
    });
    assert_eq!(unused(), PIECES);
    parts.events.within(|| radiosonde::event!("by.hand", "event"));
    assert_eq!(unused(), PIECES[1..]);
    metrics::with_local_recorder(&parts.recorder, || metrics::counter!("n_total").increment(1));
    assert_eq!(unused(), PIECES[1..PIECES.len() - 1]);
    let _level = parts.logger.max_level();
    assert!(!unused().contains(&"logger".to_owned()));
    let report = parts.guard.shutdown(Duration::from_secs(20));
    assert_eq!((report.events.delivered, report.spans.delivered), (2, 1), "{report}");
    assert!(report.metrics.delivered > 0);
    assert_eq!(report.problems, []);
}
