//! What can be done with a `tracing::Span` besides what `tracing` offers.

use std::panic::Location;

use radiosonde_context::Context;
use tracing_core::Dispatch;
use tracing_core::span::Id;

use crate::counts::{Counted, SpanCounts};
use crate::layer::Layer;
use crate::subscriber::Subscriber;
use crate::tracker::Tracker;

/// Makes a span a child of the span of a context, such as one that came with a request: its trace,
/// whether that is sampled, its trace state, and the ids it brought.
///
/// Only as long as nobody knows the ids of the span: before it is entered, has a child or an event,
/// or was asked for its context. Later it changes nothing, and is counted
/// ([`Counted::LateParent`](crate::Counted)); so is a span that is off
/// ([`Counted::DisabledParent`](crate::Counted)). A layer of ours inside of
/// `tracing_subscriber::reload` is not found: there nothing changes, and nothing is counted.
///
/// ```
/// # use radiosonde_context::Context;
/// # let extracted = Context::default();
/// let span = tracing::info_span!("request");
/// radiosonde_tracing::set_parent(&span, &extracted);
/// span.in_scope(|| tracing::info!("inside"));
/// ```
#[track_caller]
pub fn set_parent(span: &tracing::Span, parent: &Context) {
    let at = Location::caller();
    let set = with(span, |tracker, id| {
        if tracker.set_parent(id, parent) == Some(false) {
            let name = span.metadata().map_or("a span", |metadata| metadata.name());
            tracker.counts.late_parent(name, at);
        }
    });
    if set.is_none() {
        is_off(span, Counted::DisabledParent);
    }
}

/// Links a span to the span of a context: a message of the batch it works on, the request that made
/// it. A context without a span links to nothing, and is counted, as a span that is off is.
pub fn add_link(span: &tracing::Span, to: &Context) {
    if with(span, |tracker, id| tracker.add_link(id, to)).is_none() {
        is_off(span, Counted::DisabledLink);
    }
}

/// The context inside a span, as if it were entered here, to be sent along with a request. Its ids are
/// fixed from then on.
///
/// That of a span that is off, or not ours, is the context that is current.
pub fn context_of(span: &tracing::Span) -> Context {
    let own = with(span, Tracker::context_of).flatten();
    let current = Context::current();
    own.map_or_else(|| current.clone(), |own| own.over(&current))
}

/// A span has nothing to offer: it was held back, or somebody else has it.
#[cold]
fn is_off(span: &tracing::Span, what: Counted) {
    let count = |dispatch: &Dispatch| counts(dispatch).map(|counts| counts.add(what, 1));
    // One that is switched off at its call site does not know whose it would have been.
    if span.with_subscriber(|(_, dispatch)| count(dispatch)).is_none() {
        tracing::dispatcher::get_default(|dispatch| _ = count(dispatch));
    }
}

/// Where our layer in it counts.
fn counts(dispatch: &Dispatch) -> Option<&SpanCounts> {
    match dispatch.downcast_ref::<Subscriber>() {
        Some(subscriber) => Some(subscriber.counts()),
        None => dispatch.downcast_ref::<Layer>().map(Layer::counts),
    }
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
