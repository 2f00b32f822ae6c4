//! A reader of whatever a source is.

use std::io;

use crate::foreign::{self, Format};
use crate::names::Form;
use crate::query::source::{Name, Source};
use crate::query::{Query, Reading};
use crate::reader::{Chunk, Reader};
use crate::sealed::{self, Wanted};

pub(super) enum Opened {
    Plain(Reader),
    Sealed(Box<sealed::Reader>),
    Foreign(Box<foreign::Reader>),
}

impl Query {
    /// Opens a file for reading as far as it is to be read.
    pub(super) fn open(&self, source: &Source, wanted: &Wanted) -> io::Result<Opened> {
        Opened::open(source, wanted, self.end_of(source))
    }

    /// Where reading a file ends. Of files that came since there is nothing to read.
    pub(super) fn end_of(&self, source: &Source) -> u64 {
        match (&self.ends, source.file()) {
            (Some(ends), Some(file)) => ends.of(&source.dir, file),
            _ => u64::MAX,
        }
    }
}

impl Opened {
    /// A day file is read up to the place `end`; one that was sealed since, as a whole.
    fn open(source: &Source, wanted: &Wanted, end: u64) -> io::Result<Self> {
        let path = source.path();
        match &source.name {
            Name::Stdin => Ok(Self::foreign(foreign::Reader::stdin()?)),
            Name::Day(file) => match file.form {
                Form::Plain => {
                    let reader = Reader::open_up_to(&path, end)?;
                    match Format::of(reader.head())? {
                        Format::Text => Ok(Self::Plain(reader)),
                        // Somebody compressed it and kept its name.
                        Format::Zstd => Self::found(&path, wanted),
                        Format::Gzip => Ok(Self::foreign(foreign::Reader::open(&path)?)),
                    }
                }
                Form::Sealed => Self::found(&path, wanted),
                Form::Gzip => Ok(Self::foreign(foreign::Reader::open(&path)?)),
            },
            Name::Other(_) => Self::other(&path, wanted).map_err(|error| match error.kind() {
                // Nobody seals it or removes it for its age.
                io::ErrorKind::NotFound => io::Error::other("is not there any more"),
                _ => error,
            }),
        }
    }

    /// A compressed file that nobody named.
    fn found(path: &std::path::Path, wanted: &Wanted) -> io::Result<Self> {
        match sealed::is_in_frames(path)? {
            true => Self::sealed(path, wanted),
            false => Ok(Self::foreign(foreign::Reader::open(path)?)),
        }
    }

    fn other(path: &std::path::Path, wanted: &Wanted) -> io::Result<Self> {
        if Format::of_file(path) == Format::Zstd && sealed::is_in_frames(path)? {
            return Self::sealed(path, wanted);
        }
        Ok(Self::foreign(foreign::Reader::open_named(path)?))
    }

    fn sealed(path: &std::path::Path, wanted: &Wanted) -> io::Result<Self> {
        let mut reader = sealed::Reader::open(path)?;
        reader.narrow(wanted)?;
        Ok(Self::Sealed(Box::new(reader)))
    }

    fn foreign(reader: foreign::Reader) -> Self {
        Self::Foreign(Box::new(reader))
    }

    pub(super) fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match self {
            Self::Plain(reader) => reader.next_chunk(),
            Self::Sealed(reader) => reader.next_chunk(),
            Self::Foreign(reader) => reader.next_chunk(),
        }
    }

    /// Whether it is as processes of ours leave it.
    pub(super) fn is_of_ours(&self) -> bool {
        matches!(self, Self::Plain(_) | Self::Sealed(_))
    }

    /// Whether stretches of it can be read a second time.
    pub(super) fn is_read_again(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Sealed(_) => false,
            Self::Foreign(reader) => reader.is_read_again(),
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(reader) => reader.bytes_read(),
            Self::Sealed(reader) => reader.bytes_read(),
            Self::Foreign(reader) => reader.bytes_read(),
        }
    }

    /// Counts what was read, and what was left out.
    pub(super) fn count(&self, reading: &mut Reading) {
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
