//! Following: what is in the files already, and then every line that comes, through midnight, full
//! parts, sealing, and processes that come and go.
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::time::Instant;
//!
//! use radiosonde_store::Query;
//! use radiosonde_store::follow::{Follow, Start};
//! # let dir = tempfile::tempdir()?;
//! # let file = dir.path().join("events-2025-10-06.jsonl");
//! # std::fs::write(&file, concat!(r#"{"ts":"2025-10-06T13:43:10.123456Z","evt":"log","msg":"started"}"#, "\n"))?;
//!
//! let mut follow = Follow::new(Query::new(vec![dir.path().to_owned()]), Start::Tail(10));
//! let mut print = |line: &radiosonde_store::Line| {
//!     println!("{}", line.raw);
//!     ControlFlow::Continue(())
//! };
//! # let mut turns = 0;
//! loop {
//!     let progress = follow.poll(Instant::now(), &mut print);
//! #   turns += 1;
//! #   if turns == 1 { assert_eq!(progress.lines, 1); }
//! #   if turns == 2 { break; }
//!     std::thread::sleep(progress.wait);
//! }
//! follow.finish(&mut print);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is given out
//!
//! - First what [`Start`] asks for of what is there, by time. How far each file goes is noted before;
//!   from there on everything else is read, so that nothing is missed in between, or comes twice.
//! - Then each line once it is whole, some 0.3 s after it was written, in busy times. Lines of several
//!   files wait 150 ms for one another and come by their time; a line that is older than what was given
//!   out comes nevertheless. Of one process they come as they stand in its files.
//! - A line whose `id` was given out is left out, as recovery after a power cut may write one twice.
//!   Remembered are a million ranges of ids, and where every line fits one range is a process's
//!   thread. Lines without an id of ours are never left out: what others call `id` may be a request.
//!
//! # What becomes of files
//!
//! | a file | |
//! | --- | --- |
//! | is renamed, sealed or removed | it was opened before, and is read to its end: its writer had closed it |
//! | became a part and was sealed, between two polls | its sealed form is known by its first bytes and its length, whichever part it is: it goes on where it was |
//! | came and was sealed between two polls | its sealed form is read from its beginning |
//! | was sealed, and there had been no descriptor for it | its sealed form is read from where it was |
//! | was compressed by others (`.jsonl.gz`) | as if it had been sealed, once its length has stayed for a second: what was read of its day file is passed over. Beside a day file that begins as it does it is a copy |
//! | was removed before it was opened | is told ([`Reading::unreadable`]), with the byte it was read to. Parts of a day are numbered, so that one is told as well that came and went between two polls |
//! | was replaced by a copy of it, as editors and `rsync` do | the copy is read from where the other one was read to, if it has the same first bytes and the same last ones before that place; otherwise from its beginning |
//! | got shorter, or was written anew in its place | is told, and read again from its beginning, as `tail` does it: lines that were given out are left out by their `id`, and where its beginning stayed those from before following began by their time. That it was written anew tells its beginning, and the last bytes that were read |
//! | cannot be read | is told once, and tried again with each poll |
//!
//! A directory that is not there is waited for ([`Progress::away`]), and when another one comes under
//! its name, that is read from its beginning.
//!
//! # What it costs
//!
//! Where nothing comes, two polls a second: one system call for each directory, and one for each file
//! that is not sealed. 64 descriptors at most; of several directories 128, or eight for each, and two
//! more where files are compared. Lines that wait take 64 MiB at most, ids 50 MiB; where whoever takes
//! the lines is slower than they come, they stay in the files.
//!
//! A sealed file beside its day file, and what others compressed beside a sealed file, are compared to
//! their ends, 4 MiB a poll. Until it is known whether one is a copy of the other, nothing is given out
//! of it; other lines come meanwhile.

