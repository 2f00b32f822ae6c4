//! A small HTTP/1.1 server with a bound on everything a client can make it hold.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::aside::WAITING_MAX;
use crate::endpoints::PagesService;
use crate::write_bound::WriteBound;

/// Connections that are served at a time; further ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 64;

/// Scrapes that wait and pages that wait do not take all connections together: who asks for
/// `/health` while a collector hangs gets an answer.
const _: () = assert!(2 * (1 + WAITING_MAX) < CONNECTIONS_MAX);

/// Longest request line and headers together, in bytes; more is answered 431.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Time a client has to send a request's headers, and time a connection may stand idle.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Time a client has to take an answer that does not fit into the system's buffers; then it is
/// cut off.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that open connections have to end after the shutdown.
pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Pause after a failed accept, such as when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` ends; then open requests have [`DRAIN_TIMEOUT`]. Needs a tokio runtime
/// with time and I/O.
///
/// # Errors
/// When the socket cannot be handed to the runtime. Failures of a connection end that connection,
/// failed accepts are tried again.
pub async fn serve(
    listener: std::net::TcpListener,
    pages: PagesService,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (closing, closed) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    while let Some(accepted) = until(shutdown.as_mut(), accept(&listener, &slots)).await {
        match accepted {
            Ok((stream, permit)) => {
                let (pages, closed) = (pages.clone(), closed.clone());
                let _ = connections.spawn(async move {
                    connection(stream, pages, closed).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        // What has ended leaves the set, so that it holds no more than there are slots.
        while connections.try_join_next().is_some() {}
    }
    drop((listener, closing));
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        connections.abort_all();
    }
    Ok(())
}

/// What `work` comes to, or `None` once `end` has ended.
async fn until<T>(
    mut end: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(cx).map(Some),
    })
    .await
}

/// A connection, once there is a slot for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Serves one connection; `closed` asks it to end after the request it is at.
async fn connection(stream: TcpStream, pages: PagesService, mut closed: watch::Receiver<()>) {
    let service = service_fn(move |request: Request<Incoming>| pages.clone().call(request));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEADER_BYTES_MAX)
            .serve_connection(TokioIo::new(WriteBound::new(stream, WRITE_TIMEOUT)), service)
    );
    // The sender never sends: that it is gone is the sign.
    let mut closed = pin!(async move { while closed.changed().await.is_ok() {} });
    // A client that is gone, slow or wrong is no concern of ours: the connection just ends.
    if until(closed.as_mut(), served.as_mut()).await.is_none() {
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}
