//! What becomes of files whose names are gone: they are sealed, compressed by others, or removed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::follow::file::{Followed, Identity};
use crate::follow::packed::{begins_with, holds};
use crate::follow::place::{Place, REMOVED, Told};
use crate::foreign::holds_the_same;
use crate::names::{DayFile, Form, StoredFile};
use crate::reader::{are_too_many, open_plain};
use crate::sealed::{Wanted, stands_for};

/// Files that others compress, by `gzip`: they appear before they are whole.
#[derive(Debug, Default)]
pub(super) struct Turned {
    files: BTreeMap<DayFile, File>,
    /// Sealed files that are gone, which somebody may have compressed in another way.
    unsealed: BTreeSet<DayFile>,
}

#[derive(Debug)]
struct File {
    /// How long it was, and when it had been changed, since when.
    length: u64,
    changed: Option<SystemTime>,
    since: Instant,
    /// How far it was read, in bytes of what it holds.
    position: u64,
    is_done: bool,
    /// It was there before following began, or holds what was read elsewhere.
    is_known: bool,
}

impl Turned {
    pub(super) fn note_unsealed(&mut self, days: &[DayFile]) {
        self.unsealed.extend(days);
        while self.unsealed.len() > UNSEALED_MAX {
            let _ = self.unsealed.pop_first();
        }
    }

    /// One of them was read as far as it could be.
    pub(super) fn note_read(&mut self, file: &Followed) {
        if let Some(known) = self.files.get_mut(&file.day) {
            known.position = file.position();
        }
    }

    /// The day file beside it is gone, and had not been read to its end.
    fn look_again(&mut self, day: DayFile) {
        if let Some(known) = self.files.get_mut(&day) {
            (known.is_done, known.is_known) = (false, false);
        }
    }
}

/// Which day file and which sealed file of its name hold the same, as far as the sealed one goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Doubled {
    plain: Identity,
    sealed: Identity,
}

/// What to do with a file that somebody compressed.
enum Todo {
    Wait,
    /// It holds what is read elsewhere, or was.
    Nothing,
    ReadFrom(u64),
}

impl Place {
    /// Files whose names are gone.
    pub(super) fn note_gone(
        &mut self,
        plain: &[(DayFile, Metadata)],
        wanted: &Wanted,
        told: &mut Told,
    ) {
        let there: HashSet<Identity> = plain.iter().map(|(_, found)| Identity::of(found)).collect();
        let mut files = std::mem::take(&mut self.files);
        let mut packed = files.iter().filter(|file| file.is_packed()).count();
        files.retain_mut(|file| {
            let is_there = |identity| there.contains(&identity);
            if file.is_complete() || file.identity.is_none_or(is_there) {
                return true;
            }
            if file.is_open() {
                file.lost_its_name();
                return true;
            }
            let is_kept = self.note_gone_closed(file, packed, wanted, told);
            packed += usize::from(file.is_packed());
            is_kept
        });
        self.files = files;
    }

    /// The name of a file without a descriptor is gone. Whether there is more to be done about it.
    fn note_gone_closed(
        &mut self,
        file: &mut Followed,
        packed: usize,
        wanted: &Wanted,
        told: &mut Told,
    ) -> bool {
        // The list may be older: a file is sealed before its name goes.
        let path = |form| self.path_of(StoredFile::new(file.day, form));
        let is_there = |form| path(form).symlink_metadata().is_ok();
        let sealed = path(Form::Sealed);
        if is_there(Form::Sealed) && !self.sealed.contains(&file.day) {
            let is_read = if file.has_unread() { Ok(false) } else { holds(&sealed, file.length()) };
            match is_read {
                Ok(true) => {
                    let _ = self.sealed.insert(file.day);
                    return false;
                }
                Ok(false) => {}
                Err(_) => return self.has_to_wait(),
            }
            if packed >= self.open_files_max {
                (self.is_crowded, self.listed) = (true, None);
                return true;
            }
            match file.go_on_sealed(&sealed, wanted) {
                Ok(()) => {}
                Err(error) if are_too_many(&error) => return self.has_to_wait(),
                Err(error) => told.not_read(sealed, file.position(), error),
            }
            let _ = self.sealed.insert(file.day);
            return file.is_packed();
        }
        let is_packed = is_there(Form::Gzip);
        let is_replaced = || {
            let plain = open_plain(&path(Form::Plain));
            plain.is_ok_and(|(plain, _)| file.beginning().is_of(&plain).unwrap_or(false))
        };
        if !is_packed && file.has_unread() && !is_replaced() {
            told.removed(path(Form::Plain), file.position(), REMOVED);
        }
        self.known.note(file);
        if is_packed {
            self.turned.look_again(file.day);
        }
        false
    }

