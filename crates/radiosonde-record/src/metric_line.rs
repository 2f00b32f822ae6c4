//! Keys of metric lines, by their places at the call site: those of our own metrics and of an SDK's are
//! the same lines.

use crate::descriptor::Descriptor;
use crate::format::{Key, Record};
use crate::level::Kind;
use crate::value::Value;

/// All of them, in order.
pub const KEYS: [&str; 12] = [
    "name",
    "type",
    "unit",
    "kind",
    "labels",
    "value",
    "count",
    "sum",
    "min",
    "max",
    "buckets",
    "quantiles",
];
/// The metric.
pub const NAME: usize = 0;
/// `counter`, `gauge`, `histogram` or `summary`.
pub const TYPE: usize = 1;
/// What it is counted in.
pub const UNIT: usize = 2;
/// `snapshot` or `delta`.
pub const KIND: usize = 3;
/// The labels of the series: an object of texts.
pub const LABELS: usize = 4;
/// Of a counter or gauge.
pub const VALUE: usize = 5;
/// How many values a histogram or summary has.
pub const COUNT: usize = 6;
/// Their sum.
pub const SUM: usize = 7;
/// The least.
pub const MIN: usize = 8;
/// The largest.
pub const MAX: usize = 9;
/// `[[25.0,3],…,["+Inf",12]]`, cumulative.
pub const BUCKETS: usize = 10;
/// `[[0.5,12.0],…]`
pub const QUANTILES: usize = 11;
/// Beside these, by its name: in nanoseconds since 1970, since when the change of a `delta` of another SDK
/// was counted.
pub const START: &str = "otel.start_ns";

/// Whether a record says what a job did to one of our own metrics. Only its line in a day file knows
/// that: to whoever reads snapshots it is counted already.
#[must_use]
pub fn is_own_delta(record: &Record<'_>, site: &Descriptor) -> bool {
    let is_delta = |(key, value): (Key<'_>, Value<'_>)| {
        key == Key::Index(KIND) && matches!(value, Value::Str("delta"))
    };
    record.kind == Kind::Metric
        && site.source == Descriptor::OWN_METRICS
        && record.fields().any(is_delta)
}
