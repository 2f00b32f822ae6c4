//! Points of another SDK, which came as metric lines.
//!
//! A line says what the SDK's point did, but for the start of one that is cumulative: buckets of a base
//! have become such with bounds on the way, and scope and resource labels.

use radiosonde_events::shown::{Head, ShownExtras, View};
use radiosonde_record::Value;
use radiosonde_record::metric_line::START;
use serde_json::{Map, Value as Json};

use super::{SCOPE_NAME, add_to_scope};
use crate::metrics::message::{self, Data, Span, Temporality};
use crate::value::attribute;
use crate::wire::Writer;

/// A point while its line is read.
#[derive(Debug, Default)]
pub(super) struct Point {
    name: String,
    metric_type: String,
    unit: String,
    is_delta: bool,
    start_ns: u64,
    labels: Map<String, Json>,
    /// Of a counter or gauge.
    value: Option<Number>,
    count: Option<u64>,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    /// `[bound, count up to there]`
    buckets: Vec<(f64, f64)>,
    quantiles: Vec<(f64, f64)>,
    counts: Vec<u64>,
    /// What has no place of its own.
    rest: Vec<(String, Owned)>,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Double(f64),
    Int(i64),
}

/// A value that outlives its record.
#[derive(Debug)]
enum Owned {
    Bool(bool),
    Bytes(Vec<u8>),
    F64(f64),
    I64(i64),
    Json(String),
    Marked(String),
    Null,
    Str(String),
    U64(u64),
}

impl Owned {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
            Value::F64(value) => Self::F64(value),
            Value::I64(value) => Self::I64(value),
            Value::Json(text) => Self::Json(text.to_owned()),
            Value::Marked(text) => Self::Marked(text.to_owned()),
            Value::Str(text) => Self::Str(text.to_owned()),
            Value::U64(value) => Self::U64(value),
            _ => Self::Null,
        }
    }

    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::F64(value) => Value::F64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::Json(text) => Value::Json(text),
            Self::Marked(text) => Value::Marked(text),
            Self::Null => Value::Null,
            Self::Str(text) => Value::Str(text),
            Self::U64(value) => Value::U64(*value),
        }
    }
}

impl View for Point {
    fn begin(&mut self, _: &Head<'_>) {
        *self = Self::default();
    }

    fn field(&mut self, key: &str, value: Value<'_>) {
        match (key, value) {
            ("name", Value::Str(text)) => self.name = text.to_owned(),
            ("type", Value::Str(text)) => self.metric_type = text.to_owned(),
            ("unit", Value::Str(text)) => self.unit = text.to_owned(),
            ("kind", Value::Str(text)) => self.is_delta = text == "delta",
            (START, Value::U64(ns)) => self.start_ns = ns,
            ("labels", Value::Json(text)) => {
                self.labels = serde_json::from_str(text).unwrap_or_default();
            }
            ("value", value) => self.value = number(value),
            ("count", value) => self.count = count(value),
            ("sum", value) => self.sum = double(value),
            ("min", value) => self.min = double(value),
            ("max", value) => self.max = double(value),
            ("buckets", Value::Json(text)) => self.buckets = pairs(text),
            ("quantiles", Value::Json(text)) => self.quantiles = pairs(text),
            (key, value) => self.rest.push((key.to_owned(), Owned::of(value))),
        }
    }

    fn extras(&mut self, _: &ShownExtras<'_>) {
        // Only spans have them.
    }
}

