//! Ids, times and values, from one API to the other.

use std::str::FromStr as _;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, TraceState as OtelTraceState};
use opentelemetry::{KeyValue, Value as OtelValue};
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, TraceState};
use radiosonde_record::Value;

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

/// Keys and values of attributes.
pub(crate) fn attributes(attributes: &[KeyValue]) -> impl Iterator<Item = (&str, Value<'_>)> {
    attributes.iter().map(|attribute| (attribute.key.as_str(), value(&attribute.value)))
}

/// A value; lists as their text, `[1,2]`.
pub(crate) fn value(value: &OtelValue) -> Value<'_> {
    match value {
        OtelValue::Bool(value) => Value::Bool(*value),
        OtelValue::I64(value) => Value::I64(*value),
        OtelValue::F64(value) => Value::F64(*value),
        OtelValue::String(value) => Value::Str(value.as_str()),
        other => Value::Display(other),
    }
}
