//! The reading end of a ring, in the process that owns it.

use std::sync::Arc;

use super::{Ring, Source, layout};

/// The reading end. Reads ahead of the tail; [`Consumer::release`] gives the space back.
#[derive(Debug)]
pub(crate) struct Consumer {
    ring: Arc<Ring>,
    number: u32,
    /// Read so far; the tail in the header follows at `release`.
    position: u64,
    released: u64,
}

impl Consumer {
    pub(super) fn new(ring: Arc<Ring>, number: u32) -> Self {
        Self { ring, number, position: 0, released: 0 }
    }

    /// Gives the space of everything up to `position` back to the producer.
    pub(crate) fn release(&mut self, position: u64) {
        // A store that changes nothing would still make the page dirty, at every look.
        if position != self.released {
            self.released = position;
            self.ring.memory.store_release(layout::TAIL_AT, position);
        }
    }
}

impl Source for Consumer {
    fn number(&self) -> u32 {
        self.number
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn head(&self) -> u64 {
        self.ring.memory.load_acquire(layout::HEAD_AT)
    }

    fn advance(&mut self, position: u64) {
        self.position = position;
    }

    fn copy(&self, count: usize, out: &mut Vec<u8>) {
        let capacity = self.ring.capacity;
        let at = (self.position % capacity as u64) as usize;
        let first = count.min(capacity - at);
        // SAFETY: `read` stays between position and head, which the producer does not write, since
        // the tail is not past the position; `count` is at most what is available, hence at most
        // the capacity.
        unsafe {
            self.ring.memory.read(layout::HEADER_SIZE + at, first, out);
            self.ring.memory.read(layout::HEADER_SIZE, count - first, out);
        }
    }
}
