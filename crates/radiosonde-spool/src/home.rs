//! What all streams of a spool share: its directory, its room, the spare segment.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::{Disk, Files, Mode, OpenFile, is_full, unlink_if_there, write_all};
use crate::format::SEGMENT_HEAD;
use crate::manifest::{self, MANIFEST};
use crate::options::{Options, free_least};

/// Least size of a segment.
const SEGMENT_BYTES_MIN: u64 = 4096;
/// Size of the first segment of a stream.
const SEGMENT_BYTES_FIRST: u64 = 256 * 1024;
/// The spare segment.
pub(crate) const SPARE: &str = "spare";
/// Where damaged and refused bytes go.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Most names that are read of one directory.
pub(crate) const NAMES_MAX: usize = 16 * 1024;
/// What a small file takes on a disk, in bytes.
const BLOCK: u64 = 4096;
/// Longest reason in a quarantined file, in bytes.
const WHY_MAX: usize = 200;

/// The world around a spool.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) files: Arc<dyn Files>,
    /// Nanoseconds since 1970.
    pub(crate) clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl World {
    pub(crate) fn real() -> Self {
        let now = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        };
        Self { files: Arc::new(Disk), clock: Arc::new(now) }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("files", &self.files).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) world: World,
    pub(crate) path: PathBuf,
    pub(crate) id: u64,
    /// What the owner wrote down.
    pub(crate) owner: Vec<u8>,
    pub(crate) options: Options,
    /// Bytes of all segments, preallocated room included.
    pub(crate) used: AtomicU64,
    /// Bytes of the other spools of the root, when they were last counted.
    pub(crate) others: AtomicU64,
    /// Bytes of frames in memory.
    pub(crate) in_memory: AtomicU64,
    /// Nothing waits in memory any more: it is on disk or lost, and nothing is left free for others.
    pub(crate) is_closed: AtomicBool,
    /// A segment was filled: a spare is worth its room.
    pub(crate) has_rolled: AtomicBool,
    /// The manifest was made anew, and a power cut could take its content back.
    pub(crate) has_new_manifest: AtomicBool,
    /// Names in the directory that a power cut could take back.
    pub(crate) has_new_names: AtomicBool,
    spare: Mutex<Option<Arc<dyn OpenFile>>>,
    quarantine: Mutex<Quarantine>,
}

#[derive(Debug, Default)]
struct Quarantine {
    bytes: u64,
    /// Number of the next file.
    next: u64,
    refused: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    Cap,
    Disk,
}

impl Home {
    pub(crate) fn new(
        world: World,
        path: &Path,
        (id, owner): (u64, Vec<u8>),
        options: &Options,
    ) -> Self {
        let mut options = options.clone();
        options.segment_bytes = options.segment_bytes.max(SEGMENT_BYTES_MIN);
        Self {
            world,
            path: path.to_owned(),
            id,
            owner,
            options,
            used: AtomicU64::new(0),
            others: AtomicU64::new(0),
            in_memory: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            has_rolled: AtomicBool::new(false),
            has_new_manifest: AtomicBool::new(false),
            has_new_names: AtomicBool::new(false),
            spare: Mutex::default(),
            quarantine: Mutex::default(),
        }
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.world.files
    }

