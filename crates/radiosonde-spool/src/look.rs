//! A look at a spool that changes nothing, also at one whose owner lives.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::account::Account;
use crate::files::{self, Disk, Files, Mode};
use crate::format::{self, Head, SEGMENT_HEAD, Step, segment_name, step};
use crate::home::{Home, NAMES_MAX, QUARANTINE, World};
use crate::lane::Lane;
use crate::manifest;
use crate::open::{self, Folder};
use crate::options::{FRAME_BYTES_MAX, Options, STREAMS_MAX, StreamOptions};

/// Looks at a stream that changes all the while.
const LOOKS_MAX: usize = 5;

/// What a look at a spool found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// What the owner wrote down. Empty when that is damaged.
    pub manifest: Vec<u8>,
    /// The streams, by name.
    pub streams: Vec<StreamSeen>,
    /// Files in the quarantine, and their bytes on disk.
    pub quarantine: (u64, u64),
}

/// A stream as it was seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamSeen {
    /// The books. Of a stream that lives they are those of its last cursor and of its last frame.
    pub account: Account,
    /// Losses that are counted and not told yet, in records.
    pub untold: u64,
    /// The segments, oldest first.
    pub segments: Vec<SegmentSeen>,
}

/// A segment as it was seen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SegmentSeen {
    /// The number in its name.
    pub number: u64,
    /// Sequence of its first record.
    pub first: u64,
    /// Bytes of the file that are used.
    pub bytes: u64,
    /// Bytes that it takes on disk.
    pub disk_bytes: u64,
    /// Nanoseconds since 1970.
    pub created_ns: u64,
    /// Whether all of it is settled.
    pub is_done: bool,
}

/// Looks at the spool in a directory. Is it in use, by a process that has the lock over the directory,
/// then what waits in the memory of that one is pending; else it is lost.
///
/// # Errors
/// As from the system; `Unsupported` when a newer version made it. A segment that its owner removes
/// meanwhile is none.
pub fn look(path: &Path, is_in_use: bool) -> io::Result<Seen> {
    let files = &Disk;
    files.check_dir(path)?;
    let (options, id, manifest) = found(files, path)?;
    let home = Arc::new(Home::new(World::real(), path, (id, Vec::new()), &options));
    let streams = options.streams.iter().map(|stream| look_at(&home, stream, is_in_use));
    let streams = streams.collect::<io::Result<Vec<_>>>()?;
    let folder = path.join(QUARANTINE);
    let names = files.list(&folder, NAMES_MAX).unwrap_or_default();
    let bytes = names.iter().filter_map(|name| files.usage(&folder.join(name)).ok()).sum();
    Ok(Seen { manifest, streams, quarantine: (names.len() as u64, bytes) })
}

/// What the owner of the spool in a directory wrote down, without a look at the rest. Empty when that is
/// damaged or missing.
///
/// # Errors
/// As from the system; `Unsupported` when a newer version made it.
pub fn look_at_manifest(path: &Path) -> io::Result<Vec<u8>> {
    match manifest::read(&Disk, path)? {
        Head::Newer => Err(open::newer(path)),
        Head::Ours((_, bytes)) => Ok(bytes),
        Head::Bad => Ok(Vec::new()),
    }
}

impl Seen {
    /// The streams as options, for whoever opens the spool without knowing what its owner calls them.
    pub fn options(&self) -> Options {
        let names = self.streams.iter().map(|stream| stream.account.stream.as_str());
        Options::new(names.map(|name| StreamOptions::new(name, 0, 0)).collect())
    }
}

/// The folders of streams, the id, and the owner's bytes.
fn found(files: &dyn Files, path: &Path) -> io::Result<(Options, u64, Vec<u8>)> {
    let mut names: Vec<String> = files
        .list(path, NAMES_MAX)?
        .into_iter()
        .filter(|name| name != QUARANTINE && files.check_dir(&path.join(name)).is_ok())
        .take(STREAMS_MAX)
        .collect();
    names.sort_unstable();
    let options = Options::new(names.iter().map(|name| StreamOptions::new(name, 0, 0)).collect());
    let (id, manifest) = match manifest::read(files, path)? {
        Head::Newer => return Err(open::newer(path)),
        Head::Ours(found) => found,
        Head::Bad => (manifest::find_id(files, path, &options)?, Vec::new()),
    };
    Ok((options, id, manifest))
}

