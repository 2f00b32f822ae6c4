//! Passing over a line that is too long, in memory that does not grow with it.
//!
//! A power cut may leave NULs for what was not written, and the next line right behind them. Where these
//! NULs alone are more than a line may have, they are passed over by themselves, and what stands behind
//! them is a line of its own.

use crate::reader::LINE_BYTES_MAX;

/// A line that is too long, whose end was not found yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlong {
    /// Where it begins.
    pub(crate) from: u64,
    /// As many NULs as were passed over, while there was nothing else.
    nuls: Option<u64>,
}

impl Overlong {
    /// A line that begins there, of which nothing was passed over.
    pub(crate) fn new(from: u64) -> Self {
        Self { from, nuls: Some(0) }
    }

    /// How many of the bytes that come next are part of it, and whether it ends with them.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut start = 0;
        if let Some(nuls) = &mut self.nuls {
            start = nuls_before(bytes);
            *nuls += start as u64;
            if start == bytes.len() {
                return (start, false);
            }
            if self.is_of_nuls() {
                return (start + usize::from(bytes[start] == b'\n'), true);
            }
            self.nuls = None;
        }
        match memchr::memchr(b'\n', &bytes[start..]) {
            Some(length) => (start + length + 1, true),
            None => (bytes.len(), false),
        }
    }

    /// Whether it is of NULs alone so far, which are no part of what follows.
    fn is_of_nuls(&self) -> bool {
        // As with a line and its break.
        self.nuls.is_some_and(|nuls| nuls > LINE_BYTES_MAX as u64 + 1)
    }
}

/// As many NULs as bytes begin with.
fn nuls_before(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks_exact(NULS.len()).take_while(|block| *block == NULS).count();
    let rest = &bytes[blocks * NULS.len()..];
    bytes.len() - rest.len() + rest.iter().take_while(|byte| **byte == 0).count()
}

/// Compared at once, which is much faster than one by one.
static NULS: [u8; 4 << 10] = [0; 4 << 10];
