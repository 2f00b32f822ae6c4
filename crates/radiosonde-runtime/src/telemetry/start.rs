//! The start of a telemetry: whatever works, each on its own.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use radiosonde_events::{DaySink, Filing, Owner, Redactions};
use radiosonde_metrics::Metrics;
use radiosonde_record::{
    Drain, Journal, Kind, Lease, Unsynced, on_fork_child, suppress_thread, survive_size_limit,
};
use radiosonde_tracing::SpanCounts;

use super::{Inner, Telemetry, lock};
use crate::books::Books;
use crate::config::Config;
use crate::console::{ConsoleWriter, setup};
use crate::directory::{self, Place};
use crate::exports::Exports;
use crate::house::{Files, House};
use crate::io_thread::{self, Pace};
use crate::listener::{self, Refused};
use crate::notices::notices;
use crate::otlp::Otlp;
use crate::pieces::Pieces;
use crate::problem::Problems;
use crate::recovery::Recovered;
use crate::refusals::Limits;
use crate::settings::{Environment, Settings};
use crate::status::Status;
use crate::tokio_metrics::Runtimes;
use crate::traces::TraceWords;
use crate::{metric_setup, panic_hook, recovery};

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
