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
    /// Contexts that are attached while a span is made, each with its span. More than one where a
    /// formatter of a field makes spans itself.
    static MAKING: RefCell<Vec<(Id, ContextGuard)>> = const { RefCell::new(Vec::new()) };
}

/// Before it: has it see what is current with us.
#[derive(Debug)]
pub(crate) struct Before;

/// After it.
#[derive(Debug)]
pub(crate) struct After;

/// Which spans it sees: those that the journal's filter lets through. Events it sees none of, as these
/// are ours.
#[derive(Debug)]
pub(crate) struct Recorded(pub(crate) radiosonde_tracing::Layer);

impl<S> Layer<S> for Before
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Subscribed<'_, S>) {
        // Its parent is taken from the API's current context, which ours may be newer than.
        if !attributes.is_contextual() || current::is_synced() {
            return;
        }
        let guard = current::outside().attach();
        let _ = MAKING.try_with(|making| {
            if let Ok(mut making) = making.try_borrow_mut() {
                making.push((id.clone(), guard));
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
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, subscribed: Subscribed<'_, S>) {
        numbers::begin(attributes, id, &subscribed);
        // Above its own are those that a formatter left when it panicked.
        while let Some((of, guard)) = last(id) {
            drop(guard);
            if of == *id {
                return;
            }
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, subscribed: Subscribed<'_, S>) {
        numbers::record(values, id, &subscribed);
    }

    fn on_enter(&self, id: &Id, subscribed: Subscribed<'_, S>) {
        numbers::entered(id, &subscribed);
    }

    fn on_exit(&self, _: &Id, _: Subscribed<'_, S>) {
        current::exiting(false);
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

/// The context that was attached last, when there is one of this span.
fn last(id: &Id) -> Option<(Id, ContextGuard)> {
    let last = MAKING.try_with(|making| {
        let mut making = making.try_borrow_mut().ok()?;
        making.iter().any(|(of, _)| of == id).then(|| making.pop()).flatten()
    });
    last.ok().flatten()
}
