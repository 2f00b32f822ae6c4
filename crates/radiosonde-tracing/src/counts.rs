//! What the layer counts of itself.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::asked::Unanswered;

/// The counts of a layer, of which clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SpanCounts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    counts: [AtomicU64; Counted::ALL.len()],
    /// Where the first parent came too late.
    late_parent: OnceLock<LateParent>,
    /// Where the first request was that nobody could answer.
    unanswered: OnceLock<Unanswered>,
}

/// A parent that came too late: to which span, and where in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LateParent {
    /// The name of the span's call site.
    pub span: &'static str,
    /// The call of [`set_parent`](crate::set_parent).
    pub at: &'static Location<'static>,
}

impl fmt::Display for LateParent {
    /// `consume at src/worker.rs:41`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.span, self.at.file(), self.at.line())
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Spans with an attribute that was cut, or left out for want of room.
    CutAttribute,
    /// Spans with an event whose name was cut, or an attribute of it cut or left out.
    CutEvent,
    /// Spans whose status message was cut.
    CutMessage,
    /// Spans whose own name was cut.
    CutName,
    /// Links for a span that is off, or not ours.
    DisabledLink,
    /// Parents for a span that is off, or not ours.
    DisabledParent,
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
    /// Requests for a part of another layer that is not there, as tracing-opentelemetry's `set_parent`
    /// and `context` make them: they do nothing then. So does a trace of spans that tracing-error
    /// takes.
    Unanswered,
    /// Spans that are listed under the name of their call site while they are open, since too many
    /// names were given to spans (`otel.name`). Their records have their own.
    UnlistedName,
}

impl Counted {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::CutAttribute,
        Self::CutEvent,
        Self::CutMessage,
        Self::CutName,
        Self::DisabledLink,
        Self::DisabledParent,
        Self::DroppedAttribute,
        Self::DroppedEvent,
        Self::DroppedLink,
        Self::KeptError,
        Self::KeptSlow,
        Self::LateParent,
        Self::Nested,
        Self::TooMany,
        Self::Unanswered,
        Self::UnlistedName,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutAttribute => "cut_attribute",
            Self::CutEvent => "cut_event",
            Self::CutMessage => "cut_message",
            Self::CutName => "cut_name",
            Self::DisabledLink => "disabled_link",
            Self::DisabledParent => "disabled_parent",
            Self::DroppedAttribute => "dropped_attribute",
            Self::DroppedEvent => "dropped_event",
            Self::DroppedLink => "dropped_link",
            Self::KeptError => "kept_error",
            Self::KeptSlow => "kept_slow",
            Self::LateParent => "late_parent",
            Self::Nested => "nested",
            Self::TooMany => "too_many",
            Self::Unanswered => "unanswered",
            Self::UnlistedName => "unlisted_name",
        }
    }
}

impl SpanCounts {
    /// How often it happened.
    pub fn of(&self, what: Counted) -> u64 {
        self.0.counts[what as usize].load(Ordering::Relaxed)
    }

    /// The first parent that came too late.
    pub fn first_late_parent(&self) -> Option<LateParent> {
        self.0.late_parent.get().copied()
    }

    /// The first request for a part of another layer that nobody could answer.
    pub fn first_unanswered(&self) -> Option<Unanswered> {
        self.0.unanswered.get().copied()
    }

    pub(crate) fn unanswered(&self, unanswered: Unanswered) {
        self.add(Counted::Unanswered, 1);
        self.0.unanswered.get_or_init(|| unanswered);
    }

    pub(crate) fn add(&self, what: Counted, count: u32) {
        if count > 0 {
            // Only shown to people, nothing is published through it.
            self.0.counts[what as usize].fetch_add(u64::from(count), Ordering::Relaxed);
        }
    }

    pub(crate) fn late_parent(&self, span: &'static str, at: &'static Location<'static>) {
        self.add(Counted::LateParent, 1);
        self.0.late_parent.get_or_init(|| LateParent { span, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place_and_a_name_of_its_own() {
        let counts = SpanCounts::default();
        for (at, what) in Counted::ALL.iter().enumerate() {
            assert_eq!(*what as usize, at);
            counts.add(*what, at as u32 + 1);
        }
        for (at, what) in Counted::ALL.iter().enumerate() {
            assert_eq!(counts.of(*what), at as u64 + 1);
            let same = Counted::ALL.iter().filter(|other| other.as_str() == what.as_str());
            assert_eq!(same.count(), 1, "{what:?}");
        }
    }
}
