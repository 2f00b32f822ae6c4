//! A context: what a piece of code works for, and what of it goes on.

use std::fmt;
use std::sync::Arc;

use crate::packed::{self, Packed};
use crate::{Baggage, CorrelationId, SpanId, TraceFlags, TraceId, TraceState, Wrapped, baggage};

/// A snapshot of what a piece of code works for. Cheap to clone, immutable, `Send`.
#[derive(Clone, Default)]
pub struct Context(Option<Arc<Inner>>);

struct Inner {
    /// Which of its parts there are: asked at each change of context.
    has: u8,
    ids: Ids,
    /// Nothing for most.
    travels: Option<Arc<Travels>>,
    packed: Packed,
}

impl Inner {
    #[inline]
    fn new(ids: Ids, travels: Option<Arc<Travels>>, packed: Packed) -> Self {
        Self { has: has(&ids, travels.as_deref()), ids, travels, packed }
    }

    #[inline(always)]
    fn become_span_of(&mut self, outer: &Context, span: Span, travels: Option<Arc<Travels>>) {
        self.ids.span = Some(span);
        if self.travels.is_some() || travels.is_some() {
            self.travels = travels;
        }
        self.has = outer.has() & !(SPAN | UNSAMPLED) | span.has();
        let span = (span.trace_id, span.span_id);
        match &outer.0 {
            None => {
                (self.ids.job, self.ids.worker, self.ids.session) = (None, None, None);
                self.packed.become_span_of(&[], span);
            }
            Some(outer) => {
                let Ids { span: around, job, worker, session } = &outer.ids;
                become_same(&mut self.ids.job, job);
                become_same(&mut self.ids.worker, worker);
                become_same(&mut self.ids.session, session);
                self.packed.become_span_of(outer.packed.behind_span(around.is_some()), span);
            }
        }
    }
}

/// Most have none, and had none before.
#[inline(always)]
fn become_same(id: &mut Option<CorrelationId>, other: &Option<CorrelationId>) {
    if id.is_some() || other.is_some() {
        id.clone_from(other);
    }
}

/// The parts of a context that are written with every line.
#[derive(Clone, Default)]
pub(crate) struct Ids {
    pub(crate) span: Option<Span>,
    pub(crate) job: Option<CorrelationId>,
    pub(crate) worker: Option<CorrelationId>,
    pub(crate) session: Option<CorrelationId>,
}

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
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sampling {
    /// The flag says it.
    Decided,
    /// Sampled, and whoever asked for it asks everybody to (the debug flag of B3).
    Debug,
    /// The caller leaves it to us (B3 without a sampling state).
    Deferred,
}

/// What only travels: it is passed on to others, and no line has it.
#[derive(Clone, Default)]
struct Travels {
    /// Of the span's trace.
    state: Option<TraceState>,
    baggage: Baggage,
}

impl Context {
    pub(crate) const EMPTY: Self = Self(None);

