//! The spools of processes that have ended.
//!
//! One thread at a time looks for them, opens, syncs and removes them; see `adoption`. Everybody else only
//! reads the list, whose lock nobody holds while a disk is waited for.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use radiosonde_otlp::{Destinations, Manifest, spool_options};
use radiosonde_record::Slot;
use radiosonde_spool::{Account, Options, Spool};

use super::Gap;
use super::live::told;
use crate::problem::Problems;
use crate::report::AdoptedReport;
use crate::words::counted;

/// Spools that are open in this process and belong to others, and those that wait for their turn. Clones
/// are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Dead(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something has become of a spool.
    changed: Condvar,
    /// Held by whoever tells gaps, and by whoever lets go of a spool that may be opened again.
    telling: Mutex<()>,
    options: OnceLock<Options>,
    /// What is written is left to the kernel.
    is_unsynced: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) spools: BTreeMap<PathBuf, Left>,
    /// Those that wait for their turn, oldest first.
    pub(super) waiting: Vec<Waiting>,
    /// What became of records in spools that are gone.
    pub(super) done: Sums,
    /// No more of them are opened.
    pub(super) is_stopping: bool,
    /// Whoever looks after them is wanted.
    is_woken: bool,
}

/// A spool somebody left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) spool: Spool,
    /// What had become of its records before we had it.
    pub(super) before: Sums,
    /// Whether nobody else can have it.
    pub(super) held: Held,
    /// Where it goes, once it is its turn.
    pub(super) to: Option<Destinations>,
    /// Whether the sender has it: as long as something is pending.
    pub(super) is_sent: bool,
    /// Made here, in the place of one that was gone, and nobody was told yet.
    is_anew: bool,
}

/// A spool somebody left that is not open.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) path: PathBuf,
    pub(super) held: Held,
    /// When its owner made it.
    pub(super) since: SystemTime,
    /// Where it goes, as soon as somebody has looked.
    pub(super) to: Option<Destinations>,
}

/// Whose slot a spool is in.
#[derive(Clone, Debug, Default)]
pub(super) enum Held {
    /// That of somebody who may be another one by now: the spool is left alone.
    #[default]
    No,
    /// Ours.
    Own,
    /// That of somebody who is dead, taken for as long as there is something to send.
    Taken(Slot),
}

impl Held {
    pub(super) fn is_held(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    delivered: u64,
    rejected: u64,
    dropped: u64,
}

impl Sums {
    pub(super) fn of(accounts: &[Account]) -> Self {
        accounts.iter().fold(Self::default(), |sum, account| Self {
            delivered: sum.delivered + account.delivered.records,
            rejected: sum.rejected + account.rejected.records,
            dropped: sum.dropped + account.dropped_in_all().records,
        })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            delivered: self.delivered.saturating_sub(before.delivered),
            rejected: self.rejected.saturating_sub(before.rejected),
            dropped: self.dropped.saturating_sub(before.dropped),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
    }
}

impl State {
    pub(super) fn held(&self) -> impl Iterator<Item = (&PathBuf, &Left)> {
        self.spools.iter().filter(|(_, left)| left.held.is_held())
    }

    /// Whether spools wait for their turn that could have one.
    pub(super) fn has_waiting(&self) -> bool {
        let is_lost = |to: &Destinations| to.is_empty();
        self.waiting.iter().any(|waiting| !waiting.to.as_ref().is_some_and(is_lost))
    }
}

impl Dead {
    /// For an owner who syncs, or leaves that to the kernel.
    pub(super) fn new(is_synced: bool) -> Self {
        Self(Arc::new(Shared { is_unsynced: !is_synced, ..Shared::default() }))
    }

    pub(super) fn is_synced(&self) -> bool {
        !self.0.is_unsynced
    }

    /// Opens a spool, once: who asks again gets the same one.
    pub(super) fn open(&self, path: &Path) -> io::Result<Spool> {
        if let Some(left) = self.state().spools.get(path) {
            return Ok(left.spool.clone());
        }
        // Nobody else opens one meanwhile: those who do are one thread after the other.
        let spool = Spool::open(path, &self.options(path))?;
        self.insert(path, Left::new(&spool));
        Ok(spool)
    }

