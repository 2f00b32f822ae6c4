//! The journal: all rings of one owner, and the way in for every thread.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::account::Account;
use crate::callsite::Descriptor;
use crate::drain::Control;
use crate::filter::Filter;
use crate::format::{Builder, Site};
use crate::level::{DropReason, Kind, Level};
use crate::ring::{Consumer, Counters, Memory, Producer, Region, Ring};
use crate::thread;

/// Data bytes of one thread's ring.
pub const RING_CAPACITY: usize = 256 * 1024;
/// Memory of all rings of a process; threads past it share one ring.
pub const RINGS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Size of the file `callsites`; call sites past it travel inside their records.
const CALLSITES_SIZE: usize = 1024 * 1024;

/// Pause between looks at calls that are under way while a journal closes.
const CLOSE_STEP: Duration = Duration::from_micros(100);

/// Where the rings of a journal are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// In files below an instance directory: what was accepted survives the process.
    Directory(PathBuf),
    /// In memory: what is pending dies with the process.
    Memory,
}

/// The rings of one owner. Cheap to clone; clones are the same journal.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

pub(crate) struct Inner {
    id: usize,
    placement: Placement,
    filter: Filter,
    rings: Mutex<Rings>,
    /// For threads without a ring of their own.
    shared: Mutex<Producer>,
    callsites: Option<Region>,
    descriptors: Mutex<HashMap<u32, Arc<Descriptor>>>,
    sites: Mutex<HashMap<usize, u32>>,
    next_site: AtomicU32,
    closed: AtomicBool,
    on_attach: OnceLock<Box<dyn Fn() + Send + Sync>>,
    control: Arc<Control>,
    /// Drops outside of any ring.
    dropped: Mutex<Counters>,
    delivered: [AtomicU64; 3],
    rejected: [AtomicU64; 3],
}

#[derive(Default)]
struct Rings {
    all: Vec<Arc<Ring>>,
    /// Rings whose thread has ended, for the next one.
    free: Vec<Producer>,
    /// Rings the drain has not picked up yet.
    new: Vec<Consumer>,
    next_number: u32,
}

static NEXT_JOURNAL: AtomicUsize = AtomicUsize::new(1);

impl Journal {
    /// Opens a journal.
    ///
    /// # Errors
    /// As from the system when its files cannot be created. [`Placement::Memory`] fails only
    /// without memory.
    pub fn open(placement: Placement, filter: Filter) -> io::Result<Self> {
        let callsites = match &placement {
            Placement::Directory(directory) => {
                let memory = Memory::create(&directory.join("callsites"), CALLSITES_SIZE)?;
                Some(Region::new(memory))
            }
            Placement::Memory => None,
        };
        let mut rings = Rings::default();
        let shared = rings.create(&placement)?;
        Ok(Self(Arc::new(Inner {
            id: NEXT_JOURNAL.fetch_add(1, Ordering::Relaxed),
            placement,
            filter,
            rings: Mutex::new(rings),
            shared: Mutex::new(shared),
            callsites,
            descriptors: Mutex::default(),
            sites: Mutex::default(),
            next_site: AtomicU32::new(1),
            closed: AtomicBool::new(false),
            on_attach: OnceLock::new(),
            control: Arc::default(),
            dropped: Mutex::default(),
            delivered: Default::default(),
            rejected: Default::default(),
        })))
    }

    /// Records one event, span or metric: `build` fills it in. Never fails and never panics;
    /// waits at most 1 ms, and only for the first record that finds the ring full.
    ///
    /// `build` runs code of the application (formatters), which may record in turn.
    pub fn record(
        &self,
        kind: Kind,
        level: Level,
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        if thread::is_suppressed() {
            return;
        }
        let mut buffer = thread::take_scratch();
        let mut builder = Builder::new(&mut buffer, kind, level, now_ns(), site, context);
        build(&mut builder);
        let truncated = builder.finish();
        thread::push(self, &mut buffer, kind, level, truncated);
        thread::give_scratch(buffer);
    }

    /// The site of a static call site, registered at its first use. `key` identifies it within
    /// the process.
    pub fn site(&self, key: usize, describe: impl FnOnce() -> Descriptor) -> Site {
        if let Some(id) = thread::cached_site(self, key) {
            return Site::Registered(id);
        }
        let mut sites = lock(&self.0.sites);
        let id = match sites.get(&key) {
            Some(id) => *id,
            None => {
                let descriptor = describe();
                let Some(id) = self.register(&descriptor) else { return Site::Inline(descriptor) };
                sites.insert(key, id);
                lock(&self.0.descriptors).insert(id, Arc::new(descriptor));
                id
            }
        };
        drop(sites);
        thread::cache_site(self, key, id);
        Site::Registered(id)
    }

