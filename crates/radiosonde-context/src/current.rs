//! The current context of a thread, and the guard that puts another one in its place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use crate::order::{Later, Place};
use crate::parts::{JOB, SPAN, UNSAMPLED};
use crate::{Context, leave};

impl Context {
    /// The context of the calling thread; empty when none was entered.
    pub fn current() -> Self {
        with_current(Clone::clone)
    }

    /// Makes this the thread's context until the guard is dropped, whatever was current before. Of
    /// two guards that are not dropped in reverse order the later one stays in place, and brings back
    /// what was there before both. A guard that is made inside a span, a poll or a closure that ends
    /// before it ends with that.
    #[inline]
    pub fn attach(&self) -> Attached {
        Attached::new(self.clone(), Later::Stay)
    }

    /// As [`Context::attach`], for code that comes to an end: guards that it leaves behind end with
    /// it, so that they are in nobody else's way.
    #[inline]
    pub(crate) fn around(self) -> Attached {
        Attached::new(self, Later::End)
    }

    /// Runs `f` in this context.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _attached = self.clone().around();
        f()
    }

    /// Makes this the thread's context until the change is taken back by a call: for layers whose
    /// enter and exit are separate calls. Prefer [`Context::attach`].
    #[inline]
    pub fn replace(mut self) -> Replaced {
        let place = Place::next();
        self.swap_current();
        Replaced { previous: self, place, not_send: PhantomData }
    }

    /// Makes this the thread's context and returns the one before. Prefer [`Context::attach`];
    /// this is for layers whose enter and exit are separate calls.
    pub fn replace_current(mut self) -> Self {
        self.swap_current();
        self
    }

    /// As [`Context::replace_current`], in place: this becomes the one before.
    #[inline]
    pub fn swap_current(&mut self) {
        let swap = |slot: &Slot| {
            // The cell is only ever borrowed for a clone or a swap, never across user code.
            if let Ok(mut current) = slot.context.try_borrow_mut() {
                HAS.set(self.has());
                std::mem::swap(&mut *current, self);
                return true;
            }
            false
        };
        if !CURRENT.try_with(swap).unwrap_or_default() {
            *self = Self::default();
        }
        leave::left(self);
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
    HAS.get() & SPAN != 0
}

/// Whether a job or a trace is current on this thread: one thread-local load for both.
#[inline]
pub fn has_job_or_trace() -> bool {
    HAS.get() & (JOB | SPAN) != 0
}

/// Whether the trace that is current on this thread is one that is not sampled: one thread-local
/// load.
#[inline]
pub fn is_sampled_out() -> bool {
    HAS.get() & UNSAMPLED != 0
}

/// A change of the thread's context that is to be taken back by a call on the same thread. Dropped, it
/// stays in force.
#[derive(Debug)]
#[must_use = "the change stays in force unless it is taken back"]
pub struct Replaced {
    previous: Context,
    place: Place,
    // As of a guard.
    not_send: PhantomData<*const ()>,
}

impl Replaced {
    /// The context that will be brought back.
    pub fn previous(&self) -> &Context {
        &self.previous
    }

    /// Brings back another one.
    pub fn set_previous(&mut self, previous: Context) {
        self.previous = previous;
    }

    /// Takes the change back, and whatever was changed since: guards that live on end with it.
    #[inline]
    pub fn leave(self) {
        self.place.leave(self.previous, Later::End);
    }

    /// Takes the change back. What was changed since stays in force, and brings back what was there
    /// before both.
    #[inline]
    pub fn leave_below(self) {
        self.place.leave(self.previous, Later::Stay);
    }
}

/// Keeps a context in place on this thread; dropping it brings back the one before.
#[must_use = "the context is left when this guard is dropped: bind it with `let _scope = …`"]
pub struct Attached {
    previous: Context,
    place: Place,
    later: Later,
    // Contexts are per thread: the guard must be dropped where it was made.
    not_send: PhantomData<*const ()>,
}

impl Attached {
    #[inline]
    fn new(mut context: Context, later: Later) -> Self {
        let place = Place::next();
        context.swap_current();
        Self { previous: context, place, later, not_send: PhantomData }
    }
}

impl Drop for Attached {
    #[inline]
    fn drop(&mut self) {
        self.place.leave(std::mem::take(&mut self.previous), self.later);
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

thread_local! {
    static CURRENT: Slot = const { Slot { context: RefCell::new(Context::EMPTY) } };
    /// Which parts the current context has. For whoever asks often: without a destructor to look
    /// after, it is one load.
    static HAS: Cell<u8> = const { Cell::new(0) };
}
