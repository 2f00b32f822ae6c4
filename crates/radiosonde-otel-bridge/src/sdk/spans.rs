//! Spans to span lines.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use radiosonde_record::{
    EncodedFields, EndedSpan, Journal, Kind, Level, Site, SpanExtras, SpanPart, Value,
};

use super::ids::{context, is_id, span_id, trace_id};
use super::origin::{self, Origin};
use super::reason;
use super::time::Moment;
use super::value::Held;

/// Attributes of a span, a link or an event that are recorded; the others are counted there. The SDK's
/// own limit is 128.
const ATTRIBUTES_MAX: usize = 1024;

/// How many spans are in a request.
pub(super) fn count(request: &ExportTraceServiceRequest) -> usize {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

/// Records the spans. How many were refused.
pub(super) fn record(journal: &Journal, request: &ExportTraceServiceRequest) -> u64 {
    let mut refused = 0;
    for resource in &request.resource_spans {
        let service = origin::service(journal, resource.resource.as_ref());
        for scope in &resource.scope_spans {
            let origin = Origin::new(service, scope.scope.as_ref());
            if !journal.allows(origin.source(), Level::Info) {
                continue;
            }
            for span in &scope.spans {
                if record_one(journal, &origin, span).is_none() {
                    refused += 1;
                    let first = || format!("a span of {} without ids", origin.source());
                    journal.refuse(Kind::Span, reason::MALFORMED, 1, first);
                }
            }
        }
    }
    refused
}

/// `None` for a span that nobody could find, since it has no ids.
fn record_one(journal: &Journal, origin: &Origin<'_>, span: &Span) -> Option<()> {
    let ids = (trace_id(&span.trace_id)?, span_id(&span.span_id)?);
    // What an SDK exports is sampled, and lines have no flags.
    let context = context(Some(ids), true, &span.attributes);
    let moment = Moment::first_of([span.end_time_unix_nano]);
    let (status, message) = status(span);
    let mut fields = EncodedFields::default();
    let attributes = span.attributes.iter().filter(|attribute| !is_id(attribute));
    let past = push_all(&mut fields, attributes);
    if moment.ahead_ns > 0 {
        fields.push_named("otel.time_ahead_ns", Value::U64(moment.ahead_ns));
    }
    origin.each(&mut |key, value| fields.push_named(key, value));
    let part = SpanPart {
        parent: span_id(&span.parent_span_id).map_or(0, |id| u64::from_be_bytes(id.to_bytes())),
        start_ns: span.start_time_unix_nano,
        kind: u8::try_from(span.kind).ok().filter(|kind| *kind <= 5).unwrap_or(0),
        status,
        kept: 0,
    };
    let level = if status == 2 { Level::Error } else { Level::Info };
    let site = Site::from(origin.descriptor(&span.name));
    let ended = EndedSpan {
        part,
        name: "",
        extras: &extras(span, past),
        message,
        fields: &fields,
        end_ns: moment.ns,
    };
    journal.span(level, &site, &context.packed(), &ended);
    Some(())
}

/// By the numbers of OTLP, which are those of records.
fn status(span: &Span) -> (u8, &str) {
    match &span.status {
        Some(status) => {
            let code = u8::try_from(status.code).ok().filter(|code| *code <= 2).unwrap_or(0);
            (code, &status.message)
        }
        None => (0, ""),
    }
}

/// Trace state, links and events; what has no room is counted with what the SDK has dropped.
fn extras(span: &Span, past: u32) -> SpanExtras {
    let mut extras = SpanExtras::default();
    let attributes = span.dropped_attributes_count.saturating_add(past);
    if !span.trace_state.is_empty() {
        extras.trace_state(&span.trace_state);
    }
    let (mut events, mut links) = (span.dropped_events_count, span.dropped_links_count);
    for link in &span.links {
        let ids = trace_id(&link.trace_id).zip(span_id(&link.span_id));
        let fields = fields(&link.attributes, link.dropped_attributes_count);
        let is_kept = ids.is_some_and(|(trace, of)| {
            extras.link(trace.to_bytes(), of.to_bytes(), &link.trace_state, &fields)
        });
        links = links.saturating_add(u32::from(!is_kept));
    }
    for event in &span.events {
        let fields = fields(&event.attributes, event.dropped_attributes_count);
        let is_kept = extras.event(event.time_unix_nano, &event.name, &fields);
        events = events.saturating_add(u32::from(!is_kept));
    }
    if (attributes, events, links) != (0, 0, 0) {
        extras.dropped(attributes, events, links);
    }
    extras
}

fn fields(attributes: &[KeyValue], dropped: u32) -> EncodedFields {
    let mut fields = EncodedFields::default();
    let dropped = dropped.saturating_add(push_all(&mut fields, attributes.iter()));
    if dropped > 0 {
        fields.push_named("dropped_attributes_count", Value::U64(dropped.into()));
    }
    fields
}

/// Adds the first ones. How many were left out.
fn push_all<'a>(
    fields: &mut EncodedFields,
    mut attributes: impl Iterator<Item = &'a KeyValue>,
) -> u32 {
    for attribute in attributes.by_ref().take(ATTRIBUTES_MAX) {
        fields.push_named(&attribute.key, Held::of(attribute.value.as_ref()).value());
    }
    u32::try_from(attributes.count()).unwrap_or(u32::MAX)
}
