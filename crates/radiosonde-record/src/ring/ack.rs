//! A counter in a shared file mapping, for tests that kill their process.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::Ordering;

use memmap2::MmapOptions;
use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::Memory;

/// Number of counters in one file.
const COUNTERS: usize = 512;

/// One of 512 counters in a file. What is stored is visible to others, also after this process
/// was killed: a drill stores the sequence number of each event after the call returned, and the
/// proof compares it with what is in the day files.
#[derive(Debug)]
pub struct AckCounter {
    memory: Memory,
    at: usize,
}

impl AckCounter {
    /// Opens, or creates, the file and takes the counter `index` of it.
    ///
    /// # Errors
    /// As from the system; `InvalidInput` for an index past 511.
    pub fn open(path: &Path, index: usize) -> io::Result<Self> {
        if index >= COUNTERS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "index past 511"));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, 8 * COUNTERS as u64)?;
        let map = MmapOptions::new().len(8 * COUNTERS).map_raw(&file)?;
        Ok(Self { memory: Memory::from_map(map)?, at: 8 * index })
    }

    /// Stores a value.
    pub fn store(&self, value: u64) {
        self.memory.u64(self.at).store(value, Ordering::Release);
    }

    /// Reads all counters of a file with plain reads.
    ///
    /// # Errors
    /// As from the system.
    pub fn read_all(path: &Path) -> io::Result<Vec<u64>> {
        let mut bytes = vec![0; 8 * COUNTERS];
        std::fs::File::open(path)?.read_exact_at(&mut bytes, 0)?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }
}
