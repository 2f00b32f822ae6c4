//! The file system as a spool uses it, so that tests can put one that crashes in its place.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags};

/// The unit in which a disk loses bytes.
const SECTOR: usize = 4096;
/// Most bytes that are read at once, whatever a damaged cursor or a sparse file says.
pub(crate) const READ_MAX: u64 = 64 * 1024 * 1024;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It must not be there yet.
    New,
    Read,
    Write,
}

/// Room on the disk, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    pub(crate) free: u64,
    pub(crate) total: u64,
}

/// A file system. No method follows a symbolic link at the end of a path.
pub(crate) trait Files: Debug + Send + Sync {
    /// Makes a directory (0700).
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Fails unless it is a directory of this user that nobody else may write to.
    fn check_dir(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory, at most so many, in no order.
    fn list(&self, path: &Path, most: usize) -> io::Result<Vec<String>>;
    /// Opens a regular file (0600 when new).
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn OpenFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn unlink(&self, path: &Path) -> io::Result<()>;
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes names in a directory outlast a power cut.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// What the file takes on the disk, in bytes.
    fn usage(&self, path: &Path) -> io::Result<u64>;
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
pub(crate) trait OpenFile: Debug + Send + Sync {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;
    fn length(&self) -> io::Result<u64>;
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Takes room on the disk; the length stays.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// Writes all of it, however often that is interrupted.
pub(crate) fn write_all(file: &dyn OpenFile, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                let written = written.min(bytes.len());
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what is there between two places, at most [`READ_MAX`].
pub(crate) fn read(file: &dyn OpenFile, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to.min(file.length()?).saturating_sub(from).min(READ_MAX))
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], from + filled as u64) {
            // It was cut while it was read.
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads what can be read, with zeros for the rest.
pub(crate) fn read_patched(file: &dyn OpenFile, from: u64, to: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = from;
    let to = to.min(file.length().unwrap_or(0)).min(from.saturating_add(READ_MAX));
    while at < to {
        let end = (at + SECTOR as u64).min(to);
        match read(file, at, end) {
            Ok(piece) if piece.is_empty() => break,
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => bytes.resize(bytes.len() + (end - at) as usize, 0),
        }
        at = from + bytes.len() as u64;
    }
    bytes
}

pub(crate) fn unlink_if_there(files: &dyn Files, path: &Path) -> io::Result<()> {
    match files.unlink(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether there is something of that name that is no file: a link, a folder, a pipe.
pub(crate) fn is_no_file(error: &io::Error) -> bool {
    let of_links = [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO];
    error.kind() == io::ErrorKind::InvalidInput
        || of_links.iter().any(|it| error.raw_os_error() == Some(it.raw_os_error()))
}

/// Whether the disk has no room, or the user no more of it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The real one.
#[derive(Debug)]
pub(crate) struct Disk;

impl Files for Disk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    fn check_dir(&self, path: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                format!("{} is no directory; move it away", path.display()),
            ));
        }
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} belongs to another user or others may write to it; give it mode 0700",
                    path.display()
                ),
            ));
        }
        Ok(())
    }

    fn list(&self, path: &Path, most: usize) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(path)?.take(most);
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn OpenFile>> {
        // Neither a link nor a pipe that somebody put there is waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .write(mode != Mode::Read)
            .create_new(mode == Mode::New)
            .mode(0o600)
            .custom_flags(flags.bits() as i32)
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn usage(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::symlink_metadata(path)?.blocks() * 512)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(path)?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        Ok(Space { free, total: found.f_blocks.saturating_mul(found.f_frsize) })
    }
}

impl OpenFile for fs::File {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, bytes, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        // Past this limit a write ends the process (SIGXFSZ) instead of failing.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if limit.is_some_and(|limit| at.saturating_add(bytes.len() as u64) > limit) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        std::os::unix::fs::FileExt::write_at(self, bytes, at)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(self, FallocateFlags::KEEP_SIZE, 0, bytes)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
