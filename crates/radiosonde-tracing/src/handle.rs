//! What can be done with a `tracing::Span` besides what `tracing` offers.

use radiosonde_context::Context;
use tracing_core::span::Id;

use crate::layer::Layer;
use crate::subscriber::Subscriber;
use crate::tracker::Tracker;

/// Makes a span a child of the span of a context, such as one that came with a request: its trace,
/// whether that is sampled, its trace state, and the ids it brought.
///
/// Only as long as nobody knows the ids of the span: before it is entered, has a child or an event,
/// or was asked for its context. Later it changes nothing, and is counted
/// ([`Counted::LateParent`](crate::Counted)).
///
/// ```
/// # use radiosonde_context::Context;
/// # let extracted = Context::default();
/// let span = tracing::info_span!("request");
/// radiosonde_tracing::set_parent(&span, &extracted);
/// span.in_scope(|| tracing::info!("inside"));
/// ```
pub fn set_parent(span: &tracing::Span, parent: &Context) {
    let _span_that_is_off = with(span, |tracker, id| tracker.set_parent(id, parent));
}

/// Links a span to the span of a context: a message of the batch it works on, the request that made
/// it. A context without a span links to nothing, and is counted.
pub fn add_link(span: &tracing::Span, to: &Context) {
    let _span_that_is_off = with(span, |tracker, id| tracker.add_link(id, to));
}

/// The context inside a span, to be sent along with a request. Its ids are fixed from then on.
///
/// That of a span that is off, or not ours, is the context that is current.
pub fn context_of(span: &tracing::Span) -> Context {
    let own = with(span, Tracker::context_of).flatten();
    own.unwrap_or_else(Context::current)
}

fn with<R>(span: &tracing::Span, f: impl FnOnce(&Tracker, &Id) -> R) -> Option<R> {
    let found = span.with_subscriber(|(id, dispatch)| {
        if let Some(subscriber) = dispatch.downcast_ref::<Subscriber>() {
            return Some(f(subscriber.tracker(), id));
        }
        let layer = dispatch.downcast_ref::<Layer>()?;
        let own = layer.find(dispatch, id)?;
        Some(f(layer.tracker(), &own))
    });
    found.flatten()
}
