//! Opening a spool that somebody left: what is there, whatever happened to it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::account::DropReason;
use crate::cursor::{self, Cursor, IN_MEMORY, Kept, NUMBERS_END, Place, Range, SLOT_SIZE, SLOTS};
use crate::files::{self, Files, Mode};
use crate::format::{
    self, Batches, Head, Position, SEGMENT_HEAD, Step, read_segment_head, segment_number, step,
};
use crate::home::{Home, NAMES_MAX, QUARANTINE, SPARE};
use crate::lane::{CURSOR, Lane, Segment, State};
use crate::manifest::MANIFEST;
use crate::options::{Options, STREAMS_MAX, StreamOptions};

/// Most bytes of a segment that are read through: a larger one is nobody's.
const SEGMENT_BYTES_MAX: u64 = files::READ_MAX;

/// That a newer version made it.
pub(crate) fn newer(path: &Path) -> io::Error {
    let what = format!("{} was made by a newer version; drain it with that one", path.display());
    io::Error::new(io::ErrorKind::Unsupported, what)
}

/// A segment as it was found.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) segment: Segment,
    pub(crate) batches: Batches,
    /// Behind its last frame, as far as it was read through.
    pub(crate) next: Option<Position>,
    /// Neither its head nor any frame says where it begins.
    pub(crate) is_blank: bool,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) segments: BTreeMap<u64, Seen>,
    /// Numbers that no new segment gets.
    pub(crate) last_number: u64,
    pub(crate) foreign: u32,
    /// Behind the last frame.
    pub(crate) end: Position,
    /// The slot that counts, and what it says.
    pub(crate) cursor: Option<(usize, Cursor)>,
}

/// Looks at the folder of a stream and changes nothing.
///
/// # Errors
/// As from the system; `Unsupported` when the cursor is of a newer version.
pub(crate) fn look(files: &dyn Files, folder: &Path, seed: u32) -> io::Result<Folder> {
    let mut found = Folder::default();
    let names = match files.list(folder, NAMES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        names => names?,
    };
    for name in names {
        if name == CURSOR {
            let file = files.open(&folder.join(name), Mode::Read)?;
            let bytes = files::read(&*file, 0, (SLOTS * SLOT_SIZE) as u64)?;
            found.cursor = match cursor::best(&bytes, seed) {
                Head::Newer => return Err(newer(folder)),
                Head::Ours(best) => Some(best),
                Head::Bad => None,
            };
            continue;
        }
        let Some(number) = segment_number(&name).filter(|number| *number < NUMBERS_END) else {
            found.foreign += 1;
            continue;
        };
        found.last_number = found.last_number.max(number);
        let path = folder.join(&name);
        match look_at_segment(files, &path, number, seed) {
            Ok(Some(seen)) => {
                found.segments.insert(number, seen);
            }
            // What it holds would count as damaged: nothing is opened here but by who understands it.
            Ok(None) => return Err(newer(folder)),
            Err(error) if files::is_no_file(&error) => found.foreign += 1,
            // Its owner removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It passes, and what is there is whole: it must not count as lost.
            Err(error) => return Err(error),
        }
    }
    place_the_blank(files, folder, seed, &mut found)?;
    Ok(found)
}

