//! The day files as the drain writes them: by position, never by append.
//!
//! Linux ignores the position of a `pwrite` on a file opened for append, so they are not. That the
//! slot's lock makes this process the only writer is what makes positions decidable.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustix::fs::OFlags;

use crate::journal::lock;

/// An open day file.
#[derive(Debug)]
pub(crate) struct DayFile {
    pub(crate) file: File,
    pub(crate) inode: u64,
    /// Written since the last sync.
    dirty: AtomicBool,
    /// The directory itself, whose new names must survive a power cut as well as the bytes.
    is_directory: bool,
}

/// The open files of one directory. They are synced by another thread, see [`Unsynced`].
#[derive(Debug)]
pub(crate) struct DayFiles {
    root: PathBuf,
    open: HashMap<String, Arc<DayFile>>,
    /// The directory itself, once a file was created in it.
    directory: Option<Arc<DayFile>>,
    unsynced: Unsynced,
}

/// So many files wait for a sync, and stay open for it, before it is time for one.
const UNSYNCED_MANY: usize = 32;

/// Files with bytes the disk does not have yet. Clones are the same.
#[derive(Clone, Default)]
pub struct Unsynced {
    files: Arc<Mutex<Vec<Arc<DayFile>>>>,
    on_write: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>,
}

impl Unsynced {
    /// Calls `wake` when a file is written that was on disk before, for whoever syncs at once. The
    /// first one stays. It is called on the drain's thread, and must not block.
    pub fn on_write(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second one has nothing to wake.
        let _ = self.on_write.set(Box::new(wake));
    }

    /// Wakes whoever syncs at once, for what is written elsewhere and has no other way to ask.
    pub fn wake(&self) {
        if let Some(wake) = self.on_write.get() {
            wake();
        }
    }

    /// Leaves what was written so far to the kernel, which writes it when it sees fit.
    pub fn forget(&self) {
        for file in std::mem::take(&mut *lock(&self.files)) {
            file.dirty.store(false, Ordering::Release);
        }
    }

    /// Whether so many files wait that it is time for a sync: they stay open until then.
    pub fn are_many(&self) -> bool {
        lock(&self.files).len() >= UNSYNCED_MANY
    }

    /// Closes files that were removed meanwhile. Their bytes take room until then.
    pub fn forget_removed(&self) {
        lock(&self.files).retain(|file| !file.is_removed());
    }

    /// Syncs what was written before the call (`fdatasync`), and returns the first failure. Takes
    /// from milliseconds to seconds: not for the drain, nor for a thread of the application.
    ///
    /// # Errors
    /// As from the system. The bytes stay in the page cache; a failed sync is not repeated, since
    /// the kernel may have forgotten what it could not write.
    pub fn sync(&self) -> io::Result<()> {
        let files = std::mem::take(&mut *lock(&self.files));
        let mut result = Ok(());
        for file in files {
            file.dirty.store(false, Ordering::Release);
            if file.is_removed() {
                continue;
            }
            let synced =
                if file.is_directory { file.file.sync_all() } else { file.file.sync_data() };
            result = result.and(synced);
        }
        result
    }

    /// Adds a file that was written by other means.
    pub(crate) fn add_file(&self, file: File) {
        self.add(&Arc::new(DayFile::new(file, 0, false)));
    }

    fn add(&self, file: &Arc<DayFile>) {
        if !file.dirty.swap(true, Ordering::AcqRel) {
            lock(&self.files).push(Arc::clone(file));
            self.wake();
        }
    }
}

impl fmt::Debug for Unsynced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsynced").field("files", &self.files).finish_non_exhaustive()
    }
}

impl DayFile {
    fn new(file: File, inode: u64, is_directory: bool) -> Self {
        Self { file, inode, dirty: AtomicBool::new(false), is_directory }
    }

    fn is_removed(&self) -> bool {
        !self.is_directory && self.file.metadata().is_ok_and(|found| found.nlink() == 0)
    }
}

