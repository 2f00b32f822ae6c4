//! Making sealed files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::overlong::Overlong;
use crate::reader::{LINE_BYTES_MAX, open_plain};
use crate::sealed::FRAME_BYTES;
use crate::sealed::builder::{Builder, Written};
use crate::sealed::compare;
use crate::sealed::pace::Pace;
use crate::sealed::scan::{Facts, Others};
use crate::sealed::target::{Temporary, forget_pages, free_bytes, sync_directory};

/// The level day files are compressed at: higher ones take many times the processor time and save
/// a tenth.
pub const LEVEL_DEFAULT: i32 = 3;

/// How to seal.
///
/// ```
/// # use radiosonde_store::sealed::SealOptions;
/// let options = SealOptions::default().level(6).keep_free(64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealOptions {
    /// zstd's level. Default: [`LEVEL_DEFAULT`].
    pub level: i32,
    /// Bytes that must stay free on the file system. Default: 0, anything may be used.
    pub keep_free: u64,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self { level: LEVEL_DEFAULT, keep_free: 0 }
    }
}

impl SealOptions {
    /// Sets zstd's level.
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = level;
        self
    }

    /// Sets how many bytes must stay free on the file system. Looked at before each frame, so that
    /// one frame less may be left. Without effect where the system does not tell (not on Unix).
    #[must_use]
    pub fn keep_free(mut self, bytes: u64) -> Self {
        self.keep_free = bytes;
        self
    }
}

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seal {
    /// Length of the source, in bytes.
    pub raw_bytes: u64,
    /// Length of the sealed file with its index, in bytes.
    pub sealed_bytes: u64,
    /// Lines, a last one without its break included.
    pub lines: u64,
    /// Frames.
    pub frames: u64,
}

/// Writes the sealed form of `source` to `target`, which must not exist. The source stays; removing
/// it is the caller's.
///
/// The file is written as `<target>.tmp` in the same directory (one that a killed process left is
/// replaced), brought to the disk, read back and compared with the source byte for byte, and only
/// then renamed; the directory is brought to the disk as well. Two sealings of one file at a time are
/// not kept apart here: whoever owns the source sees to that.
///
/// Takes about 8 MiB of memory and 0.2 % of the source for the index, or twice the longest line
/// where that is more. `go_on` is asked before each frame, about 3 ms of work, when writing and when
/// comparing; when it says `false`, sealing ends.
///
/// # Errors
/// What the system says, and, each with nothing left behind:
/// - [`io::ErrorKind::Interrupted`] when `go_on` said `false`;
/// - [`io::ErrorKind::StorageFull`] when less than [`SealOptions::keep_free`] is left meanwhile;
/// - [`io::ErrorKind::AlreadyExists`] when there is a target: see [`is_sealed_copy`](super::is_sealed_copy);
/// - [`io::ErrorKind::InvalidInput`] for a source that is no plain file, or over 1 TiB;
/// - [`io::ErrorKind::InvalidData`] when the source changed meanwhile, or what was written does not
///   read back the same.
///
/// When only the last step fails, bringing the directory to the disk, the target is there.
pub fn seal(
    source: &Path,
    target: &Path,
    options: &SealOptions,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Seal> {
    let manner = Manner::of(options);
    // Beyond the last frame nothing takes long enough to be asked about.
    seal_in(source, target, &manner, &mut |step| step != Step::Stretch || go_on())
}

/// How to seal, with what only tests want otherwise.
pub(crate) struct Manner<'a> {
    pub(crate) options: &'a SealOptions,
    /// Bytes of whole lines in a frame.
    pub(crate) frame_bytes: usize,
    /// Tells how many bytes are free where a file is.
    pub(crate) free: &'a dyn Fn(&File) -> io::Result<u64>,
}

impl<'a> Manner<'a> {
    pub(crate) fn of(options: &'a SealOptions) -> Self {
        Self { options, frame_bytes: FRAME_BYTES, free: &free_bytes }
    }

    fn check_room(&self, file: &File) -> io::Result<()> {
        let keep = self.options.keep_free;
        if keep == 0 || (self.free)(file)? >= keep {
            return Ok(());
        }
        let what =
            format!("sealing would leave less than {keep} bytes free: make room, or keep less");
        Err(io::Error::new(io::ErrorKind::StorageFull, what))
    }
}

/// What sealing does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame, or part of one: written, or compared.
    Stretch,
    /// Everything is written, and goes to the disk.
    Sync,
    /// Everything was compared, and gets its name.
    Rename,
    /// It has its name, and the directory goes to the disk.
    SyncDirectory,
}

