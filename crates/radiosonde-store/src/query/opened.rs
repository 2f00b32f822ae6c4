//! A reader of whatever a source is.

use std::io;

use crate::foreign::{self, Format};
use crate::names::Form;
use crate::query::source::{Name, Source};
use crate::query::{Query, Reading};
use crate::reader::Reader;
use crate::sealed::{self, Wanted};
use crate::stored::StoredReader;

impl Query {
    /// Opens a file for reading as far as it is to be read.
    pub(super) fn open(&self, source: &Source, wanted: &Wanted) -> io::Result<StoredReader> {
        StoredReader::of(source, wanted, self.end_of(source))
    }

    /// Where reading a file ends. Of files that came since there is nothing to read.
    pub(super) fn end_of(&self, source: &Source) -> u64 {
        match (&self.ends, source.file()) {
            (Some(ends), Some(file)) => ends.of(&source.dir, file),
            _ => u64::MAX,
        }
    }
}

impl StoredReader {
    /// A day file is read up to the place `end`; one that was sealed since, as a whole.
    fn of(source: &Source, wanted: &Wanted, end: u64) -> io::Result<Self> {
        let path = source.path();
        match &source.name {
            Name::Stdin => Ok(Self::foreign(foreign::Reader::stdin()?)),
            Name::Day(file) => match file.form {
                Form::Plain => Ok(Self::Plain(Reader::open_up_to(&path, end)?)),
                form => Self::open(&path, form)?.narrowed(wanted),
            },
            Name::Other(_) => Self::other(&path, wanted).map_err(|error| match error.kind() {
                // Nobody seals it or removes it for its age.
                io::ErrorKind::NotFound => io::Error::other("is not there any more"),
                _ => error,
            }),
        }
    }

    fn other(path: &std::path::Path, wanted: &Wanted) -> io::Result<Self> {
        if Format::of_file(path) == Format::Zstd && sealed::is_in_frames(path)? {
            return Self::Sealed(Box::new(sealed::Reader::open(path)?)).narrowed(wanted);
        }
        Ok(Self::foreign(foreign::Reader::open_named(path)?))
    }

    fn narrowed(mut self, wanted: &Wanted) -> io::Result<Self> {
        if let Self::Sealed(reader) = &mut self {
            reader.narrow(wanted)?;
        }
        Ok(self)
    }

    fn foreign(reader: foreign::Reader) -> Self {
        Self::Foreign(Box::new(reader))
    }

    /// Whether stretches of it can be read a second time.
    pub(super) fn is_read_again(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Sealed(_) => false,
            Self::Foreign(reader) => reader.is_read_again(),
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
