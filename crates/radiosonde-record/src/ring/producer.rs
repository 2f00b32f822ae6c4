//! The writing end of a ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Ring, layout};
use crate::format;
use crate::level::{DropReason, Kind, Level};

/// The writing end. Owned by one thread at a time.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: Arc<Ring>,
    head: u64,
    sequence: u64,
    /// The tail as last seen: the consumer's cache line is read only when the ring looks full.
    tail: u64,
    /// After a wait that timed out: no further wait until the tail has come this far.
    rearm_at: Option<u64>,
}

/// There is no room; whether a bounded wait may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) may_wait: bool,
}

impl Producer {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self { ring, head: 0, sequence: 0, tail: 0, rearm_at: None }
    }

    /// Pushes a finished record; sequence number and checksum are filled in here. The result says
    /// whether the ring is now more than half full.
    pub(crate) fn push(
        &mut self,
        record: &mut [u8],
        kind: Kind,
        truncated: bool,
    ) -> Result<bool, Full> {
        let capacity = self.ring.capacity as u64;
        let room = |tail| capacity - (self.head - tail);
        if room(self.tail) < record.len() as u64 {
            self.tail = self.ring.memory.load_acquire(layout::TAIL_AT);
            if room(self.tail) < record.len() as u64 {
                let may_wait = self.rearm_at.is_none_or(|at| self.tail >= at);
                return Err(Full { may_wait });
            }
        }
        format::seal(record, self.sequence);
        let at = (self.head % capacity) as usize;
        let (first, wrapped) = record.split_at(record.len().min(self.ring.capacity - at));
        let memory = &self.ring.memory;
        // SAFETY: the bytes lie between head and tail + capacity, which the consumer does not
        // touch until the store of head below, and this is the only producer (`&mut self`).
        unsafe {
            memory.write(layout::HEADER_SIZE + at, first);
            memory.write(layout::HEADER_SIZE, wrapped);
        }
        self.head += record.len() as u64;
        self.sequence += 1;
        // Counted before it can be drained, so that nothing is delivered that was not accepted.
        memory.add(layout::accepted_at(kind), 1);
        if truncated {
            memory.add(layout::truncated_at(kind), 1);
        }
        memory.store_release(layout::HEAD_AT, self.head);
        memory.u64(layout::SEQUENCE_AT).store(self.sequence, Ordering::Relaxed);
        Ok(self.more_than_half_full(capacity))
    }

    /// Says that a push is under way, before it is asked whether the journal is closed: whoever
    /// closes it waits for the pushes that did not see it (both sides sequentially consistent).
    pub(crate) fn begin(&self) {
        self.ring.memory.u64(layout::BUSY_AT).store(1, Ordering::SeqCst);
    }

    /// The push is over.
    pub(crate) fn end(&self) {
        self.ring.memory.store_release(layout::BUSY_AT, 0);
    }

    /// The cached tail may be old: a look at the real one before anybody is woken for it.
    fn more_than_half_full(&mut self, capacity: u64) -> bool {
        if self.head - self.tail <= capacity / 2 {
            return false;
        }
        self.tail = self.ring.memory.load_acquire(layout::TAIL_AT);
        self.head - self.tail > capacity / 2
    }

    /// The wait was used up: none again until a quarter of the ring has drained.
    pub(crate) fn stalled(&mut self) {
        self.rearm_at = Some(self.tail + self.ring.capacity as u64 / 4);
    }

    /// Counts a record that is not pushed. It takes a sequence number: the gap is the proof.
    pub(crate) fn drop_record(&mut self, kind: Kind, reason: DropReason, level: Level) {
        self.sequence += 1;
        let memory = &self.ring.memory;
        memory.u64(layout::SEQUENCE_AT).store(self.sequence, Ordering::Relaxed);
        memory.add(layout::dropped_at(kind, reason, level), 1);
    }
}
