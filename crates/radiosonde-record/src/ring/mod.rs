//! Rings: one single-producer single-consumer queue of bytes per thread, in a file mapping.
//!
//! # Constraints
//! The producer is an application thread: a push is a bounds check, a copy and a few plain stores.
//! What was pushed survives the death of the process, because the pages belong to the kernel. The
//! consumer is the drain of the same process, or, when the process is dead, whoever recovers: that
//! reader uses `read` calls on the file ([`image`]) and never maps it.
//!
//! # Layout
//! One page of header, then the data, a power of two. Positions count bytes ever written; position
//! modulo capacity is the place in the data. A record never wraps: where it does not fit before the
//! end, a filler (its length with the highest bit set) takes the rest, and the record begins at
//! place 0. All positions are multiples of 8. All numbers are little-endian.
//! ```text
//!    0 u64 magic "RSNDRNG2"   8 u32 version   12 u32 capacity   16 u32 ring number
//!  128 u64 head       owned by the producer, Release
//!  136 u64 busy       0, or the push under way: head | kind << 1 | 1
//!  144 u64 accepted records, one per kind
//!  168 u64 truncated records, one per kind
//!  256 u64 dropped records [kind 3][reason 8][level 6], written by the producer alone
//! 1536 u64 the same, for calls that had no ring to be counted in: any thread adds, atomically
//! 3072 u64 tail       owned by the consumer, Release
//! ```
//! Head and tail are on cache lines of their own.
//!
//! # Operation
//! The producer stores `busy`, copies the record behind `head`, adds to `accepted`, stores the new
//! `head`, and clears `busy`; each store is a Release, so that they reach memory in this order. The
//! store of `head` is the moment of acceptance: a process killed before it leaves a record nobody
//! sees, of a call that never returned. SIGKILL takes no store back that an instruction has
//! retired, on x86 as on arm. The consumer reads from `tail` to `head` (Acquire) and stores `tail`
//! when the bytes are safe elsewhere. A record dropped because the ring is full takes a sequence
//! number too, so that the loss shows as a gap. The last eighth of the ring is kept for records of
//! level error and critical, and the eighth before it for those that have waited for room in vain.
//!
//! A ring that gets more than half full asks for a larger one. A spare is taken at once; failing
//! that, the drain makes one, and the producer goes on there with its next push: another ring, with
//! a number and sequence of its own. Records are brought in order by their time.
//!
//! # Recovery
//! Records between `tail` and `head` are read by length and check. A bad length ends the ring: what
//! is left is lost and counted. A push that had counted itself but not committed is taken out of
//! `accepted`: `busy` says of which kind it was, the trailer of the last record how many there are.
//!
//! This module is the only place of the crate with `unsafe`.

mod ack;
mod anchor;
mod barrier;
mod clock;
mod consumer;
mod fork;
pub(crate) mod image;
mod layout;
mod memory;
mod pinned;
mod producer;
pub(crate) mod region;
mod rows;
mod signals;
mod stage_memory;
mod sync;

pub use ack::AckCounter;
pub(crate) use barrier::heavy as process_barrier;
pub(crate) use clock::{Calibration, Clock};
pub(crate) use consumer::Consumer;
pub use fork::on_fork_child;
pub(crate) use fork::{InChild, is_forked_child, release_in_child};
pub(crate) use layout::Counters;
pub(crate) use memory::{Memory, Words};
pub(crate) use producer::{Full, Producer};
pub(crate) use region::Region;
pub(crate) use rows::{Rows, Table, Word};
pub(crate) use signals::without_size_signal;
pub(crate) use stage_memory::Segment;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::format::{FILLER, HEADER_SIZE, RECORD_MAX};
use crate::level::{DropReason, Kind, Level};
use sync::{AtomicBool, Mutex};

/// The memory of a ring and its size.
#[derive(Debug)]
pub(crate) struct Ring<M = Memory> {
    memory: M,
    capacity: usize,
    /// The producer wants a larger ring.
    asked: AtomicBool,
    /// It asked, or left its end in `handover`, since the drain's last look.
    attention: AtomicBool,
    /// `handover` has one.
    ready: AtomicBool,
    handover: Mutex<Handover<M>>,
}

/// How a producer gets its larger ring, and the drain gets the end of this one back.
#[derive(Debug)]
enum Handover<M> {
    Nothing,
    Larger(Producer<M>),
    Left(Producer<M>),
}

/// Sets up what all rings of the process share. Before the first ring; again is harmless.
pub(crate) fn prepare() {
    barrier::register();
    fork::prepare();
}

impl Ring {
    /// Lays an empty ring into zeroed memory and splits it in its two ends.
    pub(crate) fn split(memory: Memory, number: u32) -> (Arc<Self>, Producer, Consumer) {
        let capacity = (memory.len() - layout::HEADER_SIZE) as u32;
        memory.store_u32(layout::VERSION_AT, layout::VERSION);
        memory.store_u32(layout::CAPACITY_AT, capacity);
        memory.store_u32(layout::NUMBER_AT, number);
        // The magic last: a ring without it was never used.
        memory.store_release(layout::MAGIC_AT, layout::MAGIC);
        Self::ends(memory, number)
    }

    /// What the producer has counted so far.
    pub(crate) fn counters(&self) -> Counters {
        Counters::read(|at| self.memory.load_acquire(at))
    }

    /// Counts a call that has no ring of its own to be counted in. From any thread; neither locks
    /// nor allocates.
    pub(crate) fn count_outside(&self, kind: Kind, reason: DropReason, level: Level) {
        self.memory.add_shared(layout::dropped_outside_at(kind, reason, level), 1);
    }

