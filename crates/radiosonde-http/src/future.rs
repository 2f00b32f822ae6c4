//! The response of a service on its way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;

use crate::body::ResponseBody;
use crate::error_type;
use crate::exchange::{Ending, Exchange, Running};
use crate::place::Route;

pin_project_lite::pin_project! {
    /// The future of a service that is observed: each poll, and its drop, happen inside the span of
    /// the request.
    ///
    /// Dropped before it is ready, it ends its request as `cancelled`. As cancel safe as the future
    /// inside.
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        future: Option<F>,
        // Declared behind the future: it ends when that is gone.
        exchange: Option<Box<Exchange>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.exchange {
                Some(exchange) if exchange.has_panicked() => this.future.set(None),
                Some(exchange) => exchange.run(|_| this.future.set(None)),
                None => {}
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(future: F, exchange: Option<Box<Exchange>>) -> Self {
        Self { future: Some(future), exchange }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut future = this.future;
        // Polled again after its end, it never becomes ready: the caller broke the rule of futures.
        if future.is_none() {
            return Poll::Pending;
        }
        let mut poll = |cx| {
            let result = match future.as_mut().as_pin_mut() {
                Some(running) => ready!(running.poll(cx)),
                None => return Poll::Pending,
            };
            future.set(None);
            Poll::Ready(result)
        };
        let Some(exchange) = this.exchange.as_mut() else {
            let result = ready!(poll(cx));
            return Poll::Ready(
                result.map(|response| response.map(|body| ResponseBody::new(body, None))),
            );
        };
        let result = exchange.run(|running| {
            let result = ready!(poll(cx));
            Poll::Ready(match result {
                Ok(response) => {
                    answered(&response, running);
                    Ok(response)
                }
                Err(error) => {
                    running.finish(Ending::Failed(error_type::of(&error)));
                    Err(error)
                }
            })
        });
        let result = ready!(result);
        let exchange = this.exchange.take().filter(|exchange| !exchange.is_done());
        Poll::Ready(result.map(|response| response.map(|body| ResponseBody::new(body, exchange))))
    }
}

/// Takes over what the response says, which is the end where nothing will be sent.
fn answered<B: Body>(response: &Response<B>, running: Running<'_>) {
    let account = &mut *running.account;
    if let Some(route) = response.extensions().get::<Route>() {
        account.routed(route);
    }
    account.head(response);
    if response.body().is_end_stream() || account.has_no_body() {
        running.finish(Ending::Complete);
    }
}
