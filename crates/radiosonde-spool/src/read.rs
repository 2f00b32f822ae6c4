//! Taking ranges, and what became of them.

use std::io;

use crate::account::{DropReason, Tally};
use crate::cursor::{IN_MEMORY, Place, Range};
use crate::files::{self, Mode, OpenFile};
use crate::format::{FrameHead, Position, SEGMENT_HEAD, Step, step};
use crate::home::lock;
use crate::lane::{Lane, Queued, State};
use crate::options::{FRAME_BYTES_MAX, TAKEN_MAX};
use crate::taken::{Limit, Settled, Taken};

/// Read beyond what is wanted, for the heads of frames.
const SLACK: u64 = 16 * 1024;
/// Most that is read at once; a frame of the largest size and its head.
const READ_MAX: u64 = FRAME_BYTES_MAX as u64 + SLACK;
/// So often the same place may fail to be read before it counts as damaged.
const READ_FAILURES_MAX: u32 = 3;
/// The unit in which a disk loses bytes.
const SECTOR: usize = 4096;
/// Most of one damaged place that is quarantined.
const QUARANTINED_MAX: usize = 1024 * 1024;

/// What a look at the bytes of a segment finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Where the first frame begins, and where the rest is to be read from.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Before the first frame, and behind the last.
    pub(crate) first: Position,
    pub(crate) next: Position,
    pub(crate) frames: Vec<(u32, Vec<u8>)>,
    pub(crate) tally: Tally,
    /// When the first frame was appended, and the last one.
    pub(crate) times: (u64, u64),
    /// When the one behind them was.
    pub(crate) next_ns: Option<u64>,
    /// Places that are damaged.
    pub(crate) skipped: Vec<(usize, usize)>,
    /// A frame goes on behind the bytes.
    pub(crate) is_cut: bool,
}

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
                Err(error) => {
                    state.read_failures += 1;
                    return Err(error);
                }
            };
            state.read_failures = 0;
            // Cut, or removed, by somebody else's hand: nothing comes behind these bytes.
            let is_short = (bytes.len() as u64) < to - here.place.offset;
            let is_all = is_short || to == here.end;
            let mut found = scan(&bytes, self.seed, here.place.at, limit, is_all);
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
        // What should be there and is not.
        let (read, next) = (state.cursor.read.at, state.disk_next());
        if next.records > read.records {
            let from = state.unread_ns.unwrap_or(state.read_ns);
            let until = self.home.now().max(from);
            state.cursor.drop(DropReason::Damaged, read.records, next - read, (from, until));
            state.cursor.read.at = next;
            state.unread_ns = state.memory.front().map(|queued| queued.head.time_ns);
            self.write_cursor(state);
        }
        None
    }

    fn read(&self, segment: u64, from: u64, to: u64, is_patched: bool) -> io::Result<Vec<u8>> {
        let opened = self.home.files().open(&self.segment_path(segment), Mode::Read);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        match files::read(&*file, from, to) {
            Err(_) if is_patched => Ok(read_patched(&*file, from, to)),
            read => read,
        }
    }

    /// Moves the reader on, and writes down what is taken.
    fn apply(&self, state: &mut State, here: &Here, start: usize, found: &Found) -> Option<Range> {
        let place = here.place;
        let cursor = &mut state.cursor;
        let lost = found.first - place.at;
        if !found.frames.is_empty() && lost.records > 0 {
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
            let state = self.lock();
            let frames = state.memory_taken.get(&range.first).map(|queued| frames_of(queued));
            return Ok(frames.map(|frames| taken_of(&Range { is_again: true, ..range }, frames)));
        }
        let is_patched = self.lock().read_failures >= READ_FAILURES_MAX;
        let read = self.read(range.segment, range.offset, range.end, is_patched);
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
            let is_evicted = state.cursor.ranges[at].is_evicted;
            let reason = if is_evicted { DropReason::Cap } else { DropReason::Damaged };
            state.cursor.drop(reason, range.first, lost, span);
            state.cursor.ranges[at].tally = tally;
            if frames.is_empty() {
                state.cursor.ranges.remove(at);
            }
            self.write_cursor(&mut state);
        }
        drop(state);
        self.quarantine_places(&bytes, &skipped);
        let range = Range { tally, is_again: true, ..range };
        Ok((!frames.is_empty()).then(|| taken_of(&range, frames)))
    }

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
                if range.is_evicted {
                    let span = (range.time_ns, range.time_ns);
                    state.cursor.drop(DropReason::Cap, range.first, range.tally, span);
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

    fn forget_range(&self, state: &mut State, range: &Range) {
        if let Some(queued) = state.memory_taken.remove(&range.first) {
            self.forget(&queued);
        }
    }

    /// Drops what nobody has taken.
    pub(crate) fn discard(&self) -> Tally {
        let _reader = lock(&self.reader);
        let mut state = self.lock();
        let before = state.cursor.pending();
        let now = self.home.now();
        let oldest = state.oldest_ns().unwrap_or(now);
        for range in std::mem::take(&mut state.cursor.ranges) {
            if range.is_held {
                state.cursor.ranges.push(range);
            } else {
                let span = (range.time_ns, range.time_ns);
                state.cursor.drop(DropReason::Operator, range.first, range.tally, span);
                self.forget_range(&mut state, &range);
            }
        }
        let memory = std::mem::take(&mut state.memory);
        self.forget(memory.into_iter().collect::<Vec<_>>().as_slice());
        let (read, next) = (state.cursor.read.at, state.cursor.next);
        state.cursor.drop(DropReason::Operator, read.records, next - read, (oldest, now));
        let end = state.segments.iter().next_back();
        let end = end.map(|(number, segment)| (*number, segment.end));
        let (segment, offset) = end.unwrap_or((state.next_number, 0));
        state.cursor.read = Place { segment, offset, at: next };
        state.unread_ns = None;
        self.write_cursor(&mut state);
        before - state.cursor.pending()
    }

    fn quarantine_places(&self, bytes: &[u8], places: &[(usize, usize)]) {
        for (from, to) in places {
            let piece = &bytes[*from..(*to).min(from + QUARANTINED_MAX)];
            // What cannot be kept for a look is counted as lost all the same.
            let _ = self.home.quarantine(&self.options.name, piece, "damaged");
        }
    }
}

