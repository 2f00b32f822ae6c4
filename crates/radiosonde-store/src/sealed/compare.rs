//! Whether a sealed file is that of a source.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use zstd::stream::raw::{DParameter, Decoder, Operation};

use crate::foreign;
use crate::names::Form;
use crate::reader::{Chunk, open_plain};
use crate::sealed::entries::Frame;
use crate::sealed::index::{Index, Unusable};
use crate::sealed::look::clamp;
use crate::sealed::pace::Pace;
use crate::sealed::reader::Reader;
use crate::sealed::shape::is_in_frames;

/// Whether `sealed` holds the bytes of `source`, all of them and nothing else, in a form that is
/// whole: compares them byte by byte, with some 3 MiB of memory, or twice the longest line up to
/// 32 MiB where that is more. For whoever finds both after a kill; where it says `true`, the source
/// can go. `go_on` is asked for each MiB of either at least; when it says `false`, comparing ends.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] when `go_on` said `false`;
/// [`io::ErrorKind::InvalidInput`] where one of them is no plain file. A damaged sealed file is no
/// error but no copy.
pub fn is_sealed_copy(
    source: &Path,
    sealed: &Path,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<bool> {
    let (source, length) = open_plain(source)?;
    let (sealed, _) = open_plain(sealed)?;
    is_copy(&source, length, &sealed, &mut Pace::new(go_on))
}

/// The same of open files. Asks before each frame, and in long ones.
pub(super) fn is_copy(
    source: &File,
    length: u64,
    sealed: &File,
    pace: &mut Pace<'_>,
) -> io::Result<bool> {
    let index = match Index::read(sealed, sealed.metadata()?.len()) {
        Ok(index) => index,
        Err(Unusable::Damaged(_)) => return Ok(false),
        Err(Unusable::Io(error)) => return Err(error),
    };
    if index.totals.raw != length || !index.is_whole(sealed, pace)? {
        return Ok(false);
    }
    let mut seekable = source;
    let _ = seekable.seek(SeekFrom::Start(0))?;
    let mut pieces = Pieces::new(source, sealed)?;
    for frame in &index.frames {
        pace.ask()?;
        if !pieces.same(frame, pace)? {
            return Ok(false);
        }
    }
    Ok(pieces.crc == index.totals.crc && source.metadata()?.len() == length)
}

/// Compares frames with a source, piece by piece, however long they are.
struct Pieces<'a> {
    source: &'a File,
    sealed: &'a File,
    zstd: Decoder<'static>,
    compressed: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    /// CRC-32C of the source so far.
    crc: u32,
}

impl<'a> Pieces<'a> {
    fn new(source: &'a File, sealed: &'a File) -> io::Result<Self> {
        let piece = || vec![0; PIECE_BYTES];
        let (compressed, ours, theirs) = (piece(), piece(), piece());
        Ok(Self { source, sealed, zstd: Decoder::new()?, compressed, ours, theirs, crc: 0 })
    }

    /// Compares one frame with the source from where that stands.
    fn same(&mut self, frame: &Frame, pace: &mut Pace<'_>) -> io::Result<bool> {
        let mut seekable = self.sealed;
        let _ = seekable.seek(SeekFrom::Start(frame.offset))?;
        self.zstd.reinit()?;
        self.zstd.set_parameter(DParameter::WindowLogMax(window_log(frame.raw)))?;
        let (mut left, mut raw_left, mut crc) = (frame.compressed, frame.raw, 0);
        let mut is_ended = false;
        while left > 0 {
            let length = clamp(left, PIECE_BYTES);
            if !read(self.sealed, &mut self.compressed[..length])? {
                return Ok(false);
            }
            crc = crc32c::crc32c_append(crc, &self.compressed[..length]);
            left -= length as u64;
            let mut from = 0;
            let mut is_full = false;
            while !is_ended && (from < length || is_full) {
                let piece = &self.compressed[from..length];
                let Ok(status) = self.zstd.run_on_buffers(piece, &mut self.ours) else {
                    // Not what zstd makes, or with a window that no frame of ours needs.
                    return Ok(false);
                };
                from += status.bytes_read;
                is_full = status.bytes_written == self.ours.len();
                is_ended = status.remaining == 0;
                if status.bytes_read + status.bytes_written == 0 {
                    break;
                }
                let written = status.bytes_written as u64;
                if raw_left < written || !self.is_next(status.bytes_written)? {
                    return Ok(false);
                }
                raw_left -= written;
                pace.walked(written.max(status.bytes_read as u64))?;
            }
            if from < length {
                // Something behind the frame, which would not belong there.
                return Ok(false);
            }
        }
        Ok(is_ended && raw_left == 0 && crc == frame.crc)
    }

