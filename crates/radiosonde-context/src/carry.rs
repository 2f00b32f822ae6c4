//! Contexts that go along with closures and values.

use std::fmt;

use crate::along::Taken;
use crate::{Context, with_current};

/// The closure, to be run once and elsewhere in the context that is current now: for
/// `rayon::spawn`, a thread pool, a callback.
///
/// ```
/// use radiosonde_context::{Context, carry, scope};
///
/// let task = scope().job("job-7").run(|| carry(|| Context::current()));
/// assert_eq!(std::thread::spawn(task).join().unwrap().job_id(), Some("job-7"));
/// ```
///
/// The context stands as it was, whatever is current where the closure runs: a thread of a pool may
/// take it up in the middle of something else. A closure that is dropped without having run is
/// dropped in its context too.
pub fn carry<T, F: FnOnce() -> T>(f: F) -> impl FnOnce() -> T {
    let mut carried = Carried::new(f);
    move || {
        let f = carried.take();
        carried.along.around(|| carried.context.run(f))
    }
}

/// As [`carry`], for a closure that is called with something, often and from several threads:
/// `par_iter().map(carry_fn(f))`.
///
/// ```
/// use radiosonde_context::{Context, carry_fn, scope};
///
/// let job = |row: u32| (row, Context::current().job_id().map(str::to_owned));
/// let job = scope().job("job-7").run(|| carry_fn(job));
/// assert_eq!((0..2).map(job).last(), Some((1, Some("job-7".to_owned()))));
/// ```
pub fn carry_fn<A, T, F: Fn(A) -> T>(f: F) -> impl Fn(A) -> T {
    let carried = Carried::new(f);
    move |argument| carried.along.around(|| carried.context.run(|| carried.value()(argument)))
}

/// A value with the context it was made in, to be sent through a channel or kept in a queue of this
/// process. Dropped unused, it is dropped in its context.
///
/// ```
/// use std::sync::mpsc;
///
/// use radiosonde_context::{Carried, Context, scope};
///
/// let (sender, receiver) = mpsc::channel();
/// scope().job("job-7").run(|| sender.send(Carried::new("row"))).unwrap();
///
/// receiver.recv().unwrap().run(|row| {
///     assert_eq!((row, Context::current().job_id()), ("row", Some("job-7")));
/// });
/// ```
pub struct Carried<T> {
    context: Context,
    along: Taken,
    /// There until one of the methods that take the whole takes it out.
    value: Option<T>,
}

impl<T> Carried<T> {
    /// The value with the current context.
    pub fn new(value: T) -> Self {
        Self::with_context(value, Context::current())
    }

    /// The value with this context.
    pub fn with_context(value: T, context: Context) -> Self {
        Self { context, along: Taken::now(), value: Some(value) }
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The value.
    pub fn value(&self) -> &T {
        self.value.as_ref().expect(TAKEN_ONCE)
    }

    /// Runs `f` with the value, in its context. What the context does not know, such as the worker
    /// that handles the value, is that of the code around; what both know is the value's.
    pub fn run<R>(mut self, f: impl FnOnce(T) -> R) -> R {
        let value = self.take();
        let context = with_current(|current| self.context.over(current));
        self.along.around(|| context.run(|| f(value)))
    }

    /// Value and context, for async code: `context.wrap(handle(value)).await`, or, to keep what the
    /// code around knows besides, `context.over(&Context::current()).wrap(handle(value)).await`.
    pub fn into_parts(mut self) -> (T, Context) {
        (self.take(), self.context.clone())
    }

    fn take(&mut self) -> T {
        self.value.take().expect(TAKEN_ONCE)
    }
}

const TAKEN_ONCE: &str = "only methods that consume the whole take the value";

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.along.around(|| self.context.run(|| drop(value)));
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carried").field("value", &self.value).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{SpanId, TraceId, scope};

    /// Sends the job it is dropped in.
    struct Notes(mpsc::Sender<Option<String>>);

