//! A signal handler that records, in the middle of whatever its thread does: nothing deadlocks, and
//! each event is in its file or in the books.
//!
//! The thread has recorded before, and so has the handler's call site: a first time takes locks and
//! allocates, which nobody may do in a signal handler.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use process::{PATIENCE, ThreadId};

/// Signals, each sent when the one before was handled.
const SIGNALS: u64 = 600;

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_signal: i32) {
    in_handler();
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

fn in_handler() {
    radiosonde::event!("signal", handled = HANDLED.load(Ordering::Relaxed), "in the handler");
}

struct Formatted(u64);

impl fmt::Display for Formatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "formatted {}", self.0)
    }
}

#[test]
fn a_signal_handler_may_record_while_its_thread_records() {
    let _watchdog = common::Watchdog::start("a signal handler that records");
    let telemetry = radiosonde::init!();
    let before = telemetry.flush(PATIENCE).events.offered;
    process::handle(libc::SIGUSR1, handler);
    let ended = AtomicBool::new(false);
    let (own, thread_id) = mpsc::channel();
    let recorded = thread::scope(|scope| {
        let recording = scope.spawn(|| {
            in_handler();
            own.send(ThreadId::own()).unwrap();
            let mut n = 0;
            // Patiently, so that what is lost was lost to the handler alone.
            radiosonde_record::patiently(PATIENCE, || {
                while !ended.load(Ordering::Relaxed) {
                    radiosonde::event!("plain", n = n, "plain");
                    radiosonde::event!("formatted", n = %Formatted(n), "formatted {}", n);
                    tracing::info!(n, "through tracing");
                    log::info!("through log {n}");
                    if n % 16 == 0 {
                        let _report = telemetry.report();
                    }
                    n += 1;
                }
            });
            n
        });
        let thread_id = thread_id.recv().unwrap();
        for sent in 1..=SIGNALS {
            thread_id.signal(libc::SIGUSR1);
            // The watchdog ends this, should the handler never return.
            while HANDLED.load(Ordering::SeqCst) < sent {
                thread::yield_now();
            }
        }
        ended.store(true, Ordering::Relaxed);
        recording.join().unwrap()
    });
    let report = telemetry.flush(PATIENCE);
    let events = &report.events;
    assert_eq!(events.offered - before, 1 + 4 * recorded + SIGNALS, "{report}");
    assert_eq!((events.pending, events.rejected), (0, 0), "{report}");
    assert!(
        events.dropped_by_reason.iter().all(|(reason, _)| reason == "reentrant"),
        "what the handler interrupted is lost to nothing else: {report}"
    );
    let lines = common::event_lines(telemetry.directory().unwrap());
    let count = |name: &str| lines.iter().filter(|line| line["evt"] == name).count() as u64;
    assert_eq!(count("plain"), recorded);
    assert_eq!(count("formatted"), recorded);
    assert_eq!(count("log"), 2 * recorded);
    assert_eq!(count("signal") + events.dropped, SIGNALS + 1, "{report}");
}
