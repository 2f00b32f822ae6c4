//! What rules have removed from a directory, row by row, for whoever asks: the ledgers of all its
//! slots are read without a lock, and changed by nobody here.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use radiosonde_record::Slot;
use radiosonde_store::reader::{Chunk, Reader};
use serde::Deserialize;

use crate::ledger::{Entry, LEDGER_MAX, Ledger, Removed};

/// One row of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removal {
    /// One file.
    File(RemovalEntry),
    /// What stood in the older half of a ledger that was too long, by rule. Neither its files nor its
    /// times are known any more.
    Sum {
        /// The slot of the ledger.
        slot: u32,
        /// What was removed, by the name of the rule.
        rules: BTreeMap<String, Removed>,
    },
}

/// A file that was removed. Texts are as they stand in the ledger: they may hold anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovalEntry {
    /// The slot of the ledger, which is that of the file.
    pub slot: u32,
    /// When it was removed.
    pub at: Timestamp,
    /// Its name.
    pub file: String,
    /// The name of the rule.
    pub rule: String,
    /// Lines in it.
    pub lines: u64,
    /// Its bytes, as they were on disk.
    pub bytes: u64,
    /// Whether it is still there: whoever entered the removal was killed, and the next process goes
    /// on with it.
    pub pending: bool,
}

/// How reading the ledgers of a directory went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LedgersRead {
    /// Rows that are none, the first hundred.
    pub damaged: Vec<DamagedRow>,
    /// How many rows are none, in all.
    pub damaged_rows: u64,
    /// Ledgers that could not be read, or not to their end.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// A row of a ledger that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedRow {
    /// The ledger.
    pub ledger: PathBuf,
    /// Which row, from 1.
    pub row: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// As much of a row as is told, so that one of another version is told as well.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    One { ts: String, file: String, rule: String, lines: u64, bytes: u64 },
    Sum { sum: BTreeMap<String, Removed> },
}

/// Hands every row of the ledgers of a telemetry directory to `each`, slot by slot, in the order of
/// writing. Holds one row at a time. Half a row at the end is passed over: it is being written, or a
/// power cut took the rest before anything was removed for it.
pub fn removals(root: &Path, each: &mut dyn FnMut(Removal)) -> LedgersRead {
    let mut read = LedgersRead::default();
    for slot in Slot::existing(root) {
        let ledger = Ledger::of_slot(&root.join("inst").join(slot.to_string()));
        match read_one(root, slot, ledger.path(), &mut read, each) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                read.unreadable.push((ledger.path().to_owned(), error));
            }
            _ => {}
        }
    }
    read
}

fn read_one(
    root: &Path,
    slot: u32,
    path: &Path,
    read: &mut LedgersRead,
    each: &mut dyn FnMut(Removal),
) -> io::Result<()> {
    let mut reader = Reader::open(path)?;
    let mut number = 0;
    while let Some(chunk) = reader.next_chunk()? {
        let (offset, bytes, whole) = match chunk {
            Chunk::Lines { offset, bytes } => (offset, bytes, true),
            Chunk::HalfLine { offset, bytes } => (offset, bytes, false),
            Chunk::Overlong { offset } => (offset, [0].as_slice(), true),
            // Of sealed files only.
            _ => continue,
        };
        if offset > LEDGER_MAX {
            let what = format!("longer than {LEDGER_MAX} bytes: not read on from there");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        for row in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            match parse(root, slot, row.strip_suffix(b"\n").unwrap_or(row)) {
                Ok(Some(removal)) => each(removal),
                Ok(None) => {}
                Err(_) if !whole => {}
                Err(reason) => {
                    read.damaged_rows += 1;
                    if read.damaged.len() < DAMAGED_KEPT_MAX {
                        let (ledger, row) = (path.to_owned(), number);
                        read.damaged.push(DamagedRow { ledger, row, reason });
                    }
                }
            }
        }
    }
    Ok(())
}

/// `None` for an empty row, which stands for nothing.
fn parse(root: &Path, slot: u32, row: &[u8]) -> Result<Option<Removal>, String> {
    if row.is_empty() {
        return Ok(None);
    }
    if row.len() > ROW_BYTES_MAX {
        return Err(format!("longer than {ROW_BYTES_MAX} bytes"));
    }
    let (ts, file, rule, lines, bytes) = match serde_json::from_slice(row) {
        Ok(Row::One { ts, file, rule, lines, bytes }) => (ts, file, rule, lines, bytes),
        Ok(Row::Sum { sum }) => return Ok(Some(Removal::Sum { slot, rules: sum })),
        Err(_) => return Err(NO_ENTRY.to_owned()),
    };
    let Ok(at) = ts.parse() else { return Err("its time is none".to_owned()) };
    let pending = serde_json::from_slice(row).is_ok_and(|entry: Entry| entry.is_there(root));
    Ok(Some(Removal::File(RemovalEntry { slot, at, file, rule, lines, bytes, pending })))
}