    /// Descriptors ran out: what is to be done with a file is done with the next look.
    fn has_to_wait(&mut self) -> bool {
        (self.is_scarce, self.is_starved, self.listed) = (true, true, None);
        true
    }

    /// Whether there is nothing to do about a sealed file now, as what it holds is in the day file
    /// beside it, or as that cannot be told before the next look.
    pub(super) fn is_doubled(&mut self, day: DayFile, plain: Option<&Identity>) -> bool {
        let Some(plain) = plain.copied().filter(|_| !self.sealed.contains(&day)) else {
            return false;
        };
        let path = |form| self.path_of(StoredFile::new(day, form));
        let (plain_path, sealed_path) = (path(Form::Plain), path(Form::Sealed));
        let there = |path: &Path| path.symlink_metadata().ok().as_ref().map(Identity::of);
        let Some(sealed) = there(&sealed_path) else {
            self.listed = None;
            return true;
        };
        let both = Doubled { plain, sealed };
        if self.doubled.get(&day) == Some(&both) {
            return true;
        }
        let is_same = stands_for(&plain_path, &sealed_path);
        // One of them may have been sealed, taken back or begun anew since the list.
        if there(&plain_path) != Some(plain) || there(&sealed_path) != Some(both.sealed) {
            self.listed = None;
            return true;
        }
        match is_same {
            Ok(true) => {
                let _ = self.doubled.insert(day, both);
                true
            }
            Err(error) if are_too_many(&error) => self.has_to_wait(),
            // Better a line twice than none; what cannot be read is told by whoever reads it.
            Ok(false) | Err(_) => false,
        }
    }

