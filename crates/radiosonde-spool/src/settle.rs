//! What became of ranges that were taken, and of what nobody takes.

use crate::account::{DropReason, Tally};
use crate::cursor::{IN_MEMORY, Place, Range};
use crate::home::lock;
use crate::lane::{Lane, Queued, State};
use crate::taken::{Settled, Taken};

impl Lane {
    pub(crate) fn settle(&self, taken: &Taken, settled: Settled) {
        let mut state = self.lock();
        let is_it = |range: &Range| range.is_held && range.first == taken.first;
        let Some(at) = state.cursor.ranges.iter().position(is_it) else { return };
        let range = state.cursor.ranges.remove(at);
        let Tally { records, bytes } = range.tally;
        let delivered = settled.delivered.min(records);
        // Bytes are known of frames, not of records.
        let part = u128::from(bytes) * u128::from(delivered) / u128::from(records.max(1));
        let part = if delivered == records { bytes } else { part as u64 };
        state.cursor.delivered += Tally::new(delivered, part);
        state.cursor.rejected += Tally::new(records - delivered, bytes - part);
        self.forget_range(&mut state, &range);
        self.write_cursor(&mut state);
    }

    pub(crate) fn give_back(&self, first: Option<u64>) {
        let mut state = self.lock();
        let mut is_changed = false;
        for range in std::mem::take(&mut state.cursor.ranges) {
            let mut range = range;
            if range.is_held && first.is_none_or(|first| first == range.first) {
                range.is_held = false;
                range.is_again = true;
                if let Some(reason) = range.evicted {
                    let span = (range.time_ns, range.time_ns);
                    state.cursor.drop(reason, range.first, range.tally, span);
                    is_changed = true;
                    continue;
                }
            }
            state.cursor.ranges.push(range);
        }
        if is_changed {
            self.write_cursor(&mut state);
        }
    }

    pub(crate) fn forget_range(&self, state: &mut State, range: &Range) {
        if let Some(queued) = state.memory_taken.remove(&range.first) {
            self.forget(&queued);
        }
    }

    /// Drops what is in memory and nobody has, as no disk took it.
    pub(crate) fn drop_memory(&self, reason: DropReason) {
        let mut state = self.lock();
        let now = self.home.now();
        let mut is_changed = false;
        for range in std::mem::take(&mut state.cursor.ranges) {
            if range.segment != IN_MEMORY || range.is_held {
                state.cursor.ranges.push(range);
                continue;
            }
            let span = (range.time_ns, now.max(range.time_ns));
            state.cursor.drop(reason, range.first, range.tally, span);
            self.forget_range(&mut state, &range);
            is_changed = true;
        }
        let memory: Vec<Queued> = std::mem::take(&mut state.memory).into();
        if let Some(first) = memory.first() {
            let span = (first.head.time_ns, now.max(first.head.time_ns));
            state.cursor.drop_the_end(first.head.at, reason, span);
            is_changed = true;
        }
        self.forget(&memory);
        if is_changed {
            self.write_cursor(&mut state);
        }
    }

    /// Drops what nobody has taken. What was told already leaves no gap.
    pub(crate) fn discard(&self, reason: DropReason, is_told: bool) -> Tally {
        let _reader = lock(&self.reader);
        let mut state = self.lock();
        let gaps = is_told.then(|| state.cursor.gaps.clone());
        let before = state.cursor.pending();
        let now = self.home.now();
        let oldest = state.oldest_ns().unwrap_or(now);
        for range in std::mem::take(&mut state.cursor.ranges) {
            if range.is_held {
                state.cursor.ranges.push(range);
            } else {
                let span = (range.time_ns, range.time_ns);
                state.cursor.drop(reason, range.first, range.tally, span);
                self.forget_range(&mut state, &range);
            }
        }
        let memory = std::mem::take(&mut state.memory);
        self.forget(memory.into_iter().collect::<Vec<_>>().as_slice());
        let (read, next) = (state.cursor.read.at, state.cursor.next);
        state.cursor.drop(reason, read.records, next - read, (oldest, now));
        let end = state.segments.iter().next_back();
        let end = end.map(|(number, segment)| (*number, segment.end));
        let (segment, offset) = end.unwrap_or((state.next_number, 0));
        state.cursor.read = Place { segment, offset, at: next };
        state.unread_ns = None;
        if let Some(gaps) = gaps {
            state.cursor.gaps = gaps;
        }
        self.write_cursor(&mut state);
        before - state.cursor.pending()
    }
}