    impl Drop for Notes {
        fn drop(&mut self) {
            let _sent = self.0.send(job());
        }
    }

    fn job() -> Option<String> {
        Context::current().job_id().map(str::to_owned)
    }

    #[test]
    fn what_is_dropped_unused_is_dropped_in_its_context() {
        let (sender, receiver) = mpsc::channel();
        let notes = || Notes(sender.clone());
        let value = scope().job("value").run(|| Carried::new(notes()));
        let closure = scope().job("closure").run(|| {
            let notes = notes();
            carry(move || drop(notes))
        });
        scope().job("another").run(|| {
            drop(value);
            drop(closure);
        });
        let seen: Vec<_> = receiver.try_iter().flatten().collect();
        assert_eq!(seen, ["value", "closure"]);
    }

    #[test]
    fn a_value_taken_out_takes_no_context_along() {
        let carried = scope().job("j").run(|| Carried::new(7));
        assert_eq!(*carried.value(), 7);
        let (value, context) = carried.into_parts();
        assert_eq!((value, context.job_id(), job()), (7, Some("j"), None));
    }

    #[test]
    fn a_value_is_handled_by_the_worker_around_and_a_closure_as_it_was_made() {
        let ids = || {
            let context = Context::current();
            let id = |id: Option<&str>| id.map(str::to_owned);
            (id(context.job_id()), id(context.worker_id()), context.trace_id())
        };
        let (trace, span) = (TraceId::random(), SpanId::random());
        let in_span = Context::default().with_span(trace, span, true);
        let bare = Carried::new(());
        let (value, closure) = in_span.run(|| (Carried::new(()), carry(ids)));
        let often = in_span.run(|| carry_fn(move |()| ids()));
        let of_job = scope().job("sender").run(|| Carried::new(()));
        let (job, worker) = (|| Some("j".to_owned()), || Some("w-3".to_owned()));
        scope().job("j").worker("w-3").run(|| {
            assert_eq!(value.run(|()| ids()), (job(), worker(), Some(trace)));
            assert_eq!(bare.run(|()| ids()), (job(), worker(), None));
            let sender = Some("sender".to_owned());
            assert_eq!(of_job.run(|()| ids()), (sender, worker(), None));
            assert_eq!(closure(), (None, None, Some(trace)), "threads of pools steal work");
            assert_eq!(often(()), (None, None, Some(trace)));
            assert_eq!(ids(), (job(), worker(), None));
        });
    }

    #[test]
    fn a_panic_inside_leaves_the_context() {
        let carried = scope().job("j").run(|| carry(|| panic!("boom")));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(carried)).is_err());
        assert_eq!(job(), None);
    }

    #[test]
    fn every_way_of_rayon_keeps_the_context() {
        use rayon::prelude::*;

        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let expected = Some("j".to_owned());
        scope().job("j").run(|| {
            let joined = pool.install(carry(|| {
                let (one, other) = (carry(job), carry(job));
                rayon::join(one, other)
            }));
            assert_eq!(joined, (expected.clone(), expected.clone()));

            let all = carry_fn(|number: u32| (number, job()));
            let mapped: Vec<_> = pool.install(|| (0..64).into_par_iter().map(all).collect());
            assert!(mapped.iter().all(|(_, job)| *job == expected), "{mapped:?}");

            let (sender, receiver) = mpsc::channel();
            let spawned = carry(move || sender.send(job()));
            pool.scope(|scope| {
                scope.spawn(|_| {
                    let _sent = spawned();
                });
            });
            assert_eq!(receiver.recv().unwrap(), expected);

            let (sender, receiver) = mpsc::channel();
            pool.spawn(carry(move || {
                let _sent = sender.send(job());
            }));
            assert_eq!(receiver.recv().unwrap(), expected);
        });
        assert_eq!(pool.install(job), None, "the pool's threads keep nothing");
    }
}
