//! How metrics are sent: variables of OpenTelemetry.

use super::message::Temporality;

/// What the values of counters and histograms are counted from
/// (`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemporalityPreference {
    /// The start of the series. A point that is lost costs nothing but its moment. The default.
    #[default]
    Cumulative,
    /// The last point. Gauges and summaries stand at their values all the same.
    Delta,
    /// As [`TemporalityPreference::Delta`]: what would differ, counters that are asked for their value,
    /// is not told apart here.
    LowMemory,
}

/// How metrics are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricSettings {
    /// Default: cumulative.
    pub temporality: TemporalityPreference,
}

/// A variable whose value could not be honoured, or not as far as it may seem.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricComplaint {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong, and what is done instead.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const AGGREGATION: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";

impl MetricSettings {
    /// Reads `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` and
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, and says what of them is not honoured.
    /// An empty variable is not set; case does not matter.
    ///
    /// Values are counted in buckets when they are recorded, so how they are aggregated is decided there:
    /// a histogram is exponential where its registry gives it `exponential_buckets`, and otherwise has
    /// the bounds it has, whatever the second variable says.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<MetricComplaint>) {
        let mut settings = Self::default();
        let mut complaints = Vec::new();
        let value = |variable: &str| {
            lookup(variable)
                .map(|value| value.trim().to_ascii_lowercase())
                .filter(|v| !v.is_empty())
        };
        match value(TEMPORALITY).as_deref() {
            None | Some("cumulative") => {}
            Some("delta") => settings.temporality = TemporalityPreference::Delta,
            Some("lowmemory") => settings.temporality = TemporalityPreference::LowMemory,
            Some(other) => complaints.push(MetricComplaint {
                variable: TEMPORALITY,
                what: format!("`{other}` is no temporality: cumulative values are sent"),
                fix: "set it to cumulative, delta or lowmemory".to_owned(),
            }),
        }
        match value(AGGREGATION).as_deref() {
            None | Some("explicit_bucket_histogram") => {}
            Some("base2_exponential_bucket_histogram") => complaints.push(MetricComplaint {
                variable: AGGREGATION,
                what: "histograms are exponential where the registry says so, and only there: values \
                       are counted in buckets when they are recorded"
                    .to_owned(),
                fix: "give the histograms `exponential_buckets` in the registry".to_owned(),
            }),
            Some(other) => complaints.push(MetricComplaint {
                variable: AGGREGATION,
                what: format!("`{other}` is no aggregation: histograms are sent as they are"),
                fix: "unset it, and give histograms `buckets` or `exponential_buckets` in the registry"
                    .to_owned(),
            }),
        }
        (settings, complaints)
    }

    pub(super) fn temporality(self) -> Temporality {
        match self.temporality {
            TemporalityPreference::Cumulative => Temporality::Cumulative,
            TemporalityPreference::Delta | TemporalityPreference::LowMemory => Temporality::Delta,
        }
    }
}
