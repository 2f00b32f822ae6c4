//! A context: what a piece of code works for, and what of it goes on.

use std::fmt;
use std::sync::Arc;

use crate::head::Head;
use crate::packed::Packed;
use crate::parts::{Ids, JOB, Rest, SESSION, SPAN, Sampling, Span, Travels, UNSAMPLED, WORKER};
use crate::{Baggage, CorrelationId, SpanId, TraceFlags, TraceId, TraceState, Wrapped, baggage};

/// A snapshot of what a piece of code works for. Cheap to clone, immutable, `Send`.
///
/// Where in which trace stands in it, so that a span inside another one needs no memory of its own;
/// all else is shared, and most have nothing of it.
#[derive(Clone, Default)]
pub struct Context {
    head: Head,
    rest: Option<Arc<Rest>>,
}

impl Context {
    pub(crate) const EMPTY: Self = Self { head: Head::EMPTY, rest: None };

    /// The trace, when code runs inside a span.
    #[inline]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.head.trace_id()
    }

    /// The innermost span.
    #[inline]
    pub fn span_id(&self) -> Option<SpanId> {
        self.head.span_id()
    }

    /// Whether the trace is recorded; `None` outside of a span, and while a caller has left the
    /// decision to us.
    #[inline]
    pub fn is_sampled(&self) -> Option<bool> {
        let is_decided = self.is_in_span() && self.head.sampling() != Sampling::Deferred;
        is_decided.then(|| self.head.flags().is_sampled())
    }

    /// The flags of the trace; none outside of a span.
    pub fn trace_flags(&self) -> TraceFlags {
        self.head.flags()
    }

    /// What other vendors said about the trace.
    #[inline]
    pub fn trace_state(&self) -> Option<&TraceState> {
        self.travels()?.state.as_ref()
    }

    /// Whether the span is somebody else's: it came out of a carrier.
    pub fn is_remote(&self) -> bool {
        self.head.is_remote()
    }

    /// What the application passes on with its work; empty when it was never set.
    pub fn baggage(&self) -> &Baggage {
        self.travels().map_or(&baggage::EMPTY, |travels| &travels.baggage)
    }

    /// The job.
    pub fn job_id(&self) -> Option<&str> {
        self.rest.as_ref()?.ids.job.as_ref().map(CorrelationId::as_str)
    }

    /// The worker.
    pub fn worker_id(&self) -> Option<&str> {
        self.rest.as_ref()?.ids.worker.as_ref().map(CorrelationId::as_str)
    }

    /// The session.
    pub fn session_id(&self) -> Option<&str> {
        self.rest.as_ref()?.ids.session.as_ref().map(CorrelationId::as_str)
    }

    /// The packed form (see [`packed`](crate::packed)); empty for an empty context.
    #[inline]
    pub fn packed(&self) -> Packed<'_> {
        let span = self.head.packed();
        match &self.rest {
            Some(rest) if self.has() & (JOB | WORKER | SESSION) != 0 => {
                Packed::joined(span, &rest.packed)
            }
            _ => Packed::borrowed(span),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        !self.is_in_span() && self.rest.is_none()
    }

    /// This context inside the given span of this process.
    ///
    /// A span of the same trace keeps the trace state and the random flag. A new trace has no
    /// state, and its flag says random: ids of this crate are.
    #[must_use]
    #[inline]
    pub fn with_span(&self, trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        if self.trace_id() == Some(trace_id) {
            return self.clone().into_child(span_id, sampled);
        }
        let rest = self.rest.as_ref().and_then(Rest::in_another_trace);
        let (flags, sampling) = (TraceFlags::RANDOM.with_sampled(sampled), Sampling::Decided);
        Self::new(Some(Span { trace_id, span_id, flags, sampling, remote: false }), rest)
    }

    /// As [`Context::with_span`], in the trace there is. Outside of one it is as it was.
    #[must_use]
    #[inline]
    pub fn into_child(mut self, span_id: SpanId, sampled: bool) -> Self {
        self.head.become_child(span_id, sampled);
        self
    }

    /// This context inside a span of somebody else.
    #[must_use]
    pub fn with_remote_span(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
        flags: TraceFlags,
        state: Option<TraceState>,
    ) -> Self {
        let sampling = Sampling::Decided;
        self.with_foreign(Span { trace_id, span_id, flags, sampling, remote: true }, state)
    }

    /// This context outside of every span and trace.
    #[must_use]
    pub fn without_span(&self) -> Self {
        Self::new(None, self.rest.as_ref().and_then(Rest::in_another_trace))
    }

    /// This context with other baggage.
    #[must_use]
    pub fn with_baggage(&self, baggage: Baggage) -> Self {
        let state = self.trace_state().cloned();
        Self::new(self.span(), Rest::shared(self.ids(), Travels { state, baggage }.shared()))
    }

    pub(crate) fn with_foreign(&self, span: Span, state: Option<TraceState>) -> Self {
        let baggage = self.baggage().clone();
        Self::new(Some(span), Rest::shared(self.ids(), Travels { state, baggage }.shared()))
    }

    /// This context in the span that `other` is in, if it is in one.
    pub(crate) fn in_span_of(&self, other: &Self) -> Self {
        match other.span() {
            Some(span) if Some(span) != self.span() => {
                self.with_foreign(span, other.trace_state().cloned())
            }
            _ => self.clone(),
        }
    }

    /// This context with another job, worker or session; `None` leaves the one it has.
    #[must_use]
    pub fn with_ids(
        &self,
        job: Option<CorrelationId>,
        worker: Option<CorrelationId>,
        session: Option<CorrelationId>,
    ) -> Self {
        if job.is_none() && worker.is_none() && session.is_none() {
            return self.clone();
        }
        let travels = self.rest.as_ref().and_then(|rest| rest.travels.clone());
        let ids = Ids { job, worker, session }.over(self.ids());
        Self::new(self.span(), Rest::shared(ids, travels))
    }

    /// This context without job, worker and session.
    #[must_use]
    pub fn without_ids(&self) -> Self {
        let travels = self.rest.as_ref().and_then(|rest| rest.travels.clone());
        Self::new(self.span(), Rest::shared(Ids::default(), travels))
    }

    /// This context, with what it does not know filled in from `outer`.
    ///
    /// A span that was created elsewhere and is entered here keeps its own ids and takes the rest
    /// from the code that enters it.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        self.filled(outer).unwrap_or_else(|| self.clone())
    }

    /// Whether there is in both the same but the span: ids, baggage and trace state. `false` also for
    /// some that are alike and were made apart.
    #[inline]
    pub fn is_alike(&self, other: &Self) -> bool {
        match (&self.rest, &other.rest) {
            (None, None) => true,
            (Some(own), Some(others)) => {
                let travels = |rest: &Rest| rest.travels.as_ref().map(Arc::as_ptr);
                Arc::ptr_eq(own, others)
                    || (own.packed == others.packed && travels(own) == travels(others))
            }
            _ => false,
        }
    }

    /// As [`Context::over`], in place. Whether it has become another one.
    #[inline]
    pub fn fill(&mut self, outer: &Self) -> bool {
        let filled = self.filled(outer);
        let changes = filled.is_some();
        if let Some(filled) = filled {
            *self = filled;
        }
        changes
    }

    /// This context over `outer`, when that is another one.
    pub(crate) fn filled(&self, outer: &Self) -> Option<Self> {
        // Whether a trace is sampled goes with its span.
        let adds = outer.has() & !self.has() & !UNSAMPLED != 0;
        if adds { Some(self.joined(outer)) } else { None }
    }

    #[cold]
    fn joined(&self, outer: &Self) -> Self {
        if self.is_empty() {
            return outer.clone();
        }
        let ids = self.ids().over(outer.ids());
        let rest = Rest::shared(ids, self.travels_over(outer));
        Self::new(self.span().or_else(|| outer.span()), rest)
    }

    /// The state of whichever span it is, and the first baggage.
    fn travels_over(&self, outer: &Self) -> Option<Arc<Travels>> {
        if self.travels().is_none() && outer.travels().is_none() {
            return None;
        }
        let of_span = if self.is_in_span() { self } else { outer };
        let of_baggage = if self.baggage().is_empty() { outer } else { self };
        let state = of_span.trace_state().cloned();
        Travels { state, baggage: of_baggage.baggage().clone() }.shared()
    }

    /// The future, or with the feature `stream` the stream, with this context around every poll.
    pub fn wrap<F>(self, future: F) -> Wrapped<F> {
        Wrapped::new(self, false, future)
    }

    #[inline]
    fn new(span: Option<Span>, rest: Option<Arc<Rest>>) -> Self {
        let head = Head::new(span, rest.as_ref().map_or(0, |rest| rest.has));
        Self { head, rest }
    }

    pub(crate) fn span(&self) -> Option<Span> {
        let (trace_id, span_id) = self.trace_id().zip(self.span_id())?;
        let Self { head, .. } = self;
        let (flags, sampling, remote) = (head.flags(), head.sampling(), head.is_remote());
        Some(Span { trace_id, span_id, flags, sampling, remote })
    }

    #[inline]
    fn is_in_span(&self) -> bool {
        self.has() & SPAN != 0
    }

    #[inline]
    fn travels(&self) -> Option<&Travels> {
        self.rest.as_ref()?.travels.as_deref()
    }

    #[inline]
    pub(crate) fn has(&self) -> u8 {
        self.head.has()
    }

    fn ids(&self) -> Ids {
        self.rest.as_ref().map(|rest| rest.ids.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .field("job_id", &self.job_id())
            .field("worker_id", &self.worker_id())
            .field("session_id", &self.session_id())
            .field("trace_flags", &self.trace_flags())
            .field("trace_state", &self.trace_state())
            .field("is_remote", &self.is_remote())
            .field("baggage", self.baggage())
            .finish()
    }
}
