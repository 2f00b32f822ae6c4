//! What fuzz targets and their short form call: bytes in, result out. Not for users, and without any
//! promise.

use crate::account::Tally;
use crate::cursor::{self, Cursor};
use crate::format::{
    self, Batches, FrameHead, Head, Position, SEGMENT_HEAD, SegmentHead, Step, read_segment_head,
    segment_head, step, write_frame,
};
use crate::lane::Segment;
use crate::open::{Seen, read_through};
use crate::options::FRAME_BYTES_MAX;
use crate::scan::scan;
use crate::taken::Limit;

/// The key of the samples.
const SEED: u32 = 0x5EED;

/// A segment with so many frames, the payload of each its number, repeated.
pub fn sample_segment(frames: u64) -> Vec<u8> {
    let batches = Batches { begun: 4, part: 1, mark: 3 };
    let first = Position::new(10, 1000);
    let head = SegmentHead { spool: 7, number: 2, first, created_ns: 5, batches };
    let mut bytes = segment_head(&head, SEED).to_vec();
    let mut at = first;
    for number in 0..frames {
        let payload = vec![number as u8; 5 + 40 * (number as usize % 7)];
        let head = FrameHead {
            length: payload.len() as u32,
            at,
            batch: 5 + number,
            time_ns: number,
            records: 1 + number as u32 % 3,
            index: 0,
            is_last: true,
        };
        at = head.end();
        write_frame(&mut bytes, &head, &payload, SEED);
    }
    bytes
}

/// A slot of a cursor.
pub fn sample_cursor() -> Vec<u8> {
    let mut cursor = Cursor { generation: 3, next: Tally::new(50, 500), ..Cursor::default() };
    cursor.drop(crate::DropReason::Cap, 3, Tally::new(4, 40), (1, 2));
    cursor.ranges.push(cursor::Range { segment: 1, first: 20, ..cursor::Range::default() });
    cursor.encode(SEED)
}

/// Reads bytes as a segment, as recovery and reader do. Records that were read.
///
/// # Panics
/// If what is read contradicts itself.
pub fn segment(bytes: &[u8]) -> u64 {
    let mut seen = Seen {
        segment: Segment {
            first: Position::default(),
            end: bytes.len() as u64,
            size: 0,
            created_ns: 0,
            is_dirty: false,
        },
        batches: Batches::default(),
        next: None,
        is_blank: false,
    };
    let is_headless = match read_segment_head(bytes, 2, SEED) {
        Head::Ours(head) => {
            seen.segment.first = head.first;
            seen.batches = head.batches;
            false
        }
        Head::Newer | Head::Bad => true,
    };
    let _ = format::spool_of(bytes, 2, "events");
    read_through(bytes, SEED, &mut seen, is_headless);
    let bytes = bytes.get(SEGMENT_HEAD..).unwrap_or_default();
    let limit = Limit { records: 10, bytes: 300 };
    let (mut at, mut expected, mut records) = (0, Position::default(), 0_u64);
    loop {
        let found = scan(&bytes[at..], SEED, expected, limit, true);
        assert!(found.end <= bytes.len() - at && found.start <= found.end);
        assert!(found.next.records >= expected.records, "the reader never goes back");
        let is_within = |(from, to): &(usize, usize)| from < to && *to <= bytes.len() - at;
        assert!(found.skipped.iter().all(is_within));
        assert!(found.frames.iter().all(|(_, payload)| payload.len() <= FRAME_BYTES_MAX));
        records = records.saturating_add(found.tally.records);
        if found.end == 0 {
            break;
        }
        at += found.end;
        expected = found.next;
    }
    assert_eq!(step(bytes, bytes.len(), SEED), Step::End);
    records
}

/// Reads bytes as the file of a cursor; whether a slot of it holds.
///
/// # Panics
/// If what is read is not what is written for it.
pub fn cursor(bytes: &[u8]) -> bool {
    let Head::Ours((_, cursor)) = cursor::best(bytes, SEED) else { return false };
    let written = cursor.encode(SEED);
    assert_eq!(Cursor::decode(&written, SEED), Head::Ours(cursor));
    true
}

/// Mends the checksums of what was changed at random, so that what is behind them is reached.
pub fn mend_cursor(bytes: &mut [u8]) {
    if bytes.len() < 24 {
        return;
    }
    let length = bytes.len().min(4096);
    bytes[16..20].copy_from_slice(&(length as u32).to_le_bytes());
    let crc = format::crc_around(&bytes[..length], SEED);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// The same for the head of the frame at a place of a segment.
pub fn mend_frame(bytes: &mut [u8], at: usize) {
    let Some(head) = bytes.get_mut(at..at + 56) else { return };
    let crc = crc32c::crc32c_append(SEED, &head[..52]);
    head[52..].copy_from_slice(&crc.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_samples_are_read() {
        assert_eq!(segment(&sample_segment(30)), 60);
        assert!(cursor(&sample_cursor()));
    }

    proptest! {
        #[test]
        fn hostile_segments_are_read_without_a_panic(
            frames in 0_u64..12,
            changes in prop::collection::vec((0_usize..4000, any::<u8>()), 0..12),
            cut in 0_usize..4000,
        ) {
            let mut bytes = sample_segment(frames);
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
                mend_frame(&mut bytes, 80 + at.saturating_sub(80) / 8 * 8);
            }
            bytes.truncate(cut.max(1));
            segment(&bytes);
        }

        #[test]
        fn hostile_cursors_are_read_without_a_panic(
            changes in prop::collection::vec((24_usize..500, any::<u8>()), 0..12),
            cut in 0_usize..600,
        ) {
            let mut bytes = sample_cursor();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(cut.max(1));
            mend_cursor(&mut bytes);
            cursor(&bytes);
        }
    }
}
