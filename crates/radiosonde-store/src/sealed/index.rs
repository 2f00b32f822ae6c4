//! Reading the index at the end of a sealed file. The layout stands in the module's documentation.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::reader::open_plain;
use crate::sealed::entries::Frame;
use crate::sealed::look::{clamp, read_exact_at};
use crate::sealed::pace::Pace;
use crate::sealed::pages::PAGE_BYTES;
use crate::sealed::scan::{NO_TIME, Others};

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
pub(super) const VALUES: u32 = 5;
pub(super) const PAGES: u32 = 6;
pub(super) const OTHERS: u32 = 7;

/// Of a source: nobody has a day file of a PiB, and places in one can be added up without a thought.
pub(super) const SOURCE_BYTES_MAX: u64 = 1 << 50;
const TOTALS_BYTES: usize = 48;
pub(super) const FRAME_BYTES: usize = 64;
/// The end of a file, which is read at once: the trailer, the table, and of all but long files what
/// rules out most of them.
const TAIL_BYTES: usize = 16 << 10;
const PIECE_BYTES: usize = 128 << 10;
/// Flag of the totals: see [`Totals::knows_all`].
const KNOWS_ALL: u32 = 1;
/// Flag of the totals: see [`Totals::has_overlong`].
const HAS_OVERLONG: u32 = 2;
/// Flag of the totals: see [`Totals::knows_capitals`].
const KNOWS_CAPITALS: u32 = 4;
/// Flag of a frame and of a run: its filter is there. One without a byte holds no id.
pub(super) const HAS_FILTER: u32 = 1;

/// What all lines are together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) raw: u64,
    /// CRC-32C of the source.
    pub(super) crc: u32,
    pub(super) ts: (i64, i64),
    pub(super) frames: u64,
    /// Whether the index knows every line. The first that were made left out those behind NULs.
    pub(super) knows_all: bool,
    /// Whether a line is too long to be read. Nobody knows what it holds, so that whoever may want it
    /// is told of it.
    pub(super) has_overlong: bool,
    /// Whether its filters have traces in lower case. The first ones had those of others as they were
    /// written.
    pub(super) knows_capitals: bool,
}

impl Totals {
    /// Those of no lines.
    pub(super) fn none() -> Self {
        Self {
            lines: 0,
            raw: 0,
            crc: 0,
            ts: NO_TIME,
            frames: 0,
            knows_all: true,
            has_overlong: false,
            knows_capitals: true,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TOTALS_BYTES);
        out.extend(self.lines.to_le_bytes());
        out.extend(self.raw.to_le_bytes());
        out.extend(self.frames.to_le_bytes());
        out.extend(self.ts.0.to_le_bytes());
        out.extend(self.ts.1.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        let flags = [
            (self.knows_all, KNOWS_ALL),
            (self.has_overlong, HAS_OVERLONG),
            (self.knows_capitals, KNOWS_CAPITALS),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag);
        out.extend(flags.sum::<u32>().to_le_bytes());
        out
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (lines, raw, frames) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let ts = (fields.i64()?, fields.i64()?);
        let (crc, flags) = (fields.u32()?, fields.u32()?);
        let has = |flag| flags & flag != 0;
        let (knows_all, has_overlong) = (has(KNOWS_ALL), has(HAS_OVERLONG));
        let knows_capitals = has(KNOWS_CAPITALS);
        Some(Self { lines, raw, crc, ts, frames, knows_all, has_overlong, knows_capitals })
    }
}

/// The index of a file. What only some queries ask is read when they do.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) totals: Totals,
    /// Empty before [`Index::load`].
    pub(super) frames: Vec<Frame>,
    /// Where the index begins in the file.
    pub(super) start: u64,
    /// Bytes of it that were read.
    pub(super) bytes_read: u64,
    sections: Vec<Section>,
    tail: Tail,
}

