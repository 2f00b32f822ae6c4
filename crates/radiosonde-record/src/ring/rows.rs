//! Memory as a table: rows of words that are written together, so that a row's place is looked at
//! once, and its words not at all.

use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::{Memory, Words as _};

/// Rows of `N` words. The protocol of the rows is written against this trait so that a model checker
/// can put its own memory in.
pub(crate) trait Rows<const N: usize> {
    /// A word.
    type Word: Word;
    /// The words of a row.
    fn row(&self, nth: u32) -> &[Self::Word; N];
}

/// A word of a row.
pub(crate) trait Word {
    /// Reads it.
    fn read(&self) -> u64;
    /// Reads it and sees what was written before it was stored with Release.
    fn read_acquire(&self) -> u64;
    /// Writes it, after everything written before.
    fn write_release(&self, value: u64);
}

/// `COUNT` rows of `N` words, which begin at byte `BEGIN` of a memory.
#[derive(Debug)]
pub(crate) struct Table<const BEGIN: usize, const COUNT: usize, const N: usize>(Memory);

impl<const BEGIN: usize, const COUNT: usize, const N: usize> Table<BEGIN, COUNT, N> {
    /// # Panics
    /// The memory is smaller than the table.
    pub(crate) fn new(memory: Memory) -> Self {
        const { assert!(BEGIN.is_multiple_of(8)) };
        assert!(memory.len() >= BEGIN + COUNT * N * 8);
        Self(memory)
    }

    /// All of the memory.
    #[inline(always)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.0
    }
}

impl<const BEGIN: usize, const COUNT: usize, const N: usize> Rows<N> for Table<BEGIN, COUNT, N> {
    type Word = AtomicU64;

    #[inline(always)]
    fn row(&self, nth: u32) -> &[AtomicU64; N] {
        let nth = nth as usize;
        assert!(nth < COUNT);
        // SAFETY: in bounds (`new` has looked, and a memory does not shrink) and aligned (the base
        // is page-aligned, the rest a multiple of 8), alive as long as `self`, initialised (zeroed
        // at creation); every access to these words is atomic.
        unsafe { &*self.0.base().as_ptr().add(BEGIN + nth * N * 8).cast() }
    }
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn read_acquire(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn write_release(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
}
