//! The spools of processes that have ended.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radiosonde_otlp::{Destinations, Manifest, Resource, Sender, spool_options};
use radiosonde_record::{LeftSpool, Slot, is_orphaned};
use radiosonde_spool::{Account, Spool};

use super::Gap;
use super::live::told;
use crate::problem::Problems;
use crate::report::AdoptedReport;
use crate::words::counted;

/// Most of what is no spool that is named.
const STRANGERS_MAX: usize = 16;
/// What OpenTelemetry has a service be called whose name nobody knows.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Spools that are open in this process and belong to others. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Dead(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    spools: BTreeMap<PathBuf, Left>,
    /// What became of records in spools that are gone.
    done: Sums,
}

/// A spool somebody left.
#[derive(Debug)]
struct Left {
    spool: Spool,
    /// What had become of its records before we had it.
    before: Sums,
    /// Whether nobody else can have it.
    held: Held,
    /// Whether the sender has it: as long as something is pending.
    is_sent: bool,
    /// Made here, in the place of one that was gone, and nobody was told yet.
    is_anew: bool,
}

/// Whose slot a spool is in.
#[derive(Clone, Debug, Default)]
enum Held {
    /// That of somebody who may be another one by now: the spool is left alone.
    #[default]
    No,
    /// Ours.
    Own,
    /// That of somebody who is dead, taken for as long as there is something to send.
    Taken(#[expect(dead_code, reason = "a lock")] Slot),
}

impl Held {
    fn is_held(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    delivered: u64,
    rejected: u64,
    dropped: u64,
}

impl Sums {
    fn of(accounts: &[Account]) -> Self {
        accounts.iter().fold(Self::default(), |sum, account| Self {
            delivered: sum.delivered + account.delivered.records,
            rejected: sum.rejected + account.rejected.records,
            dropped: sum.dropped + account.dropped_in_all().records,
        })
    }

    fn since(self, before: Self) -> Self {
        Self {
            delivered: self.delivered.saturating_sub(before.delivered),
            rejected: self.rejected.saturating_sub(before.rejected),
            dropped: self.dropped.saturating_sub(before.dropped),
        }
    }

    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
    }
}

impl State {
    fn held(&self) -> impl Iterator<Item = (&PathBuf, &Left)> {
        self.spools.iter().filter(|(_, left)| left.held.is_held())
    }
}

impl Dead {
    /// Opens a spool, once: who asks again gets the same one.
    pub(super) fn open(&self, path: &Path) -> io::Result<Spool> {
        let mut state = self.state();
        if let Some(left) = state.spools.get(path) {
            return Ok(left.spool.clone());
        }
        // `inst/<slot>/spool/<instance>`
        let root = path.ancestors().nth(4);
        let spool = Spool::open(path, &spool_options(root, None))?;
        let before = Sums::of(&spool.accounts());
        let left =
            Left { spool: spool.clone(), before, held: Held::No, is_sent: false, is_anew: false };
        state.spools.insert(path.to_owned(), left);
        Ok(spool)
    }

    /// Makes the spool of a dead process anew, for what is recovered of it.
    pub(super) fn make(&self, path: &Path, manifest: &Manifest) -> io::Result<Spool> {
        // One that is known under this path is gone with its files.
        drop(self.state().spools.remove(path));
        let root = path.ancestors().nth(4);
        if let Some(parent) = path.parent() {
            let made = DirBuilder::new().mode(0o700).create(parent);
            made.or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        }
        let spool = Spool::create(path, &manifest.to_bytes()?, &spool_options(root, None))?;
        let (before, held) = (Sums::default(), Held::No);
        let left = Left { spool: spool.clone(), before, held, is_sent: false, is_anew: true };
        self.state().spools.insert(path.to_owned(), left);
        Ok(spool)
    }

