//! A running telemetry: the journal, the metrics and the threads.

mod ends;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use radiosonde_events::{DaySink, Filing, Owner, Redactions};
use radiosonde_metrics::{Metrics, Refusal};
use radiosonde_record::{
    Drain, Instance, Journal, Kind, Lease, Unsynced, on_fork_child, suppress_thread,
    survive_size_limit,
};
use radiosonde_tracing::{Layer, OpenSpans, SpanCounts};

use crate::books::Books;
use crate::config::Config;
use crate::console::{ConsoleWriter, setup};
use crate::directory::{self, Place};
use crate::exports::Exports;
use crate::house::{Files, House};
use crate::io_thread::{self, IoControl, Pace};
use crate::listener::{self, Refused};
use crate::notices::notices;
use crate::open_spans::OpenSpansReport;
use crate::otlp::Otlp;
use crate::pieces::Pieces;
use crate::problem::{Problem, Problems};
use crate::recovery::Recovered;
use crate::refusals::Limits;
use crate::report::{RefusedWrites, Report, SignalReport, observed_first};
use crate::settings::{Environment, Settings, TraceSettings};
use crate::status::Status;
use crate::tokio_metrics::Runtimes;
use crate::traces::TraceWords;
use crate::{foreign, metric_setup, panic_hook, recovery, traces};

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
    /// Starts everything that works. Installs nothing.
    pub(crate) fn start(config: &Config) -> (Self, Settings) {
        let problems = Problems::default();
        let settings = Settings::resolve(config, &Environment::of_process(), &problems);
        // Disabled or not: others go on with the trace through us.
        settings.propagation.apply(&settings.redact);
        let telemetry = if settings.disabled {
            Self::disabled(&settings, problems)
        } else {
            Self::run(&settings, problems)
        };
        (telemetry, settings)
    }

    fn disabled(settings: &Settings, problems: Problems) -> Self {
        Self(Arc::new(Inner {
            service: settings.service.clone(),
            version: settings.version.clone(),
            machine_id: settings.machine_id.clone(),
            instance: "disabled".to_owned(),
            test: settings.test,
            root: None,
            slot_number: None,
            own_directory: Mutex::default(),
            journal: None,
            metrics: Metrics::default(),
            runtimes: Runtimes::default(),
            problems,
            pieces: Pieces::default(),
            limits: Limits::default(),
            console: None,
            status: Status::default(),
            open_spans: None,
            span_counts: SpanCounts::default(),
            trace_words: TraceWords::of(settings),
            unsynced: Unsynced::default(),
            recovered: Recovered::default(),
            files: Files::default(),
            otlp: Otlp::default(),
            is_command: false,
            lines: Vec::new(),
            prometheus: None,
            targets_file: None,
            refused_scrapes: Refused::default(),
            io: None,
            shut: AtomicBool::new(true),
        }))
    }

    fn run(settings: &Settings, problems: Problems) -> Self {
        let machine_id = settings.machine_id.as_deref();
        let redact = settings.redact.clone();
        let mut owner = Owner::new(&settings.service, &settings.version, machine_id, redact);
        owner.exports = settings.otlp.destinations.is_some();
        owner.lines = Kind::ALL.map(|kind| settings.otlp.files.contains(&kind));
        let place = directory::prepare(settings, &owner, &problems);
        let Some(journal) = place.journal.clone() else {
            return Self::disabled(settings, problems);
        };
        journal.set_service(&settings.service);
        on_fork_child(radiosonde_context::reseed_after_fork);
        let console = setup::voice(settings).and_then(ConsoleWriter::start);
        let redactions = Redactions::with_callbacks_of(&settings.redact);
        let runtimes = Runtimes::default();
        let files = Files::default();
        let span_counts = SpanCounts::default();
        let instance_id = place.instance_id();
        let otlp = Otlp::start(settings, place.for_spool(&instance_id), &problems);
        if owner.exports && !otlp.is_on() {
            // Whoever recovers what we leave must not look for a spool.
            (owner.exports, owner.lines) = (false, [true; 3]);
            place.rewrite(&owner);
        }
        let books = Books {
            otlp: otlp.clone(),
            spans: span_counts.clone(),
            files: files.clone(),
            journal: journal.clone(),
            redactions: redactions.clone(),
            problems: problems.clone(),
            console: console.clone(),
        };
        let metrics = metric_setup::metrics(settings, &journal, &problems, &runtimes, books);
        let Place { lease, instance, .. } = place;
        let root = lease.as_ref().map(Lease::root);
        let status = Status::new(settings.heartbeat, &settings.clock, root);
        status.install(&metrics, &problems);
        let slot = lease.as_ref().map(Lease::slot);
        let keeper = metric_setup::batch_gauges(settings, &metrics, slot, &problems);
        let listed = lease.as_ref().map(|lease| listener::Place {
            root: lease.root(),
            slot: lease.slot(),
            instance: &instance_id,
        });
        let bound = listener::bind(settings, listed, &problems);
        let inner = Inner {
            service: settings.service.clone(),
            version: settings.version.clone(),
            machine_id: settings.machine_id.clone(),
            instance: instance_id,
            test: settings.test,
            slot_number: lease.as_ref().map(|lease| lease.slot().number()),
            root: lease.as_ref().map(|lease| lease.root().to_owned()),
            own_directory: Mutex::new(instance),
            journal: Some(journal.clone()),
            metrics,
            runtimes,
            problems,
            pieces: Pieces::default(),
            limits: Limits::new(settings.catalogues.clone()),
            console,
            status,
            open_spans: setup::open_spans(settings),
            span_counts,
            trace_words: TraceWords::of(settings),
            unsynced: Unsynced::default(),
            recovered: Recovered::default(),
            files,
            otlp,
            is_command: settings.is_command,
            lines: Kind::ALL.into_iter().filter(|kind| owner.lines[*kind as usize]).collect(),
            prometheus: bound.address(),
            targets_file: bound.targets_file(),
            refused_scrapes: Refused::default(),
            io: Some(Arc::default()),
            shut: AtomicBool::new(false),
        };
        let telemetry = Self(Arc::new(inner));
        let slot = lease.as_ref().map(|lease| lease.slot().clone());
        let exports = Exports::new(slot, redactions.clone(), Instant::now());
        let (house, filing) = lease.as_ref().map(|lease| telemetry.keeps(settings, lease)).unzip();
        telemetry.start_drain(settings, &owner, redactions, &journal, lease, filing);
        let pace = Pace { metrics: settings.metric_interval, fsync: settings.files.fsync };
        io_thread::start(&telemetry, bound, house, keeper, exports, pace);
        telemetry
    }

    /// Who keeps house among the files in the directory, and how they are filed.
    fn keeps(&self, settings: &Settings, lease: &Lease) -> (House, Filing) {
        let (root, files) = (lease.root(), &self.0.files);
        let limits = settings.files.limits(root, &self.0.problems);
        let house = House::new(root, lease.slot().clone(), files, &settings.files, &limits);
        (house, files.filing(root, &limits))
    }

    fn start_drain(
        &self,
        settings: &Settings,
        owner: &Owner,
        redactions: Redactions,
        journal: &Journal,
        lease: Option<Lease>,
        filing: Option<Filing>,
    ) {
        let inner = &self.0;
        let console = inner.console.clone().zip(settings.console).map(|(writer, asked)| {
            setup::console(writer, asked, inner.open_spans.clone(), lease.is_some())
        });
        let number = lease.as_ref().map_or(0, |lease| lease.slot().number());
        let has_console = console.is_some();
        let sink =
            DaySink::new(owner.clone(), &inner.instance, number, redactions.clone(), console);
        let sink = match &filing {
            Some(filing) => sink.filing(filing.clone()),
            None => sink,
        };
        let sink = sink.lines_of(&inner.lines);
        let otlp = inner.otlp.clone();
        let (id, unsynced) = (&inner.instance, &inner.unsynced);
        let sink = otlp.around(sink, owner, id, &redactions, unsynced, has_console);
        let files = inner.files.clone();
        let (problems, recovered) = (inner.problems.clone(), inner.recovered.clone());
        let (journal, unsynced) = (journal.clone(), inner.unsynced.clone());
        let own_directory = lock(&inner.own_directory).clone();
        let voice = inner.console.clone().zip(setup::voice(settings));
        let io = inner.io.clone();
        let run = move || {
            suppress_thread();
            // The locks are held as long as this thread may write, whoever has given up waiting.
            let _own_directory = own_directory;
            let notify = notices(problems.clone(), files.clone(), voice);
            survive_size_limit(|| {
                let mut drain = Drain::new(&journal, lease, &unsynced, sink, notify);
                guarded(&problems, "recovering what earlier processes left", || {
                    let Some(filing) = &filing else { return };
                    let io = io.as_deref();
                    let found =
                        recovery::run(&mut drain, filing, &redactions, &problems, io, &otlp);
                    recovered.add(&found);
                });
                files.set_recovered();
                guarded(&problems, "draining the rings", || drain.run());
            });
        };
        let thread = thread::Builder::new().name("radiosonde-drain".to_owned()).spawn(run);
        if let Err(error) = thread {
            inner.problems.say(
                format!("the drain has no thread: {error}; records wait in their rings"),
                "raise the limit of threads; the next start recovers what is in the rings",
            );
        }
    }

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

/// A panic of ours, or of a collector, must not end in silence.
fn guarded(problems: &Problems, what: &str, run: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
        problems.say(
            format!("a panic{} while {what}", panic_hook::place()),
            "report it with the version of radiosonde; the next start recovers what is in the rings",
        );
    }
}
