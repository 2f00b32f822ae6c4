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
mod reading;
mod replay;
mod source;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::follow::Ends;
use crate::level::Level;
use crate::line::Line;
use crate::names::{Signal, StoredFile};
use crate::query::collect::{Index, Kept};
use crate::query::pass::Pass;
use crate::query::source::{Ended, Source, covered, gone_to};
use crate::sealed::Wanted;

pub(crate) use crate::query::collect::parts as id_parts;
pub(crate) use crate::query::filter::Needle;

pub use crate::query::condition::{Condition, InvalidCondition};
pub use crate::query::filter::{InvalidId, check_id, trace_prefix};
pub use crate::query::reading::{Damaged, Reading, SKIPS_KEPT_MAX, Skip, Unreadable};

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
    /// Where reading each file ends: somebody follows it from there. Default: at its end.
    pub(crate) ends: Option<Arc<Ends>>,
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

#[cfg(test)]
mod tests;
