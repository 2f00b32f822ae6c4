//! Where bytes come from: a file, a pipe, or standard input.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::foreign::format::{Format, HEAD_BYTES};
use crate::reader::{Whole, open_plain, refusal};

/// Bytes whose first few are known.
#[derive(Debug)]
pub(super) struct Input {
    from: From,
    head: [u8; HEAD_BYTES],
    length: usize,
    /// How many of `head` were given out.
    given: usize,
}

#[derive(Debug)]
enum From {
    File(Whole),
    /// What has no length: `/proc/…`, or a file that is empty so far.
    Short(io::Take<File>),
    Pipe(File),
    Stdin(io::Stdin),
}

impl From {
    fn of(file: File, len: u64) -> io::Result<Self> {
        Ok(match len {
            0 => Self::Short(file.take(SHORT_BYTES_MAX)),
            len => Self::File(Whole::new(file, len)?),
        })
    }
}

impl Input {
    /// Opens what nobody named, which is a plain file or refused.
    pub(super) fn found(path: &Path) -> io::Result<Self> {
        let (file, len) = open_plain(path)?;
        Self::new(From::of(file, len)?)
    }

    /// Opens what somebody named, behind a link as well: a plain file or a pipe.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        match Named::of(&fs::metadata(path)?)? {
            Named::File => Self::found(&resolve(path)?),
            Named::Pipe => Self::new(From::Pipe(File::open(path)?)),
        }
    }

    /// Standard input, once.
    pub(super) fn stdin() -> io::Result<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            let what = "can be read once, and was: keep it in a file, and name that";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Self::new(From::Stdin(io::stdin()))
    }

    fn new(from: From) -> io::Result<Self> {
        let mut input = Self { from, head: [0; HEAD_BYTES], length: 0, given: 0 };
        while input.length < HEAD_BYTES {
            match input.from.read(&mut input.head[input.length..]) {
                Ok(0) => break,
                Ok(read) => input.length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(input)
    }

    fn head(&self) -> &[u8] {
        &self.head[..self.length]
    }

    /// What it is.
    pub(super) fn format(&self) -> io::Result<Format> {
        Format::of(self.head())
    }

    /// Whether it is a file of a known length.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.from, From::File(_))
    }

    /// Passes over a mark for the order of bytes; tells how long it is.
    pub(super) fn pass_mark(&mut self) -> usize {
        if self.head().starts_with(b"\xef\xbb\xbf") {
            self.given = 3;
        }
        self.given
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.head[self.given..self.length];
        if left.is_empty() {
            return self.from.read(buffer);
        }
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.given += length;
        Ok(length)
    }
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Short(file) => file.read(buffer),
            Self::Pipe(file) => file.read(buffer),
            Self::Stdin(stdin) => stdin.read(buffer),
        }
    }
}

/// What a path that somebody named leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    File,
    /// Read as it comes, and once: `--dir <(ssh host cat file)`.
    Pipe,
}

impl Named {
    /// An error for what is not read.
    pub(crate) fn of(found: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            let kind = found.file_type();
            if kind.is_fifo() {
                return Ok(Self::Pipe);
            }
            if kind.is_char_device() || kind.is_block_device() {
                return Err(refusal("is a device"));
            }
        }
        match found.is_file() {
            true => Ok(Self::File),
            false if found.is_dir() => Err(refusal("is a directory")),
            false => Err(refusal("is not a plain file")),
        }
    }
}

/// Where a path leads that somebody named: a link is followed, as `grep` and `rg` do.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.symlink_metadata()?.is_symlink() {
        true => fs::canonicalize(path),
        false => Ok(path.to_owned()),
    }
}

/// Of a file without a length: what the system makes up is shorter, and what grows must end.
const SHORT_BYTES_MAX: u64 = 64 << 20;
