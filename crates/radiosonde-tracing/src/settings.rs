//! What the layer does with spans beyond recording them: what is kept, and how much of one.

use std::fmt;
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

    /// Reads `errors`, `slow=500ms` (or `us`, `s`), both with a comma between, or `none`.
    ///
    /// # Errors
    /// [`InvalidKeep`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidKeep> {
        let mut keep = Self::default();
        for word in text.split(',').map(str::trim) {
            match word.split_once('=') {
                None if word == "errors" => keep.errors = true,
                None if word == "none" => {}
                Some(("slow", least)) => {
                    let least = duration(least.trim());
                    keep.slow = Some(least.ok_or_else(|| InvalidKeep(word.to_owned()))?);
                }
                _ => return Err(InvalidKeep(word.to_owned())),
            }
        }
        Ok(keep)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.errors || self.slow.is_some()
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

/// A text that says nothing about spans to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeep(String);

impl fmt::Display for InvalidKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither errors nor slow= with a duration such as 500ms", self.0)
    }
}

impl std::error::Error for InvalidKeep {}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_nonsense_is_named() {
        let slow = |millis| Some(Duration::from_millis(millis));
        let cases = [
            ("errors", Some(Keep { errors: true, slow: None })),
            ("slow=500ms", Some(Keep { errors: false, slow: slow(500) })),
            (" errors , slow=2s", Some(Keep { errors: true, slow: slow(2000) })),
            ("none", Some(Keep::default())),
            ("slow", None),
            ("slow=", None),
            ("slow=5", None),
            ("slow=-5ms", None),
            ("slow=99999999999999999999s", None),
            ("error", None),
            ("errors,,", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Keep::parse(text).ok(), expected, "{text}");
        }
        assert!(Keep::parse("errors,fast").unwrap_err().to_string().contains("`fast`"));
    }
}