/// Asks before each step.
pub(crate) fn seal_in(
    source: &Path,
    target: &Path,
    manner: &Manner<'_>,
    go_on: &mut dyn FnMut(Step) -> bool,
) -> io::Result<Seal> {
    let (mut input, length) = open_plain(source)?;
    match target.symlink_metadata() {
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} is there already", target.display()),
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut temporary = Temporary::create(target)?;
    let frame_bytes = manner.frame_bytes;
    let lines = Lines { input: &mut input, length, frame_bytes, position: 0, buffer: Vec::new() };
    let mut each_stretch = || go_on(Step::Stretch);
    let sealed = write(lines, &mut temporary.file, manner, &mut Pace::new(&mut each_stretch))?;
    unchanged(&input, length)?;
    ask(go_on, Step::Sync)?;
    temporary.file.sync_all()?;
    forget_pages(&temporary.file);
    let (written, _) = open_plain(&temporary.path)?;
    let mut each_stretch = || go_on(Step::Stretch);
    if !compare::is_copy(&input, length, &written, &mut Pace::new(&mut each_stretch))? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "what was written does not read back as the source: it changed, or the disk fails",
        ));
    }
    unchanged(&input, length)?;
    ask(go_on, Step::Rename)?;
    fs::rename(&temporary.path, target)?;
    temporary.renamed = true;
    ask(go_on, Step::SyncDirectory)?;
    sync_directory(target)?;
    Ok(sealed)
}

fn ask(go_on: &mut dyn FnMut(Step) -> bool, step: Step) -> io::Result<()> {
    Pace::new(&mut || go_on(step)).ask()
}

fn unchanged(input: &File, length: u64) -> io::Result<()> {
    if input.metadata()?.len() == length {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "changed while it was sealed"))
    }
}

fn write(
    mut lines: Lines<'_>,
    output: &mut File,
    manner: &Manner<'_>,
    pace: &mut Pace<'_>,
) -> io::Result<Seal> {
    let length = lines.length;
    let mut frames = FrameWriter::new(output, manner)?;
    loop {
        pace.ask()?;
        manner.check_room(frames.output)?;
        match lines.next(pace)? {
            None => break,
            Some(Stretch::Lines(bytes)) => frames.lines(bytes)?,
            Some(Stretch::Overlong(bytes)) => frames.overlong(&mut *lines.input, bytes, pace)?,
        }
    }
    let totals = frames.index.totals().clone();
    if totals.raw != length {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "became shorter while it was sealed",
        ));
    }
    let sealed_bytes = frames.finish()?;
    Ok(Seal { raw_bytes: totals.raw, sealed_bytes, lines: totals.lines, frames: totals.frames })
}

/// Takes a source apart into what becomes frames.
struct Lines<'a> {
    input: &'a mut File,
    /// As long as the source was in the beginning; what comes behind is left alone.
    length: u64,
    /// Bytes of whole lines that go together.
    frame_bytes: usize,
    /// Where the next stretch begins.
    position: u64,
    buffer: Vec<u8>,
}

enum Stretch<'a> {
    /// Whole lines, or the end of the source.
    Lines(&'a [u8]),
    /// One line of so many bytes, too long to be read by anyone. The source stands at its beginning.
    Overlong(u64),
}

impl Lines<'_> {
    fn next(&mut self, pace: &mut Pace<'_>) -> io::Result<Option<Stretch<'_>>> {
        self.read(self.frame_bytes)?;
        let mut end = memchr::memrchr(b'\n', &self.buffer).map(|at| at + 1);
        if self.at_end(self.buffer.len()) {
            end = Some(self.buffer.len());
        }
        if end == Some(0) {
            return Ok(None);
        }
        if end.is_none() {
            let line = self.line_length(pace)?;
            if line > LINE_BYTES_MAX as u64 + 1 {
                let _ = self.input.seek(SeekFrom::Start(self.position))?;
                self.position += line;
                return Ok(Some(Stretch::Overlong(line)));
            }
            self.read(line as usize)?;
            end = Some(self.buffer.len());
        }
        let end = end.unwrap_or_default();
        self.position += end as u64;
        Ok(Some(Stretch::Lines(&self.buffer[..end])))
    }

    fn at_end(&self, length: usize) -> bool {
        self.position + length as u64 >= self.length
    }

    /// Reads so many bytes from the position, or as many as there are.
    fn read(&mut self, bytes: usize) -> io::Result<()> {
        self.buffer.clear();
        if self.buffer.capacity() > FRAME_BYTES {
            // A line that was long is no reason to keep the room.
            self.buffer.shrink_to(FRAME_BYTES);
        }
        self.buffer.reserve_exact(bytes);
        let _ = self.input.seek(SeekFrom::Start(self.position))?;
        let left = (bytes as u64).min(self.length - self.position);
        let read = (&mut *self.input).take(left).read_to_end(&mut self.buffer)?;
        if (read as u64) < left {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "became shorter while it was sealed",
            ));
        }
        Ok(())
    }

    /// The length of the line at the position, whose first bytes are in the buffer; of too many NULs in
    /// front of one, theirs.
    fn line_length(&mut self, pace: &mut Pace<'_>) -> io::Result<u64> {
        let mut line = Overlong::new(self.position);
        let mut found = line.pass(&self.buffer).0 as u64;
        let left = self.length - self.position - found;
        let mut rest = (&mut *self.input).take(left);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = rest.read(&mut piece)?;
            pace.walked(read as u64)?;
            let (passed, is_end) = line.pass(&piece[..read]);
            found += passed as u64;
            if is_end || read == 0 {
                return Ok(found);
            }
        }
    }
}

