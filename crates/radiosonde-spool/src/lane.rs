//! The inside of a stream: its segments, its cursor and what waits in memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::account::{Account, DropReason, Tally};
use crate::cursor::{Cursor, Kept, SLOT_SIZE, SLOTS};
use crate::files::{Mode, OpenFile, write_all};
use crate::format::{
    FRAME_HEAD, FrameHead, Position, SEGMENT_HEAD, SegmentHead, segment_head, segment_name,
};
use crate::home::{Home, Shortage, lock};
use crate::options::StreamOptions;

/// The file of the cursor.
pub(crate) const CURSOR: &str = "cursor";
/// After a write failed, frames wait in memory so long before the next try.
const RETRY_NS: u64 = 1_000_000_000;
/// Names of segments that somebody else has before we give up.
const NAMES_TRIED: u64 = 16;

/// A stream of a spool.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) home: Arc<Home>,
    pub(crate) options: StreamOptions,
    pub(crate) path: PathBuf,
    pub(crate) seed: u32,
    state: Mutex<State>,
    /// Held by whoever takes.
    pub(crate) reader: Mutex<()>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) cursor: Cursor,
    pub(crate) slots: Slots,
    /// By number.
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// The one that is appended to.
    pub(crate) active: Option<(u64, Arc<dyn OpenFile>)>,
    pub(crate) next_number: u64,
    /// Segments below this one were found by this process, and nothing in them is behind that place.
    pub(crate) own_from: u64,
    pub(crate) found_to: Position,
    /// Size of the segment that this process made last.
    pub(crate) last_bytes: u64,
    /// Frames that the disk did not take.
    pub(crate) memory: VecDeque<Queued>,
    /// Those of them that were taken, by the first sequence of their range.
    pub(crate) memory_taken: BTreeMap<u64, Vec<Queued>>,
    /// Why frames are in memory.
    pub(crate) memory_reason: Option<DropReason>,
    /// Part of what is pending: in the memory of another process, at which this one has a look.
    pub(crate) elsewhere: Tally,
    /// When a write failed last, and how what does not fit into memory is lost until the next.
    pub(crate) failed: Option<(u64, DropReason)>,
    /// Segments nobody needs, to be removed once the cursor is on disk.
    pub(crate) garbage: Vec<(u64, u64)>,
    /// When the frame that is read next was appended, or earlier.
    pub(crate) unread_ns: Option<u64>,
    /// When the frame that was read last was appended.
    pub(crate) read_ns: u64,
    /// Failures to read at the same place, in a row.
    pub(crate) read_failures: u32,
    pub(crate) at_risk: u64,
    pub(crate) foreign: u32,
    /// Names in the folder that a power cut could take back.
    pub(crate) has_new_names: bool,
    pub(crate) scratch: Vec<u8>,
}

/// The file of the cursor, and what is where in it.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Open while the stream is appended to.
    pub(crate) file: Option<Arc<dyn OpenFile>>,
    pub(crate) last: Option<usize>,
    pub(crate) synced: Option<usize>,
    pub(crate) syncing: Option<usize>,
    /// What is in memory is not written.
    pub(crate) is_behind: bool,
}

/// A segment on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Before its first frame.
    pub(crate) first: Position,
    /// Bytes of its file that are used.
    pub(crate) end: u64,
    /// Bytes that it takes.
    pub(crate) size: u64,
    pub(crate) created_ns: u64,
    pub(crate) is_dirty: bool,
}

/// A frame in memory.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) head: FrameHead,
    pub(crate) payload: Vec<u8>,
}

/// Why a frame is not on disk.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A segment of this size needs room first.
    Room(Shortage, u64),
    Failed(io::Error),
}

