//! The files a query reads: which there are, and where the lines of one that is gone may be now.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::foreign::{self, Format, Named, resolve};
use crate::line::Line;
use crate::names::{DayFile, Form, Signal, StoredFile};
use crate::query::{Query, Reading, Unreadable};
use crate::sealed;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    pub(super) name: Name,
}

/// What a file is called, and hence what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Name {
    /// A day file, in one of its forms.
    Day(StoredFile),
    /// Any other that somebody named; what it is stands in it.
    Other(OsString),
    /// Standard input.
    Stdin,
}

impl Source {
    pub(super) fn day(dir: PathBuf, file: StoredFile) -> Self {
        Self { dir, name: Name::Day(file) }
    }

    /// What somebody named that is no directory.
    fn single(path: &Path) -> io::Result<Option<Self>> {
        if path == Path::new(STDIN) {
            return Ok(Some(Self { dir: PathBuf::new(), name: Name::Stdin }));
        }
        let found = path.metadata()?;
        if found.is_dir() {
            return Ok(None);
        }
        Self::named(path, &found).map(Some)
    }

    fn named(path: &Path, found: &Metadata) -> io::Result<Self> {
        let kind = Named::of(found)?;
        let path = match kind {
            Named::File => resolve(path)?,
            Named::Pipe => path.to_owned(),
        };
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "has no name"));
        };
        // What is called a day file and compressed nevertheless is read as what it is.
        let is_as_called = |file: &StoredFile| {
            kind == Named::File
                && (file.form != Form::Plain || Format::of_file(&path) == Format::Text)
        };
        let day = name.to_str().and_then(StoredFile::parse).filter(is_as_called);
        let name = day.map_or_else(|| Name::Other(name.to_owned()), Name::Day);
        Ok(Self { dir: dir.to_owned(), name })
    }

    pub(super) fn path(&self) -> PathBuf {
        match &self.name {
            Name::Day(file) => self.dir.join(file.file_name()),
            Name::Other(name) => self.dir.join(name),
            Name::Stdin => PathBuf::from(STDIN),
        }
    }

    /// The day file it is, if it is called like one.
    pub(super) fn file(&self) -> Option<StoredFile> {
        match self.name {
            Name::Day(file) => Some(file),
            Name::Other(_) | Name::Stdin => None,
        }
    }

    /// The same day file in another form. `None` for what is no day file.
    pub(super) fn in_form(&self, form: Form) -> Option<Self> {
        self.file().map(|file| Self::day(self.dir.clone(), StoredFile { form, ..file }))
    }

    /// The signal of one of its lines.
    pub(super) fn signal(&self, line: &Line) -> Signal {
        self.file().map_or_else(|| line.signal(), |file| file.day.signal)
    }
}

impl Query {
    /// Whether a signal is asked for.
    pub(super) fn wants(&self, signal: Signal) -> bool {
        self.signals.is_empty() || self.signals.contains(&signal)
    }

    /// Every file of the wanted signals, in the order in which they are read. A directory that is
    /// named twice, or is behind a link as well, counts once.
    pub(super) fn files(&self, reading: &mut Reading) -> Vec<Source> {
        let mut files = Vec::new();
        let mut seen = HashSet::new();
        let wants = |file: &StoredFile| self.wants(file.day.signal);
        for dir in &self.dirs {
            if !seen.insert(fs::canonicalize(dir).unwrap_or_else(|_| dir.clone())) {
                continue;
            }
            let listed = match Source::single(dir) {
                Ok(Some(file)) => {
                    files.extend(Some(file).filter(|file| file.file().as_ref().is_none_or(wants)));
                    continue;
                }
                Ok(None) => StoredFile::list(dir),
                Err(error) => Err(error),
            };
            match listed {
                Ok(listed) => files.extend(
                    listed.into_iter().filter(wants).map(|file| Source::day(dir.clone(), file)),
                ),
                Err(error) => {
                    reading.unreadable.push(Unreadable { path: dir.clone(), offset: 0, error });
                }
            }
        }
        files.retain(|file| self.end_of(file) > 0);
        once_each(&mut files);
        files.sort_by(|a, b| a.dir.cmp(&b.dir).then_with(|| a.name.cmp(&b.name)));
        files
    }
}

