//! Spools: the interface.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::account::{Account, DropReason, Gap, Tally};
use crate::append;
use crate::cursor::Untold;
use crate::files::unlink_if_there;
use crate::format::{self, Head};
use crate::home::{Home, World};
use crate::lane::{Lane, State};
use crate::manifest::{self, MANIFEST, NEW_MANIFEST, OWNER_MAX};
use crate::open;
use crate::options::{Options, STREAMS_MAX};
use crate::stream::Stream;

/// A spool: a directory of streams that one process at a time has. Clones are the same.
///
/// It takes no lock of its own: whoever opens it holds one over the directory.
#[derive(Clone, Debug)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) home: Arc<Home>,
    /// Those of the options, then those that were found beside them.
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// Held by whoever gives something up.
    pub(crate) evicting: Mutex<()>,
    has_counted: AtomicBool,
    /// Made here: the first to come with a disk's time counts what others take.
    is_new: AtomicBool,
}

impl Spool {
    /// Makes a spool in a directory that is not there yet, below one that is. Syncs: for a start.
    ///
    /// # Errors
    /// As from the system. `AlreadyExists` when the directory is there, `InvalidInput` for more than
    /// [`STREAMS_MAX`] streams, a name that is none, or a manifest above 1 MiB.
    pub fn create(path: &Path, manifest: &[u8], options: &Options) -> io::Result<Self> {
        Self::create_in(World::real(), path, manifest, options)
    }

    /// Opens a spool that somebody left, and recovers it. Damage is counted in its books, and no
    /// error.
    ///
    /// # Errors
    /// As from the system. `PermissionDenied` when the directory is not this user's own,
    /// `Unsupported` when a newer version made it: then it is left alone.
    pub fn open(path: &Path, options: &Options) -> io::Result<Self> {
        Self::open_in(World::real(), path, options)
    }

    pub(crate) fn create_in(
        world: World,
        path: &Path,
        owner: &[u8],
        options: &Options,
    ) -> io::Result<Self> {
        check(options)?;
        if owner.len() > OWNER_MAX {
            return Err(invalid("a manifest has at most 1 MiB"));
        }
        let files = Arc::clone(&world.files);
        files.create_dir(path)?;
        let id = manifest::new_id(path, (world.clock)());
        let home = Arc::new(Home::new(world, path, (id, owner.to_owned()), options));
        manifest::write(&*files, path, (id, owner), true)?;
        files.sync_dir(path)?;
        if let Some(parent) = path.parent() {
            files.sync_dir(parent)?;
        }
        let lanes = options.streams.iter().map(|stream| {
            let seed = format::seed(id, &stream.name);
            Arc::new(Lane::new(Arc::clone(&home), stream.clone(), seed, State::default()))
        });
        let spool = Self::of(home.clone(), lanes.collect());
        for lane in &spool.inner.lanes {
            lane.prepare()?;
        }
        // Whoever makes it has other things to do than to look at what may be hundreds of others.
        spool.inner.is_new.store(true, Ordering::Relaxed);
        Ok(spool)
    }

    pub(crate) fn open_in(world: World, path: &Path, options: &Options) -> io::Result<Self> {
        check(options)?;
        world.files.check_dir(path)?;
        let found = manifest::read(&*world.files, path)?;
        let is_bad = matches!(found, Head::Bad);
        let (id, owner) = match found {
            Head::Newer => return Err(open::newer(path)),
            Head::Ours(found) => found,
            // Without it nothing can be sent, but everything can be counted.
            Head::Bad => (manifest::find_id(&*world.files, path, options)?, Vec::new()),
        };
        let id = if id == 0 { manifest::new_id(path, (world.clock)()) } else { id };
        let home = Arc::new(Home::new(world, path, (id, owner), options));
        // Who made the folders may have been killed before they were synced.
        home.has_new_names.store(true, Ordering::Relaxed);
        home.look_around();
        if is_bad {
            // On a full disk it is tried by whoever opens the spool next.
            let _ = manifest::mend(&home);
        }
        let lanes = options.streams.iter().map(|stream| open::lane(&home, stream).map(Arc::new));
        let mut lanes = lanes.collect::<io::Result<Vec<_>>>()?;
        for stream in open::unknown(home.files(), path, options) {
            // One that cannot be opened is somebody else's.
            lanes.extend(open::lane(&home, &stream).map(Arc::new));
        }
        let spool = Self::of(home, lanes);
        for lane in &spool.inner.lanes {
            lane.prepare()?;
            lane.write_cursor(&mut lane.lock());
        }
        Ok(spool)
    }

