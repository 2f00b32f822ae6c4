//! One poll's reading: from pieces of files to lines that fit.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use crate::follow::file::Piece;
use crate::follow::held::Held;
use crate::follow::place::{Place, Told};
use crate::follow::seen::Seen;
use crate::follow::{Follow, Progress, close_all};
use crate::line::{Line, behind_nuls};
use crate::peek;
use crate::query::{self, Judges, Look, OVERLONG, Reading, Unreadable};
use crate::reader::LINE_BYTES_MAX;

impl Follow {
    /// Reads from all files by turns, and gives out what is due. Whether there is more.
    pub(super) fn read(
        &mut self,
        now: Instant,
        progress: &mut Progress,
        told: &mut Told,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> bool {
        let Self { query, held, seen, began, places, buffer, .. } = self;
        let judges = Judges::new(query);
        let before = progress.reading.bytes_read;
        let files: usize = places.iter().map(Place::followed).sum();
        loop {
            // However many there are, a turn of all is not much more than what is left of a poll.
            let left = POLL_BYTES.saturating_sub(progress.reading.bytes_read - before);
            let turn = (left / files.max(1) as u64).clamp(TURN_BYTES_MIN, TURN_BYTES);
            let mut judge = Judge {
                asked: judges.of_days(),
                began: *began,
                now,
                held,
                seen,
                reading: &mut progress.reading,
                latest: None,
                behind: None,
            };
            let mut is_more = false;
            for place in places.iter_mut() {
                is_more |= place.read(turn, buffer, now, told, &mut judge);
            }
            let behind = judge.behind;
            if places.iter().any(|place| place.is_starved) {
                // What the others hold open, it may have with the next turn.
                is_more |= close_all(places) > 0;
            }
            let flow = held.release(now, behind, &mut progress.lines, each);
            let is_much = progress.reading.bytes_read - before >= POLL_BYTES;
            if !is_more || is_much || flow.is_break() {
                return is_more;
            }
        }
    }
}

/// Decides which lines of what was read are given out.
pub(super) struct Judge<'a> {
    asked: &'a query::Judge<'a>,
    began: Timestamp,
    now: Instant,
    held: &'a mut Held,
    seen: &'a mut Seen,
    reading: &'a mut Reading,
    /// The time of the last line of the file that is read.
    latest: Option<Timestamp>,
    /// The earliest of these among files that have more.
    behind: Option<Timestamp>,
}

impl Judge<'_> {
    /// Begins with another file.
    pub(super) fn begin(&mut self) {
        self.latest = None;
    }

    /// The file that was begun has more.
    pub(super) fn has_more(&mut self) {
        if let Some(latest) = self.latest {
            self.behind = Some(self.behind.map_or(latest, |behind| behind.min(latest)));
        }
    }

    pub(super) fn piece(&mut self, path: &Path, piece: Piece<'_>) {
        match piece {
            Piece::Damaged(damage) => self.reading.damage(path.to_owned(), damage),
            Piece::HalfLine(bytes) => {
                self.reading.bytes_read += bytes.len() as u64;
                // Whole but for its line break, or never to be whole. Never wrong.
                let _ = self.line(behind_nuls(bytes), false);
            }
            Piece::Lines { offset, bytes, old_until } => {
                self.reading.bytes_read += bytes.len() as u64;
                self.lines(path, offset, bytes, old_until);
            }
            Piece::Overlong { offset } => self.overlong(path, offset),
            Piece::Passed { bytes } => self.reading.bytes_read += bytes,
            Piece::Truncated { from, to } => {
                self.read_again(path, from, &format!("became shorter, {to} bytes"));
            }
            Piece::Rewritten { from } => self.read_again(path, from, "was written anew"),
        }
    }

    fn read_again(&mut self, path: &Path, offset: u64, what: &str) {
        let what = format!("{what}; read again from its beginning, lines may be missing");
        let (path, error) = (path.to_owned(), io::Error::other(what));
        self.reading.unreadable.push(Unreadable { path, offset, error });
    }

    fn overlong(&mut self, path: &Path, offset: u64) {
        self.reading.skip(path.to_owned(), offset, OVERLONG.to_owned());
    }

    fn lines(&mut self, path: &Path, offset: u64, bytes: &[u8], old_until: u64) {
        let asked = self.asked;
        asked.lines(bytes, &mut |at, text| {
            let offset = offset + at as u64;
            if text.len() > LINE_BYTES_MAX {
                self.overlong(path, offset);
            } else if let Err(reason) = self.line(text, offset < old_until) {
                self.reading.skip(path.to_owned(), offset, reason);
            }
        });
        let last = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let last = memchr::memrchr(b'\n', last).map_or(last, |nl| &last[nl + 1..]);
        let ts = peek::ts(last).and_then(|us| Timestamp::from_microsecond(us).ok());
        self.latest = ts.or(self.latest);
    }

    /// Judges one line; an error says why it is none.
    fn line(&mut self, text: &[u8], may_be_old: bool) -> Result<(), String> {
        if self.asked.look(text, i64::MIN) == Look::No {
            return Ok(());
        }
        self.reading.lines_parsed += 1;
        let line = Line::parse(text).map_err(|error| error.to_string())?;
        if !self.asked.is_match(&line) || may_be_old && line.ts < self.began {
            return Ok(());
        }
        if line.id.as_deref().is_some_and(|id| !self.seen.note(id)) {
            self.reading.duplicates += 1;
            return Ok(());
        }
        self.reading.matched += 1;
        self.held.push(line, self.now);
        Ok(())
    }
}

/// Of one writer, before others have their turn: at most, and where there are many.
const TURN_BYTES: u64 = 1 << 20;
const TURN_BYTES_MIN: u64 = 256 << 10;
/// Of all, before whoever polls is asked.
const POLL_BYTES: u64 = 8 << 20;
