//! A connection as the script wants it: slow to read, slow to write, reset in place of closed.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// How a connection is to behave; whoever answers its requests sets it.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    is_reset: AtomicBool,
    write_every_ns: AtomicU64,
    read_per_s: AtomicU64,
    ended: Notify,
}

impl Conduct {
    /// Closes the connection, with a reset or in order.
    pub(crate) fn end(&self, is_reset: bool) {
        self.is_reset.store(is_reset, Ordering::Release);
        self.ended.notify_one();
    }

    /// Returns once the connection is to be closed.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// From now on a byte is written each time this has passed; zero: as usual.
    pub(crate) fn write_every(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.write_every_ns.store(nanoseconds, Ordering::Release);
    }

    /// From now on so many bytes a second are read; 0: as usual.
    pub(crate) fn read_per_s(&self, bytes: u32) {
        self.read_per_s.store(u64::from(bytes), Ordering::Release);
    }
}

/// A TCP connection that keeps to its conduct.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    conduct: std::sync::Arc<Conduct>,
    write_next: Option<Pin<Box<Sleep>>>,
    read_next: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, conduct: std::sync::Arc<Conduct>) -> Wire {
        Wire { stream, conduct, write_next: None, read_next: None }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.conduct.is_reset.load(Ordering::Acquire) {
            // Where it cannot be set the connection is closed in order, and the test sees another fault.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// How often a throttled connection reads: often enough to be even, seldom enough to be cheap.
const READS_PER_S: u64 = 50;

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rate = self.conduct.read_per_s.load(Ordering::Acquire);
        if rate == 0 {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        if let Some(next) = &mut self.read_next {
            ready!(next.as_mut().poll(context));
            self.read_next = None;
        }
        let most = usize::try_from(rate.div_ceil(READS_PER_S)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(buffer.remaining())];
        let mut part = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        buffer.put_slice(part.filled());
        self.read_next = Some(Box::pin(sleep(Duration::from_secs(1) / READS_PER_S as u32)));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let every = Duration::from_nanos(self.conduct.write_every_ns.load(Ordering::Acquire));
        if every.is_zero() {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if let Some(next) = &mut self.write_next {
            ready!(next.as_mut().poll(context));
        }
        let first = bytes.get(..1).unwrap_or_default();
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, first))?;
        self.write_next = Some(Box::pin(sleep_until(Instant::now() + every)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
