//! Whose slots these are, and what dead owners left in them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use radiosonde_events::abandoned;
use radiosonde_otlp::Destinations;
use radiosonde_record::Slot;

use super::Finding;
use super::spools::{self, Place};
use crate::words::counted;

/// Slots that are named one by one.
const NAMED_MAX: usize = 10;

pub(super) fn look(root: &Path, own: Option<&Destinations>, findings: &mut Vec<Finding>) {
    // What may not be looked at is not empty.
    if let Err(error) = may_be_looked_at(root) {
        findings.push(Finding::fail(
            "slots",
            format!("what running and ended processes have there is not known: {error}"),
            "run this as the program's user: sudo -u USER radiosonde doctor",
        ));
        return;
    }
    let numbers = Slot::existing(root);
    let (mut running, mut free, mut aside, mut spools) = (Vec::new(), 0_u64, 0_u64, Vec::new());
    for number in numbers {
        let slot = root.join("inst").join(number.to_string());
        let is_in_use = is_owned(&slot);
        if is_in_use {
            running.push(number.to_string());
        } else {
            free += 1;
        }
        let below_it = below(&slot.join("spool")).into_iter();
        spools.extend(below_it.map(|path| Place { path, is_in_use }));
        aside += below(&slot.join("quarantine")).len() as u64;
    }
    let in_use = running.len();
    let more = in_use.saturating_sub(NAMED_MAX);
    running.truncate(NAMED_MAX);
    if more > 0 {
        running.push(format!("{more} more"));
    }
    findings.push(Finding::ok(
        "slots",
        match running.is_empty() {
            true => format!("none in use by a running process; {free} free"),
            false => format!(
                "{in_use} in use by running processes ({}); {free} free",
                running.join(", ")
            ),
        },
    ));
    let dead = abandoned(root);
    if dead > 0 {
        findings.push(Finding::warn(
            "slots",
            format!("{} left records or open spans", counted(dead, "killed process")),
            format!("radiosonde recover --dir {}, or start the service", root.display()),
        ));
    }
    if aside > 0 {
        findings.push(Finding::warn(
            "slots",
            format!("what {} left was set aside", counted(aside, "dead owner")),
            format!("radiosonde recover --retry-quarantined --dir {}", root.display()),
        ));
    }
    spools::look(root, &spools, own, findings);
}

fn may_be_looked_at(root: &Path) -> io::Result<()> {
    let look = |path: PathBuf| match fs::read_dir(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    };
    look(root.join("inst"))?;
    Slot::existing(root)
        .iter()
        .try_for_each(|number| look(root.join(format!("inst/{number}/spool"))))
}

/// Whether somebody holds the slot. Its lock is had for a moment where nobody does, shared, so that
/// two who look do not disturb each other.
fn is_owned(slot: &Path) -> bool {
    let lock = slot.join("lock");
    // A link would be somebody else's file.
    if !fs::symlink_metadata(&lock).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let Ok(file) = File::open(lock) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter(is_directory).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use radiosonde_otlp::{Manifest, spool_options};
    use radiosonde_spool::Spool;

    use super::*;
    use crate::doctor::State;

    fn look_at(root: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        look(root, None, &mut findings);
        findings
    }

    #[test]
    fn the_living_the_dead_and_what_they_left_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let found = look_at(root.path());
        assert_eq!(found[0].what, "none in use by a running process; 0 free");

        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let path = slot.place_for_spool("k3f9q2xw").unwrap();
        let manifest = Manifest::new("shop", "k3f9q2xw", Destinations::default(), Vec::new());
        let options = spool_options(None, None);
        let spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
        let found = look_at(root.path());
        assert_eq!(found[0].what, "1 in use by running processes (0); 0 free");
        assert_eq!((found.len(), found[1].state), (2, State::Ok), "{found:?}");

        drop((slot, spool));
        let found = look_at(root.path());
        assert_eq!(found[0].what, "none in use by a running process; 1 free");
        assert_eq!((found[1].subject, found[1].state), ("spool", State::Ok));
        assert!(Slot::try_take(root.path(), 0).unwrap().is_some(), "nobody keeps its lock");
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_empty() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("inst"), "").unwrap();
        let found = look_at(root.path());
        assert_eq!((found.len(), found[0].state), (1, State::Fail), "{found:?}");
        assert!(found[0].what.contains("inst: "), "{found:?}");
        fs::remove_file(root.path().join("inst")).unwrap();
        fs::create_dir_all(root.path().join("inst/0")).unwrap();
        fs::write(root.path().join("inst/0/spool"), "").unwrap();
        let found = look_at(root.path());
        assert_eq!((found.len(), found[0].state), (1, State::Fail), "{found:?}");
    }
}
