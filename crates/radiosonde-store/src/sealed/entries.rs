//! The entries of the frames in the index of a sealed file.

use crate::sealed::index::{
    FRAME_BYTES, Fields, HAS_FILTER, SOURCE_BYTES_MAX, Totals, Unusable, damaged,
};

/// One frame, by its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Place in the file, in bytes.
    pub(super) offset: u64,
    pub(super) compressed: u64,
    /// Place in the source, in bytes; not in the entry, but the sum of those before.
    pub(super) raw_offset: u64,
    pub(super) raw: u64,
    pub(super) lines: u64,
    /// Earliest and latest time, in microseconds.
    pub(super) ts: (i64, i64),
    /// CRC-32C of the compressed bytes.
    pub(super) crc: u32,
    /// Length of its filter; `None` when it has none and may hold any id.
    pub(super) filter: Option<u32>,
}

impl Frame {
    /// Reads the entries of all frames, which must follow each other without a gap from the beginning
    /// of the file to its index.
    pub(super) fn parse_all(
        bytes: &[u8],
        index_at: u64,
        totals: &Totals,
    ) -> Result<Vec<Self>, Unusable> {
        let (mut end, mut raw_end, mut lines) = (0_u64, 0_u64, 0_u64);
        let entries = bytes.chunks_exact(FRAME_BYTES);
        let whole = entries.remainder().is_empty();
        let mut frames = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(frame) = Self::parse(entry, raw_end) else {
                return damaged("an entry of its index is impossible");
            };
            let next = end.checked_add(frame.compressed).filter(|next| *next <= index_at);
            let (Some(next), true) = (next, frame.offset == end) else {
                return damaged("the frames of its index do not follow each other");
            };
            end = next;
            raw_end = raw_end.saturating_add(frame.raw);
            lines = lines.saturating_add(frame.lines);
            if raw_end > SOURCE_BYTES_MAX {
                return damaged("an entry of its index is impossible");
            }
            frames.push(frame);
        }
        let found = (frames.len() as u64, raw_end, lines);
        if !whole || end != index_at || found != (totals.frames, totals.raw, totals.lines) {
            return damaged("the frames of its index are not all of the file");
        }
        Ok(frames)
    }

    fn parse(entry: &[u8], raw_offset: u64) -> Option<Self> {
        let mut fields = Fields(entry);
        let (offset, compressed) = (fields.u64()?, fields.u64()?);
        let (raw, lines) = (fields.u64()?, fields.u64()?);
        let ts = (fields.i64()?, fields.i64()?);
        let (crc, length, flags) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let filter = (flags & HAS_FILTER != 0).then_some(length);
        // A line has a byte at least.
        (lines <= raw).then_some(Self {
            offset,
            compressed,
            raw_offset,
            raw,
            lines,
            ts,
            crc,
            filter,
        })
    }
}