/// The end of the file, as it was read.
#[derive(Debug)]
struct Tail {
    at: u64,
    bytes: Vec<u8>,
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

pub(super) fn damaged<T>(what: &str) -> Result<T, Unusable> {
    Err(Unusable::Damaged(what.to_owned()))
}

/// The end of an index.
struct Trailer {
    /// Of the whole index.
    length: u64,
    table_bytes: usize,
    table_crc: u32,
}

impl Trailer {
    /// Reads it at the end of a tail.
    fn parse(tail: &[u8], file_length: u64) -> Result<Self, Unusable> {
        let Some((_, trailer)) = tail.split_last_chunk::<TRAILER_BYTES>() else {
            return damaged(NO_INDEX);
        };
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
        Ok(Self { length, table_bytes, table_crc })
    }
}

impl Tail {
    fn read(file: &File, file_length: u64, bytes: usize) -> io::Result<Self> {
        let bytes = clamp(file_length, bytes);
        let at = file_length - bytes as u64;
        Ok(Self { at, bytes: read_at(file, at, bytes)? })
    }

    /// Bytes of the file, if they are in it.
    fn bytes(&self, at: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

impl Index {
    /// Where the index of a file of this length begins, as its end says; that may be all that can be
    /// known of it.
    pub(super) fn start(file: &File, file_length: u64) -> io::Result<Option<u64>> {
        let tail = Tail::read(file, file_length, TRAILER_BYTES)?;
        match Trailer::parse(&tail.bytes, file_length) {
            Ok(trailer) => Ok(Some(file_length - trailer.length)),
            Err(Unusable::Damaged(_)) => Ok(None),
            Err(Unusable::Io(error)) => Err(error),
        }
    }

    /// Reads the index of a file of this length, with the entries of its frames.
    pub(super) fn read(file: &File, file_length: u64) -> Result<Self, Unusable> {
        let mut index = Self::open(file, file_length)?;
        index.load(file)?;
        Ok(index)
    }

    /// Reads the end of the index of a file of this length: what there is, and the totals.
    pub(super) fn open(file: &File, file_length: u64) -> Result<Self, Unusable> {
        let tail = Tail::read(file, file_length, TAIL_BYTES)?;
        let Trailer { length, table_bytes, table_crc } = Trailer::parse(&tail.bytes, file_length)?;
        let around = SKIPPABLE_HEAD_BYTES + (table_bytes + TRAILER_BYTES) as u64;
        let table_at = file_length - (TRAILER_BYTES + table_bytes) as u64;
        let table = tail.bytes(table_at, table_bytes).unwrap_or_default();
        if crc32c::crc32c(table) != table_crc {
            return damaged("the table of its index is damaged");
        }
        let mut index = Self {
            totals: Totals::none(),
            frames: Vec::new(),
            start: file_length - length,
            bytes_read: tail.bytes.len() as u64,
            sections: parse_table(table, length - around)?,
            tail,
        };
        let Some(totals) = Totals::parse(&index.section(file, TOTALS)?) else {
            return damaged("the totals of its index end early");
        };
        if totals.frames.checked_mul(FRAME_BYTES as u64) != Some(index.find(FRAMES)?.length) {
            return damaged("the frames of its index are not all of the file");
        }
        index.totals = totals;
        Ok(index)
    }

    /// Reads the entries of the frames.
    pub(super) fn load(&mut self, file: &File) -> Result<(), Unusable> {
        let file_length = self.tail.at + self.tail.bytes.len() as u64;
        let mut head = SKIPPABLE_MAGIC.to_le_bytes().to_vec();
        let behind = file_length - self.start - SKIPPABLE_HEAD_BYTES;
        head.extend((behind as u32).to_le_bytes());
        if self.bytes(file, self.start, head.len())? != head {
            return damaged("the beginning of its index is damaged");
        }
        let entries = self.section(file, FRAMES)?;
        self.frames = Frame::parse_all(&entries, self.start, &self.totals)?;
        Ok(())
    }

    /// Whether every section is as it was written, also those that are read only when asked.
    pub(super) fn is_whole(&self, file: &File, pace: &mut Pace<'_>) -> io::Result<bool> {
        if [FRAME_FILTERS, RUN_FILTERS].into_iter().any(|kind| self.find(kind).is_err()) {
            return Ok(false);
        }
        let mut piece = vec![0; PIECE_BYTES];
        for section in &self.sections {
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

    /// What is no line of each frame, where there is any.
    pub(super) fn others(&mut self, file: &File) -> Result<Vec<Others>, Unusable> {
        if !self.has(OTHERS) {
            return Ok(vec![Others::default(); self.frames.len()]);
        }
        let section = self.section(file, OTHERS)?;
        let mut fields = Fields(&section);
        let mut others = Vec::with_capacity(self.frames.len());
        while let (Some(no_lines), Some(told)) = (fields.u32(), fields.u32()) {
            others.push(Others { no_lines, told });
        }
        let is_of = |(frame, others): (&Frame, &Others)| u64::from(others.no_lines) <= frame.lines;
        if others.len() != self.frames.len() || !self.frames.iter().zip(&others).all(is_of) {
            return damaged("its index tells of other lines than there are");
        }
        Ok(others)
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

    /// Whether there is a section of a kind, which files of older versions may lack.
    pub(super) fn has(&self, kind: u32) -> bool {
        self.sections.iter().any(|section| section.kind == kind)
    }

    /// Length of a section, in bytes.
    pub(super) fn length(&self, kind: u32) -> Result<u64, Unusable> {
        Ok(self.find(kind)?.length)
    }

    /// Reads a section and compares its checksum.
    pub(super) fn section(&mut self, file: &File, kind: u32) -> Result<Vec<u8>, Unusable> {
        let &Section { crc, offset, length, .. } = self.find(kind)?;
        let bytes = self.bytes(file, self.start + offset, length as usize)?;
        if crc32c::crc32c(&bytes) != crc {
            return Err(Unusable::Damaged(format!("section {kind} of its index is damaged")));
        }
        Ok(bytes)
    }

    /// Reads the pages of a section that hold a stretch of it, and compares their checksums, of which
    /// there is one for each page of the section. Tells where the first of them begins in the section.
    pub(super) fn stretch(
        &mut self,
        file: &File,
        kind: u32,
        checksums: &[u32],
        stretch: Range<u64>,
    ) -> Result<(u64, Vec<u8>), Unusable> {
        let &Section { offset, length, .. } = self.find(kind)?;
        let page = PAGE_BYTES as u64;
        let (first, end) = (stretch.start / page, stretch.end.div_ceil(page) * page);
        let (start, end) = (first * page, end.min(length));
        if start >= end || stretch.end > length {
            return damaged("a filter of its index lies outside of it");
        }
        let bytes = self.bytes(file, self.start + offset + start, (end - start) as usize)?;
        let mut expected = checksums.iter().skip(first as usize);
        for page in bytes.chunks(PAGE_BYTES) {
            if expected.next() != Some(&crc32c::crc32c(page)) {
                return Err(Unusable::Damaged(format!("section {kind} of its index is damaged")));
            }
        }
        Ok((start, bytes))
    }

    /// Bytes of the file.
    fn bytes(&mut self, file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.tail.bytes(at, length) {
            return Ok(bytes.to_vec());
        }
        self.bytes_read += length as u64;
        read_at(file, at, length)
    }
}

/// Sections by their kinds.
pub(crate) type Contents = Vec<(u32, Vec<u8>)>;

/// The frames of a sealed file, and some sections of its index by their kinds.
pub(crate) fn sections(path: &Path, kinds: &[u32]) -> io::Result<(Vec<u8>, Contents)> {
    let (file, length) = open_plain(path)?;
    let invalid = |unusable| match unusable {
        Unusable::Damaged(what) => io::Error::new(io::ErrorKind::InvalidData, what),
        Unusable::Io(error) => error,
    };
    let mut index = Index::read(&file, length).map_err(invalid)?;
    let mut sections = Contents::new();
    for kind in kinds {
        sections.push((*kind, index.section(&file, *kind).map_err(invalid)?));
    }
    let frames = usize::try_from(index.start).map_err(io::Error::other)?;
    Ok((read_at(&file, 0, frames)?, sections))
}

/// Reads the table of sections, all of which lie in the first `room` bytes behind the head.
fn parse_table(table: &[u8], room: u64) -> Result<Vec<Section>, Unusable> {
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

/// Numbers from the front of bytes.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    /// The frames of a run, and its filter.
    pub(super) fn run(&mut self) -> Option<(Range<usize>, &'a [u8])> {
        let (first, end) = (self.u32()? as usize, self.u32()? as usize);
        let (length, _flags) = (self.u32()? as usize, self.u32()?);
        let filter = self.bytes(length)?;
        (first <= end).then_some((first..end, filter))
    }
}

/// Reads `length` bytes from a place in a file.
fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    read_exact_at(file, offset, &mut bytes)?;
    Ok(bytes)
}
