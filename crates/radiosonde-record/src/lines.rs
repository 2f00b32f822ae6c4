//! Lines on their way to a file, put together where they stay: in the stage, where there is one.

use std::ops::Deref;

use crate::ring::Segment;

/// Bytes, and room behind them for more: a line is written into the room, and counts once it is
/// complete. It is in its place then; and room is cleared once, not for every line.
#[derive(Debug, Default)]
pub struct Lines {
    /// Where they are, unless there are too many for it.
    segment: Option<Segment>,
    /// Where they are otherwise: all of them.
    heap: Vec<u8>,
    in_heap: bool,
    length: usize,
}

/// Room there is at least once there is any in the heap.
const ROOM_MIN: usize = 64 * 1024;

impl Lines {
    pub(crate) fn within(segment: Segment) -> Self {
        Self { segment: Some(segment), ..Self::default() }
    }

    /// Room for at least that many bytes. What stands in it means nothing.
    #[inline]
    pub fn room(&mut self, least: usize) -> &mut [u8] {
        // What is in the heap may be longer than the segment.
        let left =
            self.segment.as_ref().map_or(0, |segment| segment.len().saturating_sub(self.length));
        if self.in_heap || left < least {
            return self.room_in_heap(least);
        }
        match &mut self.segment {
            Some(segment) => segment.room(self.length),
            None => &mut [],
        }
    }

    /// All goes to the heap, until the next [`Lines::clear`].
    #[cold]
    fn room_in_heap(&mut self, least: usize) -> &mut [u8] {
        if !std::mem::replace(&mut self.in_heap, true)
            && let Some(segment) = &self.segment
        {
            self.heap.clear();
            self.heap.extend_from_slice(segment.bytes(self.length));
        }
        if self.heap.len() - self.length < least {
            let size = (self.length + least).max(2 * self.heap.len()).max(ROOM_MIN);
            self.heap.resize(size, 0);
        }
        &mut self.heap[self.length..]
    }

    /// The first bytes of the room count from now on. More than there is room for is as much as
    /// there is.
    #[inline]
    pub fn take(&mut self, count: usize) {
        let size = match &self.segment {
            Some(segment) if !self.in_heap => segment.len(),
            _ => self.heap.len(),
        };
        self.length = size.min(self.length + count);
    }

    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if !self.in_heap
            && let Some(segment) = &mut self.segment
            && segment.write(self.length, bytes)
        {
            self.length += bytes.len();
            return;
        }
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.take(bytes.len());
    }

    /// Writes over bytes that are there already. Those past the end are left out.
    pub(crate) fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        let there = bytes.len().min(self.length.saturating_sub(at));
        let bytes = &bytes[..there];
        match &mut self.segment {
            Some(segment) if !self.in_heap => {
                let fits = segment.write(at, bytes);
                debug_assert!(fits, "what is there lies within");
            }
            _ => self.heap[at..at + there].copy_from_slice(bytes),
        }
    }

    /// Forgets all but the first bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Forgets all bytes.
    pub fn clear(&mut self) {
        (self.length, self.in_heap) = (0, false);
    }

    /// Where they stand in the file of the stage; `None` when they are in the heap.
    pub(crate) fn place(&self) -> Option<usize> {
        self.segment.as_ref().filter(|_| !self.in_heap).map(Segment::at)
    }
}

impl Deref for Lines {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.segment {
            Some(segment) if !self.in_heap => segment.bytes(self.length),
            _ => &self.heap[..self.length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Memory;

    fn check(mut lines: Lines) {
        lines.room(5)[..5].copy_from_slice(b"first");
        assert!(lines.is_empty());
        lines.take(5);
        lines.room(6)[..6].copy_from_slice(b"wasted");
        lines.extend_from_slice(b" second");
        assert_eq!(&*lines, b"first second");
        lines.truncate(5);
        assert!(lines.room(ROOM_MIN).len() >= ROOM_MIN);
        assert_eq!(lines.place(), None);
        lines.extend_from_slice(&[b'x'; 3 * ROOM_MIN]);
        lines.extend_from_slice(b"last");
        assert_eq!(lines.len(), 5 + 3 * ROOM_MIN + 4);
        assert_eq!(&lines[..6], b"firstx");
        lines.overwrite(1, b"IRST");
        lines.overwrite(5 + 3 * ROOM_MIN + 2, b"ST and more");
        assert_eq!((&lines[..6], &lines[3 * ROOM_MIN + 4..]), (&b"fIRSTx"[..], &b"xlaST"[..]));
        lines.clear();
        assert_eq!(&*lines, b"");
    }

    #[test]
    fn what_was_taken_counts_and_nothing_else() {
        check(Lines::default());
    }

    #[test]
    fn what_does_not_fit_in_the_segment_goes_on_in_the_heap_and_comes_back() {
        let segments = || Segment::split(Memory::anonymous(8192).unwrap(), [4096, 4096]);
        let [_, segment] = segments();
        check(Lines::within(segment));

        let [neighbour, segment] = segments();
        let mut neighbour = Lines::within(neighbour);
        let mut lines = Lines::within(segment);
        // Room of both at once: neither is in the other's.
        let rooms = [neighbour.room(4096), lines.room(4096)];
        rooms.into_iter().zip([b'n', b'l']).for_each(|(room, byte)| room.fill(byte));
        neighbour.take(4096);
        assert!(neighbour.iter().all(|byte| *byte == b'n'));
        lines.extend_from_slice(&[b'x'; 4096]);
        assert_eq!((lines.len(), lines.place()), (4096, Some(4096)));
        lines.extend_from_slice(b"y");
        assert_eq!((lines.len(), lines.place()), (4097, None));
        assert_eq!(lines.last(), Some(&b'y'));
        lines.clear();
        lines.extend_from_slice(b"z");
        assert_eq!((&*lines, lines.place()), (&b"z"[..], Some(4096)));
    }
}
