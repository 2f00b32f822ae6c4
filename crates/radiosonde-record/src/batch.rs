//! A batch: the final bytes of some records, by the file they go to.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::descriptor::Descriptor;
use crate::exports::{self, Exports};
use crate::format::{Builder, Record};
use crate::level::Kind;
use crate::lines::Lines;
use crate::open::Interrupted;
use crate::ring::Segment;

/// Bytes of a batch at which it is written: what the processor's second level of cache holds, and
/// the size from which a larger write is no faster.
pub(crate) const BATCH_BYTES: usize = 256 * 1024;

/// The same while a producer waits for room, or soon will: it waits no longer than
/// [`WAIT_MAX`](crate::patience), and a batch gives all its room back at once.
pub(crate) const HURRIED_BYTES: usize = 32 * 1024;
/// How long such a batch may take to be encoded, by a sink that is slow.
pub(crate) const HURRIED_TIME: Duration = Duration::from_micros(300);

/// What the drain hands records to.
pub trait Sink: Send {
    /// A new batch begins: everything in it is filed under this time.
    fn begin(&mut self, now: SystemTime);

    /// The name of the file for records of this kind in the present batch.
    fn file(&self, kind: Kind) -> &str;

    /// Appends the final bytes of a record to the batch. A panic costs this record, not more.
    fn encode(&mut self, record: &Record<'_>, site: &Arc<Descriptor>, ring: u32, batch: &mut Batch);

    /// Describes a span that was open when its process died: message and fields of an event, whose
    /// context is the span's. `false` makes none. The same each time it is asked.
    fn interrupted(&self, _span: &Interrupted, _record: &mut Builder<'_>) -> bool {
        false
    }

    /// The batch is encoded and on its way: what a console shows of it is to be shown now, also
    /// when the disk is full. The kinds of which all records were shown somewhere.
    fn show(&mut self, batch: &Batch) -> [bool; 3];

    /// From now on the files are those of another slot. A queue beside the directory of its owner
    /// stays where it is as long as that is there: the owner has it locked, so nobody takes the queue
    /// for that of a dead one, and who recovers the owner finds both.
    fn move_to(&mut self, slot: u32);

    /// The name of a file in the slot of the last [`Sink::move_to`].
    fn renamed(&self, file: &str) -> String;

    /// From now on the files are the next part that nobody has begun: the present ones may not be
    /// continued. `is_taken` tells of a name whether there is a file.
    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool);

    /// Another name for a file that cannot be continued, the `part`th.
    fn alternate(&self, file: &str, part: u32) -> String;

    /// Whether records have exports besides lines. Asked when the stage is made, which has room for
    /// them then, and for every batch: where it is `false`, exports are lost, and counted
    /// ([`Journal::exports_lost`](crate::Journal::exports_lost)).
    fn exports(&self) -> bool {
        false
    }

    /// The largest number of which the queue of this sink has anything, or has counted it as lost; 0
    /// when there was none. It rises, also over the life of a process: who takes over the queue of a
    /// dead owner goes on where that stood.
    fn last_export(&self) -> u64 {
        0
    }

    /// Takes over the exports of a batch, when its lines are in their files. A new batch has a number
    /// above [`Sink::last_export`], and above those before it.
    ///
    /// A batch comes again, under the same number and with the same bytes, when nobody knows what
    /// became of it: after a kill, or a panic in here. The queue knows what it has of that number: of a
    /// batch that is there whole nothing is added, one that is there in part is completed. Once this
    /// has returned the batch is forgotten: what cannot be kept is counted by the sink. One that
    /// panics three times is given up, see [`Journal::exports_lost`](crate::Journal::exports_lost).
    fn export(&mut self, _number: u64, _exports: Exports<'_>) {}
}

/// Lines on their way to files, by kind, and exports on their way to a queue. See [`Sink`].
#[derive(Debug, Default)]
pub struct Batch {
    lines: [Lines; 3],
    exports: Lines,
    counts: Counts,
    /// Bytes of records that have neither a line nor an export.
    passed: usize,
}

/// Records of a batch, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// With a line or an export.
    pub(crate) records: [u64; 3],
    /// Those among them with an export.
    pub(crate) exported: [u64; 3],
    /// Those among these without a line.
    pub(crate) only_exported: [u64; 3],
    /// With neither.
    pub(crate) passed: [u64; 3],
}

/// How far a batch was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    lines: [usize; 3],
    exports: usize,
}

impl Batch {
    /// A batch that is put together in these segments: of the lines, and of the exports if any.
    pub(crate) fn within(segments: [Segment; 3], exports: Option<Segment>) -> Self {
        let exports = exports.map(Lines::within).unwrap_or_default();
        Self { lines: segments.map(Lines::within), exports, ..Self::default() }
    }

    /// Where to append a line of a record of this kind.
    pub fn lines(&mut self, kind: Kind) -> &mut Lines {
        &mut self.lines[kind as usize]
    }

    /// The lines of one kind.
    pub fn bytes(&self, kind: Kind) -> &[u8] {
        &self.lines[kind as usize]
    }

    pub(crate) fn of(&self, kind: Kind) -> &Lines {
        &self.lines[kind as usize]
    }

    /// Appends an export of the record that is being encoded: what `write` appends, and nothing when
    /// it appends nothing. The number of the stream means what the sink wants it to. When the record
    /// cannot be encoded after all, its exports go with its lines.
    pub fn export(&mut self, stream: u8, write: impl FnOnce(&mut Lines)) {
        exports::append(&mut self.exports, stream, write);
    }

    /// The exports so far.
    pub fn exports(&self) -> Exports<'_> {
        Exports::new(&self.exports)
    }

    pub(crate) fn exported(&self) -> &Lines {
        &self.exports
    }

    /// Records in the batch, one count per kind. Those with neither a line nor an export are not
    /// among them.
    pub fn records(&self) -> [u64; 3] {
        self.counts.records
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes on their way.
    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(Lines::len).sum::<usize>() + self.exports.len()
    }

    /// The same, and those of records that were passed over: 0 when there was none at all.
    pub(crate) fn weight(&self) -> usize {
        self.len() + self.passed
    }

    pub(crate) fn clear(&mut self) {
        (self.counts, self.passed) = (Counts::default(), 0);
        self.lines.iter_mut().for_each(Lines::clear);
        self.exports.clear();
    }

    pub(crate) fn mark(&self) -> Mark {
        let [events, spans, metrics] = &self.lines;
        let lines = [events.len(), spans.len(), metrics.len()];
        Mark { lines, exports: self.exports.len() }
    }

    /// Counts a record of so many bytes, which was encoded since `mark`.
    pub(crate) fn count(&mut self, kind: Kind, size: usize, mark: Mark) {
        let now = self.mark();
        let (has_line, has_export) = (now.lines != mark.lines, now.exports != mark.exports);
        let (counts, kind) = (&mut self.counts, kind as usize);
        if !has_line && !has_export {
            self.passed += size;
            counts.passed[kind] += 1;
            return;
        }
        counts.records[kind] += 1;
        counts.exported[kind] += u64::from(has_export);
        counts.only_exported[kind] += u64::from(!has_line);
    }

    /// Takes back what was appended since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        for (lines, mark) in self.lines.iter_mut().zip(mark.lines) {
            lines.truncate(mark);
        }
        self.exports.truncate(mark.exports);
    }
}
