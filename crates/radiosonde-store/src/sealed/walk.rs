//! Finding the frames of a sealed file that has no usable index.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::reader::Part;
use crate::sealed::Damage;
use crate::sealed::frames::{Decoder, Place, RAW_BYTES_MAX};
use crate::sealed::index::{NO_INDEX, SKIPPABLE_MAGIC, SOURCE_BYTES_MAX};
use crate::sealed::look::{BLOCKS_MAX, Header, Look, Looked, ZSTD_MAGIC, clamp, read_exact_at};
use crate::sealed::pace::Pace;

/// Blocks looked at while searching, over the whole file. A file made to look like the beginning of
/// a frame everywhere is given up then.
const SEARCHED_BLOCKS_MAX: u64 = 1 << 20;
const SEARCH_BYTES: usize = 64 << 10;
const OURS: [u8; 4] = SKIPPABLE_MAGIC.to_le_bytes();

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
    /// Where the end of the file says that its index begins.
    index_at: Option<u64>,
    /// Where an index that cannot be used lies, when it is at the end.
    index: Option<Range<u64>>,
    /// Whether that ends before it is whole.
    cut: bool,
    gap: bool,
    told: bool,
    blocks_left: u64,
    /// A frame had a checksum, so that all have one: whoever writes them has a way.
    checksums: bool,
}

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Step {
    Frame(Place),
    Damage(Damage),
}

impl Walk {
    /// A walk through a file of this length, whose index cannot be used for this reason, and begins
    /// there if anything tells.
    pub(super) fn new(end: u64, reason: String, index_at: Option<u64>) -> Self {
        Self {
            look: Look::new(end),
            at: 0,
            raw_at: 0,
            number: 0,
            end,
            reason,
            index_at,
            index: None,
            cut: false,
            gap: false,
            told: false,
            blocks_left: SEARCHED_BLOCKS_MAX,
            checksums: false,
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
                other => {
                    pace.walked(SKIPPED_COST)?;
                    if let Some(step) = self.no_frame(other.as_ref(), file, decoder, pace)? {
                        return Ok(Some(step));
                    }
                }
            }
        }
        Ok(self.verdict().map(Step::Damage))
    }

    /// Passes over what is no frame. Tells what is to be told at once.
    fn no_frame(
        &mut self,
        looked: Option<&Looked>,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Step>> {
        let is_index_at = self.index_at == Some(self.at);
        match looked {
            Some(&Looked::Skippable { ours, end }) => {
                let is_whole = end == self.end
                    || !is_index_at && end < self.end && (!ours || self.look.is_edge(file, end)?);
                if is_whole {
                    let is_index = (ours || is_index_at) && end == self.end;
                    self.index = is_index.then_some(self.at..end);
                    self.at = end;
                    return Ok(None);
                }
                self.damaged_index(!is_index_at && end > self.end, file, decoder, pace)
            }
            _ if is_index_at => self.damaged_index(false, file, decoder, pace),
            _ if self.look.is_stub_of_index(file, self.at)? => {
                self.damaged_index(true, file, decoder, pace)
            }
            _ => self.damage(file, decoder, pace).map(Some),
        }
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
            ts: None,
            crc: None,
        };
        if self.checksums && !header.checksum {
            return Ok(None);
        }
        self.checksums |= header.checksum;
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
        self.gap = true;
        let frame = Some(self.number);
        self.number += 1;
        let reason = "is damaged: no frame can be read here".to_owned();
        let damage = Damage { frame, bytes: start..self.at, ..Damage::of_file(reason) };
        Ok(Step::Damage(Damage { part: Part::Frame, lines_lost: true, ..damage }))
    }

    /// Passes over an index whose beginning is damaged or whose end is missing. It stands behind all
    /// frames, so that none is missing; where one follows, or may have, that is told.
    fn damaged_index(
        &mut self,
        is_cut: bool,
        file: &File,
        decoder: &mut Decoder,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<Step>> {
        let start = self.at;
        let (found, lines_lost) = self.search(file, decoder, pace)?;
        self.at = found;
        if found == self.end && !lines_lost {
            self.index = Some(start..found);
            self.cut = is_cut;
            return Ok(None);
        }
        self.gap |= lines_lost;
        let bytes = start..found;
        let damage = Damage { bytes, ..Damage::of_file("its index is damaged".to_owned()) };
        Ok(Some(Step::Damage(Damage { part: Part::Index, lines_lost, ..damage })))
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
        let (lines, ts, crc) = (None, None, None);
        let place = Place { number, offset: at, compressed, raw_offset, raw, lines, ts, crc };
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
        let bytes = self.index.clone().unwrap_or(self.end..self.end);
        if self.index.is_none() {
            let reason =
                format!("{}, so its end may be missing; what is there was read", self.reason);
            return Some(Damage { bytes, lines_lost: true, ..Damage::of_file(reason) });
        }
        let what = match self.reason.as_str() {
            _ if self.cut => "its index is cut off",
            // It is there, only its end is not what it was.
            NO_INDEX => "the end of its index is damaged",
            other => other,
        };
        let read = if self.gap { "the other lines were" } else { "every line was" };
        let reason = format!("{what}; {read} read without it");
        Some(Damage { part: Part::Index, bytes, ..Damage::of_file(reason) })
    }
}

/// What passing over a skippable frame costs, in bytes gone through.
const SKIPPED_COST: u64 = 64;
