//! The writing end of a ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::memory::Words;
use super::{Memory, Ring, barrier, layout};
use crate::format::{self, Stamp};
use crate::journal::RING_CAPACITY_MAX;
use crate::level::{DropReason, Kind, Level};
use crate::patience::Patience;

/// What part of a ring is kept for records of level error and critical.
const RESERVE: u64 = 8;
/// What part is kept for records that have waited in vain: so that a drain that pauses for longer than
/// one call waits costs time, and no records.
const WAITED: u64 = 8;
/// The same of those of level error and critical: in their reserve they wait later.
const WAITED_ERRORS: u64 = 16;

/// How far before they are written bytes are fetched: the drain has read them last, on another
/// core. Some records ahead, so that they have come when they are needed.
const PREFETCH_AHEAD: u64 = 1024;

/// The writing end. Owned by one thread at a time.
#[derive(Debug)]
pub(crate) struct Producer<M = Memory> {
    ring: Arc<Ring<M>>,
    head: u64,
    /// Records accepted and dropped so far: the next one's number.
    sequence: u64,
    /// Records accepted so far.
    accepted: u64,
    /// The tail as last seen: the consumer's cache line is read only when the ring looks full.
    tail: u64,
    /// As far as the head may go with that tail without a closer look.
    room_end: u64,
    /// Past it the ring is more than half full with that tail.
    half_end: u64,
    /// After waits enough: no further one until the tail has come this far.
    rearm_at: Option<u64>,
    /// What its thread has waited of late.
    patience: Patience,
    /// Several threads have it, and wait for one another.
    is_shared: bool,
    /// The record that is pushed has waited: it goes into what is kept for those.
    has_waited: bool,
    /// The ring was more than half full of late: a larger one may have been made ready.
    pressed: bool,
    /// Records dropped behind the one of this number among the accepted: no later one shows their
    /// gap yet.
    unseen: u64,
    unseen_behind: u64,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// A bounded wait may be tried; for a record that has waited there may be room all the same.
    MayWait,
    /// No wait until more has drained, and no room.
    Stalled,
    /// This ring will never have room for a record of this size.
    TooLarge,
}

impl<M: Words> Producer<M> {
    pub(super) fn new(ring: Arc<Ring<M>>) -> Self {
        let capacity = ring.capacity as u64;
        Self {
            ring,
            head: 0,
            sequence: 0,
            accepted: 0,
            tail: 0,
            room_end: capacity - capacity / RESERVE - capacity / WAITED,
            half_end: capacity / 2,
            rearm_at: None,
            patience: Patience::default(),
            is_shared: false,
            has_waited: false,
            pressed: false,
            unseen: 0,
            unseen_behind: 0,
        }
    }