impl DayFiles {
    pub(crate) fn new(root: &Path, unsynced: Unsynced) -> Self {
        Self { root: root.to_owned(), open: HashMap::new(), directory: None, unsynced }
    }

    /// The file of this name, created (0600) when missing, and its length. A file that was removed
    /// or replaced under us is opened anew, so that nothing is written to a name nobody can read.
    pub(crate) fn get(&mut self, name: &str) -> io::Result<(Arc<DayFile>, u64)> {
        let path = self.root.join(name);
        if let Some(file) = self.open.get(name) {
            if fs::symlink_metadata(&path).is_ok_and(|now| now.ino() == file.inode) {
                let length = file.file.metadata()?.len();
                return Ok((Arc::clone(file), length));
            }
            self.open.remove(name);
        }
        let (file, created) = open(&path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if created {
            let directory = self.directory()?;
            self.unsynced.add(&directory);
        }
        let file = Arc::new(DayFile::new(file, metadata.ino(), false));
        self.open.insert(name.to_owned(), Arc::clone(&file));
        Ok((file, metadata.len()))
    }

    /// The directory, which may have been moved away and made anew.
    fn directory(&mut self) -> io::Result<Arc<DayFile>> {
        let inode = fs::metadata(&self.root)?.ino();
        if let Some(known) = self.directory.as_ref().filter(|known| known.inode == inode) {
            return Ok(Arc::clone(known));
        }
        let directory = Arc::new(DayFile::new(File::open(&self.root)?, inode, true));
        self.directory = Some(Arc::clone(&directory));
        Ok(directory)
    }

    /// Whether a file is still the one of this name.
    pub(crate) fn is_current(&self, name: &str, file: &DayFile) -> bool {
        fs::symlink_metadata(self.root.join(name)).is_ok_and(|now| now.ino() == file.inode)
    }

    /// Writes at a position, whole or not at all in the eyes of recovery.
    pub(crate) fn write(&self, file: &Arc<DayFile>, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.file.write_all_at(bytes, offset)?;
        self.unsynced.add(file);
        Ok(())
    }

    /// Closes files that are no longer written to.
    pub(crate) fn keep(&mut self, names: &[&str]) {
        self.open.retain(|name, _| names.contains(&name.as_str()));
    }
}

fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    match options.open(path) {
        Ok(file) => Ok((file, false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            options.create_new(true).open(path).map(|file| (file, true))
        }
        Err(error) => Err(error),
    }
}

/// Whether an error says that this name can never be written, and another one may.
pub(crate) fn is_misplaced(error: &io::Error) -> bool {
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let kinds =
        [io::ErrorKind::IsADirectory, io::ErrorKind::InvalidInput, io::ErrorKind::PermissionDenied];
    is_link || kinds.contains(&error.kind())
}

/// Whether a file of so many bytes ends in the middle of a line: after a power cut, or written by
/// somebody else. An empty one does not.
///
/// # Errors
/// What the system says, also when the file is shorter.
pub fn ends_mid_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn who_syncs_is_woken_once_for_what_it_has_not_seen() {
        let root = tempfile::tempdir().unwrap();
        let (unsynced, woken) = (Unsynced::default(), Arc::new(AtomicU32::new(0)));
        let wakes = Arc::clone(&woken);
        unsynced.on_write(move || {
            wakes.fetch_add(1, Ordering::Relaxed);
        });
        let mut files = DayFiles::new(root.path(), unsynced.clone());
        let (file, _) = files.get("events-2025-10-06.jsonl").unwrap();
        unsynced.sync().unwrap();
        let before = woken.load(Ordering::Relaxed);
        let ends: [&dyn Fn(); 2] = [&|| unsynced.sync().unwrap(), &|| unsynced.forget()];
        for (times, end) in (1..).zip(ends) {
            files.write(&file, b"a\n", 0).unwrap();
            files.write(&file, b"b\n", 2).unwrap();
            assert_eq!(woken.load(Ordering::Relaxed) - before, times);
            end();
        }
    }
}
