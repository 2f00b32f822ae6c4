//! Lines on their way to a file: in the stage from the beginning, where there is one.

use crate::ring::Segment;

/// Bytes that grow at their end.
#[derive(Debug, Default)]
pub struct Lines {
    /// Where they are, but for those that did not fit.
    segment: Option<Segment>,
    length: usize,
    /// Where they are otherwise: all of them.
    heap: Vec<u8>,
}

impl Lines {
    pub(crate) fn within(segment: Segment) -> Self {
        Self { segment: Some(segment), ..Self::default() }
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if let Some(segment) = &mut self.segment
            && self.heap.is_empty()
            && segment.write(self.length, bytes)
        {
            self.length += bytes.len();
        } else {
            self.extend_heap(bytes);
        }
    }

    #[cold]
    fn extend_heap(&mut self, bytes: &[u8]) {
        if let Some(segment) = &self.segment
            && self.heap.is_empty()
        {
            self.heap.extend_from_slice(segment.bytes(self.length));
        }
        self.heap.extend_from_slice(bytes);
        self.length = self.heap.len();
    }

    /// Takes everything behind the first `length` bytes back.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.heap.truncate(length);
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.segment {
            Some(segment) if self.heap.is_empty() => segment.bytes(self.length),
            _ => &self.heap,
        }
    }

    /// Where they stand in the file of the stage; `None` when they are in the heap.
    pub(crate) fn place(&self) -> Option<usize> {
        self.segment.as_ref().filter(|_| self.heap.is_empty()).map(Segment::at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_in_the_segment_goes_on_in_the_heap() {
        let file = tempfile::tempfile().unwrap();
        let [_, segment] = Segment::map(&file, [4096, 4096]).unwrap();
        let mut lines = Lines::within(segment);
        let part = [b'x'; 1000];
        (0..4).for_each(|_| lines.extend_from_slice(&part));
        assert_eq!((lines.len(), lines.place()), (4000, Some(4096)));
        lines.extend_from_slice(&part);
        assert_eq!((lines.len(), lines.place()), (5000, None));
        assert_eq!(lines.as_bytes(), [b'x'; 5000]);
        lines.truncate(1);
        lines.extend_from_slice(b"y");
        assert_eq!(lines.as_bytes(), b"xy");
        lines.truncate(0);
        assert!(lines.is_empty());
        lines.extend_from_slice(b"z");
        assert_eq!((lines.as_bytes(), lines.place()), (&b"z"[..], Some(4096)));
    }
}
