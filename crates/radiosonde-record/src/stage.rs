//! The stage: a batch on its way from rings to files, so that a kill in between costs nothing.
//!
//! # Layout
//! A preallocated file. One page of header: `magic u64 "RSNDSTG2", state u64 (0 free, 1 ready),
//! key u64, body length u32, body crc32c u32, header crc32c u32` (over the bytes before it, with
//! the state ready). Then the body: the ring ranges (`count u32`, each `ring u32, to u64`), the
//! targets (`count u32`, each `name length u16, name, inode u64, offset u64, length u32`), and the
//! bytes of the targets one after another.
//!
//! # Operation
//! Its owner has the file mapped, allocated and touched as rings are: making a batch ready is a
//! copy in memory. Body first, then the header, and with Release the state, last. A body larger
//! than the mapping is written to the file behind it, which is the same page cache. Who recovers a
//! dead owner's stage reads and writes the file and maps nothing.
//!
//! # Recovery
//! A header that is free, or whose checksum or body does not match, was never ready: the tails of
//! the rings have not moved, and the stage is ignored. The checksum of the body is for power cuts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::ring::StageMemory;

const MAGIC: u64 = u64::from_le_bytes(*b"RSNDSTG2");
const HEADER_SIZE: usize = 36;
const STATE_AT: usize = 8;
const BODY_AT: usize = 4096;
/// Size of the mapping: room for a batch and all but the strangest record behind it.
const SIZE: usize = 1024 * 1024;
/// Largest body that is believed.
const BODY_MAX: u64 = 64 * 1024 * 1024;
const FREE: u64 = 0;
const READY: u64 = 1;

/// The stage of one instance.
#[derive(Debug)]
pub(crate) struct Stage {
    file: File,
    /// `None` for the stage of somebody else, who is dead.
    memory: Option<StageMemory>,
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
    /// One after another.
    pub(crate) bytes: [&'a [u8]; 2],
}

/// What a dead owner's stage holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Ring number and the position its tail must reach.
    pub(crate) ranges: Vec<(u32, u64)>,
    pub(crate) targets: Vec<Staged>,
}

impl Stage {
    /// Creates, allocates and maps the stage of a new instance.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create_new(true).mode(0o600);
        let mut stage = Self::open_with(path, &mut options)?;
        stage.memory = Some(StageMemory::map(&stage.file, SIZE)?);
        Ok(stage)
    }

    /// Opens the stage of a dead instance, or creates one there.
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
        Self { file, memory: None, key: 0, heads: Vec::new() }
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
        heads.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
        for (ring, to) in ranges {
            heads.extend_from_slice(&ring.to_le_bytes());
            heads.extend_from_slice(&to.to_le_bytes());
        }
        heads.extend_from_slice(&(targets.len() as u32).to_le_bytes());
        for target in targets {
            let length: usize = target.bytes.iter().map(|part| part.len()).sum();
            heads.extend_from_slice(&(target.file.len() as u16).to_le_bytes());
            heads.extend_from_slice(target.file.as_bytes());
            heads.extend_from_slice(&target.inode.to_le_bytes());
            heads.extend_from_slice(&target.offset.to_le_bytes());
            heads.extend_from_slice(&(length as u32).to_le_bytes());
        }
        let parts = std::iter::once(&heads[..]).chain(targets.iter().flat_map(|to| to.bytes));
        let (mut at, mut crc) = (BODY_AT, 0);
        let mut written = Ok(());
        for part in parts {
            crc = crc32c::crc32c_append(crc, part);
            written = written.and_then(|()| self.write(at, part));
            at += part.len();
        }
        self.heads = heads;
        written.and_then(|()| self.make_ready((at - BODY_AT) as u32, crc))
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let mapped = self.memory.as_mut().is_some_and(|memory| memory.write(at, bytes));
        if mapped { Ok(()) } else { self.file.write_all_at(bytes, at as u64) }
    }

    fn make_ready(&mut self, length: u32, crc: u32) -> io::Result<()> {
        let mut header = [0; HEADER_SIZE];
        header[0..8].copy_from_slice(&MAGIC.to_le_bytes());
        header[STATE_AT..16].copy_from_slice(&READY.to_le_bytes());
        header[16..24].copy_from_slice(&self.key.to_le_bytes());
        header[24..28].copy_from_slice(&length.to_le_bytes());
        header[28..32].copy_from_slice(&crc.to_le_bytes());
        let check = crc32c::crc32c(&header[..32]);
        header[32..].copy_from_slice(&check.to_le_bytes());
        match &mut self.memory {
            Some(memory) => {
                let fits = memory.write(0, &header[..STATE_AT]) && memory.write(16, &header[16..]);
                debug_assert!(fits, "the mapping holds the header");
                memory.store(STATE_AT, READY);
                Ok(())
            }
            None => self.file.write_all_at(&header, 0),
        }
    }

    /// The batch is in its files.
    ///
    /// # Errors
    /// As [`Stage::ready`].
    pub(crate) fn free(&mut self) -> io::Result<()> {
        match &mut self.memory {
            Some(memory) => {
                memory.store(STATE_AT, FREE);
                Ok(())
            }
            None => self.file.write_all_at(&FREE.to_le_bytes(), STATE_AT as u64),
        }
    }

    /// Reads what is ready; `None` when nothing is.
    pub(crate) fn contents(&self) -> io::Result<Option<Contents>> {
        let mut header = [0; HEADER_SIZE];
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
        let valid = header[..8] == MAGIC.to_le_bytes() && word(32) == crc32c::crc32c(&header[..32]);
        let length = u64::from(word(24));
        // Only a ready header has the right checksum, but the state alone is changed when it ends.
        let ready = header[STATE_AT..16] == READY.to_le_bytes();
        if !valid || !ready || length > BODY_MAX {
            return Ok(None);
        }
        let mut body = vec![0; length as usize];
        match self.file.read_exact_at(&mut body, BODY_AT as u64) {
            Ok(()) if crc32c::crc32c(&body) == word(28) => Ok(parse(&body)),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(None),
        }
    }
}

