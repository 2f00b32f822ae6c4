//! Whether a sealed file is that of a source.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::reader::{Chunk, open_plain};
use crate::sealed::index::{Frame, Index, Unusable};
use crate::sealed::reader::Reader;
use crate::sealed::seal::go_on;

/// Whether `sealed` holds the bytes of `source`, all of them and nothing else, in a form that is
/// whole: compares them byte by byte, with some 3 MiB of memory. For whoever finds both after a kill;
/// where it says `true`, the source can go.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::InvalidInput`] where one of them is no plain file. A
/// damaged sealed file is no error but no copy.
pub fn is_sealed_copy(source: &Path, sealed: &Path) -> io::Result<bool> {
    let (source, length) = open_plain(source)?;
    let (sealed, _) = open_plain(sealed)?;
    is_copy(&source, length, &sealed, &mut || true)
}

/// The same of open files, with something to ask between frames.
pub(super) fn is_copy(
    source: &File,
    length: u64,
    sealed: &File,
    between: &mut dyn FnMut() -> bool,
) -> io::Result<bool> {
    let mut index = match Index::read(sealed, sealed.metadata()?.len()) {
        Ok(index) => index,
        Err(Unusable::Damaged(_)) => return Ok(false),
        Err(Unusable::Io(error)) => return Err(error),
    };
    if index.totals.raw != length || !index.is_whole(sealed)? {
        return Ok(false);
    }
    let mut crc = 0;
    let mut seekable = source;
    let _ = seekable.seek(SeekFrom::Start(0))?;
    for frame in &index.frames {
        go_on(between)?;
        if !same_frame(frame, sealed, source, &mut crc, between)? {
            return Ok(false);
        }
    }
    Ok(crc == index.totals.crc && source.metadata()?.len() == length)
}

/// Compares one frame with the source from where that stands.
fn same_frame(
    frame: &Frame,
    sealed: &File,
    mut source: &File,
    crc: &mut u32,
    between: &mut dyn FnMut() -> bool,
) -> io::Result<bool> {
    let mut seekable = sealed;
    let _ = seekable.seek(SeekFrom::Start(frame.offset))?;
    let mut compressed = Summed { inner: sealed.take(frame.compressed), crc: 0 };
    let mut decoder = zstd::stream::read::Decoder::new(&mut compressed)?.single_frame();
    let (mut ours, mut theirs) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut left = frame.raw;
    loop {
        let read = match decoder.read(&mut ours) {
            Ok(read) => read,
            // Not what zstd makes, or cut short.
            Err(_) => return Ok(false),
        };
        if read == 0 {
            break;
        }
        let theirs = &mut theirs[..read];
        match source.read_exact(theirs) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        if left < read as u64 || ours[..read] != *theirs {
            return Ok(false);
        }
        left -= read as u64;
        *crc = crc32c::crc32c_append(*crc, theirs);
        if frame.raw > LONG_BYTES {
            go_on(between)?;
        }
    }
    drop(decoder);
    // The decoder may have left something unread, which would not belong there.
    let _ = io::copy(&mut compressed, &mut io::sink())?;
    Ok(left == 0 && compressed.crc == frame.crc && compressed.inner.limit() == 0)
}

/// Whether a reader that finds both needs the day file alone, since the sealed file holds nothing
/// else. Quick where the index is usable: the length and the checksum are compared. Otherwise the
/// frames are, up to the first that is damaged.
pub(crate) fn stands_for(plain: &Path, sealed: &Path) -> io::Result<bool> {
    let (plain, length) = open_plain(plain)?;
    let (file, sealed_length) = open_plain(sealed)?;
    match Index::read(&file, sealed_length) {
        Ok(index) => {
            Ok(index.totals.raw == length && checksum(&plain, length)? == index.totals.crc)
        }
        Err(Unusable::Damaged(_)) => begins_alike(&plain, sealed),
        Err(Unusable::Io(error)) => Err(error),
    }
}

fn checksum(file: &File, length: u64) -> io::Result<u32> {
    let mut summed = Summed { inner: file.take(length), crc: 0 };
    let _ = io::copy(&mut summed, &mut io::sink())?;
    Ok(summed.crc)
}

/// Compares a sealed file without a usable index up to where it is damaged.
fn begins_alike(mut plain: &File, sealed: &Path) -> io::Result<bool> {
    let mut reader = Reader::open(sealed)?;
    let mut theirs = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        match chunk {
            Chunk::HalfLine { bytes, .. } | Chunk::Lines { bytes, .. } => {
                theirs.clear();
                let _ = plain.take(bytes.len() as u64).read_to_end(&mut theirs)?;
                if theirs != bytes {
                    return Ok(false);
                }
            }
            Chunk::Damaged(damage) if !damage.lines_lost => {}
            Chunk::Damaged(_) | Chunk::Overlong { .. } => return Ok(true),
        }
    }
    Ok(plain.read(&mut [0])? == 0)
}

/// Sums up what is read.
struct Summed<R> {
    inner: R,
    crc: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc = crc32c::crc32c_append(self.crc, &buffer[..read]);
        Ok(read)
    }
}

const PIECE_BYTES: usize = 128 << 10;
/// Frames this long are asked about in between.
const LONG_BYTES: u64 = 4 << 20;
