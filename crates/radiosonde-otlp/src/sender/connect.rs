//! Connections: directly, through a tunnel, or handed to a proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::proxy::Proxies;
use super::tls;
use crate::destination::{Destination, Protocol};

/// How long a connection without requests stays open.
const IDLE: Duration = Duration::from_secs(30);
/// Connections without requests that stay open.
const IDLE_MAX: usize = super::breaker::FLIGHT_MAX;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Exchanged = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

/// A pool of connections to one destination.
pub(super) trait Exchange<B>: Send + Sync {
    fn request(&self, request: Request<B>) -> Exchanged;
}

impl<C, B> Exchange<B> for Client<C, B>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn request(&self, request: Request<B>) -> Exchanged {
        Box::pin(Client::request(self, request))
    }
}

/// Connections to a destination, and what a proxy wants to see in each request that it is handed.
pub(super) struct Connections<B> {
    pub(super) exchange: Arc<dyn Exchange<B>>,
    pub(super) proxy_authorization: Option<HeaderValue>,
}

/// Makes them, without connecting yet. The error says what to look at.
pub(super) fn connections<B>(
    destination: &Destination,
    uri: &Uri,
    proxies: &Proxies,
) -> Result<Connections<B>, String>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let is_grpc = destination.protocol == Protocol::Grpc;
    let has_tls = uri.scheme_str() == Some("https");
    let protocol: &[u8] = if is_grpc { b"h2" } else { b"http/1.1" };
    let config = if has_tls { tls::config(destination, protocol)? } else { tls::none()? };
    let config = Arc::new(config);
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    let without = |exchange| Connections { exchange, proxy_authorization: None };
    let Some(proxy) = proxies.on_the_way(uri) else {
        let connector = HttpsConnector::from((plain, config));
        return Ok(without(client(connector, is_grpc)));
    };
    let (to, authorization) = (proxy.uri().clone(), proxy.basic_auth().cloned());
    match to.scheme_str() {
        Some("socks5" | "socks5h") => {
            let mut socks = SocksV5::new(to, plain);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            Ok(without(client(HttpsConnector::from((socks, config)), is_grpc)))
        }
        Some("http" | "https") => {
            // A proxy is trusted as any server is: by the certificates of the system, or the file.
            let to_proxy = match to.scheme_str() {
                Some("https") => Arc::new(tls::config(destination, b"http/1.1")?),
                _ => Arc::new(tls::none()?),
            };
            let base = HttpsConnector::from((plain, to_proxy));
            if has_tls || is_grpc {
                let mut tunnel = Tunnel::new(to, base);
                if let Some(authorization) = authorization {
                    tunnel = tunnel.with_auth(authorization);
                }
                return Ok(without(client(HttpsConnector::from((tunnel, config)), is_grpc)));
            }
            let exchange = client(Handed { inner: base, to }, is_grpc);
            Ok(Connections { exchange, proxy_authorization: authorization })
        }
        _ => Err("the proxy is of a kind that is not spoken: use http, https or socks5".to_owned()),
    }
}

fn client<C, B>(connector: C, is_grpc: bool) -> Arc<dyn Exchange<B>>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder.pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_MAX);
    #[cfg(feature = "grpc")]
    builder.http2_only(is_grpc);
    #[cfg(not(feature = "grpc"))]
    let _ = is_grpc;
    Arc::new(builder.build::<_, B>(connector))
}

/// Connects to a proxy that is handed whole requests, wherever they go.
#[derive(Clone)]
struct Handed<C> {
    inner: C,
    to: Uri,
}

impl<C> Service<Uri> for Handed<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = OfProxy<C::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting = self.inner.call(self.to.clone());
        Box::pin(async move { connecting.await.map(OfProxy).map_err(Into::into) })
    }
}

/// A connection to such a proxy: requests on it carry their whole URL.
struct OfProxy<T>(T);

impl<T: Connection> Connection for OfProxy<T> {
    fn connected(&self) -> Connected {
        self.0.connected().proxy(true)
    }
}

impl<T: Read + Unpin> Read for OfProxy<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for OfProxy<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
