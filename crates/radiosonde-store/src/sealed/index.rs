//! Reading the index at the end of a sealed file. The layout stands in the module's documentation.

use std::fs::File;
use std::io;

use crate::sealed::filter::Filter;
use crate::sealed::look::{clamp, read_exact_at};
use crate::sealed::pace::Pace;
use crate::sealed::scan::NO_TIME;
use crate::sealed::wanted::Wanted;

/// The first four bytes of the skippable frame that is the index.
pub(super) const SKIPPABLE_MAGIC: u32 = 0x184d_2a53;
/// Magic and length before what a skippable frame holds.
pub(super) const SKIPPABLE_HEAD_BYTES: u64 = 8;
pub(super) const VERSION: u32 = 1;
pub(super) const TAIL_MAGIC: [u8; 8] = *b"RSNDSEAL";
pub(super) const TRAILER_BYTES: usize = 32;
/// Why a file without the end of an index has none that can be used.
pub(super) const NO_INDEX: &str = "has no index at its end";
const ENTRY_BYTES: usize = 24;
/// Later versions add sections; more than these nobody needs.
const SECTIONS_MAX: usize = 64;
/// Of one section. The frames of a file of 1 TiB fit; a longer part of the filters is left out.
pub(super) const SECTION_BYTES_MAX: usize = 64 << 20;

pub(super) const TOTALS: u32 = 1;
pub(super) const FRAMES: u32 = 2;
pub(super) const FRAME_FILTERS: u32 = 3;
pub(super) const RUN_FILTERS: u32 = 4;

/// Of a source: nobody has a day file of a PiB, and places in one can be added up without a thought.
pub(super) const SOURCE_BYTES_MAX: u64 = 1 << 50;
const TOTALS_BYTES: usize = 48;
pub(super) const FRAME_BYTES: usize = 64;
const PIECE_BYTES: usize = 128 << 10;
/// Flag of a frame and of a run: its filter is there. One without a byte holds no id.
pub(super) const HAS_FILTER: u32 = 1;

/// One frame, by its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Place in the file, in bytes.
    pub(super) offset: u64,
    pub(super) compressed: u64,
    /// Place in the source, in bytes; not in the entry, but the sum of those before.
    pub(super) raw_offset: u64,
    pub(super) raw: u64,
    pub(super) lines: u64,
    /// Earliest and latest time, in microseconds.
    pub(super) ts: (i64, i64),
    /// CRC-32C of the compressed bytes.
    pub(super) crc: u32,
    /// Length of its filter; `None` when it has none and may hold any id.
    pub(super) filter: Option<u32>,
}

/// What all lines are together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) raw: u64,
    /// CRC-32C of the source.
    pub(super) crc: u32,
    pub(super) ts: (i64, i64),
    pub(super) frames: u64,
}

impl Totals {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TOTALS_BYTES);
        out.extend(self.lines.to_le_bytes());
        out.extend(self.raw.to_le_bytes());
        out.extend(self.frames.to_le_bytes());
        out.extend(self.ts.0.to_le_bytes());
        out.extend(self.ts.1.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (lines, raw, frames) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let ts = (fields.i64()?, fields.i64()?);
        let crc = fields.u32()?;
        Some(Self { lines, raw, crc, ts, frames })
    }
}

/// The index of a file, but for its filters, which are read when they are asked.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) totals: Totals,
    pub(super) frames: Vec<Frame>,
    /// Where the index begins in the file.
    pub(super) start: u64,
    /// Bytes of it that were read.
    pub(super) bytes_read: u64,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    kind: u32,
    crc: u32,
    offset: u64,
    length: u64,
}

/// Why an index cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// What is wrong with it.
    Damaged(String),
    /// What the system says.
    Io(io::Error),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged<T>(what: &str) -> Result<T, Unusable> {
    Err(Unusable::Damaged(what.to_owned()))
}

/// The end of an index.
struct Trailer {
    /// Where it begins in the file.
    at: u64,
    /// Of the whole index.
    length: u64,
    table_bytes: usize,
    table_crc: u32,
}

impl Trailer {
    fn read(file: &File, file_length: u64) -> Result<Self, Unusable> {
        let Some(at) = file_length.checked_sub(TRAILER_BYTES as u64) else {
            return damaged(NO_INDEX);
        };
        let trailer = read_at(file, at, TRAILER_BYTES)?;
        let (trailer, magic) = trailer.split_at(TRAILER_BYTES - TAIL_MAGIC.len());
        if magic != TAIL_MAGIC {
            return damaged(NO_INDEX);
        }
        let mut fields = Fields(trailer);
        let (Some(length), Some(count), Some(table_crc), Some(version), Some(crc)) =
            (fields.u64(), fields.u32(), fields.u32(), fields.u32(), fields.u32())
        else {
            return damaged("its index ends early");
        };
        if crc32c::crc32c(&trailer[..trailer.len() - 4]) != crc {
            return damaged("the end of its index is damaged");
        }
        if version != VERSION {
            return Err(Unusable::Damaged(format!(
                "its index has version {version}, and this program knows {VERSION}"
            )));
        }
        let table_bytes = SECTIONS_MAX.min(count as usize) * ENTRY_BYTES;
        let around = SKIPPABLE_HEAD_BYTES + (table_bytes + TRAILER_BYTES) as u64;
        if count as usize > SECTIONS_MAX || length > file_length || length < around {
            return damaged("its index has impossible lengths");
        }
        Ok(Self { at, length, table_bytes, table_crc })
    }
}

