//! Batches to files, and to the queue of a sink, by the staged protocol: each exactly once.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::batch::{Batch, Sink};
use crate::files::{DayFile, DayFiles, Unsynced, ends_mid_line, is_misplaced};
use crate::level::Kind;
use crate::stage::{ExportsToStage, Stage, ToStage};

/// Names tried for a file whose own name cannot be written.
const ALTERNATES_MAX: u32 = 100;
/// How often exports are handed over: what makes a sink panic each time must not hold up all else.
const HAND_OVERS_MAX: u32 = 3;

/// Writes the batches of one instance.
#[derive(Debug)]
pub(crate) struct Writer {
    files: DayFiles,
    /// `None` when the stage could not be created: batches are then written without it, and a kill
    /// in the middle of one can tear or repeat lines.
    stage: Option<Stage>,
    /// A batch is ready but not, or not wholly, where it goes.
    is_underway: bool,
    /// Where its lines go.
    unfinished: Vec<Placed>,
    exports: Outgoing,
    ranges: Vec<(u32, u64)>,
    /// Writing has failed: the files may have changed since.
    failed: bool,
}

/// The exports of the batch that is ready.
#[derive(Clone, Copy, Debug, Default)]
struct Outgoing {
    /// Their number; `None` when there are none, or the sink takes none.
    number: Option<u64>,
    /// The largest number there was. A sink that has to begin another queue begins to count anew, but
    /// who recovers may find the one before.
    last: u64,
    /// How often they were handed over.
    hand_overs: u32,
    is_taken: bool,
}

/// What became of the exports of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exported {
    /// The sink has them, or there are none.
    Taken,
    /// Nobody has.
    Lost,
}

/// The place of a batch's lines of one kind.
#[derive(Clone, Debug)]
struct Placed {
    kind: Kind,
    name: String,
    file: Arc<DayFile>,
    offset: u64,
    /// The file ended in the middle of a line: a line feed goes before.
    on_new_line: bool,
}

impl Placed {
    fn to_stage<'a>(&'a self, batch: &'a Batch) -> ToStage<'a> {
        let (inode, lines) = (self.file.inode, batch.of(self.kind));
        let (offset, on_new_line) = (self.offset, self.on_new_line);
        ToStage { file: &self.name, inode, offset, on_new_line, lines }
    }

    /// What is written there, one after another.
    fn parts<'a>(&self, batch: &'a Batch) -> [&'a [u8]; 2] {
        [if self.on_new_line { b"\n" } else { b"" }, batch.bytes(self.kind)]
    }
}

impl Writer {
    pub(crate) fn new(root: &Path, stage: Option<Stage>, unsynced: Unsynced) -> Self {
        let files = DayFiles::new(root, unsynced);
        let (unfinished, ranges, exports) = Default::default();
        Self { files, stage, is_underway: false, unfinished, exports, ranges, failed: false }
    }