/// Reads the last segment through that has anything to say. What says nothing, because a kill came
/// before its head or all of it is damaged, begins where the one behind it does.
fn place_the_blank(
    files: &dyn Files,
    folder: &Path,
    seed: u32,
    found: &mut Folder,
) -> io::Result<()> {
    let last = found.segments.iter_mut().rev().find(|(_, seen)| !seen.is_blank);
    let mut first = match last {
        Some((number, seen)) => {
            if seen.next.is_none() {
                match content(files, &folder.join(format::segment_name(*number))) {
                    Ok(bytes) => read_through(&bytes, seed, seen, false),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            seen.next.unwrap_or(seen.segment.first)
        }
        None => Position::default(),
    };
    found.end = first;
    for seen in found.segments.values_mut().rev() {
        if seen.is_blank {
            seen.segment.first = first;
        }
        first = seen.segment.first;
    }
    Ok(())
}

/// All of a segment that can be read: a bad place of a disk is damage, and does not pass.
fn content(files: &dyn Files, path: &Path) -> io::Result<Vec<u8>> {
    let file = files.open(path, Mode::Read)?;
    let read = files::read(&*file, 0, SEGMENT_BYTES_MAX);
    Ok(read.unwrap_or_else(|_| files::read_patched(&*file, 0, SEGMENT_BYTES_MAX)))
}

fn look_at_segment(
    files: &dyn Files,
    path: &Path,
    number: u64,
    seed: u32,
) -> io::Result<Option<Seen>> {
    let file = files.open(path, Mode::Read)?;
    let end = file.length()?;
    let size = end.max(files.usage(path).unwrap_or(0));
    // Without a head it is read through.
    let bytes = files::read(&*file, 0, SEGMENT_HEAD as u64).unwrap_or_default();
    let mut seen = Seen {
        segment: Segment {
            first: Position::default(),
            end: end.min(SEGMENT_BYTES_MAX),
            size,
            created_ns: 0,
            is_dirty: true,
        },
        batches: Batches::default(),
        next: None,
        is_blank: false,
    };
    match read_segment_head(&bytes, number, seed) {
        Head::Newer => return Ok(None),
        Head::Ours(head) => {
            seen.segment.first = head.first;
            seen.segment.created_ns = head.created_ns;
            seen.batches = head.batches;
        }
        Head::Bad => read_through(&content(files, path)?, seed, &mut seen, true),
    }
    Ok(Some(seen))
}

/// Reads all frames of a segment, for where it ends, and, without a head, where it begins.
pub(crate) fn read_through(bytes: &[u8], seed: u32, seen: &mut Seen, is_headless: bool) {
    let mut next = if is_headless { None } else { Some(seen.segment.first) };
    let mut at = SEGMENT_HEAD;
    loop {
        let (head, end) = match step(bytes, at, seed) {
            Step::Frame(head, _, end) => {
                seen.batches.see(head.batch, u32::from(head.index), head.is_last);
                (head, end)
            }
            // Its numbers are taken. It is not there for its batch: that may bring it again.
            Step::Damaged(head, end) => (head, end),
            Step::Bad(end) => {
                at = end;
                continue;
            }
            Step::End => break,
        };
        if next.is_none() {
            seen.segment.first = head.at;
            seen.segment.created_ns = head.time_ns;
        }
        if next.is_none_or(|next| head.end().records > next.records) {
            next = Some(head.end());
        }
        at = end;
    }
    seen.is_blank = next.is_none();
    seen.next = Some(next.unwrap_or_default());
}

/// Streams that are there and that the options do not name.
pub(crate) fn unknown(files: &dyn Files, path: &Path, options: &Options) -> Vec<StreamOptions> {
    let is_unknown = |name: &String| {
        let is_known = options.streams.iter().any(|stream| stream.name == *name);
        !is_known && is_stream_name(name) && files.check_dir(&path.join(name)).is_ok()
    };
    let names = files.list(path, NAMES_MAX).unwrap_or_default().into_iter().filter(is_unknown);
    // First to go under pressure.
    names.take(STREAMS_MAX).map(|name| StreamOptions::new(&name, 0, 0)).collect()
}

/// Whether a stream may have this name.
pub(crate) fn is_stream_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_taken = [QUARANTINE, MANIFEST, SPARE].contains(&name);
    !name.is_empty() && name.len() <= 32 && name.bytes().all(is_plain) && !is_taken
}

/// Opens a stream.
///
/// # Errors
/// As [`look`], and when its folder is not this user's own.
pub(crate) fn lane(home: &Arc<Home>, options: &StreamOptions) -> io::Result<Lane> {
    let seed = format::seed(home.id, &options.name);
    let path = home.path.join(&options.name);
    match home.files().check_dir(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = look(home.files(), &path, seed)?;
    let used: u64 = folder.segments.values().map(|seen| seen.segment.size).sum();
    home.used.fetch_add(used, Ordering::Relaxed);
    let state = recover(folder, home.now(), false);
    Ok(Lane::new(Arc::clone(home), options.clone(), seed, state))
}

/// The state that follows from what is there. What only the memory of the owner had is lost, unless that
/// one lives.
pub(crate) fn recover(folder: Folder, now: u64, is_in_use: bool) -> State {
    let Folder { segments, last_number, foreign, end, cursor } = folder;
    let mut state =
        State { next_number: last_number.saturating_add(1), foreign, ..State::default() };
    for seen in segments.values() {
        state.cursor.batches = join(state.cursor.batches, seen.batches);
    }
    let mut low = Position::default();
    for (number, seen) in segments {
        // Whatever a damaged or copied one says: they do not go back.
        let first = if seen.segment.first.records < low.records { low } else { seen.segment.first };
        low = first;
        state.segments.insert(number, Segment { first, ..seen.segment });
    }
    let end = if end.records > low.records { end } else { low };
    let batches = state.cursor.batches;
    match cursor {
        Some((slot, cursor)) => {
            state.slots.last = Some(slot);
            state.slots.synced = Some(slot);
            state.cursor = cursor;
            state.cursor.batches = join(state.cursor.batches, batches);
        }
        None => {
            // Whether what is before the first segment was delivered, nobody knows.
            let first = state.segments.values().next().map(|segment| segment.first);
            let first = first.unwrap_or_default();
            state.cursor.read = Place { segment: 0, offset: 0, at: first };
            state.cursor.drop(DropReason::CursorLost, 0, first, (0, now));
        }
    }
    finish_ranges(&mut state, is_in_use);
    leave_what_is_gone(&mut state);
    let cursor = &mut state.cursor;
    cursor.next = cursor.next.or_later(end).or_later(cursor.read.at);
    lose_memory(&mut state, end, now, is_in_use);
    (state.own_from, state.found_to) = (state.next_number, state.cursor.next);
    drop_what_was_read(&mut state);
    // A time that is early is better than one that is late.
    let read = state.cursor.read.segment;
    let oldest = state.segments.range(read..).next().map(|(_, segment)| segment.created_ns);
    state.unread_ns = Some(oldest.unwrap_or(now));
    state.read_ns = oldest.unwrap_or(now);
    state
}

fn join(a: Batches, b: Batches) -> Batches {
    let mark = a.mark.max(b.mark);
    Batches { mark, ..a.max(b) }
}

/// What a dead reader had: it is taken again, unless it cannot be.
fn finish_ranges(state: &mut State, is_in_use: bool) {
    let kept = state.cursor.kept;
    for range in std::mem::take(&mut state.cursor.ranges) {
        if range.segment == IN_MEMORY && is_in_use {
            state.elsewhere += range.tally;
            state.memory_reason = Some(kept.reason);
            state.cursor.ranges.push(range);
            continue;
        }
        let is_there = state.segments.contains_key(&range.segment);
        if is_there && range.evicted.is_none() {
            state.cursor.ranges.push(range);
            continue;
        }
        let reason = match range {
            Range { evicted: Some(reason), .. } => reason,
            Range { segment: IN_MEMORY, .. } => kept.reason,
            _ => DropReason::Damaged,
        };
        state.cursor.drop(reason, range.first, range.tally, (range.time_ns, range.time_ns));
    }
}

/// The reader's segment may be gone: nothing new gets its number, or what is new would be passed over
/// up to the place where the reader stood.
fn leave_what_is_gone(state: &mut State) {
    let read = &mut state.cursor.read;
    if read.offset > 0 && !state.segments.contains_key(&read.segment) {
        *read = Place { segment: read.segment.saturating_add(1), offset: 0, at: read.at };
    }
    state.next_number = state.next_number.max(read.segment);
}

/// What the cursor has behind everything that any disk had.
fn lose_memory(state: &mut State, end: Position, now: u64, is_in_use: bool) {
    let cursor = &mut state.cursor;
    let Kept { from, reason, time_ns } = cursor.kept;
    let from = from.or_later(end).or_later(cursor.read.at).or_earlier(cursor.next);
    if from == cursor.next {
        return;
    }
    if is_in_use {
        state.elsewhere += cursor.next - from;
        state.memory_reason = Some(reason);
    } else {
        cursor.drop_the_end(from, reason, (time_ns, now.max(time_ns)));
    }
}

/// Segments before everything that is needed: a kill came between the cursor and their removal.
fn drop_what_was_read(state: &mut State) {
    let needed = state.cursor.needed();
    let kept = state.segments.split_off(&needed);
    let read = std::mem::replace(&mut state.segments, kept);
    state.garbage.extend(read.into_iter().map(|(number, segment)| (number, segment.size)));
}
