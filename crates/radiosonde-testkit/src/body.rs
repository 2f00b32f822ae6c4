//! The body of an answer, which may break off.

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    /// The connection, or of HTTP/2 the stream, breaks here.
    Break,
    /// Some of the content.
    Data(Bytes),
    /// What stands behind the content.
    Trailers(http::HeaderMap),
}

/// Parts, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Body {
    parts: VecDeque<Part>,
    is_sent: bool,
}

impl Body {
    /// These parts, without content that is empty.
    pub(crate) fn of(parts: Vec<Part>) -> Body {
        let is_empty = |part: &Part| matches!(part, Part::Data(bytes) if bytes.is_empty());
        let parts = parts.into_iter().filter(|part| !is_empty(part)).collect();
        Body { parts, is_sent: false }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if matches!(self.parts.front(), Some(Part::Break)) && !self.is_sent {
            // A body that has nothing more for now is sent as far as it is there.
            self.is_sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.parts.pop_front().map(|part| match part {
            Part::Break => Err(io::Error::other("the script breaks the answer off here")),
            Part::Data(bytes) => Ok(Frame::data(bytes)),
            Part::Trailers(trailers) => Ok(Frame::trailers(trailers)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut bytes = 0;
        for part in &self.parts {
            match part {
                // How long it would have been is in the head.
                Part::Break => return SizeHint::default(),
                Part::Data(data) => bytes += data.len() as u64,
                Part::Trailers(_) => {}
            }
        }
        SizeHint::with_exact(bytes)
    }
}