/// Writes frames and remembers them for the index.
struct FrameWriter<'a> {
    output: &'a mut File,
    offset: u64,
    manner: &'a Manner<'a>,
    zstd: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
    index: Builder,
}

impl<'a> FrameWriter<'a> {
    fn new(output: &'a mut File, manner: &'a Manner<'a>) -> io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(manner.options.level)?;
        zstd.include_checksum(true)?;
        zstd.include_contentsize(true)?;
        Ok(Self { output, offset: 0, manner, zstd, compressed: Vec::new(), index: Builder::new() })
    }

    fn lines(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.compressed.clear();
        let room = zstd::zstd_safe::compress_bound(bytes.len());
        if bytes.len() <= FRAME_BYTES {
            self.compressed.shrink_to(zstd::zstd_safe::compress_bound(FRAME_BYTES));
        }
        self.compressed.reserve_exact(room);
        let _ = self.zstd.compress_to_buffer(bytes, &mut self.compressed)?;
        self.output.write_all(&self.compressed)?;
        self.index.raw(bytes);
        let compressed = self.compressed.len() as u64;
        let crc = crc32c::crc32c(&self.compressed);
        let facts = Facts::of(bytes, &mut self.index.values);
        self.remember(compressed, crc, bytes.len() as u64, facts)
    }

    /// A line nobody will read: it goes through in pieces and has neither time nor ids.
    fn overlong(&mut self, input: &mut File, length: u64, pace: &mut Pace<'_>) -> io::Result<()> {
        let counted = Counted { inner: &mut *self.output, bytes: 0, crc: 0 };
        let level = self.manner.options.level;
        let mut encoder = zstd::stream::write::Encoder::new(counted, level)?;
        encoder.include_checksum(true)?;
        encoder.include_contentsize(true)?;
        encoder.set_pledged_src_size(Some(length))?;
        if level > LEVEL_OF_WINDOW {
            encoder.window_log(WINDOW_LOG)?;
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = length;
        while left > 0 {
            pace.ask()?;
            self.manner.check_room(encoder.get_ref().inner)?;
            let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            input.read_exact(&mut piece[..size])?;
            encoder.write_all(&piece[..size])?;
            self.index.raw(&piece[..size]);
            left -= size as u64;
        }
        let Counted { bytes, crc, .. } = encoder.finish()?;
        let others = Others { no_lines: 1, told: 1 };
        self.remember(bytes, crc, length, Facts { lines: 1, others, ..Facts::default() })
    }

    fn remember(&mut self, compressed: u64, crc: u32, raw: u64, facts: Facts) -> io::Result<()> {
        let written = Written { offset: self.offset, compressed, crc, raw };
        self.offset += compressed;
        self.index.frame(&written, facts)
    }

    /// Writes the index and tells how long the file is.
    fn finish(self) -> io::Result<u64> {
        let mut output = BufWriter::new(self.output);
        let index = self.index.write(&mut output)?;
        output.flush()?;
        Ok(self.offset + index)
    }
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: u64,
    crc: u32,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

const PIECE_BYTES: usize = 128 << 10;
/// Up to this level zstd takes a window of 8 MiB at most for a line that goes through in pieces, and
/// above it no longer one: whoever takes it apart needs as much.
const LEVEL_OF_WINDOW: i32 = 19;
const WINDOW_LOG: u32 = 23;