fn look_at(home: &Arc<Home>, options: &StreamOptions, is_in_use: bool) -> io::Result<StreamSeen> {
    let seed = format::seed(home.id, &options.name);
    let path = home.path.join(&options.name);
    let mut folder = open::look(home.files(), &path, seed)?;
    // A cursor that moved while the segments were listed does not fit them.
    for _ in 0..LOOKS_MAX {
        let generation = |folder: &Folder| folder.cursor.as_ref().map(|(_, it)| it.generation);
        let again = open::look(home.files(), &path, seed)?;
        let is_same = generation(&again) == generation(&folder);
        folder = again;
        if is_same {
            break;
        }
    }
    let lane = Lane::new(
        Arc::clone(home),
        options.clone(),
        seed,
        // In memory only: nothing is written.
        open::recover(folder, home.now(), is_in_use),
    );
    if let Some(time_ns) = time_of_next(&lane) {
        lane.lock().unread_ns = Some(time_ns);
    }
    let account = lane.account();
    let state = lane.lock();
    let done = state.garbage.iter().map(|(number, size)| SegmentSeen {
        number: *number,
        first: 0,
        bytes: *size,
        disk_bytes: *size,
        created_ns: 0,
        is_done: true,
    });
    let rest = state.segments.iter().map(|(number, segment)| SegmentSeen {
        number: *number,
        first: segment.first.records,
        bytes: segment.end,
        disk_bytes: segment.size,
        created_ns: segment.created_ns,
        is_done: false,
    });
    let untold = state.cursor.gaps.iter().map(|gap| gap.lost.records).sum();
    Ok(StreamSeen { account, untold, segments: done.chain(rest).collect() })
}

/// When the frame was appended that is read next: its segment may be much older. `None` where it cannot
/// be read.
fn time_of_next(lane: &Lane) -> Option<u64> {
    let state = lane.lock();
    let read = state.cursor.read;
    let (number, offset) = state.segments.range(read.segment..).find_map(|(number, segment)| {
        let is_in = *number == read.segment && read.offset > 0;
        let offset = if is_in { read.offset } else { SEGMENT_HEAD as u64 };
        (offset < segment.end).then_some((*number, offset))
    })?;
    drop(state);
    let file = lane.home.files().open(&lane.segment_path(number), Mode::Read).ok()?;
    let bytes = files::read(&*file, offset, offset + 2 * FRAME_BYTES_MAX as u64).ok()?;
    match step(&bytes, 0, lane.seed) {
        Step::Frame(head, ..) => Some(head.time_ns),
        _ => None,
    }
}

impl StreamSeen {
    /// Reads the first frames that are pending, at most so many, and takes none: their records, when
    /// they were appended (nanoseconds since 1970), and their payload.
    ///
    /// # Errors
    /// As from the system.
    pub fn pending(&self, path: &Path, most: usize) -> io::Result<Vec<(u32, u64, Vec<u8>)>> {
        let files = &Disk;
        let (_, id, _) = found(files, path)?;
        let name = &self.account.stream;
        let seed = format::seed(id, name);
        let home =
            Arc::new(Home::new(World::real(), path, (id, Vec::new()), &Options::new(Vec::new())));
        let folder = open::look(files, &path.join(name), seed)?;
        let state = open::recover(folder, home.now(), true);
        let from = state.cursor.ranges.iter().map(|range| range.first);
        let from = from.fold(state.cursor.read.at.records, u64::min);
        let mut frames = Vec::new();
        for number in state.segments.keys() {
            let file = files.open(&path.join(name).join(segment_name(*number)), Mode::Read);
            // Its owner was done with it meanwhile.
            let Ok(file) = file else { continue };
            let mut offset = SEGMENT_HEAD as u64;
            loop {
                let bytes = files::read(&*file, offset, offset + 2 * FRAME_BYTES_MAX as u64)?;
                let mut at = 0;
                loop {
                    if frames.len() >= most {
                        return Ok(frames);
                    }
                    match step(&bytes, at, seed) {
                        Step::Frame(head, payload, end) => {
                            if head.at.records >= from {
                                let payload = &bytes[payload..payload + head.length as usize];
                                frames.push((head.records, head.time_ns, payload.to_vec()));
                            }
                            at = end;
                        }
                        Step::Damaged(_, end) | Step::Bad(end) => at = end,
                        Step::End => break,
                    }
                }
                if at == 0 {
                    break;
                }
                offset += at as u64;
            }
        }
        Ok(frames)
    }
}