impl Point {
    /// Encodes it as a metric with one point. `None` for what is no point.
    pub(super) fn encode(
        mut self,
        time_ns: u64,
        scope: &mut Writer,
        item: &mut Writer,
    ) -> Option<()> {
        let temporality = if self.is_delta { Temporality::Delta } else { Temporality::Cumulative };
        let bounds = self.take_buckets();
        let (data, value) = match self.metric_type.as_str() {
            "counter" => (Data::Sum(temporality), self.value?.as_point()),
            "gauge" => (Data::Gauge, self.value?.as_point()),
            "histogram" => {
                let (counts, count) = (self.counts.as_slice(), self.count?);
                let (sum, min, max) = (self.sum, self.min, self.max);
                let bounds = bounds.as_slice();
                let value = message::Value::Histogram { bounds, counts, count, sum, min, max };
                (Data::Histogram(temporality), value)
            }
            "summary" => {
                let (count, sum) = (self.count?, self.sum.unwrap_or_default());
                let quantiles = self.quantiles.as_slice();
                (Data::Summary, message::Value::Summary { count, sum, quantiles })
            }
            _ => return None,
        };
        if self.name.is_empty() {
            return None;
        }
        scope.clear();
        item.clear();
        message::head(item, &self.name, Some(&self.unit), "");
        let mut points = Writer::default();
        let attributes = |out: &mut Writer, field: u32| self.attributes(scope, out, field);
        let span = Span { start_ns: self.start_ns.min(time_ns), time_ns };
        message::point(&mut points, data, span, &value, attributes, [].iter());
        message::data(item, data, points.as_bytes());
        Some(())
    }

    /// Labels and what else the line says, but for what is of the scope.
    fn attributes(&self, scope: &mut Writer, out: &mut Writer, field: u32) {
        if let Some(Json::String(name)) = self.labels.get("otel.scope.name") {
            scope.text_if_any(SCOPE_NAME, name);
        }
        let labels = self.labels.iter().map(|(key, value)| match value {
            Json::String(text) => (key.as_str(), Value::Str(text)),
            // Labels are texts.
            _ => (key.as_str(), Value::Null),
        });
        let rest = self.rest.iter().map(|(key, value)| (key.as_str(), value.as_value()));
        for (key, value) in labels.filter(|(key, _)| *key != "otel.scope.name").chain(rest) {
            if !add_to_scope(scope, key, value) {
                attribute(out, field, key, value);
            }
        }
    }

    /// The bounds of the buckets, without the last, whose counts are then `counts`.
    fn take_buckets(&mut self) -> Vec<f64> {
        let mut before = 0;
        let mut bounds = Vec::with_capacity(self.buckets.len());
        for (bound, up_to) in std::mem::take(&mut self.buckets) {
            // Counts are whole numbers, which a double holds up to 2^53; past that it is near enough.
            #[expect(
                clippy::cast_sign_loss,
                clippy::cast_possible_truncation,
                reason = "a cast is clamped"
            )]
            let up_to = up_to as u64;
            self.counts.push(up_to.saturating_sub(before));
            before = up_to.max(before);
            bounds.push(bound);
        }
        // Behind the last bound is what is above it.
        let _infinity = bounds.pop();
        bounds
    }
}

impl Number {
    fn as_point(self) -> message::Value<'static> {
        match self {
            Self::Double(value) => message::Value::Double(value),
            Self::Int(value) => message::Value::Int(value),
        }
    }
}

fn number(value: Value<'_>) -> Option<Number> {
    match value {
        Value::I64(value) => Some(Number::Int(value)),
        value => double(value).map(Number::Double),
    }
}

fn count(value: Value<'_>) -> Option<u64> {
    match value {
        Value::U64(count) => Some(count),
        Value::I64(count) => u64::try_from(count).ok(),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is asked for as a double")]
fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::F64(value) => Some(value),
        Value::I64(value) => Some(value as f64),
        Value::U64(value) => Some(value as f64),
        Value::Str(text) => special(text),
        _ => None,
    }
}

/// What JSON has no number for.
fn special(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => None,
    }
}

/// `[[25.0,3],…,["+Inf",12]]`
fn pairs(text: &str) -> Vec<(f64, f64)> {
    let number = |value: &Json| match value {
        Json::String(text) => special(text),
        value => value.as_f64(),
    };
    let pairs: Vec<(Json, Json)> = serde_json::from_str(text).unwrap_or_default();
    pairs.iter().filter_map(|(key, value)| Some((number(key)?, number(value)?))).collect()
}
