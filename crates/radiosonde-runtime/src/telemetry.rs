//! A running telemetry: the journal, the metrics and the threads.

mod ends;
mod start;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use radiosonde_metrics::{Metrics, Refusal};
use radiosonde_record::{Instance, Journal, Kind, Unsynced};
use radiosonde_tracing::{Layer, OpenSpans, SpanCounts};

use crate::console::ConsoleWriter;
use crate::house::Files;
use crate::io_thread::IoControl;
use crate::listener::Refused;
use crate::open_spans::OpenSpansReport;
use crate::otlp::Otlp;
use crate::pieces::Pieces;
use crate::problem::{Problem, Problems};
use crate::recovery::Recovered;
use crate::refusals::Limits;
use crate::report::{RefusedWrites, Report, SignalReport, observed_first};
use crate::settings::TraceSettings;
use crate::status::Status;
use crate::tokio_metrics::Runtimes;
use crate::traces::TraceWords;
use crate::{foreign, traces};

/// A running telemetry. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(crate) struct Telemetry(Arc<Inner>);

struct Inner {
    service: String,
    version: String,
    machine_id: Option<String>,
    instance: String,
    test: bool,
    root: Option<PathBuf>,
    slot_number: Option<u32>,
    /// Locked as long as somebody may write to its rings or its stage.
    own_directory: Mutex<Option<Arc<Instance>>>,
    journal: Option<Journal>,
    metrics: Metrics,
    runtimes: Runtimes,
    problems: Problems,
    pieces: Pieces,
    limits: Limits,
    console: Option<ConsoleWriter>,
    status: Status,
    /// Only when people look at the console.
    open_spans: Option<OpenSpans>,
    span_counts: SpanCounts,
    trace_words: TraceWords,
    unsynced: Unsynced,
    recovered: Recovered,
    files: Files,
    otlp: Otlp,
    /// A command does not keep its user waiting for a receiver.
    is_command: bool,
    /// Of which kinds all records have lines in day files.
    lines: Vec<Kind>,
    prometheus: Option<String>,
    targets_file: Option<PathBuf>,
    refused_scrapes: Refused,
    io: Option<Arc<IoControl>>,
    shut: AtomicBool,
}

impl Telemetry {
    /// The layer for spans and events of `tracing`; `None` when telemetry is disabled.
    pub(crate) fn layer(&self, traces: &TraceSettings) -> Option<Layer> {
        let layer = Layer::new(self.0.journal.as_ref()?, traces.sampler);
        let layer = traces.on(layer, &self.0.span_counts);
        Some(match &self.0.open_spans {
            Some(open_spans) => layer.with_open_spans(open_spans.clone()),
            None => layer,
        })
    }

    pub(crate) fn problems(&self) -> &Problems {
        &self.0.problems
    }

