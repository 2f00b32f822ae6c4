//! The memory of a stage: written by one thread, read by others through the file after its death.

use std::fs::File;
use std::io;

use super::Memory;
use super::memory::Words as _;

/// A mapped stage file.
#[derive(Debug)]
pub(crate) struct StageMemory(Memory);

impl StageMemory {
    /// Allocates and maps the first `size` bytes of a file.
    ///
    /// # Errors
    /// As from the system, for instance a full disk.
    pub(crate) fn map(file: &File, size: usize) -> io::Result<Self> {
        Memory::map(file, size).map(Self)
    }

    /// Copies bytes to a place. Whether they are within the memory; if not, nothing is written.
    #[must_use]
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> bool {
        let fits = at <= self.0.len() && bytes.len() <= self.0.len() - at;
        if fits {
            // SAFETY: in bounds, and `&mut self`: nobody else of this process has the memory, and
            // other processes read the file only when this one is dead.
            unsafe { self.0.fill(at, bytes.len(), |place| place.copy_from_slice(bytes)) };
        }
        fits
    }

    /// Stores a word, after everything written before.
    pub(crate) fn store(&mut self, at: usize, value: u64) {
        self.0.store_release(at, value);
    }
}
