//! Reading a day file in whichever form it is stored.

use std::io;
use std::path::Path;

use crate::names::Form;
use crate::reader::{Chunk, Reader};
use crate::{foreign, sealed};

/// A reader of a day file in any of its forms.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoredReader {
    /// A live file.
    Plain(Reader),
    /// A sealed one, or what others made of frames of the same kind.
    Sealed(Box<sealed::Reader>),
    /// What others compressed.
    Foreign(Box<foreign::Reader>),
}

impl StoredReader {
    /// Opens a day file that has this form by its name.
    ///
    /// # Errors
    /// As the reader of the form.
    pub fn open(path: &Path, form: Form) -> io::Result<Self> {
        match form {
            Form::Plain => Ok(Self::Plain(Reader::open(path)?)),
            Form::Sealed if sealed::is_in_frames(path)? => {
                Ok(Self::Sealed(Box::new(sealed::Reader::open(path)?)))
            }
            Form::Sealed | Form::Gzip => Ok(Self::Foreign(Box::new(foreign::Reader::open(path)?))),
        }
    }

    /// The next stretch, `None` at the end.
    ///
    /// # Errors
    /// As the reader of the form. It is at its end then.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match self {
            Self::Plain(reader) => reader.next_chunk(),
            Self::Sealed(reader) => reader.next_chunk(),
            Self::Foreign(reader) => reader.next_chunk(),
        }
    }

    /// How far it was read, in bytes as they are stored.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(reader) => reader.bytes_read(),
            Self::Sealed(reader) => reader.bytes_read(),
            Self::Foreign(reader) => reader.bytes_read(),
        }
    }
}