    fn register(&self, descriptor: &Descriptor) -> Option<u32> {
        match &self.0.callsites {
            Some(region) => region.append(descriptor),
            None => Some(self.0.next_site.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Whether an event of this target and level is recorded.
    pub fn allows(&self, target: &str, level: Level) -> bool {
        self.0.filter.allows(target, level)
    }

    /// The level filter.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// Counts a record that its call site's rate limit held back.
    pub fn count_rate_limited(&self, kind: Kind, level: Level) {
        self.count_drop(kind, DropReason::RateLimited, level);
    }

    pub(crate) fn count_drop(&self, kind: Kind, reason: DropReason, level: Level) {
        let mut dropped = lock(&self.0.dropped);
        dropped.dropped[kind as usize][reason as usize][level as usize] += 1;
    }

    /// Calls `hook` whenever a thread records for the first time; the first hook stays.
    pub fn set_on_attach(&self, hook: Box<dyn Fn() + Send + Sync>) {
        let _already_set = self.0.on_attach.set(hook);
    }

    /// Ends recording: later records are dropped and counted as after shutdown. Waits, at most
    /// `within`, for calls that are recording at this moment. Whether none is left: then what the
    /// drain finds from now on is all there will ever be.
    pub fn close(&self, within: Duration) -> bool {
        self.0.closed.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + within;
        loop {
            // The list is read anew: a thread may have got its ring just now.
            let busy = lock(&self.0.rings).all.iter().any(|ring| ring.is_busy());
            if !busy || Instant::now() >= deadline {
                return !busy;
            }
            std::thread::sleep(CLOSE_STEP);
        }
    }

    /// Where the rings are.
    pub fn placement(&self) -> &Placement {
        &self.0.placement
    }

    /// The books of one signal. `offered = delivered + rejected + dropped + pending` holds in
    /// every answer; see [`Account`].
    pub fn account(&self, kind: Kind) -> Account {
        // Delivered first: it only grows, and nothing is delivered that was not counted as accepted
        // before, so that pending is never negative.
        let delivered = self.0.delivered[kind as usize].load(Ordering::Acquire);
        let rejected = self.0.rejected[kind as usize].load(Ordering::Acquire);
        let mut sum = *lock(&self.0.dropped);
        for ring in &lock(&self.0.rings).all {
            sum.add(&ring.counters());
        }
        Account::new(kind, &sum, delivered, rejected)
    }

    /// The drain's control: flush, wake, stop.
    pub fn control(&self) -> &Arc<Control> {
        &self.0.control
    }

    pub(crate) fn id(&self) -> usize {
        self.0.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn on_attach(&self) {
        if let Some(hook) = self.0.on_attach.get() {
            hook();
        }
    }

    /// A ring for a thread: a used one, a new one, or none past the cap or without room on disk.
    pub(crate) fn producer(&self) -> Option<Producer> {
        let mut rings = lock(&self.0.rings);
        if let Some(producer) = rings.free.pop() {
            return Some(producer);
        }
        let cap = RINGS_BYTES_MAX / Ring::memory_size(RING_CAPACITY);
        if rings.all.len() >= cap {
            return None;
        }
        rings.create(&self.0.placement).ok()
    }

    pub(crate) fn give_back(&self, producer: Producer) {
        lock(&self.0.rings).free.push(producer);
    }

    pub(crate) fn shared(&self) -> &Mutex<Producer> {
        &self.0.shared
    }

    pub(crate) fn take_new_consumers(&self, into: &mut Vec<Consumer>) {
        into.append(&mut lock(&self.0.rings).new);
    }

    pub(crate) fn descriptor(&self, id: u32) -> Option<Arc<Descriptor>> {
        lock(&self.0.descriptors).get(&id).cloned()
    }

    pub(crate) fn count_delivered(&self, records: [u64; 3]) {
        for (cell, count) in self.0.delivered.iter().zip(records) {
            cell.fetch_add(count, Ordering::AcqRel);
        }
    }

    pub(crate) fn count_rejected(&self, kind: Kind) {
        self.0.rejected[kind as usize].fetch_add(1, Ordering::AcqRel);
    }

    /// Moves records that reached no destination from pending to dropped.
    pub(crate) fn count_without_destination(&self, records: [u64; 3]) {
        let mut dropped = lock(&self.0.dropped);
        for (kind, count) in Kind::ALL.into_iter().zip(records) {
            let reason = DropReason::NoDestination as usize;
            // They were accepted by a ring; here they change the column, not the sum.
            dropped.accepted[kind as usize] = dropped.accepted[kind as usize].wrapping_sub(count);
            dropped.dropped[kind as usize][reason][Level::Info as usize] += count;
        }
    }

    /// The directory of this instance, when rings are in files.
    pub fn directory(&self) -> Option<&Path> {
        match &self.0.placement {
            Placement::Directory(path) => Some(path),
            Placement::Memory => None,
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("placement", &self.0.placement).finish_non_exhaustive()
    }
}

impl Rings {
    fn create(&mut self, placement: &Placement) -> io::Result<Producer> {
        let number = self.next_number;
        let size = Ring::memory_size(RING_CAPACITY);
        let memory = match placement {
            Placement::Directory(path) => {
                Memory::create(&path.join("rings").join(format!("{number}.ring")), size)?
            }
            Placement::Memory => Memory::anonymous(size)?,
        };
        self.next_number += 1;
        let (ring, producer, consumer) = Ring::split(memory, number);
        self.all.push(ring);
        self.new.push(consumer);
        Ok(producer)
    }
}

/// Telemetry goes on when some thread panicked with a lock held: the data is counters and lists
/// that are whole at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64
}