    /// Whether an earlier batch still waits, for room on the disk as a rule.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_underway
    }

    /// Whether a batch that is ready is safe: without a stage it is only in its rings until it is
    /// in its files.
    pub(crate) fn has_stage(&self) -> bool {
        self.stage.is_some()
    }

    /// Makes the batch ready. When this returns `Ok`, [`Writer::finish`] must be called until it
    /// succeeds, with the same batch; the space of its records in the rings may be given back now,
    /// with a stage, and after `finish` without one. The name of a file that stands in for another,
    /// when one does.
    pub(crate) fn stage(
        &mut self,
        batch: &Batch,
        ranges: &[(u32, u64)],
        sink: &dyn Sink,
    ) -> io::Result<Option<String>> {
        let mut unfinished = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL.into_iter().filter(|kind| !batch.bytes(*kind).is_empty()) {
            unfinished.push(self.place(kind, sink.file(kind), sink)?);
        }
        // Also those the next batch may have lines for.
        let current = Kind::ALL.into_iter().map(|kind| sink.file(kind));
        let names = unfinished.iter().map(|placed| placed.name.as_str()).chain(current);
        self.files.keep(&names.collect::<Vec<_>>());
        let stand_in = unfinished.iter().find(|placed| placed.name != sink.file(placed.kind));
        let stand_in = stand_in.map(|placed| placed.name.clone());
        ranges.clone_into(&mut self.ranges);
        let last = self.exports.last.max(sink.last_export());
        let is_exported = !batch.exported().is_empty() && sink.exports();
        let number = is_exported.then_some(last + 1);
        self.exports = Outgoing { number, last, ..Outgoing::default() };
        self.ready(unfinished, batch)?;
        self.exports.last = number.unwrap_or(last);
        Ok(stand_in)
    }

    fn ready(&mut self, unfinished: Vec<Placed>, batch: &Batch) -> io::Result<()> {
        if let Some(stage) = &mut self.stage {
            let targets: Vec<_> = unfinished.iter().map(|placed| placed.to_stage(batch)).collect();
            let bytes = batch.exported();
            let exports = self.exports.number.map(|number| ExportsToStage { number, bytes });
            stage.ready(&self.ranges, &targets, exports)?;
        }
        self.unfinished = unfinished;
        self.is_underway = true;
        Ok(())
    }

    /// Where lines go: the end of the file, on a line of their own.
    fn place(&mut self, kind: Kind, name: &str, sink: &dyn Sink) -> io::Result<Placed> {
        let (name, (file, offset)) = self.open(name, sink)?;
        let on_new_line = ends_mid_line(&file.file, offset)?;
        Ok(Placed { kind, name, file, offset, on_new_line })
    }

    /// The file of this name, or, when a directory, a link or somebody else's file has it, of the
    /// next one.
    fn open(&mut self, name: &str, sink: &dyn Sink) -> io::Result<(String, (Arc<DayFile>, u64))> {
        let error = match self.files.get(name) {
            Ok(file) => return Ok((name.to_owned(), file)),
            Err(error) if is_misplaced(&error) => error,
            Err(error) => return Err(error),
        };
        for part in 1..ALTERNATES_MAX {
            let name = sink.alternate(name, part);
            if let Ok(file) = self.files.get(&name) {
                return Ok((name, file));
            }
        }
        Err(error)
    }

    /// As if a write had failed, for tests of what happens then.
    #[cfg(test)]
    pub(crate) fn fail_once(&mut self) {
        self.failed = true;
    }

    /// Writes what is ready. After an error (a full disk), or a panic of the sink, it can be called
    /// again.
    pub(crate) fn finish(&mut self, batch: &Batch, sink: &mut dyn Sink) -> io::Result<Exported> {
        if self.failed {
            self.check(batch, sink)?;
        }
        self.failed = true;
        for placed in &self.unfinished {
            let mut offset = placed.offset;
            for part in placed.parts(batch) {
                self.files.write(&placed.file, part, offset)?;
                offset += part.len() as u64;
            }
        }
        let exported = self.hand_over(batch, sink);
        if let Some(stage) = &mut self.stage {
            stage.free()?;
        }
        self.failed = false;
        self.unfinished.clear();
        self.is_underway = false;
        Ok(exported)
    }

    fn hand_over(&mut self, batch: &Batch, sink: &mut dyn Sink) -> Exported {
        let exports = &mut self.exports;
        if batch.exported().is_empty() || exports.is_taken {
            return Exported::Taken;
        }
        let Some(number) = exports.number.filter(|_| exports.hand_overs < HAND_OVERS_MAX) else {
            return Exported::Lost;
        };
        exports.hand_overs += 1;
        sink.export(number, batch.exports());
        exports.is_taken = true;
        Exported::Taken
    }

    /// The slot is another one now: what is not yet in its files goes to the new ones.
    pub(crate) fn move_unfinished(&mut self, batch: &Batch, sink: &dyn Sink) -> io::Result<()> {
        if !self.is_underway {
            return Ok(());
        }
        let renamed = |placed: &Placed| (placed.kind, sink.renamed(&placed.name));
        let names: Vec<_> = self.unfinished.iter().map(renamed).collect();
        let mut moved = Vec::with_capacity(names.len());
        for (kind, name) in names {
            moved.push(self.place(kind, &name, sink)?);
        }
        self.ready(moved, batch)
    }

    /// While the disk was full somebody may have truncated, removed or replaced a file, or written
    /// to it: then its lines get a new place, and the stage says so before they are written there.
    fn check(&mut self, batch: &Batch, sink: &dyn Sink) -> io::Result<()> {
        let mut checked = Vec::with_capacity(self.unfinished.len());
        let mut changed = false;
        for at in 0..self.unfinished.len() {
            let placed = &self.unfinished[at];
            if self.files.is_current(&placed.name, &placed.file) && stands(placed, batch)? {
                checked.push(placed.clone());
            } else {
                let (kind, name) = (placed.kind, placed.name.clone());
                checked.push(self.place(kind, &name, sink)?);
                changed = true;
            }
        }
        if changed { self.ready(checked, batch) } else { Ok(()) }
    }
}

/// Whether what stands at the place is the beginning of what belongs there.
fn stands(placed: &Placed, batch: &Batch) -> io::Result<bool> {
    let file = &placed.file.file;
    let Some(there) = file.metadata()?.len().checked_sub(placed.offset) else {
        return Ok(false);
    };
    let expected = placed.parts(batch).concat();
    let there = usize::try_from(there).unwrap_or(usize::MAX).min(expected.len());
    let mut present = vec![0; there];
    file.read_exact_at(&mut present, placed.offset)?;
    Ok(present == expected[..there])
}
