//! The OpenTelemetry bridge, where it is compiled in and asked for.

use radiosonde_tracing::Layer;
use tracing_core::Dispatch;

use crate::config::BoxedLayer;
use crate::problem::Problems;

/// Whether it is compiled in.
pub(crate) const IS_THERE: bool = cfg!(feature = "otel-bridge");

/// Makes the API ours, and returns the subscriber for spans and events.
#[cfg(feature = "otel-bridge")]
pub(crate) fn install(layer: Layer, layers: Vec<BoxedLayer>, problems: &Problems) -> Dispatch {
    use tracing_subscriber::layer::SubscriberExt as _;

    let layer = if layers.is_empty() { layer.sole() } else { layer };
    let bridge = bridge(layer, problems);
    bridge.set_global();
    if layers.is_empty() {
        return Dispatch::new(tracing_subscriber::registry().with(bridge.layer()));
    }
    let mut all: Vec<BoxedLayer> = vec![Box::new(bridge.layer())];
    all.extend(layers);
    Dispatch::new(tracing_subscriber::registry().with(all))
}

/// Without it, nobody could ask for it.
#[cfg(not(feature = "otel-bridge"))]
pub(crate) fn install(layer: Layer, _: Vec<BoxedLayer>, _: &Problems) -> Dispatch {
    Dispatch::new(layer.into_subscriber())
}

/// The bridge over a layer with all its settings.
#[cfg(feature = "otel-bridge")]
pub(crate) fn bridge(layer: Layer, problems: &Problems) -> radiosonde_otel_bridge::Bridge {
    let bridge = radiosonde_otel_bridge::Bridge::new(layer);
    if !bridge.is_observing() {
        problems.say(
            "an observer of OpenTelemetry contexts is already set; lines and metrics inside of them \
             have no ids",
            "call init! before opentelemetry's GlobalContextObserver is set, or leave that out",
        );
    }
    bridge
}