    pub(crate) fn now(&self) -> u64 {
        (self.world.clock)()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// What is missing for a segment of this size.
    pub(crate) fn shortage(&self, bytes: u64) -> Option<Shortage> {
        let limits = &self.options.limits;
        let shared = match limits.root {
            Some(_) => limits.root_bytes.saturating_sub(self.others.load(Ordering::Relaxed)),
            None => u64::MAX,
        };
        let most = self.options.cap_bytes.min(shared.max(limits.least_bytes));
        let has_spare = bytes == self.options.segment_bytes && lock(&self.spare).is_some();
        // The room of the spare is counted already.
        let wanted = if has_spare { 0 } else { bytes };
        if self.used.load(Ordering::Relaxed).saturating_add(wanted) > most {
            return Some(Shortage::Cap);
        }
        if self.is_closed() {
            return None;
        }
        // A disk that does not say how much room it has is asked by writing to it.
        let space = self.files().space(&self.path).ok()?;
        let floor = limits.free_bytes.unwrap_or_else(|| free_least(space.total));
        (space.free < floor.saturating_add(wanted)).then_some(Shortage::Disk)
    }

    /// A new, empty file for a segment. Its room is counted in `used` from here on.
    pub(crate) fn new_segment(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn OpenFile>> {
        if bytes == self.options.segment_bytes
            && let Some(file) = lock(&self.spare).take()
        {
            // Nothing of ours has the name; of what somebody else has, nothing is overwritten.
            if matches!(self.files().usage(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
                && self.files().rename(&self.path.join(SPARE), path).is_ok()
            {
                return Ok(file);
            }
            self.drop_spare(bytes);
        }
        let file = self.files().open(path, Mode::New)?;
        self.preallocate(path, &*file, bytes)?;
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Ok(file)
    }

    fn preallocate(&self, path: &Path, file: &dyn OpenFile, bytes: u64) -> io::Result<()> {
        // Where it cannot be done, it need not be.
        match file.allocate(bytes) {
            Err(error) if is_full(&error) => {
                let _ = self.files().unlink(path);
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Prepares the next segment, for whoever has a disk's time.
    pub(crate) fn prepare_spare(&self) {
        let bytes = self.options.segment_bytes;
        let mut spare = lock(&self.spare);
        if spare.is_some()
            || !self.has_rolled.load(Ordering::Relaxed)
            // Under pressure there is no room for what nobody needs yet.
            || self.used.load(Ordering::Relaxed) + 2 * bytes > self.options.cap_bytes / 2
        {
            return;
        }
        let path = self.path.join(SPARE);
        let _ = self.files().unlink(&path);
        let file = self.files().open(&path, Mode::New);
        let Ok(file) = file else { return };
        if self.preallocate(&path, &*file, bytes).is_ok() {
            self.used.fetch_add(bytes, Ordering::Relaxed);
            *spare = Some(file);
        }
    }

    /// Gives the room of the spare back; whether there was one.
    pub(crate) fn release_spare(&self) -> bool {
        let had = lock(&self.spare).take().is_some();
        if had {
            self.drop_spare(self.options.segment_bytes);
        }
        had
    }

    fn drop_spare(&self, bytes: u64) {
        let _ = self.files().unlink(&self.path.join(SPARE));
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts what an earlier process left in the quarantine, and removes its spare.
    pub(crate) fn look_around(&self) {
        let _ = self.files().unlink(&self.path.join(SPARE));
        let folder = self.path.join(QUARANTINE);
        let mut quarantine = lock(&self.quarantine);
        for name in self.files().list(&folder, NAMES_MAX).unwrap_or_default() {
            let bytes = self.files().usage(&folder.join(&name)).unwrap_or(0);
            quarantine.bytes += bytes.next_multiple_of(BLOCK);
            let number = name.strip_suffix(".bin").and_then(|name| name.rsplit('-').next());
            let number = number.and_then(|digits| digits.parse::<u64>().ok());
            quarantine.next = quarantine.next.max(number.map_or(0, |number| number + 1));
        }
    }

    /// Keeps bytes for a look, as far as the room goes.
    pub(crate) fn quarantine(&self, stream: &str, bytes: &[u8], why: &str) -> io::Result<()> {
        let mut text: String =
            why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_MAX).collect();
        text.push('\n');
        let mut content = text.into_bytes();
        content.extend_from_slice(bytes);
        let mut quarantine = lock(&self.quarantine);
        let size = (content.len() as u64).next_multiple_of(BLOCK);
        if quarantine.bytes + size > self.options.quarantine_bytes {
            quarantine.refused += 1;
            return Ok(());
        }
        let folder = self.path.join(QUARANTINE);
        self.create_folder(&folder)?;
        let path = folder.join(format!("{stream}-{:06}.bin", quarantine.next));
        quarantine.next += 1;
        let file = self.files().open(&path, Mode::New)?;
        quarantine.bytes += size;
        write_all(&*file, &content, 0)
    }

    /// Removes the quarantine.
    pub(crate) fn remove_quarantine(&self) -> io::Result<()> {
        let folder = self.path.join(QUARANTINE);
        let names = match self.files().list(&folder, NAMES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names?,
        };
        for name in names {
            unlink_if_there(self.files(), &folder.join(name))?;
        }
        self.files().remove_dir(&folder)
    }

    /// Makes the directory again that somebody removed under us, with what its owner wrote down: what
    /// comes now is of use to whoever finds it.
    pub(crate) fn make_anew(&self) -> io::Result<()> {
        let files = self.files();
        let made = files.create_dir(&self.path).or_else(|error| match self.path.parent() {
            // The folder of spools went with it.
            Some(parent) if error.kind() == io::ErrorKind::NotFound => {
                files.create_dir(parent).and_then(|()| files.create_dir(&self.path))
            }
            _ => Err(error),
        });
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if files.usage(&self.path.join(MANIFEST)).is_ok() => return Ok(()),
            _ => {}
        }
        manifest::write(files, &self.path, (self.id, &self.owner), false)?;
        self.has_new_manifest.store(true, Ordering::Relaxed);
        self.has_new_names.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a folder in the spool, if it is not there.
    pub(crate) fn create_folder(&self, path: &Path) -> io::Result<()> {
        match self.files().create_dir(path) {
            Ok(()) => self.has_new_names.store(true, Ordering::Relaxed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Syncs the names in the directory, where there are new ones.
    pub(crate) fn sync_names(&self) -> io::Result<()> {
        if !self.has_new_names.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let is_anew = self.has_new_manifest.swap(false, Ordering::Relaxed);
        let synced = if is_anew { self.sync_manifest() } else { Ok(()) };
        let synced = synced.and_then(|()| self.files().sync_dir(&self.path));
        self.has_new_manifest.fetch_or(is_anew && synced.is_err(), Ordering::Relaxed);
        self.has_new_names.fetch_or(synced.is_err(), Ordering::Relaxed);
        synced
    }

    fn sync_manifest(&self) -> io::Result<()> {
        self.files().open(&self.path.join(MANIFEST), Mode::Write)?.sync()?;
        self.path.parent().map_or(Ok(()), |parent| self.files().sync_dir(parent))
    }

    /// Bytes in the quarantine, and how many pieces it had no room for.
    pub(crate) fn quarantined(&self) -> (u64, u64) {
        let quarantine = lock(&self.quarantine);
        (quarantine.bytes, quarantine.refused)
    }

    /// Size of the segment after one of this size, for a first frame of that size. A process has many
    /// streams that say little: their segments begin small.
    pub(crate) fn segment_bytes(&self, last: u64, frame: usize) -> u64 {
        let grown = last.saturating_mul(2).max(SEGMENT_BYTES_FIRST);
        grown.min(self.options.segment_bytes).max((SEGMENT_HEAD + frame) as u64)
    }
}

/// Locks. What a panic left half done is put right by the next recovery, not by another panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
