//! The frames of a sealed file: finding them without an index, and taking them apart.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::reader::{LINE_BYTES_MAX, Part};
use crate::sealed::index::{SKIPPABLE_MAGIC, SOURCE_BYTES_MAX};
use crate::sealed::look::{BLOCKS_MAX, Header, Look, Looked, ZSTD_MAGIC, clamp, read_exact_at};
use crate::sealed::pace::Pace;
use crate::sealed::{Damage, FRAME_BYTES};

/// The longest frame that is taken apart, in bytes of lines.
pub(super) const RAW_BYTES_MAX: usize = LINE_BYTES_MAX + FRAME_BYTES;
/// What such a frame can take compressed, with room to spare: zstd adds at most a part in 256.
const COMPRESSED_BYTES_MAX: u64 = (RAW_BYTES_MAX + RAW_BYTES_MAX / 128) as u64;
/// Blocks looked at while searching, over the whole file. A file made to look like the beginning of
/// a frame everywhere is given up then.
const SEARCHED_BLOCKS_MAX: u64 = 1 << 20;
const SEARCH_BYTES: usize = 64 << 10;
const OURS: [u8; 4] = SKIPPABLE_MAGIC.to_le_bytes();

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
        let bytes = self.offset..self.offset + self.compressed;
        let (part, frame) = (Part::Frame, Some(self.number));
        Damage { part, frame, bytes, reason: reason.to_owned(), lines_lost: true }
    }
}

/// Takes frames apart. Whole ones at a time, which needs no window besides what they hold: what a
/// frame says about its window costs nothing, and frames of any level and window are read.
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
        let length = self.unpack(file, place, place.raw, out)?;
        if length as u64 != place.raw {
            out.clear();
            return Err(format!("is damaged: it holds {length} bytes instead of {}", place.raw));
        }
        Ok(())
    }

    /// How many bytes a frame holds that does not say it. `None` when it is damaged or too long.
    fn measure(&mut self, file: &File, place: &Place) -> Option<u64> {
        let length = self.unpack(file, place, RAW_BYTES_MAX as u64, &mut Vec::new());
        length.ok().map(|length| length as u64)
    }

    /// Takes a frame apart that holds so many bytes at most.
    fn unpack(
        &mut self,
        file: &File,
        place: &Place,
        room: u64,
        out: &mut Vec<u8>,
    ) -> Result<usize, String> {
        out.clear();
        if room > RAW_BYTES_MAX as u64 || place.compressed > COMPRESSED_BYTES_MAX {
            return Err(format!("holds {room} bytes, more than {RAW_BYTES_MAX}"));
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
        out.reserve_exact(room as usize);
        self.zstd.decompress_to_buffer(&self.compressed, out).map_err(|error| {
            out.clear();
            format!("is damaged: {error}")
        })
    }
}

