//! `scope().job(…)`: the builder an application uses to say what it is working on.

use crate::current::Attached;
use crate::{Context, CorrelationId, Wrapped};

/// Begins a scope inside the context that is current now.
///
/// ```
/// # use radiosonde_context::scope;
/// let total = scope().job("job-7").session("s-1").run(|| 6 * 7);
/// assert_eq!(total, 42);
/// ```
pub fn scope() -> Scope {
    Scope { context: Context::current() }
}

/// Job, worker and session for a piece of code. Made by [`scope`].
///
/// Where it is entered, it keeps what it was given and takes the rest (an enclosing span, a
/// worker set further out) from the code around it.
#[derive(Clone, Debug)]
#[must_use = "a scope does nothing until `run`, `enter` or `wrap`"]
pub struct Scope {
    context: Context,
}

impl Scope {
    /// Sets the job id. See the crate documentation for ids that do not fit.
    pub fn job(self, id: impl AsRef<str>) -> Self {
        let id = CorrelationId::sanitize(id.as_ref());
        Self { context: self.context.with_ids(id, None, None) }
    }

    /// Sets the worker id.
    pub fn worker(self, id: impl AsRef<str>) -> Self {
        let id = CorrelationId::sanitize(id.as_ref());
        Self { context: self.context.with_ids(None, id, None) }
    }

    /// Sets the session id.
    pub fn session(self, id: impl AsRef<str>) -> Self {
        let id = CorrelationId::sanitize(id.as_ref());
        Self { context: self.context.with_ids(None, None, id) }
    }

    /// Runs `f` in the scope.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let _entered = entered(&self.context).around();
        f()
    }

    /// Enters the scope on this thread until the guard is dropped. In async code use
    /// [`Scope::wrap`]: a guard held over an `.await` would leak the scope into other tasks.
    pub fn enter(self) -> Attached {
        entered(&self.context).attach()
    }

    /// The future, with the scope around every poll: it holds through each `.await`, on whatever
    /// thread the task continues. With the feature `stream` streams too.
    pub fn wrap<F>(self, future: F) -> Wrapped<F> {
        Wrapped::new(self.context, true, future)
    }
}

/// `context` with the gaps filled from the current one. The span is the exception: code that runs
/// inside a span is in that span, wherever the scope was made.
pub(crate) fn entered(context: &Context) -> Context {
    crate::with_current(|current| context.in_span_of(current).over(current))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpanId, TraceId};

    #[test]
    fn the_inner_scope_wins_and_the_outer_one_comes_back() {
        let _outer = scope().job("outer").worker("w-1").enter();
        scope().job("inner").run(|| {
            assert_eq!(Context::current().job_id(), Some("inner"));
            assert_eq!(Context::current().worker_id(), Some("w-1"));
        });
        assert_eq!(Context::current().job_id(), Some("outer"));
    }

    #[test]
    fn a_scope_made_outside_a_span_is_in_the_span_it_is_entered_in() {
        let made_outside = scope().job("j");
        let (trace, span) = (TraceId::random(), SpanId::random());
        let _in_span = Context::default().with_span(trace, span, true).attach();
        made_outside.run(|| {
            assert_eq!(Context::current().span_id(), Some(span));
            assert_eq!(Context::current().job_id(), Some("j"));
        });
    }

    #[test]
    fn a_scope_taken_to_another_thread_brings_its_span() {
        let (trace, span) = (TraceId::random(), SpanId::random());
        let _in_span = Context::default().with_span(trace, span, true).attach();
        let scope = scope().job("j");
        let there = std::thread::spawn(move || scope.run(|| Context::current().trace_id()));
        assert_eq!(there.join().unwrap(), Some(trace));
    }

    #[test]
    fn a_panic_inside_a_scope_leaves_it() {
        let caught = std::panic::catch_unwind(|| scope().job("j").run(|| panic!("boom")));
        assert!(caught.is_err());
        assert!(Context::current().is_empty());
    }
}
