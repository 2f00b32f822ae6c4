//! The stage: a batch on its way from rings to files, so that a kill in between costs nothing.
//!
//! # Layout
//! A preallocated file. One page with two headers, at 0 and 2048, used in turn: `magic u64
//! "RSNDSTG2", state u64 (0 free, 1 ready), key u64, place of the heads u64, heads length u32, heads
//! crc32c u32, header crc32c u32` (over the bytes before it, with the state ready). Then two places
//! for heads: the ring ranges (`count u32`, each `ring u32, to u64`) and the targets (`count u32`,
//! each `name length u16, name, inode u64, offset u64, on a new line u8, place of the lines in this
//! file u64, length u32, crc32c u32`). Then a segment for the lines of each kind, and behind them
//! whatever did not fit there.
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
//! was never ready: the tails of the rings have not moved, and the stage is ignored. The checksums
//! of heads and lines are for power cuts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::batch::Batch;
use crate::lines::Lines;
use crate::ring::Segment;

const MAGIC: u64 = u64::from_le_bytes(*b"RSNDSTG2");
const HEADER_SIZE: usize = 44;
const STATE_AT: usize = 8;
/// Where the headers are.
const HEADERS: [usize; 2] = [0, 2048];
/// Where the heads of each are, and how long they may be there.
const HEADS: [usize; 2] = [4096, 4096 + HEADS_SIZE];
const HEADS_SIZE: usize = (FRONT - 4096) / 2;
/// Header and heads: some thousand rings in one batch.
const FRONT: usize = 64 * 1024;
/// Lines of one kind: a batch, and all but the strangest record behind it.
const SEGMENT: usize = 512 * 1024;
const END: usize = FRONT + 3 * SEGMENT;
/// Most bytes of heads, and of lines, that are believed.
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

/// What a dead owner's stage holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Ring number and the position its tail must reach.
    pub(crate) ranges: Vec<(u32, u64)>,
    pub(crate) targets: Vec<Staged>,
}

