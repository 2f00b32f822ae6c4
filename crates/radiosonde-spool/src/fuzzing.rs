//! What fuzz targets and their short form call: bytes in, result out. Not for users, and without any
//! promise.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::account::Tally;
use crate::cursor::{self, Cursor, Place, Range};
use crate::files::{Disk, Files as _};
use crate::format::{
    self, Batches, FrameHead, Head, Position, SEGMENT_HEAD, SegmentHead, Step, read_segment_head,
    segment_head, segment_name, step, write_frame,
};
use crate::home::World;
use crate::lane::{CURSOR, Segment};
use crate::manifest;
use crate::open::{Seen, read_through};
use crate::options::{FRAME_BYTES_MAX, Options, StreamOptions};
use crate::scan::scan;
use crate::spool::Spool;
use crate::taken::{Frame, Limit, Settled, Taken};

/// The spool of the samples, and its stream.
const SPOOL: u64 = 7;
const STREAM: &str = "events";
/// Most acts that are done with a spool.
const ACTS_MAX: usize = 48;

fn seed() -> u32 {
    format::seed(SPOOL, STREAM)
}

/// The files of a stream.
#[derive(Clone, Debug)]
pub struct Sample {
    /// From number 1 on.
    pub segments: Vec<Vec<u8>>,
    /// The file of the cursor.
    pub cursor: Vec<u8>,
}

/// A stream with so many segments of so many frames, the payload of each its number, repeated. The first
/// frame is taken, the second one settled.
pub fn sample(segments: u64, frames: u64) -> Sample {
    let mut at = Position::default();
    let mut batches = Batches::default();
    let mut cursor = Cursor { generation: 3, ..Cursor::default() };
    let mut all = Vec::new();
    for number in 1..=segments {
        let head = SegmentHead { spool: SPOOL, number, first: at, created_ns: 5, batches };
        let mut bytes = segment_head(&head, seed()).to_vec();
        for frame in 0..frames {
            let payload = vec![frame as u8; 5 + 40 * (frame as usize % 7)];
            let head = FrameHead {
                length: payload.len() as u32,
                at,
                batch: batches.begun + 1,
                time_ns: frame,
                records: 1 + frame as u32 % 3,
                index: 0,
                is_last: true,
            };
            let offset = bytes.len() as u64;
            write_frame(&mut bytes, &head, &payload, seed());
            at = head.end();
            batches.see(head.batch, 0, true);
            let end = bytes.len() as u64;
            match (number, frame) {
                (1, 0) => {
                    let (segment, tally) = (number, head.tally());
                    let range = Range { segment, offset, end, tally, ..Range::default() };
                    cursor.ranges.push(range);
                    cursor.read = Place { segment, offset: end, at };
                }
                (1, 1) => {
                    cursor.delivered = head.tally();
                    cursor.read = Place { segment: number, offset: end, at };
                }
                _ => {}
            }
        }
        all.push(bytes);
    }
    (cursor.next, cursor.batches, cursor.kept.from) = (at, batches, at);
    Sample { segments: all, cursor: cursor.encode(seed()) }
}

/// Reads bytes as a segment, as recovery and reader do. Records that were read.
///
/// # Panics
/// If what is read contradicts itself.
pub fn segment(bytes: &[u8]) -> u64 {
    let mut seen = Seen {
        segment: Segment {
            first: Position::default(),
            end: bytes.len() as u64,
            size: 0,
            created_ns: 0,
            is_dirty: false,
        },
        batches: Batches::default(),
        next: None,
        is_blank: false,
    };
    let is_headless = match read_segment_head(bytes, 1, seed()) {
        Head::Ours(head) => {
            seen.segment.first = head.first;
            seen.batches = head.batches;
            false
        }
        Head::Newer | Head::Bad => true,
    };
    let _ = format::spool_of(bytes, 1, STREAM);
    read_through(bytes, seed(), &mut seen, is_headless);
    let bytes = bytes.get(SEGMENT_HEAD..).unwrap_or_default();
    let limit = Limit { records: 10, bytes: 300 };
    let (mut at, mut expected, mut records) = (0, Position::default(), 0_u64);
    loop {
        let found = scan(&bytes[at..], seed(), (expected, Position::END), limit, true);
        assert!(found.end <= bytes.len() - at && found.start <= found.end);
        assert!(found.next.is_from(expected), "the reader never goes back");
        let is_within = |(from, to): &(usize, usize)| from < to && *to <= bytes.len() - at;
        assert!(found.skipped.iter().all(is_within));
        assert!(found.frames.iter().all(|(_, payload)| payload.len() <= FRAME_BYTES_MAX));
        records = records.saturating_add(found.tally.records);
        if found.end == 0 {
            break;
        }
        at += found.end;
        expected = found.next;
    }
    assert_eq!(step(bytes, bytes.len(), seed()), Step::End);
    records
}

