//! What is to be read, and in which order: all files by their indexes or by a survey of them.

use std::collections::BTreeSet;
use std::io;

use crate::names::Form;
use crate::query::Query;
use crate::query::entry::Entry;
use crate::query::judge::Judges;
use crate::query::kept::Kept;
use crate::query::limits::Limits;
use crate::query::pass::{self, Outcome, Piece};
use crate::query::pool::Pool;
use crate::query::reading::{Reading, Unreadable};
use crate::query::recent::Recent;
use crate::query::segment::{Segment, What};
use crate::query::source::{Ended, Source, covered, gone_to, is_unpacked};
use crate::query::survey::Survey;
use crate::sealed::{Chosen, Wanted};
use crate::stored::StoredReader;

/// The stretches of all files that may hold matches.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) sources: Vec<Source>,
    pub(super) segments: Vec<Segment>,
    /// Sealed files that have an index and frames.
    indexed: BTreeSet<u32>,
}

/// Where matches go as they are found.
pub(super) enum Sink<'a> {
    /// All, to be given out by time.
    Pool { pool: Pool<'a>, failed: Option<io::Error> },
    /// The newest are kept.
    Kept(Kept),
}

impl<'a> Sink<'a> {
    pub(super) fn pool(limits: &'a Limits) -> Self {
        Self::Pool { pool: Pool::new(limits), failed: None }
    }

    /// The first microsecond of which a line is still wanted.
    pub(super) fn floor(&self) -> i64 {
        match self {
            Self::Pool { .. } => i64::MIN,
            Self::Kept(kept) => kept.floor(),
        }
    }

    /// Whether matches may be held that could be read later: a few of a stretch, or many.
    pub(super) fn has_room(&self, are_few: bool) -> bool {
        match self {
            Self::Pool { pool, .. } => pool.has_room(are_few),
            // Later there are newer ones, so that most need not be taken apart.
            Self::Kept(_) => are_few,
        }
    }

    /// Takes a match of a file.
    pub(super) fn push(&mut self, entry: Entry, source: &Source, reading: &mut Reading) {
        match self {
            Self::Pool { failed: Some(_), .. } => {}
            Self::Pool { pool, failed } => *failed = pool.push(entry).err(),
            Self::Kept(kept) => {
                if let Err(reason) = kept.push(&entry) {
                    reading.skip(source.path(), entry.offset, reason.to_string());
                }
            }
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self, Self::Pool { failed: Some(_), .. })
    }
}

impl Plan {
    /// Goes through the indexes of sealed files and through all other files.
    pub(super) fn make(
        query: &Query,
        judges: &Judges<'_>,
        limits: &Limits,
        sink: &mut Sink<'_>,
        reading: &mut Reading,
    ) -> Self {
        let wanted = Wanted::of(query);
        let (mut segments, mut indexed) = (Vec::new(), BTreeSet::new());
        let mut recent = matches!(sink, Sink::Kept(_)).then(|| Recent::new(limits));
        let mut bytes_left = query.bytes_max.unwrap_or(u64::MAX);
        let sources = query.each_file(reading, &mut |source, number, reading| {
            if sink.has_failed() {
                return Ok(());
            }
            let mut opened = match query.open(source, &wanted).map_err(|error| (0, error))? {
                StoredReader::Sealed(reader) => match reader.into_chosen() {
                    Ok(chosen) => {
                        indexed.extend((chosen.frames > 0).then_some(number));
                        frames(chosen, source, number, &mut bytes_left, reading, &mut segments);
                        return Ok(());
                    }
                    Err(reader) => StoredReader::Sealed(reader),
                },
                other => other,
            };
            let is_read_again = opened.is_read_again();
            let judge = judges.of(source);
            if let (Some(recent), StoredReader::Plain(reader)) = (&mut recent, &opened) {
                recent.begin(reader.file().1);
            }
            let mut survey = Survey {
                judge,
                source,
                number,
                is_read_again,
                limits,
                sink: &mut *sink,
                segments: &mut segments,
                recent: recent.as_mut().filter(|_| matches!(opened, StoredReader::Plain(_))),
                candidates: Vec::new(),
            };
            let each = &mut |piece: Piece<'_>, reading: &mut Reading| survey.piece(&piece, reading);
            if query.bytes_max.is_none() {
                opened.skim(judge, limits, reading, each).map_err(|error| (0, error))?;
            }
            pass::read(query, opened, source, judge, &mut bytes_left, reading, each)
        });
        Self { sources, segments, indexed }
    }

