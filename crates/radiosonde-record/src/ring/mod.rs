//! Rings: one single-producer single-consumer queue of bytes per thread, in a file mapping.
//!
//! # Constraints
//! The producer is an application thread: a push is a bounds check, a copy and one Release store.
//! What was pushed survives the death of the process, because the pages belong to the kernel. The
//! consumer is the drain of the same process, or, when the process is dead, whoever recovers: that
//! reader uses `read` calls on the file ([`image`]) and never maps it.
//!
//! # Layout
//! One page of header, then the data, a power of two. Positions count bytes ever written; position
//! modulo capacity is the place in the data, and a record may wrap.
//! ```text
//!    0 u64 magic "RSNDRNG1"   8 u32 version   12 u32 capacity   16 u32 ring number
//!  128 u64 head       owned by the producer, Release
//!  136 u64 next sequence number
//!  144 u64 accepted records, one per kind
//!  168 u64 truncated records, one per kind
//!  192 u64 whether a push is under way; of no meaning in a dead ring
//!  256 u64 dropped records [kind 3][reason 8][level 6]
//! 2048 u64 tail       owned by the consumer, Release
//! ```
//! Head and tail are on cache lines of their own.
//!
//! # Operation
//! The producer copies a record behind `head` and then stores the new `head` with Release: a
//! process killed in between leaves a record nobody sees, of a call that never returned. The
//! consumer reads from `tail` to `head` (Acquire) and stores `tail` when the bytes are safe
//! elsewhere. A record dropped because the ring is full takes a sequence number too, so that the
//! loss shows as a gap.
//!
//! # Recovery
//! Records between `tail` and `head` are read by length and checksum. A bad length ends the ring:
//! what is left is lost and counted.
//!
//! This module is the only place of the crate with `unsafe`.

mod ack;
mod consumer;
pub(crate) mod image;
mod layout;
mod memory;
mod producer;
pub(crate) mod region;

pub use ack::AckCounter;
pub(crate) use consumer::Consumer;
pub(crate) use layout::Counters;
pub(crate) use memory::Memory;
pub(crate) use producer::{Full, Producer};
pub(crate) use region::Region;

use std::sync::Arc;

use crate::format::{HEADER_SIZE, RECORD_MAX};

/// The memory of a ring and its size.
#[derive(Debug)]
pub(crate) struct Ring {
    memory: Memory,
    capacity: usize,
}

impl Ring {
    /// Lays an empty ring into zeroed memory and splits it in its two ends.
    pub(crate) fn split(memory: Memory, number: u32) -> (Arc<Self>, Producer, Consumer) {
        let capacity = memory.len() - layout::HEADER_SIZE;
        assert!(capacity.is_power_of_two(), "ring capacity is a power of two");
        memory.store_u32(layout::VERSION_AT, layout::VERSION);
        memory.store_u32(layout::CAPACITY_AT, capacity as u32);
        memory.store_u32(layout::NUMBER_AT, number);
        // The magic last: a ring without it was never used.
        memory.store_release(layout::MAGIC_AT, layout::MAGIC);
        let ring = Arc::new(Self { memory, capacity });
        let producer = Producer::new(Arc::clone(&ring));
        let consumer = Consumer::new(Arc::clone(&ring), number);
        (ring, producer, consumer)
    }

    /// What the producer has counted so far.
    pub(crate) fn counters(&self) -> Counters {
        Counters::read(|at| self.memory.load(at))
    }

    /// Whether a push is under way at this moment.
    pub(crate) fn is_busy(&self) -> bool {
        self.memory.u64(layout::BUSY_AT).load(std::sync::atomic::Ordering::SeqCst) != 0
    }

    /// Bytes of memory a ring of `capacity` bytes of data takes.
    pub(crate) const fn memory_size(capacity: usize) -> usize {
        layout::HEADER_SIZE + capacity
    }
}

/// The reading end of a ring: of one of this process, or of one of a dead one.
pub(crate) trait Source {
    /// The ring's number.
    fn number(&self) -> u32;
    /// Everything before this position was read.
    fn position(&self) -> u64;
    /// The position behind the last record.
    fn head(&self) -> u64;
    /// Goes on at `position`.
    fn advance(&mut self, position: u64);
    /// Appends the next `count` bytes, which are before the head.
    fn copy(&self, count: usize, out: &mut Vec<u8>);

    /// Copies the next record to `out`. `Ok(false)` when there is none.
    ///
    /// # Errors
    /// The number of bytes skipped, when what is there is not a record: the rest of the ring is
    /// given up, since nothing says where the next one begins.
    fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, u64> {
        out.clear();
        let (head, position) = (self.head(), self.position());
        // A head behind us is a ring two processes write to, after a fork: there is nothing to be
        // read from it.
        let available = head.saturating_sub(position);
        if available == 0 {
            return Ok(false);
        }
        self.copy(size_of::<u32>(), out);
        let Some(length) = record_length(out, available) else {
            self.advance(head);
            return Err(available);
        };
        out.clear();
        self.copy(length, out);
        self.advance(position + length as u64);
        Ok(true)
    }
}

/// The length in a record's first four bytes, when it can be true.
fn record_length(head: &[u8], available: u64) -> Option<usize> {
    let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let plausible = (HEADER_SIZE..=RECORD_MAX).contains(&length)
        && length.is_multiple_of(8)
        && length as u64 <= available;
    plausible.then_some(length)
}

#[cfg(test)]
mod tests;
