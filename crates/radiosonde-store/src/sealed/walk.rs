//! Finding the frames of a sealed file that has no usable index.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::sealed::Damage;
use crate::sealed::frames::{
    Decoder, Header, Looked, Place, ZSTD_MAGIC, content_length, head, look, read_some_at,
};
use crate::sealed::index::{NO_INDEX, SKIPPABLE_MAGIC, SOURCE_BYTES_MAX};

/// Blocks looked at while searching, over the whole file. A file made to look like the beginning of
/// a frame everywhere is given up then.
const SEARCHED_BLOCKS_MAX: u64 = 1 << 20;
const SEARCH_BYTES: usize = 64 << 10;

/// Goes from frame to frame by what they say about themselves.
#[derive(Debug)]
pub(super) struct Walk {
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
        }
    }

    /// The next frame or stretch that is none; `None` at the end.
    pub(super) fn step(&mut self, file: &File, decoder: &mut Decoder) -> io::Result<Option<Step>> {
        while self.at < self.end {
            if self.is_damaged_index(file, decoder)? {
                self.index = Some(self.at..self.end);
                break;
            }
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
        self.at = self.end;
        Ok(self.verdict().map(Step::Damage))
    }

    /// Whether the index begins at hand, and is damaged there or cut off: nothing that can be read
    /// follows. It stands behind all frames, so that none is missing.
    fn is_damaged_index(&mut self, file: &File, decoder: &mut Decoder) -> io::Result<bool> {
        let is_here = self.index_at == Some(self.at);
        let is_cut = match head(file, self.at, self.end)? {
            Some((Looked::Frame(_), _)) => return Ok(false),
            // Whole, or the index of a file that stands before another one.
            Some((Looked::Skippable { ours, end }, _)) if ours && end == self.end || !is_here => {
                return Ok(false);
            }
            Some(_) => false,
            None => {
                let mut magic = [0; SKIPPABLE_MAGIC.to_le_bytes().len()];
                let length = read_some_at(file, self.at, self.end, &mut magic)?;
                length == magic.len() && magic == SKIPPABLE_MAGIC.to_le_bytes()
            }
        };
        let is_index =
            (is_here || is_cut) && self.search(file, decoder)? == self.end && self.blocks_left > 0;
        self.cut |= is_index && !is_here;
        Ok(is_index)
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
            ts: None,
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
        let bytes = start..self.at;
        Ok(Step::Damage(Damage { frame, bytes, lines_lost: true, ..Damage::of_file(reason) }))
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
        let place = Place {
            number,
            offset: at,
            compressed,
            raw_offset,
            raw,
            lines: None,
            ts: None,
            crc: None,
        };
        // Taking it apart costs what looking at many blocks does.
        self.blocks_left = self.blocks_left.saturating_sub(1 << 10);
        Ok(decoder.decode(file, &place, &mut Vec::new()).is_ok())
    }

    /// What is to be said about the file as a whole, once.
    fn verdict(&mut self) -> Option<Damage> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let reason = match self.index {
            None => format!("{}, so its end may be missing; what is there was read", self.reason),
            Some(_) => {
                let what = match self.reason.as_str() {
                    _ if self.cut => "its index is cut off",
                    // It is there, only its end is not what it was.
                    NO_INDEX => "the end of its index is damaged",
                    other => other,
                };
                let read = if self.gap { "the other lines were" } else { "every line was" };
                format!("{what}; {read} read without it")
            }
        };
        let bytes = self.index.clone().unwrap_or(self.end..self.end);
        Some(Damage { bytes, lines_lost: self.index.is_none(), ..Damage::of_file(reason) })
    }
}