    /// Makes the spool of a dead process anew, for what is recovered of it.
    pub(super) fn make(&self, path: &Path, manifest: &Manifest) -> io::Result<Spool> {
        // One that is known under this path is gone with its files.
        drop(self.state().spools.remove(path));
        if let Some(parent) = path.parent() {
            let made = DirBuilder::new().mode(0o700).create(parent);
            made.or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        }
        let spool = Spool::create(path, &manifest.to_bytes()?, &self.options(path))?;
        self.insert(path, Left { is_anew: true, ..Left::new(&spool) });
        Ok(spool)
    }

    pub(super) fn insert(&self, path: &Path, left: Left) {
        let mut state = self.state();
        state.waiting.retain(|waiting| waiting.path != path);
        state.spools.insert(path.to_owned(), left);
    }

    /// The options of all spools of this directory: those of one, as they count what is there together.
    fn options(&self, path: &Path) -> Options {
        // `inst/<slot>/spool/<instance>`
        let root = path.ancestors().nth(4);
        self.0.options.get_or_init(|| spool_options(root, None)).clone()
    }

    /// A spool that was gone is told, if anything was to go into it: what was in it is lost.
    pub(super) fn say_what_was_gone(&self, problems: &Problems) {
        let anew = |state: &State| -> Vec<(PathBuf, Spool)> {
            let anew = state.spools.iter().filter(|(_, left)| left.is_anew);
            anew.map(|(path, left)| (path.clone(), left.spool.clone())).collect()
        };
        let anew = anew(&self.state());
        for (path, spool) in anew {
            let again: u64 = spool.accounts().iter().map(|it| it.appended.records).sum();
            if again == 0 {
                continue;
            }
            if let Some(left) = self.state().spools.get_mut(&path) {
                left.is_anew = false;
            }
            problems.say(
                format!(
                    "{} was gone, and with it what waited there for OTLP; it was made anew for {} of its \
                     process",
                    path.display(),
                    counted(again, "recovered record")
                ),
                "remove no spool by hand: `radiosonde spool drop` counts what it gives up; what is in the new \
                 one is sent by the next start of its service, or by `radiosonde spool drain --endpoint`",
            );
        }
    }

    /// What is open in this slot is ours to send, from now on without a moment in which it was not.
    pub(super) fn hold(&self, slot: &Slot, is_own: bool) {
        let spools = slot.path().join("spool");
        let mut state = self.state();
        for (_, left) in state.spools.iter_mut().filter(|(path, _)| path.starts_with(&spools)) {
            left.held = if is_own { Held::Own } else { Held::Taken(slot.clone()) };
        }
    }

    /// The lock of a slot that is held for a spool in it.
    pub(super) fn slot(&self, number: u32) -> Option<Slot> {
        let state = self.state();
        let open = state.spools.values().map(|left| &left.held);
        let mut all = open.chain(state.waiting.iter().map(|waiting| &waiting.held));
        all.find_map(|held| match held {
            Held::Taken(slot) if slot.number() == number => Some(slot.clone()),
            _ => None,
        })
    }

    /// The sender is done with a spool, or gone.
    pub(super) fn set_unsent(&self, path: &Path) {
        if let Some(left) = self.state().spools.get_mut(path) {
            left.is_sent = false;
        }
    }

    /// Each spool that is ours, with its path.
    pub(super) fn held(&self) -> Vec<(PathBuf, Spool)> {
        let state = self.state();
        state.held().map(|(path, left)| (path.clone(), left.spool.clone())).collect()
    }

    /// Lets go of a spool that may be opened again: nobody writes to it any more. What becomes of it is
    /// counted.
    pub(super) fn let_go(&self, path: &Path, waiting: Option<Waiting>) {
        let _telling = lock(&self.0.telling);
        let spool = self.state().spools.get(path).map(|left| left.spool.clone());
        let Some(spool) = spool else { return };
        // Its books stand still by now. They are read without the list's lock; in the list they change
        // their place in one step, so that no report finds them in neither.
        let sums = Sums::of(&spool.accounts());
        let mut state = self.state();
        let Some(left) = state.spools.remove(path) else { return };
        state.done.add(sums.since(left.before));
        state.waiting.extend(waiting);
        drop(state);
    }

