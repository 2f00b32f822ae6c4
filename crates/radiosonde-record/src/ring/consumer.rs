//! The reading end of a ring, in the process that owns it.

use std::sync::Arc;

use super::memory::Words;
use super::{Memory, Ring, Source, layout};

/// The reading end. Reads ahead of the tail; [`Consumer::release`] gives the space back.
#[derive(Debug)]
pub(crate) struct Consumer<M = Memory> {
    ring: Arc<Ring<M>>,
    number: u32,
    /// Read so far; the tail in the header follows at `release`.
    position: u64,
    released: u64,
    /// The head as last seen: the producer's cache line is read once for many records.
    head: u64,
}

impl<M: Words> Consumer<M> {
    pub(super) fn new(ring: Arc<Ring<M>>, number: u32) -> Self {
        Self { ring, number, position: 0, released: 0, head: 0 }
    }

    /// Gives the space of everything up to `position` back to the producer.
    pub(crate) fn release(&mut self, position: u64) {
        // A store that changes nothing would still make the page dirty, at every look.
        // Never back: what was given back may be written by now.
        if position > self.released {
            self.released = position;
            self.ring.memory.store_release(layout::TAIL_AT, position);
        }
    }

    pub(crate) fn ring(&self) -> &Arc<Ring<M>> {
        &self.ring
    }
}

impl<M: Words> Source for Consumer<M> {
    const TRUSTED: bool = true;

    fn number(&self) -> u32 {
        self.number
    }

    fn capacity(&self) -> usize {
        self.ring.capacity
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn head(&mut self) -> u64 {
        self.head = self.ring.memory.load_acquire(layout::HEAD_AT);
        self.head
    }

    fn known_head(&self) -> u64 {
        self.head
    }

    fn advance(&mut self, position: u64) {
        self.position = position;
    }

    fn view<R>(&self, place: usize, length: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        // SAFETY: `Source::next` asks for bytes between position and head only, in one piece and
        // within the capacity; the producer does not write them, since the tail is not past the
        // position, and the head was read with Acquire. A `release` past them needs `&mut self`.
        unsafe { self.ring.memory.view(layout::HEADER_SIZE + place, length, f) }
    }
}
