//! What one thread at a time does for the spools of processes that have ended: it finds them, gives each
//! its turn, and removes what is done. All of it takes the time of a disk.

mod places;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use radiosonde_otlp::{Destinations, Manifest, Resource, Sender};
use radiosonde_record::{LeftSpool, Slot, is_orphaned};
use radiosonde_spool::{Account, Spool, look, look_at_manifest};

use self::places::has_place;
use super::dead::{Dead, Held, Left, Waiting};
use crate::problem::Problems;

/// Most spools that wait for their turn; more are found later.
const WAITING_MAX: usize = 4096;
/// Most of what is no spool that is named.
const STRANGERS_MAX: usize = 16;
/// What OpenTelemetry has a service be called whose name nobody knows.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Where a spool goes, given what its owner wrote down.
pub(super) type Corrected<'a> = &'a dyn Fn(&Path, Manifest) -> Manifest;

impl Dead {
    /// Looks for what was left in our slot, and in slots nobody has, or we have anyway. Opens nothing yet.
    /// How many there are that were not known.
    ///
    /// `living` is the one this process writes to.
    pub(super) fn find(
        &self,
        root: &Path,
        own: Option<&Slot>,
        living: Option<&Path>,
        problems: &Problems,
    ) -> usize {
        let own_number = own.map(Slot::number);
        let mut found = 0;
        if let Some(own) = own {
            found += self.find_in(own, &Held::Own, living, problems);
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
            // Held for another spool in it: to anybody else it would seem to be in use.
            let taken = match self.slot(number) {
                Some(slot) => Ok(Some(slot)),
                None => Slot::try_take(root, number),
            };
            match taken {
                Ok(Some(slot)) => {
                    found += self.find_in(&slot, &Held::Taken(slot.clone()), None, problems);
                }
                Ok(None) => {}
                // To a process among others, slots of other users are no matter of its own.
                Err(error)
                    if own.is_some() && error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => problems.say(
                    format!("slot {number} cannot be taken to send what is in it: {error}"),
                    "run `radiosonde spool drain` as the user who owns the directory; it is tried again \
                     every minute",
                ),
            }
        }
        found
    }

    fn find_in(
        &self,
        slot: &Slot,
        held: &Held,
        living: Option<&Path>,
        problems: &Problems,
    ) -> usize {
        let left = match slot.left_spools() {
            Ok(left) => left,
            Err(error) => {
                problems.say(
                    format!("spools of slot {} cannot be looked at: {error}", slot.number()),
                    "make the directory readable for this process; it is tried again every minute",
                );
                return 0;
            }
        };
        for path in strangers(&slot.path().join("spool")) {
            problems.say(
                format!("{} is no directory of its own and is left alone", path.display()),
                "move the spool itself there, in the place of the link or file",
            );
        }
        let known = self.known();
        let is_new = |path: &PathBuf| !known.contains(path) && Some(path.as_path()) != living;
        let new = left.into_iter().map(|LeftSpool { path, .. }| path).filter(is_new);
        let new: Vec<Waiting> = new
            .map(|path| Waiting {
                is_next: false,
                turns: 0,
                since: age(&path),
                path,
                held: held.clone(),
                to: None,
            })
            .collect();
        let mut state = self.state();
        for waiting in &new {
            // One that somebody else may have had meanwhile: what is known of it may be wrong.
            let _stale = state.spools.remove(&waiting.path);
        }
        let found = new.len();
        state.waiting.extend(new);
        state.sort_waiting();
        state.waiting.truncate(WAITING_MAX);
        found
    }

    /// Those that are ours already.
    fn known(&self) -> BTreeSet<PathBuf> {
        let state = self.state();
        let waiting = state.waiting.iter().map(|waiting| waiting.path.clone());
        state.held().map(|(path, _)| path.clone()).chain(waiting).collect()
    }

    /// Removes those in which everything is done, and gives their places to the next.
    pub(super) fn turn(&self, sender: &Sender, corrected: Corrected<'_>, problems: &Problems) {
        self.remove_done(problems);
        self.place_what_is_open(sender, corrected, problems);
        while let Some(path) = self.admit(sender, corrected, problems) {
            // One with nothing in it makes room at once.
            self.remove_if_done(&path, problems);
        }
        self.make_room(sender, Instant::now());
        self.notify();
    }

