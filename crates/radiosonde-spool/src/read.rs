//! Taking ranges.

use std::io;

use crate::account::{DropReason, Tally};
use crate::cursor::{Cursor, IN_MEMORY, Place, Range};
use crate::files::{self, Mode};
use crate::format::{Position, SEGMENT_HEAD};
use crate::home::lock;
use crate::lane::{Lane, Queued, State};
use crate::options::{FRAME_BYTES_MAX, TAKEN_MAX};
use crate::scan::{Found, scan, scan_again};
use crate::taken::{Limit, Taken};

/// Read beyond what is wanted, for the heads of frames.
const SLACK: u64 = 16 * 1024;
/// Most that is read at once for what is next; a frame of the largest size and its head.
const READ_MAX: u64 = FRAME_BYTES_MAX as u64 + SLACK;
/// So often the same place may fail to be read before it counts as damaged.
const READ_FAILURES_MAX: u32 = 3;
/// A segment in which everything is settled is removed when nothing was appended for so long.
const IDLE_NS: u64 = 10_000_000_000;
/// Most of one damaged place that is quarantined.
const QUARANTINED_MAX: usize = 1024 * 1024;

/// Where the reader is, and how far it may go.
struct Here {
    place: Place,
    end: u64,
}

impl Lane {
    pub(crate) fn take(&self, limit: Limit) -> io::Result<Option<Taken>> {
        let _reader = lock(&self.reader);
        let mut want = limit.bytes.min(READ_MAX) + SLACK;
        loop {
            let mut state = self.lock();
            if let Some(at) = state.cursor.ranges.iter().position(|range| !range.is_held) {
                state.cursor.ranges[at].is_held = true;
                let range = state.cursor.ranges[at];
                drop(state);
                match self.take_again(range)? {
                    Some(taken) => return Ok(Some(taken)),
                    None => continue,
                }
            }
            if state.cursor.ranges.len() >= TAKEN_MAX {
                return Ok(None);
            }
            let Some(here) = self.turn_page(&mut state) else {
                return Ok(self.take_from_memory(&mut state, limit));
            };
            let is_patched = state.read_failures >= READ_FAILURES_MAX;
            drop(state);
            let to = here.end.min(here.place.offset.saturating_add(want));
            let read = self.read(here.place.segment, here.place.offset, to, is_patched);
            let mut state = self.lock();
            if state.cursor.read != here.place {
                // It was evicted meanwhile.
                continue;
            }
            let bytes = match read {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.lose_segment(&mut state, here.place.segment);
                    continue;
                }
                Err(error) => {
                    state.read_failures += 1;
                    return Err(error);
                }
            };
            state.read_failures = 0;
            // Cut, or removed, by somebody else's hand: nothing comes behind these bytes.
            let is_short = (bytes.len() as u64) < to - here.place.offset;
            let is_all = is_short || to == here.end;
            let bound = match here.place.segment < state.own_from {
                true => state.found_to,
                false => Position::END,
            };
            let mut found = scan(&bytes, self.seed, (here.place.at, bound), limit, is_all);
            if is_short && found.end == bytes.len() {
                found.end = (here.end - here.place.offset) as usize;
            }
            if found.is_cut {
                // Once more with all there is room for: no frame is larger.
                want = READ_MAX + SLACK;
                if found.end == 0 && found.frames.is_empty() {
                    continue;
                }
            }
            let taken = self.apply(&mut state, &here, found.start, &found);
            drop(state);
            self.quarantine_places(&bytes, &found.skipped);
            if let Some(range) = taken {
                return Ok(Some(taken_of(&range, found.frames)));
            }
        }
    }

    /// Goes to the segment that has something to read; `None` at the end of what is on disk.
    fn turn_page(&self, state: &mut State) -> Option<Here> {
        if let Some(here) = Self::turn(state) {
            return Some(here);
        }
        // What should be there and is not.
        let (read, next) = (state.cursor.read.at, state.disk_next());
        if next != read {
            let from = state.unread_ns.unwrap_or(state.read_ns);
            let until = self.home.now().max(from);
            state.cursor.drop(DropReason::Damaged, read.records, next - read, (from, until));
            state.cursor.read.at = next;
            state.unread_ns = state.memory.front().map(|queued| queued.head.time_ns);
            self.write_cursor(state);
        }
        None
    }

    /// As [`Lane::turn_page`], and gives nothing up as lost.
    fn turn(state: &mut State) -> Option<Here> {
        loop {
            let read = state.cursor.read;
            let here = state.segments.range(read.segment..).next();
            let Some((number, segment)) = here.map(|(number, segment)| (*number, *segment)) else {
                break;
            };
            if number != read.segment || read.offset == 0 {
                let offset = SEGMENT_HEAD as u64;
                state.cursor.read = Place { segment: number, offset, at: read.at };
            }
            if state.cursor.read.offset < segment.end {
                return Some(Here { place: state.cursor.read, end: segment.end });
            }
            if state.segments.range(number + 1..).next().is_none() {
                break;
            }
            state.cursor.read = Place { segment: number + 1, offset: 0, at: read.at };
        }
        None
    }

    /// Goes behind segments in which everything is settled, so that they can be removed: behind the last
    /// one as well when nothing was appended for some time, or nothing will be.
    pub(crate) fn leave_what_is_done(&self, state: &mut State) {
        let _next = Self::turn(state);
        let Some((number, _)) = state.active else {
            return self.leave_the_last(state);
        };
        let idle = self.home.now().saturating_sub(state.read_ns);
        let is_last = state.segments.keys().next_back() == Some(&number);
        if is_last && (idle >= IDLE_NS || self.home.is_closed()) {
            self.leave_the_last(state);
        }
    }

    fn leave_the_last(&self, state: &mut State) {
        let Cursor { read, next, ranges, .. } = &state.cursor;
        let Some((number, segment)) = state.segments.iter().next_back() else { return };
        let is_read = read.segment == *number && read.offset >= segment.end;
        if !is_read || !ranges.is_empty() || read.at.records < next.records {
            return;
        }
        // Whatever the next one is called, it has this number or a later one.
        let segment = state.next_number.max(number + 1);
        state.cursor.read = Place { segment, offset: 0, at: read.at };
        (state.active, state.last_bytes) = (None, 0);
        self.write_cursor(state);
    }

    fn read(&self, segment: u64, from: u64, to: u64, is_patched: bool) -> io::Result<Vec<u8>> {
        let file = self.home.files().open(&self.segment_path(segment), Mode::Read)?;
        match files::read(&*file, from, to) {
            Err(_) if is_patched => Ok(files::read_patched(&*file, from, to)),
            read => read,
        }
    }

    /// Moves the reader on, and writes down what is taken.
    fn apply(&self, state: &mut State, here: &Here, start: usize, found: &Found) -> Option<Range> {
        let place = here.place;
        let cursor = &mut state.cursor;
        let lost = found.first - place.at;
        if !found.frames.is_empty() && lost != Tally::default() {
            let from = state.read_ns.min(found.times.0);
            cursor.drop(DropReason::Damaged, place.at.records, lost, (from, found.times.0));
        }
        let offset = place.offset + found.end as u64;
        cursor.read = Place { segment: place.segment, offset, at: place.at };
        if found.frames.is_empty() {
            return None;
        }
        cursor.read.at = found.next;
        let range = Range {
            segment: place.segment,
            offset: place.offset + start as u64,
            end: offset,
            first: found.first.records,
            tally: found.tally,
            time_ns: found.times.0,
            is_held: true,
            ..Range::default()
        };
        cursor.ranges.push(range);
        state.read_ns = found.times.1;
        state.unread_ns = Some(found.next_ns.unwrap_or(found.times.1));
        self.write_cursor(state);
        Some(range)
    }

    fn take_from_memory(&self, state: &mut State, limit: Limit) -> Option<Taken> {
        let first = state.memory.front()?.head;
        let mut tally = Tally::default();
        let mut queued: Vec<Queued> = Vec::new();
        while let Some(next) = state.memory.front() {
            let sum = tally + next.head.tally();
            if !queued.is_empty() && (sum.records > limit.records || sum.bytes > limit.bytes) {
                break;
            }
            tally = sum;
            queued.extend(state.memory.pop_front());
        }
        let range = Range {
            segment: IN_MEMORY,
            first: first.at.records,
            tally,
            time_ns: first.time_ns,
            is_held: true,
            ..Range::default()
        };
        let frames = frames_of(&queued);
        state.memory_taken.insert(range.first, queued);
        state.cursor.ranges.push(range);
        state.cursor.read.at = state.disk_next();
        state.unread_ns = state.memory.front().map(|queued| queued.head.time_ns);
        self.write_cursor(state);
        Some(taken_of(&range, frames))
    }

    /// Reads a range that was taken before; `None` when nothing of it is there any more.
    fn take_again(&self, range: Range) -> io::Result<Option<Taken>> {
        if range.segment == IN_MEMORY {
            let mut state = self.lock();
            let frames = state.memory_taken.get(&range.first).map(|queued| frames_of(queued));
            if frames.is_none() {
                // It was written meanwhile: taken from there.
                let is_it = |known: &&mut Range| known.first == range.first;
                state.cursor.ranges.iter_mut().filter(is_it).for_each(|it| it.is_held = false);
            }
            return Ok(frames.map(|frames| taken_of(&Range { is_again: true, ..range }, frames)));
        }
        let is_patched = self.lock().read_failures >= READ_FAILURES_MAX;
        let read = match self.read(range.segment, range.offset, range.end, is_patched) {
            // Nothing of it is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        let mut state = self.lock();
        let Some(at) = state.cursor.ranges.iter().position(|known| known.first == range.first)
        else {
            return Ok(None);
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => {
                state.read_failures += 1;
                state.cursor.ranges[at].is_held = false;
                return Err(error);
            }
        };
        state.read_failures = 0;
        let (frames, tally, skipped) = scan_again(&bytes, self.seed, &range);
        let lost = range.tally - tally;
        if lost != Tally::default() {
            let span = (range.time_ns, range.time_ns);
            // Evicted between the look at the cursor and the one at the file.
            let reason = state.cursor.ranges[at].evicted.unwrap_or(DropReason::Damaged);
            state.cursor.drop(reason, range.first, lost, span);
            state.cursor.ranges[at].tally = tally;
        }
        // Also one that never had any: held, it would be in the way for ever.
        if frames.is_empty() {
            state.cursor.ranges.remove(at);
        }
        if frames.is_empty() || lost != Tally::default() {
            self.write_cursor(&mut state);
        }
        drop(state);
        self.quarantine_places(&bytes, &skipped);
        let range = Range { tally, is_again: true, ..range };
        Ok((!frames.is_empty()).then(|| taken_of(&range, frames)))
    }

    fn quarantine_places(&self, bytes: &[u8], places: &[(usize, usize)]) {
        for (from, to) in places {
            let piece = &bytes[*from..(*to).min(from + QUARANTINED_MAX)];
            // What cannot be kept for a look is counted as lost all the same.
            let _ = self.home.quarantine(&self.options.name, piece, "damaged");
        }
    }
}

fn frames_of(queued: &[Queued]) -> Vec<(u32, Vec<u8>)> {
    queued.iter().map(|queued| (queued.head.records, queued.payload.clone())).collect()
}

fn taken_of(range: &Range, frames: Vec<(u32, Vec<u8>)>) -> Taken {
    Taken {
        first: range.first,
        records: range.tally.records,
        bytes: range.tally.bytes,
        oldest_ns: range.time_ns,
        is_again: range.is_again,
        frames,
    }
}
