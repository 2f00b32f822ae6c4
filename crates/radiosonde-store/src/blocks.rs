//! Whole lines out of a stream of bytes, block by block, in bounded memory.

use std::io::{self, Read};

use crate::reader::{Chunk, LINE_BYTES_MAX};
use crate::unread::{Next, Unread};

/// Measured best for scanning: larger blocks leave the cache, smaller ones cost system calls.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// Gone through without a line break before the rest is given up: nobody writes such a line, and a
/// few KiB that were compressed may hold more than a disk.
pub(crate) const OVERLONG_BYTES_MAX: u64 = 1 << 30;

/// Gives out what a reader reads in whole lines. Holds one block, or a line where that is longer.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    reader: R,
    unread: Unread,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, unread: Unread::default() }
    }

    #[cfg(feature = "sealed")]
    pub(crate) fn inner(&self) -> &R {
        &self.reader
    }

    /// The reader, from which what follows is read as what stands at `offset`. For one from which
    /// nothing was read yet.
    #[cfg(feature = "sealed")]
    pub(crate) fn begin_at(&mut self, offset: u64) -> &mut R {
        self.unread.offset = offset;
        &mut self.reader
    }

    /// Bytes read from the reader so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.unread.offset + self.unread.bytes().len() as u64
    }

    /// The next stretch, `None` at the end and after an error.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        loop {
            match self.unread.next() {
                Next::More => {}
                next => return Ok(self.unread.chunk(next)),
            }
            self.go_on().and_then(|()| self.fill()).inspect_err(|_| self.give_up())?;
        }
    }

    /// Whether the end of a line that is too long is still looked for.
    fn go_on(&self) -> io::Result<()> {
        match &self.unread.overlong {
            Some(line) if self.unread.offset - line.from > OVERLONG_BYTES_MAX => {
                let from = line.from;
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("given up: no line break in the 1 GiB from byte {from} on"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// What is left of a line is none.
    fn give_up(&mut self) {
        self.unread.finished = true;
        self.unread.overlong = None;
        let _left = self.unread.consume(self.unread.bytes().len());
    }

    /// Reads behind what is left.
    ///
    /// To an address that lies in its page as the bytes lie in theirs: where it is a few bytes ahead
    /// of them, some processors copy them out of the page cache four times slower.
    fn fill(&mut self) -> io::Result<()> {
        let position = self.bytes_read();
        if self.unread.buffer.len() - self.unread.end < BLOCK_BYTES / 2 {
            self.make_room(in_page(position));
        }
        let room = self.unread.buffer.len() - self.unread.end;
        // To the end of a page of the file, so that the next read begins with one.
        let length = room - in_page(position + room as u64);
        let block = &mut self.unread.buffer[self.unread.end..self.unread.end + length];
        let read = loop {
            match self.reader.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.unread.end += read;
        self.unread.finished = read == 0;
        Ok(())
    }

    /// Moves what is left to where a block has room behind it that begins so many bytes into a page.
    fn make_room(&mut self, in_page: usize) {
        let left = self.unread.end - self.unread.start;
        let place = |buffer: &[u8]| {
            let address = buffer.as_ptr().addr() + left;
            left + (in_page + PAGE_BYTES - address % PAGE_BYTES) % PAGE_BYTES
        };
        let mut end = place(&self.unread.buffer);
        let is_large = left <= LEFT_BYTES && self.unread.buffer.len() > 4 * BUFFER_BYTES;
        if is_large || self.unread.buffer.len() < end + BLOCK_BYTES {
            // Doubling keeps a long line linear; a line that was long is no reason to keep the room.
            let most = LINE_BYTES_MAX + BUFFER_BYTES;
            let mut buffer = vec![0; (left * 2 + BLOCK_BYTES).clamp(BUFFER_BYTES, most)];
            end = place(&buffer);
            buffer[end - left..end]
                .copy_from_slice(&self.unread.buffer[self.unread.start..self.unread.end]);
            self.unread.buffer = buffer;
        } else {
            self.unread.buffer.copy_within(self.unread.start..self.unread.end, end - left);
        }
        (self.unread.start, self.unread.end) = (end - left, end);
    }
}

fn in_page(position: u64) -> usize {
    (position % PAGE_BYTES as u64) as usize
}

/// Of the memory and of the file, usually.
pub(crate) const PAGE_BYTES: usize = 4 << 10;
/// What is usually left of a line, at most.
const LEFT_BYTES: usize = 3 * PAGE_BYTES;
/// Room for a block, for what is left before it, and for beginning where a page does.
const BUFFER_BYTES: usize = BLOCK_BYTES + LEFT_BYTES + PAGE_BYTES;
