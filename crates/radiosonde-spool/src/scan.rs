//! Frames in the bytes of a segment.

use crate::account::Tally;
use crate::cursor::Range;
use crate::format::{FrameHead, Position, Step, step};
use crate::taken::Limit;

/// What a look at the bytes of a segment finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Where the first frame begins, and where the rest is to be read from.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Before the first frame, and behind the last.
    pub(crate) first: Position,
    pub(crate) next: Position,
    pub(crate) frames: Vec<(u32, Vec<u8>)>,
    pub(crate) tally: Tally,
    /// When the first frame was appended, and the last one.
    pub(crate) times: (u64, u64),
    /// When the one behind them was.
    pub(crate) next_ns: Option<u64>,
    /// Places that are damaged.
    pub(crate) skipped: Vec<(usize, usize)>,
    /// A frame goes on behind the bytes.
    pub(crate) is_cut: bool,
}

/// Looks for the next frames from the expected position to the bound. `is_all`: no byte of the segment comes behind these.
pub(crate) fn scan(
    bytes: &[u8],
    seed: u32,
    (expected, bound): (Position, Position),
    limit: Limit,
    is_all: bool,
) -> Found {
    let mut found = Found { first: expected, next: expected, ..Found::default() };
    loop {
        let at = found.end;
        match step(bytes, at, seed) {
            Step::Frame(head, _, end)
                if !head.at.is_from(found.next) || !bound.is_from(head.end()) =>
            {
                // It was here before: a write that failed and was repeated, or a copied file. Or a power
                // cut brought it back, and its numbers are no longer its own.
                if !found.frames.is_empty() {
                    break;
                }
                found.end = end;
            }
            Step::Frame(head, from, end) => {
                if found.frames.is_empty() {
                    (found.start, found.first, found.times.0) = (at, head.at, head.time_ns);
                } else if head.at != found.next || !fits(&found, &head, limit) {
                    found.next_ns = Some(head.time_ns);
                    break;
                }
                let payload = bytes[from..from + head.length as usize].to_vec();
                found.frames.push((head.records, payload));
                found.tally += head.tally();
                found.times.1 = head.time_ns;
                (found.next, found.end) = (head.end(), end);
            }
            Step::Damaged(_, end) | Step::Bad(end) => {
                if !found.frames.is_empty() {
                    break;
                }
                found.skipped.push((at, end));
                found.end = end;
            }
            Step::End => {
                if !is_all {
                    found.is_cut = true;
                } else if found.frames.is_empty() {
                    if at < bytes.len() {
                        found.skipped.push((at, bytes.len()));
                    }
                    found.end = bytes.len();
                }
                break;
            }
        }
    }
    found
}

fn fits(found: &Found, head: &FrameHead, limit: Limit) -> bool {
    let sum = found.tally + head.tally();
    sum.records <= limit.records && sum.bytes <= limit.bytes
}

pub(crate) type Again = (Vec<(u32, Vec<u8>)>, Tally, Vec<(usize, usize)>);

/// The frames of a range that are there still.
pub(crate) fn scan_again(bytes: &[u8], seed: u32, range: &Range) -> Again {
    let (mut frames, mut tally, mut skipped) = (Vec::new(), Tally::default(), Vec::new());
    let (mut at, mut next) = (0, range.first);
    loop {
        match step(bytes, at, seed) {
            Step::Frame(head, from, end) => {
                // By what the range has left: once part of it was lost, its end is not where it was.
                let sum = tally + head.tally();
                if head.at.records >= next && range.tally.is_from(sum) {
                    frames.push((head.records, bytes[from..from + head.length as usize].to_vec()));
                    (tally, next) = (sum, head.end().records);
                }
                at = end;
            }
            Step::Damaged(_, end) | Step::Bad(end) => {
                skipped.push((at, end));
                at = end;
            }
            Step::End => break,
        }
    }
    (frames, tally, skipped)
}
