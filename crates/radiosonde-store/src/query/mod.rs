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
//! | [`Query::stream`] | by time | lines before their turn, at most 32 MiB | removed |
//! | [`Query::run`] | by time | the matches, at most [`Query::limit`] | removed |
//!
//! Lines that do not match are never held. Duplicates (recovery after a crash may write a line
//! twice) are told by their `id`. Where a day file stands beside its sealed form, the day file alone
//! is read, after comparing them; where they differ, both are.
//!
//! # How the order comes about
//!
//! Lines of a file are sorted nearly, and not by any rule: threads overtake each other, and what was
//! recovered after a crash may be a week late. So each file is known by its stretches and the times
//! these hold: of sealed files from their index, of day files by one pass over them that looks at the
//! times alone. A stretch is read when its first line may be the next; what is read and not due yet
//! waits. The order is exact, whatever the clock did: a clock that went backwards only makes stretches
//! overlap, so that more has to wait. With a limit, stretches behind the last line wanted are not read.
//! What cannot be read by stretches (what others compressed whole, standard input, a sealed file without
//! a usable index) is gone through at once, and all of its matches wait.
//!
//! Between the pass and the reading of a stretch a day file may be sealed, or become another part of its
//! day: its lines are found there, at the same places. One that was cut off or overwritten meanwhile is
//! named in [`Reading::unreadable`].

pub mod condition;
mod each;
mod entry;
mod files;
mod filter;
mod judge;
mod kept;
mod limits;
mod merge;
mod needle;
mod opened;
mod pass;
mod plan;
mod pool;
mod reading;
mod recent;
mod scan;
mod segment;
mod skim;
mod source;
mod spill;
mod stop;
mod supply;
mod survey;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::follow::Ends;
use crate::level::Level;
use crate::line::Line;
use crate::names::{Signal, StoredFile};
use crate::query::limits::Limits;
use crate::query::pass::Piece;
use crate::sealed::Wanted;

pub(crate) use crate::query::entry::parts as id_parts;
pub(crate) use crate::query::judge::{Judge, Judges, Look};
pub(crate) use crate::query::pass::OVERLONG;
pub(crate) use crate::query::stop::Stop;

pub use crate::query::condition::{Condition, InvalidCondition};
pub use crate::query::each::{EachFile, FileOutcome};
pub use crate::query::filter::{InvalidId, check_id, trace_prefix};
pub use crate::query::reading::{Damaged, Reading, SKIPS_KEPT_MAX, Skip, Unreadable};

