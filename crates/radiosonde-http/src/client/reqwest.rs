//! The middleware for reqwest.

use http::Uri;
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use reqwest_middleware::{Middleware, Next, Result};

use super::attempts::Attempts;
use super::request::{Sent, begin};
use crate::future::ResponseFuture;
use crate::method::{Known, Method};

/// Observes a reqwest client: what [`ClientLayer`](super::ClientLayer) is for tower.
///
/// Add it last, so that retries of other middleware come through it:
///
/// ```
/// use radiosonde_http::client::ReqwestMiddleware;
///
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(ReqwestMiddleware::new()) // the line
///     .build();
/// # let _ = client;
/// ```
///
/// Redirects are followed by reqwest itself, inside of one span, which has the first URL; and the
/// headers of the first request go along, baggage as well. Whoever allows baggage to a host that
/// redirects elsewhere sets `redirect(Policy::none())`.
#[derive(Clone, Debug, Default)]
pub struct ReqwestMiddleware {
    known: Known,
}

impl ReqwestMiddleware {
    /// A middleware for a client.
    pub fn new() -> Self {
        Self::default()
    }

    /// The methods that are known, in place of those of RFC 9110 and PATCH: case-sensitive. The list of
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, where there is one, wins. Others are `_OTHER`, with what
    /// was sent in `http.request.method_original`. Each method is a span name and a label of its own, so
    /// only the first 31 count, and metrics take names of at most 24 letters, digits, `-`, `_`, `.` and `+`.
    #[must_use]
    pub fn known_methods(mut self, methods: &'static [&'static str]) -> Self {
        self.known = Known::only(methods);
        self
    }
}

/// The URL of a response, which has no place in an `http::Response`.
#[derive(Clone)]
struct Answerer(Url);

#[async_trait::async_trait]
impl Middleware for ReqwestMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if extensions.get::<Attempts>().is_none() {
            let _before = extensions.insert(Attempts::default());
        }
        let resent = Attempts::next(extensions);
        let uri: Uri = request.url().as_str().parse().unwrap_or_default();
        let bytes = match request.body() {
            None => Some(0),
            Some(body) => http_body::Body::size_hint(body).exact(),
        };
        let method = request.method().clone();
        let sent = Sent { method: Method::of(&method, self.known), uri: &uri, bytes, resent };
        let exchange = begin(&sent, request.headers_mut());
        let answer = async {
            let response = next.run(request, extensions).await?;
            let url = Answerer(response.url().clone());
            let mut response = http::Response::<Body>::from(response);
            let _before = response.extensions_mut().insert(url);
            Ok::<_, reqwest_middleware::Error>(response)
        };
        let response = ResponseFuture::new(answer, Some(exchange)).await?;
        Ok(response_of(response.map(Body::wrap)))
    }
}

fn response_of(mut response: http::Response<Body>) -> Response {
    if let Some(Answerer(url)) = response.extensions_mut().remove() {
        // Only the builder can put a URL where reqwest looks for it.
        let with_url = http::Response::builder().url(url).body(());
        if let Ok(with_url) = with_url {
            response.extensions_mut().extend(with_url.into_parts().0.extensions);
        }
    }
    response.into()
}