    /// Bytes of memory a ring of `capacity` bytes of data takes.
    pub(crate) const fn memory_size(capacity: usize) -> usize {
        layout::HEADER_SIZE + capacity
    }
}

impl<M: Words> Ring<M> {
    fn ends(memory: M, number: u32) -> (Arc<Self>, Producer<M>, Consumer<M>) {
        let capacity = memory.len() - layout::HEADER_SIZE;
        assert!(capacity.is_power_of_two(), "ring capacity is a power of two");
        let ring = Arc::new(Self {
            memory,
            capacity,
            asked: AtomicBool::new(false),
            attention: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            handover: Mutex::new(Handover::Nothing),
        });
        let producer = Producer::new(Arc::clone(&ring));
        let consumer = Consumer::new(Arc::clone(&ring), number);
        (ring, producer, consumer)
    }

    /// Whether a push is under way at this moment.
    pub(crate) fn is_busy(&self) -> bool {
        self.memory.load_acquire(layout::BUSY_AT) != 0
    }

    /// Bytes of data.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The largest record a ring of `capacity` bytes is sure to have room for when it is empty,
    /// wherever its head is.
    pub(crate) const fn record_max(capacity: usize) -> usize {
        (capacity - capacity / 8) / 2
    }

    #[inline]
    fn place(&self, position: u64) -> usize {
        position as usize & (self.capacity - 1)
    }

    fn ask_for_more(&self) {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
            self.attention.store(true, Ordering::Release);
        }
    }

    /// Whether the drain has something to see to, since its last look: one load when not.
    pub(crate) fn wants_attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed) && self.attention.swap(false, Ordering::Acquire)
    }

    /// Whether the producer has asked for a larger ring since the last look.
    pub(crate) fn wants_more(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    /// Makes a larger ring ready for the producer. Given back when it has not taken the last one.
    pub(crate) fn offer(&self, larger: Producer<M>) -> Option<Producer<M>> {
        let mut handover = self.handover.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*handover, Handover::Nothing) {
            return Some(larger);
        }
        *handover = Handover::Larger(larger);
        self.ready.store(true, Ordering::Release);
        None
    }

    /// The producer's look: changes `producer` for the larger one, if one was made ready, and leaves
    /// it here in its place. Never waits for the drain.
    fn exchange(&self, producer: &mut Producer<M>) {
        if !self.ready.load(Ordering::Acquire) {
            return;
        }
        let Ok(mut handover) = self.handover.try_lock() else { return };
        *handover = match std::mem::replace(&mut *handover, Handover::Nothing) {
            Handover::Larger(larger) => {
                self.ready.store(false, Ordering::Release);
                self.attention.store(true, Ordering::Release);
                Handover::Left(producer.move_to(larger))
            }
            other => other,
        };
    }

    /// The end the producer left here for a larger one.
    pub(crate) fn collect(&self) -> Option<Producer<M>> {
        let mut handover = self.handover.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *handover, Handover::Nothing) {
            Handover::Left(producer) => Some(producer),
            other => {
                *handover = other;
                None
            }
        }
    }
}

/// The reading end of a ring: of one of this process, or of one of a dead one.
pub(crate) trait Source {
    /// Whether this process has written what is read.
    const TRUSTED: bool;

    /// The ring's number.
    fn number(&self) -> u32;
    /// Bytes of data.
    fn capacity(&self) -> usize;
    /// Everything before this position was read.
    fn position(&self) -> u64;
    /// The position behind the last record.
    fn head(&mut self) -> u64;
    /// The same, as last seen.
    fn known_head(&self) -> u64;
    /// Goes on at `position`.
    fn advance(&mut self, position: u64);
    /// Calls `f` with bytes between position and head.
    fn view<R>(&self, place: usize, length: usize, f: impl FnOnce(&[u8]) -> R) -> R;

    /// The length of the next record; `None` when there is none. Passes over fillers.
    ///
    /// # Errors
    /// The number of bytes skipped, when what is there is not a record: the rest of the ring is
    /// given up, since nothing says where the next one begins.
    fn next(&mut self) -> Result<Option<usize>, u64> {
        loop {
            let position = self.position();
            // A head behind us is a ring two processes write to, after a fork: there is nothing to
            // be read from it.
            let mut available = self.known_head().saturating_sub(position);
            if available == 0 {
                available = self.head().saturating_sub(position);
                if available == 0 {
                    return Ok(None);
                }
            }
            let place = (position % self.capacity() as u64) as usize;
            let room = available.min((self.capacity() - place) as u64);
            match self.length_at(place, room) {
                Some((length, false)) => return Ok(Some(length)),
                Some((length, true)) => self.advance(position + length as u64),
                None => {
                    let head = self.known_head();
                    self.advance(head);
                    return Err(available);
                }
            }
        }
    }

    /// The length in the first bytes, and whether it is a filler's; `None` when it cannot be true.
    fn length_at(&self, place: usize, room: u64) -> Option<(usize, bool)> {
        if room < 8 {
            return None;
        }
        let first = |bytes: &[u8]| bytes.first_chunk().copied().map(u32::from_le_bytes);
        let word = self.view(place, 8, first)?;
        let (length, is_filler) = ((word & !FILLER) as usize, word & FILLER != 0);
        let plausible = if is_filler {
            length as u64 == room && place + length == self.capacity()
        } else {
            (HEADER_SIZE..=RECORD_MAX).contains(&length) && length as u64 <= room
        };
        (plausible && length.is_multiple_of(8)).then_some((length, is_filler))
    }

    /// Calls `f` with the next record, whose length [`Source::next`] has given.
    fn record<R>(&self, length: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        let place = (self.position() % self.capacity() as u64) as usize;
        self.view(place, length, f)
    }
}

#[cfg(all(test, not(loom)))]
mod killed;
#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
