//! Which attempt a request is: retries and redirects come through the client layer again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

/// Counts how often one request was sent: clones of it share the count.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// Counts one more, and says how many there were before: `http.request.resend_count`.
    pub(super) fn next(extensions: &Extensions) -> Option<u32> {
        let Self(count) = extensions.get()?;
        Some(count.fetch_add(1, Ordering::Relaxed)).filter(|before| *before > 0)
    }
}

/// Stands outside of what sends a request again (retries, redirects), with a
/// [`ClientLayer`](super::ClientLayer) inside of it: the spans of the attempts then say which one they
/// are, in `http.request.resend_count`.
///
/// What retries must keep the extensions of the request, as `Request::clone` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptsLayer;

/// A service whose requests count their attempts. Made by [`AttemptsLayer`].
#[derive(Clone, Debug)]
pub struct CountAttempts<S> {
    inner: S,
}

impl<S> Layer<S> for AttemptsLayer {
    type Service = CountAttempts<S>;

    fn layer(&self, inner: S) -> CountAttempts<S> {
        CountAttempts { inner }
    }
}

impl<S, B> Service<Request<B>> for CountAttempts<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let _before = request.extensions_mut().insert(Attempts::default());
        self.inner.call(request)
    }
}
