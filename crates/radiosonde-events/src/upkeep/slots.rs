//! Whose files are ours to keep.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use radiosonde_record::{Slot, recovery::staged_files};

use super::found::last_plain;
use super::{Found, Run, Task};

/// Slots of dead processes that one run keeps.
const SLOTS_AT_ONCE: usize = 16;

impl Run<'_> {
    /// Takes our slot, and some of those whose owners are dead: each is a descriptor, which the
    /// application may need. The next run goes on with the next ones.
    pub(super) fn take_slots(&mut self, found: &[Found]) {
        let root = &self.upkeep.root;
        let mut numbers: BTreeSet<u32> = found.iter().map(|found| found.day.slot).collect();
        if let Some(own) = &self.upkeep.own {
            numbers.remove(&own.number());
            if own.is_held() {
                self.held.insert(own.number(), own.clone());
            }
        }
        let mut last = self.upkeep.last_slot.load(Ordering::Relaxed);
        let (before, after): (Vec<u32>, Vec<u32>) = numbers.into_iter().partition(|n| *n <= last);
        let most = self.held.len() + SLOTS_AT_ONCE;
        for number in after.into_iter().chain(before) {
            if self.held.len() == most {
                break;
            }
            last = number;
            match Slot::try_take_or_create(root, number) {
                Ok(Some(slot)) => drop(self.held.insert(number, slot)),
                Ok(None) => {}
                Err(error) => {
                    let path: PathBuf = root.join("inst").join(number.to_string());
                    self.upkept.fail(path, Task::Look, &error);
                    if is_out_of_descriptors(&error) {
                        break;
                    }
                }
            }
        }
        self.upkeep.last_slot.store(last, Ordering::Relaxed);
        for slot in self.held.values().cloned().collect::<Vec<_>>() {
            if let Err(error) = self.spare_what_is_staged(&slot, found) {
                self.held.remove(&slot.number());
                self.upkept.fail(slot.path(), Task::Look, &error);
            }
        }
    }

    /// A batch that is to be completed names its files, and how far they had got: they stay as they
    /// are until it is recovered.
    fn spare_what_is_staged(&mut self, slot: &Slot, found: &[Found]) -> std::io::Result<()> {
        // Our own is among them: its files are live, and nobody's to claim.
        for instance in slot.instances()? {
            let names = staged_files(&instance)
                .unwrap_or_else(|_unreadable| last_files(found, slot.number()));
            for name in names {
                self.untouchable.extend(self.upkeep.live.claim(&name));
            }
        }
        Ok(())
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let of_limit = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    of_limit.into_iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// What a batch of a slot may be on its way to when nothing tells.
fn last_files(found: &[Found], slot: u32) -> Vec<String> {
    let last = last_plain(found).into_iter().filter(|((of, _), _)| *of == slot);
    last.map(|(_, day)| day.file_name()).collect()
}
