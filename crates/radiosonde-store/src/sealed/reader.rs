//! Reading sealed files as [`crate::reader::Reader`] reads live ones.

mod chosen;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::reader::{Chunk, Part, open_plain};
use crate::sealed::Damage;
use crate::sealed::choose::Choice;
use crate::sealed::entries::Frame;
use crate::sealed::frames::{Decoder, Place, is_overlong};
use crate::sealed::index::{Index, Totals, Unusable};
use crate::sealed::pace::Pace;
use crate::sealed::walk::{Step, Walk};
use crate::sealed::wanted::Wanted;
use crate::unread::{self, Unread};

pub(crate) use crate::sealed::reader::chosen::Chosen;

/// Reads the lines of a sealed file, frame by frame.
///
/// Gives out the same lines at the same offsets (those of the source) as a
/// [`reader::Reader`](crate::reader::Reader) of the source would, and [`Chunk::Damaged`] for what
/// cannot be read. Memory: the index without its filters (64 bytes for each MiB of lines), and one
/// frame: about 2 MiB, or twice the longest line.
#[derive(Debug)]
pub struct Reader {
    file: File,
    /// Of the file.
    length: u64,
    frames: Frames,
    decoder: Decoder,
    /// Lines of the last frame, with the beginning of one that a frame before left open.
    unread: Unread,
    events: VecDeque<Event>,
    bytes_read: u64,
    frames_read: u64,
    frames_skipped: u64,
    bytes_skipped: u64,
}

#[derive(Debug)]
enum Frames {
    /// There is an index, and its entries were not read yet.
    Opened(Index),
    Indexed {
        index: Index,
        chosen: Vec<bool>,
        next: usize,
    },
    /// By its index, nothing in the file is wanted.
    Nothing,
    Walked(Walk),
}

/// What is to be told before the lines that follow it.
#[derive(Debug)]
enum Event {
    Damage(Damage),
    Overlong(u64),
}

/// What comes next in the file.
enum Next {
    Damage(Damage),
    Frame(Place),
    /// A frame of so many bytes in which nothing is wanted.
    Skipped(u64),
}

impl Reader {
    /// Opens a sealed file and looks for its index. A file whose index is missing or damaged is read
    /// nevertheless, frame by frame; the last chunk tells.
    ///
    /// # Errors
    /// As [`reader::Reader::open`](crate::reader::Reader::open).
    pub fn open(path: &Path) -> io::Result<Self> {
        let (file, length) = open_plain(path)?;
        let (frames, bytes_read) = match Index::open(&file, length) {
            Ok(index) => {
                let bytes_read = index.bytes_read;
                (Frames::Opened(index), bytes_read)
            }
            Err(unusable) => (walked(&file, length, unusable)?, 0),
        };
        Ok(Self {
            file,
            length,
            frames,
            decoder: Decoder::new(),
            unread: Unread::default(),
            events: VecDeque::new(),
            bytes_read,
            frames_read: 0,
            frames_skipped: 0,
            bytes_skipped: 0,
        })
    }

