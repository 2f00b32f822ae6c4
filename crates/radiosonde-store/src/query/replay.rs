//! Reading single lines again, by where they stand.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::names::Form;
use crate::query::Source;
use crate::reader::open_plain;
use crate::sealed::{self, Decoder, Place};

/// Files open for the second reading, and the frames of sealed ones that were taken apart last.
#[derive(Default)]
pub(super) struct OpenFiles {
    files: HashMap<u32, Open>,
    frames: Frames,
}

enum Open {
    Plain(Cursor),
    Sealed { file: File, places: Vec<Place> },
}

impl OpenFiles {
    /// Copies the line that begins at `offset` into `buffer`, without its line break.
    pub(super) fn line_at(
        &mut self,
        index: u32,
        source: &Source,
        offset: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        // A month of many slots is a few hundred files; the usual limit is 1,024 open ones.
        if self.files.len() >= OPEN_FILES_MAX && !self.files.contains_key(&index) {
            self.files.clear();
        }
        let open = match self.files.entry(index) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Open::of(source)?),
        };
        match open {
            Open::Plain(cursor) => cursor.line_at(offset, buffer),
            Open::Sealed { file, places } => {
                self.frames.line_at(index, file, places, offset, buffer)
            }
        }
    }
}

impl Open {
    fn of(source: &Source) -> io::Result<Self> {
        match source.file.form {
            Form::Plain => match open_plain(&source.path()) {
                Ok((file, _)) => {
                    return Ok(Self::Plain(Cursor { file, window: Vec::new(), window_start: 0 }));
                }
                // Sealed since the first reading: the same lines at the same places.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !source.sealed().path().exists() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            },
            Form::Sealed => {}
        }
        let (file, places) = sealed::Reader::open(&source.sealed().path())?.into_places()?;
        Ok(Self::Sealed { file, places })
    }
}

/// A file and a window of it. Lines of one file are asked for nearly in the order they stand, so
/// most of them are found in the window.
struct Cursor {
    file: File,
    window: Vec<u8>,
    window_start: u64,
}

impl Cursor {
    fn line_at(&mut self, offset: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let mut at = offset;
        loop {
            if at < self.window_start || at >= self.window_start + self.window.len() as u64 {
                self.fill(at)?;
                if self.window.is_empty() {
                    // The end of the file: the line break is not written yet.
                    return Ok(());
                }
            }
            let rest = &self.window[usize::try_from(at - self.window_start).unwrap_or(0)..];
            if let Some(end) = memchr::memchr(b'\n', rest) {
                buffer.extend_from_slice(&rest[..end]);
                return Ok(());
            }
            buffer.extend_from_slice(rest);
            at += rest.len() as u64;
        }
    }

    fn fill(&mut self, at: u64) -> io::Result<()> {
        self.window.clear();
        self.window_start = at;
        let _ = self.file.seek(SeekFrom::Start(at))?;
        let _ = (&self.file).take(WINDOW_BYTES).read_to_end(&mut self.window)?;
        Ok(())
    }
}

/// Frames taken apart, of all files. Lines that were recovered stand far from their neighbours in
/// time, so that two frames of a file may be needed by turns.
#[derive(Default)]
struct Frames {
    decoder: Decoder,
    kept: HashMap<(u32, u64), Kept>,
    bytes: usize,
    uses: u64,
}

struct Kept {
    lines: Vec<u8>,
    used: u64,
}

impl Frames {
    fn line_at(
        &mut self,
        index: u32,
        file: &File,
        places: &[Place],
        offset: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        buffer.clear();
        let mut at = offset;
        let first =
            places.partition_point(|place| place.raw_offset.saturating_add(place.raw) <= offset);
        for place in &places[first..] {
            let Some(skipped) = at.checked_sub(place.raw_offset) else { break };
            let lines = self.frame(index, file, place)?;
            let rest = lines.get(usize::try_from(skipped).unwrap_or(usize::MAX)..);
            let rest = rest.unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                buffer.extend_from_slice(&rest[..end]);
                return Ok(());
            }
            buffer.extend_from_slice(rest);
            at += rest.len() as u64;
        }
        Ok(())
    }

    fn frame(&mut self, index: u32, file: &File, place: &Place) -> io::Result<&[u8]> {
        self.uses += 1;
        let used = self.uses;
        let key = (index, place.number);
        if !self.kept.contains_key(&key) {
            let mut lines = Vec::new();
            self.decoder.decode(file, place, &mut lines).map_err(|reason| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("frame {} {reason}", place.number),
                )
            })?;
            self.bytes += lines.len();
            let _ = self.kept.insert(key, Kept { lines, used });
            self.make_room(key);
        }
        let Some(kept) = self.kept.get_mut(&key) else { return Ok(&[]) };
        kept.used = used;
        Ok(&kept.lines)
    }

    /// Lets go of what was used longest ago, but of nothing else than that.
    fn make_room(&mut self, needed: (u32, u64)) {
        while self.bytes > KEPT_BYTES_MAX {
            let others = self.kept.iter().filter(|(key, _)| **key != needed);
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key) else {
                return;
            };
            self.bytes -= self.kept.remove(&oldest).map_or(0, |kept| kept.lines.len());
        }
    }
}

const OPEN_FILES_MAX: usize = 128;
const WINDOW_BYTES: u64 = 64 << 10;
/// Of frames taken apart: one for each of many files that are merged, and a few more.
const KEPT_BYTES_MAX: usize = 64 << 20;
