//! The message `Metric` of OTLP, and the points in it.

use std::time::{SystemTime, UNIX_EPOCH};

use radiosonde_metrics::Exemplar;

use crate::wire::Writer;

// `Metric`
const NAME: u32 = 1;
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;

// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`
const POINTS: u32 = 1;
const TEMPORALITY: u32 = 2;
const MONOTONIC: u32 = 3;

// Points of all types.
const START: u32 = 2;
const TIME: u32 = 3;
// `NumberDataPoint`
const AS_DOUBLE: u32 = 4;
const AS_INT: u32 = 6;
// Points with many values.
const COUNT: u32 = 4;
const SUM: u32 = 5;
// `HistogramDataPoint`
const BUCKET_COUNTS: u32 = 6;
const EXPLICIT_BOUNDS: u32 = 7;
const MIN: u32 = 11;
const MAX: u32 = 12;
// `ExponentialHistogramDataPoint`
const SCALE: u32 = 6;
const ZERO_COUNT: u32 = 7;
const POSITIVE: u32 = 8;
const ZERO_THRESHOLD: u32 = 14;
// `Buckets`
const OFFSET: u32 = 1;
const COUNTS: u32 = 2;
// `SummaryDataPoint`, and `ValueAtQuantile` in it
const QUANTILES: u32 = 6;
const QUANTILE: u32 = 1;
const VALUE: u32 = 2;

// `Exemplar`
const EXEMPLAR_TIME: u32 = 2;
const EXEMPLAR_DOUBLE: u32 = 3;
const EXEMPLAR_SPAN_ID: u32 = 4;
const EXEMPLAR_TRACE_ID: u32 = 5;

/// What values of a point are counted from: the numbers are those of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporality {
    /// The last point.
    Delta = 1,
    /// The start of the series.
    Cumulative = 2,
}

/// What kind of data a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Exponential(Temporality),
    Gauge,
    Histogram(Temporality),
    /// A sum that never falls.
    Sum(Temporality),
    Summary,
}

impl Data {
    /// The field of `Metric`.
    const fn field(self) -> u32 {
        match self {
            Self::Gauge => 5,
            Self::Sum(_) => 7,
            Self::Histogram(_) => 9,
            Self::Exponential(_) => 10,
            Self::Summary => 11,
        }
    }

    /// The field of the attributes of a point.
    const fn attributes(self) -> u32 {
        match self {
            Self::Exponential(_) => 1,
            Self::Gauge | Self::Sum(_) | Self::Summary => 7,
            Self::Histogram(_) => 9,
        }
    }

    /// The field of the exemplars of a point.
    const fn exemplars(self) -> Option<u32> {
        match self {
            Self::Exponential(_) => Some(11),
            Self::Gauge | Self::Sum(_) => Some(5),
            Self::Histogram(_) => Some(8),
            Self::Summary => None,
        }
    }
}

/// The value of a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Double(f64),
    /// Of `counts` the first is the zero bucket, with `zero_threshold`; the second has the index `offset`.
    Exponential {
        scale: i32,
        offset: i32,
        zero_threshold: f64,
        counts: &'a [u64],
        sum: f64,
    },
    /// `counts` is one longer than `bounds`, or both are empty.
    Histogram {
        bounds: &'a [f64],
        counts: &'a [u64],
        count: u64,
        sum: Option<f64>,
        min: Option<f64>,
        max: Option<f64>,
    },
    Int(i64),
    Summary {
        count: u64,
        sum: f64,
        quantiles: &'a [(f64, f64)],
    },
}

impl Value<'_> {
    /// A number as an integer, if it is one to OTLP.
    pub(crate) fn of_count(count: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "that far the wire has no integers")]
        i64::try_from(count).map_or(Self::Double(count as f64), Self::Int)
    }
}

/// Appends what comes before the points.
pub(crate) fn head(out: &mut Writer, name: &str, unit: Option<&str>, description: &str) {
    out.text(NAME, name);
    out.text_if_any(DESCRIPTION, description);
    out.text_if_any(UNIT, unit.unwrap_or_default());
}

