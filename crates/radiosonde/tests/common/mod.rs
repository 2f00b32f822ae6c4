//! What tests of hangs share: an end for those that would hang, and the lines that came out.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the process when it is not dropped in time: a deadlock fails instead of hanging for ever.
pub(crate) struct Watchdog(Arc<AtomicBool>);

impl Watchdog {
    pub(crate) fn start(what: &'static str) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&done);
        // Neither allocates nor takes a lock from here on: it must not hang with what it watches.
        std::thread::spawn(move || {
            let deadline = Instant::now() + PATIENCE;
            while !watched.load(Ordering::Relaxed) {
                if Instant::now() >= deadline {
                    let mut stderr = std::io::stderr();
                    let _ = stderr.write_all(what.as_bytes());
                    let _ = stderr.write_all(b": hangs\n");
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self(done)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The event lines of a telemetry directory, in the order they were written.
pub(crate) fn event_lines(directory: &Path) -> Vec<serde_json::Value> {
    let mut lines = Vec::new();
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Day after day.
    paths.sort();
    for path in paths {
        if path.file_name().unwrap().to_string_lossy().starts_with("events-") {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(|line| {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|error| panic!("{error}: {line}"))
            }));
        }
    }
    lines
}
