//! Making a stream outlast a power cut, and removing what nobody needs.

use std::io;

use crate::files::{Mode, unlink_if_there};
use crate::lane::{CURSOR, Lane, State};

impl Lane {
    /// Syncs segments, names and cursor, and removes garbage.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        let dirty: Vec<u64> = state
            .segments
            .iter_mut()
            .filter(|(_, segment)| segment.is_dirty)
            .map(|(number, segment)| {
                segment.is_dirty = false;
                *number
            })
            .collect();
        let has_new_names = std::mem::take(&mut state.has_new_names);
        drop(state);
        let mut result = Ok(());
        for number in &dirty {
            let synced = self.sync_segment(*number);
            result = result.and(synced);
        }
        if has_new_names && let Err(error) = self.home.files().sync_dir(&self.path) {
            self.lock().has_new_names = true;
            result = result.and(Err(error));
        }
        result.and(self.sync_cursor(!dirty.is_empty()))
    }

    fn sync_segment(&self, number: u64) -> io::Result<()> {
        let file = match self.home.files().open(&self.segment_path(number), Mode::Write) {
            // Evicted meanwhile: then it is not known any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.lose_segment(&mut self.lock(), number);
                return Ok(());
            }
            opened => opened,
        };
        let Err(error) = file.and_then(|file| file.sync()) else { return Ok(()) };
        let mut state = self.lock();
        // The kernel may have forgotten it: what comes now goes to another file.
        if state.active.as_ref().is_some_and(|(active, _)| *active == number) {
            state.active = None;
        }
        let end = state.segments.range(number + 1..).next().map(|(_, next)| next.first);
        let end = end.unwrap_or_else(|| state.disk_next());
        let first = state.segments.get(&number).map_or(end, |segment| segment.first);
        state.at_risk = state.at_risk.saturating_add((end - first).records);
        Err(error)
    }

    /// Removes garbage, and leaves the rest to the kernel.
    pub(crate) fn tend(&self) -> io::Result<()> {
        let mut state = self.lock();
        self.write_what_is_done(&mut state, false)?;
        self.close_if_idle(&mut state);
        let garbage = std::mem::take(&mut state.garbage);
        drop(state);
        if self.unlink(&garbage) {
            self.lock().has_new_names = true;
        }
        Ok(())
    }

    fn write_what_is_done(&self, state: &mut State, has_more: bool) -> io::Result<()> {
        let needed = state.cursor.needed();
        self.leave_what_is_done(state);
        let is_done = state.cursor.needed() > needed;
        if has_more || is_done || state.slots.is_behind {
            self.write_cursor(state);
        }
        if state.slots.is_behind {
            return Err(io::Error::other("the cursor cannot be written"));
        }
        Ok(())
    }

    fn sync_cursor(&self, has_more: bool) -> io::Result<()> {
        let mut state = self.lock();
        self.write_what_is_done(&mut state, has_more)?;
        let slot = state.slots.last;
        let is_synced = slot == state.slots.synced;
        let file = if is_synced { None } else { Some(self.cursor_file(&mut state)?) };
        self.close_if_idle(&mut state);
        let garbage = std::mem::take(&mut state.garbage);
        state.slots.syncing = slot;
        drop(state);
        if let Some(file) = file {
            let synced = file.sync();
            let mut state = self.lock();
            state.slots.syncing = None;
            if let Err(error) = synced {
                state.garbage.extend(garbage);
                return Err(error);
            }
            state.slots.synced = slot;
        }
        // Only now: a cursor on disk names none of them.
        if self.unlink(&garbage) {
            self.lock().has_new_names = true;
        }
        Ok(())
    }

    /// Removes what is known as ours, by name, and the folder: never what somebody else put there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.active = None;
        state.slots = Default::default();
        let garbage = std::mem::take(&mut state.garbage).into_iter().map(|(number, _)| number);
        let ours: Vec<u64> = state.segments.keys().copied().chain(garbage).collect();
        drop(state);
        let files = self.home.files();
        for number in ours {
            unlink_if_there(files, &self.segment_path(number))?;
        }
        // Last: without it a segment would be taken again.
        unlink_if_there(files, &self.path.join(CURSOR))?;
        match files.remove_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
