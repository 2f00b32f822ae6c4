//! The pipeline of one capture, and the way into it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use radiosonde_context::along::{self, Along};
use radiosonde_context::{Wrapped, wrap};
use radiosonde_events::{Owner, Redactions};
use radiosonde_metrics::{Metrics, Settings, Snapshot};
use radiosonde_record::{
    Account, Drain, Filter, Journal, Kind, Placement, Unsynced, patiently, suppress_thread,
    with_journal,
};
use radiosonde_tracing::{Layer, OpenSpans, Sampler};
use tracing_core::{Dispatch, dispatcher};

use super::listener;
use super::sink::{CaptureSink, Store};
use crate::console::setup::Names;
use crate::{log_bridge, metric_lines};

/// How long a thread waits for room in its ring: a test would rather be slow than miss something.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a look waits for the drain, which needs milliseconds unless the machine is very busy.
const LOOK_WITHIN: Duration = Duration::from_secs(60);
/// How long the end waits for calls that are under way.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What a capture has seen, and the way into it. Clones are the same capture.
///
/// Each look sees all that was recorded before it: there is nothing to wait for but the end of threads
/// and tasks that still record. After the end of the capture it shows what there was then.
#[derive(Clone)]
pub struct Captured(Arc<Pipeline>);

struct Pipeline {
    journal: Journal,
    dispatch: Dispatch,
    metrics: Metrics,
    store: Store,
    /// Whether records of `log` come here.
    has_log: bool,
    ended: AtomicBool,
    /// The metrics at the end: handles outlive a capture.
    last: OnceLock<Snapshot>,
}

/// What it is made from.
pub(super) struct Plan {
    pub(super) owner: Owner,
    pub(super) filter: Filter,
    pub(super) metrics: Settings,
    pub(super) log: bool,
}

/// A capture that is going on; the drop ends it.
pub(super) struct Running(pub(super) Captured);

impl Running {
    #[track_caller]
    pub(super) fn start(plan: Plan) -> Self {
        listener::prepare();
        let journal = match Journal::open(Placement::Memory, plan.filter) {
            Ok(journal) => journal,
            Err(error) => panic!("a capture has no memory for its rings: {error}"),
        };
        let open_spans = OpenSpans::default();
        let layer = Layer::new(&journal, Sampler::default()).with_open_spans(open_spans.clone());
        let store = Store::default();
        let redactions = Redactions::with_callbacks_of(&plan.owner.redact);
        let sink = CaptureSink::new(plan.owner, redactions, Names(open_spans), &store);
        start_drain(&journal, sink);
        let metrics = Metrics::new(plan.metrics);
        let deltas = journal.clone();
        metrics.on_delta(Box::new(move |context, delta| {
            metric_lines::record_delta(&deltas, context, delta);
        }));
        let has_log = plan.log && log_bridge::claim();
        if has_log {
            log_bridge::raise(log_bridge::max_level(&journal));
        }
        let dispatch = Dispatch::new(layer.into_subscriber());
        let ended = AtomicBool::new(false);
        let last = OnceLock::new();
        let pipeline = Pipeline { journal, dispatch, metrics, store, has_log, ended, last };
        Self(Captured(Arc::new(pipeline)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pipeline = &self.0.0;
        pipeline.metrics.flush_thread();
        let _first = pipeline.last.set(pipeline.metrics.snapshot());
        pipeline.journal.close(CLOSE_WITHIN);
        pipeline.journal.control().stop(LOOK_WITHIN);
        pipeline.ended.store(true, Ordering::Release);
    }
}

#[track_caller]
fn start_drain(journal: &Journal, sink: CaptureSink) {
    let drain =
        Drain::new(journal, None, &Unsynced::default(), Box::new(sink), Box::new(|_notice| {}));
    let run = move || {
        suppress_thread();
        drain.run();
    };
    if let Err(error) = thread::Builder::new().name("radiosonde-drain".to_owned()).spawn(run) {
        panic!("a capture has no thread for its drain: {error}; raise the limit of threads");
    }
}

impl Captured {
    /// Runs `f` inside of the capture, on any thread: for code that the plain spawns of std or tokio
    /// have taken elsewhere.
    ///
    /// ```
    /// # use radiosonde_runtime::testing::capture;
    /// capture(|t| {
    ///     let there = t.clone();
    ///     let thread = std::thread::spawn(move || there.inside(|| tracing::info!("elsewhere")));
    ///     thread.join().unwrap();
    ///     t.assert_log("elsewhere");
    /// });
    /// ```
    pub fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        let along: Arc<dyn Along> = Arc::clone(&self.0) as _;
        along::with(&along, f)
    }

    /// The future inside of the capture, and of the context that is current now: for tasks that plain
    /// `tokio::spawn` starts. As cancel safe as the future.
    pub fn wrap<F>(&self, future: F) -> Wrapped<F> {
        self.inside(|| wrap(future))
    }

    /// Brings all that was recorded before to where it can be seen. The books, then.
    #[track_caller]
    pub(super) fn settle(&self) -> [Account; 3] {
        self.0.metrics.flush_thread();
        let books = Kind::ALL.map(|kind| self.0.journal.account(kind));
        if books.iter().all(|account| account.pending == 0) {
            return books;
        }
        let reached = self.0.journal.control().flush(LOOK_WITHIN);
        // A drain that has ended has made its last pass.
        if !reached && !self.0.ended.load(Ordering::Acquire) {
            panic!("what was captured cannot be seen: its drain did nothing for {LOOK_WITHIN:?}");
        }
        Kind::ALL.map(|kind| self.0.journal.account(kind))
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(super) fn metrics_hub(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The metrics as they are, or were at the end.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.0.last.get().cloned().unwrap_or_else(|| self.0.metrics.snapshot())
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// What is not recorded, for messages.
    pub(super) fn scope(&self) -> String {
        let lowest = self.0.journal.filter().lowest();
        let lowest = lowest.map_or_else(|| "nothing".to_owned(), |level| level.to_string());
        let log = match self.0.has_log {
            true => "",
            false => "; the `log` crate has another logger, and its records are not here",
        };
        format!("(recorded from level {lowest} on: `Capture::new().level(…)` sets another{log})")
    }
}

impl Along for Pipeline {
    fn around(&self, code: &mut dyn FnMut()) {
        dispatcher::with_default(&self.dispatch, || {
            self.metrics.on_this_thread(|| {
                with_journal(&self.journal, || patiently(PATIENCE, code));
            });
        });
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Captured")
    }
}