    fn of(home: Arc<Home>, lanes: Vec<Arc<Lane>>) -> Self {
        let evicting = Mutex::default();
        let (has_counted, is_new) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { home, lanes, evicting, has_counted, is_new }) }
    }

    /// What the owner wrote down when it made the spool. Empty when that is damaged or missing.
    pub fn manifest(&self) -> &[u8] {
        &self.inner.home.owner
    }

    /// The stream of this index in the options.
    ///
    /// # Panics
    /// If there is no such stream.
    pub fn stream(&self, at: usize) -> Stream {
        assert!(at < self.inner.home.options.streams.len(), "the options have no stream {at}");
        Stream { inner: Arc::clone(&self.inner), at }
    }

    /// A number for the next batch: above every one of which anything is here, in any stream.
    pub fn next_batch(&self) -> u64 {
        let begun = |lane: &Arc<Lane>| lane.lock().cursor.batches.begun;
        self.inner.lanes.iter().map(begun).max().unwrap_or(0).saturating_add(1)
    }

    /// Makes what was appended, taken and settled before the call outlast a power cut, writes what
    /// waits in memory, and removes what nobody needs. Takes as long as a disk does: for a thread
    /// that has the time, every 100 ms to 1 s.
    ///
    /// # Errors
    /// The first one from the system. What a failed sync leaves is readable and counted as
    /// [`Account::at_risk`]; it is not synced again, since the kernel may have forgotten it.
    pub fn sync(&self) -> io::Result<()> {
        self.inner.look_after(true)
    }

    /// As [`Spool::sync`] for an owner who syncs nothing: writes what waits in memory, removes what nobody
    /// needs, looks at what others take, and leaves it to the kernel when any of that reaches the disk. A
    /// power cut may then repeat what was delivered, and lose what was not.
    ///
    /// # Errors
    /// The first one from the system.
    pub fn tend(&self) -> io::Result<()> {
        self.inner.look_after(false)
    }

    /// For the end of the owner: writes what waits in memory, the highest rank first, without leaving
    /// anything free for others; what the disk does not take even so, and nobody has taken, is dropped and
    /// counted. Then syncs. Nothing waits in memory from here on: what is appended later is on disk or
    /// dropped.
    ///
    /// Dropping the spool does none of this: whoever has lost the directory's lock must not write there.
    ///
    /// # Errors
    /// As [`Spool::sync`].
    pub fn close(&self) -> io::Result<()> {
        self.inner.write_the_last();
        self.sync()
    }

    /// As [`Spool::close`] for an owner who syncs nothing.
    ///
    /// # Errors
    /// As [`Spool::tend`].
    pub fn close_unsynced(&self) -> io::Result<()> {
        self.inner.write_the_last();
        self.tend()
    }

    /// The books, by stream: those of the options, then those that were left in the spool beside them.
    pub fn accounts(&self) -> Vec<Account> {
        self.inner.lanes.iter().map(|lane| lane.account()).collect()
    }

    /// Whether anything is pending in any stream, also in one that the options do not name.
    pub fn is_pending(&self) -> bool {
        self.inner.lanes.iter().any(|lane| lane.lock().cursor.pending().records > 0)
    }

    /// Bytes that the spool takes on disk, without the quarantine.
    pub fn disk_bytes(&self) -> u64 {
        self.inner.home.used.load(Ordering::Relaxed)
    }

    /// Bytes in the quarantine, and how many pieces it had no room for in this process.
    pub fn quarantined(&self) -> (u64, u64) {
        self.inner.home.quarantined()
    }

    /// Losses that were not told yet, to be told by one thread, which then says so: [`Spool::told`]. Until
    /// it does they are given again; so whoever is killed between tells them twice rather than never.
    pub fn take_gaps(&self) -> Vec<Gap> {
        self.inner.give_up_unknown();
        let mut gaps = Vec::new();
        for (stream, lane) in self.inner.lanes.iter().enumerate() {
            let mut state = lane.lock();
            let cursor = &mut state.cursor;
            if cursor.telling.is_empty() {
                cursor.telling = std::mem::take(&mut cursor.gaps);
            }
            gaps.extend(cursor.telling.iter().map(|untold| {
                let Untold { reason, first, last, lost, from_ns, to_ns } = *untold;
                Gap { stream, reason, first, last, lost, from_ns, to_ns }
            }));
        }
        gaps
    }

    /// What [`Spool::take_gaps`] gave last is told: it is not given again, neither by this process nor by
    /// another.
    pub fn told(&self) {
        self.told_first(usize::MAX);
    }

    /// As [`Spool::told`], of so many of them, in their order; the others are given again.
    pub fn told_first(&self, count: usize) {
        let mut left = count;
        for lane in &self.inner.lanes {
            let mut state = lane.lock();
            let telling = &mut state.cursor.telling;
            let here = left.min(telling.len());
            left -= here;
            if here > 0 {
                drop(telling.drain(..here));
                lane.write_cursor(&mut state);
            }
        }
    }

    /// Whether nothing is pending and every loss is told: then it can be removed.
    pub fn is_done(&self) -> bool {
        self.inner.lanes.iter().all(|lane| {
            let state = lane.lock();
            let cursor = &state.cursor;
            let is_told = cursor.gaps.is_empty() && cursor.telling.is_empty();
            is_told && cursor.pending() == Tally::default()
        })
    }

    /// Removes the spool from the disk, its quarantine included. To be called when nothing is
    /// appended any more.
    ///
    /// # Errors
    /// As from the system. `WouldBlock` when something is pending or a loss is not told;
    /// `DirectoryNotEmpty` when there are files of somebody else. It can be opened and removed again.
    pub fn remove(self) -> io::Result<()> {
        self.remove_unsynced()?;
        let home = &self.inner.home;
        home.path.parent().map_or(Ok(()), |parent| home.files().sync_dir(parent))
    }

    /// As [`Spool::remove`] for an owner who syncs nothing: a power cut may bring back some of it.
    ///
    /// # Errors
    /// As there.
    pub fn remove_unsynced(&self) -> io::Result<()> {
        if !self.is_done() {
            let what = "the spool still holds records or losses to be told; drain it first";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, what));
        }
        let home = &self.inner.home;
        home.release_spare();
        for lane in &self.inner.lanes {
            lane.remove()?;
        }
        home.remove_quarantine()?;
        // Last: without it nobody knows what the rest is.
        for name in [NEW_MANIFEST, MANIFEST] {
            unlink_if_there(home.files(), &home.path.join(name))?;
        }
        home.files().remove_dir(&home.path)
    }
}

