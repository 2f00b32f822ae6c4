//! The layer and its service.

use http::Request;
use http_body::Body;
use tower_layer::Layer;

use super::attempts::Attempts;
use super::request;
use crate::exchange::Begun;
use crate::method::{Known, Method};
use crate::service::observed;

/// Observes a client: a span and the metrics of every request it sends, whose receiver goes on with
/// the trace.
///
/// Nearest to the wire, inside of what retries and follows redirects: each attempt has a span of its
/// own, see [`AttemptsLayer`](super::AttemptsLayer).
///
/// ```
/// use radiosonde_http::client::ClientLayer;
/// use tower::{ServiceBuilder, service_fn};
///
/// let client = ServiceBuilder::new()
///     .layer(ClientLayer::new()) // the line
///     .service(service_fn(|request: http::Request<String>| async move {
///         assert!(request.uri().host() == Some("example.org"));
///         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
///     }));
/// # let _ = client;
/// ```
///
/// Baggage goes only to hosts that may have it, see
/// [`set_baggage_destinations`](radiosonde_context::propagation::set_baggage_destinations).
#[derive(Clone, Debug, Default)]
pub struct ClientLayer {
    known: Known,
}

impl ClientLayer {
    /// A layer for a client.
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

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { inner, known: self.known }
    }
}

/// A client that is observed. Made by [`ClientLayer`].
#[derive(Clone, Debug)]
pub struct Client<S> {
    inner: S,
    known: Known,
}

impl<S> Client<S> {
    fn begin<B: Body>(&self, request: &mut Request<B>) -> Option<Begun> {
        let resent = Attempts::next(request.extensions());
        let bytes = request.body().size_hint().exact();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let sent =
            request::Sent { method: Method::of(&method, self.known), uri: &uri, bytes, resent };
        let exchange = request::begin(&sent, request.headers_mut());
        Some(Begun { exchange, attached: None })
    }
}

observed!(Client, B: Body);
