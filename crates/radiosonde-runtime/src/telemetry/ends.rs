//! The ends of a telemetry: a flush, and the shutdown.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use radiosonde_record::recovery::remove_instance;
use radiosonde_record::{Control, Flush, Journal};

use super::{Telemetry, lock};
use crate::open_spans;
use crate::report::Report;

impl Telemetry {
    /// Brings everything recorded so far to its destination, at most `within`.
    pub(crate) fn flush(&self, within: Duration) {
        if self.is_forked() {
            return;
        }
        let deadline = Instant::now() + within.min(FLUSH_MAX);
        self.0.metrics.flush_thread();
        if let Some(control) = self.control() {
            control.flush(left(deadline));
        }
        if let Some(io) = &self.0.io {
            io.await_sync(left(deadline));
            io.await_look(left(deadline));
        }
        // What was found on the way is told by events, which should not be pending in the report.
        if let Some(control) = self.control() {
            control.flush(left(deadline));
        }
        if let Some(console) = &self.0.console {
            console.flush(left(deadline));
        }
    }

    /// As [`Telemetry::flush`], with a snapshot of the metrics, and then until what waits for OTLP is
    /// sent, all at most `within`.
    pub(crate) fn flush_otlp(&self, within: Duration) {
        if self.is_forked() {
            return;
        }
        let deadline = Instant::now() + within.min(FLUSH_MAX);
        self.flush(left(deadline));
        if let Some(io) = &self.0.io {
            io.await_snapshot(left(deadline));
        }
        let _all = self.0.otlp.flush(left(deadline));
    }

    pub(crate) fn flush_async(&self) -> Option<Flush> {
        if self.is_forked() {
            return None;
        }
        self.0.metrics.flush_thread();
        self.control().map(Control::flush_async)
    }

    /// Ends telemetry, once: a last snapshot, a last drain, a sync, and the slot is given back.
    pub(crate) fn shutdown(&self, within: Duration) -> Report {
        self.shutdown_sending(within, within)
    }

    /// The shutdown of a guard that is dropped.
    pub(crate) fn drop_within(&self, within: Duration) {
        let sending = if self.0.is_command { COMMAND_SENDS_WITHIN } else { within };
        drop(self.shutdown_sending(within, sending));
    }

    /// As [`Telemetry::shutdown`], with at most `sending` of it for what waits for OTLP.
    fn shutdown_sending(&self, within: Duration, sending: Duration) -> Report {
        let inner = &self.0;
        if self.is_forked() || inner.shut.swap(true, Ordering::AcqRel) {
            return self.report();
        }
        let deadline = Instant::now() + within.min(FLUSH_MAX);
        inner.metrics.flush_thread();
        // The last snapshot tells what became of everything before it.
        if let Some(journal) = &inner.journal {
            journal.control().flush(left(deadline));
        }
        if let Some(io) = &inner.io {
            io.snapshot(left(deadline));
        }
        if let Some(targets) = &inner.targets_file {
            // Nobody listens there any more.
            let _ = fs::remove_file(targets);
        }
        let Some(journal) = &inner.journal else { return self.report() };
        // The table goes with the directory: what is in it is said now or never.
        open_spans::interrupt(journal, deadline);
        // First what is there, then close: what is recorded meanwhile is still drained.
        journal.control().flush(left(deadline));
        let closed = journal.close(left(deadline));
        let stopped = journal.control().stop(left(deadline));
        if let Some(console) = &inner.console {
            console.flush(left(deadline));
        }
        let synced = inner.io.as_ref().is_some_and(|io| io.finish(left(deadline)));
        // It has been sending all along; whatever time is left is for the rest.
        let until = deadline.min(Instant::now() + sending);
        inner.otlp.shutdown(left(until));
        if !inner.io.as_ref().is_some_and(|io| io.close(left(until).max(CLOSE_LEAST))) {
            // There is no thread for it. Nothing that waits in memory is to be lost for that.
            inner.otlp.close();
        }
        // Why something waits stands in the report, if nowhere else any more.
        inner.otlp.tell(&inner.problems);
        let report = self.report();
        let signals = [&report.events, &report.spans, &report.metrics];
        let nothing_pending = signals.iter().all(|signal| signal.pending == 0);
        // Anything less, and the remains are for the next start.
        let is_clean = closed && stopped && synced && nothing_pending;
        let own = is_clean.then(|| lock(&inner.own_directory).take()).flatten();
        if let Some(own) = &own {
            let _ = remove_instance(&own.path);
        }
        if let Some(io) = &inner.io {
            io.end(own.is_some(), left(until).max(CLOSE_LEAST));
        }
        report
    }

    fn control(&self) -> Option<&Arc<Control>> {
        self.0.journal.as_ref().map(Journal::control)
    }
}

/// How long a command keeps its user waiting for a receiver; what is not sent by then waits on disk.
const COMMAND_SENDS_WITHIN: Duration = Duration::from_millis(300);
/// What the last files of the spools have, however little time is left: a tenth of a second each.
const CLOSE_LEAST: Duration = Duration::from_millis(100);
/// Limits past this are for ever.
const FLUSH_MAX: Duration = Duration::from_secs(60 * 60 * 24);

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
