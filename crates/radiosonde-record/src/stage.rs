//! The stage: a batch on its way from rings to files, so that a kill in between costs nothing.
//!
//! # Layout
//! A preallocated file. One page with two headers, at 0 and 2048, used in turn: `magic u64
//! "RSNDSTG3", state u64 (0 free, 1 ready), key u64, place of the heads u64, heads length u32, heads
//! crc32c u32, header crc32c u32` (over the bytes before it, with the state ready). Then two places
//! for heads, see `heads`. Then a segment for the lines of each kind, one for exports when there may
//! be any, and behind them whatever did not fit there. "RSNDSTG2" is the same without exports, and
//! still read.
//!
//! # Operation
//! Its owner has the file mapped, allocated and touched as rings are, and encodes lines where they
//! are staged: making a batch ready is writing its heads, then the header, and with Release the
//! state, last. A batch whose files have changed while it waited is made ready again under the other
//! header before the first is freed: at any moment one of them holds. Lines that do not fit are
//! written to the file behind the mapping, which is the same page cache. Who recovers a dead
//! owner's stage reads and writes the file and maps nothing.
//!
//! # Recovery
//! The ready header with the larger key counts. One that is free, or whose checksums do not match,
//! was never ready: the tails of the rings have not moved, and the stage is ignored. One of a later
//! version is left alone: its tails have moved. The checksums of heads and lines are for power cuts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::batch::Batch;
use crate::lines::Lines;
use crate::ring::Segment;
use heads::{ExportsHead, Head, Heads, HeadsAt};

mod heads;
#[cfg(test)]
mod tests;

const MAGIC: u64 = u64::from_le_bytes(*b"RSNDSTG3");
/// Of a stage whose heads say nothing of exports.
const MAGIC_BEFORE: u64 = u64::from_le_bytes(*b"RSNDSTG2");
/// What the names of all versions begin with.
const FAMILY: &[u8] = b"RSNDSTG";
const OF_ANOTHER_VERSION: &str =
    "a batch is staged in the manner of another version; recover it with that one";
const HEADER_SIZE: usize = 44;
const STATE_AT: usize = 8;
/// Where the headers are.
const HEADERS: [usize; 2] = [0, 2048];
/// Where the heads of each are, and how long they may be there.
const HEADS: [usize; 2] = [4096, 4096 + HEADS_SIZE];
const HEADS_SIZE: usize = (FRONT - 4096) / 2;
/// Header and heads: some thousand rings in one batch.
const FRONT: usize = 64 * 1024;
/// Lines of one kind, or exports: a batch, and all but the strangest record behind it.
const SEGMENT: usize = 512 * 1024;
/// Where there is room for what does not fit, also when there is no segment for exports.
const END: usize = FRONT + 4 * SEGMENT;
/// Most bytes of heads, of lines, and of exports, that are believed.
const LENGTH_MAX: usize = 64 * 1024 * 1024;
const FREE: u64 = 0;
const READY: u64 = 1;

/// The stage of one instance.
#[derive(Debug)]
pub(crate) struct Stage {
    file: File,
    /// Header and heads; `None` for the stage of somebody else, who is dead.
    front: Option<Segment>,
    key: u64,
    heads: Vec<u8>,
}

/// Bytes for one file, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) file: String,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The same, to be staged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToStage<'a> {
    pub(crate) file: &'a str,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    /// A line feed goes before the lines.
    pub(crate) on_new_line: bool,
    pub(crate) lines: &'a Lines,
}

/// The exports of a batch, to be staged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExportsToStage<'a> {
    /// The number of the batch in the queue of the sink.
    pub(crate) number: u64,
    pub(crate) bytes: &'a Lines,
}

/// What a dead owner's stage holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Ring number and the position its tail must reach.
    pub(crate) ranges: Vec<(u32, u64)>,
    pub(crate) targets: Vec<Staged>,
    /// Number and bytes of exports.
    pub(crate) exports: Option<(u64, Vec<u8>)>,
}

