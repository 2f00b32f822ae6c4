//! Memory of a ring in which the model checker sees every access: the words of the header are its
//! atomics, and each word of data is one of its cells, so that bytes that are written while another
//! thread may read them end the model.

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::level::{DropReason, Kind, Level};
use crate::ring::layout;
use crate::ring::memory::Words;

/// The words of the header a model uses. Every further one would be a further object to follow.
const WORDS: [fn() -> usize; 5] = [
    || layout::HEAD_AT,
    || layout::BUSY_AT,
    || layout::TAIL_AT,
    || layout::accepted_at(Kind::Event),
    || layout::dropped_at(Kind::Event, DropReason::RingFull, Level::Critical),
];

pub(super) struct Watched {
    header: [AtomicU64; WORDS.len()],
    data: Vec<UnsafeCell<u64>>,
}

// SAFETY: the model checker runs one thread at a time, and ends when two accesses to a cell are not
// ordered.
unsafe impl Sync for Watched {}
// SAFETY: as above.
unsafe impl Send for Watched {}

impl Watched {
    pub(super) fn new(capacity: usize) -> Self {
        let data = (0..capacity / 8).map(|_| UnsafeCell::new(0)).collect();
        Self { header: std::array::from_fn(|_| AtomicU64::new(0)), data }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        let place = WORDS.iter().position(|word| word() == at);
        &self.header[place.unwrap_or_else(|| panic!("no model uses the word at {at}"))]
    }

    fn cells(&self, at: usize, len: usize) -> &[UnsafeCell<u64>] {
        assert!(at.is_multiple_of(8) && len.is_multiple_of(8));
        let first = (at - layout::HEADER_SIZE) / 8;
        &self.data[first..first + len / 8]
    }
}

impl Words for Watched {
    fn len(&self) -> usize {
        layout::HEADER_SIZE + 8 * self.data.len()
    }

    fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    fn load_acquire(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    fn store_release(&self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }

    unsafe fn fill<R>(&self, at: usize, len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut bytes = vec![0; len];
        let result = f(&mut bytes);
        let (words, _) = bytes.as_chunks::<8>();
        for (cell, word) in self.cells(at, len).iter().zip(words) {
            // SAFETY: valid for as long as the cell; the checker sees to the rest.
            cell.with_mut(|place| unsafe { *place = u64::from_le_bytes(*word) });
        }
        result
    }

    unsafe fn view<R>(&self, at: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        let mut bytes = Vec::with_capacity(len);
        for cell in self.cells(at, len) {
            // SAFETY: as in `fill`.
            bytes.extend_from_slice(&cell.with(|place| unsafe { *place }).to_le_bytes());
        }
        f(&bytes)
    }
}
