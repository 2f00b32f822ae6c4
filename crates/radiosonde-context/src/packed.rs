//! The packed form of a context: what a record carries of it, one memory copy.
//!
//! A sequence of entries `tag u8, length u8, bytes`. Tags: 1 trace id (16 bytes), 2 span id (8),
//! 3 job id, 4 worker id, 5 session id (UTF-8 of the correlation alphabet). Readers skip tags
//! they do not know.

use std::ops::Deref;

use crate::parts::Ids;
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
#[non_exhaustive]
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
        let text = || std::str::from_utf8(value).ok().filter(|id| CorrelationId::is_valid(id));
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

/// A packed context. Of most it is a part of them, which is borrowed.
#[derive(Debug)]
pub struct Packed<'a>(Form<'a>);

/// Room for trace, span and three ids of usual length.
const SHORT_MAX: usize = 127;

#[derive(Debug)]
enum Form<'a> {
    Borrowed(&'a [u8]),
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<[u8]>),
}

impl<'a> Packed<'a> {
    #[inline(always)]
    pub(crate) fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Form::Borrowed(bytes))
    }

    /// One behind the other.
    #[inline]
    pub(crate) fn joined(span: &[u8], ids: &[u8]) -> Self {
        let length = span.len() + ids.len();
        let mut bytes = [0; SHORT_MAX];
        Self(match bytes.get_mut(..length) {
            Some(place) => {
                let (front, back) = place.split_at_mut(span.len());
                front.copy_from_slice(span);
                back.copy_from_slice(ids);
                Form::Short { length: length as u8, bytes }
            }
            None => Form::Long([span, ids].concat().into()),
        })
    }

    /// The bytes, for [`unpack`].
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Borrowed(bytes) => bytes,
            Form::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Form::Long(bytes) => bytes,
        }
    }

    /// The same, for whoever must not hold on to the context while other code runs.
    pub fn into_owned(self) -> Packed<'static> {
        match self.0 {
            Form::Borrowed(bytes) => Packed::joined(bytes, &[]),
            Form::Short { length, bytes } => Packed(Form::Short { length, bytes }),
            Form::Long(bytes) => Packed(Form::Long(bytes)),
        }
    }
}

impl Deref for Packed<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Size of the entries of trace and span, which stand first.
pub(crate) const SPAN_SIZE: usize = 28;

/// The entries of a trace and a span.
#[inline(always)]
pub(crate) fn span(trace_id: TraceId, span_id: SpanId) -> [u8; SPAN_SIZE] {
    let mut bytes = [0; SPAN_SIZE];
    bytes[..2].copy_from_slice(&[TRACE_ID, 16]);
    bytes[2..18].copy_from_slice(&trace_id.to_bytes());
    bytes[18..20].copy_from_slice(&[SPAN_ID, 8]);
    bytes[20..].copy_from_slice(&span_id.to_bytes());
    bytes
}

/// The entries of ids.
pub(crate) fn ids(ids: &Ids) -> Box<[u8]> {
    let tagged = [(JOB_ID, &ids.job), (WORKER_ID, &ids.worker), (SESSION_ID, &ids.session)];
    let mut bytes = Vec::new();
    for (tag, id) in tagged {
        if let Some(id) = id {
            let value = id.as_str().as_bytes();
            // Ids are at most 128 bytes by construction.
            bytes.extend_from_slice(&[tag, value.len() as u8]);
            bytes.extend_from_slice(value);
        }
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    fn context(span: Option<(TraceId, SpanId)>, ids: [Option<&CorrelationId>; 3]) -> Context {
        let [job, worker, session] = ids.map(Option::<&CorrelationId>::cloned);
        let context = Context::default().with_ids(job, worker, session);
        span.map_or(context.clone(), |(trace, span)| context.with_span(trace, span, true))
    }

    #[test]
    fn ids_of_any_length_read_back() {
        for length in 1..=128 {
            let id = CorrelationId::parse(&"x".repeat(length)).unwrap();
            let span = (TraceId::random(), SpanId::random());
            for owned in [false, true] {
                let context = context(Some(span), [Some(&id); 3]);
                let packed = context.packed();
                let packed = if owned { packed.into_owned() } else { packed };
                assert_eq!(packed.as_bytes().len(), 28 + 3 * (2 + length));
                let back = unpack(packed.as_bytes());
                assert_eq!((back.trace_id, back.span_id), (Some(span.0), Some(span.1)));
                let id = Some(id.as_str());
                assert_eq!((back.job_id, back.worker_id, back.session_id), (id, id, id));
            }
        }
    }

    #[test]
    fn a_span_is_put_before_the_ids_there_are_in_place_of_the_one_before() {
        let spans = [(); 2].map(|()| (TraceId::random(), SpanId::random()));
        for length in 0..=128 {
            let id = CorrelationId::parse(&"x".repeat(length)).ok();
            let ids = [id.as_ref(), None, id.as_ref()];
            let expected = context(Some(spans[1]), ids);
            for before in [None, Some(spans[0])] {
                let after = context(before, ids).with_span(spans[1].0, spans[1].1, true);
                assert_eq!(*after.packed(), *expected.packed(), "{length} {before:?}");
                let without = after.without_span();
                assert_eq!(*without.packed(), *context(None, ids).packed(), "{length}");
            }
        }
    }

    #[test]
    fn what_is_packed_reads_back_and_garbage_does_not_panic() {
        let trace = TraceId::random();
        let span = SpanId::random();
        let job = CorrelationId::parse("job-1").unwrap();
        let context = context(Some((trace, span)), [Some(&job), None, None]);
        let bytes = &*context.packed();
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
