//! The body of a response, which ends the request with its own end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};

use crate::error_type;
use crate::exchange::{Ending, Exchange};

pin_project_lite::pin_project! {
    /// The body of an observed response, handed on frame by frame as it comes: nothing is buffered.
    ///
    /// Each poll, and its drop, happen inside the span of the request, which ends with the last frame.
    /// Dropped before that, it ends its request as `cancelled`.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        body: Option<B>,
        exchange: Option<Box<Exchange>>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.exchange {
                Some(exchange) if exchange.has_panicked() => this.body.set(None),
                Some(exchange) => exchange.run(|_| this.body.set(None)),
                None => {}
            }
        }
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn new(body: B, exchange: Option<Box<Exchange>>) -> Self {
        Self { body: Some(body), exchange }
    }
}

/// An empty body, of no request.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut slot = this.body;
        let Some(exchange) = this.exchange.as_mut() else {
            let body = slot.as_pin_mut();
            return body.map_or(Poll::Ready(None), |body| body.poll_frame(cx));
        };
        let frame = ready!(exchange.run(|running| {
            let Some(mut body) = slot.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            let frame = ready!(body.as_mut().poll_frame(cx));
            let ending = match &frame {
                None => Some(Ending::Complete),
                Some(Err(error)) => Some(Ending::Failed(error_type::of(error))),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        running.account.data(data.remaining());
                    }
                    if let Some(trailers) = frame.trailers_ref() {
                        running.account.trailers(trailers);
                    }
                    // Servers do not ask again after the last frame, which trailers always are.
                    (frame.is_trailers() || body.is_end_stream()).then_some(Ending::Complete)
                }
            };
            if let Some(ending) = ending {
                // What the body holds goes inside the span as well.
                slot.set(None);
                running.finish(ending);
            }
            Poll::Ready(frame)
        }));
        if exchange.is_done() {
            *this.exchange = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
