//! What a receiver got, as plain data: no protobuf types, nothing optional that a test would unwrap.

use std::fmt;
use std::sync::Arc;

/// Everything that was received, in the order it came.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Received {
    /// Log records and events.
    pub logs: Vec<Log>,
    /// Spans.
    pub spans: Vec<Span>,
    /// Data points of metrics, each with its metric.
    pub points: Vec<Point>,
}

impl Received {
    /// Records of all signals.
    pub fn len(&self) -> usize {
        self.logs.len() + self.spans.len() + self.points.len()
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The points of one metric, in the order they came.
    pub fn points_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |point| point.name == name)
    }

    /// Puts the other's records behind ours.
    pub(crate) fn append(&mut self, mut other: Received) {
        self.logs.append(&mut other.logs);
        self.spans.append(&mut other.spans);
        self.points.append(&mut other.points);
    }

    /// Keeps so many records, of logs first.
    pub(crate) fn truncate(&mut self, records: usize) {
        self.logs.truncate(records);
        let left = records.saturating_sub(self.logs.len());
        self.spans.truncate(left);
        self.points.truncate(left.saturating_sub(self.spans.len()));
    }
}

/// Who sent a record: its resource and scope. Records of one group share it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// Attributes of the resource, such as `service.name`.
    pub resource: Attributes,
    /// URL of the resource's schema; empty when there is none.
    pub resource_schema: String,
    /// Name of the scope.
    pub scope: String,
    /// Version of the scope.
    pub scope_version: String,
    /// Attributes of the scope.
    pub scope_attributes: Attributes,
    /// URL of the scope's schema; empty when there is none.
    pub scope_schema: String,
}

/// A log record or an event.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// Who sent it.
    pub origin: Arc<Origin>,
    /// Time, in nanoseconds since 1970; 0 when unknown.
    pub time_ns: u64,
    /// When it was observed, in nanoseconds since 1970.
    pub observed_ns: u64,
    /// Severity number of the data model: 1 (trace) to 24 (fatal), 0 when unspecified.
    pub severity: i32,
    /// The severity as its source called it.
    pub severity_text: String,
    /// The body, usually a text.
    pub body: Value,
    /// The event's name; empty for a record that is no event.
    pub event_name: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Attributes the sender left out.
    pub attributes_dropped: u32,
    /// Trace id in hexadecimal; empty when there is none.
    pub trace_id: String,
    /// Span id in hexadecimal; empty when there is none.
    pub span_id: String,
    /// Flags; the lowest eight bits are those of W3C trace context.
    pub flags: u32,
}

/// A span.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// Who sent it.
    pub origin: Arc<Origin>,
    /// Trace id in hexadecimal.
    pub trace_id: String,
    /// Span id in hexadecimal.
    pub span_id: String,
    /// Id of the parent in hexadecimal; empty for a root.
    pub parent_id: String,
    /// W3C trace state.
    pub trace_state: String,
    /// Flags; the lowest eight bits are those of W3C trace context.
    pub flags: u32,
    /// Name.
    pub name: String,
    /// Kind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Start, in nanoseconds since 1970.
    pub start_ns: u64,
    /// End, in nanoseconds since 1970.
    pub end_ns: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// Attributes the sender left out.
    pub attributes_dropped: u32,
    /// Events.
    pub events: Vec<SpanEvent>,
    /// Events the sender left out.
    pub events_dropped: u32,
    /// Links.
    pub links: Vec<Link>,
    /// Links the sender left out.
    pub links_dropped: u32,
    /// Status: 0 unset, 1 ok, 2 error.
    pub status: i32,
    /// What the status says.
    pub status_message: String,
}

/// An event of a span.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SpanEvent {
    /// Time, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Name.
    pub name: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Attributes the sender left out.
    pub attributes_dropped: u32,
}

/// A link of a span to another one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Trace id in hexadecimal.
    pub trace_id: String,
    /// Span id in hexadecimal.
    pub span_id: String,
    /// W3C trace state.
    pub trace_state: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Attributes the sender left out.
    pub attributes_dropped: u32,
    /// Flags; the lowest eight bits are those of W3C trace context.
    pub flags: u32,
}

