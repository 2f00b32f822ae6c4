//! Which file a line goes to, and which files are still written to.
//!
//! A file of a day is continued by the process that has its slot until it is as large as parts may
//! get; then the next part begins. A file that is not written to any more can be sealed and removed
//! by the thread that keeps house, while the drain goes on: [`Live`] is what the two agree by. The
//! drain chooses a file and the other claims one under the same lock, so a file that is being sealed
//! is never continued, whatever the clock does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use radiosonde_store::names::{DayFile, Form, StoredFile};

use crate::ledger::Ledger;

/// Bytes at which a day file is closed and the next part begins.
pub const PART_BYTES: u64 = 256 * 1024 * 1024;

/// Tells the time: the system's, or that of a test.
pub type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Where day files are, and how they are cut.
#[derive(Clone)]
pub struct Filing {
    root: PathBuf,
    live: Live,
    part_bytes: u64,
    now: Option<Now>,
}

impl Filing {
    /// The files of this directory, in parts of [`PART_BYTES`].
    pub fn new(root: &Path, live: &Live) -> Self {
        Self { root: root.to_owned(), live: live.clone(), part_bytes: PART_BYTES, now: None }
    }

    /// Begins the next part at this size. A file gets larger by what one batch holds, which is
    /// about 256 KiB, or one line where that is longer.
    #[must_use]
    pub fn part_bytes(self, bytes: u64) -> Self {
        Self { part_bytes: bytes.max(1), ..self }
    }

    /// Files lines under the day this clock tells.
    #[must_use]
    pub fn clock(self, now: Now) -> Self {
        Self { now: Some(now), ..self }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn now(&self, system: SystemTime) -> SystemTime {
        self.now.as_ref().map_or(system, |now| now())
    }

    pub(crate) fn register(&self) -> Registration {
        Registration::new(&self.live)
    }

    /// Whether a file is as large as a part may get.
    pub(crate) fn is_full(&self, name: &str) -> bool {
        fs::symlink_metadata(self.root.join(name)).is_ok_and(|found| found.len() >= self.part_bytes)
    }

    /// The part to write to, from `first` on: the first one that nobody has begun, or that is plain,
    /// not full, and neither claimed nor entered for removal.
    fn part(&self, day: DayFile, first: u32, state: &State) -> u32 {
        // Past the last number there is none: four billion parts of a day.
        let parts = (first..u32::MAX).map(|part| DayFile { part, ..day });
        parts.filter(|day| self.is_free(*day, state)).map(|day| day.part).next().unwrap_or(u32::MAX)
    }

    fn is_free(&self, day: DayFile, state: &State) -> bool {
        let name = day.file_name();
        let sealed = StoredFile::new(day, Form::Sealed).file_name();
        let is_there = |name: &str| fs::symlink_metadata(self.root.join(name)).is_ok();
        let is_taken = state.claimed.contains(&name)
            || is_there(&sealed)
            || self.is_full(&name)
            || is_there(&name) && self.is_entered(day.slot, &name);
        !is_taken
    }

    /// Whether its removal was entered, and then somebody was killed: its lines are counted.
    fn is_entered(&self, slot: u32, name: &str) -> bool {
        let slot = self.root.join("inst").join(slot.to_string());
        let pending = Ledger::of_slot(&slot).pending(&self.root);
        pending.is_ok_and(|pending| pending.iter().any(|entry| entry.file == name))
    }

    /// The last part of each of these, in either form; 0 where there is none.
    fn last_parts(&self, days: [DayFile; 3]) -> [u32; 3] {
        // What cannot be listed is gone through part by part.
        let found = StoredFile::list(&self.root).unwrap_or_default();
        days.map(|day| {
            let of_day = |found: &&StoredFile| {
                (DayFile { part: 0, ..found.day }) == DayFile { part: 0, ..day }
            };
            found.iter().filter(of_day).map(|found| found.day.part).max().unwrap_or_default()
        })
    }
}

impl fmt::Debug for Filing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filing").field("root", &self.root).finish_non_exhaustive()
    }
}

/// The files this process writes to, and those somebody has claimed because it does not. Clones
/// are the same.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    on_turn: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// How often a part was closed and another one begun.
    turns: u64,
    /// By the sink that writes to them.
    written: BTreeMap<u64, Vec<String>>,
    claimed: Vec<String>,
}

impl Live {
    /// Claims a file: nobody of this process begins to write to it while the claim is held. `None`
    /// when somebody does already.
    pub fn claim(&self, name: &str) -> Option<Claim> {
        let mut state = self.state();
        let is_written = state.written.values().flatten().any(|written| written == name);
        if is_written || state.claimed.iter().any(|claimed| claimed == name) {
            return None;
        }
        state.claimed.push(name.to_owned());
        Some(Claim { live: self.clone(), name: name.to_owned() })
    }

    /// The files somebody writes to.
    pub fn written(&self) -> BTreeSet<String> {
        self.state().written.values().flatten().cloned().collect()
    }

    /// How often a file was closed because the next one was begun.
    pub fn turns(&self) -> u64 {
        self.state().turns
    }

    /// Calls `wake` when a file was closed because the next one was begun, for whoever keeps house.
    /// The first one stays. It is called on the drain's thread, and must not block.
    pub fn on_turn(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second one has nothing to wake.
        let _ = self.0.on_turn.set(Box::new(wake));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file nobody writes to. Given back when dropped.
#[derive(Debug)]
#[must_use = "the file is free again once this is dropped"]
pub struct Claim {
    live: Live,
    name: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.live.state().claimed.retain(|claimed| *claimed != self.name);
    }
}

/// The files of one sink among those written to.
#[derive(Debug)]
pub(crate) struct Registration {
    live: Live,
    id: u64,
}

impl Registration {
    fn new(live: &Live) -> Self {
        let mut state = live.state();
        state.next += 1;
        let id = state.next;
        drop(state);
        Self { live: live.clone(), id }
    }

    /// Goes on with the last part of each of these days, or begins the one after it, and registers
    /// the files in the place of those before. Lists the directory.
    pub(crate) fn choose(&self, filing: &Filing, days: [DayFile; 3]) -> [DayFile; 3] {
        let last = filing.last_parts(days);
        let at = |n: usize| DayFile { part: last[n].max(days[n].part), ..days[n] };
        self.go_on(filing, [at(0), at(1), at(2)])
    }

    /// As [`Registration::choose`], from these parts on, whatever there is after them.
    pub(crate) fn go_on(&self, filing: &Filing, from: [DayFile; 3]) -> [DayFile; 3] {
        let mut state = self.live.state();
        let chosen = from.map(|day| DayFile { part: filing.part(day, day.part, &state), ..day });
        let has_turned = chosen != from;
        state.turns += u64::from(has_turned);
        state.written.insert(self.id, chosen.iter().map(DayFile::file_name).collect());
        drop(state);
        if has_turned && let Some(wake) = self.live.0.on_turn.get() {
            wake();
        }
        chosen
    }

    /// One more file, until the next choice.
    pub(crate) fn add(&self, name: &str) {
        let mut state = self.live.state();
        let names = state.written.entry(self.id).or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.live.state().written.remove(&self.id);
    }
}