/// Leaves out what is there already, by another path to its directory as well.
fn once_each(files: &mut Vec<Source>) {
    let mut dirs: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut seen = HashSet::new();
    files.retain(|Source { dir, name }| {
        let real = dirs.entry(dir.clone()).or_insert_with(|| {
            let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
            fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned())
        });
        seen.insert((real.clone(), name.clone()))
    });
}

/// How going through a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is not there any more.
    Gone,
    /// Read, if not to its end.
    Read,
    /// It is there, and nothing of it could be read.
    Unread,
}

/// Where the lines of a file that is gone may be now, besides the files that are read anyway: in
/// another form, or, where its compressed one was there already and held something else, under the
/// name of a part.
pub(super) fn gone_to(source: &Source, files: &[Source]) -> Vec<Source> {
    let Some(StoredFile { day, form, .. }) = source.file() else { return Vec::new() };
    if form != Form::Plain {
        // Somebody has unpacked it, or compressed it in the other way.
        let others = [Form::Plain, Form::Sealed, Form::Gzip].into_iter();
        let others = others.filter(|other| *other != form).filter_map(|form| source.in_form(form));
        return others.filter(|other| !files.contains(other)).collect();
    }
    let compressed = [Form::Sealed, Form::Gzip].map(|form| {
        let file = Source::day(source.dir.clone(), StoredFile::new(day, form));
        (!files.contains(&file)).then_some(file)
    });
    let [Some(sealed), gzip] = compressed else {
        let DayFile { signal, date, slot, .. } = day;
        // A directory that is gone as well holds nothing any more.
        let listed = StoredFile::list(&source.dir).unwrap_or_default().into_iter();
        return listed
            .filter(|file| (file.day.signal, file.day.date, file.day.slot) == (signal, date, slot))
            .map(|file| Source::day(source.dir.clone(), file))
            .filter(|source| !files.contains(source))
            .collect();
    };
    [Some(sealed), gzip].into_iter().flatten().collect()
}

/// Whether a file that others compressed and that is gone is of the day file that was read last: somebody
/// may have been at work on that then.
pub(super) fn is_unpacked(source: &Source, last: Option<&Source>) -> bool {
    let is_packed = source.file().is_some_and(|file| file.form == Form::Gzip);
    is_packed && last.is_some() && source.in_form(Form::Plain).as_ref() == last
}

/// Whether a compressed file holds what was read of its day file already, which comes before it.
pub(super) fn covered(
    query: &Query,
    source: &Source,
    before: Option<&(Source, Ended)>,
    reading: &mut Reading,
) -> bool {
    let Some((before, Ended::Read)) = before else { return false };
    match (before.file().map(|file| file.form), source.file().map(|file| file.form)) {
        (Some(Form::Plain), Some(Form::Sealed))
            if before.in_form(Form::Sealed).as_ref() == Some(source) => {}
        (Some(form), Some(Form::Gzip)) if before.in_form(Form::Gzip).as_ref() == Some(source) => {
            return is_covered(query, source, before, form);
        }
        _ => return false,
    }
    match sealed::stands_for(&before.path(), &source.path()) {
        Ok(same) => same,
        // Whoever sealed it has removed the day file by now, or has taken the sealed file back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            reading.unreadable.push(Unreadable { path: source.path(), offset: 0, error });
            true
        }
    }
}

/// Whether what somebody compressed by `gzip` is one of the other forms, of which the last one that
/// was read is `form`. Where that cannot be told, both are read: better a line twice than none.
fn is_covered(query: &Query, source: &Source, before: &Source, form: Form) -> bool {
    let is_same = |other: &Source, form| {
        let stop = &|| query.is_stopped();
        foreign::holds_the_same(&other.path(), form, &source.path(), stop).unwrap_or(false)
    };
    if is_same(before, form) {
        return true;
    }
    // Where there are all three, and the first two differ.
    let plain = source.in_form(Form::Plain).filter(|_| form == Form::Sealed);
    plain.is_some_and(|plain| is_same(&plain, Form::Plain))
}

/// How standard input is named.
const STDIN: &str = "-";