/// Reads bytes as the file of a cursor; whether a slot of it holds.
///
/// # Panics
/// If what is read is not what is written for it.
pub fn cursor(bytes: &[u8]) -> bool {
    let Head::Ours((_, cursor)) = cursor::best(bytes, seed()) else { return false };
    let written = cursor.encode(seed());
    assert_eq!(Cursor::decode(&written, seed()), Head::Ours(cursor));
    true
}

/// Opens a spool over these files in an empty folder, does with it what the acts say, and takes
/// everything. The folder is empty again then.
///
/// # Errors
/// As from the system, in making the files.
///
/// # Panics
/// If the books do not add up at any moment, the spool hands out what never ends or stops handing out,
/// or does not go on.
pub fn spool(folder: &Path, files: &Sample, acts: &[u8]) -> io::Result<()> {
    let path = folder.join("spool");
    let stream = path.join(STREAM);
    Disk.create_dir(&path)?;
    Disk.create_dir(&stream)?;
    fs::write(path.join(manifest::MANIFEST), format::manifest(SPOOL, b"owner"))?;
    fs::write(stream.join(CURSOR), &files.cursor)?;
    for (segment, number) in files.segments.iter().zip(1..) {
        fs::write(stream.join(segment_name(number)), segment)?;
    }
    let Some(mut run) = Run::open(&path) else {
        // Of a newer version: left alone.
        return fs::remove_dir_all(&path);
    };
    for act in acts.iter().take(ACTS_MAX) {
        run = run.act(*act);
        run.check();
    }
    run.finish(files);
    Ok(())
}

struct Run<'a> {
    path: &'a Path,
    clock: Arc<AtomicU64>,
    spool: Spool,
    taken: Vec<Taken>,
    appended: u64,
}

impl<'a> Run<'a> {
    fn open(path: &'a Path) -> Option<Self> {
        let clock = Arc::new(AtomicU64::new(1_000));
        let spool = Self::spool(path, &clock)?;
        Some(Self { path, clock, spool, taken: Vec::new(), appended: 0 })
    }

    fn spool(path: &Path, clock: &Arc<AtomicU64>) -> Option<Spool> {
        let now = Arc::clone(clock);
        let world =
            World { files: Arc::new(Disk), clock: Arc::new(move || now.load(Ordering::Relaxed)) };
        let mut options = Options::new(vec![StreamOptions::new(STREAM, 1, 0)]);
        options.segment_bytes = 4096;
        options.cap_bytes = 16 * 4096;
        options.limits.free_bytes = Some(0);
        match Spool::open_in(world, path, &options) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => None,
            opened => Some(opened.expect("damage is no error")),
        }
    }

    fn take(&mut self, limit: Limit) -> Option<usize> {
        let taken = self.spool.stream(0).take(limit).expect("nothing fails here")?;
        let sum = taken.frames().map(|frame| u64::from(frame.records)).sum::<u64>();
        assert_eq!(sum, taken.records());
        self.taken.push(taken);
        Some(self.taken.len() - 1)
    }

    fn settle(&mut self, at: usize, rejected: u64) {
        let taken = self.taken.remove(at);
        let settled = Settled { delivered: taken.records().saturating_sub(rejected), rejected };
        self.spool.stream(0).settle(&taken, settled).expect("settled");
    }

    fn append(&mut self, batch: u64, length: usize) {
        self.appended += 1;
        let payload = vec![7; length];
        let frame = Frame { records: 2, payload: &payload };
        self.spool.stream(0).append(batch, &[frame, frame]);
    }

    fn act(mut self, act: u8) -> Self {
        let high = u64::from(act >> 4);
        match act & 15 {
            0..=3 => drop(self.take(Limit { records: 1 + high, bytes: 64 * (1 + high) })),
            4..=6 if !self.taken.is_empty() => {
                self.settle(high as usize % self.taken.len(), high % 2);
            }
            7 if !self.taken.is_empty() => {
                let taken = self.taken.remove(high as usize % self.taken.len());
                self.spool.stream(0).give_back(&taken);
            }
            8 => self.append(self.spool.next_batch(), 300 * high as usize),
            9 => self.append(high, 20),
            10 => self.spool.tend().expect("tended"),
            11 => {
                let _gaps = self.spool.take_gaps();
                self.spool.told();
            }
            12 => drop(self.spool.stream(0).discard()),
            13 => drop(self.clock.fetch_add(11_000_000_000, Ordering::Relaxed)),
            14 => {
                self.taken.clear();
                self.spool = Self::spool(self.path, &self.clock).expect("our own version");
            }
            _ => {}
        }
        self
    }

    fn check(&self) {
        for account in self.spool.accounts() {
            assert!(account.is_balanced(), "{account:?}");
        }
    }

    fn finish(mut self, files: &Sample) {
        self.spool.stream(0).give_back_all();
        self.taken.clear();
        let bytes: usize = files.segments.iter().map(Vec::len).sum();
        // A frame has its head, of ranges there are few, and an append has two frames.
        let most = bytes as u64 / 56 + 8 + 2 * self.appended;
        self.drain(most);
        assert_eq!(self.spool.stream(0).pending(), Tally::default());
        let payload = b"as if nothing had been";
        self.spool.stream(0).append(self.spool.next_batch(), &[Frame { records: 3, payload }]);
        let at = self.take(Limit { records: 9, bytes: 900 }).expect("what was appended");
        assert_eq!(self.taken[at].frames().next().map(|frame| frame.payload), Some(&payload[..]));
        self.settle(at, 0);
        self.check();
        let _gaps = self.spool.take_gaps();
        self.spool.told();
        self.spool.remove().expect("everything is done, and everything is ours");
    }

    fn drain(&mut self, most: u64) {
        for _ in 0..=most {
            let Some(at) = self.take(Limit { records: 5, bytes: 500 }) else { return };
            self.settle(at, 0);
            self.check();
        }
        panic!("more than {most} ranges");
    }
}

