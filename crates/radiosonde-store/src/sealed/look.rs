//! What begins at a place of a sealed file, by what it says about itself. Nothing is taken apart.

use std::fs::File;
use std::io;

use crate::sealed::index::{SKIPPABLE_HEAD_BYTES, SKIPPABLE_MAGIC};
use crate::sealed::pace::Pace;

/// The first of the sixteen magics of skippable frames.
const SKIPPABLE_MAGICS: u32 = 0x184d_2a50;
pub(super) const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Magic and the longest header behind it.
const HEADER_BYTES_MAX: usize = 18;
const BLOCK_BYTES_MAX: u32 = 128 << 10;
/// In one frame. A program that ends a block for every 20 bytes of lines needs as many for the
/// longest frame that is taken apart; blocks may be empty, so that nothing else ends them.
pub(super) const BLOCKS_MAX: u64 = 1 << 20;
const WINDOW_BYTES: usize = 4 << 10;

/// What begins at a place of a file.
pub(super) enum Looked {
    Frame(Header),
    Skippable {
        /// Whether it is an index.
        ours: bool,
        /// Where it says that it ends. Of an index that may lie behind the end of the file.
        end: u64,
    },
}

/// What a frame says about itself.
pub(super) struct Header {
    /// Where it ends, in bytes of the file.
    pub(super) end: u64,
    /// What it holds, in bytes.
    pub(super) raw: Option<u64>,
    /// Whether it holds a checksum of that.
    pub(super) checksum: bool,
}

/// Looks at places of a file that lie close together.
#[derive(Debug)]
pub(super) struct Look {
    /// Length of the file.
    end: u64,
    start: u64,
    window: Vec<u8>,
}

impl Look {
    /// For a file of so many bytes.
    pub(super) fn new(end: u64) -> Self {
        Self { end, start: 0, window: Vec::new() }
    }

    /// Bytes of the file from a place on: so many, at most a window, or as many as there are.
    fn bytes(&mut self, file: &File, at: u64, length: usize) -> io::Result<&[u8]> {
        let length = clamp(self.end.saturating_sub(at), length);
        let inside = at.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = match inside.filter(|from| from + length <= self.window.len()) {
            Some(from) => from,
            None => {
                self.window.resize(clamp(self.end.saturating_sub(at), WINDOW_BYTES), 0);
                self.start = at;
                // What was not read must not be taken for it.
                read_exact_at(file, at, &mut self.window).inspect_err(|_| self.window.clear())?;
                0
            }
        };
        Ok(&self.window[from..from + length])
    }

    /// Whether a frame begins at a place, or nothing is left there.
    pub(super) fn is_edge(&mut self, file: &File, at: u64) -> io::Result<bool> {
        Ok(at == self.end || self.head(file, at)?.is_some())
    }

    /// Whether what is left at a place is the first bytes of an index and too short for more.
    pub(super) fn is_stub_of_index(&mut self, file: &File, at: u64) -> io::Result<bool> {
        let left = self.bytes(file, at, ZSTD_MAGIC.len())?;
        let magic = SKIPPABLE_MAGIC.to_le_bytes();
        Ok(!left.is_empty() && left.len() < magic.len() && magic.starts_with(left))
    }

    /// What begins at `at`, by its head alone: where a frame ends is not known yet. With it the place
    /// behind the head. `None` where nothing begins.
    pub(super) fn head(&mut self, file: &File, at: u64) -> io::Result<Option<(Looked, u64)>> {
        let end = self.end;
        let head = self.bytes(file, at, HEADER_BYTES_MAX)?;
        let Some((magic, rest)) = head.split_first_chunk::<4>() else { return Ok(None) };
        let behind_magic = at + ZSTD_MAGIC.len() as u64;
        if *magic == ZSTD_MAGIC {
            return Ok(parse_header(rest)
                .map(|(header, length)| (Looked::Frame(header), behind_magic + length as u64)));
        }
        let number = u32::from_le_bytes(*magic);
        if number & !0xf != SKIPPABLE_MAGICS {
            return Ok(None);
        }
        let ours = number == SKIPPABLE_MAGIC;
        let after = rest.first_chunk().map_or(u64::MAX, |length| {
            at + SKIPPABLE_HEAD_BYTES + u64::from(u32::from_le_bytes(*length))
        });
        // An index whose end is cut off is known as one.
        let begins = ours || after <= end;
        Ok(begins.then_some((Looked::Skippable { ours, end: after }, after)))
    }

    /// What begins at `at`, with where it ends. `None` where nothing does, or not whole, or where more
    /// than `blocks` blocks would have to be looked at; those that were are taken off.
    pub(super) fn look(
        &mut self,
        file: &File,
        at: u64,
        blocks: &mut u64,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Looked>> {
        let (mut header, mut at) = match self.head(file, at)? {
            Some((Looked::Frame(header), at)) => (header, at),
            other => return Ok(other.map(|(looked, _)| looked)),
        };
        loop {
            let Some(left) = blocks.checked_sub(1) else { return Ok(None) };
            *blocks = left;
            let Some(block) = self.bytes(file, at, 3)?.first_chunk::<3>() else { return Ok(None) };
            let block = u32::from_le_bytes([block[0], block[1], block[2], 0]);
            let (last, kind, size) = (block & 1 == 1, (block >> 1) & 3, block >> 3);
            if kind == 3 || size > BLOCK_BYTES_MAX {
                return Ok(None);
            }
            // One byte stands for all of a block of kind 1.
            let length = 3 + if kind == 1 { 1 } else { u64::from(size) };
            at += length;
            pace.walked(length)?;
            if last {
                break;
            }
        }
        header.end = at + if header.checksum { 4 } else { 0 };
        Ok((header.end <= self.end).then_some(Looked::Frame(header)))
    }
}

/// Reads a header behind its magic and tells its length. RFC 8878, section 3.1.1.1.
fn parse_header(bytes: &[u8]) -> Option<(Header, usize)> {
    let descriptor = *bytes.first()?;
    let single_segment = descriptor & 0x20 != 0;
    if descriptor & 0x08 != 0 {
        return None;
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let start = 1 + usize::from(!single_segment) + dictionary;
    let length = match descriptor >> 6 {
        0 => usize::from(single_segment),
        more => 1 << more,
    };
    let field = bytes.get(start..start + length)?;
    let mut number = [0; 8];
    number[..length].copy_from_slice(field);
    let number = u64::from_le_bytes(number);
    let raw = match length {
        0 => None,
        2 => Some(number + 256),
        _ => Some(number),
    };
    let checksum = descriptor & 0x04 != 0;
    Some((Header { end: 0, raw, checksum }, start + length))
}

/// The lesser of a length in a file and one in memory.
pub(super) fn clamp(left: u64, length: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(length)
}

/// Fills the buffer from a place in a file. On Unix, where the file stands does not change.
pub(crate) fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};

        let mut file = file;
        let _ = file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}