fn parse(mut body: &[u8]) -> Option<Contents> {
    let mut take = |count: usize| {
        let (head, rest) = body.split_at_checked(count)?;
        body = rest;
        Some(head)
    };
    let u32_of = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
    let u64_of = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    let mut ranges = Vec::new();
    for _ in 0..u32_of(take(4)?)? {
        ranges.push((u32_of(take(4)?)?, u64_of(take(8)?)?));
    }
    let mut heads = Vec::new();
    for _ in 0..u32_of(take(4)?)? {
        let name_length = usize::from(u16::from_le_bytes(take(2)?.try_into().ok()?));
        let file = std::str::from_utf8(take(name_length)?).ok()?.to_owned();
        // A name from disk must not lead out of the directory.
        if file.is_empty() || file.contains(['/', '\0']) || file.starts_with('.') {
            return None;
        }
        heads.push((file, u64_of(take(8)?)?, u64_of(take(8)?)?, u32_of(take(4)?)? as usize));
    }
    let mut targets = Vec::new();
    for (file, inode, offset, length) in heads {
        targets.push(Staged { file, inode, offset, bytes: take(length)?.to_vec() });
    }
    Some(Contents { ranges, targets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(file: &str) -> Staged {
        Staged { file: file.into(), inode: 5, offset: 9, bytes: b"\n{}\n".to_vec() }
    }

    fn to_stage(file: &str) -> ToStage<'_> {
        ToStage { file, inode: 5, offset: 9, bytes: [b"\n", b"{}\n"] }
    }

    #[test]
    fn a_ready_batch_is_found_and_a_free_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let mut stage = Stage::create(&path).unwrap();
        assert_eq!(stage.contents().unwrap(), None);
        stage.ready(&[(2, 800)], &[to_stage("events-2026-11-21.jsonl")]).unwrap();

        let opened = Stage::open(&path).unwrap();
        let contents = opened.contents().unwrap().unwrap();
        assert_eq!(contents.ranges, [(2, 800)]);
        assert_eq!(contents.targets, [staged("events-2026-11-21.jsonl")]);
        stage.free().unwrap();
        assert_eq!(opened.contents().unwrap(), None);
    }

    #[test]
    fn a_body_past_the_mapping_and_a_stage_that_is_not_mapped_are_read_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let large = vec![b'x'; SIZE];
        for mapped in [true, false] {
            let mut stage = if mapped { Stage::create(&path) } else { Stage::open(&path) }.unwrap();
            let target = ToStage { file: "f", inode: 1, offset: 0, bytes: [b"", &large] };
            stage.ready(&[], &[target, to_stage("g")]).unwrap();
            let contents = Stage::open(&path).unwrap().contents().unwrap().unwrap();
            assert_eq!(contents.targets[0].bytes, large);
            assert_eq!(contents.targets[1], staged("g"));
            stage.free().unwrap();
            assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
        }
    }

    #[test]
    fn a_torn_or_hostile_stage_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        for name in ["../outside", ".hidden", "a/b", ""] {
            let mut stage = Stage::create(&path).unwrap();
            stage.ready(&[], &[to_stage(name)]).unwrap();
            assert_eq!(stage.contents().unwrap(), None, "{name}");
            std::fs::remove_file(&path).unwrap();
        }
        let mut stage = Stage::create(&path).unwrap();
        stage.ready(&[(1, 2)], &[to_stage("events-2026-11-21.jsonl")]).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..36).chain(4096..4150) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None, "byte {at}");
        }
        std::fs::write(&path, &good[..10]).unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
    }
}
