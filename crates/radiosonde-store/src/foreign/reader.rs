//! Reading foreign files as [`crate::reader::Reader`] reads live ones.

use std::io;
use std::path::Path;

use crate::blocks::Blocks;
use crate::foreign::format::Format;
use crate::foreign::input::Input;
use crate::foreign::unpack::Unpack;
use crate::foreign::zstd::Zstd;
use crate::reader::Chunk;

/// Reads a foreign file, a pipe, or standard input once, in bounded memory; see the module.
#[derive(Debug)]
pub struct Reader(Kind);

#[derive(Debug)]
enum Kind {
    Text { blocks: Blocks<Input>, mark: usize },
    Packed(Blocks<Unpack<Input>>),
}

impl Reader {
    /// Opens a file that was found in a directory.
    ///
    /// # Errors
    /// What the system says; a symbolic link and what is no plain file is refused, and so is what can
    /// be told not to be readable by its first bytes.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(Input::found(path)?)
    }

    /// Opens a file that somebody named: a link is followed, and a pipe is read, which waits for who
    /// writes to it.
    ///
    /// # Errors
    /// As [`Reader::open`]; devices and directories are refused.
    pub fn open_named(path: &Path) -> io::Result<Self> {
        Self::of(Input::named(path)?)
    }

    /// Standard input, which can be taken once.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidInput`] the second time.
    pub fn stdin() -> io::Result<Self> {
        Self::of(Input::stdin()?)
    }

    fn of(mut input: Input) -> io::Result<Self> {
        Ok(Self(match input.format()? {
            Format::Text => {
                let mark = input.pass_mark();
                Kind::Text { blocks: Blocks::new(input), mark }
            }
            Format::Zstd => Kind::Packed(Blocks::new(Unpack::new(input, Box::new(Zstd::new()?)))),
            #[cfg(feature = "gzip")]
            Format::Gzip => {
                let gzip = Box::new(crate::foreign::gzip::Gzip::new());
                Kind::Packed(Blocks::new(Unpack::new(input, gzip)))
            }
            #[cfg(not(feature = "gzip"))]
            Format::Gzip => {
                let what = "is compressed by gzip, which this program was built without";
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
        }))
    }

    /// The next stretch, `None` at the end. Places are those in what the file holds, behind a mark
    /// for the order of bytes.
    ///
    /// # Errors
    /// What the system says, and what is wrong with the compressed form; [`Reader::bytes_read`] says
    /// where. The reader is at its end then.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match &mut self.0 {
            Kind::Text { blocks, .. } => blocks.next_chunk(),
            Kind::Packed(blocks) => blocks.next_chunk(),
        }
    }

    /// Whether places are those in the file itself, so that a stretch can be read a second time.
    pub(crate) fn is_read_again(&self) -> bool {
        matches!(&self.0, Kind::Text { blocks, mark: 0 } if blocks.inner().is_file())
    }

    /// How far it was read, in bytes as they are stored.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.0 {
            Kind::Text { blocks, mark } => blocks.bytes_read() + *mark as u64,
            Kind::Packed(blocks) => blocks.inner().offset(),
        }
    }
}
