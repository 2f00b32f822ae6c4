//! What was removed by a rule of retention: `inst/<n>/removed.jsonl`.
//!
//! ```text
//! {"ts":"2025-10-21T00:00:04Z","file":"events-2025-10-06.jsonl.zst","rule":"age","lines":4460305,"bytes":267910144,"inode":131}
//! ```
//!
//! Constraints: whoever removes a file of a slot holds the slot's lock, and so is the only writer of
//! its ledger. Operation: the entry is written and synced first, then the file is removed. Recovery:
//! when the file of the last entry is still there (the same inode), its removal is completed, without
//! a second entry; half an entry, after a power cut, is none. So every line that is gone was counted
//! once. A ledger of more than 1 MiB is replaced by the sum of what stands in it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags};
use serde::{Deserialize, Serialize};

use super::plan::Rule;

const NAME: &str = "removed.jsonl";
/// Bytes kept for entries to come: some twenty.
const ROOM: u64 = 4096;
/// A ledger past this is summed up.
const BYTES_MAX: u64 = 1024 * 1024;

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
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) ts: String,
    pub(crate) file: String,
    pub(crate) rule: String,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Row {
    One(Entry),
    Sum { sum: BTreeMap<String, Removed> },
}

/// The ledger of one slot. Whoever has it holds the slot's lock.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(crate) fn of_slot(slot: &Path) -> Self {
        Self { path: slot.join(NAME) }
    }

    /// Has room kept for the next entries: what is removed because the disk is full must find some.
    pub(crate) fn keep_room(&self) {
        // Best effort: without it an entry is refused on a full disk, and nothing removed for it.
        let Ok(file) = self.open() else { return };
        let length = file.metadata().map_or(0, |found| found.len());
        let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, length, ROOM);
    }

    fn open(&self) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&self.path)
    }

    /// Writes an entry, and returns when it is on disk.
    pub(crate) fn add(&self, entry: &Entry) -> io::Result<()> {
        let mut file = self.open()?;
        let length = file.metadata()?.len();
        let mut row = serde_json::to_vec(&entry)?;
        row.push(b'\n');
        if !ends_a_row(&file, length)? {
            row.insert(0, b'\n');
        }
        if let Err(error) = file.write_all(&row) {
            // Half a row on a full disk: nothing is removed for it.
            let _ = file.set_len(length);
            return Err(error);
        }
        file.sync_data()
    }

    /// Completes a removal that was entered and not carried out.
    pub(crate) fn complete(&self, root: &Path) -> io::Result<()> {
        let Some(Row::One(last)) = self.rows()?.pop() else { return Ok(()) };
        let path = root.join(&last.file);
        // A name from a file of ours, but a name nevertheless.
        let is_plain = Path::new(&last.file).components().count() == 1;
        match fs::symlink_metadata(&path) {
            Ok(found) if is_plain && found.is_file() && found.ino() == last.inode => {
                fs::remove_file(&path)
            }
            _ => Ok(()),
        }
    }

    /// Sums by rule.
    pub(crate) fn sums(&self) -> io::Result<BTreeMap<String, Removed>> {
        let mut sums: BTreeMap<String, Removed> = BTreeMap::new();
        for row in self.rows()? {
            match row {
                Row::One(Entry { rule, lines, bytes, .. }) => {
                    *sums.entry(rule).or_default() += Removed { files: 1, lines, bytes };
                }
                Row::Sum { sum } => {
                    for (rule, removed) in sum {
                        *sums.entry(rule).or_default() += removed;
                    }
                }
            }
        }
        Ok(sums)
    }

    /// Replaces a long ledger by its sums. To be called when no removal is pending.
    pub(crate) fn shorten(&self) -> io::Result<()> {
        if fs::symlink_metadata(&self.path).map_or(0, |found| found.len()) <= BYTES_MAX {
            return Ok(());
        }
        let mut row = serde_json::to_vec(&Row::Sum { sum: self.sums()? })?;
        row.push(b'\n');
        let shorter = self.path.with_extension("jsonl.tmp");
        let _ = fs::remove_file(&shorter);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&shorter)?;
        file.write_all(&row)?;
        file.sync_all()?;
        fs::rename(&shorter, &self.path)
    }

    fn rows(&self) -> io::Result<Vec<Row>> {
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

/// Reads the sums of all slots of a directory, by rule.
///
/// # Errors
/// As from the system.
pub fn removed(root: &Path) -> io::Result<BTreeMap<Rule, Removed>> {
    let mut all: BTreeMap<Rule, Removed> = BTreeMap::new();
    for number in radiosonde_record::Slot::existing(root) {
        let slot = root.join("inst").join(number.to_string());
        for (rule, removed) in Ledger::of_slot(&slot).sums()? {
            if let Some(rule) = Rule::parse(&rule) {
                *all.entry(rule).or_default() += removed;
            }
        }
    }
    Ok(all)
}

fn ends_a_row(file: &fs::File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        std::os::unix::fs::FileExt::read_exact_at(file, &mut last, length - 1)?;
    }
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(root: &Path, file: &str, lines: u64) -> Entry {
        let inode = fs::symlink_metadata(root.join(file)).map_or(0, |found| found.ino());
        let (ts, rule) = ("2025-10-21T00:00:04Z".to_owned(), "age".to_owned());
        Entry { ts, file: file.to_owned(), rule, lines, bytes: 10, inode }
    }

    #[test]
    fn a_removal_that_was_entered_is_carried_out_and_counted_once() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        fs::write(root.path().join("events-2025-10-06.jsonl"), "{}\n").unwrap();
        ledger.add(&entry(root.path(), "events-2025-10-06.jsonl", 1)).unwrap();
        for _ in 0..2 {
            ledger.complete(root.path()).unwrap();
            assert!(!root.path().join("events-2025-10-06.jsonl").exists());
            let removed = Removed { files: 1, lines: 1, bytes: 10 };
            assert_eq!(ledger.sums().unwrap(), BTreeMap::from([("age".to_owned(), removed)]));
        }
    }

    #[test]
    fn another_file_of_that_name_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        let path = root.path().join("events-2025-10-06.jsonl");
        fs::write(&path, "{}\n").unwrap();
        ledger.add(&entry(root.path(), "events-2025-10-06.jsonl", 1)).unwrap();
        fs::rename(&path, root.path().join("kept")).unwrap();
        fs::write(&path, "other\n").unwrap();
        ledger.complete(root.path()).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn half_an_entry_is_none_and_the_next_one_stands_on_its_own() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        fs::write(root.path().join(NAME), "{\"ts\":\"2025").unwrap();
        ledger.add(&entry(root.path(), "a", 7)).unwrap();
        assert_eq!(ledger.sums().unwrap()["age"].lines, 7);
    }

    #[test]
    fn a_long_ledger_becomes_its_sum() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        ledger.add(&entry(root.path(), "a", 7)).unwrap();
        let row = fs::read(root.path().join(NAME)).unwrap();
        let times = BYTES_MAX as usize / row.len() + 1;
        fs::write(root.path().join(NAME), row.repeat(times)).unwrap();
        let before = ledger.sums().unwrap();
        ledger.shorten().unwrap();
        assert!(fs::metadata(root.path().join(NAME)).unwrap().len() < 200);
        assert_eq!(ledger.sums().unwrap(), before);
        assert_eq!(before["age"].lines, 7 * times as u64);
    }
}
