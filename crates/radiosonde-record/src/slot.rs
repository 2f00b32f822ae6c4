//! Slots: which process owns which part of a telemetry directory.
//!
//! `inst/<n>/lock` is locked (flock) by the owner for its life; the lock covers the slot's rings,
//! stage and day files. Each owner works in a directory of its own below the slot, named by a
//! random instance id, so that what a dead owner left stands beside it untouched until it is
//! recovered. That directory is locked as well: should somebody remove the slot's lock file, the
//! rings of a living process are still not taken for those of a dead one.
//!
//! ```text
//! inst/0/lock
//! inst/0/k3f9q2xw/owner.json callsites stage rings/0.ring rings/1.ring …
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::place;
use crate::recovery::remove_instance;
use crate::ring::{InChild, release_in_child};

/// Processes that can write to one directory at a time.
const SLOTS_MAX: u32 = 1024;
/// The slot up to which an unusable one is passed over.
const UNUSABLE_MAX: u32 = 8;
pub(crate) const RINGS: &str = "rings";
pub(crate) const OWNER: &str = "owner.json";
pub(crate) const QUARANTINE: &str = "quarantine";

/// An owned slot. Clones share its lock, which is given back when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Slot {
    number: u32,
    path: PathBuf,
    lock: Arc<Lock>,
}

/// The directory of an owner, locked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Instance {
    /// Its id, the name of the directory.
    pub id: String,
    /// The directory.
    pub path: PathBuf,
    /// Where its rings, stage and call sites are: the directory itself, or one of the owner's
    /// choice. Where that is not there any more, the directory again.
    pub files: PathBuf,
    _lock: Lock,
}

/// A locked file. A forked child gives it up: it must not keep its dead parent alive.
#[derive(Debug)]
struct Lock {
    // Before the file: it is taken out of the list before the descriptor is closed.
    _in_child: InChild,
    file: File,
}

impl Lock {
    fn new(file: File) -> Self {
        Self { _in_child: release_in_child(&file), file }
    }
}

impl Slot {
    /// Takes the first free slot of a telemetry directory, creating what is missing (0700). A slot
    /// that cannot be used is told to `unusable` and passed over.
    ///
    /// # Errors
    /// As from the system when the directory cannot be written; `QuotaExceeded` when all 1,024
    /// slots are taken.
    pub fn take(root: &Path, unusable: &mut dyn FnMut(&Path, &io::Error)) -> io::Result<Self> {
        create_directory(root)?;
        create_own(&root.join("inst"))?;
        let mut first_error = None;
        for number in 0..SLOTS_MAX {
            let path = Self::path_of(root, number);
            match create_own(&path).and_then(|()| Self::try_take(root, number)) {
                Ok(Some(slot)) => return Ok(slot),
                Ok(None) => {}
                Err(error) => {
                    unusable(&path, &error);
                    // One bad slot is an accident; several in a row are the directory's state.
                    if number >= UNUSABLE_MAX {
                        return Err(error);
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        let full = || io::Error::new(io::ErrorKind::QuotaExceeded, "all slots are taken");
        Err(first_error.unwrap_or_else(full))
    }

    /// Whether the lock file at the slot's path is still the one that is held. If not, another
    /// process may own the slot's files by now.
    pub fn is_held(&self) -> bool {
        is_same_file(&self.lock.file, &self.path.join("lock"))
    }

    /// Takes one slot, which is created when it is not there; `None` when its owner lives.
    ///
    /// # Errors
    /// As from the system, and for a number that no slot has.
    pub fn try_take_or_create(root: &Path, number: u32) -> io::Result<Option<Self>> {
        if number >= SLOTS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no process has a slot of that number, and none removes its files",
            ));
        }
        create_own(&root.join("inst"))?;
        create_own(&Self::path_of(root, number))?;
        Self::try_take(root, number)
    }

    /// Takes one slot that exists; `None` when its owner lives.
    ///
    /// # Errors
    /// As from the system.
    pub fn try_take(root: &Path, number: u32) -> io::Result<Option<Self>> {
        let path = Self::path_of(root, number);
        let lock_path = path.join("lock");
        is_own(&root.join("inst"))?;
        is_own(&path)?;
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Somebody may have replaced the file between open and lock: then this lock guards nothing.
        let held = is_same_file(&lock, &lock_path);
        Ok(held.then(|| Self { number, path, lock: Arc::new(Lock::new(lock)) }))
    }

    /// The numbers of the slots that exist, free or not.
    pub fn existing(root: &Path) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(root.join("inst")) else { return Vec::new() };
        let mut numbers: Vec<u32> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|number| *number < SLOTS_MAX)
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The slot's number: it is part of the names of its day files.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// `inst/<n>`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What dead owners left, oldest first, each locked so that nobody else recovers it. A
    /// directory whose owner lives is passed over, and so is one that is not of our making.
    ///
    /// # Errors
    /// As from the system.
    pub fn left_behind(&self) -> io::Result<Vec<Instance>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            match left(&entry?) {
                Ok(Some(instance)) => found.push(instance),
                Ok(None) => {}
                // Whoever recovered it removes it, after the slot was given back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Out of descriptors, say: some now, and the rest at the next start.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|(modified, _)| *modified);
        Ok(found.into_iter().map(|(_, instance)| instance).collect())
    }

