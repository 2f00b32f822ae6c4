//! Whether a day file that somebody compressed is the one beside it.

use std::io;
use std::path::Path;

use crate::foreign::Reader;
use crate::names::Form;
use crate::reader::Chunk;
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
    let Ok(mut theirs) = Reader::open(compressed) else { return Ok(false) };
    let mut ours = Ours::open(read, form)?;
    let mut is_compared = false;
    loop {
        if is_stopped() {
            return Ok(true);
        }
        match theirs.next_chunk() {
            Ok(Some(Chunk::Lines { bytes, .. } | Chunk::HalfLine { bytes, .. })) => {
                if !ours.goes_on_with(bytes)? {
                    return Ok(false);
                }
                is_compared = true;
            }
            // It may have been made while the other one was written, which goes on.
            Ok(None) => return Ok(true),
            // A line nobody can read, whatever is in it.
            Ok(Some(Chunk::Overlong { .. })) if ours.is_overlong()? => {}
            Ok(Some(Chunk::Overlong { .. })) => return Ok(false),
            // What is before it is the same.
            Ok(Some(Chunk::Damaged(_))) | Err(_) => return Ok(is_compared),
        }
    }
}

/// What was read already, once more.
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
