//! Connections: directly, through a tunnel, or handed to a proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::proxy::Proxies;
use super::tls;
use crate::destination::{Destination, Protocol};

/// How long a connection without requests stays open.
const IDLE: Duration = Duration::from_secs(30);
/// Connections without requests that stay open.
const IDLE_MAX: usize = super::flight::FLIGHT_MAX;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Exchanged = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

/// A pool of connections to one destination.
pub(super) trait Exchange: Send + Sync {
    fn request(&self, request: Request<Full<Bytes>>) -> Exchanged;
}

impl<C: Connect + Clone + Send + Sync + 'static> Exchange for Client<C, Full<Bytes>> {
    fn request(&self, request: Request<Full<Bytes>>) -> Exchanged {
        Box::pin(Client::request(self, request))
    }
}

/// Connections to a destination, and what a proxy wants to see in each request that it is handed.
pub(super) struct Connections {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) heard: Heard,
    pub(super) proxy_authorization: Option<HeaderValue>,
}

/// Makes them, without connecting yet. The error says what to look at.
pub(super) fn connections(
    destination: &Destination,
    uri: &Uri,
    proxies: &Proxies,
) -> Result<Connections, String> {
    let is_grpc = destination.protocol == Protocol::Grpc;
    let has_tls = uri.scheme_str() == Some("https");
    let protocol: &[u8] = if is_grpc { b"h2" } else { b"http/1.1" };
    let tls = has_tls.then(|| tls::config(destination, protocol)).transpose()?.map(Arc::new);
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    let heard = Heard::default();
    let Some(proxy) = proxies.on_the_way(uri) else {
        return Ok(client(Connector { inner: plain, to: None, tls, heard }, is_grpc));
    };
    if proxy.uri.scheme_str() != Some("http") {
        return Err(
            "the proxy is of a kind that is not spoken: use http://host:port, also for what \
                    goes to https"
                .to_owned(),
        );
    }
    let (to, authorization) = (proxy.uri.clone(), proxy.authorization());
    if has_tls || is_grpc {
        let mut inner = Tunnel::new(to, plain);
        if let Some(authorization) = authorization {
            inner = inner.with_auth(authorization);
        }
        return Ok(client(Connector { inner, to: None, tls, heard }, is_grpc));
    }
    let connections = client(Connector { inner: plain, to: Some(to), tls, heard }, is_grpc);
    Ok(Connections { proxy_authorization: authorization, ..connections })
}

fn client<C>(connector: Connector<C>, is_grpc: bool) -> Connections
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Read + Write + Connection + Unpin + Send + 'static,
    C::Future: Send + Unpin + 'static,
    C::Error: Into<BoxError>,
{
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder.pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_MAX);
    #[cfg(feature = "grpc")]
    builder.http2_only(is_grpc);
    #[cfg(not(feature = "grpc"))]
    let _ = is_grpc;
    let heard = connector.heard.clone();
    let exchange = Arc::new(builder.build::<_, Full<Bytes>>(connector));
    Connections { exchange, heard, proxy_authorization: None }
}

/// Connects, with TLS where the scheme is https, and listens for what TLS says later: that a
/// certificate is missing comes with the first read, and over HTTP/2 no request hears of it.
#[derive(Clone)]
struct Connector<C> {
    inner: C,
    /// Where to, whatever is asked for: a proxy that is handed whole requests.
    to: Option<Uri>,
    tls: Option<Arc<ClientConfig>>,
    heard: Heard,
}

impl<C> Service<Uri> for Connector<C>
where
    C: Service<Uri>,
    C::Response: Read + Write + Unpin + Send + 'static,
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
        let to = self.to.clone().unwrap_or(to);
        let name = server_name(&to);
        let tls = self.tls.clone().filter(|_| to.scheme_str() == Some("https"));
        let connecting = self.inner.call(to);
        let heard = self.heard.clone();
        Box::pin(async move {
            let plain = connecting.await.map_err(Into::into)?;
            let inner = match tls {
                None => Layer::Plain(plain),
                Some(config) => {
                    let name = name.ok_or("the endpoint names no host that TLS can check")?;
                    let tls = TlsConnector::from(config).connect(name, TokioIo::new(plain)).await?;
                    Layer::Tls(Box::new(TokioIo::new(tls)))
                }
            };
            Ok(Stream { inner, is_proxied, heard, failed: None })
        })
    }
}

fn server_name(uri: &Uri) -> Option<ServerName<'static>> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).ok()
}

/// A connection that is watched.
struct Stream<T> {
    inner: Layer<T>,
    /// Whether requests on it carry their whole URL.
    is_proxied: bool,
    heard: Heard,
    /// What writing failed with, until what the other side said before has been read.
    failed: Option<io::Error>,
}

enum Layer<T> {
    Plain(T),
    Tls(Box<TokioIo<TlsStream<TokioIo<T>>>>),
}

impl<T: Connection + Read + Write + Unpin> Connection for Stream<T> {
    fn connected(&self) -> Connected {
        let connected = match &self.inner {
            Layer::Plain(plain) => plain.connected(),
            Layer::Tls(tls) => tls.inner().get_ref().0.inner().connected(),
        };
        if self.is_proxied { connected.proxy(true) } else { connected }
    }
}

impl<T: Read + Write + Unpin> Read for Stream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match &mut self.inner {
            Layer::Plain(plain) => Pin::new(plain).poll_read(context, buffer),
            Layer::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        };
        if let Poll::Ready(Err(error)) = &read {
            self.heard.hear(error);
        }
        read
    }
}

impl<T: Read + Write + Unpin> Write for Stream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let has_failed = self.failed.is_some();
        let written = match &mut self.inner {
            _ if has_failed => Poll::Pending,
            Layer::Plain(plain) => Pin::new(plain).poll_write(context, bytes),
            Layer::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        };
        self.after_what_is_there(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_failed = self.failed.is_some();
        let flushed = match &mut self.inner {
            _ if has_failed => Poll::Pending,
            Layer::Plain(plain) => Pin::new(plain).poll_flush(context),
            Layer::Tls(tls) => Pin::new(tls).poll_flush(context),
        };
        self.after_what_is_there(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Layer::Plain(plain) => Pin::new(plain).poll_shutdown(context),
            Layer::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

impl<T: Read + Write + Unpin> Stream<T> {
    /// Who refuses a certificate says so and closes. What is written meanwhile fails, and that is said only
    /// when what is there has been read: the connection has ended, so that it comes, or its end does.
    fn after_what_is_there<R>(
        &mut self,
        done: Poll<io::Result<R>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        let error = match (done, self.failed.take()) {
            (Poll::Ready(Err(error)), _) | (Poll::Pending, Some(error)) => error,
            (done, _) => return done,
        };
        let Layer::Tls(tls) = &mut self.inner else { return Poll::Ready(Err(error)) };
        let mut room = [0; 64];
        let mut buffer = ReadBuf::new(&mut room);
        match Pin::new(tls).poll_read(context, buffer.unfilled()) {
            Poll::Pending => {
                self.failed = Some(error);
                return Poll::Pending;
            }
            Poll::Ready(Err(why)) => self.heard.hear(&why),
            Poll::Ready(Ok(())) => {}
        }
        Poll::Ready(Err(error))
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
