//! A directory whose files are followed, or a single day file.
//!
//! Files are told apart by what they are, not by their names: one that is renamed goes on, and another
//! one of an old name begins. A plain file that was opened is read to its end whatever becomes of it;
//! as its writer has closed it before it is sealed or removed, its end is the end. What appears sealed
//! was written and sealed between two looks, and is read from its beginning. So is what others
//! compressed, unless it is what was read already.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::civil::Date;

use crate::follow::compare::Comparisons;
use crate::follow::file::{Ended, Followed, Identity};
use crate::follow::known::Known;
use crate::follow::read::Judge;
use crate::follow::turned::{Doubled, Turned};
use crate::foreign::resolve;
use crate::names::{DayFile, Form, Signal, StoredFile};
use crate::query::{Query, Unreadable};
use crate::reader::are_too_many;
use crate::sealed::Wanted;

/// A place to look at.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) dir: PathBuf,
    single: Option<DayFile>,
    signals: Vec<Signal>,
    /// In the order of signal, slot, day and part: what one process writes comes after one another.
    pub(super) files: Vec<Followed>,
    /// Sealed files that are there, and were read or are among `files`.
    pub(super) sealed: BTreeSet<DayFile>,
    /// Sealed files that hold nothing but what is in their day files, which are there as well.
    pub(super) doubled: BTreeMap<DayFile, Doubled>,
    /// Of files that may hold the same.
    pub(super) comparisons: Comparisons,
    /// Files that others compressed.
    pub(super) turned: Turned,
    /// What was read of files whose names are gone.
    pub(super) known: Known,
    /// Day files whose names are gone, as part 0, and of which it is not known yet what they became.
    pub(super) awaited: BTreeSet<DayFile>,
    /// The last part of each day and slot.
    parts: BTreeMap<(Signal, Date, u32), u32>,
    identity: Option<Identity>,
    pub(super) listed: Option<Listed>,
    is_looked_at: bool,
    is_away: bool,
    /// Another directory has its name since.
    is_replaced: bool,
    /// Descriptors ran out.
    pub(super) is_scarce: bool,
    /// There are compressed files that wait until others of them are read.
    pub(super) is_crowded: bool,
    /// Descriptors ran out, and none of them were its own.
    pub(super) is_starved: bool,
    /// The last look was the first one.
    was_first: bool,
    pub(super) open_files_max: usize,
}

/// When a directory was listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    at: Instant,
    /// When it had been changed before.
    changed: Option<SystemTime>,
    /// Whether a change since would show.
    is_settled: bool,
}

/// What a look has to say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) away: Vec<PathBuf>,
    pub(super) back: Vec<PathBuf>,
}

impl Told {
    pub(super) fn add(&mut self, other: Self) {
        self.unreadable.extend(other.unreadable);
        self.away.extend(other.away);
        self.back.extend(other.back);
    }

    pub(super) fn not_read(&mut self, path: PathBuf, offset: u64, error: io::Error) {
        self.unreadable.push(Unreadable { path, offset, error });
    }

    pub(super) fn removed(&mut self, path: PathBuf, offset: u64, what: &str) {
        self.not_read(path, offset, io::Error::new(io::ErrorKind::NotFound, what));
    }
}

impl Place {
    /// One of so many.
    pub(super) fn new(path: &Path, query: &Query, places: usize) -> Self {
        let is_dir = path.is_dir();
        // As a query does it.
        let path = &resolve(path).ok().filter(|_| !is_dir).unwrap_or_else(|| path.to_owned());
        let name = path.file_name().and_then(|name| name.to_str());
        let single = name.and_then(StoredFile::parse).filter(|_| !is_dir).map(|file| file.day);
        let dir = match single {
            Some(_) => path.parent().unwrap_or_else(|| Path::new("")),
            None => path,
        };
        Self {
            dir: dir.to_owned(),
            single,
            signals: query.signals.clone(),
            files: Vec::new(),
            sealed: BTreeSet::new(),
            doubled: BTreeMap::new(),
            comparisons: Comparisons::default(),
            turned: Turned::default(),
            known: Known::default(),
            awaited: BTreeSet::new(),
            parts: BTreeMap::new(),
            identity: None,
            listed: None,
            is_looked_at: false,
            is_away: false,
            is_replaced: false,
            is_scarce: false,
            is_crowded: false,
            is_starved: false,
            was_first: false,
            open_files_max: (OPEN_FILES_ALL / places.max(1)).clamp(8, OPEN_FILES_MAX),
        }
    }

