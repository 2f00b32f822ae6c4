//! How large the bodies of requests are.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{Request, header};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use crate::exchange::{NOT_COUNTED, NOT_READ, RequestBytes};

/// Left with a request that has a body, for whoever counts it.
#[derive(Clone, Debug)]
struct Count(Arc<AtomicU64>);

/// The size of a request's body, when there is none, or what will be known of it: what a client announces
/// need not come.
pub(super) fn of<B: Body + 'static>(request: &mut Request<B>) -> RequestBytes {
    let exact = request.body().size_hint().exact();
    if exact == Some(0) {
        return RequestBytes::Known(0);
    }
    #[cfg(feature = "axum")]
    if let Some(body) =
        (request.body_mut() as &mut dyn std::any::Any).downcast_mut::<axum::body::Body>()
    {
        let counted = Arc::new(AtomicU64::new(NOT_READ));
        let inner = std::mem::take(body);
        *body = axum::body::Body::new(RequestBody { inner, bytes: Some(counted.clone()) });
        return RequestBytes::Counted(counted, None);
    }
    let length = || request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    let announced = exact.or_else(length);
    let counted = Arc::new(AtomicU64::new(NOT_COUNTED));
    let _before = request.extensions_mut().insert(Count(counted.clone()));
    RequestBytes::Counted(counted, announced)
}

/// Counts bodies of requests as far as they are read, for a [`ServerLayer`](super::ServerLayer) outside of
/// it, which otherwise knows only the lengths that are announced.
///
/// The layer changes the type of the body the service gets, and is one of its own for that reason.
/// With axum and the feature `axum` it is not needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountRequestBodyLayer;

/// A service whose requests are counted. Made by [`CountRequestBodyLayer`].
#[derive(Clone, Debug)]
pub struct CountRequestBody<S> {
    inner: S,
}

impl<S> Layer<S> for CountRequestBodyLayer {
    type Service = CountRequestBody<S>;

    fn layer(&self, inner: S) -> CountRequestBody<S> {
        CountRequestBody { inner }
    }
}

impl<S, B> Service<Request<B>> for CountRequestBody<S>
where
    S: Service<Request<RequestBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let bytes = request.extensions_mut().remove().map(|Count(bytes)| bytes);
        if let Some(bytes) = &bytes {
            bytes.store(NOT_READ, Ordering::Relaxed);
        }
        self.inner.call(request.map(|inner| RequestBody { inner, bytes }))
    }
}

pin_project_lite::pin_project! {
    /// The body of a request, counted while it is read and handed on as it comes.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        bytes: Option<Arc<AtomicU64>>,
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(bytes) = this.bytes {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            let more = data.map_or(0, |data| data.remaining() as u64);
            // One task reads a body: nobody else writes here.
            let before = bytes.load(Ordering::Relaxed);
            let before = if before == NOT_READ { 0 } else { before };
            bytes.store(before.saturating_add(more), Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
