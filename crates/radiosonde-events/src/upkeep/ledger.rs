//! Writing a slot's [`Ledger`], and completing what stands in it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags};

use super::plan::Rule;
use crate::ledger::{BYTES_MAX, Entry, Ledger, Removed, Row};

/// Bytes kept for entries to come: some twenty.
const ROOM: u64 = 4096;

impl Ledger {
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
        if radiosonde_record::ends_mid_line(&file, length)? {
            row.insert(0, b'\n');
        }
        if let Err(error) = file.write_all(&row) {
            // Half a row on a full disk: nothing is removed for it.
            let _ = file.set_len(length);
            return Err(error);
        }
        file.sync_data()?;
        // A file that was just created is in no directory yet, after a power cut.
        if length == 0 { self.sync_directory() } else { Ok(()) }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), |slot| fs::File::open(slot)?.sync_all())
    }

    /// Carries out what was entered and is not done. What could not be removed is returned.
    pub(crate) fn complete(&self, root: &Path) -> io::Result<Vec<(String, io::Error)>> {
        let remove = |entry: Entry| match fs::remove_file(root.join(&entry.file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Some((entry.file, error)),
            _ => None,
        };
        Ok(self.pending(root)?.into_iter().filter_map(remove).collect())
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
        fs::rename(&shorter, &self.path)?;
        // What is entered next must not be in a file that a power cut takes back.
        self.sync_directory()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::ledger::modified;

    /// Where the ledger stands in a slot.
    const NAME: &str = "removed.jsonl";

    fn entry(root: &Path, file: &str, lines: u64) -> Entry {
        let found = fs::symlink_metadata(root.join(file)).ok();
        let (inode, bytes) = found.as_ref().map_or((0, 10), |found| (found.ino(), found.len()));
        let modified = found.as_ref().map(modified).unwrap_or_default();
        let (ts, rule) = ("2025-10-21T00:00:04Z".to_owned(), "age".to_owned());
        Entry { ts, file: file.to_owned(), rule, lines, bytes, inode, modified }
    }

    #[test]
    fn a_removal_that_was_entered_is_carried_out_and_counted_once() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        fs::write(root.path().join("events-2025-10-06.jsonl"), "{\"n\":10}\n\n").unwrap();
        ledger.add(&entry(root.path(), "events-2025-10-06.jsonl", 1)).unwrap();
        for _ in 0..2 {
            assert!(ledger.complete(root.path()).unwrap().is_empty());
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
        // The same inode, as a file system may give it out again, and the same size.
        fs::write(&path, "[]\n").unwrap();
        assert!(ledger.complete(root.path()).unwrap().is_empty());
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
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
