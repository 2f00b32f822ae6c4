//! The current context of a thread, its snapshots and the guard that puts one in place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::packed::{self, Packed};
use crate::{CorrelationId, SpanId, TraceId, Wrapped, leave};

/// A snapshot of what a piece of code works for. Cheap to clone, immutable, `Send`.
#[derive(Clone, Default)]
pub struct Context(Option<Arc<Inner>>);

struct Inner {
    ids: Ids,
    packed: Packed,
}

impl Inner {
    #[inline(always)]
    fn become_span_of(&mut self, outer: &Context, (trace, span, sampled): (TraceId, SpanId, bool)) {
        self.ids.span = Some((trace, span, sampled));
        match &outer.0 {
            None => {
                (self.ids.job, self.ids.worker, self.ids.session) = (None, None, None);
                self.packed.become_span_of(&[], (trace, span));
            }
            Some(outer) => {
                let Ids { span: around, job, worker, session } = &outer.ids;
                become_same(&mut self.ids.job, job);
                become_same(&mut self.ids.worker, worker);
                become_same(&mut self.ids.session, session);
                self.packed
                    .become_span_of(outer.packed.behind_span(around.is_some()), (trace, span));
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

/// The parts of a context. `span` holds trace, span and whether the trace is sampled.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Ids {
    pub(crate) span: Option<(TraceId, SpanId, bool)>,
    pub(crate) job: Option<CorrelationId>,
    pub(crate) worker: Option<CorrelationId>,
    pub(crate) session: Option<CorrelationId>,
}

impl Context {
    /// The context of the calling thread; empty when none was entered.
    pub fn current() -> Self {
        with_current(Clone::clone)
    }

    /// The trace, when code runs inside a span.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.ids().and_then(|ids| ids.span).map(|(trace, _, _)| trace)
    }

    /// The innermost span.
    pub fn span_id(&self) -> Option<SpanId> {
        self.ids().and_then(|ids| ids.span).map(|(_, span, _)| span)
    }

    /// Whether the trace is recorded; `None` outside of a span.
    pub fn is_sampled(&self) -> Option<bool> {
        self.ids().and_then(|ids| ids.span).map(|(_, _, sampled)| sampled)
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

    /// This context inside the given span.
    #[must_use]
    pub fn with_span(&self, trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        Self(Some(Arc::new(self.inner_with_span(trace_id, span_id, sampled))))
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
            Some(inner) => inner.become_span_of(outer, (trace_id, span_id, sampled)),
            None => *self = outer.with_span(trace_id, span_id, sampled),
        }
    }

    #[inline(always)]
    fn inner_with_span(&self, trace_id: TraceId, span_id: SpanId, sampled: bool) -> Inner {
        let span = Some((trace_id, span_id, sampled));
        match &self.0 {
            None => Inner {
                ids: Ids { span, ..Ids::default() },
                packed: Packed::of_span((trace_id, span_id)),
            },
            Some(outer) => Inner {
                ids: Ids { span, ..outer.ids.clone() },
                packed: outer.packed.with_span(outer.ids.span.is_some(), (trace_id, span_id)),
            },
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
        let mut ids = self.ids_cloned();
        ids.job = job.or(ids.job);
        ids.worker = worker.or(ids.worker);
        ids.session = session.or(ids.session);
        Self::new(ids)
    }

    /// This context, with what it does not know filled in from `outer`.
    ///
    /// A span that was created elsewhere and is entered here keeps its own ids and takes the rest
    /// from the code that enters it.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        self.filled(outer).unwrap_or_else(|| self.clone())
    }

    /// As [`Context::over`], in place.
    #[inline]
    pub fn fill(&mut self, outer: &Self) {
        if let Some(filled) = self.filled(outer) {
            *self = filled;
        }
    }

    /// This context over `outer`, when that is another one.
    #[inline]
    fn filled(&self, outer: &Self) -> Option<Self> {
        let outer_ids = outer.ids()?;
        let Some(ids) = self.ids() else { return Some(outer.clone()) };
        let adds = (ids.span.is_none() && outer_ids.span.is_some())
            || (ids.job.is_none() && outer_ids.job.is_some())
            || (ids.worker.is_none() && outer_ids.worker.is_some())
            || (ids.session.is_none() && outer_ids.session.is_some());
        let fill = || {
            let (ids, outer) = (ids.clone(), outer_ids.clone());
            Self::new(Ids {
                span: ids.span.or(outer.span),
                job: ids.job.or(outer.job),
                worker: ids.worker.or(outer.worker),
                session: ids.session.or(outer.session),
            })
        };
        adds.then(fill)
    }

    /// Makes this the thread's context until the guard is dropped, whatever was current before.
    pub fn attach(&self) -> Attached {
        Attached { previous: Some(self.clone().replace_current()), not_send: PhantomData }
    }

    /// Runs `f` in this context.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _attached = self.attach();
        f()
    }

    /// The future, with this context around every poll.
    pub fn wrap<F: Future>(self, future: F) -> Wrapped<F> {
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

    pub(crate) fn new(ids: Ids) -> Self {
        if ids == Ids::default() {
            return Self(None);
        }
        let span = ids.span.map(|(trace, span, _)| (trace, span));
        let packed =
            packed::pack(span, ids.job.as_ref(), ids.worker.as_ref(), ids.session.as_ref());
        Self(Some(Arc::new(Inner { ids, packed })))
    }

    fn kinds(&self) -> u8 {
        let job = if self.job_id().is_some() { JOB } else { 0 };
        let trace = match self.is_sampled() {
            None => 0,
            Some(true) => TRACE,
            Some(false) => TRACE | UNSAMPLED,
        };
        job | trace
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
            .finish()
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
    /// What the current context has, of [`JOB`], [`TRACE`] and [`UNSAMPLED`]. For whoever asks often: without a
    /// destructor to look after, it is one load.
    static HAS: Cell<u8> = const { Cell::new(0) };
}
