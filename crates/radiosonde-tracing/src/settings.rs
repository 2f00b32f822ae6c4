//! What the layer does with spans beyond recording them: what is kept, and how much of one.

use std::time::Duration;

/// Spans of traces that are not sampled which are recorded all the same, for whoever reads the local
/// files. The sampled flag that other services are told stays 0.
///
/// Their cost is that of sampled spans, since how a span ends is known at its end only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// Those that ended with the status `error`. Default: no.
    pub errors: bool,
    /// Those that took at least so long. Default: none.
    pub slow: Option<Duration>,
}

impl Keep {
    /// Those with an error.
    pub fn errors() -> Self {
        Self { errors: true, slow: None }
    }

    /// And those that took at least so long.
    #[must_use]
    pub fn and_slow(self, least: Duration) -> Self {
        Self { slow: Some(least), ..self }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.errors || self.slow.is_some()
    }
}

/// Which events of `tracing` become events of the span they happen in, besides their own lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanEvents {
    /// All of them, as in tracing-opentelemetry.
    All,
    /// Errors, as events `exception` by the conventions of OpenTelemetry.
    #[default]
    Exceptions,
    /// None.
    None,
}

/// How much of a span is recorded; what is past a limit is dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanLimits {
    /// Attributes of a span. Default: 128. `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: u32,
    /// Characters of an attribute's text. Default: no limit but that of a record's field, 12 KiB.
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    pub value_length: Option<u32>,
    /// Events of a span. Default: 128. `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub events: u32,
    /// Attributes of an event. Default: 128. `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`.
    pub event_attributes: u32,
    /// Links of a span. Default: 128. `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub links: u32,
}

impl Default for SpanLimits {
    /// Those of the OpenTelemetry specification.
    fn default() -> Self {
        Self { attributes: 128, value_length: None, events: 128, event_attributes: 128, links: 128 }
    }
}