/// One data point, with the metric it belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Point {
    /// Who sent it.
    pub origin: Arc<Origin>,
    /// Name of the metric.
    pub name: String,
    /// Description of the metric.
    pub description: String,
    /// Unit of the metric, in UCUM.
    pub unit: String,
    /// What kind of metric it is.
    pub kind: MetricKind,
    /// Temporality: 0 unspecified (also gauges and summaries), 1 delta, 2 cumulative.
    pub temporality: i32,
    /// Attributes, in Prometheus called labels.
    pub attributes: Attributes,
    /// Where the time it covers begins, in nanoseconds since 1970; 0 when unknown.
    pub start_ns: u64,
    /// Where the time it covers ends, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The value.
    pub value: Measured,
    /// Examples of what was measured.
    pub exemplars: Vec<Exemplar>,
    /// Flags; 1 means that there is no value.
    pub flags: u32,
}

/// The kinds of metrics of OpenTelemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A histogram whose buckets grow by a factor.
    ExponentialHistogram,
    /// A value that is current.
    #[default]
    Gauge,
    /// A histogram with bounds.
    Histogram,
    /// A sum that never falls: a counter.
    MonotonicSum,
    /// A sum that may fall.
    Sum,
    /// Quantiles that the sender computed.
    Summary,
}

/// The value of a data point.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Measured {
    /// None: the series has ended.
    #[default]
    Nothing,
    /// A whole number.
    Int(i64),
    /// Any other number.
    Double(f64),
    /// A histogram with bounds: one count more than bounds.
    Histogram {
        /// Values and what they come to.
        total: Total,
        /// Upper bounds, inclusive.
        bounds: Vec<f64>,
        /// Values in each bucket.
        buckets: Vec<u64>,
    },
    /// A histogram whose buckets grow by the factor `2^(2^-scale)`.
    Exponential {
        /// Values and what they come to.
        total: Total,
        /// How fine it is.
        scale: i32,
        /// Values not farther from zero than `zero_threshold`.
        zero_count: u64,
        /// What counts as zero.
        zero_threshold: f64,
        /// Index of the first positive bucket, and the counts from there.
        positive: (i32, Vec<u64>),
        /// The same of negative values.
        negative: (i32, Vec<u64>),
    },
    /// Quantiles, each with its value.
    Summary {
        /// Values and what they come to.
        total: Total,
        /// Quantile (0 to 1) and value.
        quantiles: Vec<(f64, f64)>,
    },
}

/// What all distributions have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Total {
    /// How many values.
    pub count: u64,
    /// Their sum, when it was sent.
    pub sum: Option<f64>,
    /// The least of them, when it was sent.
    pub min: Option<f64>,
    /// The greatest of them, when it was sent.
    pub max: Option<f64>,
}

/// One measurement out of many.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// Time, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Trace id in hexadecimal; empty when there is none.
    pub trace_id: String,
    /// Span id in hexadecimal; empty when there is none.
    pub span_id: String,
    /// Attributes that the point does not have.
    pub attributes: Attributes,
    /// The value.
    pub value: Measured,
}

/// Names and values, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub Vec<(String, Value)>);

impl Attributes {
    /// The value of this name: the first one, should there be several.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The text of this name; none when there is none, or another kind of value.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number of this name; none when there is none, or another kind of value.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.find(name)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value of an attribute or a body.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    Empty,
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values.
    Array(Vec<Value>),
    /// Names and values.
    Map(Attributes),
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Empty => Ok(()),
            Value::Text(text) => out.write_str(text),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Int(number) => write!(out, "{number}"),
            Value::Double(number) => write!(out, "{number}"),
            Value::Bytes(bytes) => write!(out, "{bytes:02x?}"),
            Value::Array(values) => {
                out.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(out, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                out.write_str("]")
            }
            Value::Map(attributes) => write!(out, "{{{attributes}}}"),
        }
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(out, "{}{name}={value}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Double(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Value {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}
