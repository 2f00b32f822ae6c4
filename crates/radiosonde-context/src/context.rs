//! The current context of a thread, its snapshots and the guard that puts one in place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::packed::{self, Packed};
use crate::{
    Baggage, CorrelationId, SpanId, TraceFlags, TraceId, TraceState, Wrapped, baggage, leave,
};

/// A snapshot of what a piece of code works for. Cheap to clone, immutable, `Send`.
#[derive(Clone, Default)]
pub struct Context(Option<Arc<Inner>>);

struct Inner {
    ids: Ids,
    /// Nothing for most.
    travels: Option<Arc<Travels>>,
    packed: Packed,
}

impl Inner {
    #[inline(always)]
    fn become_span_of(&mut self, outer: &Context, span: Span, travels: Option<Arc<Travels>>) {
        self.ids.span = Some(span);
        if self.travels.is_some() || travels.is_some() {
            self.travels = travels;
        }
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
    /// The context of the calling thread; empty when none was entered.
    pub fn current() -> Self {
        with_current(Clone::clone)
    }

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
            None => Inner {
                ids: Ids { span: Some(span), ..Ids::default() },
                travels,
                packed: Packed::of_span(ids),
            },
            Some(outer) => Inner {
                ids: Ids { span: Some(span), ..outer.ids.clone() },
                travels,
                packed: outer.packed.with_span(outer.ids.span.is_some(), ids),
            },
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
    fn filled(&self, outer: &Self) -> Option<Self> {
        let outer_ids = outer.ids()?;
        let Some(ids) = self.ids() else { return Some(outer.clone()) };
        let adds = (ids.span.is_none() && outer_ids.span.is_some())
            || (ids.job.is_none() && outer_ids.job.is_some())
            || (ids.worker.is_none() && outer_ids.worker.is_some())
            || (ids.session.is_none() && outer_ids.session.is_some())
            || (self.baggage().is_empty() && !outer.baggage().is_empty());
        let fill = || {
            let travels = self.travels_over(outer);
            let (ids, outer) = (ids.clone(), outer_ids.clone());
            let filled = Ids {
                span: ids.span.or(outer.span),
                job: ids.job.or(outer.job),
                worker: ids.worker.or(outer.worker),
                session: ids.session.or(outer.session),
            };
            Self::new(filled, travels)
        };
        adds.then(fill)
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

    /// Makes this the thread's context until the guard is dropped, whatever was current before.
    /// Guards, and spans that are entered, are left in reverse order: what is left out of order brings
    /// back a context that was left before.
    pub fn attach(&self) -> Attached {
        Attached { previous: Some(self.clone().replace_current()), not_send: PhantomData }
    }

    /// Runs `f` in this context.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _attached = self.attach();
        f()
    }

    /// The future, or with the feature `stream` the stream, with this context around every poll.
    pub fn wrap<F>(self, future: F) -> Wrapped<F> {
        Wrapped::new(self, false, future)
    }

    /// This context [`over`](Context::over) the current one, made current; returns the one before.
    /// As [`Context::replace_current`], for layers.
    pub fn enter_over_current(self) -> Self {
        let entered = with_current(|current| self.filled(current)).unwrap_or(self);
        entered.replace_current()
    }

    /// Makes this the thread's context and returns the one before. Prefer [`Context::attach`];
    /// this is for layers whose enter and exit are separate calls.
    pub fn replace_current(self) -> Self {
        let swap = |slot: &Slot| {
            let changed = slot.context.try_borrow_mut().map(|mut current| {
                HAS.set(self.kinds());
                std::mem::replace(&mut *current, self)
            });
            // The cell is only ever borrowed for a clone or a swap, never across user code.
            changed.unwrap_or_default()
        };
        let before = CURRENT.try_with(swap).unwrap_or_default();
        leave::left(&before);
        before
    }

    fn new(ids: Ids, travels: Option<Arc<Travels>>) -> Self {
        if travels.is_none() && ids.is_empty() {
            return Self(None);
        }
        let span = ids.span.map(|span| (span.trace_id, span.span_id));
        let packed =
            packed::pack(span, ids.job.as_ref(), ids.worker.as_ref(), ids.session.as_ref());
        Self(Some(Arc::new(Inner { ids, travels, packed })))
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.0.as_ref()?.ids.span.as_ref()
    }

    fn travels(&self) -> Option<&Travels> {
        self.0.as_ref()?.travels.as_deref()
    }

    fn kinds(&self) -> u8 {
        let job = if self.job_id().is_some() { JOB } else { 0 };
        let trace = if self.trace_id().is_some() { TRACE } else { 0 };
        let unsampled = if self.is_sampled() == Some(false) { UNSAMPLED } else { 0 };
        job | trace | unsampled
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

/// Calls `f` with the thread's context, without cloning it. `f` must not enter a scope.
#[inline(always)]
pub fn with_current<R>(f: impl FnOnce(&Context) -> R) -> R {
    let mut f = Some(f);
    let found = CURRENT.try_with(|slot| {
        let current = slot.context.try_borrow().ok()?;
        f.take().map(|f| f(&current))
    });
    match (found, f) {
        (Ok(Some(result)), _) => result,
        (_, Some(f)) => f(&Context::default()),
        // `f` was taken and so the first arm has its result.
        (_, None) => unreachable!("a taken closure has returned"),
    }
}

/// Whether a job is current on this thread: one thread-local load.
#[inline]
pub fn has_job() -> bool {
    HAS.get() & JOB != 0
}

/// Whether a trace is current on this thread: one thread-local load.
#[inline]
pub fn has_trace() -> bool {
    HAS.get() & TRACE != 0
}

/// Whether a job or a trace is current on this thread: one thread-local load for both.
#[inline]
pub fn has_job_or_trace() -> bool {
    HAS.get() != 0
}

/// Whether the trace that is current on this thread is one that is not sampled: one thread-local
/// load.
#[inline]
pub fn is_sampled_out() -> bool {
    HAS.get() & UNSAMPLED != 0
}

/// Keeps a context in place on this thread; dropping it brings back the one before.
#[must_use = "the context is left when this guard is dropped: bind it with `let _scope = …`"]
pub struct Attached {
    previous: Option<Context>,
    // Contexts are per thread: the guard must be dropped where it was made.
    not_send: PhantomData<*const ()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(previous) = self.previous.take() {
            let _left = previous.replace_current();
        }
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached")
    }
}

struct Slot {
    context: RefCell<Context>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        HAS.set(0);
        leave::left(&self.context.take());
    }
}

const JOB: u8 = 1;
const TRACE: u8 = 2;
const UNSAMPLED: u8 = 4;

thread_local! {
    static CURRENT: Slot = const { Slot { context: RefCell::new(Context(None)) } };
    /// What the current context has, of [`JOB`], [`TRACE`] and [`UNSAMPLED`]. For whoever asks
    /// often: without a destructor to look after, it is one load.
    static HAS: Cell<u8> = const { Cell::new(0) };
}
