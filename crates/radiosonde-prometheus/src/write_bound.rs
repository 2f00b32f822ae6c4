//! A stream whose writes fail when the other side takes too long to take them all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Bounds the time from the first write that has to wait to the flush after the last one, so that
/// reading a byte now and then does not hold the connection for ever. hyper bounds reading headers, not writing an answer.
pub(crate) struct WriteBound<S> {
    stream: S,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Whether something had to wait since the last flush, and so the deadline counts.
    behind: bool,
}

impl<S> WriteBound<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, deadline: Box::pin(sleep(limit)), behind: false }
    }

    /// Passes on what a write came to, unless it has waited too long.
    fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        if !self.behind {
            self.behind = true;
            self.deadline.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteBound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteBound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.bound(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        // hyper flushes once it has written all it has.
        if outcome.is_ready() {
            self.behind = false;
        }
        self.bound(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bound(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_reader_that_takes_a_byte_now_and_then_is_cut_off() {
        let (server, mut client) = duplex(8);
        let reader = tokio::spawn(async move {
            // Less often than the limit would allow for a pause, but never done.
            let mut byte = [0; 1];
            while client.read_exact(&mut byte).await.is_ok() {
                sleep(LIMIT / 5).await;
            }
        });
        let mut bounded = WriteBound::new(server, LIMIT);
        let error = bounded.write_all(&[0; 1 << 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(bounded);
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn a_reader_in_time_gets_everything_also_after_a_pause_between_answers() {
        let (server, mut client) = duplex(8);
        let mut bounded = WriteBound::new(server, LIMIT * 200);
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.map(|_| all.len())
        });
        for _ in 0..3 {
            bounded.write_all(&[0; 1000]).await.unwrap();
            bounded.flush().await.unwrap();
            assert!(!bounded.behind);
        }
        drop(bounded);
        assert_eq!(reader.await.unwrap().unwrap(), 3000);
    }
}
