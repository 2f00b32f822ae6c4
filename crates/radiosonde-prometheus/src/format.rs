//! The two text formats.

/// A text format of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4: what everything reads.
    #[default]
    Text,
    /// OpenMetrics 1.0, which has units and exemplars.
    OpenMetrics,
}

impl Format {
    /// The media type, with version and character set.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
