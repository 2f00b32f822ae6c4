//! Taking a compressed stream apart, as it is read.

use std::io::{self, Read};

use crate::blocks::BLOCK_BYTES;

/// A way to take a stream apart.
pub(super) trait Codec {
    /// Goes on with some input and some room.
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<Step, Failed>;

    /// Whether the stream may end here.
    fn is_between(&self) -> bool;
}

/// How far one step came, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) read: usize,
    pub(super) written: usize,
}

/// Why a stream cannot be taken apart any further.
#[derive(Debug)]
pub(super) struct Failed {
    /// How far it came before.
    pub(super) step: Step,
    pub(super) reason: String,
}

/// What a compressed stream holds.
pub(super) struct Unpack<R> {
    reader: R,
    codec: Box<dyn Codec + Send>,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Place in the compressed stream of `input[start]`.
    offset: u64,
    /// Bytes given out.
    unpacked: u64,
    ended: bool,
    /// What to tell once everything before was given out.
    failed: Option<io::Error>,
}

impl<R: std::fmt::Debug> std::fmt::Debug for Unpack<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpack")
            .field("reader", &self.reader)
            .field("offset", &self.offset)
            .finish()
    }
}

impl<R: Read> Unpack<R> {
    pub(super) fn new(reader: R, codec: Box<dyn Codec + Send>) -> Self {
        let input = vec![0; BLOCK_BYTES];
        let (start, end, offset, unpacked) = (0, 0, 0, 0);
        Self { reader, codec, input, start, end, offset, unpacked, ended: false, failed: None }
    }

    /// How far it was taken apart, in compressed bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    fn fill(&mut self) -> io::Result<()> {
        let read = loop {
            match self.reader.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        (self.start, self.end, self.ended) = (0, read, read == 0);
        Ok(())
    }

    /// Where nothing moves any more: the end, or none.
    fn end(&self) -> io::Result<usize> {
        if !self.ended {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is damaged: it leads nowhere"));
        }
        if self.codec.is_between() {
            return Ok(0);
        }
        let what = "ends before its end, as a copy under way or cut short does";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
    }

    /// The error for what no telemetry is, if this is.
    fn is_too_much(&self) -> Option<io::Error> {
        let most = self.offset.saturating_mul(RATIO_MAX).max(FREE_BYTES);
        (self.unpacked > most).then(|| {
            let what = format!(
                "given up: more than 1 GiB, and over {RATIO_MAX} times what it takes compressed"
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

impl<R: Read> Read for Unpack<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.failed.take().or_else(|| self.is_too_much()) {
            return Err(error);
        }
        loop {
            if self.start == self.end && !self.ended {
                self.fill()?;
            }
            let step = match self.codec.step(&self.input[self.start..self.end], room) {
                Ok(step) => step,
                Err(Failed { step, reason }) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, reason);
                    self.offset += step.read as u64;
                    if step.written == 0 {
                        return Err(error);
                    }
                    self.failed = Some(error);
                    self.unpacked += step.written as u64;
                    return Ok(step.written);
                }
            };
            self.start += step.read;
            self.offset += step.read as u64;
            self.unpacked += step.written as u64;
            if step.written > 0 {
                return Ok(step.written);
            }
            if step.read == 0 {
                return self.end();
            }
        }
    }
}

/// What a stream may hold for each byte it takes, beyond [`FREE_BYTES`]. gzip has some 1,000 at most.
const RATIO_MAX: u64 = 2_000;
const FREE_BYTES: u64 = 1 << 30;
