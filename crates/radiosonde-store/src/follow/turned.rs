//! What becomes of files whose names are gone: they are sealed, compressed by others, or removed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::follow::compare::Pair;
use crate::follow::file::{Followed, Identity};
use crate::follow::known::is_beside;
use crate::follow::packed::{Facts, begins_with};
use crate::follow::place::{Place, REMOVED, Told};
use crate::names::{DayFile, Form, StoredFile};
use crate::reader::{are_too_many, open_plain};
use crate::sealed::Wanted;

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

/// The other parts of the day files whose names are gone, listed when somebody asks.
#[derive(Default)]
struct Parts(Option<Vec<StoredFile>>);

impl Parts {
    /// Those of the same day and process, in one form.
    fn of(&mut self, place: &Place, day: DayFile, form: Form) -> Vec<DayFile> {
        let list = || match place.is_single() {
            true => Vec::new(),
            false => StoredFile::list(&place.dir).unwrap_or_default(),
        };
        let listed = self.0.get_or_insert_with(list).iter();
        listed.filter(|file| file.form == form && is_beside(file.day, day)).map(|f| f.day).collect()
    }

    /// Whether a file is one of them.
    fn has_plain(&mut self, place: &Place, file: &Followed) -> bool {
        self.of(place, file.day, Form::Plain).into_iter().any(|day| {
            let found = place.path_of(StoredFile::new(day, Form::Plain)).symlink_metadata();
            found.is_ok_and(|found| Some(Identity::of(&found)) == file.identity)
        })
    }
}

