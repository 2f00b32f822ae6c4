//! The memory of a stage: a part for the heads of batches, and a segment for the lines of each
//! kind. Written by one thread, read by others through the file after its death.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::Memory;
use super::memory::Words as _;

/// A range of a mapped stage that one owner writes.
#[derive(Debug)]
pub(crate) struct Segment {
    memory: Arc<Memory>,
    /// Where it begins in the file.
    at: usize,
    length: usize,
}

impl Segment {
    /// Allocates and maps the beginning of a file, in segments of these lengths.
    ///
    /// # Errors
    /// As from the system, for instance a full disk.
    pub(crate) fn map<const N: usize>(file: &File, lengths: [usize; N]) -> io::Result<[Self; N]> {
        Ok(Self::split(Memory::map(file, lengths.iter().sum())?, lengths))
    }

    /// Splits memory into segments of these lengths.
    ///
    /// # Panics
    /// When there is less.
    pub(crate) fn split<const N: usize>(memory: Memory, lengths: [usize; N]) -> [Self; N] {
        assert!(lengths.iter().sum::<usize>() <= memory.len(), "the segments lie within");
        let memory = Arc::new(memory);
        let mut end = 0;
        lengths.map(|length| {
            let at = end;
            end += length;
            // They do not overlap, and each is owned once: `&mut` on one is exclusive.
            Self { memory: Arc::clone(&memory), at, length }
        })
    }

    /// Where the segment begins in its file.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Copies bytes to a place in the segment. Whether they fit; if not, nothing is written.
    #[must_use]
    #[inline]
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> bool {
        let fits = at <= self.length && bytes.len() <= self.length - at;
        if fits {
            let copy = |place: &mut [u8]| place.copy_from_slice(bytes);
            // SAFETY: within the segment, which is within the memory, and `&mut self`: nobody else
            // of this process has it, and others read the file only when this process is dead.
            unsafe { self.memory.fill(self.at + at, bytes.len(), copy) };
        }
        fits
    }

    /// How many bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The bytes from a place on.
    #[inline]
    pub(crate) fn room(&mut self, at: usize) -> &mut [u8] {
        let at = at.min(self.length);
        // SAFETY: as in `write`, for as long as `self` is borrowed.
        unsafe { self.memory.bytes_mut(self.at + at, self.length - at) }
    }

    /// The first `length` bytes, or all there are.
    pub(crate) fn bytes(&self, length: usize) -> &[u8] {
        // SAFETY: within the segment, and writing needs `&mut self`; the memory lives as long as it.
        unsafe { self.memory.bytes(self.at, length.min(self.length)) }
    }

    /// Stores a word, on an 8-byte step, after everything written before.
    pub(crate) fn store(&mut self, at: usize, value: u64) {
        assert!(at + 8 <= self.length);
        self.memory.store_release(self.at + at, value);
    }
}
