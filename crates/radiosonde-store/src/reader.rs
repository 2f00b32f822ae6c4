//! A bounded reader of one live day file. Sealed ones have their own, `sealed::Reader`.
//!
//! Reads blocks of whole lines with `read()`; never maps the file, since a mapping of a file that
//! is cut while it is read kills the process. Memory: one block of 256 KiB, growing to
//! [`LINE_BYTES_MAX`] only where a line is that long. A longer line is passed over and told.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
#[cfg(feature = "sealed")]
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;

use crate::blocks::{BLOCK_BYTES, Blocks};

/// The longest line that is read, in bytes. Longer ones are skipped.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// As many of the first bytes as tell one file from another.
const HEAD_BYTES: usize = 256;

/// Reads a file from its start to the length it had when it was opened.
///
/// What a writer adds meanwhile is not read, so that reading a busy file ends.
#[derive(Debug)]
pub struct Reader(Blocks<Whole>);

/// A stretch of a file.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// Part of a sealed file cannot be read, or its index cannot be used. A live file has none.
    Damaged(Damage),
    /// The file ends without a line break, usually because a writer is at work. A reader that can
    /// make sense of the bytes may use them; one that cannot has found nothing wrong.
    HalfLine {
        /// Place in the file, in bytes.
        offset: u64,
        /// The bytes from there to the end.
        bytes: &'a [u8],
    },
    /// One or more whole lines, each with its line break.
    Lines {
        /// Place in the file, in bytes.
        offset: u64,
        /// The lines.
        bytes: &'a [u8],
    },
    /// A line longer than [`LINE_BYTES_MAX`], passed over. As many NULs in front of one, as a power cut
    /// may leave them, are passed over by themselves.
    Overlong {
        /// Place in the file, in bytes.
        offset: u64,
    },
}

/// Something wrong with a sealed file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What of the file it is.
    pub part: Part,
    /// Which frame, from 0; behind damage that hides where frames begin, as many as were told apart.
    /// `None` for the file as a whole and for its index.
    pub frame: Option<u64>,
    /// Where in the file, in (compressed) bytes.
    pub bytes: Range<u64>,
    /// What is wrong.
    pub reason: String,
    /// Whether lines may be missing because of it. A damaged index costs none.
    pub lines_lost: bool,
    /// How many lines of a frame were lost, where that is known.
    pub lines: Option<u64>,
    /// The times of the earliest and the latest of them, where the index tells.
    pub time: Option<(Timestamp, Timestamp)>,
}

#[cfg(feature = "sealed")]
impl Damage {
    /// Something wrong with a file as a whole that costs no line.
    pub(crate) fn of_file(reason: String) -> Self {
        let (part, frame, bytes, lines, time) = (Part::File, None, 0..0, None, None);
        Self { part, frame, bytes, reason, lines_lost: false, lines, time }
    }
}

/// A part of a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The file as a whole, as where its end may be missing.
    File,
    /// A frame, or a stretch where frames should be. [`Damage::frame`] says which.
    Frame,
    /// The index at the end. Lines are read without it, from frame to frame.
    Index,
}

