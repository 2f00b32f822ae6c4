//! Ids, times and values, from one API to the other.

use std::str::FromStr as _;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, TraceState as OtelTraceState};
use opentelemetry::{Array, KeyValue, Value as OtelValue};
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, TraceState};
use radiosonde_record::{FIELD_MAX, Value, marked};
use serde_json::Value as Json;

/// Trace and span; `None` for those that are not valid.
pub(crate) fn ids(span: &SpanContext) -> Option<(TraceId, SpanId)> {
    let trace = TraceId::from_bytes(span.trace_id().to_bytes());
    trace.zip(SpanId::from_bytes(span.span_id().to_bytes()))
}

/// Where a context is, for the API; `None` outside of a span.
pub(crate) fn span_context(context: &Context) -> Option<SpanContext> {
    let (trace, span) = context.trace_id().zip(context.span_id())?;
    let state = context.trace_state().map(TraceState::as_str).unwrap_or_default();
    Some(SpanContext::new(
        opentelemetry::TraceId::from_bytes(trace.to_bytes()),
        opentelemetry::SpanId::from_bytes(span.to_bytes()),
        opentelemetry::TraceFlags::new(context.trace_flags().bits()),
        context.is_remote(),
        // What they take for no list, they do not pass on.
        OtelTraceState::from_str(state).unwrap_or_default(),
    ))
}

/// A context inside a span of which only this is known.
pub(crate) fn in_span(span: &SpanContext) -> Context {
    let Some((trace, id)) = ids(span) else { return Context::default() };
    let state = TraceState::parse(&span.trace_state().header()).ok();
    let flags = TraceFlags::from_bits(span.trace_flags().to_u8());
    let context = Context::default().with_remote_span(trace, id, flags, state);
    // In the same trace it keeps flags and state, and is ours.
    if span.is_remote() { context } else { context.into_child(id, span.is_sampled()) }
}

/// Nanoseconds since 1970: none of a time before that, all there are of one that is too late.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Attributes on their way into a record: their values, and the JSON of those that are lists.
pub(crate) struct Attributes<'a> {
    all: &'a [KeyValue],
    /// One of each list, in their order.
    lists: Vec<Option<List>>,
}

/// A list as JSON.
struct List {
    json: String,
    /// Whether some of its texts are marked.
    has_marks: bool,
}

impl List {
    fn value(&self) -> Value<'_> {
        if self.has_marks { Value::Marked(&self.json) } else { Value::Json(&self.json) }
    }
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(all: &'a [KeyValue]) -> Self {
        let values = all.iter().map(|attribute| &attribute.value);
        Self { all, lists: values.filter_map(array).map(list).collect() }
    }

    /// Keys and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let mut lists = self.lists.iter();
        self.all.iter().map(move |KeyValue { key, value, .. }| {
            let list = array(value).and_then(|_| lists.next()?.as_ref());
            (key.as_str(), list.map_or_else(|| plain(value), List::value))
        })
    }
}

fn array(value: &OtelValue) -> Option<&Array> {
    match value {
        OtelValue::Array(array) => Some(array),
        _ => None,
    }
}

/// A value that is no list; one that is too long as JSON is text, which is cut as such.
fn plain(value: &OtelValue) -> Value<'_> {
    match value {
        OtelValue::Bool(value) => Value::Bool(*value),
        OtelValue::I64(value) => Value::I64(*value),
        OtelValue::F64(value) => Value::F64(*value),
        OtelValue::String(value) => Value::Str(value.as_str()),
        other => Value::Display(other),
    }
}

/// A list as JSON; `None` for one longer than a text may be.
fn list(array: &Array) -> Option<List> {
    match array {
        Array::Bool(items) => joined(items, |item, _| Json::from(*item)),
        Array::I64(items) => joined(items, |item, _| Json::from(*item)),
        Array::F64(items) => joined(items, |item, has_marks| number(*item, has_marks)),
        Array::String(items) => {
            // None of them is copied for nothing.
            let fits = items.iter().all(|item| item.as_str().len() < FIELD_MAX);
            fits.then(|| joined(items, |item, has_marks| text(item.as_str(), has_marks)))?
        }
        _ => None,
    }
}

fn joined<T>(items: &[T], json: impl Fn(&T, &mut bool) -> Json) -> Option<List> {
    let mut list = List { json: String::from("["), has_marks: false };
    for item in items {
        let separator = if list.json.len() > 1 { "," } else { "" };
        let item = json(item, &mut list.has_marks).to_string();
        list.json.extend([separator, &item]);
        // With the bracket at the end.
        if list.json.len() >= FIELD_MAX {
            return None;
        }
    }
    list.json.push(']');
    Some(list)
}

/// A number inside of JSON, which has none for three of them: these are marked texts.
pub(crate) fn number(number: f64, has_marks: &mut bool) -> Json {
    match marked::of_number(number) {
        Some(text) => {
            *has_marks = true;
            Json::from(text)
        }
        None => Json::from(number),
    }
}

/// A text inside of JSON.
pub(crate) fn text(text: &str, has_marks: &mut bool) -> Json {
    *has_marks |= text.starts_with(marked::MARK);
    Json::from(marked::of_text(text))
}
