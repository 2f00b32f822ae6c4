//! B3, the headers of Zipkin: `b3` alone, or `x-b3-traceid` and its companions.
//!
//! Both forms are read whichever of them is asked for, the single one first, as the OpenTelemetry
//! specification wants it of its B3 propagator. A parent span id is read past and never written.

use super::hex::hex;
use super::ignored::{What, count};
use super::{Extract, Inject};
use crate::parts::{Sampling, Span};
use crate::trace_state::trimmed;
use crate::{Context, SpanId, TraceFlags, TraceId};

const B3: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";
pub(super) const FIELDS_SINGLE: [&str; 1] = [B3];
pub(super) const FIELDS_MULTI: [&str; 5] = [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS];

/// The context with the span of the carrier, or as it was.
pub(super) fn extract(context: Context, from: &impl Extract) -> Context {
    let Some(mut span) = single(from).or_else(|| multi(from)) else { return context };
    // Where another format has told of the same span, it has told more of it.
    let same = |known: &Span| (known.trace_id, known.span_id) == (span.trace_id, span.span_id);
    let state = match context.span().filter(same) {
        Some(known) => {
            span.flags = known.flags.with_sampled(span.flags.is_sampled());
            context.trace_state().cloned()
        }
        None => None,
    };
    context.with_foreign(span, state)
}

pub(super) fn inject_single(context: &Context, into: &mut impl Inject) {
    let Some(span) = context.span() else { return into.remove(B3) };
    let state = match span.sampling {
        Sampling::Debug => "-d",
        Sampling::Decided if span.flags.is_sampled() => "-1",
        Sampling::Decided => "-0",
        Sampling::Deferred => "",
    };
    into.set(B3, &format!("{}-{}{state}", span.trace_id, span.span_id));
}

pub(super) fn inject_multi(context: &Context, into: &mut impl Inject) {
    FIELDS_MULTI.iter().for_each(|field| into.remove(field));
    let Some(span) = context.span() else { return };
    into.set(TRACE_ID, &span.trace_id.to_string());
    into.set(SPAN_ID, &span.span_id.to_string());
    match span.sampling {
        // Debug implies an accept, which is then not sent.
        Sampling::Debug => into.set(FLAGS, "1"),
        Sampling::Decided => into.set(SAMPLED, if span.flags.is_sampled() { "1" } else { "0" }),
        Sampling::Deferred => {}
    }
}

/// `trace-span`, `trace-span-state` or `trace-span-state-parent`. A state alone says nothing of a
/// span, and so nothing to us.
fn single(from: &impl Extract) -> Option<Span> {
    let value = one(from, B3)?;
    let text = trimmed(&value);
    if matches!(text, b"0" | b"1" | b"d") {
        return None;
    }
    let fields: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
    let span = match fields.as_slice() {
        [trace, span] => read(trace, span, None),
        [trace, span, state] => read(trace, span, Some(state)),
        [trace, span, state, parent] if hex::<8>(parent).is_some() => {
            read(trace, span, Some(state))
        }
        _ => None,
    };
    count(What::B3Malformed, u64::from(span.is_none()));
    span
}

fn multi(from: &impl Extract) -> Option<Span> {
    let (trace, span) = (one(from, TRACE_ID), one(from, SPAN_ID));
    let (Some(trace), Some(span)) = (&trace, &span) else {
        count(What::B3Malformed, u64::from(trace.is_some() || span.is_some()));
        return None;
    };
    let flags = one(from, FLAGS);
    let sampled = one(from, SAMPLED);
    let state = match (flags.as_deref().map(trimmed), &sampled) {
        (Some(b"1"), _) => Some(&b"d"[..]),
        (_, Some(sampled)) => Some(trimmed(sampled)),
        (_, None) => None,
    };
    let span = read(trimmed(trace), trimmed(span), state);
    count(What::B3Malformed, u64::from(span.is_none()));
    span
}

/// The value of a header that may be there once.
fn one(from: &impl Extract, name: &str) -> Option<Vec<u8>> {
    let (mut seen, mut found) = (0_u32, None);
    from.each(name, &mut |value| {
        seen += 1;
        found = Some(value.to_vec());
    });
    count(What::B3Repeated, u64::from(seen > 1));
    found.filter(|_| seen == 1)
}

/// Ids of 16 or 32 digits; older senders use upper case, and write words for the state.
fn read(trace: &[u8], span: &[u8], state: Option<&[u8]>) -> Option<Span> {
    let (trace, span) = (trace.to_ascii_lowercase(), span.to_ascii_lowercase());
    let trace_id = match hex::<8>(&trace) {
        Some(low) => TraceId::from_bytes(u128::from(u64::from_be_bytes(low)).to_be_bytes()),
        None => TraceId::from_bytes(hex(&trace)?),
    }?;
    let (flags, sampling) = match state {
        Some(b"1" | b"true") => (TraceFlags::SAMPLED, Sampling::Decided),
        Some(b"0" | b"false") => (TraceFlags::NONE, Sampling::Decided),
        Some(b"d") => (TraceFlags::SAMPLED, Sampling::Debug),
        None => (TraceFlags::NONE, Sampling::Deferred),
        Some(_) => return None,
    };
    Some(Span {
        trace_id,
        span_id: SpanId::from_bytes(hex(&span)?)?,
        flags,
        sampling,
        remote: true,
    })
}
