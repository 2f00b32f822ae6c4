//! Going through a file that has no index, to find the stretches that may hold matches.
//!
//! A stretch becomes a segment, to be read again when its turn comes. Where there is room for its
//! matches, above all where these are few, and where nothing can be read again, they are taken at once.

use crate::query::judge::{Judge, Judged, Look};
use crate::query::limits::Limits;
use crate::query::pass::Piece;
use crate::query::plan::Sink;
use crate::query::reading::Reading;
use crate::query::recent::Recent;
use crate::query::segment::{Segment, What};
use crate::query::source::Source;

/// The survey of one file.
pub(super) struct Survey<'a, 's> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) source: &'a Source,
    /// Its number.
    pub(super) number: u32,
    /// Whether stretches of it can be read a second time.
    pub(super) is_read_again: bool,
    pub(super) limits: &'a Limits,
    pub(super) sink: &'a mut Sink<'s>,
    pub(super) segments: &'a mut Vec<Segment>,
    /// Where the newest lines are wanted, the last stretches of a day file.
    pub(super) recent: Option<&'a mut Recent>,
    /// Of the stretch at hand.
    pub(super) candidates: Vec<Candidate>,
}

/// A text of a stretch that is a match, or may be one.
pub(super) struct Candidate {
    /// Where it stands in the stretch.
    start: usize,
    end: usize,
    us: i64,
}

impl Survey<'_, '_> {
    pub(super) fn piece(&mut self, piece: &Piece<'_>, reading: &mut Reading) {
        match *piece {
            Piece::Lines(offset, bytes) => {
                let mut at = 0;
                while at < bytes.len() {
                    let wanted = (at + self.limits.piece_bytes.max(1) - 1).min(bytes.len() - 1);
                    let end = memchr::memchr(b'\n', &bytes[wanted..]);
                    let end = end.map_or(bytes.len(), |nl| wanted + nl + 1);
                    self.stretch(offset + at as u64, &bytes[at..end], reading);
                    at = end;
                }
            }
            Piece::Last(last) => {
                reading.lines_parsed += 1;
                match self.judge.parse(last.text, self.number, last.offset) {
                    Judged::Fits(entry) => self.sink.push(entry, self.source, reading),
                    Judged::No => {}
                    Judged::NotALine(reason) => last.is_no_line(self.source, &reason, reading),
                }
            }
        }
    }

    fn stretch(&mut self, offset: u64, bytes: &[u8], reading: &mut Reading) {
        let floor = self.sink.floor();
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        self.judge.lines(bytes, &mut |start, text| {
            let us = match self.judge.look(text, floor) {
                Look::No => None,
                Look::May(us) => Some(us),
                Look::Unknown => self.judge_unknown(offset + start as u64, text, reading),
            };
            let end = start + text.len();
            let us = us.filter(|us| *us >= floor);
            candidates.extend(us.map(|us| Candidate { start, end, us }));
        });
        let candidate_bytes: usize = candidates.iter().map(|one| one.end - one.start).sum();
        let are_few = candidate_bytes <= bytes.len() / FEW;
        if candidates.is_empty() {
            // Nothing of it is needed.
        } else if !self.is_read_again || self.sink.has_room(are_few) {
            for Candidate { start, end, .. } in &candidates {
                self.take(offset + *start as u64, &bytes[*start..*end], reading);
            }
        } else {
            let us = || candidates.iter().map(|one| one.us);
            let earliest = us().min().unwrap_or(i64::MAX);
            let latest = us().max().unwrap_or(i64::MIN);
            self.segment(offset, bytes, (earliest, latest));
            if let Some(recent) = &mut self.recent {
                recent.keep(self.segments, offset, bytes);
            }
        }
        self.candidates = candidates;
    }

    /// The time of a text that must be taken apart, if it is a match.
    fn judge_unknown(&self, offset: u64, text: &[u8], reading: &mut Reading) -> Option<i64> {
        reading.lines_parsed += 1;
        match self.judge.parse(text, self.number, offset) {
            Judged::Fits(entry) => Some(entry.order.microseconds()),
            Judged::No => None,
            Judged::NotALine(reason) => {
                reading.skip(self.source.path(), offset, reason.to_string());
                None
            }
        }
    }

    /// Takes a match now.
    fn take(&mut self, offset: u64, text: &[u8], reading: &mut Reading) {
        if let Some(entry) = self.judge.glance(text, self.number, offset) {
            return self.sink.push(entry, self.source, reading);
        }
        reading.lines_parsed += 1;
        match self.judge.parse(text, self.number, offset) {
            Judged::Fits(entry) => self.sink.push(entry, self.source, reading),
            Judged::No => {}
            Judged::NotALine(reason) => {
                reading.skip(self.source.path(), offset, reason.to_string());
            }
        }
    }

    /// Adds a stretch to the last segment, or makes a new one.
    fn segment(&mut self, start: u64, bytes: &[u8], (earliest, latest): (i64, i64)) {
        let end = start + bytes.len() as u64;
        if let Some(Segment { what: What::Stretch { start: begin, end: behind, crc }, .. }) =
            self.segments.last_mut().filter(|last| last.source == self.number)
        {
            let is_short = start.saturating_sub(*begin) < self.limits.stretch_bytes as u64;
            let is_apart =
                self.recent.as_ref().is_some_and(|recent| recent.begins_with(*begin, start));
            if *behind == start && is_short && !is_apart {
                *behind = end;
                *crc = crc32c::crc32c_append(*crc, bytes);
                if let Some(last) = self.segments.last_mut() {
                    last.earliest = last.earliest.min(earliest);
                    last.latest = last.latest.max(latest);
                }
                return;
            }
        }
        let what = What::Stretch { start, end, crc: crc32c::crc32c(bytes) };
        let (source, text) = (self.number, Vec::new());
        self.segments.push(Segment { earliest, latest, source, what, text });
    }
}

/// Few are matches of one byte in so many at most: taking them costs less than reading all again.
const FEW: usize = 16;
