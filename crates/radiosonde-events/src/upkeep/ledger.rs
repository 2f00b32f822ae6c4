//! Writing a slot's [`Ledger`], and completing what stands in it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::RemovedFile;
use super::plan::Rule;
use crate::ledger::{Entry, FLAGS, Ledger, Removed, Row, only_a_file};

/// Bytes kept for entries to come: some twenty.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ROOM: u64 = 4096;
/// Of a ledger past this the older half is summed up.
const BYTES_MAX: u64 = 1024 * 1024;

/// What was completed of what was entered.
#[derive(Debug, Default)]
pub(super) struct Completed {
    pub(super) removed: Vec<RemovedFile>,
    /// What could not be removed, and why.
    pub(super) stuck: Vec<(String, io::Error)>,
}

impl Ledger {
    /// Has room kept for the next entries: what is removed because the disk is full must find some.
    pub(super) fn keep_room(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::fs::FallocateFlags;
            // Best effort: without it an entry is refused on a full disk, and nothing removed for it.
            let Ok(file) = self.open() else { return };
            let length = file.metadata().map_or(0, |found| found.len());
            let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, length, ROOM);
        }
    }

    fn open(&self) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true).mode(0o600);
        options.custom_flags(FLAGS.bits().cast_signed()).open(self.path()).and_then(only_a_file)
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
        // A file that was just created is in no directory yet, after a power cut.
        let directory = || if length == 0 { self.sync_directory() } else { Ok(()) };
        let written =
            file.write_all(&row).and_then(|()| file.sync_data()).and_then(|()| directory());
        if let Err(error) = written {
            // Half a row on a full disk, or one that may be gone tomorrow: nothing is removed for it.
            let _ = file.set_len(length);
            return Err(error);
        }
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.path().parent().map_or(Ok(()), |slot| fs::File::open(slot)?.sync_all())
    }

    /// Carries out what was entered and is not done.
    pub(super) fn complete(&self, root: &Path) -> io::Result<Completed> {
        let mut completed = Completed::default();
        for Entry { file, rule, lines, bytes, .. } in self.pending(root)? {
            match fs::remove_file(root.join(&file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    completed.stuck.push((file, error));
                }
                _ => completed.removed.extend(Rule::parse(&rule).map(|rule| {
                    let removed = Removed { files: 1, lines, bytes };
                    RemovedFile { name: file, rule, removed }
                })),
            }
        }
        Ok(completed)
    }

    /// Sums by rule.
    pub(crate) fn sums(&self) -> io::Result<BTreeMap<String, Removed>> {
        Ok(sum(self.rows()?))
    }

    /// Replaces the older half of a long ledger by its sums.
    pub(super) fn shorten(&self, root: &Path) -> io::Result<()> {
        if fs::symlink_metadata(self.path()).map_or(0, |found| found.len()) <= BYTES_MAX {
            return Ok(());
        }
        let mut older = self.rows()?;
        let newer = older.split_off(older.len() / 2);
        // What is still to be carried out stays an entry.
        let is_pending = |row: &Row| matches!(row, Row::One(entry) if entry.is_there(root));
        let (pending, older): (Vec<Row>, Vec<Row>) = older.into_iter().partition(is_pending);
        let sum = Row::Sum { sum: sum(older) };
        let mut text = Vec::new();
        for row in [sum].iter().chain(&pending).chain(&newer) {
            serde_json::to_writer(&mut text, row)?;
            text.push(b'\n');
        }
        let shorter = self.path().with_extension("jsonl.tmp");
        let _ = fs::remove_file(&shorter);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&shorter)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&shorter, self.path())?;
        // What is entered next must not be in a file that a power cut takes back.
        self.sync_directory()
    }
}

fn sum(rows: Vec<Row>) -> BTreeMap<String, Removed> {
    let mut sums: BTreeMap<String, Removed> = BTreeMap::new();
    for row in rows {
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
    sums
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
    use super::*;

    /// Where the ledger stands in a slot.
    const NAME: &str = "removed.jsonl";

    fn entry(root: &Path, file: &str, lines: u64) -> Entry {
        let found = fs::symlink_metadata(root.join(file)).unwrap();
        let removed = Removed { files: 1, lines, bytes: found.len() };
        Entry::new("2025-10-21T00:00:04Z".to_owned(), file, "age", removed, &found)
    }

    #[test]
    fn a_removal_that_was_entered_is_carried_out_and_counted_once() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        fs::write(root.path().join("events-2025-10-06.jsonl"), "{\"n\":10}\n\n").unwrap();
        ledger.add(&entry(root.path(), "events-2025-10-06.jsonl", 1)).unwrap();
        for _ in 0..2 {
            assert!(ledger.complete(root.path()).unwrap().stuck.is_empty());
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
        let completed = ledger.complete(root.path()).unwrap();
        assert!(completed.removed.is_empty() && completed.stuck.is_empty(), "{completed:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
    }

    #[test]
    fn half_an_entry_is_none_and_the_next_one_stands_on_its_own() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        fs::write(root.path().join(NAME), "{\"ts\":\"2025").unwrap();
        fs::write(root.path().join("a"), "").unwrap();
        ledger.add(&entry(root.path(), "a", 7)).unwrap();
        assert_eq!(ledger.sums().unwrap()["age"].lines, 7);
    }

    #[test]
    fn of_a_long_ledger_the_newer_half_and_what_is_pending_stay_entries() {
        let root = tempfile::tempdir().unwrap();
        let ledger = Ledger::of_slot(root.path());
        let pending = "events-2025-10-06.jsonl";
        fs::write(root.path().join(pending), "{}\n").unwrap();
        ledger.add(&entry(root.path(), pending, 1)).unwrap();
        fs::write(root.path().join("gone"), "").unwrap();
        let gone = serde_json::to_string(&entry(root.path(), "gone", 7)).unwrap() + "\n";
        let times = BYTES_MAX as usize / gone.len() + 1;
        let mut file = OpenOptions::new().append(true).open(root.path().join(NAME)).unwrap();
        file.write_all(gone.repeat(times).as_bytes()).unwrap();
        let before = ledger.sums().unwrap();
        assert_eq!(before["age"].lines, 1 + 7 * times as u64);
        ledger.shorten(root.path()).unwrap();
        let length = fs::metadata(root.path().join(NAME)).unwrap().len();
        assert!((BYTES_MAX / 3..BYTES_MAX * 2 / 3).contains(&length), "{length}");
        assert_eq!(ledger.sums().unwrap(), before);
        let completed = ledger.complete(root.path()).unwrap();
        assert_eq!(completed.removed.len(), 1, "{completed:?}");
    }
}
