//! Connections: directly, through a tunnel, or handed to a proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
    pub(super) heard: Heard,
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
    let heard = Heard::default();
    let watched = |to| Watching { to, heard: heard.clone(), is_grpc };
    let Some(proxy) = proxies.on_the_way(uri) else {
        return Ok(watched(None).client(HttpsConnector::from((plain, config))));
    };
    let (to, authorization) = (proxy.uri().clone(), proxy.basic_auth().cloned());
    match to.scheme_str() {
        Some("socks5" | "socks5h") => {
            let mut socks = SocksV5::new(to, plain);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            Ok(watched(None).client(HttpsConnector::from((socks, config))))
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
                return Ok(watched(None).client(HttpsConnector::from((tunnel, config))));
            }
            let connections = watched(Some(to)).client(base);
            Ok(Connections { proxy_authorization: authorization, ..connections })
        }
        _ => Err("the proxy is of a kind that is not spoken: use http, https or socks5".to_owned()),
    }
}

struct Watching {
    to: Option<Uri>,
    heard: Heard,
    is_grpc: bool,
}

impl Watching {
    fn client<C, B>(self, inner: C) -> Connections<B>
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Connection + Unpin + Send + 'static,
        C::Future: Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let Self { to, heard, is_grpc } = self;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).timer(TokioTimer::new());
        builder.pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_MAX);
        #[cfg(feature = "grpc")]
        builder.http2_only(is_grpc);
        #[cfg(not(feature = "grpc"))]
        let _ = is_grpc;
        let connector = Watched { inner, to, heard: heard.clone() };
        let exchange = Arc::new(builder.build::<_, B>(connector));
        Connections { exchange, heard, proxy_authorization: None }
    }
}

/// Connects, and listens for what TLS says later: that a certificate is missing comes with the first
/// read, and over HTTP/2 no request hears of it.
#[derive(Clone)]
struct Watched<C> {
    inner: C,
    /// Where to, whatever is asked for: a proxy that is handed whole requests.
    to: Option<Uri>,
    heard: Heard,
}

impl<C> Service<Uri> for Watched<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = Stream<C::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let is_proxied = self.to.is_some();
        let connecting = self.inner.call(self.to.clone().unwrap_or(to));
        let heard = self.heard.clone();
        Box::pin(async move {
            let inner = connecting.await.map_err(Into::into)?;
            Ok(Stream { inner, is_proxied, heard })
        })
    }
}

/// A connection that is watched.
struct Stream<T> {
    inner: T,
    /// Whether requests on it carry their whole URL.
    is_proxied: bool,
    heard: Heard,
}

impl<T: Connection> Connection for Stream<T> {
    fn connected(&self) -> Connected {
        let connected = self.inner.connected();
        if self.is_proxied { connected.proxy(true) } else { connected }
    }
}

impl<T: Read + Unpin> Read for Stream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.heard.hear(error);
        }
        read
    }
}

impl<T: Write + Unpin> Write for Stream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// What TLS said on a connection, for the request that failed because of it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Option<(String, bool)>>>);

impl Heard {
    fn hear(&self, error: &io::Error) {
        if let Some(trouble) = tls::trouble(error) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        }
    }

    /// Why, and whether it stays that way until somebody changes something.
    pub(super) fn take(&self) -> Option<(String, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
