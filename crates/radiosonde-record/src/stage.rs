//! The stage: a batch on its way from rings to files, so that a kill in between costs nothing.
//!
//! # Layout
//! A preallocated file. One page of header: `magic u64 "RSNDSTG1", state u32 (0 free, 1 ready),
//! reserved u32, key u64, body length u32, body crc32c u32, header crc32c u32` (over the bytes
//! before it). Then the body: the ring ranges (`count u32`, each `ring u32, to u64`), the targets
//! (`count u32`, each `name length u16, name, inode u64, offset u64, length u32`), and the bytes
//! of the targets one after another.
//!
//! # Operation
//! Body first, then the header with `ready`, each one `pwrite`: the file belongs to the page cache
//! and survives the process. A mapping would save a copy and cost SIGBUS on a full disk.
//!
//! # Recovery
//! A header that is free, or whose checksum or body does not match, was never ready: the tails of
//! the rings have not moved, and the stage is ignored.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, fallocate};

const MAGIC: u64 = u64::from_le_bytes(*b"RSNDSTG1");
const HEADER_SIZE: usize = 44;
const BODY_AT: u64 = 4096;
/// Room for a batch and the largest record behind it, escaped at its worst.
const SIZE: u64 = 4 * 1024 * 1024;
const FREE: u32 = 0;
const READY: u32 = 1;

/// The stage of one instance.
#[derive(Debug)]
pub(crate) struct Stage {
    file: File,
    key: u64,
    buffer: Vec<u8>,
}

/// Bytes for one file, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) file: String,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What a dead owner's stage holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Ring number and the position its tail must reach.
    pub(crate) ranges: Vec<(u32, u64)>,
    pub(crate) targets: Vec<Staged>,
}

impl Stage {
    /// Creates and allocates the stage of a new instance.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create_new(true).mode(0o600);
        let stage = Self::open_with(path, &mut options)?;
        fallocate(&stage.file, FallocateFlags::empty(), 0, SIZE)?;
        Ok(stage)
    }

    /// Opens the stage of a dead instance.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, &mut OpenOptions::new())
    }

    fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let flags = OFlags::NOFOLLOW.bits() as i32;
        let file = options.read(true).write(true).custom_flags(flags).open(path)?;
        Ok(Self { file, key: 0, buffer: Vec::new() })
    }

    /// Makes a batch ready: from here on it will reach its files whatever happens.
    pub(crate) fn ready<'a>(
        &mut self,
        ranges: &[(u32, u64)],
        targets: impl IntoIterator<Item = &'a Staged>,
    ) -> io::Result<()> {
        let targets: Vec<&Staged> = targets.into_iter().collect();
        self.key += 1;
        let mut body = std::mem::take(&mut self.buffer);
        body.clear();
        body.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
        for (ring, to) in ranges {
            body.extend_from_slice(&ring.to_le_bytes());
            body.extend_from_slice(&to.to_le_bytes());
        }
        body.extend_from_slice(&(targets.len() as u32).to_le_bytes());
        for target in &targets {
            body.extend_from_slice(&(target.file.len() as u16).to_le_bytes());
            body.extend_from_slice(target.file.as_bytes());
            body.extend_from_slice(&target.inode.to_le_bytes());
            body.extend_from_slice(&target.offset.to_le_bytes());
            body.extend_from_slice(&(target.bytes.len() as u32).to_le_bytes());
        }
        for target in &targets {
            body.extend_from_slice(&target.bytes);
        }
        let written =
            self.file.write_all_at(&body, BODY_AT).and_then(|()| self.write_header(READY, &body));
        self.buffer = body;
        written
    }

    /// The batch is in its files.
    pub(crate) fn free(&mut self) -> io::Result<()> {
        self.write_header(FREE, &[])
    }

    fn write_header(&self, state: u32, body: &[u8]) -> io::Result<()> {
        let mut header = [0; HEADER_SIZE];
        header[0..8].copy_from_slice(&MAGIC.to_le_bytes());
        header[8..12].copy_from_slice(&state.to_le_bytes());
        header[16..24].copy_from_slice(&self.key.to_le_bytes());
        header[24..28].copy_from_slice(&(body.len() as u32).to_le_bytes());
        header[28..32].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        seal(&mut header);
        self.file.write_all_at(&header, 0)
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
        if !valid || word(8) != READY || length > SIZE {
            return Ok(None);
        }
        let mut body = vec![0; length as usize];
        match self.file.read_exact_at(&mut body, BODY_AT) {
            Ok(()) if crc32c::crc32c(&body) == word(28) => Ok(parse(&body)),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(None),
        }
    }
}

fn seal(header: &mut [u8; HEADER_SIZE]) {
    let crc = crc32c::crc32c(&header[..32]);
    header[32..36].copy_from_slice(&crc.to_le_bytes());
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
        Staged { file: file.into(), inode: 5, offset: 9, bytes: b"{}\n".to_vec() }
    }

    #[test]
    fn a_ready_batch_is_found_and_a_free_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let mut stage = Stage::create(&path).unwrap();
        assert_eq!(stage.contents().unwrap(), None);
        stage.ready(&[(2, 800)], &[staged("events-2026-11-21.jsonl")]).unwrap();

        let opened = Stage::open(&path).unwrap();
        let contents = opened.contents().unwrap().unwrap();
        assert_eq!(contents.ranges, [(2, 800)]);
        assert_eq!(contents.targets, [staged("events-2026-11-21.jsonl")]);
        stage.free().unwrap();
        assert_eq!(opened.contents().unwrap(), None);
    }

    #[test]
    fn a_torn_or_hostile_stage_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        for name in ["../outside", ".hidden", "a/b", ""] {
            let mut stage = Stage::create(&path).unwrap();
            stage.ready(&[], &[staged(name)]).unwrap();
            assert_eq!(stage.contents().unwrap(), None, "{name}");
            std::fs::remove_file(&path).unwrap();
        }
        let mut stage = Stage::create(&path).unwrap();
        stage.ready(&[(1, 2)], &[staged("events-2026-11-21.jsonl")]).unwrap();
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
