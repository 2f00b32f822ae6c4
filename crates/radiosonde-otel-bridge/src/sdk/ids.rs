//! Ids of trace, span, job, worker and session.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use radiosonde_context::{Context, CorrelationId, SpanId, TraceId};

use super::value::Held;

/// Attributes that become ids of the line.
const IDS: [&str; 3] = ["job_id", "worker_id", "session_id"];

pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    TraceId::from_bytes(bytes.try_into().ok()?)
}

pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    SpanId::from_bytes(bytes.try_into().ok()?)
}

/// Whether the attribute is one of the ids of the line, and no member of `meta`.
pub(super) fn is_id(attribute: &KeyValue) -> bool {
    IDS.contains(&attribute.key.as_str()) && !matches!(held(attribute), Held::Null)
}

/// The context of a record.
pub(super) fn context(
    span: Option<(TraceId, SpanId)>,
    sampled: bool,
    attributes: &[KeyValue],
) -> Context {
    let id = |key: &str| {
        let found = attributes.iter().rev().find(|attribute| attribute.key == key)?;
        CorrelationId::sanitize(&held(found).into_text())
    };
    let [job, worker, session] = IDS.map(id);
    let context = Context::default().with_ids(job, worker, session);
    match span {
        Some((trace, span)) => context.with_span(trace, span, sampled),
        None => context,
    }
}

fn held(attribute: &KeyValue) -> Held<'_> {
    Held::of(attribute.value.as_ref())
}
