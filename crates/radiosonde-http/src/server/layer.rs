//! The layer, what can be set on it, and its service.

use std::fmt;
use std::sync::Arc;

use http::Request;
use http_body::Body;
use tower_layer::Layer;

use super::request::{self, Head};
use crate::exchange::Begun;
use crate::method::Known;
use crate::place::Route;
use crate::service::observed;

/// Observes a server: a span and the metrics of every request, in the trace of its caller.
///
/// ```
/// use radiosonde_http::server::ServerLayer;
/// use tower::{ServiceBuilder, service_fn};
///
/// let service = ServiceBuilder::new()
///     .layer(ServerLayer::new()) // the line
///     .service(service_fn(|request: http::Request<String>| async move {
///         Ok::<_, std::convert::Infallible>(http::Response::new(request.into_body()))
///     }));
/// # let _ = service;
/// ```
///
/// With axum and the feature `axum`, `Router::layer(ServerLayer::new())` knows the routes.
#[derive(Clone, Debug, Default)]
pub struct ServerLayer {
    settings: Arc<Settings>,
}

type RouteOf = dyn Fn(&Head<'_>) -> Option<Route> + Send + Sync;
type Filter = dyn Fn(&Head<'_>) -> bool + Send + Sync;

/// What can be set.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) route_of: Option<Arc<RouteOf>>,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) is_public: bool,
    pub(super) trusts_forwarded: bool,
    pub(super) is_https: bool,
    pub(super) known_methods: Known,
}

impl ServerLayer {
    /// A layer for a server that trusts its callers with its traces.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a server that anybody may call: every request begins a trace of its own, which links to the
    /// one its caller is in, and takes neither baggage nor the decision about sampling from it.
    /// Default: off.
    #[must_use]
    pub fn public_endpoint(self) -> Self {
        self.with(|settings| settings.is_public = true)
    }

    /// Takes client, host and scheme from `Forwarded` and the `X-Forwarded-` headers. Only for a
    /// server behind a proxy that sets them: anybody else writes there what he likes. Default: off.
    #[must_use]
    pub fn trust_forwarded(self) -> Self {
        self.with(|settings| settings.trusts_forwarded = true)
    }

    /// For a server that speaks TLS: `url.scheme` is `https` where the request does not say. Default:
    /// `http`.
    #[must_use]
    pub fn https(self) -> Self {
        self.with(|settings| settings.is_https = true)
    }

    /// How the route template of a request is found, where it is not axum's. What it answers must be
    /// bounded in number: never a path. Default: none, and then spans are called `GET`, and the label
    /// is empty.
    #[must_use]
    pub fn route(
        self,
        route_of: impl Fn(&Head<'_>) -> Option<Route> + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.route_of = Some(Arc::new(route_of)))
    }

    /// The methods that are known, in place of those of RFC 9110 and PATCH: case-sensitive. The list of
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, where there is one, wins. Others are `_OTHER`, with what
    /// was sent in `http.request.method_original`. Each method is a span name and a label of its own, so
    /// only the first 31 count, and metrics take names of at most 24 letters, digits, `-`, `_`, `.` and `+`.
    #[must_use]
    pub fn known_methods(self, methods: &'static [&'static str]) -> Self {
        self.with(|settings| settings.known_methods = Known::only(methods))
    }

    /// Leaves alone the requests for which this is `false`, such as those of a health check: they
    /// have no span, no metrics and no context. Default: all are observed.
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.filter = Some(Arc::new(filter)))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner, settings: self.settings.clone() }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("is_public", &self.is_public)
            .field("trusts_forwarded", &self.trusts_forwarded)
            .field("is_https", &self.is_https)
            .field("known_methods", &self.known_methods)
            .finish_non_exhaustive()
    }
}

/// A service that is observed. Made by [`ServerLayer`].
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Server<S> {
    fn begin<B: Body + 'static>(&self, request: &mut Request<B>) -> Option<Begun> {
        request::begin(&self.settings, request)
    }
}

observed!(Server, B: Body + 'static);