/// Appends points that [`point`] has made.
pub(crate) fn data(out: &mut Writer, data: Data, points: &[u8]) {
    out.message(data.field(), |out| {
        out.fields(points);
        match data {
            Data::Exponential(temporality) | Data::Histogram(temporality) => {
                out.unsigned(TEMPORALITY, temporality as u64);
            }
            Data::Sum(temporality) => {
                out.unsigned(TEMPORALITY, temporality as u64);
                out.unsigned(MONOTONIC, 1);
            }
            Data::Gauge | Data::Summary => {}
        }
    });
}

/// From when to when, in nanoseconds since 1970. A start of 0 is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start_ns: u64,
    pub(crate) time_ns: u64,
}

/// Appends a point. `attributes` appends its attributes as fields of the number it is given.
pub(crate) fn point<'x>(
    out: &mut Writer,
    data: Data,
    span: Span,
    value: &Value<'_>,
    attributes: impl FnOnce(&mut Writer, u32),
    exemplars: impl Iterator<Item = &'x Exemplar>,
) {
    out.message(POINTS, |out| {
        attributes(out, data.attributes());
        if span.start_ns > 0 {
            out.fixed_64(START, span.start_ns);
        }
        out.fixed_64(TIME, span.time_ns);
        write_value(out, value);
        if let Some(field) = data.exemplars() {
            exemplars.for_each(|exemplar| write_exemplar(out, field, exemplar));
        }
    });
}

fn write_value(out: &mut Writer, value: &Value<'_>) {
    match *value {
        Value::Double(value) => out.double(AS_DOUBLE, value),
        Value::Int(value) => out.signed_64(AS_INT, value),
        Value::Histogram { bounds, counts, count, sum, min, max } => {
            out.fixed_64(COUNT, count);
            for (field, number) in [(SUM, sum), (MIN, min), (MAX, max)] {
                if let Some(number) = number {
                    out.double(field, number);
                }
            }
            if !counts.is_empty() {
                out.message(BUCKET_COUNTS, |out| counts.iter().for_each(|count| out.word(*count)));
            }
            if !bounds.is_empty() {
                let words = bounds.iter().map(|bound| bound.to_bits());
                out.message(EXPLICIT_BOUNDS, |out| words.for_each(|word| out.word(word)));
            }
        }
        Value::Exponential { scale, offset, zero_threshold, counts, sum } => {
            let (zero, above) = counts.split_first().unwrap_or((&0, &[]));
            out.fixed_64(COUNT, counts.iter().fold(0, |all, count| all.saturating_add(*count)));
            out.double(SUM, sum);
            out.zigzag(SCALE, scale);
            out.fixed_64(ZERO_COUNT, *zero);
            out.double(ZERO_THRESHOLD, zero_threshold);
            // What holds nothing at the ends need not be told.
            let first = above.iter().position(|count| *count > 0);
            let last = above.iter().rposition(|count| *count > 0);
            if let (Some(first), Some(last)) = (first, last) {
                let skipped = i32::try_from(first).unwrap_or(i32::MAX);
                out.message(POSITIVE, |out| {
                    out.zigzag(OFFSET, offset.saturating_add(skipped));
                    out.message(COUNTS, |out| {
                        above[first..=last].iter().for_each(|count| out.varint(*count));
                    });
                });
            }
        }
        Value::Summary { count, sum, quantiles } => {
            out.fixed_64(COUNT, count);
            out.double(SUM, sum);
            for (quantile, value) in quantiles {
                out.message(QUANTILES, |out| {
                    out.double(QUANTILE, *quantile);
                    out.double(VALUE, *value);
                });
            }
        }
    }
}

fn write_exemplar(out: &mut Writer, field: u32, exemplar: &Exemplar) {
    out.message(field, |out| {
        out.fixed_64(EXEMPLAR_TIME, nanoseconds(exemplar.at));
        out.double(EXEMPLAR_DOUBLE, exemplar.value);
        out.block(EXEMPLAR_SPAN_ID, &exemplar.span_id.to_bytes());
        out.block(EXEMPLAR_TRACE_ID, &exemplar.trace_id.to_bytes());
    });
}

/// Nanoseconds since 1970; 0 before.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
