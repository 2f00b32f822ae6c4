//! Zeroed shared memory: a preallocated file mapping, or anonymous pages where files cannot be.
//!
//! All access goes through raw pointers and atomics derived from one base, never through
//! references to the bytes, because producer and consumer work on them at the same time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use memmap2::{MmapMut, MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, OFlags, fallocate};

/// A mapping of fixed size.
#[derive(Debug)]
pub(crate) struct Memory {
    // Keeps the pages mapped; `base` and `len` are its own.
    map: MmapRaw,
}

impl Memory {
    /// Creates the file, 0600, allocates its blocks and maps it.
    ///
    /// The blocks are allocated before the first write, so that a disk that fills up later cannot
    /// raise SIGBUS on an application thread.
    pub(crate) fn create(path: &Path, size: usize) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)?;
        Self::map(&file, size).inspect_err(|_| {
            // A file without blocks is of no use to a later recovery.
            let _ = std::fs::remove_file(path);
        })
    }

    fn map(file: &File, size: usize) -> io::Result<Self> {
        fallocate(file, FallocateFlags::empty(), 0, size as u64)?;
        let memory = Self { map: MmapOptions::new().len(size).map_raw(file)? };
        memory.touch();
        Ok(memory)
    }

    /// Memory that dies with the process.
    pub(crate) fn anonymous(size: usize) -> io::Result<Self> {
        let memory = Self { map: MmapMut::map_anon(size)?.into() };
        memory.touch();
        Ok(memory)
    }

    /// Takes over a mapping that may hold values already.
    pub(super) fn from_map(map: MmapRaw) -> Self {
        Self { map }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Faults every page in now, on the thread that prepares the ring, and not at the first event
    /// that reaches it.
    fn touch(&self) {
        // 4 KiB is the smallest page of the platforms we run on; larger pages are touched often.
        for at in (0..self.len()).step_by(4096) {
            self.u64(at).store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn u64(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.len());
        // SAFETY: in bounds and aligned (asserted; mappings are page-aligned), mapped as long as
        // `self` lives, and every access to these bytes is atomic.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }

    fn u32(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.len());
        // SAFETY: as in `u64`.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }

    pub(super) fn load_acquire(&self, at: usize) -> u64 {
        self.u64(at).load(Ordering::Acquire)
    }

    pub(super) fn store_release(&self, at: usize, value: u64) {
        self.u64(at).store(value, Ordering::Release);
    }

    pub(super) fn load(&self, at: usize) -> u64 {
        self.u64(at).load(Ordering::Relaxed)
    }

    pub(super) fn store_u32(&self, at: usize, value: u32) {
        self.u32(at).store(value, Ordering::Relaxed);
    }

    /// Adds to a cell only one thread writes: a load and a store, no lock prefix.
    pub(super) fn add(&self, at: usize, value: u64) {
        let cell = self.u64(at);
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }

    /// Copies `bytes` to `at`.
    ///
    /// # Safety
    /// No other thread reads or writes these bytes until an atomic store publishes them.
    pub(super) unsafe fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at <= self.len() && bytes.len() <= self.len() - at);
        // SAFETY: in bounds (asserted), not overlapping since `bytes` is a reference and nobody
        // makes references into the mapping; exclusive by the caller's promise.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(at), bytes.len());
        }
    }

    /// Appends the `count` bytes at `at` to `out`.
    ///
    /// # Safety
    /// No other thread writes these bytes during the call.
    pub(super) unsafe fn read(&self, at: usize, count: usize, out: &mut Vec<u8>) {
        assert!(at <= self.len() && count <= self.len() - at);
        out.reserve(count);
        // SAFETY: in bounds (asserted), `out` has room for `count` more, the source is initialised
        // (zeroed at creation) and not written by the caller's promise.
        unsafe {
            let end = out.as_mut_ptr().add(out.len());
            ptr::copy_nonoverlapping(self.map.as_ptr().add(at), end, count);
            out.set_len(out.len() + count);
        }
    }
}