/// What to do with a file that somebody compressed.
enum Todo {
    /// It is compared with others.
    Compare,
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
        let mut parts = Parts::default();
        self.awaited.clear();
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
            let is_kept = self.note_gone_closed(file, packed, &mut parts, wanted, told);
            packed += usize::from(file.is_packed());
            if is_kept && !file.is_packed() {
                let _ = self.awaited.insert(DayFile { part: 0, ..file.day });
            }
            is_kept
        });
        self.files = files;
    }

    /// The name of a file without a descriptor is gone. Whether there is more to be done about it.
    fn note_gone_closed(
        &mut self,
        file: &mut Followed,
        packed: usize,
        parts: &mut Parts,
        wanted: &Wanted,
        told: &mut Told,
    ) -> bool {
        match self.sealed_form(file, parts) {
            Ok(Some((day, is_read))) => {
                if is_read {
                    let _ = self.sealed.insert(day);
                    return false;
                }
                if packed >= self.open_files_max {
                    (self.is_crowded, self.listed) = (true, None);
                    return true;
                }
                let sealed = self.path_of(StoredFile::new(day, Form::Sealed));
                match file.go_on_sealed(day, &sealed, wanted) {
                    Ok(()) => {}
                    Err(error) if are_too_many(&error) => return self.has_to_wait(),
                    Err(error) => told.not_read(sealed, file.position(), error),
                }
                let _ = self.sealed.insert(day);
                return file.is_packed();
            }
            Ok(None) => {}
            Err(_) => return self.has_to_wait(),
        }
        if parts.has_plain(self, file) {
            // It was given another name since the list, which the next one has.
            self.listed = None;
            return true;
        }
        let path = |form| self.path_of(StoredFile::new(file.day, form));
        let is_packed = path(Form::Gzip).symlink_metadata().is_ok();
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

    /// The sealed form of a file whose name is gone, and whether nothing is in it that was not read.
    /// The list may be older: a file is sealed before its name goes. What finds another sealed file of
    /// its name is made a part first, and sealed as that.
    ///
    /// # Errors
    /// Where descriptors run out.
    fn sealed_form(
        &self,
        file: &Followed,
        parts: &mut Parts,
    ) -> io::Result<Option<(DayFile, bool)>> {
        // Behind what was read, there may be lines nobody has seen.
        let is_read = |facts: &Facts| !file.has_unread() && facts.length == Some(file.length());
        let own = self.path_of(StoredFile::new(file.day, Form::Sealed));
        if !self.sealed.contains(&file.day) && own.symlink_metadata().is_ok() {
            match Facts::of(&own, Form::Sealed) {
                Ok(facts) if facts.begins_with(file.head()) != Some(false) => {
                    return Ok(Some((file.day, is_read(&facts))));
                }
                Ok(_) => {}
                Err(error) if are_too_many(&error) => return Err(error),
                // Whoever has to read it tells.
                Err(_) => return Ok(Some((file.day, !file.has_unread()))),
            }
        }
        for day in parts.of(self, file.day, Form::Sealed) {
            if day == file.day || self.sealed.contains(&day) {
                continue;
            }
            match Facts::of(&self.path_of(StoredFile::new(day, Form::Sealed)), Form::Sealed) {
                Ok(facts) if facts.begins_with(file.head()) == Some(true) => {
                    return Ok(Some((day, is_read(&facts))));
                }
                Err(error) if are_too_many(&error) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// How far a sealed file is read, or was, as the day file it was; `u64::MAX` is to its end.
    ///
    /// # Errors
    /// Where descriptors run out: then it is not known yet.
    fn read_of(&self, day: DayFile, path: &Path) -> io::Result<u64> {
        let of_slot = self.files.iter().filter(|file| is_beside(file.day, day));
        let lengths = of_slot.filter(|file| file.is_complete()).filter_map(|file| {
            let length = file.plain_length()?;
            Some((file, length))
        });
        let being_read: Vec<(&Followed, u64)> = lengths.collect();
        if being_read.is_empty() && !self.known.has_any(day) {
            return Ok(0);
        }
        let has_its_name = |file: &Followed| file.day == day;
        match Facts::of(path, Form::Sealed) {
            Ok(facts) => {
                // By its descriptor, to its end.
                let is_read = being_read
                    .iter()
                    .any(|(file, length)| facts.holds(file.head(), *length, has_its_name(file)));
                Ok(if is_read { u64::MAX } else { self.known.read_of(day, &facts) })
            }
            Err(error) if are_too_many(&error) => Err(error),
            Err(_) => {
                let is_read = self.known.has_read(day)
                    || being_read.iter().any(|(file, _)| has_its_name(file));
                Ok(if is_read { u64::MAX } else { 0 })
            }
        }
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
        let Ok(found) = sealed_path.symlink_metadata() else {
            self.listed = None;
            return true;
        };
        let both = Doubled { plain, sealed: Identity::of(&found) };
        if self.doubled.get(&day) == Some(&both) {
            return true;
        }
        let (files, length) = ([plain, both.sealed], found.len());
        let pair = Pair { day, form: Form::Sealed, files, length };
        let is_same = self.comparisons.ask(pair, [&plain_path, &sealed_path]);
        // One of them may have been sealed, taken back or begun anew since the list.
        if there(&plain_path) != Some(plain) || there(&sealed_path) != Some(both.sealed) {
            self.listed = None;
            return true;
        }
        match is_same {
            // The day file is read meanwhile.
            Ok(None) => true,
            Ok(Some(true)) => {
                let _ = self.doubled.insert(day, both);
                true
            }
            Err(error) if are_too_many(&error) => self.has_to_wait(),
            // Better a line twice than none; what cannot be read is told by whoever reads it.
            Ok(Some(false)) | Err(_) => false,
        }
    }

    /// A sealed file of which nothing is in the day file beside it, if there is one.
    pub(super) fn note_sealed(
        &mut self,
        day: DayFile,
        wanted: &Wanted,
        now: Instant,
        told: &mut Told,
    ) {
        let is_awaited = self.awaited.contains(&DayFile { part: 0, ..day });
        if self.sealed.contains(&day) || is_awaited {
            return;
        }
        let path = self.path_of(StoredFile::new(day, Form::Sealed));
        let position = match self.read_of(day, &path) {
            Ok(u64::MAX) => {
                let _ = self.sealed.insert(day);
                return;
            }
            Ok(position) => position,
            Err(_) => {
                let _ = self.has_to_wait();
                return;
            }
        };
        let opened = self.open_packed((day, Form::Sealed), &path, position, wanted, now);
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
                Todo::Compare => continue,
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
        let position = file.position;
        // Somebody is at work on it, or its day file is being read to its end, which may have had
        // another name.
        let mut of_slot = self.files.iter().filter(|file| is_beside(file.day, day));
        let is_read = of_slot.any(Followed::is_complete);
        if now.saturating_duration_since(file.since) < SETTLED || is_read {
            return Todo::Wait;
        }
        let path = self.dir.join(StoredFile::new(day, Form::Gzip).file_name());
        let of_day = self.files.iter().filter(|file| file.day == day);
        let mut alike = of_day.map(|plain| begins_with(&path, plain.head()));
        let known = match alike.find(|alike| !matches!(alike, Ok(false))) {
            Some(Ok(_)) => Ok(Some(u64::MAX)),
            Some(Err(error)) => Err(error),
            None if self.turned.unsealed.contains(&day) => Ok(Some(u64::MAX)),
            None => self.known.position(day, &path),
        };
        let from = match known {
            Ok(Some(u64::MAX)) => u64::MAX,
            Ok(known) => known.unwrap_or_default().max(position),
            Err(error) if are_too_many(&error) => {
                let _ = self.has_to_wait();
                return Todo::Wait;
            }
            // What cannot be read is not whole yet: with its next change.
            Err(_) => {
                if let Some(file) = self.turned.files.get_mut(&day) {
                    file.is_done = true;
                }
                return Todo::Nothing;
            }
        };
        let is_copy = from == u64::MAX;
        let is_copy = match is_copy || !self.sealed.contains(&day) {
            true => Some(is_copy),
            false => self.is_sealed_copy(day, found, &path),
        };
        match is_copy {
            None => Todo::Compare,
            Some(false) => Todo::ReadFrom(from),
            Some(true) => {
                if let Some(file) = self.turned.files.get_mut(&day) {
                    file.is_known = true;
                }
                Todo::Nothing
            }
        }
    }

    /// Whether what others compressed holds the same as the sealed file beside it. `None` while that is
    /// not known.
    fn is_sealed_copy(&mut self, day: DayFile, found: &Metadata, path: &Path) -> Option<bool> {
        let sealed = self.path_of(StoredFile::new(day, Form::Sealed));
        let Ok(read) = sealed.symlink_metadata() else { return Some(false) };
        let (files, length) = ([Identity::of(&read), Identity::of(found)], found.len());
        let pair = Pair { day, form: Form::Gzip, files, length };
        match self.comparisons.ask(pair, [&sealed, path]) {
            Ok(is_same) => is_same,
            Err(error) if are_too_many(&error) => {
                let _ = self.has_to_wait();
                None
            }
            Err(_) => Some(false),
        }
    }
}

/// What has not changed for so long is whole.
const SETTLED: Duration = Duration::from_secs(1);
/// Sealed files that are gone, of those that are remembered.
const UNSEALED_MAX: usize = 4_096;
