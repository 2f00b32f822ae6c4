//! Two subscribers that nobody records with, so that no call site is switched off for good.
//!
//! `tracing` keeps at each call site whether anybody wants it, which is asked of all subscribers there
//! are. As long as there was only one at a time it asks the one of the thread that happens to come by first,
//! and of a thread outside of any capture the answer is no: a capture on another thread would miss
//! the event. With two that live for ever all are asked, and these two say that it depends: then each
//! thread asks its own subscriber, each time.

use std::sync::OnceLock;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Dispatch, Event, Metadata, Subscriber};

struct Listener;

/// Sees to it that there are two.
pub(super) fn prepare() {
    static LISTENERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    let _both = LISTENERS.get_or_init(|| [Dispatch::new(Listener), Dispatch::new(Listener)]);
}

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(u64::MAX)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