const NO_ENTRY: &str = "is no entry (half of one, after a power cut, removed nothing)";
/// Ours have some 250 bytes, and a name of a file at most 255.
const ROW_BYTES_MAX: usize = 4 << 10;
const DAMAGED_KEPT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ENTRY: &str = r#"{"ts":"2025-10-21T00:00:04Z","file":"events-2025-10-06.jsonl.zst","rule":"age","lines":7,"bytes":100,"inode":131,"changed":"2025-10-07T00:01:03Z"}"#;

    fn read(ledger: impl AsRef<[u8]>) -> (Vec<Removal>, LedgersRead) {
        let root = tempfile::tempdir().unwrap();
        let slot = root.path().join("inst/3");
        fs::create_dir_all(&slot).unwrap();
        fs::create_dir_all(root.path().join("inst/4")).unwrap();
        fs::write(slot.join("removed.jsonl"), ledger).unwrap();
        let mut rows = Vec::new();
        let read = removals(root.path(), &mut |row| rows.push(row));
        (rows, read)
    }

    #[test]
    fn entries_and_sums_are_told_and_what_is_neither_is_named() {
        let sum = r#"{"sum":{"bytes":{"files":2,"lines":5,"bytes":9}}}"#;
        let bad_time = ENTRY.replace("2025-10-21T", "some day ");
        let overlong = ENTRY.replace("\"age\"", &format!("\"{}\"", "x".repeat(ROW_BYTES_MAX)));
        let text =
            format!("{sum}\n\n{ENTRY}\n{{\"ts\":\n\u{1b}[2J\n{bad_time}\n{overlong}\n{ENTRY}");
        let (rows, read) = read(text);
        let rules = BTreeMap::from([("bytes".into(), Removed { files: 2, lines: 5, bytes: 9 })]);
        let file = Removal::File(RemovalEntry {
            slot: 3,
            at: "2025-10-21T00:00:04Z".parse().unwrap(),
            file: "events-2025-10-06.jsonl.zst".into(),
            rule: "age".into(),
            lines: 7,
            bytes: 100,
            pending: false,
        });
        assert_eq!(rows, [Removal::Sum { slot: 3, rules }, file.clone(), file]);
        assert_eq!((read.damaged_rows, read.unreadable.len()), (4, 0));
        let named: Vec<u64> = read.damaged.iter().map(|damaged| damaged.row).collect();
        assert_eq!(named, [4, 5, 6, 7]);
    }

    #[test]
    fn an_entry_of_another_version_is_told() {
        let other = ENTRY.replace("\"inode\":131,\"changed\"", "\"more\":[1],\"else\"");
        let (rows, read) = read(other);
        assert_eq!((rows, read.damaged_rows), (self::read(ENTRY).0, 0));
    }

    #[test]
    fn half_a_row_at_the_end_stands_for_nothing() {
        let (rows, read) = read(format!("{ENTRY}\n{}", &ENTRY[..60]));
        assert_eq!((rows.len(), read.damaged_rows), (1, 0));
    }

    #[test]
    fn an_endless_ledger_is_read_in_part_and_told() {
        let rubbish = b"x\n".repeat(3 * 1024 * 1024);
        let (rows, read) = read(rubbish);
        assert_eq!((rows.len(), read.damaged.len(), read.unreadable.len()), (0, 100, 1));
        assert!(read.damaged_rows > 1_000_000);
    }

    #[test]
    fn a_link_in_place_of_a_ledger_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let slot = root.path().join("inst/0");
        fs::create_dir_all(&slot).unwrap();
        fs::write(root.path().join("elsewhere"), ENTRY).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), slot.join("removed.jsonl"))
            .unwrap();
        let read = removals(root.path(), &mut |row| panic!("{row:?}"));
        assert_eq!(read.unreadable.len(), 1);
    }

    #[test]
    fn a_removal_that_is_not_carried_out_yet_says_so() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let slot = root.path().join("inst/0");
        fs::create_dir_all(&slot).unwrap();
        let file = root.path().join("events-2025-10-06.jsonl");
        fs::write(&file, "{}\n").unwrap();
        let found = fs::metadata(&file).unwrap();
        let nanosecond = i32::try_from(found.ctime_nsec()).unwrap();
        let changed = Timestamp::new(found.ctime(), nanosecond).unwrap();
        let inode = found.ino();
        let row = format!(
            r#"{{"ts":"2025-10-21T00:00:04Z","file":"events-2025-10-06.jsonl","rule":"age","lines":1,"bytes":3,"inode":{inode},"changed":"{changed}"}}"#
        );
        fs::write(slot.join("removed.jsonl"), row + "\n").unwrap();
        let pending = || {
            let mut pending = Vec::new();
            let _ = removals(root.path(), &mut |row| match row {
                Removal::File(file) => pending.push(file.pending),
                Removal::Sum { .. } => panic!("{row:?}"),
            });
            pending
        };
        assert_eq!(pending(), [true]);
        fs::remove_file(&file).unwrap();
        assert_eq!(pending(), [false]);
    }
}
