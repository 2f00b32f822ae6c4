//! Appending: to the disk, else to memory, else counted.

use std::sync::MutexGuard;

use crate::account::{DropReason, Tally};
use crate::cursor::{IN_MEMORY, Range};
use crate::files::is_full;
use crate::format::{Batches, FrameHead, write_frame};
use crate::home::Shortage;
use crate::lane::{Lane, Queued, State, Trouble};
use crate::options::FRAME_BYTES_MAX;
use crate::spool::Inner;
use crate::taken::Frame;

/// The number of frames that are no batch.
const UNNUMBERED: u64 = 0;
/// Turns at making room for one frame: more would be a loop about nothing.
const TURNS: usize = 3;

/// A frame on its way, and what its append has to say in the cursor.
struct Append<'a> {
    spool: &'a Inner,
    at: usize,
    lane: &'a Lane,
    now: u64,
    /// A segment was given up for it already.
    has_freed: bool,
    /// The cursor must say it.
    is_news: bool,
}

/// Appends the frames of a batch that are not here yet.
pub(crate) fn append(spool: &Inner, at: usize, batch: u64, frames: &[Frame<'_>]) {
    spool.count_others_once();
    let lane = &*spool.lanes[at];
    let mut state = lane.lock();
    let now = lane.home.now();
    let mut append = Append { spool, at, lane, now, has_freed: false, is_news: false };
    let Some(done) = begin(&mut state.cursor.batches, batch, frames.len()) else {
        append.refuse_all(&mut state, frames);
        return;
    };
    if done >= frames.len() {
        return;
    }
    if !state.memory.is_empty() && append.waits_for(&state).is_none() {
        state = append.flush(state).0;
    }
    for (index, frame) in frames.iter().enumerate().skip(done) {
        let is_last = index + 1 == frames.len();
        let head = FrameHead {
            length: u32::try_from(frame.payload.len()).unwrap_or(u32::MAX),
            at: state.cursor.next,
            batch,
            time_ns: now,
            records: frame.records.max(1),
            index: u16::try_from(index).unwrap_or(u16::MAX),
            is_last,
        };
        state = append.one(state, head, frame.payload);
        if batch != UNNUMBERED {
            // What was refused is here as well: it is not to be refused twice.
            state.cursor.batches.see(batch, index as u32, is_last);
        }
    }
    if append.is_news {
        lane.write_cursor(&mut state);
    }
}

/// How many frames of a batch of so many are here already. `None` when a later batch is: whether this one
/// ever was, nobody knows.
fn begin(batches: &mut Batches, batch: u64, frames: usize) -> Option<usize> {
    if batch == UNNUMBERED {
        return Some(0);
    }
    if batch < batches.begun {
        return None;
    }
    if batch > batches.begun {
        (batches.begun, batches.part) = (batch, 0);
    }
    if batch == batches.mark {
        return Some(frames);
    }
    let done = batches.part as usize;
    if done >= frames {
        batches.mark = batch;
    }
    Some(done)
}

/// Writes what waits in memory, as far as the disk takes it, and why it takes no more. Not to be called
/// by an appender.
pub(crate) fn flush(spool: &Inner, at: usize) -> Option<DropReason> {
    let lane = &*spool.lanes[at];
    let now = lane.home.now();
    let mut append = Append { spool, at, lane, now, has_freed: false, is_news: false };
    let (state, reason) = append.land(lane.lock());
    if reason.is_some() {
        return reason;
    }
    append.flush(state).1
}

impl<'a> Append<'a> {
    fn one(
        &mut self,
        mut state: MutexGuard<'a, State>,
        head: FrameHead,
        payload: &[u8],
    ) -> MutexGuard<'a, State> {
        let size = Tally::new(u64::from(head.records), payload.len() as u64);
        if payload.len() > FRAME_BYTES_MAX || head.index == u16::MAX {
            self.refuse(&mut state, DropReason::Oversize, size);
            return state;
        }
        // Behind what waits in memory: the order stays.
        let mut reason = self.waits_for(&state);
        if reason.is_none() && !state.memory.is_empty() {
            reason = Some(DropReason::WriteFailed);
        }
        if reason.is_none() {
            (state, reason) = self.put_one_on_disk(state, &head, payload);
        }
        match reason {
            None => {}
            Some(DropReason::Cap) => return self.refused(state, DropReason::Cap, size),
            Some(reason) => {
                self.is_news = true;
                if !self.lane.remember(&mut state, head, payload, reason) {
                    return self.refused(state, reason, size);
                }
            }
        }
        if state.cursor.next == state.cursor.read.at {
            state.unread_ns = Some(head.time_ns);
        }
        state.cursor.next = head.end();
        state
    }

    /// Why nothing is written now.
    fn waits_for(&self, state: &State) -> Option<DropReason> {
        state.waits_for(self.now).filter(|_| !self.lane.home.is_closed())
    }

    fn put_one_on_disk(
        &mut self,
        mut state: MutexGuard<'a, State>,
        head: &FrameHead,
        payload: &[u8],
    ) -> (MutexGuard<'a, State>, Option<DropReason>) {
        let mut scratch = std::mem::take(&mut state.scratch);
        scratch.clear();
        write_frame(&mut scratch, head, payload, self.lane.seed);
        let (mut state, reason) = self.put_on_disk(state, &scratch);
        state.scratch = scratch;
        (state, reason)
    }

    /// Writes a frame, or several, and makes room if need be; why that cannot be done.
    fn put_on_disk(
        &mut self,
        mut state: MutexGuard<'a, State>,
        frame: &[u8],
    ) -> (MutexGuard<'a, State>, Option<DropReason>) {
        let mut reason = DropReason::WriteFailed;
        for _ in 0..TURNS {
            match self.lane.write(&mut state, frame) {
                Ok(()) => {
                    state.failed = None;
                    return (state, None);
                }
                Err(Trouble::Room(shortage, bytes)) => {
                    reason = match shortage {
                        Shortage::Cap => DropReason::Cap,
                        Shortage::Disk => DropReason::DiskFull,
                    };
                    drop(state);
                    let has_room = self.spool.make_room(self.at, shortage, bytes);
                    state = self.lane.lock();
                    if !has_room {
                        break;
                    }
                    if shortage == Shortage::Disk {
                        // What was freed is taken again: the disk has no less than before.
                        match self.lane.write_instead(&mut state, frame, bytes) {
                            Ok(()) => {
                                state.failed = None;
                                return (state, None);
                            }
                            Err(_) => break,
                        }
                    }
                }
                Err(Trouble::Failed(error)) if is_full(&error) && !self.has_freed => {
                    reason = DropReason::DiskFull;
                    self.has_freed = true;
                    drop(state);
                    let has_room = self.spool.free_one(self.at);
                    state = self.lane.lock();
                    if !has_room {
                        break;
                    }
                }
                Err(Trouble::Failed(error)) => {
                    let is_full = is_full(&error);
                    reason = if is_full { DropReason::DiskFull } else { DropReason::WriteFailed };
                    break;
                }
            }
        }
        if reason != DropReason::Cap {
            state.failed = Some((self.now, reason));
        }
        (state, Some(reason))
    }

    fn refused(
        &mut self,
        mut state: MutexGuard<'a, State>,
        reason: DropReason,
        size: Tally,
    ) -> MutexGuard<'a, State> {
        self.refuse(&mut state, reason, size);
        state
    }

    fn refuse_all(&mut self, state: &mut State, frames: &[Frame<'_>]) {
        for frame in frames {
            let size = Tally::new(u64::from(frame.records.max(1)), frame.payload.len() as u64);
            self.refuse(state, DropReason::WrongNumber, size);
        }
        if !frames.is_empty() {
            self.lane.write_cursor(state);
        }
    }

    fn refuse(&mut self, state: &mut State, reason: DropReason, size: Tally) {
        let first = state.cursor.next.records;
        state.cursor.refused += size;
        state.cursor.drop(reason, first, size, (self.now, self.now));
        self.is_news = true;
    }

    /// Writes ranges that were taken from memory and not settled. The reader is past them: they are found
    /// by their ranges only.
    fn land(
        &mut self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Option<DropReason>) {
        let all: Vec<u64> = state.memory_taken.keys().copied().collect();
        for first in all {
            let Some(queued) = state.memory_taken.get(&first) else { continue };
            let mut frames = Vec::new();
            for Queued { head, payload } in queued {
                write_frame(&mut frames, head, payload, self.lane.seed);
            }
            let (next, reason) = self.put_on_disk(state, &frames);
            state = next;
            if reason.is_some() {
                return (state, reason);
            }
            let State { cursor, active, segments, memory_taken, .. } = &mut *state;
            let is_it = |range: &&mut Range| range.first == first && range.segment == IN_MEMORY;
            let place =
                active.as_ref().and_then(|(number, _)| Some((*number, segments.get(number)?)));
            // Without a range it was settled while room was made.
            if let Some(range) = cursor.ranges.iter_mut().find(is_it)
                && let Some((number, segment)) = place
            {
                (range.segment, range.end) = (number, segment.end);
                range.offset = segment.end - frames.len() as u64;
                let queued = memory_taken.remove(&first).unwrap_or_default();
                self.lane.forget(&queued);
            }
            self.lane.write_cursor(&mut state);
        }
        (state, None)
    }

    fn flush(
        &mut self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Option<DropReason>) {
        while let Some(queued) = state.memory.front().cloned() {
            let (next, reason) = self.put_one_on_disk(state, &queued.head, &queued.payload);
            state = next;
            if reason.is_some() {
                return (state, reason);
            }
            // The reader may have taken it while room was made: then it is there twice, and passed over.
            if state.memory.front().is_some_and(|front| front.head.at == queued.head.at) {
                let front = state.memory.pop_front();
                self.lane.forget(front.as_slice());
            }
        }
        (state, None)
    }
}
