//! Slots: which process owns which part of a telemetry directory.
//!
//! `inst/<n>/lock` is locked (flock) by the owner for its life; the lock covers the slot's rings,
//! stage and day files. Each owner works in a directory of its own below the slot, named by a
//! random instance id, so that what a dead owner left stands beside it untouched until it is
//! recovered:
//! ```text
//! inst/0/lock
//! inst/0/k3f9q2xw/owner.json callsites stage rings/0.ring rings/1.ring …
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Processes that can write to one directory at a time.
const SLOTS_MAX: u32 = 1024;

/// An owned slot. The lock is given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    number: u32,
    path: PathBuf,
    _lock: File,
}

impl Slot {
    /// Takes the first free slot of a telemetry directory, creating what is missing (0700).
    ///
    /// # Errors
    /// As from the system when the directory cannot be written; `QuotaExceeded` when all 1,024
    /// slots are taken.
    pub fn take(root: &Path) -> io::Result<Self> {
        create_directory(root)?;
        create_directory(&root.join("inst"))?;
        for number in 0..SLOTS_MAX {
            create_directory(&Self::path_of(root, number))?;
            if let Some(slot) = Self::try_take(root, number)? {
                return Ok(slot);
            }
        }
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, "all slots of the directory are taken"))
    }

    /// Takes one slot that exists; `None` when its owner lives.
    ///
    /// # Errors
    /// As from the system.
    pub fn try_take(root: &Path, number: u32) -> io::Result<Option<Self>> {
        let path = Self::path_of(root, number);
        let lock_path = path.join("lock");
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
        let same = fs::symlink_metadata(&lock_path)
            .is_ok_and(|now| lock.metadata().is_ok_and(|ours| ours.ino() == now.ino()));
        Ok(same.then_some(Self { number, path, _lock: lock }))
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

    /// The directories of owners before this one, oldest first.
    ///
    /// # Errors
    /// As from the system.
    pub fn left_behind(&self, own: Option<&str>) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_instance_id(name) && Some(name) != own && entry.file_type()?.is_dir() {
                let modified = entry.metadata()?.modified()?;
                found.push((modified, entry.path()));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Creates the directory of a new owner, with its description, and returns id and path.
    ///
    /// # Errors
    /// As from the system.
    pub fn create_instance(&self, owner: &[u8]) -> io::Result<(String, PathBuf)> {
        let id = new_instance_id();
        let path = self.path.join(&id);
        create_directory(&path)?;
        create_directory(&path.join("rings"))?;
        write_new(&path.join("owner.json"), owner)?;
        Ok((id, path))
    }

    fn path_of(root: &Path, number: u32) -> PathBuf {
        root.join("inst").join(number.to_string())
    }
}

/// Creates a directory, 0700, with its parents. An existing one is left as it is.
///
/// # Errors
/// As from the system; `NotADirectory` when something else has the name.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a new file, 0600, not following links.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
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

fn is_instance_id(name: &str) -> bool {
    name.len() == 8 && name.bytes().all(|byte| ID_ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_a_slot_and_a_dead_one_leaves_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let first = Slot::take(root.path()).unwrap();
        let second = Slot::take(root.path()).unwrap();
        assert_eq!((first.number(), second.number()), (0, 1));
        assert!(Slot::try_take(root.path(), 0).unwrap().is_none());
        let (id, path) = first.create_instance(b"{}").unwrap();
        assert!(first.left_behind(Some(&id)).unwrap().is_empty());
        drop(first);

        let next = Slot::take(root.path()).unwrap();
        assert_eq!(next.number(), 0);
        assert_eq!(next.left_behind(None).unwrap(), [path]);
        assert_eq!(Slot::existing(root.path()), [0, 1]);
    }

    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("elsewhere");
        fs::create_dir_all(root.path().join("inst/0")).unwrap();
        std::os::unix::fs::symlink(&target, root.path().join("inst/0/lock")).unwrap();
        assert!(Slot::take(root.path()).is_err());
        assert!(!target.exists());
    }

    #[test]
    fn modes_keep_others_out() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("telemetry");
        let slot = Slot::take(&directory).unwrap();
        let (_, instance) = slot.create_instance(b"{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&instance), 0o700);
        assert_eq!(mode(&instance.join("owner.json")), 0o600);
        assert_eq!(mode(&slot.path().join("lock")), 0o600);
    }
}