impl Reader {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system says; besides, a symbolic link and everything that is not a plain file is
    /// refused (with [`io::ErrorKind::InvalidInput`]) and never waited for.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_up_to(path, u64::MAX)
    }

    /// The same, to this place of the file at most.
    pub(crate) fn open_up_to(path: &Path, end: u64) -> io::Result<Self> {
        let (file, len) = open_plain(path)?;
        Ok(Self(Blocks::new(Whole::new(file, len.min(end))?)))
    }

    /// The next stretch, `None` at the end.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] where somebody cut the file off while
    /// it was read. The reader is at its end then. So it is after 1 GiB without a line break, and where
    /// a file of several blocks begins in another way at its end than before: somebody has rewritten
    /// it. These are an [`io::ErrorKind::InvalidData`].
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        self.0.next_chunk()
    }

    /// The first bytes of the file.
    #[cfg(feature = "sealed")]
    pub(crate) fn head(&self) -> &[u8] {
        &self.0.inner().head
    }

    /// The file, and up to where it is read.
    #[cfg(feature = "sealed")]
    pub(crate) fn file(&self) -> (&File, u64) {
        let Whole { file, len, .. } = self.0.inner();
        (file.get_ref(), *len)
    }

    /// Goes on at the beginning of a line: somebody went through what is before, and nothing was read
    /// here yet.
    #[cfg(feature = "sealed")]
    pub(crate) fn go_on_at(&mut self, offset: u64) -> io::Result<()> {
        let Whole { file, len, .. } = self.0.begin_at(offset);
        file.set_limit(len.saturating_sub(offset));
        file.get_mut().seek(SeekFrom::Start(offset)).map(drop)
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.0.bytes_read()
    }
}

/// Whether more files are open than may be.
#[cfg(feature = "sealed")]
pub(crate) fn are_too_many(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }
    #[cfg(not(unix))]
    {
        // ERROR_TOO_MANY_OPEN_FILES.
        error.raw_os_error() == Some(4)
    }
}

/// A file up to the length it had when it was opened. That it ends before is an error, and so is that
/// it begins in another way at its end.
#[derive(Debug)]
pub(crate) struct Whole {
    file: io::Take<File>,
    len: u64,
    /// Its first bytes when it was opened. The time and the id of a first line are its own.
    head: Vec<u8>,
}

impl Whole {
    /// A file that stands at its beginning.
    pub(crate) fn new(file: File, len: u64) -> io::Result<Self> {
        let head = head_of(&file, len)?;
        Ok(Self { file: file.take(len), len, head })
    }

    /// An error where the file is another one by now. What is read at once is of one moment.
    fn check(&self) -> io::Result<()> {
        if self.len <= BLOCK_BYTES as u64 || head_of(self.file.get_ref(), self.len)? == self.head {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "was rewritten while it was read"))
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            if self.file.limit() > 0 {
                let what = format!("was cut off while it was read: it had {} bytes", self.len);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            self.check()?;
        }
        Ok(read)
    }
}

/// The first bytes of a file of so many. On Unix, where the file stands does not change; elsewhere it
/// stands at its beginning then.
fn head_of(file: &File, len: u64) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES.min(usize::try_from(len).unwrap_or(HEAD_BYTES))];
    let mut length = 0;
    while length < head.len() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut head[length..], length as u64);
        #[cfg(not(unix))]
        let read = {
            let mut file = file;
            let _ = io::Seek::seek(&mut file, io::SeekFrom::Start(length as u64))?;
            let read = file.read(&mut head[length..]);
            let _ = io::Seek::rewind(&mut file)?;
            read
        };
        match read {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(length);
    Ok(head)
}

/// Opens a plain file without following a symbolic link in its last component, and tells its length.
///
/// # Errors
/// See [`Reader::open`].
pub(crate) fn open_plain(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // NONBLOCK: opening a FIFO somebody left here would otherwise wait for a writer for ever.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    // The system's own word for a refused link ("too many levels") misleads, so the link is looked
    // for first; where it appears in between, the open above still refuses it. A pipe that is opened and
    // closed again has lost what somebody waited to write there.
    let found = path.symlink_metadata()?;
    if found.is_symlink() {
        return Err(refusal("is a symbolic link, which is not followed"));
    }
    check_plain(&found)?;
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    check_plain(&metadata)?;
    Ok((file, metadata.len()))
}

fn check_plain(metadata: &Metadata) -> io::Result<()> {
    match metadata {
        found if found.is_file() => Ok(()),
        found if found.is_dir() => Err(refusal("is a directory")),
        _ => Err(refusal("is not a plain file")),
    }
}

