//! Taking a port, or the next best one, and telling Prometheus which.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Where the listener is unless told otherwise: reachable from this machine only.
pub const DEFAULT_ADDR: &str = "127.0.0.1:9464";

/// A listener that is bound and not served yet.
#[derive(Debug)]
#[non_exhaustive]
pub struct Bound {
    /// The socket, non-blocking.
    pub listener: TcpListener,
    /// Where it listens; never port 0.
    pub addr: SocketAddr,
    /// The address that was asked for, when its port was taken.
    pub moved_from: Option<SocketAddr>,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The text is no address.
    #[error("`{addr}` is no listen address; write host:port, such as {DEFAULT_ADDR}")]
    Address {
        /// What was given.
        addr: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}; use an address of this machine and a port above 1023")]
    Listen {
        /// What was tried.
        addr: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Listens on `host:port`. A taken port moves to a free one on the same host; port 0 is any.
///
/// # Errors
/// [`BindError::Address`] when the text names no address, [`BindError::Listen`] when the host is
/// not of this machine, the port is not allowed, or no port is free.
pub fn bind(addr: &str) -> Result<Bound, BindError> {
    let unusable = |source| BindError::Address { addr: addr.to_owned(), source };
    let nothing = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let wanted = addr.to_socket_addrs().and_then(|mut all| all.next().ok_or_else(nothing));
    let wanted = wanted.map_err(unusable)?;
    match listen(wanted) {
        Ok((listener, addr)) => Ok(Bound { listener, addr, moved_from: None }),
        Err(source) if source.kind() == io::ErrorKind::AddrInUse && wanted.port() != 0 => {
            let any = SocketAddr::new(wanted.ip(), 0);
            let moved = listen(any).map_err(|source| BindError::Listen { addr: any, source })?;
            Ok(Bound { listener: moved.0, addr: moved.1, moved_from: Some(wanted) })
        }
        Err(source) => Err(BindError::Listen { addr: wanted, source }),
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// The text of a `file_sd` file that leads Prometheus to the listener:
/// `[{"targets":["127.0.0.1:9464"],"labels":{"service":"x"}}]`.
///
/// Characters that a label name may not have become `_`. An address of all interfaces is written
/// as it is: who scrapes from elsewhere knows the host better.
pub fn targets_json(addr: SocketAddr, labels: &[(&str, &str)]) -> String {
    let mut out = String::from("[{\"targets\":[");
    json_string(&mut out, &addr.to_string());
    out.push_str("],\"labels\":{");
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let name = crate::text::fit(name);
        json_string(&mut out, &name);
        out.push(':');
        json_string(&mut out, value);
    }
    out.push_str("}}]\n");
    out
}

fn json_string(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a string cannot fail. Control characters have four digits at most.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
