//! Closed files become sealed ones.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

use radiosonde_store::names::DayFile;
use radiosonde_store::sealed::{self, SealOptions};
use rustix::fs::{CWD, RenameFlags};

use super::backoff::Backoff;
use super::{Failed, Found, Run, SealedFile, Step, Stopped, Task};

/// Free bytes that sealing leaves to others: this, or one part in a hundred of a smaller disk.
const KEEP_FREE: u64 = 16 << 20;
const KEEP_FREE_SHARE: u64 = 100;

impl Run<'_> {
    pub(super) fn seal(&mut self) -> Result<(), Stopped> {
        let Some(grace) = self.upkeep.seal_after else { return Ok(()) };
        let all = self.list()?;
        let is_there =
            |name: &str| DayFile::parse(name).is_some_and(|day| all.iter().any(|f| f.day == day));
        self.backoff().keep(is_there);
        for found in &all {
            let name = found.day.file_name();
            if found.plain.is_none()
                || !found.rests(self.now, grace)
                || !self.held.contains_key(&found.day.slot)
            {
                continue;
            }
            let held_back = self.backoff().held_back(&name).cloned();
            if let Some(failed) = held_back {
                self.upkept.failed.push(failed);
                continue;
            }
            let Some(_claim) = self.upkeep.live.claim(&name) else { continue };
            // The listing is as old as the sealing of everything before this file took. Meanwhile
            // the drain may have begun it, filled it and gone on.
            let found = Found::look(&self.upkeep.root, found.day);
            if found.plain.is_none() || !found.rests(self.now, grace) {
                continue;
            }
            match self.seal_one(found) {
                Ok(sealed) => {
                    self.backoff().forget(&name);
                    self.upkept.sealed.extend(sealed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(Stopped),
                Err(error) => {
                    let path = self.upkeep.root.join(&name);
                    let failed = Failed { path, task: Task::Seal, reason: error.to_string() };
                    self.backoff().note(&name, &failed);
                    self.upkept.failed.push(failed);
                }
            }
        }
        Ok(())
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.upkeep.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals a closed file, or completes what a kill has interrupted.
    fn seal_one(&mut self, found: Found) -> io::Result<Option<SealedFile>> {
        let root = &self.upkeep.root;
        let name = found.day.file_name();
        let source = root.join(&name);
        let target = root.join(format!("{name}.zst"));
        if found.plain == Some(0) {
            fs::remove_file(&source)?;
            return Ok(None);
        }
        if found.sealed.is_some() {
            if !self.remove_source(&name)? {
                // Two files that share a name: both stay, and this one is sealed by the next run.
                let free = root.join(self.free_name(found.day)?);
                rustix::fs::renameat_with(CWD, &source, CWD, &free, RenameFlags::NOREPLACE)?;
            }
            return Ok(None);
        }
        let options = SealOptions::default().keep_free(reserve(root)?);
        let go_on = &mut self.go_on;
        let seal = sealed::seal(&source, &target, &options, &mut || go_on(Step::Stretch))?;
        if !(self.go_on)(Step::Sealed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fs::remove_file(&source)?;
        let (raw_bytes, sealed_bytes, lines) = (seal.raw_bytes, seal.sealed_bytes, seal.lines);
        Ok(Some(SealedFile { name, raw_bytes, sealed_bytes, lines }))
    }

    /// Removes a plain file whose sealed form is there and holds the same, as after a kill between
    /// the two. Whether that was so.
    pub(super) fn remove_source(&mut self, name: &str) -> io::Result<bool> {
        let root = &self.upkeep.root;
        let (source, target) = (root.join(name), root.join(format!("{name}.zst")));
        let both = [&source, &target].map(|path| fs::symlink_metadata(path).is_ok());
        let go_on = &mut self.go_on;
        let is_copy = both == [true, true]
            && sealed::is_sealed_copy(&source, &target, &mut || go_on(Step::Stretch))?;
        if is_copy {
            fs::remove_file(&source)?;
        }
        Ok(is_copy)
    }

    /// The name of a part nobody has begun. Whoever begins it meanwhile has it.
    fn free_name(&mut self, day: DayFile) -> io::Result<String> {
        let all = self.list().map_err(|Stopped| io::Error::from(io::ErrorKind::Interrupted))?;
        let same =
            |found: &&Found| (DayFile { part: 0, ..found.day }) == DayFile { part: 0, ..day };
        let last = all.iter().filter(same).map(|found| found.day.part).max().unwrap_or_default();
        Ok(DayFile { part: last.saturating_add(1), ..day }.file_name())
    }
}

/// The last free bytes belong to the application.
fn reserve(root: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(root)?;
    Ok(KEEP_FREE.min(disk.f_blocks.saturating_mul(disk.f_frsize) / KEEP_FREE_SHARE))
}
