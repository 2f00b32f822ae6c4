//! The layer for servers.

use std::sync::Arc;

use http::Request;
use tower_layer::Layer;
use tracing::Span;
use tracing::field::Empty;

use super::method::{GrpcMethod, KnownMethods};
use super::status::has_messages;
use crate::exchange::{Begun, Exchange};
use crate::headers::Headers;
use crate::peer::named;
use crate::place::Place;
use crate::series::Kind;
use crate::server;
use crate::service::observed;

/// Observes a gRPC server: a span and the duration of every call, in the trace of its caller.
///
/// ```
/// use radiosonde_http::grpc::ServerLayer;
///
/// let server = tonic::transport::Server::builder().layer(ServerLayer::new()); // the line
/// # let _ = server;
/// ```
///
/// What is no gRPC is left alone: requests whose `Content-Type` is not `application/grpc` have no span,
/// no metrics and no context. Those of gRPC-Web are calls once they are translated: with tonic-web, the
/// layer stands inside of its `GrpcWebLayer`.
#[derive(Clone, Debug, Default)]
pub struct ServerLayer {
    is_public: bool,
    known: Arc<KnownMethods>,
}

impl ServerLayer {
    /// A layer for a server that trusts its callers with its traces.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a server that anybody may call: see
    /// [`server::ServerLayer::public_endpoint`](crate::server::ServerLayer::public_endpoint).
    /// Default: off.
    #[must_use]
    pub fn public_endpoint(mut self) -> Self {
        self.is_public = true;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner, layer: self.clone() }
    }
}

/// A service that is observed. Made by [`ServerLayer`].
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    layer: ServerLayer,
}

impl<S> Server<S> {
    fn begin<B>(&self, request: &mut Request<B>) -> Option<Begun> {
        if !has_messages(request.headers()) {
            return None;
        }
        let headers = Headers::of(request.headers());
        let (context, caller) = server::callers_context(self.layer.is_public, &headers);
        let attached = context.as_ref().map(radiosonde_context::Context::attach);
        let span = span(request, &headers);
        if let Some(caller) = caller {
            server::link(&span, &caller);
        }
        let exchange = Exchange::new(Kind::GrpcServer, span, "", Place::NONE);
        let mut exchange = exchange.in_context(context);
        exchange.account.grpc = Some(GrpcMethod::served(request.uri().path(), &self.layer.known));
        Some(Begun { exchange, attached })
    }
}

observed!(Server);

/// The name is told at the end: until the server has answered, it is only what the caller says.
fn span<B>(request: &Request<B>, headers: &Headers<'_>) -> Span {
    let authority = || Some(request.uri().authority()?.as_str());
    let host = || headers.host?.to_str().ok();
    let host = authority().and_then(named).or_else(|| named(host()?));
    let client = server::client(request.extensions());
    tracing::info_span!(
        "rpc.server.call",
        otel.name = Empty,
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = Empty,
        rpc.method_original = Empty,
        server.address = host.map(|(host, _)| host),
        server.port = host.and_then(|(_, port)| port),
        client.address = client.map(display),
        rpc.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
        otel.link = Empty,
    )
}
