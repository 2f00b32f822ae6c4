//! The frames of a sealed file: where one begins and ends, and taking it apart.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use jiff::Timestamp;

use crate::reader::LINE_BYTES_MAX;
use crate::sealed::index::{SKIPPABLE_HEAD_BYTES, SKIPPABLE_MAGIC};
use crate::sealed::{Damage, FRAME_BYTES};

/// The longest frame that is taken apart, in bytes of lines.
pub(super) const RAW_BYTES_MAX: usize = LINE_BYTES_MAX + FRAME_BYTES;
/// What such a frame can take compressed, with room to spare: zstd adds at most a part in 256.
const COMPRESSED_BYTES_MAX: u64 = (RAW_BYTES_MAX + RAW_BYTES_MAX / 128) as u64;

/// The first of the sixteen magics of skippable frames.
const SKIPPABLE_MAGICS: u32 = 0x184d_2a50;
pub(super) const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Magic and the longest header behind it.
const HEADER_BYTES_MAX: u64 = 18;
const BLOCK_BYTES_MAX: u32 = 128 << 10;
/// 32 MiB, enough for every frame that is taken apart.
const WINDOW_LOG_MAX: u32 = 25;

/// Where a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which one, from 0.
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) compressed: u64,
    pub(crate) raw_offset: u64,
    pub(crate) raw: u64,
    /// Lines, where an index tells.
    pub(crate) lines: Option<u64>,
    /// Earliest and latest time, in microseconds, where an index tells.
    pub(crate) ts: Option<(i64, i64)>,
    /// CRC-32C of the compressed bytes, where an index tells.
    pub(crate) crc: Option<u32>,
}

impl Place {
    pub(super) fn damage(&self, reason: &str) -> Damage {
        Damage {
            frame: Some(self.number),
            bytes: self.offset..self.offset + self.compressed,
            reason: reason.to_owned(),
            lines_lost: true,
            lines: self.lines,
            time: self.ts.and_then(|(earliest, latest)| {
                let moment = |us| Timestamp::from_microsecond(us).ok();
                // Where no line has a time, the earliest is above the latest.
                if earliest <= latest { moment(earliest).zip(moment(latest)) } else { None }
            }),
        }
    }
}

/// Takes frames apart.
pub(crate) struct Decoder {
    zstd: zstd::bulk::Decompressor<'static>,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()?, compressed: Vec::new() })
    }

    /// Replaces what is in `out` by what a frame holds; an error says why it cannot be had.
    pub(crate) fn decode(
        &mut self,
        file: &File,
        place: &Place,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        out.clear();
        if place.raw > RAW_BYTES_MAX as u64 || place.compressed > COMPRESSED_BYTES_MAX {
            return Err(format!("holds {} bytes, more than {RAW_BYTES_MAX}", place.raw));
        }
        // A frame that was long is no reason to keep the room.
        for buffer in [&mut self.compressed, &mut *out] {
            if buffer.capacity() > 4 * FRAME_BYTES {
                *buffer = Vec::new();
            }
        }
        self.compressed.resize(place.compressed as usize, 0);
        read_exact_at(file, place.offset, &mut self.compressed)
            .map_err(|error| format!("cannot be read: {error}"))?;
        if place.crc.is_some_and(|crc| crc != crc32c::crc32c(&self.compressed)) {
            return Err("is damaged: its checksum differs".to_owned());
        }
        out.reserve_exact(place.raw as usize);
        match self.zstd.decompress_to_buffer(&self.compressed, out) {
            Ok(length) if length as u64 == place.raw => Ok(()),
            Ok(length) => {
                out.clear();
                Err(format!("is damaged: it holds {length} bytes instead of {}", place.raw))
            }
            Err(error) => {
                out.clear();
                Err(format!("is damaged: {error}"))
            }
        }
    }
}

/// What begins at a place of a file.
pub(super) enum Looked {
    Frame(Header),
    Skippable { ours: bool, end: u64 },
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

/// What begins at `at`, by its head alone: where a frame ends is not known yet. With it the place
/// behind the head. `None` where nothing begins.
pub(super) fn head(file: &File, at: u64, end: u64) -> io::Result<Option<(Looked, u64)>> {
    let mut head = [0; HEADER_BYTES_MAX as usize];
    let length = read_some_at(file, at, end, &mut head)?;
    let Some((magic, rest)) = head[..length].split_first_chunk::<4>() else { return Ok(None) };
    let behind_magic = at + ZSTD_MAGIC.len() as u64;
    if *magic == ZSTD_MAGIC {
        return Ok(parse_header(rest)
            .map(|(header, length)| (Looked::Frame(header), behind_magic + length as u64)));
    }
    let number = u32::from_le_bytes(*magic);
    let Some(length) = rest.first_chunk().filter(|_| number & !0xf == SKIPPABLE_MAGICS) else {
        return Ok(None);
    };
    let after = at + SKIPPABLE_HEAD_BYTES + u64::from(u32::from_le_bytes(*length));
    let ours = number == SKIPPABLE_MAGIC;
    Ok((after <= end).then_some((Looked::Skippable { ours, end: after }, after)))
}

/// What begins at `at`, with where it ends. `None` where nothing does, or not whole, or where more
/// than `blocks` blocks would have to be looked at; those that were are taken off.
pub(super) fn look(file: &File, at: u64, end: u64, blocks: &mut u64) -> io::Result<Option<Looked>> {
    let (mut header, mut at) = match head(file, at, end)? {
        Some((Looked::Frame(header), at)) => (header, at),
        other => return Ok(other.map(|(looked, _)| looked)),
    };
    loop {
        let Some(left) = blocks.checked_sub(1) else { return Ok(None) };
        *blocks = left;
        if at + 3 > end {
            return Ok(None);
        }
        let mut block = [0; 4];
        read_exact_at(file, at, &mut block[..3])?;
        let block = u32::from_le_bytes(block);
        let (last, kind, size) = (block & 1 == 1, (block >> 1) & 3, block >> 3);
        if kind == 3 || size > BLOCK_BYTES_MAX {
            return Ok(None);
        }
        // One byte stands for all of a block of kind 1.
        at += 3 + if kind == 1 { 1 } else { u64::from(size) };
        if last {
            break;
        }
    }
    header.end = at + if header.checksum { 4 } else { 0 };
    Ok((header.end <= end).then_some(Looked::Frame(header)))
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

/// How many bytes a frame holds that does not say it. `None` when it is damaged or too long.
pub(super) fn content_length(file: &File, place: &Place) -> io::Result<Option<u64>> {
    let mut input = file;
    let _ = input.seek(SeekFrom::Start(place.offset))?;
    let mut decoder =
        zstd::stream::read::Decoder::new(input.take(place.compressed))?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let length = io::copy(&mut decoder.take(RAW_BYTES_MAX as u64 + 1), &mut io::sink());
    Ok(length.ok().filter(|length| *length <= RAW_BYTES_MAX as u64))
}

/// Fills the buffer from a place in a file.
pub(super) fn read_exact_at(mut file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    let _ = file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// Reads as much as there is up to `end`, and tells how much.
pub(super) fn read_some_at(
    file: &File,
    offset: u64,
    end: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let length =
        buffer.len().min(usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX));
    read_exact_at(file, offset, &mut buffer[..length])?;
    Ok(length)
}
