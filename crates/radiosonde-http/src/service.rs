//! What the services of all layers have in common: a request is begun, and handed on inside its span.

use tower_service::Service;

use crate::exchange::Begun;
use crate::future::ResponseFuture;

/// The `Service` of an observed one, which has an `inner` one and says with `begin` what begins with a
/// request, if it is observed.
macro_rules! observed {
    ($observed:ident $(, B: $($bound:tt)+)?) => {
        impl<S, B, R> tower_service::Service<http::Request<B>> for $observed<S>
        where
            S: tower_service::Service<http::Request<B>, Response = http::Response<R>>,
            S::Error: 'static,
            $(B: $($bound)+,)?
            R: http_body::Body,
        {
            type Response = http::Response<$crate::body::ResponseBody<R>>;
            type Error = S::Error;
            type Future = $crate::future::ResponseFuture<S::Future>;

            fn poll_ready(
                &mut self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), S::Error>> {
                self.inner.poll_ready(cx)
            }

            fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
                let begun = self.begin(&mut request);
                $crate::service::called(&mut self.inner, request, begun)
            }
        }
    };
}

pub(crate) use observed;

/// Hands the request on, inside its span.
pub(crate) fn called<S, Q>(
    inner: &mut S,
    request: Q,
    begun: Option<Begun>,
) -> ResponseFuture<S::Future>
where
    S: Service<Q>,
{
    match begun {
        Some(Begun { mut exchange, attached }) => {
            let future = exchange.run_attached(attached, |_| inner.call(request));
            ResponseFuture::new(future, Some(exchange))
        }
        None => ResponseFuture::new(inner.call(request), None),
    }
}
