//! gzip. RFC 1952.

use flate2::{Decompress, FlushDecompress, Status};

use crate::foreign::unpack::{Codec, Failed, Step};

/// Members, one behind the other.
pub(super) struct Gzip {
    member: Option<Decompress>,
    /// Whether the first member has begun.
    begun: bool,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { member: None, begun: false }
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Result<Step, Failed> {
        if self.member.is_none() {
            let Some(first) = input.first() else { return Ok(Step::default()) };
            match *first {
                // Whoever writes in blocks fills the last one.
                0 if self.begun => {
                    let read = input.iter().take_while(|byte| **byte == 0).count();
                    return Ok(Step { read, written: 0 });
                }
                MAGIC => {}
                _ => {
                    let reason = "has something behind its end that is not gzip".to_owned();
                    return Err(Failed { step: Step::default(), reason });
                }
            }
            self.begun = true;
        }
        let member = self.member.get_or_insert_with(|| Decompress::new_gzip(WINDOW_LOG));
        let before = (member.total_in(), member.total_out());
        let result = member.decompress(input, room, FlushDecompress::None);
        let moved = |now: u64, before: u64| usize::try_from(now - before).unwrap_or_default();
        let read = moved(member.total_in(), before.0);
        let written = moved(member.total_out(), before.1);
        let step = Step { read, written };
        match result {
            Ok(Status::StreamEnd) => self.member = None,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(Failed { step, reason: DAMAGED.to_owned() }),
        }
        Ok(step)
    }

    fn is_between(&self) -> bool {
        self.member.is_none()
    }
}

/// What the library says may be that it was asked once more.
const DAMAGED: &str = "is damaged: what follows cannot be unpacked, or the checksum differs";
/// The first byte of a member.
const MAGIC: u8 = 0x1f;
/// 32 KiB, the longest there is.
const WINDOW_LOG: u8 = 15;