impl Lane {
    pub(crate) fn new(home: Arc<Home>, options: StreamOptions, seed: u32, state: State) -> Self {
        let path = home.path.join(&options.name);
        Self { home, options, path, seed, state: Mutex::new(state), reader: Mutex::new(()) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn segment_path(&self, number: u64) -> PathBuf {
        self.path.join(segment_name(number))
    }

    /// As [`Lane::write`] into a segment whose room was freed just now, however little the disk has.
    pub(crate) fn write_instead(
        &self,
        state: &mut State,
        frame: &[u8],
        bytes: u64,
    ) -> Result<(), Trouble> {
        self.roll(state, state.disk_next(), bytes).map_err(Trouble::Failed)?;
        self.write(state, frame)
    }

    /// Writes a frame, or several, behind the others, into a new segment if need be.
    pub(crate) fn write(&self, state: &mut State, frame: &[u8]) -> Result<(), Trouble> {
        let fits = |state: &State| {
            let (number, _) = state.active.as_ref()?;
            let Segment { end, size, .. } = *state.segments.get(number)?;
            let is_empty = end == SEGMENT_HEAD as u64;
            (is_empty || end + frame.len() as u64 <= size).then_some(())
        };
        if fits(state).is_none() {
            let bytes = self.segment_bytes(state, frame.len());
            if let Some(shortage) = self.home.shortage(bytes) {
                return Err(Trouble::Room(shortage, bytes));
            }
            self.roll(state, state.disk_next(), bytes).map_err(Trouble::Failed)?;
        }
        let (Some((number, file)), segments) = (&state.active, &mut state.segments) else {
            return Err(Trouble::Failed(io::ErrorKind::NotFound.into()));
        };
        let Some(segment) = segments.get_mut(number) else {
            return Err(Trouble::Failed(io::ErrorKind::NotFound.into()));
        };
        if let Err(error) = write_all(&**file, frame, segment.end) {
            // Half a frame is no frame, but the next one may be shorter.
            let _ = file.set_length(segment.end);
            return Err(Trouble::Failed(error));
        }
        segment.end += frame.len() as u64;
        segment.size = segment.size.max(segment.end);
        segment.is_dirty = true;
        Ok(())
    }

    fn segment_bytes(&self, state: &State, frame: usize) -> u64 {
        let bytes = self.home.segment_bytes(state.last_bytes, frame);
        if !self.home.is_closed() {
            return bytes;
        }
        // The last one: of a disk that is nearly full it takes no more than what there is to write.
        let waiting = state.memory.iter().map(|queued| queued.payload.len() + FRAME_HEAD + 8);
        bytes.min((SEGMENT_HEAD + frame.max(waiting.sum::<usize>())) as u64)
    }

    /// Begins a new segment.
    fn roll(&self, state: &mut State, first: Position, bytes: u64) -> io::Result<()> {
        if state.active.take().is_some() {
            self.home.has_rolled.store(true, Ordering::Relaxed);
        }
        let mut tried = 0;
        let (number, file) = loop {
            let number = state.next_number.max(1);
            state.next_number = number + 1;
            match self.home.new_segment(&self.segment_path(number), bytes) {
                Ok(file) => break (number, file),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_TRIED =>
                {
                    tried += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && tried == 0 => {
                    // Somebody removed the folder under us. It begins anew, and the books go on.
                    tried = NAMES_TRIED;
                    let _ = self.home.make_anew();
                    let _ = self.home.create_folder(&self.path);
                    state.slots.file = None;
                }
                Err(error) => return Err(error),
            }
        };
        let created_ns = self.home.now();
        let head = SegmentHead {
            spool: self.home.id,
            number,
            first,
            created_ns,
            batches: state.cursor.batches,
        };
        if let Err(error) = write_all(&*file, &segment_head(&head, self.seed), 0) {
            state.garbage.push((number, bytes));
            return Err(error);
        }
        let end = SEGMENT_HEAD as u64;
        let segment = Segment { first, end, size: bytes, created_ns, is_dirty: true };
        state.segments.insert(number, segment);
        state.active = Some((number, file));
        state.last_bytes = bytes;
        state.has_new_names = true;
        Ok(())
    }

    /// Removes files of segments and gives their room back; whether there was any. What cannot be
    /// removed now is tried again later.
    pub(crate) fn unlink(&self, garbage: &[(u64, u64)]) -> bool {
        let mut freed = false;
        for (number, size) in garbage {
            freed |= match self.home.files().unlink(&self.segment_path(*number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.lock().garbage.push((*number, *size));
                    false
                }
                _ => {
                    self.home.used.fetch_sub(*size, Ordering::Relaxed);
                    true
                }
            };
        }
        freed
    }

    /// Writes the cursor. What fails is tried again with the next write or sync.
    pub(crate) fn write_cursor(&self, state: &mut State) {
        state.cursor.generation = state.cursor.generation.saturating_add(1);
        state.cursor.kept = state.kept();
        debug_assert!(state.cursor.is_possible(), "{:?}", state.cursor);
        let bytes = state.cursor.encode(self.seed);
        let Slots { last, synced, syncing, .. } = state.slots;
        let is_free = |slot: &usize| ![last, synced, syncing].contains(&Some(*slot));
        let slot = (0..SLOTS).find(is_free).unwrap_or(0);
        let written = self
            .cursor_file(state)
            .and_then(|file| write_all(&*file, &bytes, (slot * SLOT_SIZE) as u64));
        state.slots.is_behind = written.is_err();
        if written.is_ok() {
            state.slots.last = Some(slot);
            state.collect();
        }
        self.close_if_idle(state);
    }

    /// A process may have many spools of the dead, and its files are for its own work: only a stream
    /// that is appended to keeps the file of its cursor open.
    pub(crate) fn close_if_idle(&self, state: &mut State) {
        if state.active.is_none() {
            state.slots.file = None;
        }
    }

    pub(crate) fn cursor_file(&self, state: &mut State) -> io::Result<Arc<dyn OpenFile>> {
        if let Some(file) = &state.slots.file {
            return Ok(Arc::clone(file));
        }
        let path = self.path.join(CURSOR);
        let opened = self.home.files().open(&path, Mode::Write);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                state.has_new_names = true;
                self.home.files().open(&path, Mode::New)?
            }
            opened => opened?,
        };
        if file.length()? < (SLOTS * SLOT_SIZE) as u64 {
            // All of it now: a disk that is full later still takes what is written over.
            write_all(&*file, &vec![0; SLOTS * SLOT_SIZE], 0)?;
        }
        state.slots.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Makes the folder and the file of the cursor, as far as they are not there.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.home.create_folder(&self.path)?;
        self.home.files().check_dir(&self.path)?;
        let mut state = self.lock();
        state.has_new_names = true;
        let made = self.cursor_file(&mut state).map(drop);
        self.close_if_idle(&mut state);
        made
    }

    /// Keeps a frame in memory, for this reason; whether there is room.
    pub(crate) fn remember(
        &self,
        state: &mut State,
        head: FrameHead,
        payload: &[u8],
        reason: DropReason,
    ) -> bool {
        if self.home.is_closed() {
            return false;
        }
        let size = u64::from(head.length);
        let most = self.home.options.overflow_bytes as u64;
        let taken = self.home.in_memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(size).filter(|sum| *sum <= most)
        });
        if taken.is_ok() {
            state.memory_reason = Some(reason);
            state.memory.push_back(Queued { head, payload: payload.to_vec() });
        }
        taken.is_ok()
    }

    pub(crate) fn forget(&self, queued: &[Queued]) {
        let bytes = queued.iter().map(|queued| u64::from(queued.head.length)).sum();
        self.home.in_memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn account(&self) -> Account {
        let state = self.lock();
        let Cursor { next, refused, delivered, rejected, dropped, .. } = &state.cursor;
        let pending = state.cursor.pending();
        let dropped = DropReason::ALL.iter().map(|reason| (*reason, dropped[*reason as usize]));
        let memory = state.memory.iter().chain(state.memory_taken.values().flatten());
        let in_memory = memory.fold(state.elsewhere, |sum, queued| sum + queued.head.tally());
        Account {
            stream: self.options.name.clone(),
            appended: *next + *refused,
            delivered: *delivered,
            rejected: *rejected,
            dropped: dropped.filter(|(_, lost)| *lost != Tally::default()).collect(),
            pending,
            in_memory,
            in_memory_reason: state.memory_reason.filter(|_| in_memory != Tally::default()),
            oldest_ns: state.oldest_ns(),
            at_risk: state.at_risk,
            segments: state.segments.len() as u32,
            disk_bytes: state.disk_bytes(),
            foreign_files: state.foreign,
        }
    }
}

