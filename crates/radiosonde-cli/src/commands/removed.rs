//! `radiosonde removed`: what retention has removed, when, by which rule.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use radiosonde_events::{DamagedRow, LedgersRead, Removal, RemovalEntry, Removed, removals};
use radiosonde_runtime::doctor::shown::size;
use serde_json::json;

use crate::args::RemovedArgs;
use crate::nothing;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, USAGE, show, some};
use crate::output::Objects;
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::table::table;
use crate::render::text::{many, shown};
use crate::render::time::{clock, day};
use crate::select::{check_range, directories};
use crate::zone;

pub(crate) fn run(args: &RemovedArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    check_range(args.time)?;
    let dirs = directories(&args.dir)?;
    let paint = Screen::new(&args.show, true).paint;
    let (mut found, mut partial, mut undated) = (false, false, 0_u64);
    let mut objects = Objects::new(&args.show, &COLUMNS);
    for dir in &dirs {
        let of_dir = OfDir::read(dir, args);
        if !of_dir.sums.is_empty() {
            if args.show.is_for_programs() {
                of_dir.print_objects(dir, &mut objects, out)?;
            } else {
                let blank = if found { "\n" } else { "" };
                if dirs.len() > 1 {
                    writeln!(out, "{blank}{}", paint.with(color::NAME, &show(dir)))?;
                }
                of_dir.print(paint, out)?;
            }
            found = true;
        }
        undated = undated.saturating_add(of_dir.undated);
        // What was found stands before what was wrong where both go to one terminal.
        out.flush()?;
        partial |= of_dir.tell(dir);
    }
    if args.show.is_for_programs() {
        objects.finish(out)?;
    }
    if undated > 0 {
        let files = many(undated, "file");
        eprintln!("radiosonde: {files} in sums left out: when they were removed is not known");
    }
    if !found && !partial && nothing::all_wrong(&dirs) {
        return Ok(USAGE);
    }
    if !found && !partial {
        let span = if args.time.is_narrowed() { " in this span of time" } else { "" };
        eprintln!("radiosonde: nothing was removed by retention from {}{span}", some(&dirs));
    }
    Ok(match (partial, found) {
        (true, _) => PARTIAL,
        (false, true) => FOUND,
        (false, false) => NOTHING,
    })
}

/// Sums of what was removed, by rule.
pub(crate) fn sums(dirs: &[impl AsRef<Path>]) -> Removed {
    let mut all = Removed::default();
    for dir in dirs {
        // What is wrong with a ledger is said by the command that is named.
        let _ = removals(dir.as_ref(), &mut |row| match row {
            Removal::File(file) => all += of_file(&file),
            Removal::Sum { rules, .. } => rules.into_values().for_each(|removed| all += removed),
            _ => {}
        });
    }
    all
}

/// What the ledgers of one directory say.
#[derive(Default)]
struct OfDir {
    /// The newest, by time; those of one moment by slot, and in the order of writing.
    files: BTreeMap<(Timestamp, u32, u64), RemovalEntry>,
    /// How many older ones there were.
    older: u64,
    /// Sums of shortened ledgers, by rule.
    shortened: BTreeMap<String, Removed>,
    /// Files in such sums, where a span of time was asked for.
    undated: u64,
    /// Sums of everything, by rule.
    sums: BTreeMap<String, Removed>,
    read: LedgersRead,
}

impl OfDir {
    fn read(dir: &Path, args: &RemovedArgs) -> Self {
        let mut all = Self::default();
        let mut number = 0;
        all.read = removals(dir, &mut |row| match row {
            Removal::File(file) if !args.time.contains(file.at) => {}
            Removal::File(file) => {
                number += 1;
                add(&mut all.sums, &file.rule, of_file(&file));
                let _ = all.files.insert((file.at, file.slot, number), file);
                if all.files.len() > FILES_MAX {
                    let _ = all.files.pop_first();
                    all.older += 1;
                }
            }
            Removal::Sum { rules, .. } => {
                for (rule, removed) in rules {
                    if args.time.is_narrowed() {
                        all.undated = all.undated.saturating_add(removed.files);
                    } else {
                        add(&mut all.sums, &rule, removed);
                        add(&mut all.shortened, &rule, removed);
                    }
                }
            }
            // Of a later version.
            _ => {}
        });
        all
    }