/// Looks for the next frames. `is_all`: no byte of the segment comes behind these.
pub(crate) fn scan(
    bytes: &[u8],
    seed: u32,
    expected: Position,
    limit: Limit,
    is_all: bool,
) -> Found {
    let mut found = Found { first: expected, next: expected, ..Found::default() };
    loop {
        let at = found.end;
        match step(bytes, at, seed) {
            Step::Frame(head, _, end) if head.at.records < found.next.records => {
                // It was here before: a write that failed and was repeated, or a copied file.
                if !found.frames.is_empty() {
                    break;
                }
                found.end = end;
            }
            Step::Frame(head, from, end) => {
                if found.frames.is_empty() {
                    (found.start, found.first, found.times.0) = (at, head.at, head.time_ns);
                } else if head.at != found.next || !fits(&found, &head, limit) {
                    found.next_ns = Some(head.time_ns);
                    break;
                }
                let payload = bytes[from..from + head.length as usize].to_vec();
                found.frames.push((head.records, payload));
                found.tally += head.tally();
                found.times.1 = head.time_ns;
                (found.next, found.end) = (head.end(), end);
            }
            Step::Damaged(_, end) | Step::Bad(end) => {
                if !found.frames.is_empty() {
                    break;
                }
                found.skipped.push((at, end));
                found.end = end;
            }
            Step::End => {
                if !is_all {
                    found.is_cut = true;
                } else if found.frames.is_empty() {
                    if at < bytes.len() {
                        found.skipped.push((at, bytes.len()));
                    }
                    found.end = bytes.len();
                }
                break;
            }
        }
    }
    found
}

fn fits(found: &Found, head: &FrameHead, limit: Limit) -> bool {
    let sum = found.tally + head.tally();
    sum.records <= limit.records && sum.bytes <= limit.bytes
}

type Again = (Vec<(u32, Vec<u8>)>, Tally, Vec<(usize, usize)>);

/// The frames of a range that are there still.
fn scan_again(bytes: &[u8], seed: u32, range: &Range) -> Again {
    let (mut frames, mut tally, mut skipped) = (Vec::new(), Tally::default(), Vec::new());
    let (mut at, mut next) = (0, range.first);
    let last = range.first.saturating_add(range.tally.records);
    loop {
        match step(bytes, at, seed) {
            Step::Frame(head, from, end) => {
                let (first, end_at) = (head.at.records, head.end().records);
                if first >= next && end_at <= last {
                    frames.push((head.records, bytes[from..from + head.length as usize].to_vec()));
                    tally += head.tally();
                    next = end_at;
                }
                at = end;
            }
            Step::Damaged(_, end) | Step::Bad(end) => {
                skipped.push((at, end));
                at = end;
            }
            Step::End => break,
        }
    }
    (frames, tally, skipped)
}

/// Reads what can be read, with zeros for the rest.
fn read_patched(file: &dyn OpenFile, from: u64, to: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < to {
        let end = (at + SECTOR as u64).min(to);
        match files::read(file, at, end) {
            Ok(piece) if piece.is_empty() => break,
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => bytes.resize(bytes.len() + (end - at) as usize, 0),
        }
        at = from + bytes.len() as u64;
    }
    bytes
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
