//! A batch: the final bytes of some records, by the file they go to.

use std::sync::Arc;
use std::time::SystemTime;

use crate::callsite::Descriptor;
use crate::format::Record;
use crate::level::Kind;

/// Bytes of a batch at which it is written.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;

/// What the drain hands records to.
pub trait Sink: Send {
    /// A new batch begins: everything in it is filed under this time.
    fn begin(&mut self, now: SystemTime);

    /// Appends the final bytes of a record to the batch. A panic costs this record, not more.
    fn encode(&mut self, record: &Record<'_>, site: &Arc<Descriptor>, ring: u32, batch: &mut Batch);

    /// The batch is encoded and on its way: what a console shows of it is to be shown now, also
    /// when the disk is full. The kinds of which all records were shown somewhere.
    fn show(&mut self, batch: &Batch) -> [bool; 3];

    /// From now on the files are those of another slot.
    fn move_to(&mut self, slot: u32);

    /// The name of a file in the slot of the last [`Sink::move_to`].
    fn renamed(&self, file: &str) -> String;

    /// From now on the files are the next part that nobody has begun: the present ones may not be
    /// continued. `is_taken` tells of a name whether there is a file.
    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool);

    /// Another name for a file that cannot be continued, the `part`th.
    fn alternate(&self, file: &str, part: u32) -> String;
}

/// Bytes on their way to files. See [`Sink`].
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) targets: Vec<Target>,
    pub(crate) records: [u64; 3],
}

/// The bytes for one file.
#[derive(Debug)]
pub struct Target {
    /// The file's name within the telemetry directory.
    pub file: String,
    /// Which signal the file holds.
    pub kind: Kind,
    /// What is appended to it.
    pub bytes: Vec<u8>,
}

impl Batch {
    /// Where to append a line for `file`.
    pub fn lines(&mut self, kind: Kind, file: &str) -> &mut Vec<u8> {
        let at = match self.targets.iter().position(|target| target.file == file) {
            Some(at) => at,
            None => {
                self.targets.push(Target { file: file.to_owned(), kind, bytes: Vec::new() });
                self.targets.len() - 1
            }
        };
        &mut self.targets[at].bytes
    }

    /// The files and their bytes.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Records in the batch, one count per kind.
    pub fn records(&self) -> [u64; 3] {
        self.records
    }

    /// Gives the files other names.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> String) {
        for target in &mut self.targets {
            target.file = name(&target.file);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.targets.iter().map(|target| target.bytes.len()).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.records = [0; 3];
        for target in &mut self.targets {
            target.bytes.clear();
        }
    }

    /// Forgets files that this batch does not write to: yesterday's.
    pub(crate) fn trim(&mut self) {
        self.targets.retain(|target| !target.bytes.is_empty());
    }

    pub(crate) fn mark(&self) -> Vec<usize> {
        self.targets.iter().map(|target| target.bytes.len()).collect()
    }

    /// Takes back what was appended since `mark`.
    pub(crate) fn rewind(&mut self, mark: &[usize]) {
        for (at, target) in self.targets.iter_mut().enumerate() {
            target.bytes.truncate(mark.get(at).copied().unwrap_or(0));
        }
    }
}