    /// The next stretch, `None` at the end.
    ///
    /// # Errors
    /// What the system says. The reader is at its end then. A frame that cannot be read is no error
    /// where the index tells where the next one is.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        self.next_chunk_or_stop(&mut Pace::new(&mut || true))
    }

    /// The same for who may have to stop, which is an [`io::ErrorKind::Interrupted`]: where a file is
    /// damaged, or is none of ours, much may lie before the next stretch.
    pub(super) fn next_chunk_or_stop(
        &mut self,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Chunk<'_>>> {
        loop {
            match self.events.pop_front() {
                Some(Event::Damage(damage)) => return Ok(Some(Chunk::Damaged(damage))),
                Some(Event::Overlong(offset)) => return Ok(Some(Chunk::Overlong { offset })),
                None => {}
            }
            match self.unread.next() {
                unread::Next::More => {}
                next => return Ok(self.unread.chunk(next)),
            }
            self.fill(pace).inspect_err(|_| self.unread.finished = true)?;
        }
    }

    /// Bytes read from the file so far: compressed, with what was needed of the index.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Frames read so far, and frames left out since nothing in them could be wanted.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        (self.frames_read, self.frames_skipped)
    }

    /// Bytes of the frames left out, as they are stored.
    #[must_use]
    pub fn bytes_skipped(&self) -> u64 {
        self.bytes_skipped
    }

    /// Leaves out the frames that cannot hold what is wanted. Without a usable index none are. For a
    /// reader from which nothing was read yet.
    pub(crate) fn narrow(&mut self, wanted: &Wanted) -> io::Result<()> {
        let Frames::Opened(index) = &mut self.frames else { return Ok(()) };
        let mut choice = Choice::of_file(index, &self.file, wanted)?;
        let index_at = index.start;
        if !choice.is_open() && !index.totals.has_overlong {
            self.frames_skipped = index.totals.frames;
            self.bytes_skipped = index.start;
            self.bytes_read = index.bytes_read;
            self.frames = Frames::Nothing;
        }
        self.load()?;
        if let Frames::Indexed { index, chosen, .. } = &mut self.frames {
            choice.narrow(index, &self.file, wanted)?;
            chosen.clone_from(&choice.frames);
            self.bytes_read = index.bytes_read;
        }
        for reason in choice.problems {
            let reason = format!("{reason}; frames were not left out by it");
            let (part, bytes) = (Part::Index, index_at..self.length);
            let damage = Damage { part, bytes, ..Damage::of_file(reason) };
            self.events.push_back(Event::Damage(damage));
        }
        Ok(())
    }

    /// Reads the entries of the index, if that was not done yet. Where they are damaged, the frames
    /// are walked.
    fn load(&mut self) -> io::Result<()> {
        let Frames::Opened(index) = &mut self.frames else { return Ok(()) };
        let loaded = index.load(&self.file);
        self.bytes_read = index.bytes_read;
        self.frames = match loaded {
            Ok(()) => match std::mem::replace(&mut self.frames, Frames::Nothing) {
                Frames::Opened(index) => {
                    let chosen = vec![true; index.frames.len()];
                    Frames::Indexed { index, chosen, next: 0 }
                }
                other => other,
            },
            Err(unusable) => walked(&self.file, self.length, unusable)?,
        };
        Ok(())
    }

    /// The file and where every frame is, for reading single lines. An error where there are more
    /// frames than an index can have, since tiny ones would take more room than the file.
    pub(crate) fn into_places(mut self) -> io::Result<(File, Vec<Place>)> {
        let mut places = Vec::new();
        while let Some(next) = self.next(&mut Pace::new(&mut || true))? {
            if let Next::Frame(place) = next {
                if places.len() == PLACES_MAX {
                    let what = format!("has no usable index and more than {PLACES_MAX} frames");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                places.push(place);
            }
        }
        Ok((self.file, places))
    }

    fn next(&mut self, pace: &mut Pace<'_>) -> io::Result<Option<Next>> {
        self.load()?;
        match &mut self.frames {
            Frames::Indexed { index, chosen, next } => {
                let Some(frame) = index.frames.get(*next) else { return Ok(None) };
                let (number, is_chosen) = (*next, chosen[*next]);
                *next += 1;
                Ok(Some(match is_chosen {
                    true => Next::Frame(place(number, frame, &index.totals)),
                    false => Next::Skipped(frame.compressed),
                }))
            }
            Frames::Opened(_) | Frames::Nothing => Ok(None),
            Frames::Walked(walk) => {
                Ok(walk.step(&self.file, &mut self.decoder, pace)?.map(|step| match step {
                    Step::Damage(damage) => Next::Damage(damage),
                    Step::Frame(place) => Next::Frame(place),
                }))
            }
        }
    }

    /// Reads the next frame behind what is left, or tells of a gap.
    fn fill(&mut self, pace: &mut Pace<'_>) -> io::Result<()> {
        match self.next(pace)? {
            None => self.unread.finished = true,
            Some(Next::Skipped(bytes)) => {
                self.frames_skipped += 1;
                self.bytes_skipped += bytes;
                self.gap();
            }
            Some(Next::Damage(damage)) => {
                // Where no line is lost, what is left of one may go on.
                if damage.lines_lost && damage.part != Part::File {
                    self.gap();
                }
                self.events.push_back(Event::Damage(damage));
            }
            Some(Next::Frame(place)) => {
                self.frame(&place);
                // One that holds nothing costs something as well.
                pace.walked(place.compressed.max(place.raw).saturating_add(FRAME_COST))?;
            }
        }
        Ok(())
    }

    fn frame(&mut self, place: &Place) {
        if place.is_overlong() {
            self.gap();
            self.events.push_back(Event::Overlong(place.raw_offset));
            return;
        }
        self.bytes_read += place.compressed;
        // Mostly nothing, and then the room of the buffer stays.
        let left = self.unread.bytes().to_vec();
        let Unread { buffer, start, end, offset, .. } = &mut self.unread;
        *start = 0;
        match self.decoder.decode(&self.file, place, buffer) {
            Ok(()) => {
                self.frames_read += 1;
                *offset = place.raw_offset - left.len() as u64;
                if !left.is_empty() {
                    buffer.splice(..0, left);
                }
                *end = buffer.len();
            }
            Err(reason) => {
                *end = left.len();
                *buffer = left;
                self.gap();
                self.events.push_back(Event::Damage(place.damage(&reason)));
            }
        }
    }

    /// What is left of a line whose end is not read is no line.
    fn gap(&mut self) {
        let from = self.unread.overlong.take().map(|overlong| overlong.from);
        let left = self.unread.bytes().len();
        if from.is_some() || left > 0 {
            let from = from.unwrap_or(self.unread.offset);
            let reason = format!("a line at byte {from} has no end");
            let damage = Damage { lines_lost: true, ..Damage::of_file(reason) };
            self.events.push_back(Event::Damage(damage));
        }
        let _left = self.unread.consume(left);
    }
}

/// How the frames of a file are found whose index cannot be used.
fn walked(file: &File, length: u64, unusable: Unusable) -> io::Result<Frames> {
    match unusable {
        Unusable::Damaged(reason) => {
            Ok(Frames::Walked(Walk::new(length, reason, Index::start(file, length)?)))
        }
        Unusable::Io(error) => Err(error),
    }
}

fn place(number: usize, frame: &Frame, totals: &Totals) -> Place {
    Place {
        number: number as u64,
        offset: frame.offset,
        compressed: frame.compressed,
        raw_offset: frame.raw_offset,
        raw: frame.raw,
        lines: Some(frame.lines),
        ts: Some(frame.ts).filter(|_| totals.knows_all && !is_overlong(frame.lines, frame.raw)),
        crc: Some(frame.crc),
    }
}

/// As many frames as the index of a file of 1 TiB has.
pub(super) const PLACES_MAX: usize = 1 << 20;
/// What taking a frame apart costs besides its length, in bytes gone through.
const FRAME_COST: u64 = 4 << 10;
