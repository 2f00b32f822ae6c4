//! Lines on their way to a file, put together where they stay.

use std::fmt;
use std::ops::Deref;

/// Bytes, and room behind them for more: a line is written into the room, and counts once it is
/// complete. It is in its place then; and room is cleared once, not for every line.
#[derive(Clone, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    length: usize,
}

/// Room there is at least once there is any.
const ROOM_MIN: usize = 64 * 1024;

impl Lines {
    /// Room for at least that many bytes. What stands in it means nothing.
    #[inline]
    pub fn room(&mut self, least: usize) -> &mut [u8] {
        if self.bytes.len() - self.length < least {
            self.grow(least);
        }
        &mut self.bytes[self.length..]
    }

    /// The first bytes of the room count from now on. More than there is room for is as much as
    /// there is.
    #[inline]
    pub fn take(&mut self, count: usize) {
        self.length = self.bytes.len().min(self.length + count);
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.take(bytes.len());
    }

    /// Forgets all but the first bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Forgets all bytes.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        let size = (self.length + least).max(2 * self.bytes.len()).max(ROOM_MIN);
        self.bytes.resize(size, 0);
    }
}

impl Deref for Lines {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_counts_and_nothing_else() {
        let mut lines = Lines::default();
        lines.room(5)[..5].copy_from_slice(b"first");
        assert!(lines.is_empty());
        lines.take(5);
        lines.room(6)[..6].copy_from_slice(b"wasted");
        lines.extend_from_slice(b" second");
        assert_eq!(&*lines, b"first second");
        lines.truncate(5);
        assert!(lines.room(ROOM_MIN).len() >= ROOM_MIN);
        lines.extend_from_slice(&[b'x'; 3 * ROOM_MIN]);
        assert_eq!(lines.len(), 5 + 3 * ROOM_MIN);
        assert_eq!(&lines[..6], b"firstx");
        lines.clear();
        assert_eq!(&*lines, b"");
    }
}
