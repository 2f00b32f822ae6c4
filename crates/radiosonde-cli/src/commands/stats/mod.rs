//! `radiosonde stats`: what is in the directories, of which signal and when, and what of it is missing.

mod count;
mod print;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use radiosonde_store::names::{Form, Signal, StoredFile};
use radiosonde_store::sealed;

use self::count::Counted;
use crate::args::{Select, StatsArgs};
use crate::commands::removed_in_all;
use crate::nothing;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, USAGE, again, show, some};
use crate::render::Screen;
use crate::render::text::many;
use crate::select::check_range;

pub(crate) fn run(args: &StatsArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    check_range(args.since, args.until)?;
    let dirs = Select { dir: args.dir.clone(), ..Select::default() }.places()?;
    let mut stats = Stats::default();
    for dir in &dirs {
        match list(dir) {
            Ok(files) => stats.read(&files, args),
            Err(error) => stats.unreadable.push(format!("{}: not read: {error}", show(dir))),
        }
    }
    stats.removed = removed_in_all(&dirs);
    let any = stats.rows.values().any(|row| row.lines > 0);
    if args.show.is_json() {
        print::json(&stats, out)?;
    } else if any {
        print::text(&stats, Screen::new(&args.show, false), out)?;
    }
    out.flush()?;
    for reason in &stats.unreadable {
        eprintln!("radiosonde: {reason}");
    }
    let damaged = stats.counted.damages;
    if damaged > 0 {
        eprintln!(
            "radiosonde: {} of sealed files; `{}` names them",
            many(damaged, "damaged part"),
            again("logs", &dirs)
        );
    }
    if !any && stats.unreadable.is_empty() && nothing::all_wrong(&dirs) {
        return Ok(USAGE);
    }
    if !any && stats.unreadable.is_empty() {
        let span = if args.since.or(args.until).is_some() { " of this time" } else { "" };
        eprintln!("radiosonde: no lines{span} in {}", some(&dirs));
    }
    // Junk is what this command counts; only what could not be read makes its answer a part.
    Ok(match (stats.unreadable.is_empty() && damaged == 0, any) {
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
    unreadable: Vec<String>,
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
    fn read(&mut self, files: &[(PathBuf, StoredFile)], args: &StatsArgs) {
        self.is_narrowed = args.since.or(args.until).is_some();
        let all = args.full || self.is_narrowed;
        let lengths: Vec<u64> = files.iter().map(|(dir, file)| length(dir, *file)).collect();
        for ((dir, file), stored) in files.iter().zip(&lengths) {
            let path = dir.join(file.file_name());
            let done = match file.form {
                Form::Sealed if !all => self.outline(&path, dir, *file, *stored),
                _ => Ok(false),
            };
            let done = match done {
                Ok(false) => self.count(&path, dir, *file, *stored, args),
                other => other,
            };
            match done {
                Ok(_) => {}
                // Retention removed it meanwhile, or it was sealed: the next look finds that.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.unreadable.push(format!("{}: not read in full: {error}", show(&path)));
                }
            }
        }
        self.is_growing |=
            files.iter().zip(lengths).any(|((dir, file), before)| length(dir, *file) != before);
    }

    /// What the index of a sealed file says; false where it has none.
    fn outline(
        &mut self,
        path: &Path,
        dir: &Path,
        file: StoredFile,
        stored: u64,
    ) -> io::Result<bool> {
        let Some(outline) = sealed::outline(path)? else { return Ok(false) };
        self.outlined += 1;
        let row = self.row(dir, file, stored);
        row.lines += outline.lines;
        row.raw += outline.bytes_raw;
        row.time = around(row.time, outline.time);
        for frame in &outline.frames {
            if let Some((from, to)) = frame.time {
                self.counted.frame(from, to, frame.lines);
            }
        }
        Ok(true)
    }

    fn count(
        &mut self,
        path: &Path,
        dir: &Path,
        file: StoredFile,
        stored: u64,
        args: &StatsArgs,
    ) -> io::Result<bool> {
        let span = (args.since, args.until);
        let counted = self.counted.file(path, file.form, span);
        let row = self.row(dir, file, stored);
        let (of_file, result) = counted;
        row.lines += of_file.lines;
        row.raw += of_file.raw;
        row.time = around(row.time, of_file.time);
        result.map(|()| true)
    }

    fn row(&mut self, dir: &Path, file: StoredFile, stored: u64) -> &mut Row {
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
        self.outlined == 0 && !self.is_narrowed && self.unreadable.is_empty()
    }
}

/// The files of a directory, or the one that a path means. Where a day file stands beside its compressed
/// form, that form is left out: its lines are the same.
fn list(dir: &Path) -> io::Result<Vec<(PathBuf, StoredFile)>> {
    if !dir.is_dir() {
        let name = dir.file_name().and_then(|name| name.to_str()).and_then(StoredFile::parse);
        let parent = dir.parent().unwrap_or(Path::new("")).to_owned();
        let foreign = || io::Error::other("no day file: `radiosonde top` takes any");
        return name.map(|name| vec![(parent, name)]).ok_or_else(foreign);
    }
    let files = StoredFile::list(dir)?;
    let has = |file: &StoredFile, form| files.contains(&StoredFile::new(file.day, form));
    let is_beside = |file: &StoredFile| match file.form {
        Form::Plain => false,
        Form::Sealed => has(file, Form::Plain),
        _ => has(file, Form::Plain) || has(file, Form::Sealed),
    };
    Ok(files.iter().filter(|file| !is_beside(file)).map(|file| (dir.to_owned(), *file)).collect())
}

fn length(dir: &Path, file: StoredFile) -> u64 {
    let found = dir.join(file.file_name()).symlink_metadata();
    found.map_or(0, |found| found.len())
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
