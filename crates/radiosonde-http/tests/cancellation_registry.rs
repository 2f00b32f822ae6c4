//! Ten thousand requests, most of them given up, with the layer of radiosonde in a registry, where
//! another layer sees the same spans begin and end.

mod given_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use given_up::Telemetry;
use radiosonde_tracing::{Layer, Sampler};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Counts spans of the layer.
#[derive(Clone, Default)]
struct Spans {
    opened: Arc<AtomicU64>,
    open: Arc<AtomicI64>,
}

/// Whether it is a span of the layer, and not one of the protocol's implementation.
fn is_ours(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.target().starts_with("radiosonde_http")
}

impl<S> tracing_subscriber::Layer<S> for Spans
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if is_ours(attributes.metadata()) {
            self.opened.fetch_add(1, Ordering::SeqCst);
            self.open.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn on_close(&self, id: Id, subscribed: Context<'_, S>) {
        if subscribed.metadata(&id).is_some_and(is_ours) {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn ten_thousand_requests_at_a_time_leave_nothing_open() {
    let telemetry = Telemetry::new();
    let spans = Spans::default();
    let layer = Layer::new(&telemetry.journal, Sampler::default());
    // Without it there would be a span for every frame of HTTP/2.
    let subscriber =
        tracing_subscriber::registry().with(layer).with(spans.clone()).with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    assert_eq!(telemetry.ask_and_give_up(), spans.opened.load(Ordering::SeqCst));
    assert_eq!(spans.open.load(Ordering::SeqCst), 0);
}
