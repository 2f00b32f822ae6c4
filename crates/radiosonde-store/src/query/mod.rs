//! Finding lines again, over all day files of some directories.
//!
//! Every file of the wanted signals is read, whatever its name says about its day: a line is filed
//! under the day it was drained. A query by id looks for the id's bytes first and parses only the
//! lines that hold them; the parsed line decides, so `job-1` never finds `job-12`. Of sealed files
//! only the frames are read that may hold a match, by their ids and times.
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
//! twice) are told by their `id`. Where a day file stands beside its sealed form, the day file alone
//! is read, after comparing them; where they differ, both are.

mod collect;
pub mod condition;
mod filter;
mod pass;
mod replay;
mod source;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::level::Level;
use crate::line::Line;
use crate::names::{Signal, StoredFile};
use crate::query::collect::{Index, Kept};
use crate::query::filter::Needle;
use crate::query::pass::Pass;
use crate::query::source::{Ended, Source, covered, gone_to};
use crate::sealed::{Damage, Wanted};

pub use crate::query::condition::{Condition, InvalidCondition};
pub use crate::query::filter::{InvalidId, check_id, trace_prefix};

/// What to look for. Every condition that is set must hold.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Directories whose day files are read, folders in them are not; or single day files, by their
    /// paths.
    pub dirs: Vec<PathBuf>,
    /// Signals to read. Default: none given, meaning all.
    pub signals: Vec<Signal>,
    /// Exact `job_id`.
    pub job: Option<String>,
    /// `trace_id`s, or how they begin, in lower case; one of them must fit. Default: any.
    pub traces: Vec<String>,
    /// `trace_id`s in full; what fits is a span that links to one of these traces, unless it is its
    /// own. No index knows links: narrow it by [`Query::since`] and [`Query::bytes_max`]. Default:
    /// any line, whatever it links to.
    pub links_to: BTreeSet<String>,
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
    /// Conditions on fields, such as `status>=400`. A line of other bytes than all of them need is not
    /// judged at all, as with ids.
    pub conditions: Vec<Condition>,
    /// Whether metric lines of snapshots are left out, so that of metrics only those remain that
    /// tell what a job did.
    pub except_snapshots: bool,
    /// The first moment wanted.
    pub since: Option<Timestamp>,
    /// The first moment no longer wanted.
    pub until: Option<Timestamp>,
    /// The most lines [`Query::run`] keeps. Default: no limit, so memory is bounded by the matches.
    pub limit: Option<usize>,
    /// Whether a limit keeps the newest lines instead of the oldest.
    pub tail: bool,
    /// The most bytes of lines that are gone through, the oldest files of the first directory
    /// first; of sealed files as they were before. What is left is not read, and
    /// [`Reading::is_cut_off`] says so. Default: no limit.
    pub bytes_max: Option<u64>,
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
    /// Files gone through to their end, [`Reading::files_skipped`] among them.
    pub files_read: u64,
    /// Sealed files of which only the index was read, since nothing in them could match.
    pub files_skipped: u64,
    /// Frames of sealed files that were read.
    pub frames_read: u64,
    /// Frames of sealed files that were not read, since nothing in them could match.
    pub frames_skipped: u64,
    /// Bytes read from files, as they are stored; what is read twice counts twice.
    pub bytes_read: u64,
    /// Bytes of files and of frames that were not read, as they are stored, since nothing in them
    /// could match.
    pub bytes_skipped: u64,
    /// Lines that were taken apart to be judged; of the others a look at their bytes told enough.
    pub lines_parsed: u64,
    /// Lines that were found again under the same `id` and left out.
    pub duplicates: u64,
    /// Bytes written to temporary files, since what matched was too much to be sorted in memory.
    pub bytes_spilled: u64,
    /// Lines that matched, before a limit. Where a limit applies, a line that stands in the files
    /// twice may count twice.
    pub matched: u64,
    /// Stretches that are no lines, the first [`SKIPS_KEPT_MAX`]. A query by id judges only lines
    /// that hold the id.
    pub skips: Vec<Skip>,
    /// How many stretches are no lines, in all.
    pub skipped: u64,
    /// What is wrong with sealed files, the first [`SKIPS_KEPT_MAX`].
    pub damaged: Vec<Damaged>,
    /// How often something is wrong with a sealed file, in all.
    pub damages: u64,
    /// How often of these lines may be missing because of it.
    pub damages_with_loss: u64,
    /// Files and directories that could not be read, or not to their end.
    pub unreadable: Vec<Unreadable>,
    /// Whether [`Query::bytes_max`] ended it, so that lines may be missing.
    pub is_cut_off: bool,
}

