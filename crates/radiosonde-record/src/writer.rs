//! Batches to files by the staged protocol, each exactly once.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::batch::Batch;
use crate::files::{DayFile, DayFiles, Unsynced, ends_mid_line};
use crate::stage::{Stage, Staged};

/// Writes the batches of one instance.
#[derive(Debug)]
pub(crate) struct Writer {
    files: DayFiles,
    /// `None` when the stage could not be created: batches are then written without it, and a
    /// kill in the middle of one can tear or repeat lines.
    stage: Option<Stage>,
    /// A batch that is ready but not, or not wholly, in its files.
    unfinished: Vec<(Arc<DayFile>, Staged)>,
}

impl Writer {
    pub(crate) fn new(root: &Path, stage: Option<Stage>, unsynced: Unsynced) -> Self {
        Self { files: DayFiles::new(root, unsynced), stage, unfinished: Vec::new() }
    }

    /// Whether an earlier batch still waits for room on the disk.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Makes the batch ready. When this returns `Ok`, the space of its records in the rings may be
    /// given back, and [`Writer::finish`] must be called until it succeeds.
    pub(crate) fn stage(&mut self, batch: &Batch, ranges: &[(u32, u64)]) -> io::Result<()> {
        let names: Vec<&str> = batch.targets.iter().map(|target| target.file.as_str()).collect();
        self.files.keep(&names);
        let mut unfinished = Vec::with_capacity(batch.targets.len());
        for target in batch.targets.iter().filter(|target| !target.bytes.is_empty()) {
            let (file, offset) = self.files.get(&target.file)?;
            let mut bytes = Vec::with_capacity(target.bytes.len() + 1);
            if ends_mid_line(&file.file, offset)? {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(&target.bytes);
            let inode = file.inode;
            unfinished.push((file, Staged { file: target.file.clone(), inode, offset, bytes }));
        }
        if let Some(stage) = &mut self.stage {
            let staged: Vec<Staged> = unfinished.iter().map(|(_, staged)| staged.clone()).collect();
            stage.ready(ranges, &staged)?;
        }
        self.unfinished = unfinished;
        Ok(())
    }

    /// Writes what is ready. After an error (a full disk) it can be called again.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        for (file, staged) in &self.unfinished {
            self.files.write(file, &staged.bytes, staged.offset)?;
        }
        if let Some(stage) = &mut self.stage {
            stage.free()?;
        }
        self.unfinished.clear();
        Ok(())
    }
}
