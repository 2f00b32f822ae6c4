//! Finding lines again, over all day files of some directories.
//!
//! Every file of the wanted signals is read, whatever its name says about its day: a line is filed
//! under the day it was drained. A query by id looks for the id's bytes first and parses only the
//! lines that hold them; the parsed line decides, so `job-1` never finds `job-12`.
//!
//! Three ways to take the result, by what they hold in memory:
//!
//! | | order | held in memory | duplicates |
//! | --- | --- | --- | --- |
//! | [`Query::scan`] | as in the files | one line | given out |
//! | [`Query::stream`] | by time | 56 bytes for each match | removed |
//! | [`Query::run`] | by time | the matches, at most [`Query::limit`] | removed |
//!
//! Lines that do not match are never held. Duplicates (recovery after a crash may write a line
//! twice) are told by their `id`.

mod collect;
mod filter;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::level::Level;
use crate::line::Line;
use crate::names::{DayFile, Signal};
use crate::query::collect::{Index, Kept};
use crate::query::filter::Needle;
use crate::reader::{Chunk, Reader};

pub use crate::query::filter::{InvalidId, check_id, trace_prefix};

/// What to look for. Every condition that is set must hold.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Directories whose day files are read. Folders in them are not.
    pub dirs: Vec<PathBuf>,
    /// Signals to read. Default: none given, meaning all.
    pub signals: Vec<Signal>,
    /// Exact `job_id`.
    pub job: Option<String>,
    /// `trace_id`s, or how they begin, in lower case; one of them must fit. Default: any.
    pub traces: Vec<String>,
    /// Exact `machine_id`.
    pub machine: Option<String>,
    /// Exact `worker_id`.
    pub worker: Option<String>,
    /// Exact `session_id`.
    pub session: Option<String>,
    /// The least severe level wanted. A line without a level does not fit then.
    pub level: Option<Level>,
    /// Names of events; one of them must fit. Default: any.
    pub evt: Vec<String>,
    /// Names of events not wanted.
    pub except_evt: Vec<String>,
    /// The first moment wanted.
    pub since: Option<Timestamp>,
    /// The first moment no longer wanted.
    pub until: Option<Timestamp>,
    /// The most lines [`Query::run`] keeps. Default: no limit, so memory is bounded by the matches.
    pub limit: Option<usize>,
    /// Whether a limit keeps the newest lines instead of the oldest.
    pub tail: bool,
}

/// The lines [`Query::run`] found, and how the reading went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// How the reading went.
    pub reading: Reading,
}

/// How reading the files went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reading {
    /// Files read to their end.
    pub files_read: u64,
    /// Bytes read from files.
    pub bytes_read: u64,
    /// Lines that matched, before a limit. Where a limit applies, a line that stands in the files
    /// twice may count twice.
    pub matched: u64,
    /// Stretches that are no lines, the first [`SKIPS_KEPT_MAX`]. A query by id judges only lines
    /// that hold the id.
    pub skips: Vec<Skip>,
    /// How many stretches are no lines, in all.
    pub skipped: u64,
    /// Files and directories that could not be read, or not to their end.
    pub unreadable: Vec<Unreadable>,
}

/// A stretch of a file that is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// The file.
    pub file: PathBuf,
    /// Where the stretch begins, in bytes.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// A file or directory that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// The file or directory.
    pub path: PathBuf,
    /// How far it was read, in bytes.
    pub offset: u64,
    /// What the system says.
    pub error: io::Error,
}

/// A matching line and where it stands.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found<'a> {
    /// The line.
    pub line: Line,
    /// The directory of its file.
    pub dir: &'a Path,
    /// The name of its file.
    pub file: DayFile,
    /// Where the line begins in its file, in bytes.
    pub offset: u64,
    index: u32,
}

