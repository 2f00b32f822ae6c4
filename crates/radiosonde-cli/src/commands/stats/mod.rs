//! `radiosonde stats`: what is in the directories, of which signal and when, and what of it is missing.

mod count;
mod print;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use radiosonde_store::names::{Form, Signal, StoredFile};
use radiosonde_store::query::{EachFile, FileOutcome, Query, Reading};
use radiosonde_store::sealed::{self, Outline};
use radiosonde_store::stored::StoredReader;

use self::count::Counted;
use crate::args::{Select, StatsArgs};
use crate::commands::removed_in_all;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, USAGE, again, some, tell};
use crate::render::Screen;
use crate::render::text::many;
use crate::select::check_range;
use crate::{narrowed, nothing};

pub(crate) fn run(args: &StatsArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    check_range(args.time)?;
    let dirs = Select { dir: args.dir.clone(), ..Select::default() }.places()?;
    let mut stats = Stats::default();
    stats.read(&Query::new(dirs.clone()), args);
    stats.removed = removed_in_all(&dirs);
    let any = stats.rows.values().any(|row| row.lines > 0);
    if args.show.is_json() {
        print::json(&stats, out)?;
    } else if any {
        print::text(&stats, Screen::new(&args.show, false), out)?;
    }
    out.flush()?;
    if any && !args.show.is_json() {
        narrowed::say();
    }
    tell(&stats.reading);
    let damaged = stats.counted.damages;
    if damaged > 0 {
        eprintln!(
            "radiosonde: {} of sealed files; `{}` names them",
            many(damaged, "damaged part"),
            again("logs", &dirs)
        );
    }
    let is_read = stats.reading.unreadable.is_empty();
    if !any && is_read && nothing::all_wrong(&dirs) {
        return Ok(USAGE);
    }
    if !any && is_read {
        let span = if args.time.is_narrowed() { " of this time" } else { "" };
        eprintln!("radiosonde: no lines{span} in {}", some(&dirs));
    }
    // Junk is what this command counts; only what could not be read makes its answer a part.
    Ok(match (is_read && damaged == 0, any) {
        (false, _) => PARTIAL,
        (true, true) => FOUND,
        (true, false) => NOTHING,
    })
}

/// What was found, in all directories.
#[derive(Debug, Default)]
struct Stats {
    rows: BTreeMap<(Signal, Date), Row>,
    counted: Counted,
    /// Sealed files of which only the index was read.
    outlined: u64,
    /// Whether somebody wrote to a file while it was read.
    is_growing: bool,
    /// Whether only lines of a span of time were counted.
    is_narrowed: bool,
    removed: radiosonde_events::Removed,
    reading: Reading,
}

/// A day file and its directory.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    file: StoredFile,
    dir: &'a Path,
}

/// One signal of one day.
#[derive(Clone, Debug, Default)]
struct Row {
    plain: u64,
    sealed: u64,
    lines: u64,
    stored: u64,
    raw: u64,
    time: Option<(Timestamp, Timestamp)>,
    slots: std::collections::BTreeSet<(PathBuf, u32)>,
}

impl Stats {
    fn read(&mut self, query: &Query, args: &StatsArgs) {
        self.is_narrowed = args.time.is_narrowed();
        let mut lengths = Vec::new();
        self.reading = query.each_file_once(&mut |found| {
            lengths.push((found.path.to_owned(), length(found.path)));
            self.file(found, args)
        });
        self.is_growing = lengths.iter().any(|(path, before)| length(path) != *before);
    }

    /// Counts a file; otherwise, says how far it was read and why not further.
    fn file(&mut self, found: EachFile<'_>, args: &StatsArgs) -> FileOutcome {
        let foreign = || (0, io::Error::other("no day file: `radiosonde top` takes any"));
        let place = Place { file: found.file.ok_or_else(foreign)?, dir: found.dir };
        let stored = length(found.path);
        let is_outline_enough = !args.full && !self.is_narrowed;
        if place.file.form == Form::Sealed && is_outline_enough {
            let outline = sealed::outline(found.path).map_err(|error| (0, error))?;
            if let Some(outline) = outline {
                self.outline(&outline, place, stored);
                return Ok(());
            }
        }
        let opened = StoredReader::open(found.path, place.file.form);
        let opened = opened.map_err(|error| (0, error))?;
        let (of_file, result) = self.counted.file(opened, place.file.day.signal, args.time);
        let row = self.row(place, stored);
        row.lines += of_file.lines;
        row.raw += of_file.raw;
        row.time = around(row.time, of_file.time);
        result
    }

    /// Counts what the index of a sealed file says.
    fn outline(&mut self, outline: &Outline, place: Place<'_>, stored: u64) {
        self.outlined += 1;
        self.counted.junk += outline.skipped;
        let row = self.row(place, stored);
        row.lines += outline.lines;
        row.raw += outline.bytes_raw;
        row.time = around(row.time, outline.time);
        for frame in &outline.frames {
            if let Some((from, to)) = frame.time {
                self.counted.frame(from, to, frame.lines);
            }
        }
    }

    fn row(&mut self, Place { file, dir }: Place<'_>, stored: u64) -> &mut Row {
        let row = self.rows.entry((file.day.signal, file.day.date)).or_default();
        row.stored += stored;
        match file.form {
            Form::Plain => row.plain += 1,
            _ => row.sealed += 1,
        }
        if row.slots.len() < SLOTS_MAX {
            let _ = row.slots.insert((dir.to_owned(), file.day.slot));
        }
        row
    }

    /// Whether every line of the directories was seen, so that what is missing is known.
    const fn is_whole(&self) -> bool {
        self.outlined == 0 && !self.is_narrowed && self.reading.unreadable.is_empty()
    }
}

fn length(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |found| found.len())
}

/// The span around two.
fn around(
    one: Option<(Timestamp, Timestamp)>,
    other: Option<(Timestamp, Timestamp)>,
) -> Option<(Timestamp, Timestamp)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

/// Writers that are told apart in one row.
const SLOTS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::fs;

    use radiosonde_store::sealed::{SealOptions, seal};

    use super::*;
    use crate::args::{Show, Time};

    #[test]
    fn a_file_that_is_sealed_while_others_are_counted_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for seq in 1..=2 {
            let line = format!(r#"{{"ts":"2025-10-06T13:43:10Z","id":"aaaaaaaa.1.{seq}"}}"#);
            fs::write(path(&format!("events-2025-10-06.{seq}.jsonl")), line + "\n").unwrap();
        }
        let (plain, target) = ("events-2025-10-06.2.jsonl", "events-2025-10-06.2.jsonl.zst");
        let show = Show::default();
        let args = StatsArgs { dir: vec![], full: true, time: Time::default(), show };
        let mut stats = Stats::default();
        let reading = Query::new(vec![dir.path().to_owned()]).each_file_once(&mut |found| {
            if path(plain).exists() {
                let options = SealOptions::default();
                let _sealed = seal(&path(plain), &path(target), &options, &mut || true).unwrap();
                fs::remove_file(path(plain)).unwrap();
            }
            stats.file(found, &args)
        });
        assert!(reading.unreadable.is_empty(), "{reading:?}");
        let row = stats.rows.values().next().unwrap();
        // One that was not there is no file.
        assert_eq!((stats.rows.len(), row.lines, row.plain, row.sealed), (1, 2, 1, 1));
        assert_eq!(stats.counted.sequences.rings()[0].missing, 0);
    }
}