impl Stage {
    /// Creates, allocates and maps the stage of a new instance, with the batch that is built in it;
    /// with room for exports, where there may be any.
    pub(crate) fn create(path: &Path, has_exports: bool) -> io::Result<(Self, Batch)> {
        let mut options = OpenOptions::new();
        options.create_new(true).mode(0o600);
        let mut stage = Self::open_with(path, &mut options)?;
        let of_exports = if has_exports { SEGMENT } else { 0 };
        let lengths = [FRONT, SEGMENT, SEGMENT, SEGMENT, of_exports];
        let [front, events, spans, metrics, exports] = Segment::map(&stage.file, lengths)?;
        stage.front = Some(front);
        let exports = Some(exports).filter(|_| has_exports);
        Ok((stage, Batch::within([events, spans, metrics], exports)))
    }

    /// Opens the stage of a dead instance.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, &mut OpenOptions::new())
    }

    /// As [`Stage::open`], and creates it when missing.
    pub(crate) fn open_or_create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).mode(0o600);
        Self::open_with(path, &mut options)
    }

    fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let flags = OFlags::NOFOLLOW.bits() as i32;
        let file = options.read(true).write(true).custom_flags(flags).open(path)?;
        Ok(Self::of(file))
    }

    /// The stage in this file, not mapped.
    pub(crate) fn of(file: File) -> Self {
        Self { file, front: None, key: 0, heads: Vec::new() }
    }

    /// Makes a batch ready: from here on it will reach its files whatever happens.
    ///
    /// # Errors
    /// As from the system, for instance a full disk under a stage that is not mapped.
    pub(crate) fn ready(
        &mut self,
        ranges: &[(u32, u64)],
        targets: &[ToStage<'_>],
        exports: Option<ExportsToStage<'_>>,
    ) -> io::Result<()> {
        self.key += 1;
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        let written = self.write(&mut heads, ranges, targets, exports);
        self.heads = heads;
        let heads = written?;
        self.make_ready(&heads)
    }

    /// Which of the two headers the present key has.
    fn turn(&self) -> usize {
        (self.key % 2) as usize
    }

    /// Writes the heads, and bytes that are not in the stage yet. Where the heads are.
    fn write(
        &mut self,
        heads: &mut Vec<u8>,
        ranges: &[(u32, u64)],
        targets: &[ToStage<'_>],
        exports: Option<ExportsToStage<'_>>,
    ) -> io::Result<HeadsAt> {
        let mut end = END;
        heads::put_ranges(heads, ranges);
        heads::put_count(heads, targets.len());
        for target in targets {
            let place = self.place(target.lines, &mut end)?;
            heads::put_target(heads, target, place);
        }
        heads::put_count(heads, exports.iter().len());
        if let Some(exports) = exports {
            let place = self.place(exports.bytes, &mut end)?;
            heads::put_exports(heads, exports, place);
        }
        let turn = self.turn();
        let mut at = HEADS[turn];
        match &mut self.front {
            Some(front) => {
                if heads.len() > HEADS_SIZE || !front.write(at, heads) {
                    // More than there can be within the cap of rings.
                    return Err(io::Error::other("too many rings in one batch"));
                }
            }
            None => {
                if heads.len() > HEADS_SIZE {
                    // Behind everything, and out of the way of those under the other header.
                    at = end + turn * LENGTH_MAX;
                }
                self.file.write_all_at(heads, at as u64)?;
            }
        }
        let (at, length, crc) = (at as u64, heads.len() as u32, crc32c::crc32c(heads));
        Ok(HeadsAt { at, length, crc, has_exports: true })
    }

    /// Where bytes stand: where they were encoded, in a mapped stage; else they are written there now.
    fn place(&self, bytes: &Lines, end: &mut usize) -> io::Result<u64> {
        if let Some(place) = bytes.place().filter(|_| self.front.is_some()) {
            return Ok(place as u64);
        }
        self.file.write_all_at(bytes, *end as u64)?;
        *end += bytes.len();
        Ok((*end - bytes.len()) as u64)
    }

    fn make_ready(&mut self, heads: &HeadsAt) -> io::Result<()> {
        let mut header = [0; HEADER_SIZE];
        header[0..8].copy_from_slice(&MAGIC.to_le_bytes());
        header[STATE_AT..16].copy_from_slice(&READY.to_le_bytes());
        header[16..24].copy_from_slice(&self.key.to_le_bytes());
        header[24..32].copy_from_slice(&heads.at.to_le_bytes());
        header[32..36].copy_from_slice(&heads.length.to_le_bytes());
        header[36..40].copy_from_slice(&heads.crc.to_le_bytes());
        let check = crc32c::crc32c(&header[..40]);
        header[40..].copy_from_slice(&check.to_le_bytes());
        let (now, before) = (HEADERS[self.turn()], HEADERS[1 - self.turn()]);
        match &mut self.front {
            Some(front) => {
                let fits =
                    front.write(now, &header[..STATE_AT]) && front.write(now + 16, &header[16..]);
                debug_assert!(fits, "the mapping holds the header");
                front.store(now + STATE_AT, READY);
            }
            None => self.file.write_all_at(&header, now as u64)?,
        }
        self.set_free(before)
    }

    fn set_free(&mut self, header: usize) -> io::Result<()> {
        match &mut self.front {
            Some(front) => {
                front.store(header + STATE_AT, FREE);
                Ok(())
            }
            None => self.file.write_all_at(&FREE.to_le_bytes(), (header + STATE_AT) as u64),
        }
    }

    /// The batch is in its files.
    ///
    /// # Errors
    /// As [`Stage::ready`].
    pub(crate) fn free(&mut self) -> io::Result<()> {
        // The one that counts last.
        self.set_free(HEADERS[1 - self.turn()])?;
        self.set_free(HEADERS[self.turn()])
    }

    /// Reads what is ready; `None` when nothing is.
    ///
    /// # Errors
    /// As from the system; `InvalidData` when something is that only another version can read.
    pub(crate) fn contents(&self) -> io::Result<Option<Contents>> {
        let mut found: Option<(u64, HeadsAt)> = None;
        for at in HEADERS {
            let header = self.header(at)?;
            found = header.filter(|new| found.as_ref().is_none_or(|old| new.0 > old.0)).or(found);
        }
        let Some((_, HeadsAt { at, length, crc, has_exports })) = found else { return Ok(None) };
        let Some(heads) = self.read(at, length, crc)? else { return Ok(None) };
        let Some(heads) = heads::parse(&heads, has_exports) else { return Ok(None) };
        let Heads { ranges, targets: heads, exports } = heads;
        // Damaged heads may name the same lines any number of times.
        if heads.iter().map(|head| head.length as usize).sum::<usize>() > LENGTH_MAX {
            return Ok(None);
        }
        let mut targets = Vec::new();
        for Head { file, inode, offset, on_new_line, place, length, crc } in heads {
            let Some(lines) = self.read(place, length, crc)? else { return Ok(None) };
            let line_feed = if on_new_line { &b"\n"[..] } else { b"" };
            targets.push(Staged { file, inode, offset, bytes: [line_feed, &lines].concat() });
        }
        let mut contents = Contents { ranges, targets, exports: None };
        if let Some(ExportsHead { number, place, length, crc }) = exports {
            let Some(bytes) = self.read(place, length, crc)? else { return Ok(None) };
            contents.exports = Some((number, bytes));
        }
        Ok(Some(contents))
    }

    /// Key and heads of a header that is ready; `None` when it is not.
    fn header(&self, at: usize) -> io::Result<Option<(u64, HeadsAt)>> {
        let mut header = [0; HEADER_SIZE];
        match self.file.read_exact_at(&mut header, at as u64) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (words, _) = header.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at / 4]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let has_exports = long(0) == MAGIC;
        let is_known = has_exports || long(0) == MAGIC_BEFORE;
        // Only a ready header has the right checksum, but the state alone is changed when it ends.
        let is_ready = word(40) == crc32c::crc32c(&header[..40]) && long(STATE_AT) == READY;
        if is_ready && !is_known && header.starts_with(FAMILY) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, OF_ANOTHER_VERSION));
        }
        let heads = HeadsAt { at: long(24), length: word(32), crc: word(36), has_exports };
        Ok((is_ready && is_known).then_some((long(16), heads)))
    }

    /// Reads bytes of this checksum; `None` when they are not there.
    fn read(&self, at: u64, length: u32, crc: u32) -> io::Result<Option<Vec<u8>>> {
        let length = length as usize;
        if length > LENGTH_MAX || at.checked_add(length as u64).is_none() {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok((crc32c::crc32c(&bytes) == crc).then_some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            // A place no file has.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            Err(error) => Err(error),
        }
    }
}
