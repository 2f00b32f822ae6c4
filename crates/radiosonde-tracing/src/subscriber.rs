//! A subscriber of its own, where no other layer listens.

use std::any::TypeId;
use std::sync::Arc;

use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata};

use crate::asked;
use crate::callsites::Callsites;
use crate::counts::SpanCounts;
use crate::tracker::{Parent, Tracker};

/// A subscriber that records events and spans in a journal, without a registry. See
/// [`Layer::into_subscriber`](crate::Layer::into_subscriber).
///
/// A span ends when its last handle is dropped. A registry lets it end only when its children have.
#[derive(Debug)]
pub struct Subscriber {
    tracker: Arc<Tracker>,
}

/// The id of spans past the number that can be open: nothing is found under it.
const NOWHERE: u64 = u64::MAX;

impl Subscriber {
    pub(crate) fn new(tracker: Arc<Tracker>) -> Self {
        Self { tracker }
    }

    /// What the subscriber counts of itself.
    pub fn counts(&self) -> &SpanCounts {
        &self.tracker.counts
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Somebody asks for a part of another subscriber, and there is none.
    fn asked_for(&self, id: TypeId) {
        asked::unknown(&self.tracker, id, &[]);
    }
}

impl tracing_core::Subscriber for Subscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let asks_each_time = || self.tracker.callsites.as_ref().is_some_and(Callsites::have_any);
        if !self.tracker.allows(metadata) {
            Interest::never()
        } else if metadata.is_span() && asks_each_time() {
            Interest::sometimes()
        } else {
            Interest::always()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Asked first: what can be done without was let through by the filter before.
        !self.tracker.can_do_without(metadata) && self.tracker.allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.tracker.max_level())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let parent = match attributes.parent() {
            Some(parent) => Parent::Known(Some(parent)),
            None if attributes.is_root() => Parent::Root,
            None => Parent::Current,
        };
        self.tracker.open(attributes, parent).unwrap_or_else(|| Id::from_u64(NOWHERE))
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.tracker.record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.tracker.follows(id, Some(follows));
    }

    fn event(&self, event: &Event<'_>) {
        self.tracker.event(event, event.parent());
    }

    fn enter(&self, id: &Id) {
        self.tracker.enter(id);
    }

    fn exit(&self, id: &Id) {
        self.tracker.exit(id);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.tracker.store.add_handle(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.tracker.close(&id)
    }

    fn current_span(&self) -> Current {
        self.tracker
            .current()
            .map_or_else(Current::none, |(id, metadata)| Current::new(id, metadata))
    }

    asked::answers!(asked_for);
}
