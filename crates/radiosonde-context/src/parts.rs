//! What a context is made of.

use std::sync::Arc;

use crate::packed;
use crate::{Baggage, CorrelationId, SpanId, TraceFlags, TraceId, TraceState};

/// Where in which trace.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) sampling: Sampling,
    /// Whether it came out of a carrier.
    pub(crate) remote: bool,
}

/// What is known of the decision, beyond the flag.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Sampling {
    /// The flag says it.
    #[default]
    Decided,
    /// Sampled, and whoever asked for it asks everybody to (the debug flag of B3).
    Debug,
    /// The caller leaves it to us (B3 without a sampling state).
    Deferred,
}

/// Ids that are written with every line, beside those of the span.
#[derive(Clone, Default)]
pub(crate) struct Ids {
    pub(crate) job: Option<CorrelationId>,
    pub(crate) worker: Option<CorrelationId>,
    pub(crate) session: Option<CorrelationId>,
}

/// What only travels: it is passed on to others, and no line has it.
#[derive(Clone, Default)]
pub(crate) struct Travels {
    /// Of the span's trace.
    pub(crate) state: Option<TraceState>,
    pub(crate) baggage: Baggage,
}

/// All but the span, which changes with each of them.
pub(crate) struct Rest {
    /// Which of its parts there are.
    pub(crate) has: u8,
    pub(crate) ids: Ids,
    /// These, packed.
    pub(crate) packed: Box<[u8]>,
    /// Nothing for most.
    pub(crate) travels: Option<Arc<Travels>>,
}

impl Span {
    #[inline]
    pub(crate) fn has(&self) -> u8 {
        let is_out = self.sampling != Sampling::Deferred && !self.flags.is_sampled();
        if is_out { SPAN | UNSAMPLED } else { SPAN }
    }
}

impl Ids {
    /// These, and what they do not say from `others`.
    pub(crate) fn over(self, others: Self) -> Self {
        Self {
            job: self.job.or(others.job),
            worker: self.worker.or(others.worker),
            session: self.session.or(others.session),
        }
    }
}

impl Travels {
    /// This, where there is something of it.
    pub(crate) fn shared(self) -> Option<Arc<Self>> {
        (self.state.is_some() || !self.baggage.is_empty()).then(|| Arc::new(self))
    }
}

impl Rest {
    /// Nothing where there is nothing.
    pub(crate) fn shared(ids: Ids, travels: Option<Arc<Travels>>) -> Option<Arc<Self>> {
        let part = |is_there: bool, part: u8| if is_there { part } else { 0 };
        let has = part(ids.job.is_some(), JOB)
            | part(ids.worker.is_some(), WORKER)
            | part(ids.session.is_some(), SESSION)
            | part(travels.as_ref().is_some_and(|travels| !travels.baggage.is_empty()), BAGGAGE);
        let packed = packed::ids(&ids);
        (has != 0 || travels.is_some()).then(|| Arc::new(Self { has, ids, packed, travels }))
    }

    /// This without what others said about the trace.
    pub(crate) fn in_another_trace(self: &Arc<Self>) -> Option<Arc<Self>> {
        match &self.travels {
            Some(travels) if travels.state.is_some() => {
                let baggage = travels.baggage.clone();
                Self::shared(self.ids.clone(), Travels { state: None, baggage }.shared())
            }
            _ => Some(Arc::clone(self)),
        }
    }
}

// The parts of a context that there can be, a bit each.
pub(crate) const JOB: u8 = 1;
pub(crate) const SPAN: u8 = 2;
pub(crate) const UNSAMPLED: u8 = 4;
pub(crate) const WORKER: u8 = 8;
pub(crate) const SESSION: u8 = 16;
const BAGGAGE: u8 = 32;