    /// The trace, when code runs inside a span.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.span().map(|span| span.trace_id)
    }

    /// The innermost span.
    pub fn span_id(&self) -> Option<SpanId> {
        self.span().map(|span| span.span_id)
    }

    /// Whether the trace is recorded; `None` outside of a span, and while a caller has left the
    /// decision to us.
    pub fn is_sampled(&self) -> Option<bool> {
        let span = self.span().filter(|span| span.sampling != Sampling::Deferred)?;
        Some(span.flags.is_sampled())
    }

    /// The flags of the trace; none outside of a span.
    pub fn trace_flags(&self) -> TraceFlags {
        self.span().map(|span| span.flags).unwrap_or_default()
    }

    /// What other vendors said about the trace.
    pub fn trace_state(&self) -> Option<&TraceState> {
        self.travels()?.state.as_ref()
    }

    /// Whether the span is somebody else's: it came out of a carrier.
    pub fn is_remote(&self) -> bool {
        self.span().is_some_and(|span| span.remote)
    }

    /// What the application passes on with its work; empty when it was never set.
    pub fn baggage(&self) -> &Baggage {
        self.travels().map_or(&baggage::EMPTY, |travels| &travels.baggage)
    }

    /// Whether it has a trace state or baggage, which most contexts have not: one load.
    #[inline]
    pub fn has_travelling(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.travels.is_some())
    }

    /// The job.
    pub fn job_id(&self) -> Option<&str> {
        self.ids()?.job.as_ref().map(CorrelationId::as_str)
    }

    /// The worker.
    pub fn worker_id(&self) -> Option<&str> {
        self.ids()?.worker.as_ref().map(CorrelationId::as_str)
    }

    /// The session.
    pub fn session_id(&self) -> Option<&str> {
        self.ids()?.session.as_ref().map(CorrelationId::as_str)
    }

    /// The packed form (see [`packed`]); empty for an empty context.
    #[inline]
    pub fn packed(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |inner| inner.packed.as_bytes())
    }

    /// As [`Context::packed`], by value.
    #[inline]
    pub fn to_packed(&self) -> Packed {
        self.0.as_ref().map_or(Packed::EMPTY, |inner| inner.packed.clone())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// This context inside the given span of this process.
    ///
    /// A span of the same trace keeps the trace state and the random flag. A new trace has no
    /// state, and its flag says random: ids of this crate are.
    #[must_use]
    pub fn with_span(&self, trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        let (span, travels) = self.inner_span(trace_id, span_id, sampled);
        let ids = (span.trace_id, span.span_id);
        let inner = match &self.0 {
            None => {
                let inner = Ids { span: Some(span), ..Ids::default() };
                Inner::new(inner, travels, Packed::of_span(ids))
            }
            Some(outer) => {
                let packed = outer.packed.with_span(outer.ids.span.is_some(), ids);
                Inner::new(Ids { span: Some(span), ..outer.ids.clone() }, travels, packed)
            }
        };
        Self(Some(Arc::new(inner)))
    }

    /// Becomes `outer` inside the given span, as [`Context::with_span`] makes it. When nobody else
    /// has this context, its memory is used again.
    #[inline]
    pub fn become_span_of(
        &mut self,
        outer: &Self,
        trace_id: TraceId,
        span_id: SpanId,
        sampled: bool,
    ) {
        match self.0.as_mut().and_then(Arc::get_mut) {
            Some(inner) => {
                let (span, travels) = outer.inner_span(trace_id, span_id, sampled);
                inner.become_span_of(outer, span, travels);
            }
            None => *self = outer.with_span(trace_id, span_id, sampled),
        }
    }

    /// A span of this process inside this context, and what travels with it.
    #[inline(always)]
    fn inner_span(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
        sampled: bool,
    ) -> (Span, Option<Arc<Travels>>) {
        let parent = self.span().filter(|span| span.trace_id == trace_id);
        let flags = parent.map_or(TraceFlags::RANDOM, |span| span.flags).with_sampled(sampled);
        let sampling = match parent.map(|span| span.sampling) {
            Some(Sampling::Debug) if sampled => Sampling::Debug,
            _ => Sampling::Decided,
        };
        let travels = match self.0.as_ref().and_then(|inner| inner.travels.as_ref()) {
            Some(travels) if parent.is_none() && travels.state.is_some() => {
                travels.with_state(None)
            }
            travels => travels.cloned(),
        };
        (Span { trace_id, span_id, flags, sampling, remote: false }, travels)
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
        let travels = self.travels().and_then(|travels| travels.with_state(None));
        self.with_parts(None, travels)
    }

    /// This context with other baggage.
    #[must_use]
    pub fn with_baggage(&self, baggage: Baggage) -> Self {
        let state = self.trace_state().cloned();
        self.with_parts(self.span().copied(), Travels { state, baggage }.shared())
    }

    pub(crate) fn with_foreign(&self, span: Span, state: Option<TraceState>) -> Self {
        let baggage = self.baggage().clone();
        self.with_parts(Some(span), Travels { state, baggage }.shared())
    }

    /// This context in the span that `other` is in, if it is in one.
    pub(crate) fn in_span_of(&self, other: &Self) -> Self {
        match other.span() {
            Some(span) if Some(span) != self.span() => {
                self.with_foreign(*span, other.trace_state().cloned())
            }
            _ => self.clone(),
        }
    }

    fn with_parts(&self, span: Option<Span>, travels: Option<Arc<Travels>>) -> Self {
        Self::new(Ids { span, ..self.ids_cloned() }, travels)
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
        let mut ids = self.ids_cloned();
        ids.job = job.or(ids.job);
        ids.worker = worker.or(ids.worker);
        ids.session = session.or(ids.session);
        Self::new(ids, self.0.as_ref().and_then(|inner| inner.travels.clone()))
    }

    /// This context, with what it does not know filled in from `outer`.
    ///
    /// A span that was created elsewhere and is entered here keeps its own ids and takes the rest
    /// from the code that enters it.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        self.filled(outer).unwrap_or_else(|| self.clone())
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
        let travels = self.travels_over(outer);
        let (ids, outer) = (self.ids_cloned(), outer.ids_cloned());
        let joined = Ids {
            span: ids.span.or(outer.span),
            job: ids.job.or(outer.job),
            worker: ids.worker.or(outer.worker),
            session: ids.session.or(outer.session),
        };
        Self::new(joined, travels)
    }

    /// The state of whichever span it is, and the first baggage.
    fn travels_over(&self, outer: &Self) -> Option<Arc<Travels>> {
        if self.travels().is_none() && outer.travels().is_none() {
            return None;
        }
        let of_span = if self.span().is_some() { self } else { outer };
        let of_baggage = if self.baggage().is_empty() { outer } else { self };
        let state = of_span.trace_state().cloned();
        Travels { state, baggage: of_baggage.baggage().clone() }.shared()
    }

    /// The future, or with the feature `stream` the stream, with this context around every poll.
    pub fn wrap<F>(self, future: F) -> Wrapped<F> {
        Wrapped::new(self, false, future)
    }

    fn new(ids: Ids, travels: Option<Arc<Travels>>) -> Self {
        if travels.is_none() && ids.is_empty() {
            return Self(None);
        }
        let span = ids.span.map(|span| (span.trace_id, span.span_id));
        let packed =
            packed::pack(span, ids.job.as_ref(), ids.worker.as_ref(), ids.session.as_ref());
        Self(Some(Arc::new(Inner::new(ids, travels, packed))))
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.0.as_ref()?.ids.span.as_ref()
    }

    fn travels(&self) -> Option<&Travels> {
        self.0.as_ref()?.travels.as_deref()
    }

    #[inline]
    pub(crate) fn has(&self) -> u8 {
        self.0.as_ref().map_or(0, |inner| inner.has)
    }

    fn ids(&self) -> Option<&Ids> {
        self.0.as_ref().map(|inner| &inner.ids)
    }

    fn ids_cloned(&self) -> Ids {
        self.ids().cloned().unwrap_or_default()
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

impl Span {
    #[inline]
    fn has(&self) -> u8 {
        let is_out = self.sampling != Sampling::Deferred && !self.flags.is_sampled();
        if is_out { SPAN | UNSAMPLED } else { SPAN }
    }
}

/// Which parts there are.
fn has(ids: &Ids, travels: Option<&Travels>) -> u8 {
    let part = |is_there: bool, part: u8| if is_there { part } else { 0 };
    ids.span.map_or(0, |span| span.has())
        | part(ids.job.is_some(), JOB)
        | part(ids.worker.is_some(), WORKER)
        | part(ids.session.is_some(), SESSION)
        | part(travels.is_some_and(|travels| !travels.baggage.is_empty()), BAGGAGE)
}

impl Ids {
    fn is_empty(&self) -> bool {
        self.span.is_none() && self.job.is_none() && self.worker.is_none() && self.session.is_none()
    }
}

impl Travels {
    /// This, where there is something of it.
    fn shared(self) -> Option<Arc<Self>> {
        (self.state.is_some() || !self.baggage.is_empty()).then(|| Arc::new(self))
    }

    fn with_state(&self, state: Option<TraceState>) -> Option<Arc<Self>> {
        Self { state, baggage: self.baggage.clone() }.shared()
    }
}

// The parts of a context that there can be, a bit each.
pub(crate) const JOB: u8 = 1;
pub(crate) const SPAN: u8 = 2;
pub(crate) const UNSAMPLED: u8 = 4;
const WORKER: u8 = 8;
const SESSION: u8 = 16;
const BAGGAGE: u8 = 32;
