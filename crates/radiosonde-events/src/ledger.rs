//! What was removed by a rule of retention: `inst/<n>/removed.jsonl`.
//!
//! ```text
//! {"ts":"2025-10-21T00:00:04Z","file":"events-2025-10-06.jsonl.zst","rule":"age","lines":4460305,"bytes":267910144,"inode":131,"changed":"2025-10-07T00:01:03.201402117Z"}
//! ```
//!
//! Constraints: whoever removes a file of a slot, or writes to one, holds the slot's lock, and so is
//! the only writer of its ledger. Operation: the entry is written and synced first, then the file is
//! removed. Recovery: an entry whose file is still there is completed, without a second entry; until
//! then nobody continues that file. It is the same file when inode, size and time of the last change
//! (ctime) are the same: an inode alone is soon given to another. Half an entry, after a power cut, is none.
//! So every line that is gone was counted once. In a ledger of more than 1 MiB the
//! older half is replaced by its sum.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use radiosonde_store::names::StoredFile;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

const NAME: &str = "removed.jsonl";
/// Nor does opening wait for the other end of a pipe.
pub(crate) const FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
/// A larger one was not written by us.
pub(crate) const LEDGER_MAX: u64 = 4 * 1024 * 1024;

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
        // What a damaged file says of itself may be anything.
        self.files = self.files.saturating_add(other.files);
        self.lines = self.lines.saturating_add(other.lines);
        self.bytes = self.bytes.saturating_add(other.bytes);
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
    pub(crate) changed: String,
    /// The file was damaged: there may have been more lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) damaged: bool,
}

impl Entry {
    /// The entry of a file that is to go.
    #[cfg(feature = "upkeep")]
    pub(crate) fn new(
        ts: String,
        file: &str,
        rule: &str,
        removed: Removed,
        found: &Metadata,
    ) -> Self {
        let (file, rule) = (file.to_owned(), rule.to_owned());
        let Removed { lines, bytes, .. } = removed;
        Self {
            ts,
            file,
            rule,
            lines,
            bytes,
            inode: found.ino(),
            changed: changed(found),
            damaged: false,
        }
    }

    #[cfg(feature = "upkeep")]
    pub(crate) fn damaged(self, damaged: bool) -> Self {
        Self { damaged, ..self }
    }

    /// Whether the file is still there.
    pub(crate) fn is_there(&self, root: &Path) -> bool {
        // A name from a file of ours, but a name nevertheless.
        StoredFile::parse(&self.file).is_some()
            && fs::symlink_metadata(root.join(&self.file)).is_ok_and(|found| self.is_of(&found))
    }

    /// Whether this is the file that was entered, as it was then.
    fn is_of(&self, found: &Metadata) -> bool {
        found.is_file()
            && (found.ino(), found.len()) == (self.inode, self.bytes)
            && changed(found) == self.changed
    }
}

/// When anything about a file changed last, as entries say it. Who restores a file sets the time of
/// its last write, but not this.
fn changed(found: &Metadata) -> String {
    let at = i32::try_from(found.ctime_nsec()).map(|ns| Timestamp::new(found.ctime(), ns));
    at.ok().and_then(Result::ok).map_or_else(String::new, |at| at.to_string())
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Row {
    One(Entry),
    Sum { sum: BTreeMap<String, Removed> },
}

pub(crate) fn only_a_file(file: fs::File) -> io::Result<fs::File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

impl Row {
    fn into_entry(self) -> Option<Entry> {
        match self {
            Self::One(entry) => Some(entry),
            Self::Sum { .. } => None,
        }
    }
}

/// The ledger of one slot.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(crate) fn of_slot(slot: &Path) -> Self {
        Self { path: slot.join(NAME) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removals that were entered and not carried out.
    pub(crate) fn pending(&self, root: &Path) -> io::Result<Vec<Entry>> {
        let rows = self.rows()?;
        let entered = rows.into_iter().filter_map(Row::into_entry);
        Ok(entered.filter(|entry| entry.is_there(root)).collect())
    }

    /// The rows that are whole, for the owner. [`crate::removals()`] reads them for others, and tells
    /// which are not.
    pub(crate) fn rows(&self) -> io::Result<Vec<Row>> {
        let mut text = Vec::new();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(FLAGS.bits().cast_signed());
        match options.open(&self.path).and_then(only_a_file) {
            Ok(file) => file.take(LEDGER_MAX + 1).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if text.len() as u64 > LEDGER_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a ledger of more than 4 MiB"));
        }
        // What is no row was cut off by a power cut, before anything was removed for it.
        Ok(text
            .split(|byte| *byte == b'\n')
            .filter_map(|row| serde_json::from_slice(row).ok())
            .collect())
    }
}
