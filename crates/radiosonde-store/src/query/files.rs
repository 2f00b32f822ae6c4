//! Reading stretches of files again, and frames, by where they stand.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::names::{Form, StoredFile};
use crate::query::source::Source;
use crate::reader::{are_too_many, open_plain};
use crate::sealed::{self, Decoder, Place};

/// Files that are open, by their number.
#[derive(Default)]
pub(super) struct Files {
    open: HashMap<u32, Open>,
    decoder: Decoder,
    /// Those that are not as they were, nor anywhere else.
    lost: HashSet<u32>,
}

enum Open {
    Plain(File),
    /// A day file that was sealed meanwhile, by its frames.
    Sealed(File, Vec<Place>),
}

/// Bytes of a day file from one place to another, with the CRC-32C of what stood there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) crc: u32,
}

impl Files {
    /// Replaces what is in `out` by a stretch of a day file. Where that is sealed meanwhile, or has the
    /// name of another part, it is read there.
    ///
    /// # Errors
    /// From which place on it is not what it was, and why; `out` has what is there now.
    pub(super) fn stretch(
        &mut self,
        number: u32,
        source: &Source,
        stretch: Stretch,
        out: &mut Vec<u8>,
    ) -> Result<(), (u64, io::Error)> {
        out.clear();
        let Self { open, decoder, lost } = self;
        let mut read = |source: &Source, open: &mut HashMap<_, _>, out: &mut Vec<u8>| {
            opened(open, number, || open_day_file(source))
                .map_err(|error| (stretch.start, error))
                .and_then(|file| file.read(decoder, stretch, out))
        };
        let Err(mut error) = read(source, open, out) else { return Ok(()) };
        if !lost.insert(number) {
            return Err(error);
        }
        let mut instead = open.remove(&number);
        let is_gone = instead.is_none();
        for other in moved_to(source) {
            let mut found = Vec::new();
            let Err(other_error) = read(&other, open, &mut found) else {
                let _ = lost.remove(&number);
                *out = found;
                return Ok(());
            };
            let other_file = open.remove(&number);
            let is_short = (found.len() as u64) < stretch.end - stretch.start;
            let is_damaged = is_short && other_error.1.kind() == io::ErrorKind::InvalidData;
            if is_gone && is_damaged && source.in_form(Form::Sealed).as_ref() == Some(&other) {
                (instead, error, *out) = (other_file, other_error, found);
            }
        }
        open.extend(instead.map(|file| (number, file)));
        Err(error)
    }

    /// Replaces what is in `out` by what a frame holds. The inner error says what is wrong with it.
    pub(super) fn frame(
        &mut self,
        number: u32,
        source: &Source,
        place: &Place,
        out: &mut Vec<u8>,
    ) -> io::Result<Result<(), String>> {
        out.clear();
        let open = || Ok(Open::Plain(open_plain(&source.path())?.0));
        let (Open::Plain(file) | Open::Sealed(file, _)) = opened(&mut self.open, number, open)?;
        Ok(self.decoder.decode(file, place, out))
    }
}

/// The file of a number, which `open` opens where it is not open yet.
fn opened(
    files: &mut HashMap<u32, Open>,
    number: u32,
    open: impl Fn() -> io::Result<Open>,
) -> io::Result<&mut Open> {
    let file = match files.remove(&number) {
        Some(file) => file,
        None => {
            if files.len() >= OPEN_FILES_MAX {
                files.clear();
            }
            match open() {
                Err(error) if are_too_many(&error) && !files.is_empty() => {
                    files.clear();
                    open()?
                }
                opened => opened?,
            }
        }
    };
    Ok(files.entry(number).or_insert(file))
}

fn open_day_file(source: &Source) -> io::Result<Open> {
    let path = source.path();
    if source.file().is_some_and(|file| file.form == Form::Sealed) {
        let (file, places) = sealed::Reader::open(&path)?.into_places()?;
        return Ok(Open::Sealed(file, places));
    }
    Ok(Open::Plain(open_plain(&path)?.0))
}

