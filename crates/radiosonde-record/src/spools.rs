//! Where the spools of a slot are: the queues of its owners' exports, which outlive them.
//!
//! ```text
//! inst/0/lock
//! inst/0/k3f9q2xw/…              an owner, until it has been recovered
//! inst/0/spool/k3f9q2xw/…        what it exported, until it is at its destination
//! ```
//!
//! What is in a spool is the business of whoever writes it. It stands beside the directory of its
//! owner, not in it, so that removing what was recovered, or setting aside what cannot be, never
//! touches it. The lock of the slot guards it, and while its owner lives that of the owner's
//! directory: an owner that lost its slot goes on with the spool it has.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::slot::{QUARANTINE, Slot, create_own, is_instance_id, is_own};

/// The directory with the spools of a slot.
const SPOOL: &str = "spool";

/// The spool of an owner who is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftSpool {
    /// The id of the instance it belonged to.
    pub instance: String,
    /// Its directory.
    pub path: PathBuf,
    /// Something of the owner is still to be recovered, or was set aside: exports may be added, so
    /// the spool is not to be removed, since it knows which of them it had already.
    pub awaits_recovery: bool,
}

/// The directory of the spool of an instance, given the instance's own: `inst/<n>/spool/<id>`. There
/// need not be one.
pub fn spool_of(instance: &Path) -> PathBuf {
    let name = instance.file_name().unwrap_or_default();
    instance.parent().unwrap_or(Path::new("")).join(SPOOL).join(name)
}

/// Whether nothing is left of the owner of a spool, neither in its slot nor set aside: then nobody
/// will add to it, and it may be removed once it is empty.
#[must_use]
pub fn is_orphaned(spool: &Path) -> bool {
    let (Some(slot), Some(name)) = (spool.parent().and_then(Path::parent), spool.file_name())
    else {
        return false;
    };
    // What cannot be looked at may well be there.
    let is_gone = |path: &Path| {
        let found = fs::symlink_metadata(path);
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    is_gone(&slot.join(name)) && is_gone(&slot.join(QUARANTINE).join(name))
}

impl Slot {
    /// As [`spool_of`], for an instance of this slot, with a directory to make it in (0700).
    ///
    /// # Errors
    /// As from the system, and when a link or a file has the name of that directory.
    pub fn place_for_spool(&self, instance: &str) -> io::Result<PathBuf> {
        let spools = self.path().join(SPOOL);
        create_own(&spools)?;
        Ok(spools.join(instance))
    }

    /// The spools that owners of this slot have left, by the names of their instances. One whose
    /// owner lives is passed over, also when the lock of the slot was taken from it.
    ///
    /// # Errors
    /// As from the system.
    pub fn left_spools(&self) -> io::Result<Vec<LeftSpool>> {
        let spools = self.path().join(SPOOL);
        let entries = match is_own(&spools).and_then(|()| fs::read_dir(&spools)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut left = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(instance) = entry.file_name().into_string() else { continue };
            if !is_instance_id(&instance) || !entry.file_type()?.is_dir() {
                continue;
            }
            // Held by its owner, or by whoever recovers it and has its spool open.
            match File::open(self.path().join(&instance)) {
                Ok(owner) if owner.try_lock().is_err() => continue,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let path = entry.path();
            let awaits_recovery = !is_orphaned(&path);
            left.push(LeftSpool { instance, path, awaits_recovery });
        }
        left.sort_by(|one, other| one.instance.cmp(&other.instance));
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::remove_instance;

    #[test]
    fn a_spool_outlives_its_owner_and_is_left_once_nobody_has_it() {
        let root = tempfile::tempdir().unwrap();
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        assert_eq!(slot.left_spools().unwrap(), []);
        let instance = slot.create_instance(b"{}").unwrap();
        let path = slot.place_for_spool(&instance.id).unwrap();
        assert_eq!(path, spool_of(&instance.path));
        fs::create_dir(&path).unwrap();
        fs::create_dir(path.with_file_name("somebody else's")).unwrap();
        assert_eq!(slot.left_spools().unwrap(), [], "its owner lives");
        assert!(!is_orphaned(&path));

        let (id, directory) = (instance.id.clone(), instance.path.clone());
        drop(instance);
        let left = |awaits_recovery| LeftSpool {
            instance: id.clone(),
            path: path.clone(),
            awaits_recovery,
        };
        assert_eq!(slot.left_spools().unwrap(), [left(true)], "its rings are not recovered yet");
        let aside = slot.path().join("quarantine").join(&id);
        fs::create_dir_all(aside.parent().unwrap()).unwrap();
        fs::rename(&directory, &aside).unwrap();
        assert_eq!(slot.left_spools().unwrap(), [left(true)], "they were set aside");
        remove_instance(&aside).unwrap();
        assert_eq!(slot.left_spools().unwrap(), [left(false)]);
        assert!(is_orphaned(&path));
        assert!(slot.left_behind().unwrap().is_empty(), "no rings");
    }

    #[test]
    fn a_link_in_the_place_of_the_spools_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        std::os::unix::fs::symlink("/", slot.path().join(SPOOL)).unwrap();
        assert!(slot.left_spools().is_err());
        assert!(slot.place_for_spool("abcdefgh").is_err());
    }
}