impl Inner {
    /// Streams that the options do not name keep nothing waiting once all others are done. Until then
    /// somebody who knows them may come.
    fn give_up_unknown(&self) {
        let (known, unknown) = self.lanes.split_at(self.home.options.streams.len());
        let is_pending = |lane: &Arc<Lane>| lane.lock().cursor.pending() != Tally::default();
        if unknown.iter().any(is_pending) && !known.iter().any(is_pending) {
            for lane in unknown {
                lane.discard(DropReason::UnknownStream, false);
            }
        }
    }

    /// Writes what waits in memory, syncs if so wished, and removes what nobody needs.
    fn look_after(&self, is_synced: bool) -> io::Result<()> {
        self.give_up_unknown();
        let mut result = if is_synced { self.home.sync_names() } else { Ok(()) };
        for (at, lane) in self.lanes.iter().enumerate() {
            append::flush(self, at);
            result = result.and(if is_synced { lane.sync() } else { lane.tend() });
        }
        if self.lanes.iter().all(|lane| lane.lock().segments.is_empty()) {
            // What is idle takes no room.
            self.home.has_rolled.store(false, Ordering::Relaxed);
            self.home.release_spare();
        }
        self.home.prepare_spare();
        // A spool that is only drained needs no room; a process may have many of them.
        let is_new = self.is_new.swap(false, Ordering::Relaxed);
        if is_new || self.lanes.iter().any(|lane| lane.lock().active.is_some()) {
            self.count_others();
        }
        result
    }

    /// Writes what waits in memory, or drops it.
    fn write_the_last(&self) {
        self.home.is_closed.store(true, Ordering::Relaxed);
        self.home.release_spare();
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.lanes[*at].options.rank));
        for at in order {
            let reason = append::flush(self, at).unwrap_or(DropReason::WriteFailed);
            self.lanes[at].drop_memory(reason);
        }
    }

    /// Counts what the other spools of the root take, before the first append.
    pub(crate) fn count_others_once(&self) {
        if !self.has_counted.load(Ordering::Relaxed) {
            self.count_others();
        }
    }

    /// Counts what the other spools of the root take, if that was some time ago.
    fn count_others(&self) {
        self.has_counted.store(true, Ordering::Relaxed);
        let Some(root) = &self.home.options.limits.root else { return };
        let bytes = root.others(self.home.files(), &self.home.path, self.home.now());
        self.home.others.store(bytes, Ordering::Relaxed);
    }
}

fn check(options: &Options) -> io::Result<()> {
    if options.streams.len() > STREAMS_MAX {
        return Err(invalid("a spool has at most 32 streams"));
    }
    for (at, stream) in options.streams.iter().enumerate() {
        let is_taken = options.streams[..at].iter().any(|other| other.name == stream.name);
        if is_taken || !open::is_stream_name(&stream.name) {
            return Err(invalid(
                "a stream's name is its own, of lower case letters, digits and hyphens, at most 32",
            ));
        }
    }
    Ok(())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