/// Where the bytes of a day file may be by now, at the same places: in its sealed form, or, where that
/// was there already and holds something else, under the name of another part, in either form.
fn moved_to(source: &Source) -> Vec<Source> {
    let is_same = |one: StoredFile, other: StoredFile| {
        let key = |file: StoredFile| (file.day.signal, file.day.date, file.day.slot);
        key(one) == key(other) && one != other && other.form != Form::Gzip
    };
    let Some(file) = source.file().filter(|file| file.form == Form::Plain) else {
        return Vec::new();
    };
    // A directory that is gone as well holds nothing any more.
    let listed = StoredFile::list(&source.dir).unwrap_or_default();
    let mut files: Vec<_> = listed.into_iter().filter(|other| is_same(file, *other)).collect();
    // A part that somebody makes of it is the last one.
    files.sort_by_key(|other| (other.day != file.day, Reverse(other.day.part)));
    files.into_iter().map(|file| Source::day(source.dir.clone(), file)).collect()
}

impl Open {
    /// Replaces what is in `out` by a stretch, or by as much of it as there is.
    fn read(
        &mut self,
        decoder: &mut Decoder,
        Stretch { start, end, crc }: Stretch,
        out: &mut Vec<u8>,
    ) -> Result<(), (u64, io::Error)> {
        out.clear();
        let read = match self {
            Self::Plain(file) => file
                .seek(SeekFrom::Start(start))
                .and_then(|_| file.take(end.saturating_sub(start)).read_to_end(out).map(drop)),
            Self::Sealed(file, places) => from_frames(decoder, file, places, (start, end), out),
        };
        let at = start + out.len() as u64;
        read.map_err(|error| (at, error))?;
        if at < end {
            return Err((at, io::Error::new(io::ErrorKind::UnexpectedEof, CUT)));
        }
        if crc32c::crc32c(out) != crc {
            return Err((start, io::Error::new(io::ErrorKind::InvalidData, CHANGED)));
        }
        Ok(())
    }
}

fn from_frames(
    decoder: &mut Decoder,
    file: &File,
    places: &[Place],
    (start, end): (u64, u64),
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let first = places.partition_point(|place| place.raw_offset.saturating_add(place.raw) <= start);
    let mut lines = Vec::new();
    let mut at = start;
    for place in places[first..].iter().take_while(|place| place.raw_offset < end) {
        // A frame that cannot be read leaves a gap.
        let Some(from) = at.checked_sub(place.raw_offset) else { break };
        decoder.decode(file, place, &mut lines).map_err(|reason| {
            let what = format!("frame {} {reason}", place.number);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let until = (end - place.raw_offset).min(lines.len() as u64);
        out.extend_from_slice(&lines[from.min(until) as usize..until as usize]);
        at = place.raw_offset + until;
    }
    Ok(())
}

const CUT: &str = "it was cut off while it was read";
const CHANGED: &str = "it was changed while it was read";
/// Of one thread that reads, of which there are a few. A month of many processes is thousands of files,
/// a process may have 256 or 1,024 open, and opening one costs little beside reading a stretch of it.
const OPEN_FILES_MAX: usize = 8;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn where_too_many_files_are_open_the_others_are_closed() {
        let too_many = || io::Error::from(rustix::io::Errno::MFILE);
        let some = || tempfile::tempfile().map(Open::Plain);
        let mut files = HashMap::new();
        for number in 0..5 {
            let _ = opened(&mut files, number, some).unwrap();
        }
        let asked = std::cell::Cell::new(0);
        let open = || {
            asked.set(asked.get() + 1);
            if asked.get() == 1 { Err(too_many()) } else { some() }
        };
        let _ = opened(&mut files, 5, open).unwrap();
        assert_eq!((asked.get(), files.keys().collect::<Vec<_>>()), (2, vec![&5]));
        // Where there is nothing to close, and for other errors, it is said at once.
        files.clear();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        for error in [&too_many as &dyn Fn() -> io::Error, &denied] {
            asked.set(0);
            let refused = opened(&mut files, 6, || {
                asked.set(asked.get() + 1);
                Err(error())
            });
            assert_eq!(refused.map(drop).unwrap_err().kind(), error().kind());
            assert_eq!(asked.get(), 1);
            // There is another one now.
            let _ = opened(&mut files, 7, some).unwrap();
        }
        for number in 0..100 {
            let _ = opened(&mut files, number, some).unwrap();
            assert!(files.len() <= OPEN_FILES_MAX);
        }
    }
}