pub(crate) fn refusal(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// Everything a file holds, taken apart.
    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        lines: Vec<(u64, Vec<u8>)>,
        half: Option<(u64, Vec<u8>)>,
        overlong: Vec<u64>,
    }

    fn read(content: &[u8]) -> Seen {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, content).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let mut seen = Seen::default();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            match chunk {
                Chunk::Damaged(damage) => panic!("{damage:?}"),
                Chunk::HalfLine { offset, bytes } => seen.half = Some((offset, bytes.to_vec())),
                Chunk::Lines { mut offset, bytes } => {
                    assert_eq!(bytes.last(), Some(&b'\n'));
                    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                        seen.lines.push((offset, line.to_vec()));
                        offset += line.len() as u64;
                    }
                }
                Chunk::Overlong { offset } => seen.overlong.push(offset),
            }
        }
        assert_eq!(reader.bytes_read(), content.len() as u64);
        seen
    }

    #[test]
    fn a_half_line_is_told_from_whole_ones() {
        let seen = read(b"a\n\nbc");
        assert_eq!(seen.lines, [(0, b"a\n".to_vec()), (2, b"\n".to_vec())]);
        assert_eq!(seen.half, Some((3, b"bc".to_vec())));
        assert_eq!(read(b""), Seen::default());
    }

    #[test]
    fn a_line_of_ten_megabytes_is_read_and_one_of_seventeen_is_not() {
        let mut content = vec![b'x'; 10 << 20];
        content.push(b'\n');
        let second = content.len() as u64;
        content.extend(vec![b'y'; 17 << 20]);
        content.extend(b"\nlast\n");
        let seen = read(&content);
        assert_eq!(seen.overlong, [second]);
        assert_eq!(seen.lines.len(), 2);
        assert_eq!(seen.lines[0].1.len(), (10 << 20) + 1);
        assert_eq!(seen.lines[1], (second + (17 << 20) + 1, b"last\n".to_vec()));
    }

    #[test]
    fn a_line_is_too_long_from_one_byte_on() {
        for (length, overlong) in [(LINE_BYTES_MAX, vec![]), (LINE_BYTES_MAX + 1, vec![2])] {
            let mut content = b"a\n".to_vec();
            content.resize(2 + length, b'x');
            content.extend(b"\nlast\n");
            let seen = read(&content);
            assert_eq!(seen.overlong, overlong);
            assert_eq!(seen.lines.len(), 3 - overlong.len());
        }
    }

    #[test]
    fn an_overlong_half_line_is_overlong() {
        let seen = read(&vec![b'x'; LINE_BYTES_MAX + (2 << 20)]);
        assert_eq!(seen.overlong, [0]);
        assert_eq!(seen.half, None);
    }

    #[cfg(unix)]
    #[test]
    fn only_plain_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        fs::write(dir.path().join("target"), "secret\n").unwrap();
        std::os::unix::fs::symlink(dir.path().join("target"), &link).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(Reader::open(&socket).is_err());
        for (path, reason) in [(link.as_path(), "symbolic link"), (dir.path(), "directory")] {
            let error = Reader::open(path).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_added_while_reading_is_left_for_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "one\n").unwrap();
        let mut reader = Reader::open(&path).unwrap();
        fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(reader.next_chunk().unwrap(), Some(Chunk::Lines { offset: 0, bytes: b"one\n" }));
        assert_eq!(reader.next_chunk().unwrap(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_byte_is_given_out_once_and_in_order(
            lens in proptest::collection::vec(0usize..200_000, 0..8),
            ended: bool,
        ) {
            let mut content = Vec::new();
            for (n, len) in lens.iter().enumerate() {
                content.extend(std::iter::repeat_n(b'a' + n as u8, *len));
                content.push(b'\n');
            }
            if !ended {
                let _ = content.pop();
            }
            let seen = read(&content);
            let mut back: Vec<u8> = seen.lines.into_iter().flat_map(|(_, line)| line).collect();
            back.extend(seen.half.into_iter().flat_map(|(_, half)| half));
            prop_assert!(back == content);
        }
    }
}