mod compare;
mod file;
mod held;
mod known;
mod packed;
mod place;
mod read;
mod seen;
mod turned;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::follow::held::Held;
use crate::follow::place::{Place, Told};
use crate::follow::seen::Seen;
use crate::line::Line;
use crate::names::{Form, StoredFile};
use crate::query::{Query, Reading, Stop};
use crate::sealed::Wanted;

/// What is given out of that which is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// Every line that fits.
    All,
    /// Nothing.
    Now,
    /// The newest lines that fit, so many.
    Tail(usize),
}

/// Goes on giving out the lines that fit a query. See the [module](self).
///
/// [`Query::limit`] and [`Query::bytes_max`] have no meaning here.
#[derive(Debug)]
pub struct Follow {
    query: Query,
    wanted: Wanted,
    start: Option<Start>,
    began: Timestamp,
    places: Vec<Place>,
    held: Held,
    seen: Seen,
    buffer: Vec<u8>,
    idle: Duration,
}

/// What a poll has done.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Lines that were given out.
    pub lines: u64,
    /// How long to wait before the next poll; none where there is more to be read.
    pub wait: Duration,
    /// What was read by this poll, and what could not be.
    pub reading: Reading,
    /// Whether [`Follow::until`] ended it before all that was there was gone through.
    pub is_ended: bool,
    /// Directories that are not there, since this poll. They are waited for.
    pub away: Vec<PathBuf>,
    /// Directories that are there again.
    pub back: Vec<PathBuf>,
}

/// How far each day file is read, of a query whose place somebody else takes from there.
#[derive(Debug, Default)]
pub(crate) struct Ends(BTreeMap<(PathBuf, StoredFile), u64>);

impl Ends {
    /// Where reading a file ends; 0 for one that came since.
    pub(crate) fn of(&self, dir: &Path, file: StoredFile) -> u64 {
        let end = |form| self.0.get(&(dir.to_owned(), StoredFile { form, ..file })).copied();
        match file.form {
            Form::Plain => end(Form::Plain),
            // It may have been sealed since.
            Form::Sealed => end(Form::Sealed).or_else(|| end(Form::Plain)),
            // Nobody writes to it, so that it is not followed.
            Form::Gzip => Some(u64::MAX),
        }
        .unwrap_or(0)
    }
}

impl Follow {
    /// Follows the directories and day files of a query. Nothing is read before the first poll.
    #[must_use]
    pub fn new(query: Query, start: Start) -> Self {
        Self {
            wanted: Wanted::of(&query),
            start: Some(start),
            began: Timestamp::now(),
            places: places(&query),
            held: Held::default(),
            seen: Seen::default(),
            buffer: Vec::new(),
            idle: WAIT_MIN,
            query,
        }
    }

    /// Ends the first poll, wherever it is, once `is_over` says so. It is asked some times for each MiB
    /// that is read, by several threads; later polls are short.
    #[must_use]
    pub fn until(mut self, is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.query.stop = Some(Stop::new(is_over));
        self
    }

