//! Sorted lines in temporary files.
//!
//! A file is for its owner alone, and has no name once it is open, so that nothing is left of it
//! whatever becomes of the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::query::entry::{Entry, ORDER_BYTES, Order, front};
use crate::query::limits::Limits;

/// Lines of a temporary file that are still to be given out, in their order.
pub(super) struct Run {
    input: BufReader<Temporary>,
    head: Head,
    /// Bytes behind the head.
    left: u64,
    /// How often its lines were written before.
    pub(super) level: u32,
}

/// What stands before the text of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    order: Order,
    source: u32,
    offset: u64,
    length: u32,
}

/// A run that is being written.
pub(super) struct Writer {
    out: BufWriter<Temporary>,
    bytes: u64,
    level: u32,
    /// Bytes up to which there is room, as far as was looked.
    looked_at: u64,
    left_free: (u64, u64),
}

impl Writer {
    pub(super) fn new(limits: &Limits, level: u32) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, Temporary::new(&limits.temporary)?);
        Ok(Self { out, bytes: 0, level, looked_at: 0, left_free: limits.left_free })
    }

    /// Adds a line, which comes behind those before.
    pub(super) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        // A line has 16 MiB at most.
        let length = u32::try_from(entry.text.len()).map_err(io::Error::other)?;
        let (order, source, offset) = (entry.order, entry.source, entry.offset);
        if self.bytes >= self.looked_at {
            self.out.get_ref().look(self.left_free)?;
            self.looked_at = self.bytes + LOOK_BYTES;
        }
        self.out.write_all(&Head { order, source, offset, length }.to_bytes())?;
        self.out.write_all(&entry.text)?;
        self.bytes += HEAD_BYTES as u64 + u64::from(length);
        Ok(())
    }

    /// Bytes written, and the lines to be read again; none where there are none.
    pub(super) fn finish(self) -> io::Result<(u64, Option<Run>)> {
        let Self { out, bytes, level, .. } = self;
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.file.rewind()?;
        let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
        if bytes == 0 {
            return Ok((0, None));
        }
        let head = Head::read(&mut input)?;
        let left = bytes - HEAD_BYTES as u64;
        Ok((bytes, Some(Run { input, head, left, level })))
    }
}

impl Run {
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The first line, and what is left when there is more.
    pub(super) fn next(mut self) -> io::Result<(Entry, Option<Self>)> {
        let Head { order, source, offset, length } = self.head;
        let mut text = vec![0; length as usize].into_boxed_slice();
        self.input.read_exact(&mut text)?;
        let entry = Entry { order, source, offset, text };
        self.left -= u64::from(length);
        if self.left == 0 {
            return Ok((entry, None));
        }
        self.head = Head::read(&mut self.input)?;
        self.left -= HEAD_BYTES as u64;
        Ok((entry, Some(self)))
    }
}

impl Head {
    /// Whether it comes before a line.
    pub(super) fn is_before(&self, entry: &Entry) -> bool {
        (self.order, self.source, self.offset) < (entry.order, entry.source, entry.offset)
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..ORDER_BYTES].copy_from_slice(&self.order.to_bytes());
        bytes[ORDER_BYTES..][..4].copy_from_slice(&self.source.to_le_bytes());
        bytes[ORDER_BYTES + 4..][..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[ORDER_BYTES + 12..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut bytes = [0; HEAD_BYTES];
        input.read_exact(&mut bytes)?;
        let mut rest = bytes.as_slice();
        Ok(Self {
            order: Order::from_bytes(&front(&mut rest)),
            source: u32::from_le_bytes(front(&mut rest)),
            offset: u64::from_le_bytes(front(&mut rest)),
            length: u32::from_le_bytes(front(&mut rest)),
        })
    }
}

/// A file that is gone when it is closed.
struct Temporary {
    file: File,
    /// Its name, where a file that is open cannot be removed.
    path: Option<PathBuf>,
}

impl Temporary {
    fn new(dir: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        // A file or a link that somebody left there is never opened.
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let process = std::process::id();
        for _ in 0..NAMES_TRIED {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let now = jiff::Timestamp::now().subsec_nanosecond();
            let path = dir.join(format!("radiosonde-{process}-{number}-{now}.tmp"));
            match options.open(&path) {
                Ok(file) => {
                    let is_gone = fs::remove_file(&path).is_ok();
                    return Ok(Self { file, path: (!is_gone).then_some(path) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a temporary file"))
    }
}

impl Temporary {
    /// Whether enough is left for others where it is: the programs whose telemetry this is mostly are
    /// on the same machine, and a file system in memory takes it from them.
    #[cfg(unix)]
    fn look(&self, (bytes, part): (u64, u64)) -> io::Result<()> {
        let disk = rustix::fs::fstatvfs(&self.file)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let left_free = bytes.min(disk.f_blocks.saturating_mul(disk.f_frsize) / part);
        if free >= left_free {
            return Ok(());
        }
        let what = format!(
            "less than {} MiB are free there; TMPDIR names another place",
            left_free.div_ceil(1 << 20)
        );
        Err(io::Error::new(io::ErrorKind::StorageFull, what))
    }

    #[cfg(not(unix))]
    fn look(&self, _: (u64, u64)) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

impl Read for Temporary {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

const HEAD_BYTES: usize = ORDER_BYTES + 16;
/// For each run that is read.
const BUFFER_BYTES: usize = 64 << 10;
const NAMES_TRIED: u32 = 100;
/// Bytes that are written between two looks at what is free.
const LOOK_BYTES: u64 = 4 << 20;
