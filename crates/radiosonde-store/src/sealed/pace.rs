//! Asking whether to go on, by the bytes that were gone through.

use std::io;

/// Asks a caller whether to go on, often enough that it never waits long, whatever a file holds.
pub(crate) struct Pace<'a> {
    go_on: &'a mut dyn FnMut() -> bool,
    /// Bytes gone through since it was asked.
    since: u64,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(go_on: &'a mut dyn FnMut() -> bool) -> Self {
        Self { go_on, since: 0 }
    }

    /// Asks now.
    pub(super) fn ask(&mut self) -> io::Result<()> {
        self.since = 0;
        if (self.go_on)() {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::Interrupted, "was told to stop"))
        }
    }

    /// Asks when so many bytes more make a MiB since the last time.
    pub(super) fn walked(&mut self, bytes: u64) -> io::Result<()> {
        self.since = self.since.saturating_add(bytes);
        if self.since < PACE_BYTES { Ok(()) } else { self.ask() }
    }
}

const PACE_BYTES: u64 = 1 << 20;
