//! The packed form of a context: what a record carries of it, one memory copy.
//!
//! A sequence of entries `tag u8, length u8, bytes`. Tags: 1 trace id (16 bytes), 2 span id (8),
//! 3 job id, 4 worker id, 5 session id (UTF-8 of the correlation alphabet). Readers skip tags
//! they do not know.

use std::sync::Arc;

use crate::{CorrelationId, SpanId, TraceId};

const TRACE_ID: u8 = 1;
const SPAN_ID: u8 = 2;
const JOB_ID: u8 = 3;
const WORKER_ID: u8 = 4;
const SESSION_ID: u8 = 5;

/// The largest packed form: two ids of fixed size and three of 128 bytes, with their tags.
pub const SIZE_MAX: usize = 18 + 10 + 3 * 130;

/// A packed context, read back. Borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked<'a> {
    /// The trace.
    pub trace_id: Option<TraceId>,
    /// The span within the trace.
    pub span_id: Option<SpanId>,
    /// The job.
    pub job_id: Option<&'a str>,
    /// The worker.
    pub worker_id: Option<&'a str>,
    /// The session.
    pub session_id: Option<&'a str>,
}

/// Reads a packed context. Total: bytes that make no sense read as what was understood so far.
pub fn unpack(mut bytes: &[u8]) -> Unpacked<'_> {
    let mut out = Unpacked::default();
    while let [tag, length, rest @ ..] = bytes {
        let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        let text = || std::str::from_utf8(value).ok().filter(|id| CorrelationId::parse(id).is_ok());
        match *tag {
            TRACE_ID => out.trace_id = value.try_into().ok().and_then(TraceId::from_bytes),
            SPAN_ID => out.span_id = value.try_into().ok().and_then(SpanId::from_bytes),
            JOB_ID => out.job_id = text(),
            WORKER_ID => out.worker_id = text(),
            SESSION_ID => out.session_id = text(),
            _ => {}
        }
        bytes = rest;
    }
    out
}

/// A packed context by value: for whoever must not hold on to the context while other code runs.
/// Copying a short one, which most are, touches no memory but its own.
#[derive(Clone, Debug)]
pub struct Packed(Form);

/// Room for trace, span and one or two ids of usual length.
const SHORT_MAX: usize = 63;

#[derive(Clone, Debug)]
enum Form {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Arc<[u8]>),
}

impl Packed {
    pub(crate) const EMPTY: Self = Self(Form::Short { length: 0, bytes: [0; SHORT_MAX] });

    /// The bytes, for [`unpack`].
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Form::Long(bytes) => bytes,
        }
    }
}

/// The ids of a context with their tags.
type Tagged<'a> = [(u8, Option<&'a CorrelationId>); 3];

pub(crate) fn pack(
    span: Option<(TraceId, SpanId)>,
    job: Option<&CorrelationId>,
    worker: Option<&CorrelationId>,
    session: Option<&CorrelationId>,
) -> Packed {
    let ids: Tagged<'_> = [(JOB_ID, job), (WORKER_ID, worker), (SESSION_ID, session)];
    let of_ids = ids.iter().filter_map(|(_, id)| id.map(|id| 2 + id.as_str().len()));
    let length = span.map_or(0, |_| SPAN_SIZE) + of_ids.sum::<usize>();
    Packed(if length <= SHORT_MAX {
        Form::Short { length: length as u8, bytes: written(span, ids) }
    } else {
        Form::Long(written::<SIZE_MAX>(span, ids)[..length].into())
    })
}

/// Trace and span with their tags.
const SPAN_SIZE: usize = 18 + 10;

/// The entries, which the caller knows to fit.
fn written<const SIZE: usize>(span: Option<(TraceId, SpanId)>, ids: Tagged<'_>) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut length = 0;
    if let Some((trace_id, span_id)) = span {
        bytes[..2].copy_from_slice(&[TRACE_ID, 16]);
        bytes[2..18].copy_from_slice(&trace_id.to_bytes());
        bytes[18..20].copy_from_slice(&[SPAN_ID, 8]);
        bytes[20..SPAN_SIZE].copy_from_slice(&span_id.to_bytes());
        length = SPAN_SIZE;
    }
    for (tag, id) in ids {
        if let Some(id) = id {
            let value = id.as_str().as_bytes();
            // Ids are at most 128 bytes by construction.
            bytes[length..length + 2].copy_from_slice(&[tag, value.len() as u8]);
            bytes[length + 2..length + 2 + value.len()].copy_from_slice(value);
            length += 2 + value.len();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_read_back() {
        for length in 1..=128 {
            let id = CorrelationId::parse(&"x".repeat(length)).unwrap();
            let span = (TraceId::random(), SpanId::random());
            let packed = pack(Some(span), Some(&id), Some(&id), Some(&id)).clone();
            assert_eq!(packed.as_bytes().len(), 28 + 3 * (2 + length));
            let back = unpack(packed.as_bytes());
            assert_eq!((back.trace_id, back.span_id), (Some(span.0), Some(span.1)));
            let id = Some(id.as_str());
            assert_eq!((back.job_id, back.worker_id, back.session_id), (id, id, id));
        }
    }

    #[test]
    fn what_is_packed_reads_back_and_garbage_does_not_panic() {
        let trace = TraceId::random();
        let span = SpanId::random();
        let job = CorrelationId::parse("job-1").unwrap();
        let packed = pack(Some((trace, span)), Some(&job), None, None);
        let bytes = packed.as_bytes();
        let back = unpack(bytes);
        assert_eq!(back.trace_id, Some(trace));
        assert_eq!(back.span_id, Some(span));
        assert_eq!(back.job_id, Some("job-1"));
        assert_eq!(back.worker_id, None);
        for cut in 0..bytes.len() {
            let _ = unpack(&bytes[..cut]);
        }
        assert_eq!(unpack(&[3, 2, 0xff, 0xfe, 9, 1, 1]).job_id, None);
        assert_eq!(unpack(b"\x03\x03a\"b").job_id, None, "an id that needs escaping is refused");
    }
}
