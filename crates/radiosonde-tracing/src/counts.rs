//! What the layer counts of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a layer, of which clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SpanCounts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters([AtomicU64; Counted::ALL.len()]);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Attributes past their limit.
    DroppedAttribute,
    /// Events past their limit, or without room in their span.
    DroppedEvent,
    /// Links past their limit, without room, or to a span that is not known.
    DroppedLink,
    /// Spans recorded for their error though their trace is not sampled.
    KeptError,
    /// Spans recorded for their duration though their trace is not sampled.
    KeptSlow,
    /// Parents that came after the ids of their span were fixed, and changed nothing.
    LateParent,
    /// Uses of spans by code that ran while a span was recorded, such as an allocator that opens
    /// spans: left out, since they would wait for themselves.
    Nested,
    /// Spans past the number that can be open at once.
    TooMany,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DroppedAttribute,
        Self::DroppedEvent,
        Self::DroppedLink,
        Self::KeptError,
        Self::KeptSlow,
        Self::LateParent,
        Self::Nested,
        Self::TooMany,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DroppedAttribute => "dropped_attribute",
            Self::DroppedEvent => "dropped_event",
            Self::DroppedLink => "dropped_link",
            Self::KeptError => "kept_error",
            Self::KeptSlow => "kept_slow",
            Self::LateParent => "late_parent",
            Self::Nested => "nested",
            Self::TooMany => "too_many",
        }
    }
}

impl SpanCounts {
    /// How often it happened.
    pub fn of(&self, what: Counted) -> u64 {
        self.0.0[what as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, what: Counted, count: u32) {
        if count > 0 {
            // Only shown to people, nothing is published through it.
            self.0.0[what as usize].fetch_add(u64::from(count), Ordering::Relaxed);
        }
    }
}
