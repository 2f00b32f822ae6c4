//! Keeping house in a telemetry directory: closed day files are sealed, old ones removed.
//!
//! Whoever holds a slot keeps its files: a process those of its own slot, and those of slots whose
//! owners are dead and have left nothing to recover. Files of a living process are left to it. A
//! file that is written to is neither sealed nor removed ([`Live`] tells, for the own slot).
//!
//! Each step can be killed and repeated. A file is sealed under another name, verified, given its
//! name, and only then is its source removed; when both are there, a kill fell in between, and the
//! source is compared and removed. A removal by a rule is entered in the slot's ledger first.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use radiosonde_record::Slot;
use radiosonde_store::names::{DayFile, Form, Signal, StoredFile};
use radiosonde_store::sealed::{self, SealOptions};

use crate::filing::{Claim, Live};
use crate::ledger::{self as entries, Ledger, Removed};
use crate::time;
pub use ledger::removed;
pub use plan::{Retention, Rule};

mod ledger;
mod plan;

/// How long a closed file rests before it is sealed, unless somebody says otherwise.
pub const SEAL_AFTER: Duration = Duration::from_secs(60);

/// Keeps house in one directory. See the module documentation.
#[derive(Debug)]
pub struct Upkeep {
    root: PathBuf,
    own: Option<Slot>,
    live: Live,
    retention: Retention,
    seal_after: Option<Duration>,
}

/// Where a run is, when it asks whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A stretch of a file was compressed, or read.
    Stretch,
    /// A sealed file is complete, its source still there.
    Sealed,
    /// A removal is entered, the file still there.
    Entered,
}

/// What a run did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Upkept {
    /// Files that were sealed.
    pub sealed: Vec<SealedFile>,
    /// Files that were removed, by which rule, and what was in them.
    pub removed: Vec<(String, Rule, Removed)>,
    /// What could not be done; it is tried again by the next run.
    pub failed: Vec<(PathBuf, io::Error)>,
    /// The run was ended before it was through.
    pub stopped: bool,
}

/// One file that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealedFile {
    /// Its name before.
    pub name: String,
    /// Its bytes before.
    pub raw_bytes: u64,
    /// Its bytes now.
    pub sealed_bytes: u64,
    /// Its lines.
    pub lines: u64,
}

/// The forms of a day file that are there.
#[derive(Clone, Copy, Debug)]
struct Found {
    day: DayFile,
    plain: Option<u64>,
    sealed: Option<u64>,
    /// When the plain one was written to last.
    written: Option<SystemTime>,
}

impl Found {
    /// Whether nobody has written to it for so long. A file of the future is one of a clock that
    /// was set back.
    fn rests(&self, now: SystemTime, grace: Duration) -> bool {
        let Some(written) = self.written else { return true };
        let since = now.duration_since(written).unwrap_or_else(|ahead| ahead.duration());
        since >= grace
    }
}

/// Ends a run: what happened in between stays.
struct Stopped;

impl Upkeep {
    /// Upkeep of a directory, by the process that has this slot, if any, and writes these files.
    pub fn new(root: &Path, own: Option<Slot>, live: &Live, retention: Retention) -> Self {
        Self {
            root: root.to_owned(),
            own,
            live: live.clone(),
            retention,
            seal_after: Some(SEAL_AFTER),
        }
    }

    /// Seals a closed file so long after its last write, [`SEAL_AFTER`] by default: whoever reads
    /// along has come to its end by then. `None` leaves closed files as they are.
    #[must_use]
    pub fn seal_after(self, seal_after: Option<Duration>) -> Self {
        Self { seal_after, ..self }
    }

    /// One run. `go_on` is asked between steps, every few milliseconds; `false` ends the run where
    /// it is. Takes the time of a disk and of a compression: not for the drain.
    pub fn run(&self, now: SystemTime, go_on: &mut dyn FnMut(Step) -> bool) -> Upkept {
        let mut upkept = Upkept::default();
        let held = self.take_slots(&mut upkept);
        upkept.stopped = self.tend(&held, now, go_on, &mut upkept).is_err();
        upkept
    }

    fn tend(
        &self,
        held: &[Slot],
        now: SystemTime,
        go_on: &mut dyn FnMut(Step) -> bool,
        upkept: &mut Upkept,
    ) -> Result<(), Stopped> {
        let _stuck = self.complete(held, upkept);
        // Removing goes first: a full disk has no room for anything else.
        self.remove(held, now, go_on, upkept)?;
        match self.seal_after {
            Some(grace) => self.seal(held, grace, now, go_on, upkept),
            None => Ok(()),
        }
    }

