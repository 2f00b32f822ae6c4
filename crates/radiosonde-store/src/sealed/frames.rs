//! The frames of a sealed file: finding them without an index, and taking them apart.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::reader::LINE_BYTES_MAX;
use crate::sealed::index::{SKIPPABLE_HEAD_BYTES, SKIPPABLE_MAGIC, SOURCE_BYTES_MAX};
use crate::sealed::{Damage, FRAME_BYTES};

/// The longest frame that is taken apart, in bytes of lines.
pub(super) const RAW_BYTES_MAX: usize = LINE_BYTES_MAX + FRAME_BYTES;
/// What such a frame can take compressed, with room to spare: zstd adds at most a part in 256.
const COMPRESSED_BYTES_MAX: u64 = (RAW_BYTES_MAX + RAW_BYTES_MAX / 128) as u64;

/// The first of the sixteen magics of skippable frames.
const SKIPPABLE_MAGICS: u32 = 0x184d_2a50;
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Magic and the longest header behind it.
const HEADER_BYTES_MAX: u64 = 18;
const BLOCK_BYTES_MAX: u32 = 128 << 10;
/// Blocks looked at while searching, over the whole file. A file made to look like the beginning of
/// a frame everywhere is given up then.
const SEARCHED_BLOCKS_MAX: u64 = 1 << 20;
/// 32 MiB, enough for every frame that is taken apart.
const WINDOW_LOG_MAX: u32 = 25;
const SEARCH_BYTES: usize = 64 << 10;

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

/// Goes from frame to frame by what they say about themselves.
#[derive(Debug)]
pub(super) struct Walk {
    at: u64,
    raw_at: u64,
    number: u64,
    end: u64,
    /// Why there is no index.
    reason: String,
    /// Where an index that cannot be used lies, when it is at the end.
    index: Option<Range<u64>>,
    gap: bool,
    told: bool,
    blocks_left: u64,
}

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Step {
    Frame(Place),
    Damage(Damage),
}

impl Walk {
    pub(super) fn new(end: u64, reason: String) -> Self {
        Self {
            at: 0,
            raw_at: 0,
            number: 0,
            end,
            reason,
            index: None,
            gap: false,
            told: false,
            blocks_left: SEARCHED_BLOCKS_MAX,
        }
    }

    /// The next frame or stretch that is none; `None` at the end.
    pub(super) fn step(&mut self, file: &File, decoder: &mut Decoder) -> io::Result<Option<Step>> {
        while self.at < self.end {
            let mut any = u64::MAX;
            match look(file, self.at, self.end, &mut any)? {
                Some(Looked::Skippable { ours, end }) => {
                    self.index = (ours && end == self.end).then_some(self.at..end);
                    self.at = end;
                }
                Some(Looked::Frame(header)) => {
                    if let Some(place) = self.place(file, decoder, &header)? {
                        self.at += place.compressed;
                        // What claims more than anybody has is damaged, and moves nothing.
                        let behind = self.raw_at.saturating_add(place.raw);
                        if behind <= SOURCE_BYTES_MAX {
                            self.raw_at = behind;
                        }
                        self.number += 1;
                        return Ok(Some(Step::Frame(place)));
                    }
                    return self.damage(file, decoder).map(Some);
                }
                None => return self.damage(file, decoder).map(Some),
            }
        }
        Ok(self.verdict().map(Step::Damage))
    }

    /// A frame whose extent is certain: what follows it is a frame as well, or its content is right.
    fn place(
        &self,
        file: &File,
        decoder: &mut Decoder,
        header: &Header,
    ) -> io::Result<Option<Place>> {
        let mut place = Place {
            number: self.number,
            offset: self.at,
            compressed: header.end - self.at,
            raw_offset: self.raw_at,
            raw: header.raw.unwrap_or_default(),
            lines: None,
            crc: None,
        };
        if header.raw.is_none() {
            // Written by a program that did not know how much would come.
            let Some(raw) = content_length(file, &place)? else { return Ok(None) };
            place.raw = raw;
        } else if !self.begins_frame(file, header.end)? {
            // Either this frame or what follows is damaged; the flag of the checksum may be what is.
            let sound = header.checksum && decoder.decode(file, &place, &mut Vec::new()).is_ok();
            if !sound {
                return Ok(None);
            }
        }
        Ok(Some(place))
    }