    /// A sealed file of which nothing is in the day file beside it, if there is one.
    pub(super) fn note_sealed(
        &mut self,
        day: DayFile,
        plain: Option<&Identity>,
        wanted: &Wanted,
        now: Instant,
        told: &mut Told,
    ) {
        let mut of_day = self.files.iter().filter(|file| file.day == day);
        // Its day file waits for a descriptor.
        let is_awaited = |file: &Followed| {
            file.identity.is_some() && file.identity.as_ref() != plain && !file.is_complete()
        };
        if self.sealed.contains(&day) || of_day.clone().any(is_awaited) {
            return;
        }
        let path = self.path_of(StoredFile::new(day, Form::Sealed));
        let read = of_day.find(|file| file.is_complete());
        let length = read.and_then(Followed::plain_length);
        // It is read to its end by its descriptor, or was.
        let is_read = match length.map_or(Ok(false), |length| holds(&path, length)) {
            Ok(false) => self.known.has_read(day, &path),
            is_read => is_read,
        };
        match is_read {
            Ok(true) => {
                let _ = self.sealed.insert(day);
                return;
            }
            Ok(false) => {}
            Err(_) => {
                let _ = self.has_to_wait();
                return;
            }
        }
        let opened = self.open_packed((day, Form::Sealed), &path, 0, wanted, now);
        match opened {
            Some(Ok(())) => {}
            None => return,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                told.removed(path, 0, REMOVED);
            }
            Some(Err(error)) => told.not_read(path, 0, error),
        }
        let _ = self.sealed.insert(day);
    }

    /// Opens a compressed file to be read; `None` where it has to wait.
    fn open_packed(
        &mut self,
        file: (DayFile, Form),
        path: &Path,
        position: u64,
        wanted: &Wanted,
        now: Instant,
    ) -> Option<io::Result<()>> {
        if self.files.iter().filter(|file| file.is_packed()).count() >= self.open_files_max {
            (self.is_crowded, self.listed) = (true, None);
            return None;
        }
        let open = || Followed::packed(file, path, position, wanted, now);
        let mut opened = open();
        if opened.as_ref().is_err_and(are_too_many) {
            if self.close_all() == 0 {
                (self.is_starved, self.listed) = (true, None);
                return None;
            }
            opened = open();
        }
        Some(opened.map(|file| self.files.push(file)))
    }

    /// Files that others compressed, of these days.
    pub(super) fn note_turned(
        &mut self,
        days: &BTreeSet<DayFile>,
        is_first: bool,
        wanted: &Wanted,
        now: Instant,
        told: &mut Told,
    ) {
        self.turned.files.retain(|day, _| days.contains(day));
        for day in days.iter().copied() {
            let path = self.path_of(StoredFile::new(day, Form::Gzip));
            let Ok(found) = path.symlink_metadata() else { continue };
            let todo = self.look_at_turned(day, &found, is_first, now);
            match todo {
                Todo::Wait => {
                    self.listed = None;
                    continue;
                }
                Todo::ReadFrom(position) => {
                    let file = (day, Form::Gzip);
                    match self.open_packed(file, &path, position, wanted, now) {
                        Some(Ok(())) => {}
                        None => continue,
                        Some(Err(error)) => told.not_read(path, 0, error),
                    }
                }
                Todo::Nothing => {}
            }
            if let Some(file) = self.turned.files.get_mut(&day) {
                file.is_done = true;
            }
        }
    }

    fn look_at_turned(
        &mut self,
        day: DayFile,
        found: &Metadata,
        is_known: bool,
        now: Instant,
    ) -> Todo {
        let (length, changed) = (found.len(), found.modified().ok());
        let new = File { length, changed, since: now, position: 0, is_done: is_known, is_known };
        let file = self.turned.files.entry(day).or_insert(new);
        if (file.length, file.changed) != (length, changed) {
            (file.length, file.changed, file.since) = (length, changed, now);
            file.is_done = file.is_known;
        }
        if file.is_done {
            return Todo::Nothing;
        }
        let mut of_day = self.files.iter().filter(|file| file.day == day);
        // Somebody is at work on it, or its day file is being read to its end.
        let is_read = of_day.clone().any(Followed::is_complete);
        if now.saturating_duration_since(file.since) < SETTLED || is_read {
            return Todo::Wait;
        }
        let path = self.dir.join(StoredFile::new(day, Form::Gzip).file_name());
        let sealed = self.dir.join(StoredFile::new(day, Form::Sealed).file_name());
        // Beside its day file what cannot be read is not whole yet.
        let is_copy = of_day.any(|plain| begins_with(&path, plain.head()).unwrap_or(true))
            || self.turned.unsealed.contains(&day)
            || self.sealed.contains(&day)
                && holds_the_same(&sealed, Form::Sealed, &path, &|| false).unwrap_or(false);
        match self.known.position(day, &path) {
            _ if is_copy => {}
            Some(u64::MAX) => {}
            Some(known) => return Todo::ReadFrom(known.max(file.position)),
            None => return Todo::ReadFrom(file.position),
        }
        file.is_known = true;
        Todo::Nothing
    }
}

/// What has not changed for so long is whole.
const SETTLED: Duration = Duration::from_secs(1);
/// Sealed files that are gone, of those that are remembered.
const UNSEALED_MAX: usize = 4_096;
