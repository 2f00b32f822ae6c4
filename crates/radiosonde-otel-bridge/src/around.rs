//! What happens before and after the layer of tracing-opentelemetry.

use std::cell::RefCell;

use opentelemetry::ContextGuard;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context as Subscribed, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::{current, numbers};

thread_local! {
    /// What is attached while the layer takes the parent of a span from the API's current context. It
    /// begins to build the span next, before any formatter of a field runs.
    static PARENT: RefCell<Option<ContextGuard>> = const { RefCell::new(None) };
}

/// Before it: has it see what is current with us.
#[derive(Debug)]
pub(crate) struct Before;

/// After it.
#[derive(Debug)]
pub(crate) struct After;

/// Beside it, for the spans that it sees.
#[derive(Debug)]
pub(crate) struct Beside;

/// Which spans it sees: those that the journal's filter lets through. Events it sees none of, as these
/// are ours.
#[derive(Debug)]
pub(crate) struct Recorded(pub(crate) radiosonde_tracing::Layer);

/// The parent of a span is known.
pub(crate) fn parent_is_taken() {
    let taken = PARENT.try_with(|parent| parent.try_borrow_mut().ok()?.take());
    drop(taken.ok().flatten());
}

impl<S> Layer<S> for Before
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Subscribed<'_, S>) {
        // Its parent is taken from the API's current context, which ours may be newer than.
        if !attributes.is_contextual() || current::is_synced() {
            return;
        }
        let guard = current::outside().attach();
        let _ = PARENT.try_with(|parent| {
            if let Ok(mut parent) = parent.try_borrow_mut() {
                *parent = Some(guard);
            }
        });
    }

    fn on_exit(&self, _: &Id, _: Subscribed<'_, S>) {
        current::exiting(true);
    }
}

impl<S> Layer<S> for After
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Subscribed<'_, S>) {
        // Of one that it does not see.
        parent_is_taken();
    }

    fn on_exit(&self, _: &Id, _: Subscribed<'_, S>) {
        current::exiting(false);
    }
}

impl<S> Layer<S> for Beside
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, subscribed: Subscribed<'_, S>) {
        numbers::begin(attributes, id, &subscribed);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, subscribed: Subscribed<'_, S>) {
        numbers::record(values, id, &subscribed);
    }

    fn on_enter(&self, id: &Id, subscribed: Subscribed<'_, S>) {
        numbers::entered(id, &subscribed);
    }
}

impl<S> Filter<S> for Recorded {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Subscribed<'_, S>) -> bool {
        metadata.is_span() && self.0.allows(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let is_on = metadata.is_span() && self.0.allows(metadata);
        if is_on { Interest::always() } else { Interest::never() }
    }
}
