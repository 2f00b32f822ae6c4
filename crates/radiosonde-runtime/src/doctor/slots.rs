//! Whose slots these are, and what dead owners left in them.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use radiosonde_events::abandoned;
use radiosonde_record::Slot;

use super::Finding;
use crate::words::{counted, size};

/// Slots that are named one by one.
const NAMED_MAX: usize = 10;

pub(super) fn look(root: &Path, findings: &mut Vec<Finding>) {
    let numbers = Slot::existing(root);
    let (mut running, mut free, mut aside, mut spools) = (Vec::new(), 0_u64, 0_u64, Vec::new());
    for number in numbers {
        let slot = root.join("inst").join(number.to_string());
        if is_owned(&slot) {
            running.push(number.to_string());
        } else {
            free += 1;
            spools.extend(below(&slot.join("spool")));
        }
        aside += below(&slot.join("quarantine")).len() as u64;
    }
    let more = running.len().saturating_sub(NAMED_MAX);
    running.truncate(NAMED_MAX);
    if more > 0 {
        running.push(format!("{more} more"));
    }
    let of = |what: String| if what.is_empty() { "none".to_owned() } else { what };
    findings.push(Finding::ok(
        "slots",
        format!("of running processes: {}; free: {free}", of(running.join(", "))),
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
    findings.extend(left_spools(root, &spools));
}

/// What waits for OTLP, and whose process is gone.
fn left_spools(root: &Path, spools: &[PathBuf]) -> Option<Finding> {
    let bytes = spools.iter().map(|spool| bytes_below(spool)).sum();
    (!spools.is_empty()).then(|| {
        Finding::warn(
            "spool",
            format!(
                "{} of processes that have ended wait for OTLP ({} on disk)",
                counted(spools.len() as u64, "spool"),
                size(bytes)
            ),
            format!(
                "start the service, or radiosonde spool drain --dir {}, with --endpoint where they go to one \
                 that is not in use any more",
                root.display()
            ),
        )
    })
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

/// Bytes of the files in a directory and in those directly below it: a spool goes no deeper.
fn bytes_below(directory: &Path) -> u64 {
    let files = |directory: &Path| -> u64 {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let lengths = entries.filter_map(|entry| entry.metadata().ok());
        lengths.filter(fs::Metadata::is_file).map(|found| found.len()).sum()
    };
    files(directory) + below(directory).iter().map(|folder| files(folder)).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    fn look_at(root: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        look(root, &mut findings);
        findings
    }

    #[test]
    fn the_living_the_dead_and_what_they_left_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let found = look_at(root.path());
        assert_eq!(found[0].what, "of running processes: none; free: 0");

        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        fs::create_dir_all(slot.path().join("spool/k3f9q2xw/logs")).unwrap();
        fs::write(slot.path().join("spool/k3f9q2xw/logs/1.seg"), [0; 2048]).unwrap();
        let found = look_at(root.path());
        assert_eq!(found.len(), 1, "the spool is its owner's: {found:?}");
        assert_eq!(found[0].what, "of running processes: 0; free: 0");

        drop(slot);
        let found = look_at(root.path());
        assert_eq!(found[0].what, "of running processes: none; free: 1");
        assert_eq!((found[1].subject, found[1].state), ("spool", State::Warn));
        assert!(
            found[1].what.contains("1 spool of") && found[1].what.contains("2.0 KiB"),
            "{found:?}"
        );
        assert!(Slot::try_take(root.path(), 0).unwrap().is_some(), "nobody keeps its lock");
    }
}
