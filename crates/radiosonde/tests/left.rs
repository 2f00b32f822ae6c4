//! Globals that `init!` leaves to the application, which sets them afterwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use radiosonde::Global;

/// Records of `log` that came to the application's logger.
static LOGGED: AtomicU32 = AtomicU32::new(0);

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, _: &log::Record<'_>) {
        LOGGED.fetch_add(1, Ordering::Relaxed);
    }
    fn flush(&self) {}
}

#[test]
fn what_is_left_can_be_set_later_and_nothing_is_said_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let unused = tracing_subscriber::layer::Identity::new();
    let telemetry = radiosonde::init!(
        dir = directory.path(),
        leave = [Global::Logger, Global::PanicHook],
        leave = [Global::Recorder, Global::Subscriber],
        layers = [unused],
    );
    // Only what was given and has nowhere to go.
    let problems = telemetry.report().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].what.starts_with("layers given to init!"), "{problems:?}");

    assert!(std::thread::spawn(|| panic!("theirs")).join().is_err());
    log::set_boxed_logger(Box::new(Logger)).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    metrics::set_global_recorder(metrics::NoopRecorder).unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();

    log::info!("theirs");
    tracing::info!("theirs");
    metrics::counter!("theirs_total").increment(1);
    radiosonde::event!("ours", "in the file");
    let report = telemetry.flush(Duration::from_secs(20));
    assert_eq!((LOGGED.load(Ordering::Relaxed), report.problems.len()), (1, 1), "{report}");
    drop(telemetry);
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let text: String = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    assert!(text.contains("in the file") && !text.contains("theirs"), "{text}");
}
