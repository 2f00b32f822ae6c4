//! Batches to files by the staged protocol, each exactly once.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::batch::{Batch, Sink};
use crate::files::{DayFile, DayFiles, Unsynced, ends_mid_line, is_misplaced};
use crate::stage::{Stage, Staged};

/// Names tried for a file whose own name cannot be written.
const ALTERNATES_MAX: u32 = 100;

/// Writes the batches of one instance.
#[derive(Debug)]
pub(crate) struct Writer {
    files: DayFiles,
    /// `None` when the stage could not be created: batches are then written without it, and a kill
    /// in the middle of one can tear or repeat lines.
    stage: Option<Stage>,
    /// A batch that is ready but not, or not wholly, in its files.
    unfinished: Vec<(Arc<DayFile>, Staged)>,
    ranges: Vec<(u32, u64)>,
    /// Writing has failed: the files may have changed since.
    failed: bool,
}

impl Writer {
    pub(crate) fn new(root: &Path, stage: Option<Stage>, unsynced: Unsynced) -> Self {
        let files = DayFiles::new(root, unsynced);
        Self { files, stage, unfinished: Vec::new(), ranges: Vec::new(), failed: false }
    }

    /// Whether an earlier batch still waits for room on the disk.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Whether a batch that is ready is safe: without a stage it is only in its rings until it is
    /// in its files.
    pub(crate) fn has_stage(&self) -> bool {
        self.stage.is_some()
    }

    /// Makes the batch ready. When this returns `Ok`, [`Writer::finish`] must be called until it
    /// succeeds; the space of its records in the rings may be given back now, with a stage, and
    /// after `finish` without one. The name of a file that stands in for another, when one does.
    pub(crate) fn stage(
        &mut self,
        batch: &Batch,
        ranges: &[(u32, u64)],
        sink: &dyn Sink,
    ) -> io::Result<Option<String>> {
        let mut unfinished = Vec::with_capacity(batch.targets.len());
        // A filled batch has no empty targets.
        for target in &batch.targets {
            unfinished.push(self.place(&target.file, &target.bytes, sink)?);
        }
        let names: Vec<&str> = unfinished.iter().map(|(_, staged)| staged.file.as_str()).collect();
        self.files.keep(&names);
        let stand_in =
            batch.targets.iter().zip(&names).find(|(target, used)| target.file != **used);
        let stand_in = stand_in.map(|(_, used)| (*used).to_owned());
        ranges.clone_into(&mut self.ranges);
        self.ready(unfinished)?;
        Ok(stand_in)
    }

    fn ready(&mut self, unfinished: Vec<(Arc<DayFile>, Staged)>) -> io::Result<()> {
        if let Some(stage) = &mut self.stage {
            stage.ready(&self.ranges, unfinished.iter().map(|(_, staged)| staged))?;
        }
        self.unfinished = unfinished;
        Ok(())
    }

    /// Where the bytes go: the end of the file, on a line of their own.
    fn place(
        &mut self,
        name: &str,
        bytes: &[u8],
        sink: &dyn Sink,
    ) -> io::Result<(Arc<DayFile>, Staged)> {
        let (name, (file, offset)) = self.open(name, sink)?;
        let mut line = Vec::with_capacity(bytes.len() + 1);
        if ends_mid_line(&file.file, offset)? {
            line.push(b'\n');
        }
        line.extend_from_slice(bytes);
        let inode = file.inode;
        Ok((file, Staged { file: name, inode, offset, bytes: line }))
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

    /// Writes what is ready. After an error (a full disk) it can be called again.
    pub(crate) fn finish(&mut self, sink: &dyn Sink) -> io::Result<()> {
        if self.failed {
            self.check(sink)?;
        }
        self.failed = true;
        for (file, staged) in &self.unfinished {
            self.files.write(file, &staged.bytes, staged.offset)?;
        }
        if let Some(stage) = &mut self.stage {
            stage.free()?;
        }
        self.failed = false;
        self.unfinished.clear();
        Ok(())
    }

    /// The slot is another one now: what is not yet in its files goes to the new ones.
    pub(crate) fn move_unfinished(&mut self, sink: &dyn Sink) -> io::Result<()> {
        if self.unfinished.is_empty() {
            return Ok(());
        }
        let mut moved = Vec::with_capacity(self.unfinished.len());
        for (_, staged) in self.unfinished.clone() {
            moved.push(self.place(&sink.renamed(&staged.file), lines(&staged), sink)?);
        }
        self.ready(moved)
    }

    /// While the disk was full somebody may have truncated, removed or replaced a file, or written
    /// to it: then its bytes get a new place, and the stage says so before they are written there.
    fn check(&mut self, sink: &dyn Sink) -> io::Result<()> {
        let mut changed = false;
        let mut checked = Vec::with_capacity(self.unfinished.len());
        for (file, staged) in self.unfinished.clone() {
            if self.files.is_current(&staged.file, &file) && stands(&file, &staged)? {
                checked.push((file, staged));
            } else {
                changed = true;
                checked.push(self.place(&staged.file, lines(&staged), sink)?);
            }
        }
        if changed { self.ready(checked) } else { Ok(()) }
    }
}

/// The lines, without the line feed that ended a torn one where they were to stand.
fn lines(staged: &Staged) -> &[u8] {
    staged.bytes.strip_prefix(b"\n").unwrap_or(&staged.bytes)
}

/// Whether what stands at the place is the beginning of what belongs there.
fn stands(file: &DayFile, staged: &Staged) -> io::Result<bool> {
    let Some(there) = file.file.metadata()?.len().checked_sub(staged.offset) else {
        return Ok(false);
    };
    let there = usize::try_from(there).unwrap_or(usize::MAX).min(staged.bytes.len());
    let mut present = vec![0; there];
    file.file.read_exact_at(&mut present, staged.offset)?;
    Ok(present == staged.bytes[..there])
}
