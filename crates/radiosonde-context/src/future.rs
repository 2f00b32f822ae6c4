//! A future or stream with a context around everything it does.

use std::pin::Pin;
use std::task::{self, Poll};

use crate::along::Taken;
use crate::current::Attached;
use crate::{Context, scope};

/// The future, with the current context around every poll, for whatever takes a future and runs it
/// elsewhere: `select!`, `FuturesUnordered`, an executor without a helper of ours.
///
/// ```
/// use radiosonde_context::{Context, scope, wrap};
///
/// let future = scope().job("job-7").run(|| wrap(async { Context::current() }));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(future.await.job_id(), Some("job-7"));
/// # });
/// ```
pub fn wrap<F>(future: F) -> Wrapped<F> {
    Context::current().wrap(future)
}

pin_project_lite::pin_project! {
    /// A future that is polled, and dropped, inside a context; with the feature `stream` a stream
    /// too. Made by [`wrap`], [`Scope::wrap`](crate::Scope::wrap) and [`Context::wrap`]. As cancel
    /// safe as what is inside: what that says while it is dropped half-way has its ids as well.
    #[must_use = "futures do nothing unless awaited or spawned"]
    #[derive(Debug)]
    pub struct Wrapped<F> {
        context: Context,
        fill: bool,
        along: Taken,
        // Taken by nobody but the drop below.
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for Wrapped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.along.around(|| {
                let _attached = attach(this.context, *this.fill);
                this.inner.set(None);
            });
        }
    }
}

impl<F> Wrapped<F> {
    /// `fill`: gaps are filled from the context around each poll, as a scope does; otherwise the
    /// context stands as it is.
    pub(crate) fn new(context: Context, fill: bool, inner: F) -> Self {
        Self { context, fill, along: Taken::now(), inner: Some(inner) }
    }
}

impl<F: Future> Future for Wrapped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.along.around(|| {
            let _attached = attach(this.context, *this.fill);
            this.inner.as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
        })
    }
}

#[cfg(feature = "stream")]
impl<S: futures_core::Stream> futures_core::Stream for Wrapped<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        this.along.around(|| {
            let _attached = attach(this.context, *this.fill);
            this.inner.as_pin_mut().map_or(Poll::Ready(None), |stream| stream.poll_next(cx))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), futures_core::Stream::size_hint)
    }
}

fn attach(context: &Context, fill: bool) -> Attached {
    if fill { scope::entered(context).around() } else { context.clone().around() }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::{Context, scope, wrap};

    /// Notes the job it is dropped in.
    struct Notes(Arc<Mutex<Vec<Option<String>>>>);

    impl Drop for Notes {
        fn drop(&mut self) {
            let job = Context::current().job_id().map(str::to_owned);
            self.0.lock().unwrap().push(job);
        }
    }

    #[test]
    fn what_a_future_drops_when_it_is_cancelled_has_its_job() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = || {
            let notes = Notes(Arc::clone(&seen));
            async move {
                let _notes = notes;
                std::future::pending::<()>().await;
            }
        };
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let unpolled = scope().job("unpolled").wrap(notes());
        drop(unpolled);
        let mut polled = Box::pin(scope().job("polled").run(|| wrap(notes())));
        assert!(polled.as_mut().poll(&mut cx).is_pending());
        scope().job("another").run(|| drop(polled));
        let jobs: Vec<_> = seen.lock().unwrap().iter().map(Option::clone).collect();
        assert_eq!(jobs, [Some("unpolled".to_owned()), Some("polled".to_owned())]);
        assert!(Context::current().is_empty());
    }

    #[test]
    fn a_future_that_panics_leaves_its_context() {
        let mut future = Box::pin(scope().job("j").wrap(async { panic!("boom") }));
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _never: std::task::Poll<()> = future.as_mut().poll(&mut cx);
        }));
        assert!(polled.is_err());
        assert!(Context::current().is_empty());
    }

    #[cfg(feature = "stream")]
    #[test]
    fn a_stream_has_its_context_at_every_item() {
        use futures_core::Stream;

        struct Jobs;
        impl Stream for Jobs {
            type Item = Option<String>;
            fn poll_next(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Self::Item>> {
                std::task::Poll::Ready(Some(Context::current().job_id().map(str::to_owned)))
            }
        }
        let mut stream = Box::pin(scope().job("j").wrap(Jobs));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..2 {
            let item = stream.as_mut().poll_next(&mut cx);
            assert_eq!(item, std::task::Poll::Ready(Some(Some("j".to_owned()))));
            assert!(Context::current().is_empty());
        }
        assert_eq!(stream.size_hint(), (0, None));
    }
}