impl State {
    /// Behind everything that is on disk.
    pub(crate) fn disk_next(&self) -> Position {
        self.memory.front().map_or(self.cursor.next, |queued| queued.head.at)
    }

    fn kept(&self) -> Kept {
        let time_ns = self.memory.front().map_or(0, |queued| queued.head.time_ns);
        let reason = self.memory_reason.unwrap_or(DropReason::WriteFailed);
        Kept { from: self.disk_next(), reason, time_ns }
    }

    /// Bytes that the segments take, garbage included.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let garbage: u64 = self.garbage.iter().map(|(_, size)| size).sum();
        garbage + self.segments.values().map(|segment| segment.size).sum::<u64>()
    }

    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        let is_unread = self.cursor.next.records > self.cursor.read.at.records;
        let ranges = self.cursor.ranges.iter().map(|range| range.time_ns);
        ranges.chain(self.unread_ns.filter(|_| is_unread)).min()
    }

    /// What is before everything the cursor needs is garbage, now that the cursor says so.
    fn collect(&mut self) {
        let needed = self.cursor.needed();
        let is_active = |number: u64| self.active.as_ref().is_some_and(|(it, _)| *it == number);
        let gone: Vec<u64> = self.segments.range(..needed).map(|(number, _)| *number).collect();
        for number in gone.into_iter().filter(|number| !is_active(*number)).collect::<Vec<_>>() {
            if let Some(segment) = self.segments.remove(&number) {
                self.garbage.push((number, segment.size));
            }
        }
    }

    /// Why nothing is written now. A clock that was set back does not make the wait longer.
    pub(crate) fn waits_for(&self, now: u64) -> Option<DropReason> {
        let (failed, reason) = self.failed?;
        (now >= failed && now - failed < RETRY_NS).then_some(reason)
    }
}
