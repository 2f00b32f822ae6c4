//! Going through one file.

use std::io;
use std::path::Path;

use crate::foreign::{self, Format};
use crate::names::Form;
use crate::query::reading::Reading;
use crate::query::source::{Name, Source};
use crate::reader::{Chunk, Reader};
use crate::sealed::{self, Wanted};

/// A reader of whatever a source is.
pub(super) enum Opened {
    Plain(Reader),
    Sealed(Box<sealed::Reader>),
    /// Compressed in one piece, or of any name: read once.
    Foreign(Box<foreign::Reader>),
}

/// Text that was read.
pub(super) enum Piece<'a> {
    /// Whole lines, each with its line break, and where they begin.
    Lines(u64, &'a [u8]),
    /// The last line without its line break, and where it begins. It is whole but for the break, or
    /// not there yet, and never wrong.
    HalfLine(u64, &'a [u8]),
}

impl Opened {
    pub(super) fn open(source: &Source, wanted: &Wanted) -> io::Result<Self> {
        let path = source.path();
        match &source.name {
            Name::Stdin => Ok(Self::Foreign(Box::new(foreign::Reader::stdin()?))),
            Name::Day(file) => match file.form {
                Form::Plain => Ok(Self::Plain(Reader::open(&path)?)),
                Form::Sealed if sealed::is_in_frames(&path)? => Self::sealed(&path, wanted),
                Form::Sealed | Form::Gzip => {
                    Ok(Self::Foreign(Box::new(foreign::Reader::open(&path)?)))
                }
            },
            Name::Other(_) => Self::other(&path, wanted).map_err(|error| match error.kind() {
                // Nobody seals it, or removes it for its age.
                io::ErrorKind::NotFound => io::Error::other("is not there any more"),
                _ => error,
            }),
        }
    }

    fn other(path: &Path, wanted: &Wanted) -> io::Result<Self> {
        if Format::of_file(path) == Format::Zstd && sealed::is_in_frames(path)? {
            return Self::sealed(path, wanted);
        }
        Ok(Self::Foreign(Box::new(foreign::Reader::open_named(path)?)))
    }

    fn sealed(path: &Path, wanted: &Wanted) -> io::Result<Self> {
        let mut reader = sealed::Reader::open(path)?;
        reader.narrow(wanted)?;
        Ok(Self::Sealed(Box::new(reader)))
    }

    /// Whether stretches of it can be read a second time.
    pub(super) fn is_read_again(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Goes through it while something is left of `bytes_left`; an error says how far it came.
    pub(super) fn read(
        mut self,
        source: &Source,
        bytes_left: &mut u64,
        reading: &mut Reading,
        each: &mut dyn FnMut(Piece<'_>, &mut Reading),
    ) -> Result<(), (u64, io::Error)> {
        let outcome = loop {
            if *bytes_left == 0 {
                // Whether that was all is not known before it is asked for.
                reading.is_cut_off = !matches!(self.next_chunk(), Ok(None));
                break Ok(());
            }
            match self.next_chunk() {
                Ok(Some(Chunk::Damaged(damage))) => reading.damage(source.path(), damage),
                Ok(Some(Chunk::Lines { offset, bytes })) => {
                    *bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
                    each(Piece::Lines(offset, bytes), reading);
                }
                Ok(Some(Chunk::HalfLine { offset, bytes })) => {
                    each(Piece::HalfLine(offset, bytes), reading);
                }
                Ok(Some(Chunk::Overlong { offset })) => {
                    reading.skip(source.path(), offset, OVERLONG.to_owned());
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.count(reading);
        outcome.map_err(|error| (self.bytes_read(), error))
    }

    fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match self {
            Self::Plain(reader) => reader.next_chunk(),
            Self::Sealed(reader) => reader.next_chunk(),
            Self::Foreign(reader) => reader.next_chunk(),
        }
    }

    fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(reader) => reader.bytes_read(),
            Self::Sealed(reader) => reader.bytes_read(),
            Self::Foreign(reader) => reader.bytes_read(),
        }
    }

    /// Counts what was read, and what was left out.
    fn count(&self, reading: &mut Reading) {
        reading.bytes_read += self.bytes_read();
        if let Self::Sealed(reader) = self {
            let (read, skipped) = reader.frames();
            reading.frames_read += read;
            reading.frames_skipped += skipped;
            reading.bytes_skipped += reader.bytes_skipped();
            reading.files_skipped += u64::from(read == 0 && skipped > 0);
        }
    }
}

/// Why a line is passed over that is longer than [`crate::reader::LINE_BYTES_MAX`].
pub(super) const OVERLONG: &str = "line over 16 MiB";