impl Index {
    /// Where the index of a file of this length begins, as its end says; that may be all that can be
    /// known of it.
    pub(super) fn start(file: &File, file_length: u64) -> io::Result<Option<u64>> {
        match Trailer::read(file, file_length) {
            Ok(trailer) => Ok(Some(file_length - trailer.length)),
            Err(Unusable::Damaged(_)) => Ok(None),
            Err(Unusable::Io(error)) => Err(error),
        }
    }

    /// Reads the index of a file of this length.
    pub(super) fn read(file: &File, file_length: u64) -> Result<Self, Unusable> {
        let Trailer { at: trailer_at, length, table_bytes, table_crc } =
            Trailer::read(file, file_length)?;
        let around = SKIPPABLE_HEAD_BYTES + (table_bytes + TRAILER_BYTES) as u64;
        let start = file_length - length;
        let mut head = SKIPPABLE_MAGIC.to_le_bytes().to_vec();
        head.extend(((length - SKIPPABLE_HEAD_BYTES) as u32).to_le_bytes());
        if read_at(file, start, head.len())? != head {
            return damaged("the beginning of its index is damaged");
        }
        let table = read_at(file, trailer_at - table_bytes as u64, table_bytes)?;
        if crc32c::crc32c(&table) != table_crc {
            return damaged("the table of its index is damaged");
        }
        let mut index = Self {
            totals: Totals { lines: 0, raw: 0, crc: 0, ts: NO_TIME, frames: 0 },
            frames: Vec::new(),
            start,
            bytes_read: around,
            sections: sections(&table, length - around)?,
        };
        let Some(totals) = Totals::parse(&index.section(file, TOTALS)?) else {
            return damaged("the totals of its index end early");
        };
        index.totals = totals;
        let entries = index.section(file, FRAMES)?;
        index.entries(&entries)?;
        Ok(index)
    }

    /// Reads the entries of the frames, which must follow each other without a gap.
    fn entries(&mut self, bytes: &[u8]) -> Result<(), Unusable> {
        let (mut end, mut raw_end, mut lines) = (0_u64, 0_u64, 0_u64);
        let entries = bytes.chunks_exact(FRAME_BYTES);
        let whole = entries.remainder().is_empty();
        self.frames.reserve_exact(entries.len());
        for entry in entries {
            let Some(frame) = Frame::parse(entry, raw_end) else {
                return damaged("an entry of its index is impossible");
            };
            let next = end.checked_add(frame.compressed).filter(|next| *next <= self.start);
            let (Some(next), true) = (next, frame.offset == end) else {
                return damaged("the frames of its index do not follow each other");
            };
            end = next;
            raw_end = raw_end.saturating_add(frame.raw);
            lines = lines.saturating_add(frame.lines);
            if raw_end > SOURCE_BYTES_MAX {
                return damaged("an entry of its index is impossible");
            }
            self.frames.push(frame);
        }
        let found = (self.frames.len() as u64, raw_end, lines);
        if !whole
            || end != self.start
            || found != (self.totals.frames, self.totals.raw, self.totals.lines)
        {
            return damaged("the frames of its index are not all of the file");
        }
        Ok(())
    }

    /// Which frames must be read: `true` for those that may hold what is wanted. A filter that is
    /// damaged is told and means that every frame may.
    pub(super) fn choose(
        &mut self,
        file: &File,
        wanted: &Wanted,
    ) -> io::Result<(Vec<bool>, Option<String>)> {
        let mut chosen: Vec<bool> =
            self.frames.iter().map(|frame| wanted.overlaps(frame.ts)).collect();
        if !wanted.has_keys() || !chosen.contains(&true) {
            return Ok((chosen, None));
        }
        match self.filtered(file, wanted, &mut chosen) {
            Ok(()) => Ok((chosen, None)),
            Err(Unusable::Io(error)) => Err(error),
            Err(Unusable::Damaged(what)) => {
                let chosen = self.frames.iter().map(|frame| wanted.overlaps(frame.ts)).collect();
                Ok((chosen, Some(what)))
            }
        }
    }