    /// Learns what is there now. With the first look everything that is there counts as read.
    pub(super) fn look(&mut self, now: Instant, wanted: &Wanted, told: &mut Told) {
        let is_first = !std::mem::replace(&mut self.is_looked_at, true);
        (self.is_starved, self.was_first) = (false, is_first);
        if self.comparisons.go_on() {
            // What is known now is used by who goes through the list.
            self.listed = None;
        }
        let mut listed = self.list(now);
        if listed.as_ref().is_err_and(are_too_many) && self.close_all() > 0 {
            listed = self.list(now);
        }
        let listed = match listed {
            Ok(None) => return self.look_at_closed(),
            Ok(Some(listed)) => listed,
            Err(error) if are_too_many(&error) => {
                (self.is_starved, self.is_looked_at, self.listed) = (true, !is_first, None);
                return;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    self.listed = None;
                    told.away.push(self.dir.clone());
                    if error.kind() != io::ErrorKind::NotFound {
                        told.not_read(self.dir.clone(), 0, error);
                    }
                }
                return;
            }
        };
        let is_back = std::mem::take(&mut self.is_away);
        if is_back {
            told.back.push(self.dir.clone());
        }
        let is_fresh = std::mem::take(&mut self.is_replaced) || is_first || is_back;
        let plain = self.find_plain(&listed);
        self.note_all_plain(&plain, is_first, now, told);
        let there: BTreeMap<DayFile, Identity> =
            plain.iter().map(|(day, found)| (*day, Identity::of(found))).collect();
        let of = |form| listed.iter().filter(move |file| file.form == form).map(|file| file.day);
        let sealed: BTreeSet<DayFile> = of(Form::Sealed).collect();
        self.is_crowded = false;
        let unsealed: Vec<DayFile> = self.sealed.difference(&sealed).copied().collect();
        self.turned.note_unsealed(&unsealed);
        self.sealed.retain(|day| sealed.contains(day));
        self.doubled.retain(|day, _| sealed.contains(day) && there.contains_key(day));
        self.note_gone(&plain, wanted, told);
        self.comparisons.begin();
        for day in &sealed {
            if is_first {
                let _ = self.sealed.insert(*day);
            } else if !self.is_doubled(*day, there.get(day)) {
                self.note_sealed(*day, wanted, now, told);
            }
        }
        self.note_turned(&of(Form::Gzip).collect(), is_first, wanted, now, told);
        if self.comparisons.end() {
            self.listed = None;
        }
        // A sealed file beside its day file was written before that.
        self.files.sort_by_key(|file| (order(file.day), !file.is_complete()));
        self.note_parts(&listed, is_fresh, told);
        if std::mem::take(&mut self.is_scarce) {
            // Whoever reads what was there needs some as well.
            let _ = self.close_all();
        }
    }

    /// The files there are; `None` where nothing can have changed.
    fn list(&mut self, now: Instant) -> io::Result<Option<Vec<StoredFile>>> {
        if let Some(day) = self.single {
            let is_there = |file: &StoredFile| self.path_of(*file).symlink_metadata().is_ok();
            let forms = FORMS.map(|form| StoredFile { day, form });
            let listed = forms.into_iter().filter(|file| self.wants(file) && is_there(file));
            return Ok(Some(listed.collect()));
        }
        let found = self.dir.metadata()?;
        let identity = Some(Identity::of(&found));
        if self.identity != identity && self.identity.is_some() {
            // A directory of the same name: nothing in it was read.
            self.sealed.clear();
            self.doubled.clear();
            self.comparisons = Comparisons::default();
            (self.turned, self.known) = (Turned::default(), Known::default());
            self.parts.clear();
            (self.listed, self.is_replaced) = (None, true);
        }
        self.identity = identity;
        let changed = found.modified().ok();
        if let Some(listed) = self.listed {
            let is_recent = now.saturating_duration_since(listed.at) < LIST_AGAIN;
            if listed.is_settled && listed.changed == changed && is_recent {
                return Ok(None);
            }
        }
        // Some file systems tell time in seconds.
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        let is_settled = age.is_some_and(|age| age > SETTLED);
        let mut files = StoredFile::list(&self.dir)?;
        self.listed = Some(Listed { at: now, changed, is_settled });
        files.retain(|file| self.wants(file));
        Ok(Some(files))
    }

    /// Whether it is one day file, whatever is beside it.
    pub(super) fn is_single(&self) -> bool {
        self.single.is_some()
    }

    fn wants(&self, file: &StoredFile) -> bool {
        self.signals.is_empty() || self.signals.contains(&file.day.signal)
    }

    fn find_plain(&self, listed: &[StoredFile]) -> Vec<(DayFile, Metadata)> {
        let plain = listed.iter().filter(|file| file.form == Form::Plain);
        // One that is gone by now was sealed, which the same list tells, or removed.
        plain
            .filter_map(|file| Some((file.day, self.path_of(*file).symlink_metadata().ok()?)))
            .collect()
    }

    fn note_all_plain(
        &mut self,
        plain: &[(DayFile, Metadata)],
        is_first: bool,
        now: Instant,
        told: &mut Told,
    ) {
        let numbered = self.files.iter().enumerate();
        let known: HashMap<Identity, usize> =
            numbered.filter_map(|(number, file)| Some((file.identity?, number))).collect();
        for (count, (day, found)) in plain.iter().enumerate() {
            match known.get(&Identity::of(found)).and_then(|number| self.files.get_mut(*number)) {
                Some(known) => known.found_as(*day, found),
                None => self.note_plain(*day, found, is_first, now, told),
            }
            if is_first && count % 32 == 31 {
                self.close_some();
            }
        }
    }

    fn note_plain(
        &mut self,
        day: DayFile,
        found: &Metadata,
        is_first: bool,
        now: Instant,
        told: &mut Told,
    ) {
        let mut file = Followed::plain(day, found, now);
        if is_first {
            let path = self.path_of(StoredFile::new(day, Form::Plain));
            let mut skipped = file.skip_to_end(&path);
            if skipped.as_ref().is_err_and(are_too_many) && self.close_all() > 0 {
                self.is_scarce = true;
                skipped = file.skip_to_end(&path);
            }
            self.is_starved |= skipped.as_ref().is_err_and(are_too_many);
            if let Err(error) = skipped {
                file.is_told = true;
                told.not_read(path, 0, error);
            }
        }
        self.files.push(file);
    }

    /// Forgets a first look, where that found no descriptors. Whether it was the first.
    pub(super) fn forget_first(&mut self) -> bool {
        if self.was_first {
            self.files.clear();
            self.sealed.clear();
            self.doubled.clear();
            self.parts.clear();
            (self.turned, self.known) = (Turned::default(), Known::default());
            (self.identity, self.listed) = (None, None);
            (self.is_looked_at, self.is_away) = (false, false);
        }
        self.was_first
    }

    /// Whether files without a descriptor have grown.
    fn look_at_closed(&mut self) {
        let mut is_listed = true;
        for file in self.files.iter_mut().filter(|file| !file.is_open()) {
            let path = self.dir.join(StoredFile::new(file.day, Form::Plain).file_name());
            match path.symlink_metadata() {
                Ok(found) if file.identity == Some(Identity::of(&found)) => {
                    file.found_as(file.day, &found);
                }
                _ => is_listed = false,
            }
        }
        if !is_listed {
            self.listed = None;
        }
    }

    /// Parts are numbered one after another, so that those are missed which came and went between two
    /// looks.
    fn note_parts(&mut self, listed: &[StoredFile], is_first: bool, told: &mut Told) {
        let there: BTreeSet<DayFile> = listed.iter().map(|file| file.day).collect();
        let mut missing = Vec::new();
        for day in &there {
            let key = (day.signal, day.date, day.slot);
            let known = self.parts.get(&key).copied();
            if known.is_some_and(|known| known >= day.part) {
                continue;
            }
            let _ = self.parts.insert(key, day.part);
            let first = known.map_or(0, |known| known + 1);
            let between = (first..day.part).take(if is_first { 0 } else { PARTS_TOLD_MAX });
            missing.extend(between.map(|part| DayFile { part, ..*day }));
        }
        missing.retain(|day| {
            let forms = FORMS.map(|form| StoredFile::new(*day, form));
            !forms.into_iter().any(|file| self.path_of(file).symlink_metadata().is_ok())
        });
        while self.parts.len() > PARTS_KEPT_MAX {
            let oldest = self.parts.keys().min_by_key(|(_, date, _)| *date).copied();
            let _ = oldest.and_then(|oldest| self.parts.remove(&oldest));
        }
        if let Some(first) = missing.first() {
            let path = self.path_of(StoredFile::new(*first, Form::Plain));
            let what = match missing.len() {
                1 => REMOVED.to_owned(),
                more => format!("{REMOVED}, and so were {} more files", more - 1),
            };
            told.removed(path, 0, &what);
        }
    }

    /// How many files are read.
    pub(super) fn followed(&self) -> usize {
        self.files.len()
    }

    /// Reads on: of each process so much, file after file. Whether there is more.
    pub(super) fn read(
        &mut self,
        bytes: u64,
        buffer: &mut Vec<u8>,
        now: Instant,
        told: &mut Told,
        judge: &mut Judge<'_>,
    ) -> bool {
        let mut waiting = None;
        let mut is_more = false;
        let mut is_scarce = false;
        let mut is_any_open = self.files.iter().any(Followed::may_close);
        self.is_starved = false;
        let mut replaced = None;
        for file in &mut self.files {
            let writer = (file.day.signal, file.day.slot);
            if waiting == Some(writer) {
                continue;
            }
            if replaced == Some(file.day) && file.is_fresh() {
                // With the next turn, when it is known how far the other one was read.
                (waiting, is_more) = (Some(writer), true);
                continue;
            }
            let path = self.dir.join(StoredFile::new(file.day, file.form).file_name());
            judge.begin();
            let mut is_active = false;
            // Somebody put another file in the place of one, which may be the same but for its end.
            let before = self.known.beginning(file.day, file.identity);
            let before = before.filter(|_| file.is_fresh());
            let begun = before.map_or(Ok(false), |before| file.go_on_behind(&path, before));
            let ended = begun.and_then(|_| {
                file.read(&path, bytes, buffer, &mut |piece| {
                    is_active = true;
                    judge.piece(&path, piece);
                })
            });
            if file.is_finished() && file.form == Form::Plain {
                replaced = Some(file.day);
            }
            is_any_open |= file.may_close();
            if is_active {
                file.active = now;
            }
            match ended {
                Ok(Ended::AtEnd) => {}
                Ok(Ended::Early) => {
                    (waiting, is_more) = (Some(writer), true);
                    judge.has_more();
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Sealed since the look: what came after it waits for the next one.
                    (waiting, self.listed) = (Some(writer), None);
                }
                // Once the others are closed it is read with the next turn.
                Err(error) if are_too_many(&error) => {
                    (waiting, is_scarce) = (Some(writer), is_any_open);
                    self.is_starved |= !is_any_open;
                }
                Err(error) if !std::mem::replace(&mut file.is_told, true) => {
                    told.not_read(path, file.bytes_read(), error);
                }
                Err(_) => {}
            }
        }
        for file in self.files.extract_if(.., |file| file.is_finished()) {
            match file.form {
                Form::Plain => self.known.note(&file),
                Form::Gzip => self.turned.note_read(&file),
                Form::Sealed => {}
            }
        }
        match is_scarce {
            true => self.close_all() > 0,
            false => {
                self.close_some();
                is_more || std::mem::take(&mut self.is_crowded)
            }
        }
    }

    /// Where every file that is there was read to, for whoever reads what was there before.
    pub(super) fn ends(&self) -> impl Iterator<Item = ((PathBuf, StoredFile), u64)> + '_ {
        let plain = self.files.iter().map(|file| (file.day, file.form, file.position()));
        let sealed = self.sealed.iter().map(|day| (*day, Form::Sealed, u64::MAX));
        let named = |(day, form, end)| ((self.dir.clone(), StoredFile::new(day, form)), end);
        plain.chain(sealed).map(named)
    }

    /// Keeps descriptors within bounds: of files nothing came to for longest, none is kept.
    fn close_some(&mut self) {
        let open = self.files.iter().filter(|file| file.is_open()).count();
        if open <= self.open_files_max {
            return;
        }
        let mut idle: Vec<&mut Followed> = self.files.iter_mut().collect();
        idle.sort_by_key(|file| file.active);
        let mut over = open - self.open_files_max;
        for file in idle {
            if over == 0 {
                break;
            }
            over -= usize::from(file.close());
        }
    }

    /// Lets go of every descriptor that can be opened again, and tells how many there were.
    pub(super) fn close_all(&mut self) -> usize {
        self.files.iter_mut().map(|file| usize::from(file.close())).sum()
    }

    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.files.iter().filter(|file| file.is_open()).count()
    }

    pub(super) fn path_of(&self, file: StoredFile) -> PathBuf {
        self.dir.join(file.file_name())
    }
}

/// The files of one process come after one another.
fn order(day: DayFile) -> (Signal, u32, Date, u32) {
    (day.signal, day.slot, day.date, day.part)
}

/// A directory that has not changed is listed again after this, for file systems that do not tell.
const LIST_AGAIN: Duration = Duration::from_secs(5);
/// A directory that was changed so long ago is changed at another time when it is changed again.
const SETTLED: Duration = Duration::from_secs(2);
/// Of one place, and of all together, but for a few of each. The usual limit of a process is 1,024, or
/// 256.
const OPEN_FILES_MAX: usize = 64;
const OPEN_FILES_ALL: usize = 128;
/// Parts that are missing, of those that are looked for at once.
const PARTS_TOLD_MAX: usize = 10_000;
/// Days and slots whose last part is remembered.
const PARTS_KEPT_MAX: usize = 16 << 10;
const FORMS: [Form; 3] = [Form::Plain, Form::Sealed, Form::Gzip];
pub(super) const REMOVED: &str = "removed before it was read";
