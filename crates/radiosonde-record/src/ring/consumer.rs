//! The reading end of a ring, in the process that owns it.

use std::sync::Arc;

use super::{Ring, image, layout};

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

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Position behind the last record that was pushed.
    pub(crate) fn head(&self) -> u64 {
        self.ring.memory.load_acquire(layout::HEAD_AT)
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Copies the next record to `out`. `Ok(false)` when there is none.
    ///
    /// # Errors
    /// The number of bytes skipped, when what is there is not a record: the rest of the ring is
    /// given up, since nothing says where the next one begins.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, u64> {
        out.clear();
        let head = self.head();
        // A head behind us is a ring two processes write to, after a fork: there is nothing to be
        // read from it.
        let available = head.saturating_sub(self.position);
        if available == 0 {
            return Ok(false);
        }
        self.copy(self.position, 4, out);
        match image::record_length(out, available) {
            Some(length) => {
                out.clear();
                self.copy(self.position, length, out);
                self.position += length as u64;
                Ok(true)
            }
            None => {
                self.position = head;
                Err(available)
            }
        }
    }

    fn copy(&self, position: u64, count: usize, out: &mut Vec<u8>) {
        let capacity = self.ring.capacity;
        let at = (position % capacity as u64) as usize;
        let first = count.min(capacity - at);
        // SAFETY: callers stay between tail and head, which the producer does not write, and
        // `count` is at most what is available, hence at most the capacity.
        unsafe {
            self.ring.memory.read(layout::HEADER_SIZE + at, first, out);
            self.ring.memory.read(layout::HEADER_SIZE, count - first, out);
        }
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