    pub(crate) fn pieces(&self) -> &Pieces {
        &self.0.pieces
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.0.journal.as_ref()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn is_test(&self) -> bool {
        self.0.test
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.0.shut.load(Ordering::Acquire)
    }

    pub(crate) fn io(&self) -> Option<&Arc<IoControl>> {
        self.0.io.as_ref()
    }

    pub(crate) fn recovered(&self) -> &Recovered {
        &self.0.recovered
    }

    pub(crate) fn files(&self) -> &Files {
        &self.0.files
    }

    pub(crate) fn otlp(&self) -> &Otlp {
        &self.0.otlp
    }

    /// Whether all records of this kind have lines in day files.
    pub(crate) fn has_lines(&self, kind: Kind) -> bool {
        self.0.lines.contains(&kind)
    }

    /// Where what is delivered of this kind is, before it is sent.
    fn place_of(&self, kind: Kind) -> String {
        match (self.has_lines(kind), self.0.otlp.sends(kind)) {
            (true, true) => "day file and spool",
            (true, false) => "day file",
            (false, true) => "spool",
            (false, false) => "",
        }
        .to_owned()
    }

    pub(crate) fn status(&self) -> &Status {
        &self.0.status
    }

    pub(crate) fn unsynced(&self) -> &Unsynced {
        &self.0.unsynced
    }

    pub(crate) fn directory(&self) -> Option<&Path> {
        self.0.root.as_deref()
    }

    #[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "nothing is scraped"))]
    pub(crate) fn refused_scrapes(&self) -> &Refused {
        &self.0.refused_scrapes
    }

    pub(crate) fn prometheus(&self) -> Option<&str> {
        self.0.prometheus.as_deref()
    }

    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only runtimes are watched"))]
    pub(crate) fn runtimes(&self) -> &Runtimes {
        &self.0.runtimes
    }

    pub(crate) fn report(&self) -> Report {
        let mut report = self.books();
        if self.is_forked() {
            // No list is looked at: its lock may be held by a thread that the child has not got.
            report.problems.push(Problem::new(
                "this is a forked child of the process whose telemetry this is: it records nothing",
                "call init! after the fork, in the child alone, or exec another program there",
            ));
            return report;
        }
        report.pieces_not_in_use = self.0.pieces.unused().into_iter().map(str::to_owned).collect();
        report.recovered = self.0.recovered.records();
        report.interrupted = self.0.recovered.interrupted();
        report.interrupted_unlisted = self.0.recovered.interrupted_unlisted();
        let open = |journal| OpenSpansReport::of(journal, &self.0.trace_words);
        report.open_spans = self.0.journal.as_ref().map(open).unwrap_or_default();
        report.files = self.0.files.report();
        report.otlp = self.0.otlp.report();
        if report.otlp.is_some() {
            report.events.place = self.place_of(Kind::Event);
            report.spans.place = self.place_of(Kind::Span);
            report.metrics.place = self.place_of(Kind::Metric);
        }
        let observed = self.0.metrics.observed();
        report.observed = observed.len() as u64;
        report.observed_first = observed_first(observed);
        let refusals = self.update_limits();
        report.refused = refusals.iter().map(RefusedWrites::from).collect();
        self.0.status.tell_of_too_many(&self.0.problems);
        report.redaction = self.0.problems.redaction();
        report.problems = self.0.problems.all();
        report.problems.extend(self.counted_problems());
        report
    }

    /// Problems that are numbers, with what they are now.
    pub(crate) fn counted_problems(&self) -> impl Iterator<Item = Problem> + '_ {
        traces::problems(&self.0.span_counts)
            .chain(traces::changed_ids())
            .chain(self.0.journal.iter().flat_map(foreign::problems))
            .chain(
                self.0.journal.iter().flat_map(|journal| {
                    foreign::sent_twice(journal, &|kind| self.0.otlp.sends(kind))
                }),
            )
    }

    /// Brings the problems of limits up to what is known of them now, and returns all refusals.
    pub(crate) fn update_limits(&self) -> Vec<Refusal> {
        let refusals = self.0.metrics.refusals();
        self.0.limits.update(&refusals, &self.0.problems);
        refusals
    }

    /// Takes back the problems of a metric's limits, as it has room again.
    pub(crate) fn withdraw_limits(&self, metric: &str) {
        self.0.limits.withdraw(metric, &self.0.metrics.refusals(), &self.0.problems);
    }

    fn books(&self) -> Report {
        let inner = &self.0;
        let books = |kind| match &inner.journal {
            Some(journal) => SignalReport::of(journal, kind),
            None => SignalReport::default(),
        };
        let rings = inner.journal.as_ref().and_then(Journal::directory);
        let is_elsewhere =
            |rings: &&Path| !inner.root.as_ref().is_some_and(|r| rings.starts_with(r));
        Report {
            service: inner.service.clone(),
            version: inner.version.clone(),
            disabled: inner.journal.is_none(),
            instance: inner.instance.clone(),
            machine_id: inner.machine_id.clone(),
            directory: inner.root.clone(),
            slot: inner.slot_number,
            survives_kill: rings.is_some() && !inner.files.is_unstaged(),
            rings: rings.filter(is_elsewhere).map(Path::to_owned),
            prometheus: inner.prometheus.clone(),
            traces: inner.trace_words.all.clone(),
            events: books(Kind::Event),
            spans: books(Kind::Span),
            metrics: books(Kind::Metric),
            ..Report::default()
        }
    }

    /// Whether this is a forked child. Then threads, files and locks are another process's, and
    /// whatever waits for one of them would wait for ever.
    fn is_forked(&self) -> bool {
        self.0.journal.as_ref().is_some_and(Journal::is_forked)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
