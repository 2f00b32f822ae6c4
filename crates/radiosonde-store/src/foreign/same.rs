//! Whether a day file that somebody compressed is the one beside it.

use std::io;
use std::path::Path;

use crate::blocks::BLOCK_BYTES;
use crate::foreign::Reader;
use crate::names::Form;
use crate::reader::{Chunk, are_too_many};
use crate::stored::StoredReader;

/// Whether a reader that has read one form of a day file needs the compressed one no more, since it
/// holds nothing else. Compares what they hold, up to where the compressed one cannot be read any
/// further: somebody is at work on it, or it is damaged, and the other one is whole. Where that is at
/// its beginning, nothing tells. Where nobody wants to know any more, it says that it does.
///
/// # Errors
/// Where the other one cannot be read again.
pub(crate) fn holds_the_same(
    read: &Path,
    form: Form,
    compressed: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> io::Result<bool> {
    let mut same = Same::open(read, form, compressed)?;
    loop {
        if is_stopped() {
            return Ok(true);
        }
        if let Some(is_same) = same.go_on(&mut { BLOCK_BYTES as u64 })? {
            return Ok(is_same);
        }
    }
}

/// The same of what is compared piece by piece.
#[derive(Debug)]
pub(crate) struct Same {
    /// `None` where nothing of it can be read.
    theirs: Option<Reader>,
    ours: Ours,
    is_compared: bool,
}

impl Same {
    /// # Errors
    /// Where what was read cannot be read again, or descriptors run out.
    pub(crate) fn open(read: &Path, form: Form, compressed: &Path) -> io::Result<Self> {
        let theirs = match Reader::open(compressed) {
            Err(error) if are_too_many(&error) => return Err(error),
            theirs => theirs.ok(),
        };
        Ok(Self { theirs, ours: Ours::open(read, form)?, is_compared: false })
    }

    /// Compares so many bytes, or a piece more, and takes them off. `None` where it is not known after
    /// that.
    ///
    /// # Errors
    /// Where what was read cannot be read again.
    pub(crate) fn go_on(&mut self, room: &mut u64) -> io::Result<Option<bool>> {
        let Self { theirs, ours, is_compared } = self;
        let Some(theirs) = theirs else { return Ok(Some(false)) };
        while *room > 0 {
            let bytes = match theirs.next_chunk() {
                Ok(Some(Chunk::Lines { bytes, .. } | Chunk::HalfLine { bytes, .. })) => bytes,
                // It may have been made while the other one was written, which goes on.
                Ok(None) => return Ok(Some(true)),
                // A line nobody can read, whatever is in it.
                Ok(Some(Chunk::Overlong { .. })) if ours.is_overlong()? => continue,
                Ok(Some(Chunk::Overlong { .. })) => return Ok(Some(false)),
                // What is before it is the same.
                Ok(Some(Chunk::Damaged(_))) | Err(_) => return Ok(Some(*is_compared)),
            };
            *room = room.saturating_sub(bytes.len() as u64);
            if !ours.goes_on_with(bytes)? {
                return Ok(Some(false));
            }
            *is_compared = true;
        }
        Ok(None)
    }
}

/// What was read already, once more.
#[derive(Debug)]
struct Ours {
    reader: StoredReader,
    /// Bytes that have not been compared.
    left: Vec<u8>,
    /// Whether it was a line that is too long that could not be compared.
    is_overlong: bool,
}

impl Ours {
    fn open(path: &Path, form: Form) -> io::Result<Self> {
        Ok(Self { reader: StoredReader::open(path, form)?, left: Vec::new(), is_overlong: false })
    }

    /// Whether these bytes come next.
    fn goes_on_with(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        loop {
            let length = bytes.len().min(self.left.len());
            if bytes[..length] != self.left[..length] {
                return Ok(false);
            }
            let _ = self.left.drain(..length);
            bytes = &bytes[length..];
            if bytes.is_empty() {
                return Ok(true);
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Whether a line that is too long comes next. It is passed then.
    fn is_overlong(&mut self) -> io::Result<bool> {
        Ok(self.left.is_empty() && !self.fill()? && std::mem::take(&mut self.is_overlong))
    }

    /// Reads on; `false` at the end, and where something cannot be compared.
    fn fill(&mut self) -> io::Result<bool> {
        self.is_overlong = false;
        loop {
            match self.reader.next_chunk()? {
                Some(Chunk::Lines { bytes, .. } | Chunk::HalfLine { bytes, .. }) => {
                    self.left.extend_from_slice(bytes);
                    return Ok(true);
                }
                Some(Chunk::Damaged(damage)) if !damage.lines_lost => {}
                other => {
                    self.is_overlong = matches!(other, Some(Chunk::Overlong { .. }));
                    return Ok(false);
                }
            }
        }
    }
}
