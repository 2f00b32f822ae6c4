//! The last stretches of day files, which are remembered where the newest lines are wanted: as a rule
//! these are there, so that they need not be read a second time.

use std::collections::VecDeque;

use crate::query::limits::Limits;
use crate::query::segment::{Segment, What};

/// Which segments have their bytes with them.
pub(super) struct Recent {
    /// Of a file, and of all.
    bytes_of_file: u64,
    bytes_max: usize,
    /// Where the end of the file begins that is gone through.
    from: u64,
    /// Those that have some, and how many of these.
    segments: VecDeque<(usize, usize)>,
    bytes: usize,
}

impl Recent {
    pub(super) fn new(limits: &Limits) -> Self {
        let (segments, bytes) = (VecDeque::new(), 0);
        let (bytes_of_file, bytes_max) = (limits.recent_bytes, limits.remembered_bytes);
        Self { bytes_of_file, bytes_max, from: u64::MAX, segments, bytes }
    }

    /// Begins with a file of this length.
    pub(super) fn begin(&mut self, length: u64) {
        self.from = length.saturating_sub(self.bytes_of_file);
    }

    /// Whether what is remembered begins between two places.
    pub(super) fn begins_with(&self, before: u64, place: u64) -> bool {
        before < self.from && place >= self.from
    }

    /// Remembers the bytes that were added to the last segment. Where there are too many, those of the
    /// files that came first are forgotten, which are the oldest as a rule.
    pub(super) fn keep(&mut self, segments: &mut [Segment], offset: u64, bytes: &[u8]) {
        let number = segments.len().wrapping_sub(1);
        let Some(Segment { what: What::Stretch { start, .. }, text, .. }) = segments.last_mut()
        else {
            return;
        };
        let is_whole = text.len() as u64 == offset - *start;
        if offset < self.from || !is_whole || bytes.len() > self.bytes_max {
            return;
        }
        text.extend_from_slice(bytes);
        match self.segments.back_mut() {
            Some((last, length)) if *last == number => *length += bytes.len(),
            _ => self.segments.push_back((number, bytes.len())),
        }
        self.bytes += bytes.len();
        while self.bytes > self.bytes_max
            && let Some((oldest, length)) = self.segments.pop_front()
        {
            self.bytes -= length;
            if let Some(oldest) = segments.get_mut(oldest) {
                oldest.text = Vec::new();
            }
        }
    }
}