    /// Tells losses in them that were not told yet, spool by spool. `tell` says how many of them, from the
    /// first on, it could tell; the others are told later.
    pub(super) fn tell_gaps(&self, tell: &mut dyn FnMut(&Path, &Spool, &[Gap]) -> usize) {
        let mut has_told = false;
        for (path, spool) in self.held() {
            let _telling = lock(&self.0.telling);
            if !self.state().spools.contains_key(&path) {
                continue;
            }
            let instance = path.file_name().and_then(|name| name.to_str());
            let gaps: Vec<Gap> = spool.take_gaps().iter().map(|it| told(it, instance)).collect();
            if gaps.is_empty() {
                continue;
            }
            let count = tell(&path, &spool, &gaps);
            spool.told_first(count);
            has_told |= count > 0;
        }
        if has_told {
            // It may be done by now.
            self.wake();
        }
    }

    /// The slot of a spool, when it is that of somebody who is dead.
    pub(super) fn slot_of(&self, path: &Path) -> Option<Slot> {
        match self.state().spools.get(path).map(|left| &left.held) {
            Some(Held::Taken(slot)) => Some(slot.clone()),
            _ => None,
        }
    }

    pub(super) fn report(&self) -> AdoptedReport {
        let (open, mut sums, waiting) = {
            let state = self.state();
            let open: Vec<(Spool, Sums)> =
                state.held().map(|(_, left)| (left.spool.clone(), left.before)).collect();
            (open, state.done, state.waiting.len() as u64)
        };
        let mut pending = 0;
        for (spool, before) in &open {
            let accounts = spool.accounts();
            sums.add(Sums::of(&accounts).since(*before));
            pending += accounts.iter().map(|account| account.pending.records).sum::<u64>();
        }
        let Sums { delivered, rejected, dropped } = sums;
        let spools = open.len() as u64;
        AdoptedReport { spools, waiting, pending, delivered, rejected, dropped }
    }

    /// Says that there is something to do for whoever looks after them, or that something was done.
    pub(super) fn wake(&self) {
        self.state().is_woken = true;
        self.0.changed.notify_all();
    }

    /// Waits until there is, or for `pause` if any of them is here.
    pub(super) fn await_work(&self, pause: Duration) {
        let mut state = self.state();
        while !std::mem::take(&mut state.is_woken) {
            if state.spools.is_empty() && state.waiting.is_empty() {
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.0.changed.wait_timeout(state, pause);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() {
                return;
            }
        }
    }

    /// Waits, at most `within`, for the next thing that becomes of any of them.
    pub(super) fn await_change(&self, within: Duration) {
        let waited = self.0.changed.wait_timeout(self.state(), within);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.state().has_waiting()
    }

    /// From here on none is opened.
    pub(super) fn stop(&self) {
        self.state().is_stopping = true;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    pub(super) fn notify(&self) {
        self.0.changed.notify_all();
    }
}

impl Left {
    pub(super) fn new(spool: &Spool) -> Self {
        Self {
            spool: spool.clone(),
            before: Sums::of(&spool.accounts()),
            held: Held::No,
            to: None,
            is_sent: false,
            is_anew: false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use radiosonde_otlp::Stream;
    use radiosonde_spool::Frame;

    use super::*;

    #[test]
    fn no_report_shows_fewer_records_while_a_spool_is_let_go() {
        const SPOOLS: u64 = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(&folder.path().join("spool"), b"{}", &spool_options(None, None));
        let spool = spool.unwrap();
        let logs = spool.stream(Stream::LogsInfo.index());
        logs.append(1, &[Frame { records: 1, payload: b"lost" }]);
        assert_eq!(logs.discard().records, 1);
        // In each of them one was lost since it was opened here.
        let left = || Left { before: Sums::default(), held: Held::Own, ..Left::new(&spool) };
        let (dead, is_over) = (Dead::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut most, mut fewer) = (0, 0);
                while !is_over.load(Ordering::Relaxed) {
                    let AdoptedReport { dropped, .. } = dead.report();
                    fewer += u64::from(dropped < most);
                    most = dropped;
                }
                fewer
            });
            for number in 0..SPOOLS {
                let path = PathBuf::from(number.to_string());
                dead.insert(&path, left());
                dead.let_go(&path, None);
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(reader.join().unwrap(), 0);
        });
        assert_eq!(dead.report().dropped, SPOOLS);
    }
}