    /// Completes removals that were entered. Those that cannot be are claimed: they are counted
    /// already, and tried again by the next run.
    fn complete(&self, held: &[Slot], upkept: &mut Upkept) -> Vec<Claim> {
        let mut stuck = Vec::new();
        for slot in held {
            let ledger = Ledger::of_slot(slot.path());
            let shortened = ledger.complete(&self.root).and_then(|left| {
                if left.is_empty() {
                    return ledger.shorten();
                }
                for (file, error) in left {
                    stuck.extend(self.live.claim(file.strip_suffix(".zst").unwrap_or(&file)));
                    upkept.failed.push((self.root.join(file), error));
                }
                Ok(())
            });
            if let Err(error) = shortened {
                upkept.failed.push((slot.path().to_owned(), error));
            }
            ledger.keep_room();
        }
        stuck
    }

    /// The slots whose files are ours to keep, locked.
    fn take_slots(&self, upkept: &mut Upkept) -> Vec<Slot> {
        let own = self.own.as_ref().filter(|own| own.is_held());
        let mut held: Vec<Slot> = own.cloned().into_iter().collect();
        for number in Slot::existing(&self.root) {
            if self.own.as_ref().is_some_and(|own| own.number() == number) {
                continue;
            }
            match Slot::try_take(&self.root, number) {
                Ok(Some(slot)) => held.push(slot),
                Ok(None) => {}
                Err(error) => upkept.failed.push((slot_path(&self.root, number), error)),
            }
        }
        // A batch that is to be completed names its file: no file goes while anything is left.
        held.retain(|slot| slot.left_behind().is_ok_and(|left| left.is_empty()));
        held
    }

    fn seal(
        &self,
        held: &[Slot],
        grace: Duration,
        now: SystemTime,
        go_on: &mut dyn FnMut(Step) -> bool,
        upkept: &mut Upkept,
    ) -> Result<(), Stopped> {
        for found in self.list(upkept) {
            let name = found.day.file_name();
            if found.plain.is_none()
                || !found.rests(now, grace)
                || !held.iter().any(|slot| slot.number() == found.day.slot)
            {
                continue;
            }
            let Some(_claim) = self.live.claim(&name) else { continue };
            // The listing is as old as the sealing of everything before this file took. Meanwhile
            // the drain may have begun it, filled it and gone on.
            let found = self.look(found.day);
            if found.plain.is_none() || !found.rests(now, grace) {
                continue;
            }
            match self.seal_one(found, go_on) {
                Ok(Some(sealed)) => upkept.sealed.push(sealed),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(Stopped),
                Err(error) => upkept.failed.push((self.root.join(name), error)),
            }
        }
        Ok(())
    }