/// A stretch of a file that is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// The file.
    pub file: PathBuf,
    /// Where the stretch begins, in bytes; for a sealed file, in bytes of the day file it was made of.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Something wrong with a sealed file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// Where and what.
    pub damage: Damage,
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
    pub file: StoredFile,
    /// Where the line begins in its file, in bytes; in a sealed one, in the day file it was made of.
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
        let mut files = self.files(&mut reading);
        self.scan_files(&mut files, &mut reading, &mut |found| index.push(&found));
        index.replay(&files, &mut reading, each);
        reading
    }

    /// Hands every matching line to `each` as it is read: unsorted, duplicates included. Ignores
    /// [`Query::limit`].
    pub fn scan(&self, each: &mut dyn FnMut(Found<'_>)) -> Reading {
        let mut reading = Reading::default();
        let mut files = self.files(&mut reading);
        self.scan_files(&mut files, &mut reading, each);
        reading
    }

    fn scan_files(
        &self,
        files: &mut Vec<Source>,
        reading: &mut Reading,
        each: &mut dyn FnMut(Found<'_>),
    ) {
        let needle = Needle::of(self);
        let wanted = Wanted::of(self);
        let mut bytes_left = self.bytes_max.unwrap_or(u64::MAX);
        let mut before: Option<(Source, Ended)> = None;
        let mut index = 0;
        while let Some(source) = files.get(index) {
            let source = source.clone();
            if covered(&source, before.as_ref(), reading) {
                index += 1;
                continue;
            }
            let mut pass = Pass {
                query: self,
                needle: needle.as_ref(),
                wanted: &wanted,
                source: &source,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                bytes_left: &mut bytes_left,
                reading: &mut *reading,
                each: &mut *each,
            };
            let ended = match pass.read() {
                Ok(()) if reading.is_cut_off => return,
                Ok(()) => {
                    reading.files_read += 1;
                    Ended::Read
                }
                // Retention removed it after the directory was listed, or it was sealed meanwhile.
                Err((0, error)) if error.kind() == io::ErrorKind::NotFound => {
                    let instead = gone_to(&source, files);
                    files.splice(index + 1..=index, instead);
                    Ended::Gone
                }
                Err((offset, error)) => {
                    reading.unreadable.push(Unreadable { path: source.path(), offset, error });
                    if offset == 0 { Ended::Unread } else { Ended::Read }
                }
            };
            before = Some((source, ended));
            index += 1;
        }
    }
}

impl Reading {
    /// Adds how another reading went. What both found wrong with sealed files counts once.
    pub fn merge(&mut self, other: Self) {
        self.merge_damage(&other);
        self.files_read += other.files_read;
        self.files_skipped += other.files_skipped;
        self.frames_read += other.frames_read;
        self.frames_skipped += other.frames_skipped;
        self.bytes_read += other.bytes_read;
        self.bytes_skipped += other.bytes_skipped;
        self.lines_parsed += other.lines_parsed;
        self.duplicates += other.duplicates;
        self.bytes_spilled += other.bytes_spilled;
        self.matched += other.matched;
        self.skipped += other.skipped;
        let room = SKIPS_KEPT_MAX.saturating_sub(self.skips.len());
        self.skips.extend(other.skips.into_iter().take(room));
        self.unreadable.extend(other.unreadable);
        self.is_cut_off |= other.is_cut_off;
    }

    /// Adds what another reading of the same directories found wrong with sealed files and this one
    /// did not: each reads only the frames that may hold what it looks for.
    pub fn merge_damage(&mut self, other: &Self) {
        for Damaged { file, damage } in &other.damaged {
            let known = |known: &Damaged| known.file == *file && known.damage == *damage;
            if !self.damaged.iter().any(known) {
                self.damage(file.clone(), damage.clone());
            }
        }
        // More than were kept: which of them are known cannot be told.
        let unnamed = other.damages - other.damaged.len() as u64;
        self.damages += unnamed;
        self.damages_with_loss += unnamed.min(other.damages_with_loss);
    }

    /// Whether something could not be read, so that lines may be missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.skipped > 0 || self.damages_with_loss > 0 || !self.unreadable.is_empty()
    }

    fn damage(&mut self, file: PathBuf, damage: Damage) {
        self.damages += 1;
        self.damages_with_loss += u64::from(damage.lines_lost);
        if self.damaged.len() < SKIPS_KEPT_MAX {
            self.damaged.push(Damaged { file, damage });
        }
    }

    fn skip(&mut self, file: PathBuf, offset: u64, reason: String) {
        self.skipped += 1;
        if self.skips.len() < SKIPS_KEPT_MAX {
            self.skips.push(Skip { file, offset, reason });
        }
    }
}

/// How many [`Skip`]s, and as many [`Damaged`], a [`Reading`] names; beyond, they are only counted.
pub const SKIPS_KEPT_MAX: usize = 100;

#[cfg(test)]
mod tests;