    /// Whether so many bytes that were taken apart come next in the source.
    fn is_next(&mut self, length: usize) -> io::Result<bool> {
        let theirs = &mut self.theirs[..length];
        let same = read(self.source, theirs)? && *theirs == self.ours[..length];
        self.crc = crc32c::crc32c_append(self.crc, theirs);
        Ok(same)
    }
}

/// Fills the buffer; `false` when the file ends before.
fn read(mut file: &File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The longest window a frame of ours has, as a power of two: that of its lines, or that of a line
/// nobody can read, which sealing bounds. Whatever a frame says, no more is allocated for it.
fn window_log(raw: u64) -> u32 {
    raw.next_power_of_two().trailing_zeros().clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX)
}

/// Whether a reader that finds both needs the day file alone, since the sealed file holds nothing
/// else: all of it, or its beginning, where it went on. Quick where the index is usable: the checksum
/// is compared. Otherwise what they hold is, and one that is damaged holds something else.
pub(crate) fn stands_for(plain: &Path, sealed: &Path) -> io::Result<bool> {
    let mut beside = Beside::open(plain, sealed)?;
    loop {
        if let Some(is_same) = beside.go_on(&mut { u64::MAX })? {
            return Ok(is_same);
        }
    }
}

/// The same of what is compared piece by piece.
#[derive(Debug)]
pub(crate) struct Beside {
    plain: File,
    left: Left,
}

/// What there is to be compared.
#[derive(Debug)]
enum Left {
    /// So many bytes of the day file, which bring its checksum from one to the other.
    Sum {
        bytes: u64,
        crc: u32,
        whole: u32,
    },
    /// A sealed file without a usable index.
    Frames(Box<Frames>),
    /// What some other program compressed.
    OfOthers(Box<foreign::Same>),
    Known(bool),
}

impl Beside {
    /// # Errors
    /// What the system says.
    pub(crate) fn open(plain: &Path, sealed: &Path) -> io::Result<Self> {
        let (opened, length) = open_plain(plain)?;
        let (file, sealed_length) = open_plain(sealed)?;
        let left = match Index::read(&file, sealed_length) {
            Ok(index) if index.totals.raw > length => Left::Known(false),
            Ok(index) => Left::Sum { bytes: index.totals.raw, crc: 0, whole: index.totals.crc },
            Err(Unusable::Damaged(_)) if is_in_frames(sealed)? => {
                Left::Frames(Box::new(Frames::open(sealed)?))
            }
            Err(Unusable::Damaged(_)) => {
                let same = foreign::Same::open(plain, Form::Plain, sealed)?;
                Left::OfOthers(Box::new(same))
            }
            Err(Unusable::Io(error)) => return Err(error),
        };
        Ok(Self { plain: opened, left })
    }