    /// What there is of a day file now.
    fn look(&self, day: DayFile) -> Found {
        let find = |form| {
            let path = self.root.join(StoredFile::new(day, form).file_name());
            fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)
        };
        let (plain, sealed) = (find(Form::Plain), find(Form::Sealed));
        Found {
            day,
            plain: plain.as_ref().map(fs::Metadata::len),
            sealed: sealed.as_ref().map(fs::Metadata::len),
            written: plain.and_then(|plain| plain.modified().ok()),
        }
    }

    /// Seals a closed file, or completes what a kill has interrupted.
    fn seal_one(
        &self,
        found: Found,
        go_on: &mut dyn FnMut(Step) -> bool,
    ) -> io::Result<Option<SealedFile>> {
        let name = found.day.file_name();
        let source = self.root.join(&name);
        let target = self.root.join(format!("{name}.zst"));
        if found.plain == Some(0) {
            fs::remove_file(&source)?;
            return Ok(None);
        }
        if found.sealed.is_some() {
            if !self.remove_source(&name)? {
                // Two files that share a name: both stay, and this one is sealed by the next run.
                fs::rename(&source, self.root.join(self.free_name(found.day)))?;
            }
            return Ok(None);
        }
        let seal =
            sealed::seal(&source, &target, &SealOptions::default(), &mut || go_on(Step::Stretch))?;
        if !go_on(Step::Sealed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fs::remove_file(&source)?;
        let (raw_bytes, sealed_bytes, lines) = (seal.raw_bytes, seal.sealed_bytes, seal.lines);
        Ok(Some(SealedFile { name, raw_bytes, sealed_bytes, lines }))
    }

    /// Removes a plain file whose sealed form is there and holds the same, as after a kill between
    /// the two. Whether that was so.
    fn remove_source(&self, name: &str) -> io::Result<bool> {
        let (source, target) = (self.root.join(name), self.root.join(format!("{name}.zst")));
        let both = [&source, &target].map(|path| fs::symlink_metadata(path).is_ok());
        let is_copy =
            both == [true, true] && sealed::is_sealed_copy(&source, &target, &mut || true)?;
        if is_copy {
            fs::remove_file(&source)?;
        }
        Ok(is_copy)
    }

    /// The name of a part nobody has begun.
    fn free_name(&self, day: DayFile) -> String {
        let mut upkept = Upkept::default();
        let others = self.list(&mut upkept);
        let same =
            |found: &&Found| (DayFile { part: 0, ..found.day }) == DayFile { part: 0, ..day };
        let last = others.iter().filter(same).map(|found| found.day.part).max().unwrap_or_default();
        DayFile { part: last.saturating_add(1), ..day }.file_name()
    }

    fn remove(
        &self,
        held: &[Slot],
        now: SystemTime,
        go_on: &mut dyn FnMut(Step) -> bool,
        upkept: &mut Upkept,
    ) -> Result<(), Stopped> {
        let found = self.list(upkept);
        let is_held = |day: &DayFile| held.iter().any(|slot| slot.number() == day.slot);
        let is_written = |day: &DayFile| {
            self.live.is_written(&day.file_name()) || !is_held(day) && is_last(day, &found)
        };
        let bytes = |found: &Found| found.plain.unwrap_or(0) + found.sealed.unwrap_or(0);
        let entries: Vec<plan::Entry> =
            found.iter().map(|found| plan::Entry { day: found.day, bytes: bytes(found) }).collect();
        for (day, rule) in plan::plan(&entries, &is_written, &self.retention, time::date(now)) {
            let Some(slot) = held.iter().find(|slot| slot.number() == day.slot) else { continue };
            let name = day.file_name();
            let Some(_claim) = self.live.claim(&name) else { continue };
            let ledger = Ledger::of_slot(slot.path());
            if let Err(error) = self.remove_source(&name) {
                upkept.failed.push((self.root.join(name), error));
                continue;
            }
            // Of a sealing that was killed.
            let _ = fs::remove_file(self.root.join(format!("{name}.zst.tmp")));
            for name in [format!("{name}.zst"), name] {
                match self.remove_one(&ledger, &name, rule, now, go_on) {
                    Ok(Some(removed)) => upkept.removed.push((name, rule, removed)),
                    Ok(None) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        return Err(Stopped);
                    }
                    Err(error) => upkept.failed.push((self.root.join(name), error)),
                }
            }
        }
        Ok(())
    }

    /// Enters the removal, then removes. `None` when there is no such file.
    fn remove_one(
        &self,
        ledger: &Ledger,
        name: &str,
        rule: Rule,
        now: SystemTime,
        go_on: &mut dyn FnMut(Step) -> bool,
    ) -> io::Result<Option<Removed>> {
        let path = self.root.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines = sealed::count_lines(&path, &mut || go_on(Step::Stretch))?.lines;
        let removed = Removed { files: 1, lines, bytes: found.len() };
        ledger.add(&entries::Entry {
            ts: time::second(now),
            file: name.to_owned(),
            rule: rule.as_str().to_owned(),
            lines,
            bytes: found.len(),
            inode: found.ino(),
            modified: entries::modified(&found),
        })?;
        if !go_on(Step::Entered) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fs::remove_file(&path)?;
        Ok(Some(removed))
    }

    /// The day files of the directory. What only looks like one is passed over.
    fn list(&self, upkept: &mut Upkept) -> Vec<Found> {
        let files = match StoredFile::list(&self.root) {
            Ok(files) => files,
            Err(error) => {
                upkept.failed.push((self.root.clone(), error));
                return Vec::new();
            }
        };
        let mut all: Vec<Found> = Vec::new();
        for file in files {
            let StoredFile { day, form, .. } = file;
            let path = self.root.join(file.file_name());
            let Ok(metadata) = fs::symlink_metadata(path) else { continue };
            if !metadata.is_file() {
                continue;
            }
            let bytes = Some(metadata.len());
            let (plain, sealed) = if form == Form::Sealed { (None, bytes) } else { (bytes, None) };
            let written = plain.and_then(|_| metadata.modified().ok());
            all.push(Found { day, plain, sealed, written });
        }
        all.sort_unstable_by_key(|found| found.day);
        all.dedup_by(|next, first| {
            let is_same = next.day == first.day;
            if is_same {
                first.plain = first.plain.or(next.plain);
                first.sealed = first.sealed.or(next.sealed);
                first.written = first.written.or(next.written);
            }
            is_same
        });
        all
    }
}

/// Whether a file is the last plain one of its slot and signal: the one a living process may be
/// writing to.
fn is_last(day: &DayFile, all: &[Found]) -> bool {
    let of = |signal: Signal, slot: u32| {
        let plain = all.iter().filter(move |found| found.plain.is_some());
        plain.map(|found| found.day).filter(move |day| day.signal == signal && day.slot == slot)
    };
    of(day.signal, day.slot).max_by_key(|day| (day.date, day.part)) == Some(*day)
}

fn slot_path(root: &Path, number: u32) -> PathBuf {
    root.join("inst").join(number.to_string())
}