    /// Gives out what has come. Reads 8 MiB at most, or a little more (256 KiB of each file where there
    /// are more than 32), and compares 4 MiB, so that whoever has to end can; the first poll goes
    /// through what was there as well, however much that is, unless [`Follow::until`] ends it.
    ///
    /// Whoever has to end sooner lets `each` break off: then the poll is over, and of what was there
    /// nothing more comes. What waits, [`Follow::finish`] gives out.
    ///
    /// `now` may be any time that does not run backwards.
    pub fn poll(
        &mut self,
        now: Instant,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> Progress {
        let mut progress = Progress::default();
        let mut told = Told::default();
        self.look(now, &mut told);
        let begun = match self.start.take() {
            Some(start) => self.give_what_was_there(start, &mut progress, each),
            None => ControlFlow::Continue(()),
        };
        let mut is_more = begun.is_continue() && self.read(now, &mut progress, &mut told, each);
        is_more |= self.places.iter().any(|place| place.comparisons.is_going_on());
        let Told { unreadable, away, back } = told;
        progress.reading.unreadable.extend(unreadable);
        (progress.away, progress.back) = (away, back);
        let is_idle = progress.lines == 0 && progress.reading.bytes_read == 0;
        self.idle = if is_idle { (self.idle * 5 / 4).min(WAIT_MAX) } else { WAIT_MIN };
        progress.wait = match self.held.due_in(now) {
            _ if is_more => Duration::ZERO,
            Some(due) => due.min(WAIT_MIN),
            None => self.idle,
        };
        progress
    }

    fn look(&mut self, now: Instant, told: &mut Told) {
        let mut was_starved = false;
        let mut left = compare::POLL_BYTES;
        for number in 0..self.places.len() {
            let mut own = Told::default();
            self.places[number].comparisons.left = left;
            self.places[number].look(now, &self.wanted, &mut own);
            if self.places[number].is_starved {
                was_starved = true;
                let _ = close_all(&mut self.places);
                if self.places[number].forget_first() {
                    own = Told::default();
                }
                self.places[number].look(now, &self.wanted, &mut own);
            }
            told.add(own);
            left = self.places[number].comparisons.left;
        }
        if was_starved {
            // Whoever reads needs some as well.
            let _ = close_all(&mut self.places);
        }
    }

    /// Gives out the lines that wait for older ones, until `each` breaks off. Returns how many.
    pub fn finish(&mut self, each: &mut dyn FnMut(&Line) -> ControlFlow<()>) -> u64 {
        self.held.release_all(each)
    }

    fn give_what_was_there(
        &mut self,
        start: Start,
        progress: &mut Progress,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let ends = Ends(self.places.iter().flat_map(Place::ends).collect());
        let mut query = self.query.clone();
        query.bytes_max = None;
        query.ends = Some(ends.into());
        // What is not there is told by the look.
        query.dirs.retain(|dir| dir.symlink_metadata().is_ok());
        let seen = &mut self.seen;
        let mut flow = ControlFlow::Continue(());
        let mut give = |line: &Line| {
            let _ = line.id.as_deref().map(|id| seen.note(id));
            progress.lines += 1;
            flow = each(line);
            flow
        };
        progress.reading = match start {
            Start::Now => Reading::default(),
            Start::All => query.stream(&mut give),
            Start::Tail(count) => {
                (query.limit, query.tail) = (Some(count), true);
                query.kept_bytes_max = Some(TAIL_BYTES_MAX);
                let answer = query.run();
                // Of a part of the files the newest lines are any.
                let lines = if query.is_stopped() { &[] } else { answer.lines.as_slice() };
                let _ = lines.iter().try_for_each(give);
                answer.reading
            }
        };
        progress.is_ended = query.is_stopped();
        if progress.is_ended { ControlFlow::Break(()) } else { flow }
    }
}

/// Each directory and day file that is named, once, and no file of a directory that is named as well.
fn places(query: &Query) -> Vec<Place> {
    let mut seen = BTreeSet::new();
    let real = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let dirs: BTreeSet<PathBuf> =
        query.dirs.iter().filter(|dir| dir.is_dir()).map(|dir| real(dir)).collect();
    let is_in = |path: &Path| path.parent().is_some_and(|dir| dirs.contains(&real(dir)));
    // It may be a link as well.
    let is_within = |path: &Path| !path.is_dir() && (is_in(path) || is_in(&real(path)));
    let places = query.dirs.iter().filter(|dir| !is_within(dir) && seen.insert(real(dir)));
    let places: Vec<&PathBuf> = places.collect();
    places.iter().map(|dir| Place::new(dir, query, places.len())).collect()
}

/// Lets go of every descriptor that can be opened again, and tells how many there were.
fn close_all(places: &mut [Place]) -> usize {
    places.iter_mut().map(Place::close_all).sum()
}

/// Of the newest lines, the older of which are left out and told ([`Reading::has_older`]).
const TAIL_BYTES_MAX: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Between polls, while lines come.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// Between polls, when none have come for some seconds.
const WAIT_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