    /// Compares so many bytes, or a frame more, and takes them off. `None` where it is not known after
    /// that.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn go_on(&mut self, room: &mut u64) -> io::Result<Option<bool>> {
        match &mut self.left {
            Left::Known(is_same) => return Ok(Some(*is_same)),
            Left::Sum { bytes, crc, whole } => {
                let wanted = (*bytes).min(*room);
                let mut summed = Summed { inner: (&self.plain).take(wanted), crc: *crc };
                let read = io::copy(&mut summed, &mut io::sink())?;
                (*bytes, *crc) = (*bytes - read, summed.crc);
                *room -= read;
                if *bytes == 0 || read < wanted {
                    return Ok(Some(*bytes == 0 && crc == whole));
                }
            }
            Left::Frames(frames) => {
                while *room > 0 {
                    if let Some(is_same) = frames.go_on(&self.plain, room)? {
                        return Ok(Some(is_same));
                    }
                }
            }
            Left::OfOthers(same) => return same.go_on(room),
        }
        Ok(None)
    }
}

/// A sealed file that is compared frame by frame.
#[derive(Debug)]
struct Frames {
    reader: Reader,
    /// Whether something that cannot be read stands before what comes next.
    is_torn: bool,
    is_compared: bool,
    ours: Vec<u8>,
}

impl Frames {
    fn open(sealed: &Path) -> io::Result<Self> {
        let reader = Reader::open(sealed)?;
        Ok(Self { reader, is_torn: false, is_compared: false, ours: Vec::new() })
    }

    /// Compares what comes next with the day file from where that stands; behind what cannot be read,
    /// from where its first line stands in it. What is not there may be in no other file: better a line
    /// twice than none.
    fn go_on(&mut self, mut plain: &File, room: &mut u64) -> io::Result<Option<bool>> {
        let Self { reader, is_torn, is_compared, ours } = self;
        let theirs = match reader.next_chunk()? {
            Some(Chunk::HalfLine { bytes, .. } | Chunk::Lines { bytes, .. }) => bytes,
            Some(Chunk::Damaged(damage)) if !damage.lines_lost => return Ok(None),
            Some(Chunk::Damaged(_) | Chunk::Overlong { .. }) => {
                *is_torn = true;
                return Ok(None);
            }
            // Nobody knows what stood there at the end.
            None => return Ok(Some(*is_compared && !*is_torn)),
        };
        *room = room.saturating_sub(theirs.len() as u64);
        if std::mem::take(is_torn) && !find(plain, theirs)? {
            return Ok(Some(false));
        }
        ours.clear();
        let _ = plain.by_ref().take(theirs.len() as u64).read_to_end(ours)?;
        *is_compared = true;
        Ok((ours != theirs).then_some(false))
    }
}

/// Sets a day file to where the first of these lines stands, from where it was on; `false` where it
/// does not stand in the next bytes.
fn find(mut plain: &File, lines: &[u8]) -> io::Result<bool> {
    let first = memchr::memchr(b'\n', lines).map_or(lines, |end| &lines[..=end]);
    let start = plain.stream_position()?;
    let mut ahead = Vec::new();
    let _ = plain.take(TORN_BYTES_MAX).read_to_end(&mut ahead)?;
    let found =
        memchr::memmem::find_iter(&ahead, first).find(|at| *at == 0 || ahead[at - 1] == b'\n');
    let at = found.map(|at| start + at as u64);
    let _ = plain.seek(SeekFrom::Start(at.unwrap_or(start)))?;
    Ok(at.is_some())
}

/// So far ahead it is looked for what stands behind something that cannot be read: some frames, or a line
/// that is too long.
const TORN_BYTES_MAX: u64 = 32 << 20;

/// How many bytes a sealed file holds, as its index says. `None` where that cannot be used.
///
/// # Errors
/// What the system says.
pub(crate) fn raw_length(sealed: &Path) -> io::Result<Option<u64>> {
    let (file, length) = open_plain(sealed)?;
    match Index::open(&file, length) {
        Ok(index) => Ok(Some(index.totals.raw)),
        Err(Unusable::Damaged(_)) => Ok(None),
        Err(Unusable::Io(error)) => Err(error),
    }
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
/// The least zstd knows.
const WINDOW_LOG_MIN: u32 = 10;
/// 32 MiB. The longest line with its break is a byte longer than half of it, and a frame of its own.
const WINDOW_LOG_MAX: u32 = 25;
