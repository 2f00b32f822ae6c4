//! Room: who goes first when there is none.

use std::sync::atomic::Ordering;

use crate::account::DropReason;
use crate::cursor::Place;
use crate::home::{Shortage, lock};
use crate::lane::{Lane, State};
use crate::spool::Inner;

/// Segments that are given up for one new one, at most.
const EVICTED_MAX: usize = 64;

impl Inner {
    /// Makes room for a segment of the stream; whether there is.
    pub(crate) fn make_room(&self, at: usize, shortage: Shortage, bytes: u64) -> bool {
        // One at a time: two who looked at the same moment would both give something up.
        let _turn = lock(&self.evicting);
        if shortage == Shortage::Disk {
            // Others fill the disk. We take no more of it than we have, and keep what we have.
            return self.give_up(at, DropReason::DiskFull, bytes);
        }
        for _ in 0..EVICTED_MAX {
            if self.home.shortage(bytes) != Some(Shortage::Cap) {
                return true;
            }
            if !self.give_up(at, DropReason::Cap, bytes) {
                return false;
            }
        }
        false
    }

    /// The disk said that it is full: gives up one segment; whether there was one.
    pub(crate) fn free_one(&self, at: usize) -> bool {
        let _turn = lock(&self.evicting);
        self.give_up(at, DropReason::DiskFull, self.home.options.segment_bytes)
    }

    /// Gives up what is needed least.
    fn give_up(&self, at: usize, reason: DropReason, wanted: u64) -> bool {
        self.home.release_spare() || self.remove_garbage() || self.evict_for(at, reason, wanted)
    }

    /// Removes segments nobody needs. Their cursors may not be on disk yet: a power cut now makes
    /// them count as lost, which they are not.
    fn remove_garbage(&self) -> bool {
        let mut any = false;
        for lane in &self.lanes {
            let garbage = std::mem::take(&mut lane.lock().garbage);
            any |= lane.unlink(&garbage);
        }
        any
    }

    /// Gives up the oldest segment of the lowest rank that has more than its share; whether there
    /// was one. Below its own share a stream may take from any, else from none above its rank.
    fn evict_for(&self, at: usize, reason: DropReason, wanted: u64) -> bool {
        let asking = &self.lanes[at];
        let has = asking.lock().disk_bytes();
        let is_below = has.saturating_add(wanted) <= asking.options.share_bytes;
        let mut candidates: Vec<(u8, u64, usize)> = Vec::new();
        for (number, lane) in self.lanes.iter().enumerate() {
            let state = lane.lock();
            let Some(oldest) = state.segments.values().next() else { continue };
            let rank = lane.options.rank;
            let is_above_share = state.disk_bytes() > lane.options.share_bytes;
            // What would be given up for no more than itself stays: memory may hold what is new.
            if number == at && reason == DropReason::DiskFull && state.segments.len() < 2 {
                continue;
            }
            if (number == at && !is_below)
                || (number != at && is_above_share && (is_below || rank <= asking.options.rank))
            {
                candidates.push((rank, oldest.created_ns, number));
            }
        }
        candidates.sort_unstable();
        let mut candidates = candidates.into_iter().map(|(_, _, number)| number);
        // Where all have no more than their share, the new is worth more than the old.
        candidates.any(|number| self.lanes[number].evict_oldest(reason))
            || (reason == DropReason::Cap && asking.evict_oldest(reason))
    }
}

impl Lane {
    /// Gives up the oldest segment: what is in it is lost, but for what somebody has in his hands.
    fn evict_oldest(&self, reason: DropReason) -> bool {
        let mut state = self.lock();
        let Some((number, segment)) = state.segments.pop_first() else { return false };
        let now = self.home.now();
        self.skip_segment(&mut state, number, segment.created_ns, now, reason);
        if state.active.as_ref().is_some_and(|(active, _)| *active == number) {
            state.active = None;
            self.home.has_rolled.store(true, Ordering::Relaxed);
        }
        self.write_cursor(&mut state);
        drop(state);
        self.unlink(&[(number, segment.size)])
    }

    /// Somebody removed the file of a segment: what was in it and is not read is lost, and what comes now
    /// goes to another file.
    pub(crate) fn lose_segment(&self, state: &mut State, number: u64) {
        let Some(segment) = state.segments.remove(&number) else { return };
        self.home.used.fetch_sub(segment.size, Ordering::Relaxed);
        if state.active.as_ref().is_some_and(|(active, _)| *active == number) {
            state.active = None;
        }
        // Only of what is read next can be said how much it was; the reader finds the rest missing.
        let is_next = state.segments.keys().next().is_none_or(|first| *first > number);
        if is_next {
            let now = self.home.now();
            self.skip_segment(state, number, segment.created_ns, now, DropReason::Damaged);
        }
        self.write_cursor(state);
    }

    /// Counts what is in a segment that is no longer among the others as lost, and moves on to the
    /// next one.
    pub(crate) fn skip_segment(
        &self,
        state: &mut State,
        number: u64,
        created_ns: u64,
        now: u64,
        reason: DropReason,
    ) {
        let cursor = &mut state.cursor;
        for range in std::mem::take(&mut cursor.ranges) {
            let mut range = range;
            if range.segment == number && !range.is_held {
                cursor.drop(reason, range.first, range.tally, (range.time_ns, range.time_ns));
                continue;
            }
            if range.segment == number {
                // Whoever has it may still deliver it.
                range.evicted.get_or_insert(reason);
            }
            cursor.ranges.push(range);
        }
        if state.cursor.read.segment > number {
            return;
        }
        let following = state.segments.iter().next();
        let (segment, end, from) = match following {
            Some((next, segment)) => (*next, segment.first, Some(segment.created_ns)),
            None => (number + 1, state.disk_next(), None),
        };
        let read = state.cursor.read.at;
        let end = end.or_earlier(state.cursor.next);
        let first_ns = state.unread_ns.unwrap_or(created_ns);
        if end.is_from(read) {
            let lost = end - read;
            let until = from.unwrap_or(now).max(first_ns);
            state.cursor.drop(reason, read.records, lost, (first_ns, until));
            state.cursor.read = Place { segment, offset: 0, at: end };
        } else {
            // Its numbers go back: it was read to the end already.
            state.cursor.read = Place { segment, offset: 0, at: read };
        }
        state.unread_ns = from.or_else(|| state.memory.front().map(|queued| queued.head.time_ns));
    }
}
