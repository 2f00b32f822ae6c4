//! The heads of a staged batch: what there is of it, and where. All numbers are little-endian.
//!
//! The ring ranges (`count u32`, each `ring u32, to u64`); the targets (`count u32`, each `name length
//! u16, name, inode u64, offset u64, on a new line u8, place of the lines in this file u64, length
//! u32, crc32c u32`); the exports (`count u32`, 0 or 1, `number u64, place u64, length u32, crc32c
//! u32`), which a stage of the version before does not have.

use super::{ExportsToStage, ToStage};

/// Where heads are.
pub(super) struct HeadsAt {
    pub(super) at: u64,
    pub(super) length: u32,
    pub(super) crc: u32,
    /// They are of a version that knows exports.
    pub(super) has_exports: bool,
}

/// What the heads say.
pub(super) struct Heads {
    pub(super) ranges: Vec<(u32, u64)>,
    pub(super) targets: Vec<Head>,
    pub(super) exports: Option<ExportsHead>,
}

/// Of the lines for one file.
pub(super) struct Head {
    pub(super) file: String,
    pub(super) inode: u64,
    pub(super) offset: u64,
    pub(super) on_new_line: bool,
    pub(super) place: u64,
    pub(super) length: u32,
    pub(super) crc: u32,
}

/// Of the exports.
pub(super) struct ExportsHead {
    pub(super) number: u64,
    pub(super) place: u64,
    pub(super) length: u32,
    pub(super) crc: u32,
}

pub(super) fn put_count(heads: &mut Vec<u8>, count: usize) {
    heads.extend_from_slice(&(count as u32).to_le_bytes());
}

pub(super) fn put_ranges(heads: &mut Vec<u8>, ranges: &[(u32, u64)]) {
    put_count(heads, ranges.len());
    for (ring, to) in ranges {
        heads.extend_from_slice(&ring.to_le_bytes());
        heads.extend_from_slice(&to.to_le_bytes());
    }
}

pub(super) fn put_target(heads: &mut Vec<u8>, target: &ToStage<'_>, place: u64) {
    heads.extend_from_slice(&(target.file.len() as u16).to_le_bytes());
    heads.extend_from_slice(target.file.as_bytes());
    heads.extend_from_slice(&target.inode.to_le_bytes());
    heads.extend_from_slice(&target.offset.to_le_bytes());
    heads.push(u8::from(target.on_new_line));
    put_place(heads, place, target.lines);
}

pub(super) fn put_exports(heads: &mut Vec<u8>, exports: ExportsToStage<'_>, place: u64) {
    heads.extend_from_slice(&exports.number.to_le_bytes());
    put_place(heads, place, exports.bytes);
}

fn put_place(heads: &mut Vec<u8>, place: u64, bytes: &[u8]) {
    heads.extend_from_slice(&place.to_le_bytes());
    heads.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    heads.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
}

/// Reads heads; `None` for bytes that are none.
pub(super) fn parse(mut heads: &[u8], has_exports: bool) -> Option<Heads> {
    let bytes = &mut heads;
    let mut ranges = Vec::new();
    for _ in 0..word(bytes)? {
        ranges.push((word(bytes)?, long(bytes)?));
    }
    let mut targets = Vec::new();
    for _ in 0..word(bytes)? {
        let name_length = usize::from(u16::from_le_bytes(take(bytes)?));
        let (name, rest) = bytes.split_at_checked(name_length)?;
        *bytes = rest;
        let file = std::str::from_utf8(name).ok()?.to_owned();
        // A name from disk must not lead out of the directory.
        if file.is_empty() || file.contains(['/', '\0']) || file.starts_with('.') {
            return None;
        }
        let (inode, offset, on_new_line) = (long(bytes)?, long(bytes)?, take(bytes)? != [0]);
        let (place, length, crc) = (long(bytes)?, word(bytes)?, word(bytes)?);
        targets.push(Head { file, inode, offset, on_new_line, place, length, crc });
    }
    let has_exports = has_exports && word(bytes)? != 0;
    let exports = if has_exports { Some(parse_exports(bytes)?) } else { None };
    Some(Heads { ranges, targets, exports })
}

fn parse_exports(bytes: &mut &[u8]) -> Option<ExportsHead> {
    let (number, place) = (long(bytes)?, long(bytes)?);
    Some(ExportsHead { number, place, length: word(bytes)?, crc: word(bytes)? })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

fn word(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_le_bytes)
}

fn long(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}
