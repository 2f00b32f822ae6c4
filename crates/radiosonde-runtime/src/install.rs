//! `init`: the globals of the process, each on its own.

use std::sync::{Mutex, OnceLock, PoisonError};

use radiosonde_metrics::Ingest;
use radiosonde_record::{Journal, set_global};
use tracing_core::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::{BoxedLayer, BoxedRecorder, Config, Global};
use crate::guard::{End, Guard};
use crate::log_bridge::LogBridge;
use crate::problem::Problems;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::{log_bridge, otel, panic_hook};

/// The telemetry of the process, once there is one.
static INSTALLED: Mutex<Option<Telemetry>> = Mutex::new(None);

/// The same where its recorder was to be installed, without a lock.
static RUNNING: OnceLock<Telemetry> = OnceLock::new();

/// Says how a run of a batch job went that computes a metric of the registry:
/// `ingest("cost_variance_ratio").succeeded()`, or `.failed()`, counts it in
/// `metric_ingest_status{metric,status}`. Without `init!` nothing happens.
pub fn ingest(metric: &str) -> Ingest {
    #[cfg(feature = "testing")]
    if let Some(metrics) = radiosonde_metrics::Metrics::of_this_thread() {
        return metrics.ingest(metric);
    }
    RUNNING.get().map_or_else(Ingest::none, |telemetry| telemetry.metrics().ingest(metric))
}

/// Makes room in a metric that is full: all of its series leave scrapes and snapshots until they are
/// written again. Returns how many they were; `None` without `init!`, and where there is no such
/// metric. `Some(0)` is no room made: there was nothing to retire, or the metric keeps as many retired
/// series as it may, which is a problem in the report.
///
/// Call it only once the source of the values is mended, and take a scrape or a snapshot straight
/// after: new label sets take room at once, series that were retired only when they are next read.
///
/// An event `telemetry.retired` of level info has the metric and how many series they were. If there
/// were some, the problem that the metric is full leaves the report, until a write is past its limit
/// once more; what was folded or refused stays counted.
///
/// [`Metrics::retire`](radiosonde_metrics::Metrics::retire) tells it whole, docs/metrics.md what
/// becomes of rates and sums.
pub fn retire(metric: &str) -> Option<usize> {
    crate::retire::retire(RUNNING.get()?, metric)
}

/// Starts and installs, or joins what is there.
pub(crate) fn init(mut config: Config) -> Guard {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(telemetry) = &*installed {
        return join(telemetry, config.service.test);
    }
    let exporter = config.exporter.take();
    let (telemetry, settings) = Telemetry::start(&config);
    let layers = std::mem::take(&mut config.layers);
    if settings.disabled {
        // What is not ours goes on without us; whether there is a recorder is not ours to judge.
        let _ = exporter.map(metrics::set_global_recorder);
    } else {
        let left = Left(&config.left);
        install(&telemetry, &settings, layers, left);
        install_recorder(&telemetry, exporter, left);
    }
    // Only now: who joins from another thread must find everything in place.
    *installed = Some(telemetry.clone());
    let end = if settings.test { End::Flush } else { End::Shutdown };
    Guard::new(&telemetry, end)
}

/// A second `init!` looks at the first one's telemetry. In unit tests that is the normal case.
fn join(telemetry: &Telemetry, test: bool) -> Guard {
    if telemetry.is_shut() {
        telemetry.problems().say(
            "init! was called after telemetry was shut down, and it does not start again",
            "call init! once, at the beginning of main, and keep its guard to the end",
        );
    } else if !(test && telemetry.is_test()) {
        telemetry.problems().say(
            "init! was called a second time; the first call's telemetry goes on",
            "call init! once, at the beginning of main",
        );
    }
    Guard::new(telemetry, if telemetry.is_test() { End::Flush } else { End::Nothing })
}

/// What the application sets itself.
#[derive(Clone, Copy)]
struct Left<'a>(&'a [Global]);

