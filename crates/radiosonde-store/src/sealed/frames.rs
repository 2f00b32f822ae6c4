//! The frames of a sealed file: where one is, and taking it apart.

use std::fs::File;

use jiff::Timestamp;

use crate::reader::{LINE_BYTES_MAX, Part};
use crate::sealed::look::read_exact_at;
use crate::sealed::{Damage, FRAME_BYTES};

/// The longest frame that is taken apart, in bytes of lines.
pub(crate) const RAW_BYTES_MAX: usize = LINE_BYTES_MAX + FRAME_BYTES;
/// What such a frame can take compressed, with room to spare: zstd adds at most a part in 256.
const COMPRESSED_BYTES_MAX: u64 = (RAW_BYTES_MAX + RAW_BYTES_MAX / 128) as u64;

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
    /// Whether it is known to be of a line nobody can read.
    pub(crate) fn is_overlong(&self) -> bool {
        self.lines.is_some_and(|lines| is_overlong(lines, self.raw))
    }

    pub(crate) fn damage(&self, reason: &str) -> Damage {
        Damage {
            part: Part::Frame,
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

/// Takes frames apart. Whole ones at a time, which needs no window besides what they hold: what a
/// frame says about its window costs nothing, and frames of any level and window are read.
#[derive(Default)]
pub(crate) struct Decoder {
    /// Made for the first frame: of most files none is read.
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that takes no memory before the first frame.
    pub(crate) fn new() -> Self {
        Self::default()
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
    pub(super) fn measure(&mut self, file: &File, place: &Place) -> Option<u64> {
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
        // What is left of the frame before is written over; only what is longer is zeroed.
        self.compressed.resize(place.compressed as usize, 0);
        read_exact_at(file, place.offset, &mut self.compressed)
            .map_err(|error| format!("cannot be read: {error}"))?;
        if place.crc.is_some_and(|crc| crc != crc32c::crc32c(&self.compressed)) {
            return Err("is damaged: its checksum differs".to_owned());
        }
        // Frames that are a little longer than the one before take no new room.
        out.reserve_exact((room as usize).max(FRAME_BYTES));
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(
                zstd::bulk::Decompressor::new()
                    .map_err(|error| format!("cannot be taken apart: {error}"))?,
            ),
        };
        zstd.decompress_to_buffer(&self.compressed, out).map_err(|error| {
            out.clear();
            format!("is damaged: {error}")
        })
    }
}

/// Whether a frame is of a line nobody can read, of which neither its time nor its ids are known.
pub(super) fn is_overlong(lines: u64, raw: u64) -> bool {
    // With its line break.
    lines == 1 && raw > LINE_BYTES_MAX as u64 + 1
}
