//! Stretches of files that may hold matches, with the times of these, and reading one.

use crate::query::entry::Entry;
use crate::query::files::{Files, Stretch};
use crate::query::judge::{Judged, Judges, Look};
use crate::query::pass::{Last, OVERLONG};
use crate::query::reading::{Reading, Unreadable};
use crate::query::source::Source;
use crate::reader::{Damage, LINE_BYTES_MAX};
use crate::sealed::{FRAME_BYTES, Place};

/// A stretch of a file that is read at a time.
#[derive(Debug)]
pub(super) struct Segment {
    /// The times of its matches: none is before the one, and none behind the other, in microseconds.
    pub(super) earliest: i64,
    pub(super) latest: i64,
    /// Which file.
    pub(super) source: u32,
    pub(super) what: What,
    /// Its bytes, of a stretch that is remembered: see [`Recent`](super::recent::Recent).
    pub(super) text: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum What {
    /// Whole lines of a day file, from one place to another. What must be taken apart to be judged
    /// was taken apart when the file was gone through, and told where it is no line. What stood there
    /// then is known by its CRC-32C.
    Stretch { start: u64, end: u64, crc: u32 },
    /// A frame of a sealed file.
    Frame { place: Place, is_last: bool },
}

/// Reads segments.
pub(super) struct Loader<'a> {
    judges: &'a Judges<'a>,
    sources: &'a [Source],
    files: Files,
    buffer: Vec<u8>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(judges: &'a Judges<'a>, sources: &'a [Source]) -> Self {
        Self { judges, sources, files: Files::default(), buffer: Vec::new() }
    }

    /// Hands the matches of a segment to `each`, in the order they stand, but for some that are before
    /// the microsecond `floor`.
    pub(super) fn load(
        &mut self,
        segment: &Segment,
        floor: i64,
        reading: &mut Reading,
        each: &mut dyn FnMut(Entry, &mut Reading),
    ) {
        let Some(source) = self.sources.get(segment.source as usize) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() > 4 * FRAME_BYTES {
            // Room for a line that was long is not kept.
            buffer = Vec::new();
        }
        let start = self.read(segment, source, &mut buffer, reading);
        // A half line stands at the end of a file alone; in a stretch there is none.
        let whole = memchr::memrchr(b'\n', &buffer).map_or(0, |at| at + 1);
        let (lines, half) = buffer.split_at(whole);
        // Matches of other times than the segment's, whose turn may be over.
        let mut left_out = 0;
        let judge = self.judges.of(source);
        judge.lines(lines, &mut |at, text| {
            let place = (segment, source, start + at as u64);
            if let Some(entry) = self.line(text, place, floor, &mut left_out, reading) {
                each(entry, reading);
            }
        });
        let offset = start + whole as u64;
        if let What::Frame { place, is_last } = &segment.what
            && let Some(last) = Last::of(offset, half, source.file().is_some())
        {
            let offset = last.offset;
            reading.lines_parsed += 1;
            match judge.parse(last.text, segment.source, offset) {
                _ if !is_last => {
                    let reason = format!("a line at byte {offset} has no end");
                    reading.damage(source.path(), place.damage(&reason));
                }
                Judged::Fits(entry) if segment.holds(&entry) => each(entry, reading),
                Judged::Fits(_) => left_out += 1,
                Judged::No => {}
                Judged::NotALine(reason) => last.is_no_line(source, &reason, reading),
            }
        }
        // Of a stretch it was told when it was read.
        if let What::Frame { place, .. } = &segment.what
            && left_out > 0
        {
            // The others of the frame were given out, and the times it says are wrong.
            let damage = Damage { lines: Some(left_out), time: None, ..place.damage(MISTAKEN) };
            reading.damage(source.path(), damage);
        }
        self.buffer = buffer;
    }

    /// Reads the bytes of a segment; tells where they begin.
    fn read(
        &mut self,
        segment: &Segment,
        source: &Source,
        buffer: &mut Vec<u8>,
        reading: &mut Reading,
    ) -> u64 {
        let (number, files) = (segment.source, &mut self.files);
        let (start, error) = match &segment.what {
            What::Stretch { start, .. } if !segment.text.is_empty() => {
                buffer.clear();
                buffer.extend_from_slice(&segment.text);
                (*start, None)
            }
            What::Stretch { start, end, crc } => {
                let stretch = Stretch { start: *start, end: *end, crc: *crc };
                let outcome = files.stretch(number, source, stretch, buffer);
                reading.bytes_read += buffer.len() as u64;
                (*start, outcome.err())
            }
            What::Frame { place, .. } if place.is_overlong() => {
                buffer.clear();
                reading.skip(source.path(), place.raw_offset, OVERLONG.to_owned());
                (place.raw_offset, None)
            }
            What::Frame { place, .. } => {
                let error = match files.frame(number, source, place, buffer) {
                    Ok(Ok(())) => {
                        reading.frames_read += 1;
                        reading.bytes_read += place.compressed;
                        None
                    }
                    Ok(Err(reason)) => {
                        buffer.clear();
                        reading.bytes_read += place.compressed;
                        reading.damage(source.path(), place.damage(&reason));
                        None
                    }
                    Err(error) => Some((place.offset, error)),
                };
                (place.raw_offset, error)
            }
        };
        if let Some((offset, error)) = error {
            reading.unreadable_once(Unreadable { path: source.path(), offset, error });
        }
        start
    }

    fn line(
        &self,
        text: &[u8],
        (segment, source, offset): (&Segment, &Source, u64),
        floor: i64,
        left_out: &mut u64,
        reading: &mut Reading,
    ) -> Option<Entry> {
        if text.len() > LINE_BYTES_MAX {
            reading.skip(source.path(), offset, OVERLONG.to_owned());
            return None;
        }
        let judge = self.judges.of(source);
        let look = judge.look(text, floor);
        if look == Look::No {
            return None;
        }
        let glanced = judge
            .glance(text, segment.source, offset)
            .filter(|entry| look != Look::Unknown && segment.holds(entry));
        if glanced.is_some() {
            return glanced;
        }
        reading.lines_parsed += 1;
        match judge.parse(text, segment.source, offset) {
            Judged::No => None,
            Judged::Fits(entry) => {
                if entry.order.microseconds() < floor {
                    return None;
                }
                if segment.holds(&entry) {
                    return Some(entry);
                }
                *left_out += 1;
                None
            }
            Judged::NotALine(reason) => {
                let is_told = look == Look::Unknown && matches!(segment.what, What::Stretch { .. });
                if !is_told {
                    reading.skip(source.path(), offset, reason.to_string());
                }
                None
            }
        }
    }
}

impl Segment {
    /// Whether a match is of the times it should be.
    fn holds(&self, entry: &Entry) -> bool {
        (self.earliest..=self.latest).contains(&entry.order.microseconds())
    }
}

const MISTAKEN: &str = "holds lines of other times than its index says";
