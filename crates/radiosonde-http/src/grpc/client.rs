//! The layer for channels.

use http::Request;
use tower_layer::Layer;
use tracing::Span;
use tracing::field::Empty;

use super::method::GrpcMethod;
use crate::client::{asked, inject};
use crate::exchange::{Begun, Exchange};
use crate::place::Place;
use crate::series::Kind;
use crate::service::observed;

/// Observes a gRPC client: a span and the duration of every call, whose receiver goes on with the
/// trace.
///
/// ```
/// use radiosonde_http::grpc::ClientLayer;
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let channel = tonic::transport::Endpoint::from_static("http://[::1]:50051").connect_lazy();
/// let channel = ServiceBuilder::new().layer(ClientLayer::new()).service(channel);
/// // let mut client = GreeterClient::new(channel);
/// # let _ = channel; }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientLayer {
    destination: Option<Box<str>>,
}

impl ClientLayer {
    /// A layer for a channel.
    pub fn new() -> Self {
        Self::default()
    }

    /// The host the channel goes to, for a channel that adds it inside, as tonic's do: baggage goes
    /// only to hosts that may have it, and to none that is unknown. Default: what the requests say.
    #[must_use]
    pub fn destination(mut self, host: &str) -> Self {
        self.destination = Some(host.into());
        self
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { inner, layer: self.clone() }
    }
}

/// A channel that is observed. Made by [`ClientLayer`].
#[derive(Clone, Debug)]
pub struct Client<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S> Client<S> {
    fn begin<B>(&self, request: &mut Request<B>) -> Option<Begun> {
        let (mut host, port) = asked(request.uri(), request.headers());
        if let Some(destination) = &self.layer.destination {
            host = destination.to_string();
        }
        let method = GrpcMethod::called(request.uri().path());
        let span = span(method.asked(), &host, port);
        inject(&span, &host, request.headers_mut());
        let mut exchange = Exchange::new(Kind::GrpcClient, span, "", Place::NONE);
        exchange.account.grpc = Some(method);
        Some(Begun { exchange, attached: None })
    }
}

observed!(Client);

fn span(method: &str, host: &str, port: Option<u16>) -> Span {
    tracing::info_span!(
        "rpc.client.call",
        otel.name = method,
        otel.kind = "client",
        rpc.system.name = "grpc",
        rpc.method = method,
        server.address = (!host.is_empty()).then_some(host),
        server.port = port,
        rpc.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}
