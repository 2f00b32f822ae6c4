//! A queue of exports in a file, and a sink with one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use radiosonde_events::{DaySink, Owner};
use radiosonde_record::{
    Batch, Builder, Descriptor, Exports, Interrupted, Kind, Level, Record, Sink, spool_of,
};

use crate::proof::end::{End, Point};

/// Frames `length u32, crc32 of the rest u32, number u64, bytes`. One without bytes says that the
/// batch of this number is whole; the others are entries, stream first.
struct Queue {
    file: File,
    last: u64,
    part: (u64, usize),
    end: Option<End>,
}

type Frame = (u64, Vec<u8>);

impl Queue {
    /// Opens or creates the queue in a directory. A frame that was torn is cut off.
    fn open(directory: &Path, end: Option<End>) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).read(true).open(directory.join("queue"))?;
        let (frames, length) = frames(&fs::read(directory.join("queue"))?);
        file.set_len(length)?;
        let mut queue = Self { file, last: 0, part: (0, 0), end };
        for (number, bytes) in frames {
            queue.note(number, &bytes);
        }
        Ok(queue)
    }

    fn note(&mut self, number: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            self.last = number;
            return;
        }
        let has = if self.part.0 == number { self.part.1 } else { 0 };
        self.part = (number, has + 1);
    }

    fn append(&mut self, number: u64, exports: Exports<'_>) {
        let end = self.end.clone().filter(End::is_now);
        let ends = |at: Point| end.as_ref().filter(|end| end.point == at);
        ends(Point::Before).map(End::come);
        if number > self.last {
            let has = if self.part.0 == number { self.part.1 } else { 0 };
            for (stream, bytes) in exports.skip(has) {
                let frame = frame(number, &[&[stream], bytes].concat());
                if let Some(end) = ends(Point::WithinEntry) {
                    self.file.write_all(&frame[..frame.len() / 2]).expect("room");
                    end.come();
                }
                self.file.write_all(&frame).expect("room for an entry");
                ends(Point::Between).map(End::come);
            }
            ends(Point::BeforeWhole).map(End::come);
            self.file.write_all(&frame(number, &[])).expect("room for a mark");
            self.last = number;
        }
        ends(Point::Whole).map(End::come);
    }
}

/// Which record has this number: events, spans and metrics in turn.
pub(crate) fn describe(number: u64) -> (Kind, Level, &'static str) {
    (Kind::ALL[(number % 3) as usize], Level::Info, "tick")
}

/// The sink of a process, living or dead, whose queue is where its spool would be.
pub(crate) fn sink(
    lines: DaySink,
    _owner: &Owner,
    instance: &Path,
    _is_dead: bool,
    end: Option<End>,
) -> io::Result<Box<dyn Sink>> {
    let queue = Queue::open(&spool_of(instance), end)?;
    Ok(Box::new(Exporting { lines, queue }))
}

/// The messages in a queue.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<String>> {
    let frames = frames(&fs::read(directory.join("queue"))?).0.into_iter();
    let entry = |(_, bytes): Frame| {
        let (_stream, text) = bytes.split_first()?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    Ok(frames.filter_map(entry).collect())
}

fn frame(number: u64, bytes: &[u8]) -> Vec<u8> {
    let rest = [&number.to_le_bytes()[..], bytes].concat();
    let length = (rest.len() as u32).to_le_bytes();
    [&length[..], &sum(&rest).to_le_bytes(), &rest].concat()
}

/// The whole frames, and how many bytes they take.
fn frames(bytes: &[u8]) -> (Vec<Frame>, u64) {
    let mut left = bytes;
    let mut found = Vec::new();
    while let Some((frame, rest)) = split(left) {
        found.push(frame);
        left = rest;
    }
    (found, (bytes.len() - left.len()) as u64)
}

fn split(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (length, bytes) = bytes.split_first_chunk()?;
    let (check, bytes) = bytes.split_first_chunk()?;
    let (rest, bytes) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (number, entry) = rest.split_first_chunk()?;
    let is_whole = u32::from_le_bytes(*check) == sum(rest);
    is_whole.then(|| ((u64::from_le_bytes(*number), entry.to_vec()), bytes))
}

/// Enough to tell a torn frame.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(7, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

/// Each record has an export, whether it has a line or not: its message, on the stream of its kind.
struct Exporting {
    lines: DaySink,
    queue: Queue,
}

impl Sink for Exporting {
    fn begin(&mut self, now: SystemTime) {
        self.lines.begin(now);
    }
    fn file(&self, kind: Kind) -> &str {
        self.lines.file(kind)
    }
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        self.lines.encode(record, site, ring, batch);
        batch.export(record.kind as u8, |bytes| bytes.extend_from_slice(record.message.as_bytes()));
    }
    fn interrupted(&self, span: &Interrupted, record: &mut Builder<'_>) -> bool {
        self.lines.interrupted(span, record)
    }
    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        self.lines.show(batch)
    }
    fn move_to(&mut self, slot: u32) {
        self.lines.move_to(slot);
    }
    fn renamed(&self, file: &str) -> String {
        self.lines.renamed(file)
    }
    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        self.lines.next_part(is_taken);
    }
    fn alternate(&self, file: &str, part: u32) -> String {
        self.lines.alternate(file, part)
    }
    fn exports(&self) -> bool {
        true
    }
    fn last_export(&self) -> u64 {
        self.queue.last
    }
    fn export(&mut self, number: u64, exports: Exports<'_>) {
        self.queue.append(number, exports);
    }
}
