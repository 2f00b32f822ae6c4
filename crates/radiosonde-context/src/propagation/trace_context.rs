//! `traceparent` and `tracestate` (W3C Trace Context, Levels 1 and 2).

use super::hex::hex;
use super::ignored::{What, count};
use super::{Extract, Inject};
use crate::parts::{Sampling, Span};
use crate::trace_state::{self, trimmed};
use crate::{Context, InvalidTraceState, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
pub(super) const FIELDS: [&str; 2] = [TRACEPARENT, TRACESTATE];

/// `00-` and 32, 16 and 2 digits with dashes between them: all of version 00, and the beginning of
/// every later one.
const LENGTH: usize = 55;

/// The context with the span of the carrier, or as it was.
pub(super) fn extract(context: Context, from: &impl Extract) -> Context {
    let (mut seen, mut parsed) = (0_u32, None);
    from.each(TRACEPARENT, &mut |value| {
        seen += 1;
        parsed = parse(trimmed(value));
    });
    let Some(span) = parsed.filter(|_| seen == 1) else {
        if seen > 0 {
            let repeated = seen > 1;
            let what =
                if repeated { What::TraceparentRepeated } else { What::TraceparentMalformed };
            count(what, 1);
        }
        let mut alone = 0;
        from.each(TRACESTATE, &mut |_| alone = 1);
        count(What::TracestateAlone, alone);
        return context;
    };
    let state = state(from);
    context.with_foreign(span, state)
}

pub(super) fn inject(context: &Context, into: &mut impl Inject) {
    let Some(span) = context.span() else {
        return FIELDS.iter().for_each(|field| into.remove(field));
    };
    let flags = span.flags.bits();
    into.set(TRACEPARENT, &format!("00-{}-{}-{flags:02x}", span.trace_id, span.span_id));
    match context.trace_state() {
        Some(state) => into.set(TRACESTATE, state.as_str()),
        None => into.remove(TRACESTATE),
    }
}

/// The span of a `traceparent` (Level 2, §3.2.2 and §3.2.4).
fn parse(text: &[u8]) -> Option<Span> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let (version, known) = known.split_at_checked(2)?;
    let (trace, known) = known.strip_prefix(b"-")?.split_at_checked(32)?;
    let (span, known) = known.strip_prefix(b"-")?.split_at_checked(16)?;
    let flags = known.strip_prefix(b"-")?;
    let [version] = hex::<1>(version)?;
    // Version 00 ends here; what a later one adds begins with a dash, and is not for us. A later
    // one's flags beyond those of Level 2 are cleared as those of version 00 are.
    let ends = rest.is_empty() || (version > 0 && rest.starts_with(b"-"));
    if version == 0xff || !ends {
        return None;
    }
    let [flags] = hex::<1>(flags)?;
    Some(Span {
        trace_id: TraceId::from_bytes(hex(trace)?)?,
        span_id: SpanId::from_bytes(hex(span)?)?,
        flags: TraceFlags::from_bits(flags),
        sampling: Sampling::Decided,
        remote: true,
    })
}

/// The trace state of the carrier. What is wrong with it never touches the span.
fn state(from: &impl Extract) -> Option<TraceState> {
    let mut headers: Vec<Vec<u8>> = Vec::new();
    from.each(TRACESTATE, &mut |value| headers.push(value.to_vec()));
    if headers.is_empty() {
        return None;
    }
    let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
    match trace_state::read(&headers) {
        Ok(read) => {
            count(What::TracestateLong, u64::from(read.shortened));
            read.state
        }
        Err(error) => {
            let what = match error {
                InvalidTraceState::DuplicateKey => What::TracestateDuplicate,
                InvalidTraceState::TooManyMembers => What::TracestateMembers,
                InvalidTraceState::Empty | InvalidTraceState::Malformed => {
                    What::TracestateMalformed
                }
            };
            count(what, 1);
            None
        }
    }
}
