//! The books as metric families: the same numbers `report()` shows.

use radiosonde_context::propagation::ignored;
use radiosonde_context::sanitized_ids;
use radiosonde_events::Redactions;
use radiosonde_events::upkeep::Rule;
use radiosonde_metrics::Snapshot;
use radiosonde_record::{Journal, Kind, format_panics};
use radiosonde_tracing::{Counted, SpanCounts};

use crate::console::ConsoleWriter;
use crate::house::{Files, RemovedFiles};
use crate::otlp::Otlp;
use crate::problem::Problems;
use crate::report::OtlpReport;

/// Where the numbers come from.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) journal: Journal,
    pub(crate) redactions: Redactions,
    pub(crate) problems: Problems,
    pub(crate) console: Option<ConsoleWriter>,
    pub(crate) files: Files,
    pub(crate) spans: SpanCounts,
    pub(crate) otlp: Otlp,
}

impl Books {
    /// Adds the families to a snapshot. `labels` are the redactions that metrics themselves count.
    pub(crate) fn collect(&self, snapshot: &mut Snapshot, labels: Vec<(String, u64)>) {
        for kind in Kind::ALL {
            let account = self.journal.account(kind);
            let signal = ("signal", kind.as_str());
            let outcomes = [
                ("offered", account.offered),
                ("delivered", account.delivered),
                ("rejected", account.rejected),
                ("dropped", account.dropped_total()),
            ];
            for (outcome, count) in outcomes {
                let labels = [signal, ("outcome", outcome)];
                snapshot.counter("radiosonde_records_total", &labels, count);
            }
            for (reason, count) in account.dropped {
                let labels = [signal, ("reason", reason.as_str())];
                snapshot.counter("radiosonde_records_dropped_total", &labels, count);
            }
            snapshot.gauge("radiosonde_records_pending", &[signal], account.pending as f64);
            let truncated = account.truncated;
            snapshot.counter("radiosonde_records_truncated_total", &[signal], truncated);
        }
        if let Some(otlp) = self.otlp.report() {
            collect_otlp(&otlp, snapshot);
        }
        for refusal in self.journal.refusals() {
            let labels = [("signal", refusal.kind.as_str()), ("reason", refusal.reason)];
            snapshot.counter("radiosonde_records_refused_total", &labels, refusal.count);
        }
        let mut redacted = self.redactions.counts();
        for (rule, count) in labels {
            *redacted.entry(rule).or_default() += count;
        }
        for (rule, count) in redacted {
            snapshot.counter("radiosonde_redacted_total", &[("rule", &rule)], count);
        }
        let console = self.console.as_ref().map_or(0, ConsoleWriter::dropped);
        snapshot.counter("radiosonde_console_lines_dropped_total", &[], console);
        let files = self.files.report();
        snapshot.counter("radiosonde_files_sealed_total", &[], files.sealed);
        for rule in Rule::ALL {
            // At 0 from the start: an increase from nothing is none.
            let removed = files.removed.iter().find(|(of, _)| of == rule.as_str());
            let removed = removed.map_or_else(RemovedFiles::default, |(_, removed)| *removed);
            let rule = [("rule", rule.as_str())];
            snapshot.counter("radiosonde_files_removed_total", &rule, removed.files);
            snapshot.counter("radiosonde_lines_removed_total", &rule, removed.lines);
        }
        for ignored in ignored() {
            let labels = [("header", ignored.header), ("reason", ignored.reason)];
            snapshot.counter("radiosonde_propagation_ignored_total", &labels, ignored.count);
        }
        snapshot.counter("radiosonde_ids_sanitized_total", &[], sanitized_ids());
        let (listed, unlisted) = self.journal.open_span_counts();
        for (is_listed, count) in [("true", listed), ("false", unlisted)] {
            snapshot.gauge("radiosonde_open_spans", &[("listed", is_listed)], count as f64);
        }
        for what in Counted::ALL {
            let labels = [("notice", what.as_str())];
            snapshot.counter("radiosonde_span_notices_total", &labels, self.spans.of(*what));
        }
        let restarts = self.journal.drain_restarts();
        snapshot.counter("radiosonde_drain_restarts_total", &[], restarts);
        snapshot.counter("radiosonde_format_panics_total", &[], format_panics());
        snapshot.gauge("radiosonde_problems", &[], self.problems.all().len() as f64);
    }
}

/// States of a breaker, as the registry lists them.
const STATES: [&str; 4] = ["closed", "half_open", "open", "held"];

fn collect_otlp(report: &OtlpReport, snapshot: &mut Snapshot) {
    for export in &report.signals {
        let signal = ("signal", export.signal.as_str());
        let outcomes = [
            ("spooled", export.spooled),
            ("delivered", export.delivered),
            ("rejected", export.rejected),
            ("dropped", export.dropped),
        ];
        for (outcome, count) in outcomes {
            let labels = [signal, ("outcome", outcome)];
            snapshot.counter("radiosonde_otlp_records_total", &labels, count);
        }
        for (reason, count) in &export.dropped_by_reason {
            let labels = [signal, ("reason", reason.as_str())];
            snapshot.counter("radiosonde_otlp_records_dropped_total", &labels, *count);
        }
        let gauges = [
            ("radiosonde_otlp_pending_records", export.pending as f64),
            ("radiosonde_otlp_pending_bytes", export.pending_bytes as f64),
            (
                "radiosonde_otlp_oldest_pending_seconds",
                export.oldest_pending_seconds.unwrap_or_default(),
            ),
        ];
        for (name, value) in gauges {
            snapshot.gauge(name, &[signal], value);
        }
        // Those of spools of others may go elsewhere: the worst of a signal is shown.
        let states = report.destinations.iter().filter(|it| it.signal == export.signal);
        let worst =
            states.filter_map(|it| STATES.iter().position(|state| *state == it.state)).max();
        for (at, state) in STATES.iter().enumerate().filter(|_| worst.is_some()) {
            let labels = [signal, ("state", *state)];
            let is_it = f64::from(u8::from(worst == Some(at)));
            snapshot.gauge("radiosonde_otlp_breaker_state", &labels, is_it);
        }
    }
    for (reason, count) in &report.unexported {
        let labels = [("reason", reason.as_str())];
        snapshot.counter("radiosonde_otlp_records_unexported_total", &labels, *count);
    }
    let adopted = &report.adopted;
    snapshot.gauge("radiosonde_otlp_adopted_spools", &[], adopted.spools as f64);
    snapshot.gauge("radiosonde_otlp_adopted_waiting_spools", &[], adopted.waiting as f64);
    snapshot.gauge("radiosonde_otlp_adopted_pending_records", &[], adopted.pending as f64);
    for (outcome, count) in [
        ("delivered", adopted.delivered),
        ("rejected", adopted.rejected),
        ("dropped", adopted.dropped),
    ] {
        let labels = [("outcome", outcome)];
        snapshot.counter("radiosonde_otlp_adopted_records_total", &labels, count);
    }
}
