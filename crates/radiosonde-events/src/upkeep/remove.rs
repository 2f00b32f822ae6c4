//! Old files go, by a rule, and are entered first.

use std::fs;
use std::io;

use radiosonde_store::names::DayFile;
use radiosonde_store::sealed;

use super::found::last_plain;
use super::{Found, RemovedFile, Retention, Rule, Run, Step, Stopped, Task, plan};
use crate::ledger::{Entry, Ledger, Removed};
use crate::time;

impl Run<'_> {
    pub(super) fn remove(&mut self, all: &[Found], retention: Retention) -> Result<(), Stopped> {
        let entries: Vec<plan::Entry> =
            all.iter().map(|found| plan::Entry { day: found.day, bytes: found.bytes() }).collect();
        let (live, last) = (self.upkeep.live.written(), last_plain(all));
        let is_written = |day: &DayFile| {
            live.contains(&day.file_name())
                || !self.held.contains_key(&day.slot)
                    && last.get(&(day.slot, day.signal)) == Some(day)
        };
        let planned = plan::plan(&entries, &is_written, &retention, time::date(self.now));
        for (day, rule) in planned {
            // Many small files take as long as one that is large.
            self.goes_on(Step::Stretch)?;
            let Some(slot) = self.held.get(&day.slot) else { continue };
            let ledger = Ledger::of_slot(slot.path());
            let name = day.file_name();
            let Some(claim) = self.upkeep.live.claim(&name) else { continue };
            if self.remove_day(&ledger, &name, rule)? {
                self.untouchable.push(claim);
            }
            // A day of a hundred thousand parts has its ledger shortened as well.
            if let Err(error) = ledger.shorten(&self.upkeep.root) {
                self.upkept.fail(ledger.path(), Task::Enter, &error);
            }
        }
        Ok(())
    }

    /// Removes a day file in whichever form it is there. Whether it may be entered and not gone.
    fn remove_day(&mut self, ledger: &Ledger, name: &str, rule: Rule) -> Result<bool, Stopped> {
        let root = self.upkeep.root.clone();
        match self.remove_source(name) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(Stopped),
            Err(error) => {
                self.upkept.fail(root.join(name), Task::Remove, &error);
                return Ok(false);
            }
            Ok(_) => {}
        }
        let mut is_stuck = false;
        // Of a sealing that was killed.
        let _ = fs::remove_file(root.join(format!("{name}.zst.tmp")));
        for file in [format!("{name}.zst"), name.to_owned()] {
            match self.remove_one(ledger, &file, rule) {
                Ok(removed) => self.upkept.removed.extend(removed),
                Err((_, error)) if error.kind() == io::ErrorKind::Interrupted => {
                    return Err(Stopped);
                }
                Err((task, error)) => {
                    let path = root.join(&file);
                    let at = if task == Task::Enter { ledger.path() } else { &path };
                    self.upkept.fail(at, task, &error);
                    is_stuck = true;
                }
            }
        }
        Ok(is_stuck)
    }

    /// Enters the removal, then removes. `None` when there is no such file.
    fn remove_one(
        &mut self,
        ledger: &Ledger,
        name: &str,
        rule: Rule,
    ) -> Result<Option<RemovedFile>, (Task, io::Error)> {
        let path = self.upkeep.root.join(name);
        let of_file = |error| (Task::Remove, error);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(of_file(error)),
        };
        let go_on = &mut self.go_on;
        let count = sealed::count_lines(&path, &mut || go_on(Step::Stretch)).map_err(of_file)?;
        let removed = Removed { files: 1, lines: count.lines, bytes: found.len() };
        let ts = time::second(self.now);
        let entry = Entry::new(ts, name, rule.as_str(), removed, &found).damaged(!count.complete);
        ledger.add(&entry).map_err(|error| (Task::Enter, error))?;
        if !(self.go_on)(Step::Entered) {
            return Err(of_file(io::ErrorKind::Interrupted.into()));
        }
        fs::remove_file(&path).map_err(of_file)?;
        Ok(Some(RemovedFile { name: name.to_owned(), rule, removed }))
    }
}