/// Goes from frame to frame by what they say about themselves.
#[derive(Debug)]
pub(super) struct Walk {
    look: Look,
    at: u64,
    raw_at: u64,
    number: u64,
    end: u64,
    /// Why there is no index.
    reason: String,
    /// Where an index that cannot be used lies, when it is at the end.
    index: Option<Range<u64>>,
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
            look: Look::new(end),
            at: 0,
            raw_at: 0,
            number: 0,
            end,
            reason,
            index: None,
            told: false,
            blocks_left: SEARCHED_BLOCKS_MAX,
        }
    }

    /// The next frame or stretch that is none; `None` at the end.
    pub(super) fn step(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Step>> {
        while self.at < self.end {
            let mut blocks = BLOCKS_MAX;
            match self.look.look(file, self.at, &mut blocks, pace)? {
                Some(Looked::Skippable { ours, end }) => {
                    pace.walked(SKIPPED_COST)?;
                    let is_whole = end <= self.end && (!ours || self.look.is_edge(file, end)?);
                    if !is_whole {
                        if let Some(step) = self.damaged_index(file, decoder, pace)? {
                            return Ok(Some(step));
                        }
                        continue;
                    }
                    self.index = (ours && end == self.end).then_some(self.at..end);
                    self.at = end;
                }
                Some(Looked::Frame(header)) => {
                    let Some(place) = self.place(file, decoder, &header, pace)? else {
                        return self.damage(file, decoder, pace).map(Some);
                    };
                    self.at += place.compressed;
                    // What claims more than anybody has is damaged, and moves nothing.
                    let behind = self.raw_at.saturating_add(place.raw);
                    if behind <= SOURCE_BYTES_MAX {
                        self.raw_at = behind;
                    }
                    self.number += 1;
                    return Ok(Some(Step::Frame(place)));
                }
                None if self.look.is_stub_of_index(file, self.at)? => self.cut_index(self.at),
                None => return self.damage(file, decoder, pace).map(Some),
            }
        }
        Ok(self.verdict().map(Step::Damage))
    }

    /// A frame whose extent is certain: what follows it is a frame as well, or its content is right.
    fn place(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        header: &Header,
        pace: &mut Pace<'_>,
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
            let measured = decoder.measure(file, &place);
            pace.walked(measured.unwrap_or(RAW_BYTES_MAX as u64))?;
            let Some(raw) = measured else { return Ok(None) };
            place.raw = raw;
        } else if !self.look.is_edge(file, header.end)? {
            // Either this frame or what follows is damaged; the flag of the checksum may be what is.
            let sound = header.checksum && decoder.decode(file, &place, &mut Vec::new()).is_ok();
            pace.walked(place.raw)?;
            if !sound {
                return Ok(None);
            }
        }
        Ok(Some(place))
    }

    /// Names what is at hand as damaged, up to where the next frame is found.
    fn damage(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<Step> {
        let start = self.at;
        self.at = self.search(file, decoder, pace)?.0;
        let (part, frame) = (Part::Frame, Some(self.number));
        self.number += 1;
        let reason = "is damaged: no frame can be read here".to_owned();
        Ok(Step::Damage(Damage { part, frame, bytes: start..self.at, reason, lines_lost: true }))
    }

    /// Passes over an index whose length is damaged or whose end is missing. Tells where frames
    /// follow, or may have.
    fn damaged_index(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Step>> {
        let start = self.at;
        let (found, lines_lost) = self.search(file, decoder, pace)?;
        if found == self.end && !lines_lost {
            self.cut_index(start);
            return Ok(None);
        }
        self.at = found;
        let reason = "its index is damaged".to_owned();
        let bytes = start..found;
        let damage = Damage { part: Part::Index, frame: None, bytes, reason, lines_lost };
        Ok(Some(Step::Damage(damage)))
    }

    /// Takes what is left for an index without its end, so that nothing else is missing.
    fn cut_index(&mut self, start: u64) {
        self.index = Some(start..self.end);
        self.at = self.end;
        self.reason = "its index is damaged or cut off".to_owned();
    }

    /// Where the next frame begins that can be told to be one, or the end. With it whether something
    /// before looked like the beginning of a frame.
    fn search(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<(u64, bool)> {
        let mut from = self.at + 1;
        let mut seen = false;
        let mut window = vec![0; SEARCH_BYTES];
        while from < self.end {
            let length = clamp(self.end - from, SEARCH_BYTES);
            if length < ZSTD_MAGIC.len() {
                break;
            }
            read_exact_at(file, from, &mut window[..length])?;
            let firsts = &window[..=length - ZSTD_MAGIC.len()];
            for start in memchr::memchr2_iter(ZSTD_MAGIC[0], OURS[0], firsts) {
                let word = &window[start..start + ZSTD_MAGIC.len()];
                if word != ZSTD_MAGIC && word != OURS {
                    continue;
                }
                if self.blocks_left == 0 {
                    return Ok((self.end, true));
                }
                let at = from + start as u64;
                if self.is_sure(file, decoder, at, pace)? {
                    return Ok((at, seen));
                }
                seen |= word == ZSTD_MAGIC;
            }
            let passed = (length - ZSTD_MAGIC.len() + 1) as u64;
            from += passed;
            pace.walked(passed)?;
        }
        Ok((self.end, seen))
    }

    /// Whether a frame of ours begins here.
    fn is_sure(
        &mut self,
        file: &File,
        decoder: &mut Decoder,
        at: u64,
        pace: &mut Pace<'_>,
    ) -> io::Result<bool> {
        let before = self.blocks_left;
        let header = match self.look.look(file, at, &mut self.blocks_left, pace)? {
            Some(Looked::Frame(header)) => header,
            Some(Looked::Skippable { ours, end }) => return Ok(ours && end == self.end),
            None => return Ok(false),
        };
        let Some(raw) = header.raw.filter(|_| header.checksum) else { return Ok(false) };
        if self.look.is_edge(file, header.end)? {
            self.blocks_left = before;
            return Ok(true);
        }
        let (number, raw_offset) = (self.number, self.raw_at);
        let compressed = header.end - at;
        let place =
            Place { number, offset: at, compressed, raw_offset, raw, lines: None, crc: None };
        // Taking it apart costs what looking at many blocks does.
        self.blocks_left = self.blocks_left.saturating_sub(1 << 10);
        let sound = decoder.decode(file, &place, &mut Vec::new()).is_ok();
        pace.walked(raw)?;
        Ok(sound)
    }

    /// What is to be said about the file as a whole, once.
    fn verdict(&mut self) -> Option<Damage> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let (part, reason) = match &self.index {
            Some(_) => (Part::Index, format!("{}; every frame was read instead", self.reason)),
            None => (Part::File, format!("{}, so its end may be missing", self.reason)),
        };
        let bytes = self.index.clone().unwrap_or(self.end..self.end);
        Some(Damage { part, frame: None, bytes, reason, lines_lost: self.index.is_none() })
    }
}

/// What passing over a skippable frame costs, in bytes gone through.
const SKIPPED_COST: u64 = 64;
