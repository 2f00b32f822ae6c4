//! Zeroed shared memory: a preallocated file mapping, or memory of the process where files cannot
//! be.
//!
//! All access goes through raw pointers and atomics derived from one base. Slices are only made of
//! bytes that the protocol of the ring gives to one side alone for as long as the slice lives.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::retry_on_intr;

use super::pinned::{self, Pinned};

/// What the protocol of a ring needs of its memory. Offsets are in bytes from the beginning.
///
/// The protocol is written against this trait so that a model checker can put its own memory in.
pub(crate) trait Words {
    /// Size in bytes.
    fn len(&self) -> usize;
    /// Reads a word.
    fn load(&self, at: usize) -> u64;
    /// Reads a word and sees what was written before it was stored with Release.
    fn load_acquire(&self, at: usize) -> u64;
    /// Writes a word, after everything written before.
    fn store_release(&self, at: usize, value: u64);
    /// Calls `f` with bytes to be written.
    ///
    /// # Safety
    /// The range is in bounds, and nobody else reads or writes it during the call.
    unsafe fn fill<R>(&self, at: usize, len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R;
    /// Calls `f` with bytes to be read.
    ///
    /// # Safety
    /// The range is in bounds, and nobody writes it during the call.
    unsafe fn view<R>(&self, at: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R;

    /// Has the processor fetch as many bytes from a place on as most records have.
    fn prefetch(&self, _at: usize) {}

    /// Adds to a word only one thread writes: a load and a store, no lock prefix. Ordered after
    /// what that thread wrote before, as `store_release` is.
    fn add(&self, at: usize, value: u64) {
        self.store_release(at, self.load(at).wrapping_add(value));
    }
}

/// Memory of fixed size, page-aligned and zeroed.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    len: usize,
    backing: Backing,
    pinned: Option<Pinned>,
}

#[derive(Debug)]
enum Backing {
    /// Keeps the pages mapped.
    Map {
        _map: MmapRaw,
    },
    Heap(Layout),
}

// SAFETY: the memory belongs to no thread; what may be touched when is the protocol's business,
// and each access that is not atomic is in an unsafe method that says so.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// The smallest page of the platforms we run on; larger pages are touched often.
const PAGE: usize = 4096;

impl Memory {
    /// Creates the file, 0600, allocates its blocks and maps it.
    ///
    /// The blocks are allocated and touched before the first write, so that a disk that fills up
    /// later cannot raise SIGBUS on an application thread.
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

    /// Maps a file whose blocks are allocated here.
    pub(super) fn map(file: &File, size: usize) -> io::Result<Self> {
        let allocate = || fallocate(file, FallocateFlags::empty(), 0, size as u64);
        super::without_size_signal(|| retry_on_intr(allocate))?;
        let memory = Self::from_map(MmapOptions::new().len(size).map_raw(file)?)?;
        memory.touch();
        Ok(memory)
    }

    /// Memory that dies with the process.
    pub(crate) fn anonymous(size: usize) -> io::Result<Self> {
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, "size of a memory ring");
        let size = size.max(PAGE);
        let layout = Layout::from_size_align(size, PAGE).map_err(invalid)?;
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Self { base, len: size, backing: Backing::Heap(layout), pinned: None };
        memory.touch();
        Ok(memory)
    }

    /// Takes over a mapping that may hold values already.
    pub(super) fn from_map(map: MmapRaw) -> io::Result<Self> {
        // `u64` relies on it.
        let base = NonNull::new(map.as_mut_ptr()).filter(|_| map.len() >= PAGE);
        let base = base.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { base, len: map.len(), backing: Backing::Map { _map: map }, pinned: None })
    }

    /// Has the pages stay in memory, if that can be had, and they are mapped: see [`pinned`].
    ///
    /// [`pinned`]: super::pinned
    #[must_use]
    pub(crate) fn pinned(mut self) -> Self {
        if let Backing::Map { .. } = self.backing {
            self.pinned = pinned::pin(self.base, self.len);
        }
        self
    }

    /// Faults every page in now, on the thread that prepares the memory, and not at the first event
    /// that reaches it.
    fn touch(&self) {
        for at in (0..self.len).step_by(PAGE) {
            self.u64(at).store(0, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn u64(&self, at: usize) -> &AtomicU64 {
        // No memory is smaller than a page: for a place in the header nothing is left to be checked
        // at run time.
        assert!(at.is_multiple_of(8) && (at + 8 <= PAGE || at + 8 <= self.len));
        // SAFETY: in bounds and aligned (asserted; the base is page-aligned), alive as long as
        // `self`, and every access to header words is atomic.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    pub(super) fn store_u32(&self, at: usize, value: u32) {
        assert!(at.is_multiple_of(4) && at + 4 <= self.len);
        // SAFETY: as in `u64`.
        let cell = unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) };
        cell.store(value, Ordering::Relaxed);
    }

    /// Adds to a word several threads write.
    pub(crate) fn add_shared(&self, at: usize, value: u64) {
        self.u64(at).fetch_add(value, Ordering::AcqRel);
    }
}

impl Memory {
    /// Where it begins.
    #[inline(always)]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// A range of the bytes, to be written.
    ///
    /// # Safety
    /// The range is in bounds, and nobody else reads or writes it as long as the result is used.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's promise")]
    pub(super) unsafe fn bytes_mut(&self, at: usize, len: usize) -> &mut [u8] {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: in bounds, initialised (zeroed at creation), exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(at), len) }
    }

    /// A range of the bytes.
    ///
    /// # Safety
    /// The range is in bounds, and nobody writes it as long as the result is used.
    pub(super) unsafe fn bytes(&self, at: usize, len: usize) -> &[u8] {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: in bounds, initialised (zeroed at creation), and not written by the caller's
        // promise.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(at), len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Backing::Heap(layout) = self.backing {
            // SAFETY: allocated in `anonymous` with this layout, and nobody has it any more.
            unsafe { dealloc(self.base.as_ptr(), layout) };
        }
    }
}

impl Words for Memory {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn load(&self, at: usize) -> u64 {
        self.u64(at).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn load_acquire(&self, at: usize) -> u64 {
        self.u64(at).load(Ordering::Acquire)
    }

    #[inline(always)]
    fn store_release(&self, at: usize, value: u64) {
        self.u64(at).store(value, Ordering::Release);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn prefetch(&self, at: usize) {
        use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        for line in [0, 64, 128] {
            let address = self.base.as_ptr().wrapping_add(at + line);
            // SAFETY: a hint: it reads nothing and faults nowhere, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(address.cast()) };
        }
    }

    #[inline(always)]
    unsafe fn fill<R>(&self, at: usize, len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: in bounds, initialised (zeroed at creation), and exclusive during the call, all
        // by the caller's promise; the base outlives it.
        f(unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(at), len) })
    }

    #[inline]
    unsafe fn view<R>(&self, at: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: in bounds, initialised, and not written during the call by the caller's promise.
        f(unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(at), len) })
    }
}