    /// Pushes a record of `length` bytes, a multiple of 8, which `fill` writes. Whether the ring is
    /// now more than half full.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        length: usize,
        kind: Kind,
        level: Level,
        truncated: bool,
        fill: impl FnOnce(&mut [u8], Stamp),
    ) -> Result<bool, Full> {
        let to_end = self.ring.capacity - self.ring.place(self.head);
        let start = if length <= to_end && self.head + length as u64 <= self.room_end {
            self.head
        } else {
            self.reserve(length, level)?
        };
        let at = layout::HEADER_SIZE + self.ring.place(start);
        let stamp = Stamp { sequence: self.sequence, accepted: self.accepted + 1 };
        let memory = &self.ring.memory;
        memory.prefetch(layout::HEADER_SIZE + self.ring.place(start + PREFETCH_AHEAD));
        // SAFETY: the bytes are between head and tail + capacity, contiguous (`reserve` and the
        // condition before it); the consumer does not touch them until the store of head below, and
        // this is the only producer (`&mut self`). Length and place are multiples of 8.
        unsafe { memory.fill(at, length, |record| fill(record, stamp)) };
        // Counted before it can be drained, so that nothing is delivered that was not accepted.
        memory.add(layout::accepted_at(kind), 1);
        if truncated {
            memory.add(layout::truncated_at(kind), 1);
        }
        self.head = start + length as u64;
        memory.store_release(layout::HEAD_AT, self.head);
        self.sequence += 1;
        self.accepted = stamp.accepted;
        Ok(self.head > self.half_end && self.is_more_than_half_full())
    }

    /// As [`Producer::push`], for a record that is not to wait any more: some room is kept for those.
    pub(crate) fn push_at_last(
        &mut self,
        length: usize,
        kind: Kind,
        level: Level,
        truncated: bool,
        fill: impl FnOnce(&mut [u8], Stamp),
    ) -> Result<bool, Full> {
        self.has_waited = true;
        let pushed = self.push(length, kind, level, truncated, fill);
        self.has_waited = false;
        pushed
    }

    /// Finds room for `length` bytes in one piece, with a look at the tail and, for those who get
    /// it, in the reserve. Where it begins: behind the head, or at the beginning of the ring, when
    /// the record does not fit before its end.
    #[inline(never)]
    fn reserve(&mut self, length: usize, level: Level) -> Result<u64, Full> {
        let capacity = self.ring.capacity as u64;
        let (wait_from, end) = self.limits(level);
        let to_end = capacity - self.ring.place(self.head) as u64;
        let skipped = if length as u64 > to_end { to_end } else { 0 };
        let filled = |head: u64, tail: u64| head - tail + skipped + length as u64;
        if filled(self.head, self.tail) > wait_from {
            self.see_tail();
            let filled = filled(self.head, self.tail);
            if filled > wait_from {
                self.room_past_waits(length, filled <= end)?;
            }
        }
        if skipped > 0 {
            let at = layout::HEADER_SIZE + self.ring.place(self.head);
            let word = format::filler(skipped as u32);
            // SAFETY: as in `push`; at least 8 bytes are there, since all positions are multiples.
            unsafe { self.ring.memory.fill(at, 8, |bytes| format::put(bytes, word)) };
        }
        Ok(self.head + skipped)
    }

    /// How full a ring may get by records of this level: before they wait, and at all.
    fn limits(&self, level: Level) -> (u64, u64) {
        let capacity = self.ring.capacity as u64;
        let (kept, waited) = if level >= Level::Error {
            // The last record's trailer stays in place until the next is committed: recovery reads
            // it.
            (8, capacity / WAITED_ERRORS)
        } else {
            (capacity / RESERVE, capacity / WAITED)
        };
        let end = capacity - kept;
        (if self.is_shared { end } else { end - waited }, end)
    }

    fn see_tail(&mut self) {
        let capacity = self.ring.capacity as u64;
        self.tail = self.ring.memory.load_acquire(layout::TAIL_AT);
        self.room_end = self.tail + capacity - capacity / RESERVE - capacity / WAITED;
        self.half_end = self.tail + capacity / 2;
    }

    /// Whether a record goes in where others wait first.
    #[cold]
    fn room_past_waits(&mut self, length: usize, has_room: bool) -> Result<(), Full> {
        self.press();
        let is_too_large = length > Ring::<M>::record_max(self.ring.capacity);
        let may_wait = !self.has_waited && self.rearm_at.is_none_or(|at| self.tail >= at);
        // In an empty ring it is the record that is large, and there is nothing to wait for.
        if has_room && (!may_wait || is_too_large || self.head == self.tail) {
            Ok(())
        } else if is_too_large {
            Err(Full::TooLarge)
        } else if may_wait {
            Err(Full::MayWait)
        } else {
            Err(Full::Stalled)
        }
    }

    /// Says that a push is under way, before it is asked whether the journal is closed: whoever
    /// closes it waits for the pushes that did not see it.
    #[inline(always)]
    pub(crate) fn begin(&self, kind: Kind) {
        self.ring.memory.store_release(layout::BUSY_AT, layout::busy_word(self.head, kind));
        barrier::light();
    }

    /// The push is over.
    #[inline(always)]
    pub(crate) fn end(&self) {
        self.ring.memory.store_release(layout::BUSY_AT, 0);
    }

    /// The cached tail may be old: a look at the real one before anybody is woken for it.
    #[inline(never)]
    fn is_more_than_half_full(&mut self) -> bool {
        self.see_tail();
        let more = self.head > self.half_end;
        if more {
            self.press();
        }
        more
    }

    fn press(&mut self) {
        // There is none larger than the largest.
        if self.ring.capacity < RING_CAPACITY_MAX {
            self.pressed = true;
            self.ring.ask_for_more();
        }
    }

    /// No wait until a quarter of the ring has drained.
    pub(crate) fn stalled(&mut self) {
        self.rearm_at = Some(self.tail + self.ring.capacity as u64 / 4);
    }

    /// A wait has ended without room.
    pub(crate) fn waited_in_vain(&mut self) {
        // A thread that waits with a lock held makes others wait with it.
        if !self.patience.was_in_vain(self.tail) || self.is_shared {
            self.stalled();
        }
    }

    pub(crate) fn patience(&mut self) -> &mut Patience {
        &mut self.patience
    }

    /// Another thread has it from now on.
    pub(crate) fn renew(&mut self) {
        self.patience = Patience::default();
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Several threads have it from now on, one at a time.
    pub(crate) fn share(&mut self) {
        self.is_shared = true;
    }

    /// Counts a record that is not pushed. It takes a sequence number: the gap is the proof.
    pub(crate) fn drop_record(&mut self, kind: Kind, reason: DropReason, level: Level) {
        self.ring.memory.add(layout::dropped_at(kind, reason, level), 1);
        self.leave_gap(1);
    }

    /// Numbers that no record will have.
    fn leave_gap(&mut self, numbers: u64) {
        if self.unseen_behind != self.accepted {
            (self.unseen_behind, self.unseen) = (self.accepted, 0);
        }
        self.unseen += numbers;
        self.sequence += numbers;
    }

    /// Takes the numbers back that were left out behind the last record.
    fn take_gap(&mut self) -> u64 {
        let taken = if self.unseen_behind == self.accepted { self.unseen } else { 0 };
        self.unseen -= taken;
        self.sequence -= taken;
        taken
    }

    pub(crate) fn ring(&self) -> &Arc<Ring<M>> {
        &self.ring
    }

    /// Whether the ring was more than half full of late.
    #[inline(always)]
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Goes on in the larger ring that was made ready, if one was; this end is left there for the
    /// pool. Order is kept by the records' times. Whether there is still pressure.
    #[cold]
    pub(crate) fn take_larger(&mut self) -> bool {
        if self.ring.memory.load_acquire(layout::TAIL_AT) == self.head {
            self.pressed = false;
        }
        let ring = Arc::clone(&self.ring);
        ring.exchange(self);
        self.pressed
    }

    /// Goes on in another ring, and hands out the end of this one.
    pub(crate) fn move_to(&mut self, mut larger: Self) -> Self {
        // One more that was asked for meanwhile would wait there for nobody.
        self.ring.asked.store(false, Ordering::Relaxed);
        // A loss shows where this thread's next record will be.
        larger.leave_gap(self.take_gap());
        larger.see_tail();
        larger.is_shared = std::mem::take(&mut self.is_shared);
        larger.patience = std::mem::take(&mut self.patience).in_ring(larger.tail);
        std::mem::replace(self, larger)
    }
}
