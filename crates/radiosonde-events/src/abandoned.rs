//! Whether killed processes have left records that nobody has recovered: a look from outside.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use radiosonde_record::Slot;
use radiosonde_record::recovery::look;

/// How many dead processes of a telemetry directory have left records that are not in its day files
/// yet, or spans that were open when they died. Best effort: what may not be looked at counts for nothing.
///
/// Changes nothing. Where nobody was killed, that is a look into the directories `inst/<n>` and one
/// attempt at the lock of each slot with an owner. Only where the owner is dead, that lock is had,
/// shared, for the time of the next attempt: a process that starts just then takes another slot, or
/// recovers these remains at its next start.
#[must_use]
pub fn abandoned(root: &Path) -> u64 {
    let of_slot = |number: u32| {
        let slot = root.join("inst").join(number.to_string());
        let entries = fs::read_dir(&slot).into_iter().flatten().flatten();
        let instances = entries.map(|entry| entry.path()).filter(|path| is_instance(path));
        instances.filter(|instance| is_dead(&slot, instance) && has_records(root, instance)).count()
    };
    Slot::existing(root).into_iter().map(|number| of_slot(number) as u64).sum()
}

/// Whether neither the slot nor the instance has an owner: who holds the slot sees to its remains.
fn is_dead(slot: &Path, instance: &Path) -> bool {
    let is_free = |file: io::Result<File>| {
        let file = file.ok()?;
        file.try_lock_shared().ok()?;
        Some(file)
    };
    // A link would be somebody else's file, which is not even opened.
    let lock = slot.join("lock");
    if !fs::symlink_metadata(&lock).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let Some(_slot) = is_free(File::open(lock)) else { return false };
    is_free(File::open(instance)).is_some()
}

/// Whether there is something for a recovery to bring into files: records, and spans that were open.
fn has_records(root: &Path, instance: &Path) -> bool {
    match look(root, instance) {
        Ok(left) => {
            let underway = left.batch.iter().flatten();
            left.pending_bytes > 0
                || left.open_spans > 0
                || underway.into_iter().any(|file| file.written < file.length)
        }
        // Something is there, if nothing that can be counted.
        Err(error) => error.kind() == io::ErrorKind::InvalidData,
    }
}

/// As recovery has it: a name of eight letters, and something of ours in it.
fn is_instance(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_named = name.len() == 8
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_ours = || path.join("owner.json").is_file() || path.join("rings").is_dir();
    is_named && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) && is_ours()
}

#[cfg(test)]
mod tests {
    use radiosonde_record::{Filter, Journal, Level, Placement, with_journal};

    use super::*;
    use crate::event;

    #[test]
    fn only_the_dead_who_left_something_count_and_their_slots_stay_free() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(abandoned(root.path()), 0);
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let instance = slot.create_instance(b"{}").unwrap();
        let placement = Placement::Directory(instance.path.clone());
        let journal = Journal::open(placement, Filter::at(Level::Info)).unwrap();
        assert_eq!(abandoned(root.path()), 0, "its owner lives");
        drop(instance);
        assert_eq!(abandoned(root.path()), 0, "its slot is held: its remains are seen to");
        drop(slot);
        assert_eq!(abandoned(root.path()), 0, "nothing was recorded");

        let site = journal.site(1, Default::default);
        let open = journal.open_span(&site, &[], &Default::default());
        assert_eq!(abandoned(root.path()), 1, "a span is open, and nothing else is there");
        journal.close_span(open);
        assert_eq!(abandoned(root.path()), 0);

        with_journal(&journal, || event!("user.action", "clicked"));
        assert_eq!(abandoned(root.path()), 1);
        let again = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        assert_eq!(again.number(), 0, "no lock was kept");
        let left = again.left_behind().unwrap();
        assert_eq!(left.len(), 1);
        drop(again);
        assert_eq!(abandoned(root.path()), 0, "somebody recovers it");
        drop(left);
        assert_eq!(abandoned(root.path()), 1);
    }

    #[test]
    fn what_only_looks_like_remains_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let slot = root.path().join("inst/0");
        fs::create_dir_all(slot.join("aaaaaaaa")).unwrap();
        fs::create_dir_all(slot.join("quarantine/bbbbbbbb/rings")).unwrap();
        fs::create_dir_all(slot.join("Notes/rings")).unwrap();
        fs::write(slot.join("cccccccc"), "").unwrap();
        fs::write(slot.join("lock"), "").unwrap();
        assert_eq!(abandoned(root.path()), 0);
    }
}