    /// Counts what was not read in the end, where `is_read` tells which segments were.
    pub(super) fn count_unread(&self, is_read: &dyn Fn(usize) -> bool, reading: &mut Reading) {
        let mut unread = self.indexed.clone();
        for (number, segment) in self.segments.iter().enumerate() {
            if is_read(number) {
                let _ = unread.remove(&segment.source);
            } else if let What::Frame { place, .. } = &segment.what {
                reading.frames_skipped += 1;
                reading.bytes_skipped += place.compressed;
            }
        }
        reading.files_skipped += unread.len() as u64;
    }
}

/// Makes segments of the frames of a sealed file that were chosen.
fn frames(
    chosen: Chosen,
    source: &Source,
    number: u32,
    bytes_left: &mut u64,
    reading: &mut Reading,
    segments: &mut Vec<Segment>,
) {
    reading.bytes_read += chosen.bytes_read;
    reading.bytes_skipped += chosen.bytes_skipped;
    reading.frames_skipped += chosen.frames - chosen.places.len() as u64;
    for damage in chosen.damages {
        reading.damage(source.path(), damage);
    }
    for place in chosen.places {
        if *bytes_left == 0 {
            reading.is_cut_off = true;
            return;
        }
        *bytes_left = bytes_left.saturating_sub(place.raw);
        let is_last = place.number + 1 == chosen.frames;
        let (earliest, latest) = place.ts.unwrap_or((i64::MIN, i64::MAX));
        let what = What::Frame { place, is_last };
        segments.push(Segment { earliest, latest, source: number, what, text: Vec::new() });
    }
}

impl Query {
    /// Hands each file to `read`, with its number, which tells how far it came where it fails.
    /// Returns all files by their numbers.
    pub(super) fn each_file(
        &self,
        reading: &mut Reading,
        read: &mut dyn FnMut(&Source, u32, &mut Reading) -> Outcome,
    ) -> Vec<Source> {
        let mut files = self.files(reading);
        let mut before: Option<(Source, Ended)> = None;
        // The last day file that was read, and what was listed by nobody.
        let (mut plain, mut guessed): (Option<Source>, Vec<Source>) = (None, Vec::new());
        let mut index = 0;
        while let Some(source) = files.get(index).filter(|_| !self.is_stopped()) {
            let source = source.clone();
            if covered(self, &source, before.as_ref(), reading) {
                index += 1;
                continue;
            }
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let ended = match read(&source, number, reading) {
                Ok(()) if reading.is_cut_off => return files,
                Ok(()) => {
                    reading.files_read += 1;
                    Ended::Read
                }
                // Retention removed it after the directory was listed, or it was sealed meanwhile.
                Err((0, error)) if error.kind() == io::ErrorKind::NotFound => {
                    let instead = gone_to(&source, &files);
                    guessed.extend_from_slice(&instead);
                    if is_unpacked(&source, plain.as_ref()) && !guessed.contains(&source) {
                        let error = io::Error::new(error.kind(), UNPACKED);
                        reading.unreadable.push(Unreadable {
                            path: source.path(),
                            offset: 0,
                            error,
                        });
                    }
                    files.splice(index + 1..=index, instead);
                    Ended::Gone
                }
                Err((offset, error)) => {
                    reading.unreadable.push(Unreadable { path: source.path(), offset, error });
                    if offset == 0 { Ended::Unread } else { Ended::Read }
                }
            };
            if ended == Ended::Read && source.file().is_some_and(|file| file.form == Form::Plain) {
                plain = Some(source.clone());
            }
            before = Some((source, ended));
            index += 1;
        }
        files
    }
}

const UNPACKED: &str =
    "was unpacked while its day file was read, of which lines may be missing: ask again";