    fn begins_frame(&self, file: &File, at: u64) -> io::Result<bool> {
        Ok(at == self.end || head(file, at, self.end)?.is_some())
    }

    /// Names what is at hand as damaged, up to where the next frame is found.
    fn damage(&mut self, file: &File, decoder: &mut Decoder) -> io::Result<Step> {
        let start = self.at;
        self.at = self.search(file, decoder)?;
        self.gap = true;
        let frame = Some(self.number);
        self.number += 1;
        let reason = "is damaged: no frame can be read here".to_owned();
        Ok(Step::Damage(Damage { frame, bytes: start..self.at, reason, lines_lost: true }))
    }

    /// Where the next frame begins that can be told to be one, or the end.
    fn search(&mut self, file: &File, decoder: &mut Decoder) -> io::Result<u64> {
        let mut from = self.at + 1;
        let mut window = vec![0; SEARCH_BYTES];
        while from < self.end {
            let length = read_some_at(file, from, self.end, &mut window)?;
            if length < ZSTD_MAGIC.len() {
                break;
            }
            for start in 0..=length - ZSTD_MAGIC.len() {
                let word = &window[start..start + ZSTD_MAGIC.len()];
                if word != ZSTD_MAGIC && word != SKIPPABLE_MAGIC.to_le_bytes() {
                    continue;
                }
                if self.blocks_left == 0 {
                    return Ok(self.end);
                }
                let at = from + start as u64;
                if self.is_sure(file, decoder, at)? {
                    return Ok(at);
                }
            }
            from += (length - ZSTD_MAGIC.len() + 1) as u64;
        }
        Ok(self.end)
    }

    /// Whether a frame of ours begins here.
    fn is_sure(&mut self, file: &File, decoder: &mut Decoder, at: u64) -> io::Result<bool> {
        let before = self.blocks_left;
        let header = match look(file, at, self.end, &mut self.blocks_left)? {
            Some(Looked::Frame(header)) => header,
            Some(Looked::Skippable { ours, end }) => return Ok(ours && end == self.end),
            None => return Ok(false),
        };
        let Some(raw) = header.raw.filter(|_| header.checksum) else { return Ok(false) };
        if self.begins_frame(file, header.end)? {
            self.blocks_left = before;
            return Ok(true);
        }
        let (number, raw_offset) = (self.number, self.raw_at);
        let compressed = header.end - at;
        let place =
            Place { number, offset: at, compressed, raw_offset, raw, lines: None, crc: None };
        // Taking it apart costs what looking at many blocks does.
        self.blocks_left = self.blocks_left.saturating_sub(1 << 10);
        Ok(decoder.decode(file, &place, &mut Vec::new()).is_ok())
    }

    /// What is to be said about the file as a whole, once.
    fn verdict(&mut self) -> Option<Damage> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let reason = match (&self.index, self.gap) {
            (Some(_), _) => format!("{}; every frame was read instead", self.reason),
            (None, _) => format!("{}, so its end may be missing", self.reason),
        };
        let bytes = self.index.clone().unwrap_or(self.end..self.end);
        Some(Damage { frame: None, bytes, reason, lines_lost: self.index.is_none() })
    }
}

/// What begins at a place of a file.
enum Looked {
    Frame(Header),
    Skippable { ours: bool, end: u64 },
}

/// What a frame says about itself.
struct Header {
    /// Where it ends, in bytes of the file.
    end: u64,
    /// What it holds, in bytes.
    raw: Option<u64>,
    /// Whether it holds a checksum of that.
    checksum: bool,
}

/// What begins at `at`, by its head alone: where a frame ends is not known yet. With it the place
/// behind the head. `None` where nothing begins.
fn head(file: &File, at: u64, end: u64) -> io::Result<Option<(Looked, u64)>> {
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
fn look(file: &File, at: u64, end: u64, blocks: &mut u64) -> io::Result<Option<Looked>> {
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
fn content_length(file: &File, place: &Place) -> io::Result<Option<u64>> {
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
fn read_some_at(file: &File, offset: u64, end: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let length =
        buffer.len().min(usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX));
    read_exact_at(file, offset, &mut buffer[..length])?;
    Ok(length)
}