    /// A spool that was gone is told, if anything was to go into it: what was in it is lost.
    pub(super) fn say_what_was_gone(&self, problems: &Problems) {
        for (path, left) in self.state().spools.iter_mut().filter(|(_, left)| left.is_anew) {
            let accounts = left.spool.accounts();
            let again: u64 = accounts.iter().map(|account| account.appended.records).sum();
            if again == 0 {
                continue;
            }
            left.is_anew = false;
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

    /// Forgets a spool that somebody else may have had meanwhile: what is known of it may be wrong.
    fn forget_unheld(&self, path: &Path) {
        let mut state = self.state();
        if state.spools.get(path).is_some_and(|left| !left.held.is_held()) {
            let _stale = state.spools.remove(path);
        }
    }

    /// Opens what was left in our slot, and in slots nobody has.
    ///
    /// `living` is the one this process writes to.
    pub(super) fn find(
        &self,
        root: &Path,
        own: Option<&Slot>,
        living: Option<&Path>,
        problems: &Problems,
    ) {
        let own_number = own.map(Slot::number);
        if let Some(own) = own {
            self.find_in(own, false, living, problems);
        }
        for number in Slot::existing(root).into_iter().filter(|number| Some(*number) != own_number)
        {
            // Without a look at its lock where there is nothing: a process that starts may want it.
            let spools = root.join("inst").join(number.to_string()).join("spool");
            let is_empty = std::fs::read_dir(&spools).map_or_else(
                |error| error.kind() == io::ErrorKind::NotFound,
                |mut it| it.next().is_none(),
            );
            if is_empty {
                continue;
            }
            match Slot::try_take(root, number) {
                Ok(Some(slot)) => self.find_in(&slot, true, None, problems),
                Ok(None) => {}
                // To a process among others, slots of other users are no matter of its own.
                Err(error) if own.is_none() => problems.say(
                    format!("slot {number} cannot be taken to send what is in it: {error}"),
                    "run it as the user who owns the directory",
                ),
                Err(_) => {}
            }
        }
    }

    fn find_in(&self, slot: &Slot, hold: bool, living: Option<&Path>, problems: &Problems) {
        let left = match slot.left_spools() {
            Ok(left) => left,
            Err(error) => {
                return problems.say(
                    format!("spools of slot {} cannot be looked at: {error}", slot.number()),
                    "make the directory readable for this process; it is tried again every minute",
                );
            }
        };
        for path in strangers(&slot.path().join("spool")) {
            problems.say(
                format!("{} is no directory of its own and is left alone", path.display()),
                "move the spool itself there, in the place of the link or file",
            );
        }
        for LeftSpool { path, .. } in left {
            if Some(path.as_path()) == living {
                continue;
            }
            self.forget_unheld(&path);
            match self.open(&path) {
                Ok(_) => {
                    if let Some(left) = self.state().spools.get_mut(&path) {
                        left.held = if hold { Held::Taken(slot.clone()) } else { Held::Own };
                    }
                }
                Err(error) => problems.say(
                    format!("{} cannot be opened: {error}", path.display()),
                    "mend the cause; it is tried again every minute",
                ),
            }
        }
    }

    /// Hands every spool with something in it, and somewhere to go, to the sender, which gives it back when there is nothing
    /// any more.
    pub(super) fn send(
        &self,
        sender: &Sender,
        corrected: &dyn Fn(Manifest) -> Manifest,
        problems: &Problems,
    ) {
        let mut state = self.state();
        let unsent = |left: &Left| !left.is_sent && left.held.is_held();
        for (path, left) in state.spools.iter_mut().filter(|(_, left)| unsent(left)) {
            if left.spool.accounts().iter().all(|account| account.pending.records == 0) {
                continue;
            }
            let found = Manifest::from_bytes(left.spool.manifest());
            let why = match &found {
                Ok(_) => "nobody knows where it goes".to_owned(),
                Err(error) => format!("its manifest {error}"),
            };
            let manifest = corrected(found.unwrap_or_else(|_| unknown(path)));
            if manifest.destinations.is_empty() {
                problems.say(
                    format!("{} is not sent: {why}", path.display()),
                    "send it with `radiosonde spool drain --endpoint URL`",
                );
                continue;
            }
            let (dead, path) = (self.clone(), path.clone());
            let on_empty = move |_spool| {
                if let Some(left) = dead.state().spools.get_mut(&path) {
                    left.is_sent = false;
                }
            };
            sender.add(left.spool.clone(), &manifest, Some(Box::new(on_empty)));
            left.is_sent = true;
        }
    }

    /// Removes spools in which everything is done and told. One to which something may be added yet is
    /// given back: its slot must not be kept from whoever recovers it.
    pub(super) fn remove_done(&self) {
        let mut state = self.state();
        let is_done = |left: &Left| left.held.is_held() && !left.is_sent && left.spool.is_done();
        let done: Vec<PathBuf> = state
            .spools
            .iter()
            .filter(|(path, left)| {
                is_done(left) && (is_orphaned(path) || matches!(left.held, Held::Taken(_)))
            })
            .map(|(path, _)| path.clone())
            .collect();
        for path in done {
            let Some(left) = state.spools.remove(&path) else { continue };
            let sums = Sums::of(&left.spool.accounts()).since(left.before);
            state.done.add(sums);
            if !is_orphaned(&path) {
                continue;
            }
            // What cannot be removed is found again, empty.
            let _ = left.spool.remove();
            // The last one takes their directory along.
            let _ = path.parent().map(std::fs::remove_dir);
        }
    }

    /// Brings what is in them to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.each(Spool::sync)
    }

    /// As [`Dead::sync`], where nothing is synced.
    pub(super) fn tend(&self) -> io::Result<()> {
        self.each(Spool::tend)
    }

    fn each(&self, bring: fn(&Spool) -> io::Result<()>) -> io::Result<()> {
        // Without the lock: it takes the time of a disk.
        let spools: Vec<Spool> = self.state().held().map(|(_, left)| left.spool.clone()).collect();
        let mut result = Ok(());
        for spool in spools {
            // Each, whatever became of the others.
            result = result.and(bring(&spool));
        }
        result
    }

    /// Before the end: nothing waits in memory any more.
    pub(super) fn close(&self) {
        let spools: Vec<Spool> = self.state().held().map(|(_, left)| left.spool.clone()).collect();
        for spool in spools {
            // What the disk did not take is counted; what was not synced may be sent again.
            let _ = spool.close();
        }
    }

    /// Losses in them that were not told yet.
    pub(super) fn take_gaps(&self) -> Vec<Gap> {
        let state = self.state();
        let of = |(path, left): (&PathBuf, &Left)| -> Vec<Gap> {
            let instance = path.file_name().and_then(|name| name.to_str());
            left.spool.take_gaps().iter().map(|gap| told(gap, instance)).collect()
        };
        state.held().flat_map(of).collect()
    }

    pub(super) fn gaps_told(&self) {
        self.state().held().for_each(|(_, left)| left.spool.told());
    }

    pub(super) fn report(&self) -> AdoptedReport {
        let state = self.state();
        let (mut sums, mut pending, mut spools) = (state.done, 0, 0);
        for (_, left) in state.held() {
            let accounts = left.spool.accounts();
            sums.add(Sums::of(&accounts).since(left.before));
            pending += accounts.iter().map(|account| account.pending.records).sum::<u64>();
            spools += 1;
        }
        let Sums { delivered, rejected, dropped } = sums;
        AdoptedReport { spools, pending, delivered, rejected, dropped }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands among spools under the name of one, and is none.
fn strangers(spools: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(spools).into_iter().flatten().flatten();
    let is_stranger = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|it| !it.is_dir());
    entries.filter(is_stranger).take(STRANGERS_MAX).map(|entry| entry.path()).collect()
}

/// What is known of a process whose manifest is damaged: the entries of its spool are whole without it.
fn unknown(path: &Path) -> Manifest {
    let instance = path.file_name().unwrap_or_default().to_string_lossy();
    let resource = Resource::new(UNKNOWN_SERVICE, "", &instance);
    Manifest::new(UNKNOWN_SERVICE, instance, Destinations::default(), resource.encode())
}
