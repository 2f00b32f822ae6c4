//! Asking the filters of a file without reading them whole: where each is, and a checksum of each
//! page of them.
//!
//! An id has its three fingerprints in neighbouring segments of a filter, so that a few KiB tell
//! whether a run of frames may hold it.
//!
//! As bytes, all numbers little-endian: the number of runs (4), 0 (4), and for each run the first
//! frame and the one behind the last (4 each), the place of its filter in the section of them (8), and
//! the head of that filter (16, all 0 for a filter of no ids); then CRC-32C of each [`PAGE_BYTES`] of
//! the filters of frames, and of those of runs, from the beginning of their sections.

use std::ops::Range;

use crate::sealed::filter::{self, Shape};
use crate::sealed::index::Fields;

/// Bytes with a checksum of their own. The last page of a section is as long as it is.
pub(super) const PAGE_BYTES: usize = 4 << 10;

/// What is known of the filters before one of them is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) runs: Vec<Run>,
    /// Of the section with the filters of frames.
    pub(super) of_frames: Vec<u32>,
    /// Of the section with the filters of runs.
    pub(super) of_runs: Vec<u32>,
}

/// A run of frames with a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) frames: Range<usize>,
    /// Where its fingerprints begin in the section.
    pub(super) prints_at: u64,
    /// `None` when it holds no id.
    pub(super) shape: Option<Shape>,
}

const RUN_BYTES: usize = 32;

/// The section of two sections of filters, of which the second is well formed.
pub(super) fn encode(frame_filters: &[u8], run_filters: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 8];
    let mut runs = Fields(run_filters);
    let mut count = 0_u32;
    while let Some((frames, filter)) = runs.run() {
        let at = run_filters.len() - runs.0.len() - filter.len();
        out.extend((frames.start as u32).to_le_bytes());
        out.extend((frames.end as u32).to_le_bytes());
        out.extend((at as u64).to_le_bytes());
        out.extend(filter.first_chunk::<{ filter::HEAD_BYTES }>().unwrap_or(&[0; 16]));
        count += 1;
    }
    out[..4].copy_from_slice(&count.to_le_bytes());
    for section in [frame_filters, run_filters] {
        for page in section.chunks(PAGE_BYTES) {
            out.extend(crc32c::crc32c(page).to_le_bytes());
        }
    }
    out
}

impl Pages {
    /// Reads a section about sections of these lengths and a file of so many frames. `None` when it
    /// is impossible.
    pub(super) fn parse(
        section: &[u8],
        frames: usize,
        frame_filters: u64,
        run_filters: u64,
    ) -> Option<Self> {
        let mut rest = Fields(section);
        let (count, _) = (rest.u32()?, rest.u32()?);
        let mut runs = Fields(rest.bytes((count as usize).checked_mul(RUN_BYTES)?)?);
        let mut pages = Self::default();
        while !runs.0.is_empty() {
            let range = runs.u32()? as usize..runs.u32()? as usize;
            let at = runs.u64()?;
            let head: [u8; filter::HEAD_BYTES] = runs.array()?;
            let (length, shape) = match head {
                [0, ..] if head == [0; filter::HEAD_BYTES] => (0, None),
                head => {
                    let shape = Shape::parse(&head)?;
                    (filter::HEAD_BYTES as u64 + shape.prints_bytes(), Some(shape))
                }
            };
            let is_inside = at.checked_add(length).is_some_and(|end| end <= run_filters);
            if range.start > range.end || range.end > frames || !is_inside {
                return None;
            }
            let prints_at = at + filter::HEAD_BYTES as u64;
            pages.runs.push(Run { frames: range, prints_at, shape });
        }
        for (length, crcs) in
            [(frame_filters, &mut pages.of_frames), (run_filters, &mut pages.of_runs)]
        {
            let count = usize::try_from(length.div_ceil(PAGE_BYTES as u64)).ok()?;
            let mut page = Fields(rest.bytes(count.checked_mul(4)?)?);
            while !page.0.is_empty() {
                crcs.push(page.u32()?);
            }
        }
        rest.0.is_empty().then_some(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::filter::{Key, Kind, build};

    /// Filters of two runs, the second of which holds no id.
    fn run_filters() -> Vec<u8> {
        let mut keys: Vec<Key> =
            (0..5_000_u32).map(|n| Key::stored(Kind::Job, &n.to_le_bytes())).collect();
        keys.sort_unstable();
        let filter = build(&keys).unwrap();
        let head = |range: Range<u32>, filter: &[u8]| {
            [range.start, range.end, filter.len() as u32, 1].map(u32::to_le_bytes).concat()
        };
        [head(0..3, &filter), filter, head(3..4, &[])].concat()
    }

    #[test]
    fn what_was_written_is_read() {
        let (of_frames, of_runs) = (vec![7; PAGE_BYTES + 1], run_filters());
        let section = encode(&of_frames, &of_runs);
        let lengths = (of_frames.len() as u64, of_runs.len() as u64);
        let pages = Pages::parse(&section, 4, lengths.0, lengths.1).unwrap();
        let ranges: Vec<_> = pages.runs.iter().map(|run| run.frames.clone()).collect();
        assert_eq!(ranges, [0..3, 3..4]);
        assert!(pages.runs[0].shape.is_some() && pages.runs[1].shape.is_none());
        assert_eq!(pages.runs[0].prints_at, 32);
        assert_eq!(pages.of_frames.len(), 2);
        let crcs: Vec<u32> = of_runs.chunks(PAGE_BYTES).map(crc32c::crc32c).collect();
        assert_eq!(pages.of_runs, crcs);
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let (of_frames, of_runs) = (vec![7; 100], run_filters());
        let section = encode(&of_frames, &of_runs);
        let parse = |section: &[u8], frames| {
            Pages::parse(section, frames, of_frames.len() as u64, of_runs.len() as u64)
        };
        assert!(parse(&section, 4).is_some());
        assert!(parse(&section, 3).is_none(), "a run of frames that are not there");
        assert!(parse(&[&section[..], &[0]].concat(), 4).is_none());
        for length in 0..section.len() {
            assert!(parse(&section[..length], 4).is_none(), "cut to {length}");
        }
        // The number of runs, a range, a place, and the head of a filter.
        for at in [0, 3, 8, 12, 23, 32, 36] {
            let mut section = section.clone();
            section[at..at + 4].fill(0xff);
            assert!(parse(&section, 4).is_none(), "at {at}");
        }
    }
}