    /// The directories of its owners, living and dead. Not locked: what is in one of a living owner
    /// changes while it is looked at.
    ///
    /// # Errors
    /// As from the system.
    pub fn instances(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_instance_id) {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    }

    /// Remains that were set aside, because recovering them failed too often or was not possible.
    pub fn quarantined(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path.join(QUARANTINE)) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Brings remains that were set aside back, to be tried again.
    ///
    /// # Errors
    /// As from the system.
    pub fn retry_quarantined(&self) -> io::Result<()> {
        for path in self.quarantined() {
            let Some(name) = path.file_name() else { continue };
            let back = self.path.join(name);
            fs::rename(&path, &back)?;
            crate::recovery::forget_attempts(&back);
        }
        Ok(())
    }

    /// Creates and locks the directory of a new owner, with its description.
    ///
    /// # Errors
    /// As from the system; nothing is left behind then.
    pub fn create_instance(&self, owner: &[u8]) -> io::Result<Instance> {
        let instance = self.create_without_rings(owner)?;
        if let Err(error) = create_directory(&instance.path.join(RINGS)) {
            let _ = remove_instance(&instance.path);
            return Err(error);
        }
        Ok(instance)
    }

    /// As [`Slot::create_instance`], with rings, stage and call sites in a directory of their own
    /// below `parent`, such as `/dev/shm`. They end with the machine, or with its container.
    ///
    /// # Errors
    /// As from the system; nothing is left behind then.
    pub fn create_instance_with_rings_in(
        &self,
        parent: &Path,
        owner: &[u8],
    ) -> io::Result<Instance> {
        let mut instance = self.create_without_rings(owner)?;
        match place::create(&instance.path, parent) {
            Ok(files) => {
                instance.files = files;
                Ok(instance)
            }
            Err(error) => {
                let _ = remove_instance(&instance.path);
                Err(error)
            }
        }
    }

    fn create_without_rings(&self, owner: &[u8]) -> io::Result<Instance> {
        let id = new_instance_id();
        let path = self.path.join(&id);
        create_directory(&path)?;
        let lock = File::open(&path)?;
        lock.try_lock()?;
        if let Err(error) = write_new(&path.join(OWNER), owner) {
            // Half a description, on a full disk, would be the remains of nobody.
            let _ = remove_instance(&path);
            return Err(error);
        }
        Ok(Instance { id, files: path.clone(), path, _lock: Lock::new(lock) })
    }

    fn path_of(root: &Path, number: u32) -> PathBuf {
        root.join("inst").join(number.to_string())
    }
}

/// A lease on the slot's day files: the slot as long as it is held, and another one when somebody
/// removed its lock or moved the directory away.
#[derive(Debug)]
pub struct Lease {
    root: PathBuf,
    slot: Slot,
}

impl Lease {
    /// A lease on a slot of this directory.
    pub fn new(root: &Path, slot: Slot) -> Self {
        Self { root: root.to_owned(), slot }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The slot.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Takes another slot when this one is no longer held; the directory is created anew when it
    /// is gone. Whether the slot is another one now.
    ///
    /// # Errors
    /// As [`Slot::take`]: then nothing may be written.
    pub(crate) fn renew(&mut self) -> io::Result<bool> {
        if self.slot.is_held() {
            return Ok(false);
        }
        self.slot = Slot::take(&self.root, &mut |_, _| {})?;
        Ok(true)
    }
}

/// Whether an open file is the one at this path.
fn is_same_file(file: &File, path: &Path) -> bool {
    let now = fs::symlink_metadata(path);
    now.is_ok_and(|now| {
        file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (now.dev(), now.ino()))
    })
}

/// The remains of a dead owner in an entry of a slot's directory, locked, and when it was changed
/// last.
fn left(entry: &fs::DirEntry) -> io::Result<Option<(SystemTime, Instance)>> {
    let (name, path) = (entry.file_name(), entry.path());
    let Some(id) = name.to_str().filter(|name| is_instance_id(name)) else { return Ok(None) };
    if !entry.file_type()?.is_dir() || !(is_instance(&path) || is_empty(&path)) {
        return Ok(None);
    }
    let lock = File::open(&path)?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    // Its remover, or its maker, was killed one step before the end, or the beginning.
    if is_empty(&path) {
        fs::remove_dir(&path)?;
        return Ok(None);
    }
    let modified = entry.metadata()?.modified()?;
    let files = match place::find(&path) {
        Ok(place) => place.files(&path).to_owned(),
        // Said when it is opened.
        Err(_) => path.clone(),
    };
    let (id, lock) = (id.to_owned(), Lock::new(lock));
    Ok(Some((modified, Instance { id, path, files, _lock: lock })))
}

