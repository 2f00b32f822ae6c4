//! Whole lines out of a stream of bytes, block by block, in bounded memory.

use std::io::{self, Read};

use crate::overlong::Overlong;
use crate::reader::{Chunk, LINE_BYTES_MAX};

/// Measured best for scanning: larger blocks leave the cache, smaller ones cost system calls.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// Gone through without a line break before the rest is given up: nobody writes such a line, and a
/// few KiB that were compressed may hold more than a disk.
pub(crate) const OVERLONG_BYTES_MAX: u64 = 1 << 30;

/// Gives out what a reader reads in whole lines. Holds one block, or a line where that is longer.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The part of `buffer` that holds bytes not given out yet.
    start: usize,
    end: usize,
    /// Place in the stream of `buffer[start]`.
    offset: u64,
    /// Since where a line has been too long, while its end has not been found.
    overlong: Option<Overlong>,
    finished: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            overlong: None,
            finished: false,
        }
    }

    #[cfg(feature = "sealed")]
    pub(crate) fn inner(&self) -> &R {
        &self.reader
    }

    /// The reader, from which what follows is read as what stands at `offset`. For one from which
    /// nothing was read yet.
    #[cfg(feature = "sealed")]
    pub(crate) fn begin_at(&mut self, offset: u64) -> &mut R {
        self.offset = offset;
        &mut self.reader
    }

    /// Bytes read from the reader so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.offset + (self.end - self.start) as u64
    }

    /// The next stretch, `None` at the end and after an error.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(overlong) = &mut self.overlong {
                let (passed, is_end) = overlong.pass(unread);
                let from = overlong.from;
                self.consume(passed);
                if is_end || self.finished {
                    self.overlong = None;
                    return Ok(Some(Chunk::Overlong { offset: from }));
                }
                self.go_on(from)?;
            } else if let Some(length) = whole_lines(unread) {
                let (start, offset) = (self.start, self.offset);
                self.consume(length);
                let bytes = &self.buffer[start..start + length];
                return Ok(Some(Chunk::Lines { offset, bytes }));
            } else if unread.len() > LINE_BYTES_MAX {
                self.overlong = Some(Overlong::new(self.offset));
                continue;
            } else if self.finished {
                if unread.is_empty() {
                    return Ok(None);
                }
                let (start, end, offset) = (self.start, self.end, self.offset);
                self.consume(end - start);
                return Ok(Some(Chunk::HalfLine { offset, bytes: &self.buffer[start..end] }));
            }
            self.fill().inspect_err(|_| self.give_up())?;
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Whether the end of a line that began there is still looked for.
    fn go_on(&mut self, from: u64) -> io::Result<()> {
        if self.offset - from <= OVERLONG_BYTES_MAX {
            return Ok(());
        }
        self.give_up();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("given up: no line break in the 1 GiB from byte {from} on"),
        ))
    }

    /// What is left of a line is none.
    fn give_up(&mut self) {
        self.finished = true;
        self.overlong = None;
        self.consume(self.end - self.start);
    }

    /// Reads behind what is left.
    ///
    /// To an address that lies in its page as the bytes lie in theirs: where it is a few bytes ahead
    /// of them, some processors copy them out of the page cache four times slower.
    fn fill(&mut self) -> io::Result<()> {
        let position = self.bytes_read();
        if self.buffer.len() - self.end < BLOCK_BYTES / 2 {
            self.make_room(in_page(position));
        }
        let room = self.buffer.len() - self.end;
        // To the end of a page of the file, so that the next read begins with one.
        let length = room - in_page(position + room as u64);
        let block = &mut self.buffer[self.end..self.end + length];
        let read = loop {
            match self.reader.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += read;
        self.finished = read == 0;
        Ok(())
    }

    /// Moves what is left to where a block has room behind it that begins so many bytes into a page.
    fn make_room(&mut self, in_page: usize) {
        let left = self.end - self.start;
        let place = |buffer: &[u8]| {
            let address = buffer.as_ptr().addr() + left;
            left + (in_page + PAGE_BYTES - address % PAGE_BYTES) % PAGE_BYTES
        };
        let mut end = place(&self.buffer);
        let is_large = left <= LEFT_BYTES && self.buffer.len() > 4 * BUFFER_BYTES;
        if is_large || self.buffer.len() < end + BLOCK_BYTES {
            // Doubling keeps a long line linear; a line that was long is no reason to keep the room.
            let most = LINE_BYTES_MAX + BUFFER_BYTES;
            let mut buffer = vec![0; (left * 2 + BLOCK_BYTES).clamp(BUFFER_BYTES, most)];
            end = place(&buffer);
            buffer[end - left..end].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = buffer;
        } else {
            self.buffer.copy_within(self.start..self.end, end - left);
        }
        (self.start, self.end) = (end - left, end);
    }
}

fn in_page(position: u64) -> usize {
    (position % PAGE_BYTES as u64) as usize
}

/// The length of the whole lines at the front that are given out together. `None` where there are
/// none, or where the first is too long.
pub(crate) fn whole_lines(bytes: &[u8]) -> Option<usize> {
    if bytes.len() <= LINE_BYTES_MAX {
        return memchr::memrchr(b'\n', bytes).map(|at| at + 1);
    }
    memchr::memchr(b'\n', bytes).filter(|at| *at <= LINE_BYTES_MAX).map(|at| at + 1)
}

/// Of the memory and of the file, usually.
pub(crate) const PAGE_BYTES: usize = 4 << 10;
/// What is usually left of a line, at most.
const LEFT_BYTES: usize = 3 * PAGE_BYTES;
/// Room for a block, for what is left before it, and for beginning where a page does.
const BUFFER_BYTES: usize = BLOCK_BYTES + LEFT_BYTES + PAGE_BYTES;
