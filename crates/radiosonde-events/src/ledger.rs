//! What was removed by a rule of retention: `inst/<n>/removed.jsonl`.
//!
//! ```text
//! {"ts":"2025-10-21T00:00:04Z","file":"events-2025-10-06.jsonl.zst","rule":"age","lines":4460305,"bytes":267910144,"inode":131,"modified":"2025-10-07T00:01:03.201402117Z"}
//! ```
//!
//! Constraints: whoever removes a file of a slot, or writes to one, holds the slot's lock, and so is
//! the only writer of its ledger. Operation: the entry is written and synced first, then the file is
//! removed. Recovery: an entry whose file is still there is completed, without a second entry; until
//! then nobody continues that file. It is the same file when inode, size and time of the last write
//! are the same: an inode alone is soon given to another. Half an entry, after a power cut, is none.
//! So every line that is gone was counted once. A ledger of more than 1 MiB is replaced by the sum
//! of what stands in it.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

const NAME: &str = "removed.jsonl";
/// A ledger past this is summed up.
pub(crate) const BYTES_MAX: u64 = 1024 * 1024;

/// What rules have removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Files.
    pub files: u64,
    /// Lines in them.
    pub lines: u64,
    /// Their bytes, as they were on disk.
    pub bytes: u64,
}

impl std::ops::AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

/// One removal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) ts: String,
    pub(crate) file: String,
    pub(crate) rule: String,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) inode: u64,
    pub(crate) modified: String,
}

impl Entry {
    /// Whether this is the file that was entered, as it was then.
    fn is_of(&self, found: &Metadata) -> bool {
        found.is_file()
            && (found.ino(), found.len()) == (self.inode, self.bytes)
            && modified(found) == self.modified
    }
}

/// When a file was written to last, as entries say it.
pub(crate) fn modified(found: &Metadata) -> String {
    let at = i32::try_from(found.mtime_nsec()).map(|ns| Timestamp::new(found.mtime(), ns));
    at.ok().and_then(Result::ok).map_or_else(String::new, |at| at.to_string())
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Row {
    One(Entry),
    Sum { sum: BTreeMap<String, Removed> },
}

/// The ledger of one slot.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) path: PathBuf,
}

impl Ledger {
    pub(crate) fn of_slot(slot: &Path) -> Self {
        Self { path: slot.join(NAME) }
    }

    /// Removals that were entered and not carried out.
    pub(crate) fn pending(&self, root: &Path) -> io::Result<Vec<Entry>> {
        let entered = |row| match row {
            Row::One(entry) => Some(entry),
            Row::Sum { .. } => None,
        };
        // A name from a file of ours, but a name nevertheless.
        let is_name = |file: &str| Path::new(file).components().count() == 1;
        let is_there = |entry: &Entry| {
            is_name(&entry.file)
                && fs::symlink_metadata(root.join(&entry.file)).is_ok_and(|f| entry.is_of(&f))
        };
        Ok(self.rows()?.into_iter().filter_map(entered).filter(is_there).collect())
    }

    pub(crate) fn rows(&self) -> io::Result<Vec<Row>> {
        let mut text = Vec::new();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match options.open(&self.path) {
            Ok(file) => file.take(4 * BYTES_MAX).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // What is no row was cut off by a power cut, before anything was removed for it.
        Ok(text
            .split(|byte| *byte == b'\n')
            .filter_map(|row| serde_json::from_slice(row).ok())
            .collect())
    }
}
