//! The parts, for pipelines that are already there.

use radiosonde_metrics::Recorder;
use radiosonde_record::Journal;
use radiosonde_tracing::Layer;

use crate::guard::{End, Guard};
use crate::log_bridge::LogBridge;
use crate::panic_hook;
use crate::pieces::Pieces;
use crate::settings::TraceSettings;
use crate::telemetry::Telemetry;

/// What `Config::build` gives: everything runs, nothing is installed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// For a tracing subscriber; `None` when telemetry is disabled, and with the OpenTelemetry bridge,
    /// whose layer takes its place. Where the bridge may be switched off from outside, add both.
    pub layer: Option<Layer>,
    /// The bridge, where `Config::otel_bridge` asks for it: a layer for spans and events, a tracer
    /// provider and a propagator. Needs the feature `otel-bridge`.
    #[cfg(feature = "otel-bridge")]
    pub otel: Option<radiosonde_otel_bridge::Bridge>,
    /// For `metrics::set_global_recorder`, or a fanout.
    pub recorder: Recorder,
    /// For `log::set_boxed_logger`, with its `max_level`.
    pub logger: LogBridge,
    /// For `event!` and for panics: see [`EventsHandle::install`] and
    /// [`EventsHandle::hook_panics`].
    pub events: EventsHandle,
    /// Keeps it all running.
    pub guard: Guard,
}

impl Parts {
    pub(crate) fn new(telemetry: &Telemetry, traces: &TraceSettings) -> Self {
        let (journal, pieces) = (telemetry.journal(), telemetry.pieces());
        pieces.hand_out();
        let layer = telemetry.layer(traces);
        #[cfg(feature = "otel-bridge")]
        let (layer, otel) = match layer {
            Some(layer) if traces.otel_bridge => {
                (None, Some(crate::otel::bridge(layer, telemetry.problems())))
            }
            layer => (layer, None),
        };
        Self {
            layer,
            #[cfg(feature = "otel-bridge")]
            otel,
            recorder: telemetry.metrics().recorder().telling(pieces.recorder.flag()),
            logger: LogBridge::new(journal, traces.otel_bridge).telling(&pieces.logger),
            events: EventsHandle { journal: journal.cloned(), pieces: pieces.clone() },
            guard: Guard::new(telemetry, End::Shutdown),
        }
    }
}

/// The way of `event!` into this pipeline.
#[derive(Clone, Debug)]
pub struct EventsHandle {
    journal: Option<Journal>,
    pieces: Pieces,
}

impl EventsHandle {
    /// Makes this pipeline the one that `event!` of the whole process writes to. Whether it is: the
    /// first one stays.
    pub fn install(&self) -> bool {
        let is_ours = self.journal.as_ref().is_some_and(radiosonde_record::set_global);
        if is_ours {
            self.pieces.events.mark();
        }
        is_ours
    }

    /// Makes every panic of the process an event of this pipeline, before the hook that is set now
    /// runs, which goes on as ever. A hook that is set later takes its place. Needs the feature
    /// `panic`; without it, and when telemetry is disabled, panics are left as they are.
    pub fn hook_panics(&self) {
        if let Some(journal) = &self.journal {
            self.pieces.panic_hook.mark();
            panic_hook::install(Some(journal.clone()));
        }
    }

    /// Makes it the one that `event!` writes to on this thread while `f` runs.
    pub fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.pieces.events.mark();
        match &self.journal {
            Some(journal) => radiosonde_record::with_journal(journal, f),
            None => f(),
        }
    }
}