impl Query {
    /// A query for every line of some directories.
    #[must_use]
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs, ..Self::default() }
    }

    /// Finds all matching lines, or as many as [`Query::limit`] says, sorted by time.
    #[must_use]
    pub fn run(&self) -> Answer {
        let mut kept = Kept::new(self.limit, self.tail);
        let mut reading = self.scan(&mut |found| kept.push(found));
        let (lines, duplicates) = kept.into_lines();
        reading.matched -= duplicates;
        Answer { lines, reading }
    }

    /// Hands every matching line to `each`, sorted by time, until `each` breaks off. Reads the
    /// files twice instead of holding the lines; ignores [`Query::limit`].
    pub fn stream(&self, each: &mut dyn FnMut(&Line) -> ControlFlow<()>) -> Reading {
        let mut index = Index::default();
        let mut reading = Reading::default();
        let files = self.files(&mut reading);
        self.scan_files(&files, &mut reading, &mut |found| index.push(&found));
        index.replay(&files, &mut reading, each);
        reading
    }

    /// Hands every matching line to `each` as it is read: unsorted, duplicates included. Ignores
    /// [`Query::limit`].
    pub fn scan(&self, each: &mut dyn FnMut(Found<'_>)) -> Reading {
        let mut reading = Reading::default();
        let files = self.files(&mut reading);
        self.scan_files(&files, &mut reading, each);
        reading
    }

    fn scan_files(&self, files: &[Source], reading: &mut Reading, each: &mut dyn FnMut(Found<'_>)) {
        let needle = Needle::of(self);
        for (index, source) in files.iter().enumerate() {
            let mut pass = Pass {
                query: self,
                needle: needle.as_ref(),
                source,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                reading: &mut *reading,
                each: &mut *each,
            };
            match pass.read() {
                Ok(()) => reading.files_read += 1,
                // Retention removed it after the directory was listed.
                Err((0, error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err((offset, error)) => {
                    reading.unreadable.push(Unreadable { path: source.path(), offset, error });
                }
            }
        }
    }

    fn files(&self, reading: &mut Reading) -> Vec<Source> {
        let mut files = Vec::new();
        for dir in &self.dirs {
            let listed = fs::read_dir(dir).and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.file_name()))
                    .collect::<Result<Vec<_>, _>>()
            });
            match listed {
                Ok(names) => files.extend(
                    names
                        .iter()
                        .filter_map(|name| DayFile::parse(name.to_str()?))
                        .filter(|file| {
                            self.signals.is_empty() || self.signals.contains(&file.signal)
                        })
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

impl Reading {
    /// Adds how another reading went.
    pub fn merge(&mut self, other: Self) {
        self.files_read += other.files_read;
        self.bytes_read += other.bytes_read;
        self.matched += other.matched;
        self.skipped += other.skipped;
        let room = SKIPS_KEPT_MAX.saturating_sub(self.skips.len());
        self.skips.extend(other.skips.into_iter().take(room));
        self.unreadable.extend(other.unreadable);
    }

    /// Whether something could not be read, so that lines may be missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.skipped > 0 || !self.unreadable.is_empty()
    }

    fn skip(&mut self, file: PathBuf, offset: u64, reason: String) {
        self.skipped += 1;
        if self.skips.len() < SKIPS_KEPT_MAX {
            self.skips.push(Skip { file, offset, reason });
        }
    }
}

/// A file to read.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    dir: PathBuf,
    file: DayFile,
}

impl Source {
    fn path(&self) -> PathBuf {
        self.dir.join(self.file.file_name())
    }
}

/// One reading of one file.
struct Pass<'a> {
    query: &'a Query,
    needle: Option<&'a Needle>,
    source: &'a Source,
    index: u32,
    reading: &'a mut Reading,
    each: &'a mut dyn FnMut(Found<'_>),
}

impl Pass<'_> {
    /// Reads the file; an error says how far it came.
    fn read(&mut self) -> Result<(), (u64, io::Error)> {
        let mut reader = Reader::open(&self.source.path()).map_err(|error| (0, error))?;
        let outcome = loop {
            match reader.next_chunk() {
                Ok(Some(Chunk::Lines { offset, bytes })) => self.lines(offset, bytes),
                Ok(Some(Chunk::HalfLine { offset, bytes })) => {
                    // Whole but for its line break, or not there yet. Never wrong.
                    let _ = self.line(offset, bytes);
                }
                Ok(Some(Chunk::Overlong { offset })) => {
                    self.reading.skip(self.source.path(), offset, "line over 16 MiB".to_owned());
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.reading.bytes_read += reader.bytes_read();
        outcome.map_err(|error| (reader.bytes_read(), error))
    }

    fn lines(&mut self, offset: u64, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let start = match self.needle {
                None => at,
                Some(needle) => match needle.find(&bytes[at..]) {
                    Some(hit) => {
                        memchr::memrchr(b'\n', &bytes[at..at + hit]).map_or(at, |nl| at + nl + 1)
                    }
                    None => return,
                },
            };
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |nl| start + nl);
            let offset = offset + start as u64;
            if let Err(reason) = self.line(offset, &bytes[start..end]) {
                self.reading.skip(self.source.path(), offset, reason);
            }
            at = end + 1;
        }
    }

    /// Judges one line; an error says why it is none.
    fn line(&mut self, offset: u64, text: &[u8]) -> Result<(), String> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let line = Line::parse(text).map_err(|error| error.to_string())?;
        if self.query.matches(&line) {
            self.reading.matched += 1;
            let Source { dir, file } = self.source;
            (self.each)(Found { line, dir, file: *file, offset, index: self.index });
        }
        Ok(())
    }
}

/// How many [`Skip`]s a [`Reading`] names; beyond, they are only counted.
pub const SKIPS_KEPT_MAX: usize = 100;

#[cfg(test)]
mod tests;
