//! zstd, of any program.

use std::io;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::foreign::unpack::{Codec, Failed, Step};

/// Frames, one behind the other.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    /// Bytes up to the end of the next block; 0 between frames.
    hint: usize,
}

impl Zstd {
    pub(super) fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self { decoder, hint: 0 })
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<Step, Failed> {
        // A block at a time: where one is damaged, the one before it was given out.
        let length = self.hint.max(START_BYTES).min(input.len());
        let mut input = InBuffer::around(&input[..length]);
        let mut output = OutBuffer::around(room);
        let result = self.decoder.run(&mut input, &mut output);
        let step = Step { read: input.pos(), written: output.pos() };
        match result {
            Ok(hint) => {
                // Where nothing moved nothing began either: it hints at the next frame.
                if step.read + step.written > 0 {
                    self.hint = hint;
                }
                Ok(step)
            }
            Err(error) => Err(Failed { step, reason: reason(&error.to_string()) }),
        }
    }

    fn is_between(&self) -> bool {
        self.hint == 0
    }
}

fn reason(error: &str) -> String {
    if error.contains("too much memory") {
        return "needs a window over 128 MiB, which is not taken; unpack it elsewhere: \
                `zstd -dc --long=31 FILE | radiosonde logs --dir -`"
            .to_owned();
    }
    format!("is damaged: {error}")
}

/// 128 MiB: what `zstd -d` takes unless it is told otherwise, and `zstd --long` needs.
const WINDOW_LOG_MAX: u32 = 27;
/// What is needed to know how long the head of a frame is.
const START_BYTES: usize = 5;
