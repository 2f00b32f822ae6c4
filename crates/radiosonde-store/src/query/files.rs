//! Reading stretches of files again, and frames, by where they stand.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::names::Form;
use crate::query::source::Source;
use crate::reader::{are_too_many, open_plain};
use crate::sealed::{self, Decoder, Place};

/// Files that are open, by their number.
#[derive(Default)]
pub(super) struct Files {
    open: HashMap<u32, Open>,
    decoder: Decoder,
}

enum Open {
    Plain(File),
    /// A day file that was sealed meanwhile, by its frames.
    Sealed(File, Vec<Place>),
}

impl Files {
    /// Replaces what is in `out` by the bytes of a day file from one place to another; fewer, where it
    /// ends before.
    pub(super) fn stretch(
        &mut self,
        number: u32,
        source: &Source,
        (start, end): (u64, u64),
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.clear();
        let decoder = &mut self.decoder;
        match opened(&mut self.open, number, || open_day_file(source))? {
            Open::Plain(file) => {
                let _ = file.seek(SeekFrom::Start(start))?;
                file.take(end.saturating_sub(start)).read_to_end(out).map(drop)
            }
            Open::Sealed(file, places) => from_frames(decoder, file, places, (start, end), out),
        }
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

/// Opens a day file, or, where it was sealed meanwhile, its sealed form, which has the same bytes at
/// the same places.
fn open_day_file(source: &Source) -> io::Result<Open> {
    let gone = match open_plain(&source.path()) {
        Ok((file, _)) => return Ok(Open::Plain(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        Err(error) => return Err(error),
    };
    let is_day_file = source.file().is_some_and(|file| file.form == Form::Plain);
    let sealed = source.in_form(Form::Sealed).filter(|_| is_day_file).map(|sealed| sealed.path());
    let Some(sealed) = sealed.filter(|sealed| sealed.exists()) else { return Err(gone) };
    let (file, places) = sealed::Reader::open(&sealed)?.into_places()?;
    Ok(Open::Sealed(file, places))
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
