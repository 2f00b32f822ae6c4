//! What can be done with a `tracing::Span` besides what `tracing` offers.

use std::panic::Location;

use radiosonde_context::Context;
use tracing_core::Dispatch;
use tracing_core::span::Id;

use crate::counts::{Counted, SpanCounts};
use crate::layer::Layer;
use crate::source::SpanSource;
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
    let late = |tracker: &Tracker| {
        let name = span.metadata().map_or("a span", |metadata| metadata.name());
        tracker.counts.late_parent(name, at);
    };
    let set = with(span, |place| {
        let (tracker, is_set) = match place {
            Place::Ours(tracker, id) => (tracker, tracker.set_parent(id, parent)),
            Place::Theirs(tracker, source, _) => (tracker, source.set_parent(span, parent)),
        };
        if is_set == Some(false) {
            late(tracker);
        }
    });
    if set.is_none() {
        is_off(span, Counted::DisabledParent);
    }
}

/// Links a span to the span of a context: a message of the batch it works on, the request that made
/// it. A context without a span links to nothing, and is counted, as a span that is off is.
pub fn add_link(span: &tracing::Span, to: &Context) {
    let linked = with(span, |place| match place {
        Place::Ours(tracker, id) => tracker.add_link(id, to),
        Place::Theirs(tracker, ..) if to.span_id().is_none() => {
            tracker.counts.add(Counted::DroppedLink, 1);
        }
        Place::Theirs(_, source, _) => source.add_link(span, to),
    });
    if linked.is_none() {
        is_off(span, Counted::DisabledLink);
    }
}

/// The context inside a span, as if it were entered here, to be sent along with a request. Its ids are
/// fixed from then on.
///
/// That of a span that is off, or not ours, is the context that is current.
pub fn context_of(span: &tracing::Span) -> Context {
    let own = with(span, |place| match place {
        Place::Ours(tracker, id) => tracker.context_of(id),
        Place::Theirs(_, source, dispatch) => source.context_of(&span.id()?, dispatch),
    });
    let own = own.flatten();
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

/// Where a span is found.
enum Place<'a> {
    Ours(&'a Tracker, &'a Id),
    /// At a source of spans.
    Theirs(&'a Tracker, &'a dyn SpanSource, &'a Dispatch),
}

fn with<R>(span: &tracing::Span, f: impl FnOnce(Place<'_>) -> R) -> Option<R> {
    let found = span.with_subscriber(|(id, dispatch)| {
        if let Some(subscriber) = dispatch.downcast_ref::<Subscriber>() {
            return Some(f(Place::Ours(subscriber.tracker(), id)));
        }
        let layer = dispatch.downcast_ref::<Layer>()?;
        let tracker = layer.tracker();
        if let Some(source) = &tracker.source {
            return Some(f(Place::Theirs(tracker, &**source, dispatch)));
        }
        let own = layer.find(dispatch, id)?;
        Some(f(Place::Ours(tracker, &own)))
    });
    found.flatten()
}