    fn print(&self, paint: Paint, out: &mut dyn Write) -> Result<(), Stop> {
        let at = format!("removed ({})", zone::name(Timestamp::now()));
        let heading = [at.as_str(), "file", "rule", "lines", "bytes", ""];
        let mut rows = vec![heading.map(|word| paint.dim(word))];
        for (rule, removed) in &self.shortened {
            let what = format!("sum of {}", many(removed.files, "file"));
            rows.push(row("earlier".to_owned(), what, rule, *removed, ""));
        }
        for file in self.files.values() {
            // Ledgers have whole seconds.
            let at = format!("{} {}", day(file.at), &clock(file.at)[.."hh:mm:ss".len()]);
            let remark = if file.pending { "still there: removed next" } else { "" };
            rows.push(row(at, shown(&file.file), &file.rule, of_file(file), remark));
        }
        table(&rows, &[3, 4], out)?;

        writeln!(out, "\n{}", paint.with(color::NAME, "removed, summed"))?;
        let mut rows: Vec<_> =
            self.sums.iter().map(|(rule, removed)| sum(rule, *removed)).collect();
        if rows.len() > 1 {
            let mut all = Removed::default();
            self.sums.values().for_each(|removed| all += *removed);
            rows.push(sum("all", all));
        }
        table(&rows, &[2, 3, 4], out)
    }

    /// One object for each file, and one for each rule of a sum, which has no `ts` and no `file`.
    fn print_objects(
        &self,
        dir: &Path,
        objects: &mut Objects,
        out: &mut dyn Write,
    ) -> Result<(), Stop> {
        let dir = dir.to_string_lossy();
        for (rule, removed) in &self.shortened {
            let Removed { files, lines, bytes } = removed;
            let object = json!({
                "dir": dir, "rule": rule, "files": files, "lines": lines, "bytes": bytes,
            });
            objects.print(&object, out)?;
        }
        for file in self.files.values() {
            let RemovalEntry { at, file: name, rule, slot, lines, bytes, pending, .. } = file;
            let object = json!({
                "ts": at.to_string(), "dir": dir, "slot": slot, "file": name, "rule": rule,
                "files": 1, "lines": lines, "bytes": bytes, "pending": pending,
            });
            objects.print(&object, out)?;
        }
        Ok(())
    }

    /// Says what is not listed, and names what could not be read; whether there was any of that.
    fn tell(&self, dir: &Path) -> bool {
        if self.older > 0 {
            eprintln!(
                "radiosonde: {}: {} not listed, only summed: --until goes further back",
                show(dir),
                many(self.older, "older file"),
            );
        }
        let mut damaged: BTreeMap<&Path, (&DamagedRow, u64)> = BTreeMap::new();
        for row in &self.read.damaged {
            damaged.entry(&row.ledger).or_insert((row, 0)).1 += 1;
        }
        for (ledger, (DamagedRow { row, reason, .. }, count)) in damaged {
            let more = match count - 1 {
                0 => String::new(),
                more => format!(", and {more} more in this file"),
            };
            let ledger = show(ledger);
            eprintln!("radiosonde: {ledger}: row {row}: not counted: {}{more}", shown(reason));
        }
        if self.read.damaged_rows > self.read.damaged.len() as u64 {
            let rows = self.read.damaged_rows;
            eprintln!("radiosonde: {}: {rows} rows not counted in all", show(dir));
        }
        for (ledger, error) in &self.read.unreadable {
            eprintln!("radiosonde: {}: not read in full: {error}", show(ledger));
        }
        self.read.damaged_rows > 0 || !self.read.unreadable.is_empty()
    }
}

const fn of_file(file: &RemovalEntry) -> Removed {
    Removed { files: 1, lines: file.lines, bytes: file.bytes }
}

/// Adds to the sum of a rule. There are three; a ledger may say anything.
fn add(sums: &mut BTreeMap<String, Removed>, rule: &str, removed: Removed) {
    let is_known = sums.contains_key(rule) || sums.len() < RULES_MAX;
    let rule = if is_known { rule } else { "(further rules)" };
    *sums.entry(rule.to_owned()).or_default() += removed;
}

fn row(at: String, file: String, rule: &str, removed: Removed, remark: &str) -> [String; 6] {
    let (lines, bytes) = (removed.lines.to_string(), size(removed.bytes));
    [at, file, shown(rule), lines, bytes, remark.to_owned()]
}

fn sum(rule: &str, removed: Removed) -> [String; 5] {
    let (files, lines) = (many(removed.files, "file"), many(removed.lines, "line"));
    [String::new(), shown(rule), files, lines, size(removed.bytes)]
}

/// Files listed, the newest; ledgers of many slots may hold any number.
const FILES_MAX: usize = 50_000;
const RULES_MAX: usize = 20;
/// Of `--output csv`.
const COLUMNS: [&str; 9] =
    ["ts", "dir", "slot", "file", "rule", "files", "lines", "bytes", "pending"];