/// Whether a directory is one of ours: a name of eight letters alone is not enough to touch it.
fn is_instance(path: &Path) -> bool {
    path.join(OWNER).is_file() || path.join(RINGS).is_dir()
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Creates a directory, 0700, with its parents. An existing one is left as it is.
///
/// # Errors
/// As from the system; `NotADirectory` when something else has the name.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a directory that must be no link. An existing one is left as it is.
pub(crate) fn create_own(path: &Path) -> io::Result<()> {
    match is_own(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_directory(path),
        other => other,
    }
}

/// What somebody else's link leads to is not ours to recover, or to remove from.
pub(crate) fn is_own(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    let what = "a link or a file is where a directory of ours should be";
    Err(io::Error::new(io::ErrorKind::NotADirectory, what))
}

/// Writes a new file, 0600, not following links.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

const ID_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Eight characters, random: pids repeat and containers share boot ids.
pub fn new_instance_id() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let mut random = hasher.finish();
    let mut id = String::with_capacity(8);
    for _ in 0..8 {
        id.push(char::from(ID_ALPHABET[(random % 36) as usize]));
        random /= 36;
    }
    id
}

pub(crate) fn is_instance_id(name: &str) -> bool {
    name.len() == 8 && name.bytes().all(|byte| ID_ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(root: &Path) -> io::Result<Slot> {
        Slot::take(root, &mut |_, _| {})
    }

    #[test]
    fn each_owner_has_a_slot_and_a_dead_one_leaves_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let first = take(root.path()).unwrap();
        let second = take(root.path()).unwrap();
        assert_eq!((first.number(), second.number()), (0, 1));
        assert!(Slot::try_take(root.path(), 0).unwrap().is_none());
        let instance = first.create_instance(b"{}").unwrap();
        let path = instance.path.clone();
        assert!(first.left_behind().unwrap().is_empty(), "its owner lives");
        drop((first, instance));

        let next = take(root.path()).unwrap();
        assert_eq!(next.number(), 0);
        assert_eq!(next.left_behind().unwrap()[0].path, path);
        assert_eq!(Slot::existing(root.path()), [0, 1]);
    }

    #[test]
    fn a_living_instance_is_left_alone_also_when_the_lock_of_its_slot_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let first = take(root.path()).unwrap();
        let _alive = first.create_instance(b"{}").unwrap();
        fs::remove_file(first.path().join("lock")).unwrap();
        let intruder = take(root.path()).unwrap();
        assert_eq!(intruder.number(), 0);
        assert!(intruder.left_behind().unwrap().is_empty());
        // The first owner notices, and writes elsewhere.
        let mut lease = Lease::new(root.path(), first);
        assert!(lease.renew().unwrap());
        assert_eq!(lease.slot().number(), 1);
        assert!(!lease.renew().unwrap());
    }

    #[test]
    fn a_directory_whose_remover_was_killed_before_the_last_step_goes() {
        let root = tempfile::tempdir().unwrap();
        let slot = take(root.path()).unwrap();
        let path = slot.create_instance(b"{}").unwrap().path;
        fs::remove_dir(path.join(RINGS)).unwrap();
        fs::remove_file(path.join(OWNER)).unwrap();
        assert!(slot.left_behind().unwrap().is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn directories_of_others_are_not_instances() {
        let root = tempfile::tempdir().unwrap();
        let slot = take(root.path()).unwrap();
        fs::create_dir(slot.path().join("personal")).unwrap();
        fs::write(slot.path().join("personal/data.txt"), "mine").unwrap();
        assert!(slot.left_behind().unwrap().is_empty());
    }

    #[test]
    fn a_slot_that_cannot_be_used_is_passed_over_and_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("inst/0/lock")).unwrap();
        fs::write(root.path().join("inst/1"), "a file").unwrap();
        let mut named = Vec::new();
        let slot = Slot::take(root.path(), &mut |path, _| named.push(path.to_owned())).unwrap();
        assert_eq!(slot.number(), 2);
        assert_eq!(named, [root.path().join("inst/0"), root.path().join("inst/1")]);
    }

    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("elsewhere");
        fs::create_dir_all(root.path().join("inst/0")).unwrap();
        std::os::unix::fs::symlink(&target, root.path().join("inst/0/lock")).unwrap();
        assert_eq!(take(root.path()).unwrap().number(), 1);
        assert!(!target.exists());
    }

    #[test]
    fn modes_keep_others_out() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("telemetry");
        let slot = take(&directory).unwrap();
        let instance = slot.create_instance(b"{}").unwrap().path;
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&instance), 0o700);
        assert_eq!(mode(&instance.join(OWNER)), 0o600);
        assert_eq!(mode(&slot.path().join("lock")), 0o600);
    }
}
