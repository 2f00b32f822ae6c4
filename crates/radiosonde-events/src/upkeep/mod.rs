//! Keeping house in a telemetry directory: closed day files are sealed, old ones removed.
//!
//! Whoever holds a slot keeps its files: a process those of its own slot, and those of slots whose
//! owners are dead. Files of a living process are left to it. A file that is written to is neither
//! sealed nor removed ([`Live`] tells, for the own slot), nor is one that a batch of a dead process
//! is still on its way to.
//!
//! Each step can be killed and repeated. A file is sealed under another name, verified, given its
//! name, and only then is its source removed; when both are there, a kill fell in between, and the
//! source is compared and removed. A removal by a rule is entered in the slot's ledger first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use radiosonde_record::Slot;

use crate::filing::{Claim, Live};
use crate::ledger::{Ledger, Removed};
use backoff::Backoff;
use found::Found;
pub use ledger::removed;
pub use plan::{Retention, Rule};

mod backoff;
mod found;
mod ledger;
mod plan;
mod remove;
mod seal;
mod slots;

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
    backoff: Mutex<Backoff>,
    /// The slot that was looked at last: the next run goes on behind it.
    last_slot: AtomicU32,
}

/// Where a run is, when it asks whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A stretch of a file was compressed, or read, or of the directory.
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
    /// Files that were removed by a rule.
    pub removed: Vec<RemovedFile>,
    /// What could not be done; it is tried again by a later run.
    pub failed: Vec<Failed>,
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

/// One file that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovedFile {
    /// Its name.
    pub name: String,
    /// Why.
    pub rule: Rule,
    /// What was in it.
    pub removed: Removed,
}

/// Something that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// The file or directory.
    pub path: PathBuf,
    /// What was to be done with it.
    pub task: Task,
    /// What the system said.
    pub reason: String,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Looking into the directory, or into the slot of a dead process.
    Look,
    /// Sealing a file.
    Seal,
    /// Removing a file by a rule.
    Remove,
    /// Entering removals in a slot's ledger, without which nothing of the slot is removed.
    Enter,
}

impl Upkept {
    fn fail(&mut self, path: impl Into<PathBuf>, task: Task, error: &std::io::Error) {
        self.failed.push(Failed { path: path.into(), task, reason: error.to_string() });
    }
}

/// Ends a run: what happened in between stays.
struct Stopped;

/// One run.
struct Run<'a> {
    upkeep: &'a Upkeep,
    now: SystemTime,
    go_on: &'a mut dyn FnMut(Step) -> bool,
    upkept: Upkept,
    /// The slots whose files are ours to keep, locked.
    held: BTreeMap<u32, Slot>,
    /// Files that must stay as they are.
    untouchable: Vec<Claim>,
}

impl Upkeep {
    /// Upkeep of a directory, by the process that has this slot, if any, and writes these files.
    pub fn new(root: &Path, own: Option<Slot>, live: &Live, retention: Retention) -> Self {
        Self {
            root: root.to_owned(),
            own,
            live: live.clone(),
            retention,
            seal_after: Some(SEAL_AFTER),
            backoff: Mutex::default(),
            // Somewhere: a process that is soon over keeps other slots than the one before it.
            last_slot: AtomicU32::new(std::process::id() % 1024),
        }
    }

    /// Seals a closed file so long after its last write, [`SEAL_AFTER`] by default: whoever reads
    /// along has come to its end by then. `None` leaves closed files as they are.
    #[must_use]
    pub fn seal_after(self, seal_after: Option<Duration>) -> Self {
        Self { seal_after, ..self }
    }

    /// Goes on for the process when it has another slot than before.
    pub fn move_to(&mut self, slot: Slot) {
        self.own = Some(slot);
    }

    /// Removes by other limits from now on.
    pub fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    /// One run. `go_on` is asked between steps, every few milliseconds; `false` ends the run where
    /// it is. Takes the time of a disk and of a compression: not for the drain.
    pub fn run(&self, now: SystemTime, go_on: &mut dyn FnMut(Step) -> bool) -> Upkept {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner).begin_run();
        let mut run = Run {
            upkeep: self,
            now,
            go_on,
            upkept: Upkept::default(),
            held: BTreeMap::new(),
            untouchable: Vec::new(),
        };
        run.upkept.stopped = run.tend().is_err();
        run.upkept
    }
}

impl Run<'_> {
    fn tend(&mut self) -> Result<(), Stopped> {
        let found = self.list()?;
        self.take_slots(&found);
        self.complete_removals();
        let retention = self.upkeep.retention;
        let mut by_size = Retention::default();
        (by_size.days, by_size.files, by_size.bytes) = (None, None, retention.bytes);
        // What is sealed takes a twentieth: that goes before removing what takes too much.
        self.remove(&found, Retention { bytes: None, ..retention })?;
        self.seal()?;
        if by_size.bytes.is_none() {
            return Ok(());
        }
        let found = self.list()?;
        self.remove(&found, by_size)
    }

    /// Completes removals that were entered. Those that cannot be are not touched again: they are
    /// counted already, and tried again by the next run.
    fn complete_removals(&mut self) {
        let root = &self.upkeep.root;
        let mut unreadable = Vec::new();
        for slot in self.held.values() {
            let ledger = Ledger::of_slot(slot.path());
            ledger.keep_room();
            let completed = match ledger.complete(root) {
                Ok(completed) => completed,
                Err(error) => {
                    self.upkept.fail(ledger.path(), Task::Enter, &error);
                    unreadable.push(slot.number());
                    continue;
                }
            };
            self.upkept.removed.extend(completed.removed);
            for (file, error) in completed.stuck {
                let day_file = file.strip_suffix(".zst").unwrap_or(&file);
                self.untouchable.extend(self.upkeep.live.claim(day_file));
                self.upkept.fail(root.join(&file), Task::Remove, &error);
            }
        }
        // Any of their files may be entered.
        for number in unreadable {
            self.held.remove(&number);
        }
    }

    fn goes_on(&mut self, step: Step) -> Result<(), Stopped> {
        if (self.go_on)(step) { Ok(()) } else { Err(Stopped) }
    }
}
