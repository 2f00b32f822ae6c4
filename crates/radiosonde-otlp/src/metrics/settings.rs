//! How metrics are sent: variables of OpenTelemetry.

use super::message::Temporality;
use crate::settings::Complaint;

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
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<Complaint>) {
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
            Some(other) => complaints.push(complaint(
                TEMPORALITY,
                &format!("is `{other}`, which is no temporality: cumulative values are sent"),
                "set it to cumulative, delta or lowmemory",
            )),
        }
        match value(AGGREGATION).as_deref() {
            None | Some("explicit_bucket_histogram") => {}
            Some("base2_exponential_bucket_histogram") => complaints.push(complaint(
                AGGREGATION,
                "makes no histogram exponential: those are of which the registry says so, since values are \
                 counted in buckets when they are recorded",
                "give the histograms `exponential_buckets` in the registry",
            )),
            Some(other) => complaints.push(complaint(
                AGGREGATION,
                &format!("is `{other}`, which is no aggregation: histograms are sent as they are"),
                "unset it, and give histograms `buckets` or `exponential_buckets` in the registry",
            )),
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

fn complaint(variable: &str, what: &str, fix: &str) -> Complaint {
    let what = format!("{variable} {what}");
    Complaint { variable: variable.to_owned(), what, fix: fix.to_owned() }
}
