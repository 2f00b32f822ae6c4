//! The parts of the bridge, and how they come together.

use std::sync::Arc;

use radiosonde_tracing::Layer;
use tracing_core::Subscriber;
use tracing_subscriber::Layer as _;
use tracing_subscriber::registry::LookupSpan;

use crate::around::{After, Before, Beside, Recorded};
use crate::current;
use crate::propagator::Propagator;
use crate::source::Source;
use crate::tracer::TracerProvider;

/// The bridge over a layer: its settings are those of all spans.
#[derive(Clone, Debug)]
pub struct Bridge {
    layer: Layer,
    provider: TracerProvider,
    is_observing: bool,
}

impl Bridge {
    /// The bridge over a layer with all its settings, which records events from now on, while the
    /// spans are those of tracing-opentelemetry. Sets the process's observer of contexts.
    pub fn new(layer: Layer) -> Self {
        let layer = layer.with_source(Arc::new(Source));
        let provider = TracerProvider::new(layer.spans());
        Self { layer, provider, is_observing: current::observe() }
    }

    /// The layer for spans and events, for a subscriber over a registry: once a program.
    pub fn layer<S>(&self) -> impl tracing_subscriber::Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.provider.of_layer())
            .with_level(true)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .and_then(Beside)
            .with_filter(Recorded(self.layer.clone()));
        Before.and_then(spans).and_then(After).and_then(self.layer.clone())
    }

    /// For `opentelemetry::global::set_tracer_provider`.
    pub fn tracer_provider(&self) -> TracerProvider {
        self.provider.clone()
    }

    /// For `opentelemetry::global::set_text_map_propagator`.
    pub fn propagator(&self) -> Propagator {
        Propagator::new()
    }

    /// Makes the provider and the propagator those of the process, in place of others.
    pub fn set_global(&self) {
        opentelemetry::global::set_tracer_provider(self.tracer_provider());
        opentelemetry::global::set_text_map_propagator(self.propagator());
    }

    /// Whether contexts of the API that are attached become ours: not where somebody else has set the
    /// process's observer of contexts before.
    pub fn is_observing(&self) -> bool {
        self.is_observing
    }
}
