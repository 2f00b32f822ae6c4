//! A future with a context around every poll.

use std::pin::Pin;
use std::task::{self, Poll};

use crate::{Context, scope};

pin_project_lite::pin_project! {
    /// A future that is polled inside a context. Made by [`Scope::wrap`](crate::Scope::wrap) and
    /// [`Context::wrap`]. As cancel safe as the future inside.
    #[must_use = "futures do nothing unless awaited or spawned"]
    pub struct Wrapped<F> {
        context: Context,
        fill: bool,
        #[pin]
        future: F,
    }
}

impl<F> Wrapped<F> {
    /// `fill`: gaps are filled from the context around each poll, as a scope does; otherwise the
    /// context stands as it is.
    pub(crate) fn new(context: Context, fill: bool, future: F) -> Self {
        Self { context, fill, future }
    }
}

impl<F: Future> Future for Wrapped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = if *this.fill { scope::enter(this.context) } else { this.context.attach() };
        this.future.poll(cx)
    }
}