impl Left<'_> {
    fn has(self, global: Global) -> bool {
        self.0.contains(&global)
    }

    /// What was given to the config and has nowhere to go.
    fn complain_of(self, count: usize, what: &str, problems: &Problems) {
        if count > 0 {
            problems.say(
                format!(
                    "{what} given to init! cannot be used: their global is left to the application"
                ),
                "take it out of `leave`, or set them yourself",
            );
        }
    }
}

fn install(telemetry: &Telemetry, settings: &Settings, layers: Vec<BoxedLayer>, left: Left<'_>) {
    let Some(journal) = telemetry.journal() else { return };
    let problems = telemetry.problems();
    if !set_global(journal) {
        problems.say(
            "another radiosonde pipeline of this process receives event!",
            "call either init! or EventsHandle::install, once",
        );
    }
    if left.has(Global::Subscriber) {
        left.complain_of(layers.len(), "layers", problems);
        if settings.traces.otel_bridge {
            problems.say(
                "the OpenTelemetry bridge is asked for, and `leave` names the subscriber: nothing of \
                 the bridge is installed",
                "take Config::build() instead of init!: its `otel` is the bridge, with set_global() \
                 and layer() for your subscriber; or let init! set the subscriber; or otel_bridge = \
                 false",
            );
        }
    } else if let Some(layer) = telemetry.layer(&settings.traces) {
        set_subscriber(layer, layers, settings.traces.otel_bridge, problems);
    }
    if !left.has(Global::Logger) {
        set_logger(journal, settings.traces.otel_bridge, problems);
    }
    if !left.has(Global::PanicHook) {
        panic_hook::install(None);
    }
}

fn set_subscriber(
    layer: radiosonde_tracing::Layer,
    layers: Vec<BoxedLayer>,
    otel_bridge: bool,
    problems: &Problems,
) {
    let dispatch = if otel_bridge {
        otel::install(layer, layers, problems)
    } else if layers.is_empty() {
        // Nobody asks a registry for anything.
        Dispatch::new(layer.into_subscriber())
    } else {
        let mut all: Vec<BoxedLayer> = vec![Box::new(layer.among::<Vec<BoxedLayer>>())];
        all.extend(layers);
        Dispatch::new(tracing_subscriber::registry().with(all))
    };
    if tracing_core::dispatcher::set_global_default(dispatch).is_err() {
        // With the bridge the layer is another one.
        let layer =
            if otel_bridge { "otel's layer() of Config::build()" } else { "Config::build().layer" };
        problems.say(
            "a tracing subscriber is already set; tracing spans and events go there, not here",
            format!(
                "let only init! set one, or add {layer} to yours; set after init!, yours would fail, \
                 and end the program at its .init(), unless `leave` names it"
            ),
        );
    }
}

fn set_logger(journal: &Journal, otel_bridge: bool, problems: &Problems) {
    if !log_bridge::install(LogBridge::new(Some(journal), otel_bridge)) {
        problems.say(
            "a logger for the log crate is already set; log records go there, not here",
            "let only init! set one, or put Config::build().logger behind yours; set after \
             init!, yours would fail, unless `leave` names it",
        );
    }
}

/// Sets the recorder, in front of the application's where there is one.
fn install_recorder(telemetry: &Telemetry, exporter: Option<BoxedRecorder>, left: Left<'_>) {
    if telemetry.journal().is_none() {
        return;
    }
    let _first = RUNNING.set(telemetry.clone());
    if left.has(Global::Recorder) {
        let exporters = usize::from(exporter.is_some());
        left.complain_of(exporters, "the exporter", telemetry.problems());
        return;
    }
    let ours = telemetry.metrics().recorder();
    let is_set = match exporter {
        None => ours.install().is_ok(),
        Some(theirs) => metrics::set_global_recorder(ours.in_front_of(theirs)).is_ok(),
    };
    if !is_set {
        telemetry.problems().say(
            "a metrics recorder is already set; metrics go there, unguarded",
            "let only init! set one, or hand yours to init!(wrap_exporter = …); set after init!, \
             yours would fail, unless `leave` names it",
        );
    }
}
