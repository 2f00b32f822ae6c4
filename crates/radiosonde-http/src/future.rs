//! The response of a service on its way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;

use crate::body::ResponseBody;
use crate::error_type;
use crate::exchange::{Ending, Exchange};
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
        exchange: Option<Exchange>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.exchange {
                Some(exchange) if exchange.has_panicked() => this.future.set(None),
                Some(exchange) => exchange.run(|| this.future.set(None)),
                None => {}
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(future: F, exchange: Option<Exchange>) -> Self {
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
        let mut this = self.project();
        // Polled again after its end, it never becomes ready: the caller broke the rule of futures.
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let Some(exchange) = this.exchange.as_mut() else {
            let result = ready!(future.poll(cx));
            this.future.set(None);
            return Poll::Ready(
                result.map(|response| response.map(|b| ResponseBody::new(b, None))),
            );
        };
        let result = ready!(exchange.run(|| future.poll(cx)));
        exchange.run(|| this.future.set(None));
        let exchange = this.exchange.take();
        Poll::Ready(match result {
            Ok(response) => Ok(answered(response, exchange)),
            Err(error) => {
                let class = error_type::of(&error);
                exchange.into_iter().for_each(|mut it| it.finish(Ending::Failed(class.clone())));
                Err(error)
            }
        })
    }
}

/// The response with a body that ends the request.
fn answered<B: Body>(
    response: Response<B>,
    exchange: Option<Exchange>,
) -> Response<ResponseBody<B>> {
    let (parts, body) = response.into_parts();
    let exchange = exchange.and_then(|mut exchange| {
        if let Some(route) = parts.extensions.get::<Route>() {
            exchange.routed(route);
        }
        exchange.head(&parts, body.size_hint().exact());
        if body.is_end_stream() || exchange.has_no_body() {
            exchange.finish(Ending::Complete);
            return None;
        }
        Some(exchange)
    });
    Response::from_parts(parts, ResponseBody::new(body, exchange))
}