    /// Gives those that were opened while they were recovered their places. Those for whom there is none
    /// wait like the others, closed: a process has only so many descriptors.
    fn place_what_is_open(&self, sender: &Sender, corrected: Corrected<'_>, problems: &Problems) {
        let unsent: Vec<(PathBuf, Spool, bool, u32)> = self
            .state()
            .held()
            .filter(|(_, left)| !left.is_sent)
            .map(|(path, left)| {
                let keeps_place = left.to.is_some() && !left.is_leaving;
                let turns = left.turns + u32::from(left.is_leaving);
                (path.clone(), left.spool.clone(), keeps_place, turns)
            })
            .collect();
        for (path, spool, keeps_place, turns) in unsent {
            let accounts = spool.accounts();
            if pending(&accounts) == 0 {
                continue;
            }
            let manifest = manifest_of(&path, spool.manifest(), corrected, problems);
            let has_place = keeps_place || has_place(&self.state(), &manifest.destinations);
            let is_in_memory = accounts.iter().any(|it| it.in_memory.records > 0);
            if has_place {
                self.send(&path, &spool, &manifest, sender);
            } else if !is_in_memory && self.bring(&spool).is_ok() {
                drop(spool);
                let held = self.state().spools.get(&path).map(|left| left.held.clone());
                let to = Some(manifest.destinations);
                let held = held.unwrap_or_default();
                let waiting = Waiting { is_next: false, turns, since: age(&path), path, held, to };
                self.let_go(&waiting.path.clone(), Some(waiting));
            }
        }
        self.state().sort_waiting();
    }

    /// Opens the oldest for which there is a place, and hands it to the sender when there is something in
    /// it. Which one that was.
    fn admit(
        &self,
        sender: &Sender,
        corrected: Corrected<'_>,
        problems: &Problems,
    ) -> Option<PathBuf> {
        let mut at = 0;
        loop {
            let path = {
                let state = self.state();
                let next = state.waiting.get(at)?;
                if state.is_stopping {
                    return None;
                }
                if next.to.as_ref().is_some_and(|to| !has_place(&state, to)) {
                    at += 1;
                    continue;
                }
                next.path.clone()
            };
            match look_at_manifest(&path) {
                Ok(bytes) => {
                    let manifest = manifest_of(&path, &bytes, corrected, problems);
                    let mut state = self.state();
                    let has_place = has_place(&state, &manifest.destinations);
                    if let Some(next) = state.waiting.get_mut(at).filter(|it| it.path == path) {
                        next.to = Some(manifest.destinations.clone());
                    }
                    drop(state);
                    if !has_place {
                        at += 1;
                        continue;
                    }
                    let Some(waiting) = self.take_waiting(&path) else { continue };
                    if let Ok(spool) = self.open_to(&waiting, problems) {
                        self.send(&path, &spool, &manifest, sender);
                        return Some(path);
                    }
                }
                Err(error) => {
                    let _unopened = self.take_waiting(&path);
                    say_unopened(&path, &error, problems);
                }
            }
        }
    }

    fn take_waiting(&self, path: &Path) -> Option<Waiting> {
        let mut state = self.state();
        let at = state.waiting.iter().position(|waiting| waiting.path == path)?;
        Some(state.waiting.remove(at))
    }

    fn open_to(&self, waiting: &Waiting, problems: &Problems) -> io::Result<Spool> {
        let opened = self.open(&waiting.path);
        match &opened {
            Ok(_) => {
                if let Some(left) = self.state().spools.get_mut(&waiting.path) {
                    left.held = waiting.held.clone();
                    left.turns = waiting.turns;
                }
            }
            Err(error) => say_unopened(&waiting.path, error, problems),
        }
        opened
    }

    /// Gives a spool its place, and hands it to the sender if there is something in it and somewhere to go;
    /// that gives it back when there is nothing any more.
    fn send(&self, path: &Path, spool: &Spool, manifest: &Manifest, sender: &Sender) {
        let is_sent = !manifest.destinations.is_empty() && pending(&spool.accounts()) > 0;
        let mut state = self.state();
        let Some(left) = state.spools.get_mut(path) else { return };
        left.to = Some(manifest.destinations.clone());
        left.is_sent = is_sent;
        drop(state);
        if !is_sent {
            return;
        }
        let (dead, path, served_path) = (self.clone(), path.to_owned(), path);
        let on_empty = move |_spool| {
            dead.set_unsent(&path);
            dead.wake();
        };
        let served = sender.add(spool.clone(), manifest, Some(Box::new(on_empty)));
        if let Some(left) = self.state().spools.get_mut(served_path) {
            (left.served, left.is_leaving) = (Some(served), false);
            left.moved.0 = Instant::now();
        }
    }

    /// Removes spools in which everything is done and told. One to which something may be added yet is
    /// given back: its slot must not be kept from whoever recovers it.
    pub(super) fn remove_done(&self, problems: &Problems) {
        for (path, _) in self.held() {
            self.remove_if_done(&path, problems);
        }
    }