impl Stage {
    /// Creates, allocates and maps the stage of a new instance, with the batch that is built in it.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, Batch)> {
        let mut options = OpenOptions::new();
        options.create_new(true).mode(0o600);
        let mut stage = Self::open_with(path, &mut options)?;
        let lengths = [FRONT, SEGMENT, SEGMENT, SEGMENT];
        let [front, events, spans, metrics] = Segment::map(&stage.file, lengths)?;
        stage.front = Some(front);
        Ok((stage, Batch::within([events, spans, metrics])))
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
    ) -> io::Result<()> {
        self.key += 1;
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        let written = self.write(&mut heads, ranges, targets);
        self.heads = heads;
        let heads = written?;
        self.make_ready(&heads)
    }

    /// Which of the two headers the present key has.
    fn turn(&self) -> usize {
        (self.key % 2) as usize
    }

    /// Writes the heads, and lines that are not in the stage yet. Where the heads are.
    fn write(
        &mut self,
        heads: &mut Vec<u8>,
        ranges: &[(u32, u64)],
        targets: &[ToStage<'_>],
    ) -> io::Result<HeadsAt> {
        heads.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
        for (ring, to) in ranges {
            heads.extend_from_slice(&ring.to_le_bytes());
            heads.extend_from_slice(&to.to_le_bytes());
        }
        let mut end = END;
        heads.extend_from_slice(&(targets.len() as u32).to_le_bytes());
        for target in targets {
            let bytes = &**target.lines;
            // Where they were encoded, in a mapped stage; else they are written there now.
            let staged = target.lines.place().filter(|_| self.front.is_some());
            let place = match staged {
                Some(place) => place,
                None => {
                    self.file.write_all_at(bytes, end as u64)?;
                    end += bytes.len();
                    end - bytes.len()
                }
            };
            heads.extend_from_slice(&(target.file.len() as u16).to_le_bytes());
            heads.extend_from_slice(target.file.as_bytes());
            heads.extend_from_slice(&target.inode.to_le_bytes());
            heads.extend_from_slice(&target.offset.to_le_bytes());
            heads.push(u8::from(target.on_new_line));
            heads.extend_from_slice(&(place as u64).to_le_bytes());
            heads.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            heads.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
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
        Ok(HeadsAt { at: at as u64, length: heads.len() as u32, crc: crc32c::crc32c(heads) })
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
    pub(crate) fn contents(&self) -> io::Result<Option<Contents>> {
        let mut found: Option<(u64, HeadsAt)> = None;
        for at in HEADERS {
            let header = self.header(at)?;
            found = header.filter(|new| found.as_ref().is_none_or(|old| new.0 > old.0)).or(found);
        }
        let Some((_, HeadsAt { at, length, crc })) = found else { return Ok(None) };
        let Some(heads) = self.read(at, length, crc)? else { return Ok(None) };
        let Some((ranges, heads)) = parse(&heads) else { return Ok(None) };
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
        Ok(Some(Contents { ranges, targets }))
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
        let valid = long(0) == MAGIC && word(40) == crc32c::crc32c(&header[..40]);
        // Only a ready header has the right checksum, but the state alone is changed when it ends.
        let heads = HeadsAt { at: long(24), length: word(32), crc: word(36) };
        Ok((valid && long(STATE_AT) == READY).then_some((long(16), heads)))
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

/// Where heads are.
struct HeadsAt {
    at: u64,
    length: u32,
    crc: u32,
}

/// What the heads say of the lines for one file.
struct Head {
    file: String,
    inode: u64,
    offset: u64,
    on_new_line: bool,
    place: u64,
    length: u32,
    crc: u32,
}

type Ranges = Vec<(u32, u64)>;

fn parse(mut heads: &[u8]) -> Option<(Ranges, Vec<Head>)> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (head, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(*head)
    }
    let bytes = &mut heads;
    let mut ranges = Vec::new();
    for _ in 0..u32::from_le_bytes(take(bytes)?) {
        ranges.push((u32::from_le_bytes(take(bytes)?), u64::from_le_bytes(take(bytes)?)));
    }
    let mut targets = Vec::new();
    for _ in 0..u32::from_le_bytes(take(bytes)?) {
        let name_length = usize::from(u16::from_le_bytes(take(bytes)?));
        let (name, rest) = bytes.split_at_checked(name_length)?;
        *bytes = rest;
        let file = std::str::from_utf8(name).ok()?.to_owned();
        // A name from disk must not lead out of the directory.
        if file.is_empty() || file.contains(['/', '\0']) || file.starts_with('.') {
            return None;
        }
        targets.push(Head {
            file,
            inode: u64::from_le_bytes(take(bytes)?),
            offset: u64::from_le_bytes(take(bytes)?),
            on_new_line: take(bytes)? != [0],
            place: u64::from_le_bytes(take(bytes)?),
            length: u32::from_le_bytes(take(bytes)?),
            crc: u32::from_le_bytes(take(bytes)?),
        });
    }
    Some((ranges, targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Kind;

    fn staged(file: &str) -> Staged {
        Staged { file: file.into(), inode: 5, offset: 9, bytes: b"\n{}\n".to_vec() }
    }

    fn to_stage<'a>(file: &'a str, lines: &'a Lines) -> ToStage<'a> {
        ToStage { file, inode: 5, offset: 9, on_new_line: true, lines }
    }

    fn lines(of: &mut Batch, bytes: &[u8]) {
        of.lines(Kind::Event).extend_from_slice(bytes);
    }

    #[test]
    fn a_ready_batch_is_found_and_a_free_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let (mut stage, mut batch) = Stage::create(&path).unwrap();
        assert_eq!(stage.contents().unwrap(), None);
        lines(&mut batch, b"{}\n");
        let target = to_stage("events-2026-11-21.jsonl", batch.of(Kind::Event));
        stage.ready(&[(2, 800)], &[target]).unwrap();

        let opened = Stage::open(&path).unwrap();
        let contents = opened.contents().unwrap().unwrap();
        assert_eq!(contents.ranges, [(2, 800)]);
        assert_eq!(contents.targets, [staged("events-2026-11-21.jsonl")]);
        stage.free().unwrap();
        assert_eq!(opened.contents().unwrap(), None);
    }

    #[test]
    fn lines_past_the_mapping_and_a_stage_that_is_not_mapped_are_read_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let large = vec![b'x'; 2 * SEGMENT];
        let many: Vec<(u32, u64)> = (0..20_000).map(|ring| (ring, 8)).collect();
        for mapped in [true, false] {
            let (mut stage, mut batch) = if mapped {
                Stage::create(&path).unwrap()
            } else {
                (Stage::open(&path).unwrap(), Batch::default())
            };
            lines(&mut batch, &large);
            batch.lines(Kind::Span).extend_from_slice(b"{}\n");
            let [large_lines, small] = [Kind::Event, Kind::Span].map(|kind| batch.of(kind));
            let first = ToStage { on_new_line: false, ..to_stage("f", large_lines) };
            let ranges = if mapped { &[] } else { &many[..] };
            stage.ready(ranges, &[first, to_stage("g", small)]).unwrap();
            let contents = Stage::open(&path).unwrap().contents().unwrap().unwrap();
            assert_eq!(contents.ranges, ranges);
            assert_eq!(contents.targets[0].bytes, large);
            assert_eq!(contents.targets[1], staged("g"));
            stage.free().unwrap();
            assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
        }
    }

    #[test]
    fn a_batch_that_is_made_ready_again_is_ready_at_any_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let (mut stage, mut batch) = Stage::create(&path).unwrap();
        lines(&mut batch, b"{}\n");
        let ready = |stage: &mut Stage, name| {
            stage.ready(&[(2, 800)], &[to_stage(name, batch.of(Kind::Event))]).unwrap();
            std::fs::read(&path).unwrap()
        };
        let first = ready(&mut stage, "first");
        let second = ready(&mut stage, "second");
        let name = |bytes: &[u8]| {
            let path = directory.path().join("copy");
            std::fs::write(&path, bytes).unwrap();
            Stage::open(&path).unwrap().contents().unwrap().unwrap().targets.remove(0).file
        };
        assert_eq!((name(&first).as_str(), name(&second).as_str()), ("first", "second"));
        // Killed in between, with more and more of what the second writes before its state.
        let (header, heads) = (HEADERS[0], HEADS[0]);
        let written = (heads..heads + 70).chain(header + 16..header + HEADER_SIZE);
        let mut torn = first.clone();
        for at in written {
            torn[at] = second[at];
            assert_eq!(name(&torn), "first", "byte {at}");
        }
        // Both ready, before the first is freed.
        let mut both = second;
        let first_header = HEADERS[1];
        both[first_header..first_header + 16]
            .copy_from_slice(&first[first_header..first_header + 16]);
        assert_eq!(name(&both), "second");
        stage.free().unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
    }

    #[test]
    fn a_torn_or_hostile_stage_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        for name in ["../outside", ".hidden", "a/b", ""] {
            let (mut stage, batch) = Stage::create(&path).unwrap();
            stage.ready(&[], &[to_stage(name, batch.of(Kind::Event))]).unwrap();
            assert_eq!(stage.contents().unwrap(), None, "{name}");
            std::fs::remove_file(&path).unwrap();
        }
        let (mut stage, mut batch) = Stage::create(&path).unwrap();
        lines(&mut batch, b"{}\n");
        let target = to_stage("events-2026-11-21.jsonl", batch.of(Kind::Event));
        stage.ready(&[(1, 2)], &[target]).unwrap();
        let good = std::fs::read(&path).unwrap();
        let (header, heads) = (HEADERS[1], HEADS[1]);
        let damage = (header..header + 44).chain(heads..heads + 70).chain(FRONT..FRONT + 3);
        for at in damage {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None, "byte {at}");
        }
        std::fs::write(&path, &good[..10]).unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
    }
}