/// Mends the checksums of what was changed at random, and books that do not add up, so that what is
/// behind them is reached.
pub fn mend_cursor(bytes: &mut Vec<u8>) {
    if bytes.len() < 24 {
        return;
    }
    bytes.truncate(4096);
    if let Some(mut cursor) = Cursor::read(bytes) {
        balance(&mut cursor);
        *bytes = cursor.encode(seed());
        return;
    }
    let length = bytes.len();
    bytes[16..20].copy_from_slice(&(length as u32).to_le_bytes());
    let crc = format::crc_around(bytes, seed());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

fn balance(cursor: &mut Cursor) {
    // So that no sum is too large.
    let least = |tally: &mut Tally| {
        *tally = Tally::new(tally.records % (1 << 50), tally.bytes % (1 << 50));
    };
    let Cursor { next, read, delivered, rejected, refused, dropped, ranges, .. } = cursor;
    [&mut *next, &mut read.at, &mut *rejected].into_iter().for_each(least);
    dropped.iter_mut().for_each(least);
    ranges.iter_mut().for_each(|range| least(&mut range.tally));
    let lost = dropped.iter().fold(Tally::default(), |sum, lost| sum + *lost);
    let held = ranges.iter().fold(Tally::default(), |sum, range| sum + range.tally);
    let known = lost + held + *rejected;
    *delivered = read.at - known;
    *refused = *delivered + known - read.at;
    *next = next.or_later(read.at);
}

/// The same for the head of the frame at a place of a segment.
pub fn mend_frame(bytes: &mut [u8], at: usize) {
    let Some(head) = bytes.get_mut(at..at + 56) else { return };
    let crc = crc32c::crc32c_append(seed(), &head[..52]);
    head[52..].copy_from_slice(&crc.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(files: &Sample, acts: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        spool(folder.path(), files, acts).unwrap();
    }

    #[test]
    fn the_samples_are_read() {
        let files = sample(2, 30);
        assert_eq!(segment(&files.segments[0]), 60);
        assert!(cursor(&files.cursor));
        run(&files, &[0, 0x11, 0x28, 4, 10, 14, 0x35, 8, 13, 10]);
        let mut mended = files.cursor.clone();
        mend_cursor(&mut mended);
        assert_eq!(mended, files.cursor);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hostile_segments_are_read_without_a_panic(
            frames in 0_u64..12,
            changes in prop::collection::vec((0_usize..4000, any::<u8>()), 0..12),
            cut in 0_usize..4000,
            acts in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut files = sample(2, frames);
            let bytes = &mut files.segments[0];
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
                mend_frame(bytes, 80 + at.saturating_sub(80) / 8 * 8);
            }
            bytes.truncate(cut.max(1));
            segment(bytes);
            run(&files, &acts);
        }

        #[test]
        fn hostile_cursors_are_read_without_a_panic(
            changes in prop::collection::vec((24_usize..500, any::<u8>()), 0..12),
            cut in 200_usize..900,
            acts in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut files = sample(3, 8);
            let bytes = &mut files.cursor;
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(cut.max(1));
            mend_cursor(bytes);
            cursor(bytes);
            run(&files, &acts);
        }
    }
}
