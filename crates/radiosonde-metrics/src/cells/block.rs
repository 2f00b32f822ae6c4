//! The cells of one thread.

use std::ptr;

use super::sync::{AtomicPtr, AtomicU64, Ordering};

/// Cells that are allocated at once: 4 KiB.
pub(super) const CHUNK: usize = if cfg!(all(test, loom)) { 2 } else { 512 };

/// Chunks a block may have.
const CHUNKS: usize = if cfg!(all(test, loom)) { 1 } else { 1024 };

/// Cells a block may have: those with a higher number are shared by all threads.
pub(super) const CELLS: u32 = (CHUNK * CHUNKS) as u32;

type Chunk = [AtomicU64; CHUNK];

/// Cells that one thread at a time writes, and any thread reads. A thread that ends hands its block
/// on as it is: its counts stay.
pub(super) struct Block {
    /// Null until the first write of one of its cells; then never changed until the block goes.
    chunks: [AtomicPtr<Chunk>; CHUNKS],
}

impl Block {
    #[cfg(all(test, loom))]
    pub(super) fn new() -> Self {
        Self { chunks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }

    #[cfg(not(all(test, loom)))]
    pub(super) const fn new() -> Self {
        Self { chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS] }
    }

    /// A cell, if it has been written. For readers: what its writer did before is seen.
    pub(super) fn get(&self, cell: u32) -> Option<&AtomicU64> {
        self.chunk(cell, Ordering::Acquire)?.get(cell as usize % CHUNK)
    }

    /// Several cells that follow one another in one chunk.
    pub(super) fn several(&self, first: u32, count: usize) -> Option<&[AtomicU64]> {
        let at = first as usize % CHUNK;
        self.chunk(first, Ordering::Acquire)?.get(at..at + count)
    }

    /// A cell, for the thread that owns the block. It, or who had the block before and handed it on
    /// through a lock, made the chunk: no order is needed to see it.
    #[inline(always)]
    pub(super) fn own(&self, cell: u32) -> Option<&AtomicU64> {
        self.chunk(cell, Ordering::Relaxed)?.get(cell as usize % CHUNK)
    }

    /// A cell, made if it is not there; for the thread that owns the block. None for numbers past
    /// [`CELLS`].
    pub(super) fn own_or_make(&self, cell: u32) -> Option<&AtomicU64> {
        if cell >= CELLS {
            return None;
        }
        if self.own(cell).is_none() {
            self.make(cell);
        }
        self.own(cell)
    }

    #[inline(always)]
    fn chunk(&self, cell: u32, order: Ordering) -> Option<&Chunk> {
        let chunk = self.chunks.get(cell as usize / CHUNK)?.load(order);
        // SAFETY: a pointer that is not null was made by `Box::into_raw` in `make`, is never replaced
        // and lives as long as the block, which is borrowed here. Readers load it with `Acquire`,
        // which pairs with the `Release` of `make`; the owner made it itself, or took the block over
        // through a lock from who did.
        unsafe { chunk.as_ref() }
    }

    #[cold]
    fn make(&self, cell: u32) {
        let Some(place) = self.chunks.get(cell as usize / CHUNK) else { return };
        let cells: Vec<_> = (0..CHUNK).map(|_| AtomicU64::new(0)).collect();
        let Ok(chunk) = Box::<Chunk>::try_from(cells) else { return };
        // One thread at a time owns the block, and asked whether it is there: nobody else stores.
        place.store(Box::into_raw(chunk), Ordering::Release);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        for place in &self.chunks {
            let chunk = place.load(Ordering::Relaxed);
            if !chunk.is_null() {
                // SAFETY: made by `Box::into_raw`, in its place only once, and nobody has the block
                // any more.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
    }
}

/// Adds as the only writer; stops at the top, where a counter that wrapped would read as a restart.
#[inline(always)]
pub(super) fn add(cell: &AtomicU64, by: u64) {
    let (sum, over) = cell.load(Ordering::Relaxed).overflowing_add(by);
    // A branch that is never taken, rather than a choice that each addition has to wait for.
    if over {
        return top(cell);
    }
    cell.store(sum, Ordering::Relaxed);
}

#[cold]
#[inline(never)]
fn top(cell: &AtomicU64) {
    cell.store(u64::MAX, Ordering::Relaxed);
}

/// Adds a float as the only writer, and stays finite: an infinite sum could never be told from a
/// broken one again.
#[inline(always)]
pub(super) fn add_f64(cell: &AtomicU64, by: f64) {
    let sum = f64::from_bits(cell.load(Ordering::Relaxed)) + by;
    cell.store(finite(sum).to_bits(), Ordering::Relaxed);
}

/// Finite again, at the end it left by.
#[inline(always)]
pub(super) fn finite(sum: f64) -> f64 {
    sum.clamp(f64::MIN, f64::MAX)
}
