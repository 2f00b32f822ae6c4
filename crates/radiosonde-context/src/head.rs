//! The part of a context that stands in it: where in which trace, and which other parts there are.

use crate::packed::{self, SPAN_SIZE};
use crate::parts::{SPAN, Sampling, Span, UNSAMPLED};
use crate::{SpanId, TraceFlags, TraceId};

/// The entries of the span as they are packed, zeroes outside of one, and a byte each of flags,
/// sampling, whether it is somebody else's, and what there is. In one piece: it is moved at each
/// change of context.
#[derive(Clone, Copy, Default)]
pub(crate) struct Head([u8; SIZE]);

const SIZE: usize = SPAN_SIZE + 4;
const TRACE_ID: usize = 2;
const SPAN_ID: usize = 20;
const FLAGS: usize = SPAN_SIZE;
const SAMPLING: usize = FLAGS + 1;
const REMOTE: usize = SAMPLING + 1;
const HAS: usize = REMOTE + 1;

const DEBUG: u8 = Sampling::Debug as u8;
const DEFERRED: u8 = Sampling::Deferred as u8;

impl Head {
    pub(crate) const EMPTY: Self = Self([0; SIZE]);

    /// `has`: of the other parts.
    #[inline]
    pub(crate) fn new(span: Option<Span>, has: u8) -> Self {
        let mut head = Self::EMPTY;
        head.0[HAS] = has;
        if let Some(span) = span {
            head.0[..SPAN_SIZE].copy_from_slice(&packed::span(span.trace_id, span.span_id));
            head.0[FLAGS] = span.flags.bits();
            head.0[SAMPLING] = span.sampling as u8;
            head.0[REMOTE] = u8::from(span.remote);
            head.0[HAS] = has | span.has();
        }
        head
    }

    /// Goes into a span of this process in the same trace.
    #[inline(always)]
    pub(crate) fn become_child(&mut self, span_id: SpanId, sampled: bool) {
        if self.0[HAS] & SPAN == 0 {
            return;
        }
        self.0[SPAN_ID..SPAN_SIZE].copy_from_slice(&span_id.to_bytes());
        let keeps_sampling = sampled && self.0[SAMPLING] == DEBUG;
        let is_out = if sampled { 0 } else { UNSAMPLED };
        let flags = self.flags().with_sampled(sampled).bits();
        let sampling = if keeps_sampling { DEBUG } else { Sampling::Decided as u8 };
        let has = self.0[HAS] & !UNSAMPLED | is_out;
        self.0[FLAGS..].copy_from_slice(&[flags, sampling, 0, has]);
    }

    #[inline(always)]
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.0[TRACE_ID..].first_chunk().copied().and_then(TraceId::from_bytes)
    }

    #[inline(always)]
    pub(crate) fn span_id(&self) -> Option<SpanId> {
        self.0[SPAN_ID..].first_chunk().copied().and_then(SpanId::from_bytes)
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> TraceFlags {
        TraceFlags::from_bits(self.0[FLAGS])
    }

    #[inline(always)]
    pub(crate) fn sampling(&self) -> Sampling {
        match self.0[SAMPLING] {
            DEBUG => Sampling::Debug,
            DEFERRED => Sampling::Deferred,
            _ => Sampling::Decided,
        }
    }

    #[inline(always)]
    pub(crate) fn is_remote(&self) -> bool {
        self.0[REMOTE] != 0
    }

    /// Which parts there are.
    #[inline(always)]
    pub(crate) fn has(&self) -> u8 {
        self.0[HAS]
    }

    /// The entries of the span; nothing outside of one.
    #[inline(always)]
    pub(crate) fn packed(&self) -> &[u8] {
        if self.has() & SPAN != 0 { &self.0[..SPAN_SIZE] } else { &[] }
    }
}
