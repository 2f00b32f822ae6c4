//! The files a query reads: which there are, and where the lines of one that is gone may be now.

use std::io;
use std::path::{Path, PathBuf};

use crate::names::{DayFile, Form, StoredFile};
use crate::query::{Query, Reading, Unreadable};
use crate::sealed;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    pub(super) file: StoredFile,
}

impl Source {
    /// The day file a path means, if it has the name of one, is there, and is no directory.
    pub(super) fn single(path: &Path) -> Option<Self> {
        let file = path.file_name()?.to_str().and_then(StoredFile::parse)?;
        let dir = path.parent()?.to_owned();
        let found = path.symlink_metadata().ok()?;
        (!found.is_dir()).then_some(Self { dir, file })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(self.file.file_name())
    }

    /// The sealed form of the same day file.
    pub(super) fn sealed(&self) -> Self {
        let file = StoredFile { form: Form::Sealed, ..self.file };
        Self { dir: self.dir.clone(), file }
    }
}

impl Query {
    fn wants(&self, file: StoredFile) -> bool {
        self.signals.is_empty() || self.signals.contains(&file.day.signal)
    }

    /// Every file of the wanted signals, in the order in which they are read.
    pub(super) fn files(&self, reading: &mut Reading) -> Vec<Source> {
        let mut files = Vec::new();
        for dir in &self.dirs {
            if let Some(file) = Source::single(dir) {
                files.extend(Some(file).filter(|single| self.wants(single.file)));
                continue;
            }
            match StoredFile::list(dir) {
                Ok(listed) => files.extend(
                    listed
                        .into_iter()
                        .filter(|file| self.wants(*file))
                        .map(|file| Source { dir: dir.clone(), file }),
                ),
                Err(error) => {
                    reading.unreadable.push(Unreadable { path: dir.clone(), offset: 0, error });
                }
            }
        }
        files.sort_by(|a, b| a.dir.cmp(&b.dir).then(a.file.cmp(&b.file)));
        files.dedup();
        files
    }
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

/// Where the lines of a file that is gone may be now, besides the files that are read anyway: in its
/// sealed form, or, where that was there already and held something else, under the name of a part.
pub(super) fn gone_to(source: &Source, files: &[Source]) -> Vec<Source> {
    let sealed = source.sealed();
    if source.file.form == Form::Sealed {
        return Vec::new();
    }
    if !files.contains(&sealed) {
        return vec![sealed];
    }
    let DayFile { signal, date, slot, .. } = source.file.day;
    // A directory that is gone as well holds nothing any more.
    let listed = StoredFile::list(&source.dir).unwrap_or_default().into_iter();
    listed
        .filter(|file| (file.day.signal, file.day.date, file.day.slot) == (signal, date, slot))
        .map(|file| Source { dir: source.dir.clone(), file })
        .filter(|source| !files.contains(source))
        .collect()
}

/// Whether a sealed file holds what was read of its day file already, which comes before it.
pub(super) fn covered(
    source: &Source,
    before: Option<&(Source, Ended)>,
    reading: &mut Reading,
) -> bool {
    let Some((plain, Ended::Read)) = before else { return false };
    if plain.sealed() != *source || plain == source {
        return false;
    }
    match sealed::stands_for(&plain.path(), &source.path()) {
        Ok(same) => same,
        // Whoever sealed it has removed the day file by now, or has taken the sealed file back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            reading.unreadable.push(Unreadable { path: source.path(), offset: 0, error });
            true
        }
    }
}
