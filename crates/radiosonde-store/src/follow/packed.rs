//! Day files that are compressed: sealed ones, and what others made of them.

use std::io;
use std::path::Path;

use crate::follow::file::{Ended, Followed, HEAD_BYTES, Piece};
use crate::foreign;
use crate::names::Form;
use crate::reader::{Chunk, are_too_many};
use crate::sealed::{self, Wanted};
use crate::stored::StoredReader;

/// A reader of one.
#[derive(Debug)]
pub(super) enum Packed {
    Sealed(Box<sealed::Reader>),
    Foreign(Box<foreign::Reader>),
}

impl Packed {
    /// # Errors
    /// As of the readers.
    pub(super) fn open(path: &Path, form: Form, wanted: &Wanted) -> io::Result<Self> {
        if form == Form::Sealed && sealed::is_in_frames(path)? {
            let mut reader = sealed::Reader::open(path)?;
            reader.narrow(wanted)?;
            return Ok(Self::Sealed(Box::new(reader)));
        }
        Ok(Self::Foreign(Box::new(foreign::Reader::open(path)?)))
    }

    fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        match self {
            Self::Sealed(reader) => reader.next_chunk(),
            Self::Foreign(reader) => reader.next_chunk(),
        }
    }

    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }

    /// How far it was read, in bytes as they are stored.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Sealed(reader) => reader.bytes_read(),
            Self::Foreign(reader) => reader.bytes_read(),
        }
    }
}

impl Followed {
    /// Reads so many bytes of what it holds, or one piece more.
    pub(super) fn read_packed(
        &mut self,
        packed: &mut Packed,
        bytes: u64,
        each: &mut dyn FnMut(Piece<'_>),
    ) -> io::Result<Ended> {
        let is_foreign = packed.is_foreign();
        let mut gone = 0;
        while gone < bytes {
            match packed.next_chunk()? {
                Some(Chunk::Lines { offset, bytes }) => {
                    gone += bytes.len() as u64;
                    // What was read of the plain form comes again.
                    let known = usize::try_from(self.position.saturating_sub(offset));
                    let known = known.unwrap_or(usize::MAX).min(bytes.len());
                    if known > 0 {
                        each(Piece::Passed { bytes: known as u64 });
                    }
                    let offset = offset + known as u64;
                    if known < bytes.len() {
                        let bytes = &bytes[known..];
                        each(Piece::Lines { offset, bytes, old_until: 0 });
                        self.position = offset + bytes.len() as u64;
                    }
                }
                Some(Chunk::HalfLine { offset, bytes }) if offset >= self.position => {
                    // Who compresses a file has all of it.
                    each(match is_foreign {
                        true => Piece::Lines { offset, bytes, old_until: 0 },
                        false => Piece::HalfLine(bytes),
                    });
                    self.position = offset + bytes.len() as u64;
                }
                Some(Chunk::Overlong { offset }) if offset >= self.position => {
                    each(Piece::Overlong { offset });
                }
                Some(Chunk::HalfLine { .. } | Chunk::Overlong { .. }) => {}
                Some(Chunk::Damaged(damage)) => each(Piece::Damaged(damage)),
                None => {
                    self.is_finished = true;
                    return Ok(Ended::AtEnd);
                }
            }
        }
        Ok(Ended::Early)
    }
}

/// What tells a compressed file from others: how what it holds begins, and how long that is.
#[derive(Debug)]
pub(super) struct Facts {
    /// Empty where that cannot be told.
    head: Vec<u8>,
    /// As its index says.
    pub(super) length: Option<u64>,
}

impl Facts {
    /// # Errors
    /// Where it cannot be opened. What is damaged is no error, but little is known of it.
    pub(super) fn of(path: &Path, form: Form) -> io::Result<Self> {
        let length = if form == Form::Sealed { sealed::raw_length(path)? } else { None };
        let head = match first_bytes(StoredReader::open(path, form)?) {
            Err(error) if are_too_many(&error) => return Err(error),
            head => head.unwrap_or_default(),
        };
        Ok(Self { head, length })
    }

    /// Whether it begins as a file did of which these are the first bytes. `None` where that cannot be
    /// told.
    pub(super) fn begins_with(&self, head: &[u8]) -> Option<bool> {
        begins_alike(&self.head, head)
    }

    /// Whether it holds a file of so many bytes that began so. Where its beginning cannot be told, its
    /// name tells, and where its length cannot, its beginning does.
    pub(super) fn holds(&self, head: &[u8], length: u64, has_its_name: bool) -> bool {
        let begins = self.begins_with(head);
        match self.length {
            Some(raw) => raw == length && begins.unwrap_or(has_its_name),
            None => begins == Some(true),
        }
    }
}

/// Whether what others compressed begins as the file did of which these are the first bytes.
///
/// # Errors
/// Where nothing of it can be read.
pub(super) fn begins_with(path: &Path, head: &[u8]) -> io::Result<bool> {
    let first = first_bytes(StoredReader::open(path, Form::Gzip)?)?;
    Ok(begins_alike(&first, head).unwrap_or(false))
}

/// Some bytes at the beginning; none where there is no line that can be read.
fn first_bytes(mut reader: StoredReader) -> io::Result<Vec<u8>> {
    Ok(match reader.next_chunk()? {
        Some(Chunk::Lines { offset: 0, bytes } | Chunk::HalfLine { offset: 0, bytes }) => {
            bytes[..bytes.len().min(HEAD_BYTES)].to_vec()
        }
        _ => Vec::new(),
    })
}

fn begins_alike(one: &[u8], other: &[u8]) -> Option<bool> {
    let length = one.len().min(other.len());
    (length > 0).then(|| one[..length] == other[..length])
}
