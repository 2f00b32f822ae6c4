//! Bytes that were read and not given out yet, in whole lines.

use std::ops::Range;

use crate::overlong::Overlong;
use crate::reader::{Chunk, LINE_BYTES_MAX};

/// A buffer of which the lines are given out, whoever fills it.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    pub(crate) buffer: Vec<u8>,
    /// The part of `buffer` that was not given out yet.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Place in the stream of `buffer[start]`.
    pub(crate) offset: u64,
    /// A line that is too long, while its end has not been found.
    pub(crate) overlong: Option<Overlong>,
    /// Whether nothing follows.
    pub(crate) finished: bool,
}

/// What comes next.
pub(crate) enum Next {
    /// Nothing before more was read.
    More,
    End,
    Overlong(u64),
    /// From a place in the stream on, in the buffer.
    HalfLine(u64, Range<usize>),
    Lines(u64, Range<usize>),
}

impl Unread {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Passes over what comes next.
    pub(crate) fn next(&mut self) -> Next {
        let unread = &self.buffer[self.start..self.end];
        if self.overlong.is_none() {
            if let Some(length) = whole_lines(unread) {
                let (offset, lines) = self.consume(length);
                return Next::Lines(offset, lines);
            }
            if unread.len() <= LINE_BYTES_MAX {
                return match self.finished {
                    false => Next::More,
                    true if unread.is_empty() => Next::End,
                    true => {
                        let (offset, half) = self.consume(unread.len());
                        Next::HalfLine(offset, half)
                    }
                };
            }
        }
        let mut overlong = self.overlong.take().unwrap_or_else(|| Overlong::new(self.offset));
        let (passed, is_end) = overlong.pass(unread);
        let _passed = self.consume(passed);
        if is_end || self.finished {
            return Next::Overlong(overlong.from);
        }
        self.overlong = Some(overlong);
        Next::More
    }

    /// What was passed over; `None` at the end.
    pub(crate) fn chunk(&self, next: Next) -> Option<Chunk<'_>> {
        match next {
            Next::More | Next::End => None,
            Next::Overlong(offset) => Some(Chunk::Overlong { offset }),
            Next::HalfLine(offset, half) => {
                Some(Chunk::HalfLine { offset, bytes: &self.buffer[half] })
            }
            Next::Lines(offset, lines) => Some(Chunk::Lines { offset, bytes: &self.buffer[lines] }),
        }
    }

    /// Passes over bytes; tells where they were, in the stream and in the buffer.
    pub(crate) fn consume(&mut self, bytes: usize) -> (u64, Range<usize>) {
        let before = (self.offset, self.start..self.start + bytes);
        self.start += bytes;
        self.offset += bytes as u64;
        before
    }
}

/// The length of the whole lines at the front that are given out together. `None` where there are
/// none, or where the first is too long.
fn whole_lines(bytes: &[u8]) -> Option<usize> {
    if bytes.len() <= LINE_BYTES_MAX {
        return memchr::memrchr(b'\n', bytes).map(|at| at + 1);
    }
    memchr::memchr(b'\n', bytes).filter(|at| *at <= LINE_BYTES_MAX).map(|at| at + 1)
}