    fn remove_if_done(&self, path: &Path, problems: &Problems) {
        let spool = match self.state().spools.get(path) {
            Some(Left { spool, held, is_sent: false, .. }) if held.is_held() => spool.clone(),
            _ => return,
        };
        if !spool.is_done() {
            return;
        }
        let is_orphaned = is_orphaned(path);
        let mut state = self.state();
        if let Some(left) = state.spools.get_mut(path)
            && matches!(left.held, Held::Own)
            && !is_orphaned
        {
            // What is left of its owner is removed by another thread. It needs no place meanwhile.
            left.to = None;
            return;
        }
        drop(state);
        self.let_go(path, None);
        if !is_orphaned {
            return;
        }
        if let Err(error) = self.remove(spool) {
            problems.warn(
                format!("{} is empty and cannot be removed: {error}", path.display()),
                "remove what is in it that is not of radiosonde; it is tried again every minute",
            );
        }
        // The last one takes their directory along.
        let _ = path.parent().map(std::fs::remove_dir);
    }

    /// Removes a spool in which everything is done.
    pub(super) fn remove(&self, spool: Spool) -> io::Result<()> {
        if self.is_synced() { spool.remove() } else { spool.remove_unsynced() }
    }

    /// Records in those that wait for their turn, as far as they can be looked at.
    pub(super) fn pending_of_waiting(&self) -> u64 {
        let waiting: Vec<PathBuf> =
            self.state().waiting.iter().map(|waiting| waiting.path.clone()).collect();
        let seen = waiting.iter().filter_map(|path| look(path, false).ok());
        seen.flat_map(|seen| seen.streams).map(|stream| stream.account.pending.records).sum()
    }

    /// Brings what is in them to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut result = Ok(());
        for (_, spool) in self.held() {
            // Each, whatever became of the others.
            result = result.and(self.bring(&spool));
        }
        result
    }

    fn bring(&self, spool: &Spool) -> io::Result<()> {
        if self.is_synced() { spool.sync() } else { spool.tend() }
    }

    /// Before the end: nothing waits in memory any more. What is on disk stays as it is: what was settled
    /// last is sent again if the power goes just now.
    pub(super) fn close(&self) {
        for (_, spool) in self.held() {
            if spool.accounts().iter().any(|account| account.in_memory.records > 0) {
                // What the disk does not take is counted.
                let _ = if self.is_synced() { spool.close() } else { spool.close_unsynced() };
            }
        }
    }
}

fn pending(accounts: &[Account]) -> u64 {
    accounts.iter().map(|account| account.pending.records).sum()
}

/// Where a spool goes. That nobody knows is said.
fn manifest_of(
    path: &Path,
    bytes: &[u8],
    corrected: Corrected<'_>,
    problems: &Problems,
) -> Manifest {
    let found = Manifest::from_bytes(bytes);
    let why = match &found {
        Ok(_) => "nobody knows where it goes".to_owned(),
        Err(error) => format!("its manifest {error}"),
    };
    let manifest = corrected(path, found.unwrap_or_else(|_| unknown(path)));
    if manifest.destinations.is_empty() {
        problems.say(
            format!("{} is not sent: {why}", path.display()),
            "send it with `radiosonde spool drain --endpoint URL`",
        );
    }
    manifest
}

fn say_unopened(path: &Path, error: &io::Error, problems: &Problems) {
    if error.kind() != io::ErrorKind::NotFound {
        problems.say(
            format!("{} cannot be opened: {error}", path.display()),
            "mend the cause; it is tried again every minute",
        );
    }
}

/// When the owner of a spool made it.
fn age(path: &Path) -> SystemTime {
    let written = std::fs::symlink_metadata(path.join("manifest")).and_then(|it| it.modified());
    written.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What stands among spools under the name of one, and is none.
fn strangers(spools: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(spools).into_iter().flatten().flatten();
    let is_stranger = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|it| !it.is_dir());
    entries.filter(is_stranger).take(STRANGERS_MAX).map(|entry| entry.path()).collect()
}

/// What is known of a process whose manifest is damaged: the entries of its spool are whole without it.
pub(super) fn unknown(path: &Path) -> Manifest {
    let instance = path.file_name().unwrap_or_default().to_string_lossy();
    let resource = Resource::new(UNKNOWN_SERVICE, "", &instance);
    Manifest::new(UNKNOWN_SERVICE, instance, Destinations::default(), resource.encode())
}

#[cfg(test)]
mod tests;