/// What to look for. Every condition that is set must hold.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Directories whose day files are read, folders in them are not; or single files of any name,
    /// by their paths: day files in any form, and others, which [`crate::foreign`] tells of; `-` is
    /// standard input. What is named here is found behind a symbolic link as well; in directories
    /// none is followed.
    pub dirs: Vec<PathBuf>,
    /// Signals to read. Default: none given, meaning all.
    pub signals: Vec<Signal>,
    /// Exact `job_id`.
    pub job: Option<String>,
    /// `trace_id`s, or how they begin, in either case; one of them must fit. Default: any.
    pub traces: Vec<String>,
    /// `trace_id`s in full, in lower case or as links spell them; what fits is a span that links to one of these traces, unless it is its
    /// own. No index knows links: narrow it by [`Query::since`] and [`Query::bytes_max`]. Default:
    /// any line, whatever it links to.
    pub links_to: BTreeSet<String>,
    /// Exact `machine_id`.
    pub machine: Option<String>,
    /// Exact `worker_id`.
    pub worker: Option<String>,
    /// Exact `session_id`.
    pub session: Option<String>,
    /// Exact `service`.
    pub service: Option<String>,
    /// The least severe level wanted. A line without a level does not fit then.
    pub level: Option<Level>,
    /// Names of events; one of them must fit. Default: any.
    pub evt: Vec<String>,
    /// Names of events not wanted; the empty one is that of lines without a name.
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
    /// The most bytes of lines a limit keeps where it keeps the newest: older ones make room, and
    /// [`Reading::has_older`] says so; one line is always kept. Taken apart, lines need two or three
    /// times as much memory; those of many small fields, which need more, count as more. Default: no limit.
    pub kept_bytes_max: Option<u64>,
    /// The most bytes of lines that are gone through, the oldest files of the first directory
    /// first; of sealed files as they were before. What is left is not read, and
    /// [`Reading::is_cut_off`] says so. Default: no limit.
    pub bytes_max: Option<u64>,
    /// Where reading each file ends: somebody follows it from there. Default: at its end.
    pub(crate) ends: Option<Arc<Ends>>,
    /// Ends it before it is through, wherever it is. Default: never.
    pub(crate) stop: Option<Stop>,
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
    /// The name of its file, where that is one of a day file.
    pub file: Option<StoredFile>,
    /// What it is about: as its file says, or itself in a file that does not.
    pub signal: Signal,
    /// Where the line begins in its file, in bytes; in a compressed one, in what it was made of.
    pub offset: u64,
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
        self.run_within(&Limits::default())
    }

    /// Hands every matching line to `each`, sorted by time and each once, until `each` breaks off.
    /// Ignores [`Query::limit`].
    ///
    /// What matches may be more than memory holds: where lines lie so far from their place that more
    /// than 32 MiB have to wait for their turn, they wait in temporary files, in `$TMPDIR`, which
    /// nobody else can read and which are gone when the query is. These leave 256 MiB, or a fiftieth of
    /// a smaller file system, free for others. Where they cannot be written, the query ends, and
    /// [`Reading::unreadable`] says so.
    pub fn stream(&self, each: &mut dyn FnMut(&Line) -> ControlFlow<()>) -> Reading {
        self.stream_within(&Limits::default(), each)
    }

    /// Hands every matching line to `each` as it is read: unsorted, duplicates included. Ignores
    /// [`Query::limit`].
    pub fn scan(&self, each: &mut dyn FnMut(Found<'_>)) -> Reading {
        self.scan_within(&Limits::default(), each)
    }

    /// Whether nothing more of it is wanted.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::is_asked)
    }

    fn scan_within(&self, limits: &Limits, each: &mut dyn FnMut(Found<'_>)) -> Reading {
        let mut reading = Reading::default();
        let judges = Judges::new(self);
        let wanted = Wanted::of(self);
        let mut bytes_left = self.bytes_max.unwrap_or(u64::MAX);
        let _ = self.each_file(&mut reading, &mut |source, _, reading| {
            let mut opened = self.open(source, &wanted).map_err(|error| (0, error))?;
            let judge = judges.of(source);
            let each = &mut |piece: Piece<'_>, reading: &mut Reading| {
                scan::piece(judge, source, &piece, reading, each);
            };
            if self.bytes_max.is_none() {
                opened.skim(judge, limits, reading, each).map_err(|error| (0, error))?;
            }
            pass::read(self, opened, source, judge, &mut bytes_left, reading, each)
        });
        reading
    }

    fn run_within(&self, limits: &Limits) -> Answer {
        // One more tells whether there are more.
        let most = self.limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
        let (mut lines, reading) = if self.tail && self.limit.is_some() {
            merge::newest(self, limits, most)
        } else {
            let mut lines = Vec::new();
            let reading = self.stream_within(limits, &mut |line| {
                lines.push(line.clone());
                if lines.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (lines, reading)
        };
        let more = self.limit.map_or(0, |limit| lines.len().saturating_sub(limit));
        let _ = if self.tail { lines.drain(..more) } else { lines.drain(lines.len() - more..) };
        Answer { lines, reading }
    }

    fn stream_within(
        &self,
        limits: &Limits,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> Reading {
        merge::by_time(self, limits, each)
    }
}

#[cfg(test)]
mod tests;
