//! Day files that are compressed: sealed ones, and what others made of them.

use std::io;
use std::path::Path;

use crate::follow::file::{Ended, Followed, Piece};
use crate::foreign;
use crate::names::Form;
use crate::reader::{Chunk, are_too_many};
use crate::sealed::{self, Wanted};

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

/// Whether a sealed file holds a file of so many bytes, as far as that can be told.
///
/// # Errors
/// Where descriptors run out: then it is not known yet.
pub(super) fn holds(path: &Path, length: u64) -> io::Result<bool> {
    let places = sealed::Reader::open(path).and_then(sealed::Reader::into_places);
    let end = |last: &sealed::Place| last.raw_offset.saturating_add(last.raw);
    match places {
        Ok((_, places)) => Ok(places.last().map_or(0, end) == length),
        Err(error) if are_too_many(&error) => Err(error),
        Err(_) => Ok(true),
    }
}

/// Whether what others compressed begins as the file did of which these are the first bytes.
///
/// # Errors
/// Where nothing of it can be read.
pub(super) fn begins_with(path: &Path, head: &[u8]) -> io::Result<bool> {
    match foreign::Reader::open(path)?.next_chunk()? {
        Some(Chunk::Lines { bytes, .. } | Chunk::HalfLine { bytes, .. }) => {
            let length = bytes.len().min(head.len());
            Ok(length > 0 && bytes[..length] == head[..length])
        }
        _ => Ok(false),
    }
}
