//! Going through one file.

use std::io;

use crate::line::Line;
use crate::names::Form;
use crate::query::filter::Needle;
use crate::query::source::Source;
use crate::query::{Found, Query, Reading};
use crate::reader::{Chunk, Reader};
use crate::sealed::{self, Wanted};

/// One reading of one file.
pub(super) struct Pass<'a> {
    pub(super) query: &'a Query,
    pub(super) needle: Option<&'a Needle>,
    pub(super) wanted: &'a Wanted,
    pub(super) source: &'a Source,
    pub(super) index: u32,
    /// How much of all files may still be gone through.
    pub(super) bytes_left: &'a mut u64,
    pub(super) reading: &'a mut Reading,
    pub(super) each: &'a mut dyn FnMut(Found<'_>),
}

/// A reader of either form.
enum Opened {
    Plain(Reader),
    Sealed(Box<sealed::Reader>),
}

impl Opened {
    fn open(source: &Source, wanted: &Wanted) -> io::Result<Self> {
        let path = source.path();
        Ok(match source.file.form {
            Form::Plain => Self::Plain(Reader::open(&path)?),
            Form::Sealed => {
                let mut reader = sealed::Reader::open(&path)?;
                reader.narrow(wanted)?;
                Self::Sealed(Box::new(reader))
            }
        })
    }

    fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match self {
            Self::Plain(reader) => reader.next_chunk(),
            Self::Sealed(reader) => reader.next_chunk(),
        }
    }

    fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(reader) => reader.bytes_read(),
            Self::Sealed(reader) => reader.bytes_read(),
        }
    }

    /// Counts what was read, and what was left out.
    fn count(&self, reading: &mut Reading) {
        reading.bytes_read += self.bytes_read();
        if let Self::Sealed(reader) = self {
            let (read, skipped) = reader.frames();
            reading.frames_read += read;
            reading.frames_skipped += skipped;
            reading.files_skipped += u64::from(read == 0 && skipped > 0);
        }
    }
}

impl Pass<'_> {
    /// Reads the file; an error says how far it came.
    pub(super) fn read(&mut self) -> Result<(), (u64, io::Error)> {
        let mut reader = Opened::open(self.source, self.wanted).map_err(|error| (0, error))?;
        let outcome = loop {
            if *self.bytes_left == 0 {
                // Whether that was all is not known before it is asked for.
                self.reading.is_cut_off = !matches!(reader.next_chunk(), Ok(None));
                break Ok(());
            }
            match reader.next_chunk() {
                Ok(Some(Chunk::Damaged(damage))) => {
                    self.reading.damage(self.source.path(), damage);
                }
                Ok(Some(Chunk::Lines { offset, bytes })) => {
                    *self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
                    self.lines(offset, bytes);
                }
                Ok(Some(Chunk::HalfLine { offset, bytes })) => {
                    // Whole but for its line break, or not there yet. Never wrong.
                    let _ = self.line(offset, bytes);
                }
                Ok(Some(Chunk::Overlong { offset })) => {
                    self.reading.skip(self.source.path(), offset, "line over 16 MiB".to_owned());
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        reader.count(self.reading);
        outcome.map_err(|error| (reader.bytes_read(), error))
    }

    fn lines(&mut self, offset: u64, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let start = match self.needle {
                None => at,
                Some(needle) => match needle.find(&bytes[at..]) {
                    Some(hit) => {
                        memchr::memrchr(b'\n', &bytes[at..at + hit]).map_or(at, |nl| at + nl + 1)
                    }
                    None => return,
                },
            };
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |nl| start + nl);
            let offset = offset + start as u64;
            if let Err(reason) = self.line(offset, &bytes[start..end]) {
                self.reading.skip(self.source.path(), offset, reason);
            }
            at = end + 1;
        }
    }

    /// Judges one line; an error says why it is none.
    fn line(&mut self, offset: u64, text: &[u8]) -> Result<(), String> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let line = Line::parse(text).map_err(|error| error.to_string())?;
        if self.query.matches(&line) {
            self.reading.matched += 1;
            let Source { dir, file } = self.source;
            (self.each)(Found { line, dir, file: *file, offset, index: self.index });
        }
        Ok(())
    }
}
