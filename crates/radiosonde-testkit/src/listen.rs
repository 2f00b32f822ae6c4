//! The two ports: opened, closed and opened again as the script says, and the connections on them.

use crate::exchange;
#[cfg(not(feature = "tls"))]
use crate::listen::no_tls::Acceptor;
use crate::receiver::Shared;
#[cfg(feature = "tls")]
use crate::tls::Acceptor;
use crate::wire::{Conduct, Wire};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long a port that cannot be had again yet is left before the next try.
const AGAIN: Duration = Duration::from_millis(5);

/// A port that is ours, whether it listens or not.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    state: Listening,
}

#[derive(Debug)]
enum Listening {
    /// Bound without listening: who connects is refused, and nobody else can take the port.
    Closed(TcpSocket),
    Open(TcpListener),
    /// Between the two.
    Neither,
}

impl Port {
    /// A port of the loopback that listens; 0 for any. An error names it.
    pub(crate) fn open(port: u16) -> io::Result<Port> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let open = || {
            let socket = bound(address)?;
            let address = socket.local_addr()?;
            Ok(Port { address, state: Listening::Open(socket.listen(BACKLOG)?) })
        };
        open().map_err(|error: io::Error| {
            io::Error::new(error.kind(), format!("{address} cannot be listened at: {error}"))
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens or closes it. What does not work now is tried again by the next call.
    fn set(&mut self, is_open: bool) -> io::Result<()> {
        self.state = match (std::mem::replace(&mut self.state, Listening::Neither), is_open) {
            (Listening::Closed(socket), true) => Listening::Open(socket.listen(BACKLOG)?),
            (Listening::Neither, true) => Listening::Open(bound(self.address)?.listen(BACKLOG)?),
            (Listening::Neither, false) => Listening::Closed(bound(self.address)?),
            (Listening::Open(listener), false) => {
                // Linux lets a second socket have the port only once nobody listens there.
                drop(listener);
                Listening::Closed(bound(self.address)?)
            }
            (state, _) => state,
        };
        Ok(())
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match &self.state {
            Listening::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            _ => std::future::pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves both ports until the receiver is dropped.
pub(crate) async fn serve(ports: [Port; 2], shared: Arc<Shared>, acceptor: Option<Acceptor>) {
    let [http, grpc] = ports;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_port(http, shared.clone(), acceptor.clone()));
    tasks.spawn(serve_port(grpc, shared, acceptor));
    while tasks.join_next().await.is_some() {}
}

async fn serve_port(mut port: Port, shared: Arc<Shared>, acceptor: Option<Acceptor>) {
    let mut changes = shared.changes();
    let mut connections = JoinSet::new();
    while !changes.borrow_and_update().is_over {
        let (is_refusing, until) = shared.is_refusing();
        let is_set = port.set(!is_refusing).is_ok();
        if is_refusing {
            connections.shutdown().await;
        }
        let again = async {
            match until {
                _ if !is_set => sleep(AGAIN).await,
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.changed() => {}
            () = again => {}
            accepted = port.accept() => match accepted {
                Ok(stream) => {
                    connections.spawn(connection(stream, shared.clone(), acceptor.clone()));
                }
                // Out of descriptors, or the peer is gone again.
                Err(_) => sleep(AGAIN).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, acceptor: Option<Acceptor>) {
    let conduct = Arc::new(Conduct::default());
    // Answers are small and must not wait for each other; without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream, conduct.clone());
    let served: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match acceptor {
        Some(acceptor) => {
            let conduct = conduct.clone();
            Box::pin(async move {
                // A client that does not trust us has gone by then.
                if let Ok(stream) = acceptor.accept(wire).await {
                    talk(stream, shared, conduct).await;
                }
            })
        }
        None => Box::pin(talk(wire, shared, conduct.clone())),
    };
    tokio::select! {
        () = served => {}
        () = conduct.ended() => {}
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    conduct: Arc<Conduct>,
) {
    let service = service_fn(|request| exchange::answer(request, shared.clone(), conduct.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is what scripts are for.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// In place of TLS where it is not compiled in.
#[cfg(not(feature = "tls"))]
mod no_tls {
    use crate::wire::Wire;

    /// There is none.
    #[derive(Clone, Debug)]
    pub(crate) enum Acceptor {}

    impl Acceptor {
        pub(crate) async fn accept(&self, _: Wire) -> std::io::Result<Wire> {
            match *self {}
        }
    }
}