    fn filtered(
        &mut self,
        file: &File,
        wanted: &Wanted,
        chosen: &mut [bool],
    ) -> Result<(), Unusable> {
        let runs = self.section(file, RUN_FILTERS)?;
        let mut fields = Fields(&runs);
        while !fields.0.is_empty() {
            let Some((frames, filter)) = fields.run() else {
                return damaged("a filter of its index is impossible");
            };
            let Some(frames) = chosen.get_mut(frames) else {
                return damaged("a filter of its index is for frames that are not there");
            };
            if !may_hold(filter, wanted)? {
                frames.fill(false);
            }
        }
        if !chosen.contains(&true) {
            return Ok(());
        }
        let filters = self.section(file, FRAME_FILTERS)?;
        let mut rest = filters.as_slice();
        for (frame, chosen) in self.frames.iter().zip(chosen) {
            let Some(length) = frame.filter else { continue };
            let Some((filter, after)) = rest.split_at_checked(length as usize) else {
                return damaged("the filters of its index end early");
            };
            rest = after;
            *chosen = *chosen && may_hold(filter, wanted)?;
        }
        if rest.is_empty() { Ok(()) } else { damaged("its index has filters of no frame") }
    }

    /// Whether every section is as it was written, also those that are read only when asked.
    pub(super) fn is_whole(&self, file: &File, pace: &mut Pace<'_>) -> io::Result<bool> {
        let mut piece = vec![0; PIECE_BYTES];
        for kind in [FRAME_FILTERS, RUN_FILTERS] {
            let section = match self.find(kind) {
                Ok(section) => section,
                Err(_) => return Ok(false),
            };
            let (mut at, mut left, mut crc) = (self.start + section.offset, section.length, 0);
            while left > 0 {
                let piece = &mut piece[..clamp(left, PIECE_BYTES)];
                read_exact_at(file, at, piece)?;
                crc = crc32c::crc32c_append(crc, piece);
                at += piece.len() as u64;
                left -= piece.len() as u64;
                pace.walked(piece.len() as u64)?;
            }
            if crc != section.crc {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn find(&self, kind: u32) -> Result<&Section, Unusable> {
        let Some(section) = self.sections.iter().find(|section| section.kind == kind) else {
            return Err(Unusable::Damaged(format!("section {kind} of its index is missing")));
        };
        if section.length > SECTION_BYTES_MAX as u64 {
            return Err(Unusable::Damaged(format!("section {kind} of its index is too long")));
        }
        Ok(section)
    }

    /// Reads a section and compares its checksum.
    fn section(&mut self, file: &File, kind: u32) -> Result<Vec<u8>, Unusable> {
        let section = self.find(kind)?;
        let bytes = read_at(file, self.start + section.offset, section.length as usize)?;
        if crc32c::crc32c(&bytes) != section.crc {
            return Err(Unusable::Damaged(format!("section {kind} of its index is damaged")));
        }
        self.bytes_read += bytes.len() as u64;
        Ok(bytes)
    }
}

/// Whether a filter lets through what is wanted.
fn may_hold(filter: &[u8], wanted: &Wanted) -> Result<bool, Unusable> {
    if filter.is_empty() {
        return Ok(wanted.holds(|_| false));
    }
    match Filter::parse(filter) {
        Some(filter) => Ok(wanted.holds(|key| filter.may_hold(key))),
        None => damaged("a filter of its index is impossible"),
    }
}

/// Reads the table of sections, all of which lie in the first `room` bytes behind the head.
fn sections(table: &[u8], room: u64) -> Result<Vec<Section>, Unusable> {
    let mut sections = Vec::new();
    let mut fields = Fields(table);
    while let (Some(kind), Some(crc), Some(offset), Some(length)) =
        (fields.u32(), fields.u32(), fields.u64(), fields.u64())
    {
        let inside = offset >= SKIPPABLE_HEAD_BYTES
            && offset.checked_add(length).is_some_and(|end| end <= SKIPPABLE_HEAD_BYTES + room);
        if !inside {
            return damaged("a section of its index lies outside of it");
        }
        sections.push(Section { kind, crc, offset, length });
    }
    Ok(sections)
}

impl Frame {
    fn parse(entry: &[u8], raw_offset: u64) -> Option<Self> {
        let mut fields = Fields(entry);
        let (offset, compressed) = (fields.u64()?, fields.u64()?);
        let (raw, lines) = (fields.u64()?, fields.u64()?);
        let ts = (fields.i64()?, fields.i64()?);
        let (crc, length, flags) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let filter = (flags & HAS_FILTER != 0).then_some(length);
        // A line has a byte at least.
        (lines <= raw).then_some(Self {
            offset,
            compressed,
            raw_offset,
            raw,
            lines,
            ts,
            crc,
            filter,
        })
    }
}

/// Numbers from the front of bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// The frames of a run, and its filter.
    fn run(&mut self) -> Option<(std::ops::Range<usize>, &'a [u8])> {
        let (first, end) = (self.u32()? as usize, self.u32()? as usize);
        let (length, _flags) = (self.u32()? as usize, self.u32()?);
        let (filter, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        (first <= end).then_some((first..end, filter))
    }
}

/// Reads `length` bytes from a place in a file.
fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    read_exact_at(file, offset, &mut bytes)?;
    Ok(bytes)
}
