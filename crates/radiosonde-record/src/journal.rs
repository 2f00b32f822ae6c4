//! The journal: all rings of one owner, and the way in for every thread.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::descriptor::Descriptor;
use crate::filter::Filter;
use crate::level::{Kind, Level};
use crate::open::OpenSpans;
use crate::pool::Rings;
use crate::refusal::Refusals;
use crate::ring::{self, Counters, Memory, Producer, Region, Ring};
use crate::sites::Sites;

mod books;
mod callsites;
mod record;
mod rings;

/// Data bytes of a thread's first ring.
pub const RING_CAPACITY_MIN: usize = 64 * 1024;
/// Data bytes of the largest ring a thread gets under pressure.
pub const RING_CAPACITY_MAX: usize = 1024 * 1024;
/// Data bytes of the ring that threads without one of their own share: room for any record.
const SHARED_CAPACITY: usize = 256 * 1024;
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

impl Placement {
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Memory => None,
        }
    }
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
    /// Its header counts the calls that have no ring.
    shared_ring: Arc<Ring>,
    callsites: Option<Region>,
    spans: Arc<OpenSpans>,
    descriptors: Mutex<HashMap<u32, Arc<Descriptor>>>,
    sites: Sites,
    /// Held by whoever inserts; what did not fit in `sites`.
    more_sites: Mutex<HashMap<usize, u32>>,
    next_site: AtomicU32,
    closed: AtomicBool,
    /// Call sites know their numbers in this journal.
    global: AtomicBool,
    /// Calls in forked children of this process, in each child's own memory.
    forked: AtomicU64,
    on_attach: OnceLock<Box<dyn Fn() + Send + Sync>>,
    control: Arc<Control>,
    /// Records that found no destination.
    dropped: Mutex<Counters>,
    delivered: [AtomicU64; 3],
    rejected: [AtomicU64; 3],
    refusals: Refusals,
    /// By signal, whether somebody else sends what was taken over.
    sent_elsewhere: [AtomicBool; 3],
    service: OnceLock<String>,
    restarts: AtomicU64,
    exports_lost: AtomicU64,
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
        ring::prepare();
        let spans = OpenSpans::create(placement.directory())?;
        let mut rings = Rings::new(&placement);
        let mut shared = rings.create(SHARED_CAPACITY)?;
        shared.share();
        let shared_ring = Arc::clone(shared.ring());
        rings.add_spares();
        Ok(Self(Arc::new(Inner {
            id: NEXT_JOURNAL.fetch_add(1, Ordering::Relaxed),
            placement,
            filter,
            rings: Mutex::new(rings),
            shared: Mutex::new(shared),
            shared_ring,
            callsites,
            spans,
            descriptors: Mutex::default(),
            sites: Sites::default(),
            more_sites: Mutex::default(),
            next_site: AtomicU32::new(1),
            closed: AtomicBool::new(false),
            global: AtomicBool::new(false),
            forked: AtomicU64::new(0),
            on_attach: OnceLock::new(),
            control: Arc::default(),
            dropped: Mutex::default(),
            delivered: Default::default(),
            rejected: Default::default(),
            refusals: Refusals::default(),
            sent_elsewhere: Default::default(),
            service: OnceLock::new(),
            restarts: AtomicU64::new(0),
            exports_lost: AtomicU64::new(0),
        })))
    }

    /// Whether an event of this target and level is recorded.
    pub fn allows(&self, target: &str, level: Level) -> bool {
        self.0.filter.allows(target, level)
    }

    /// The level filter.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// Whether this process is a forked child of the one that opened the journal: then it records
    /// nothing, and drain and files are not its own.
    pub fn is_forked(&self) -> bool {
        ring::is_forked_child()
    }

    /// Whether it is the journal of the process.
    pub(crate) fn is_global(&self) -> bool {
        self.0.global.load(Ordering::Relaxed)
    }

    pub(crate) fn become_global(&self) {
        self.0.global.store(true, Ordering::Release);
        self.0.filter.settle();
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
        self.0.spans.end();
        ring::process_barrier();
        let deadline = Instant::now() + within;
        loop {
            // The list is read anew: a thread may have got its ring just now.
            let busy = lock(&self.0.rings).all().iter().any(|ring| ring.is_busy());
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

    /// Notes that records of this signal were taken over from an exporter that sends them itself.
    pub fn note_sent_elsewhere(&self, kind: Kind) {
        self.0.sent_elsewhere[kind as usize].store(true, Ordering::Relaxed);
    }

    /// Whether records of this signal were taken over from an exporter that sends them itself.
    pub fn is_sent_elsewhere(&self, kind: Kind) -> bool {
        self.0.sent_elsewhere[kind as usize].load(Ordering::Relaxed)
    }

    /// Says whose journal this is, once: records that come with a service of their own, another one,
    /// then keep its name.
    pub fn set_service(&self, service: &str) {
        let _first = self.0.service.set(service.to_owned());
    }

    /// The service, if somebody has said it.
    pub fn service(&self) -> Option<&str> {
        self.0.service.get().map(String::as_str)
    }

    /// The drain's control: flush, wake, stop.
    pub fn control(&self) -> &Arc<Control> {
        &self.0.control
    }

    pub(crate) fn id(&self) -> usize {
        self.0.id
    }

    /// Whether it was closed: what is recorded from now on is dropped, and counted as that.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn on_attach(&self) {
        if let Some(hook) = self.0.on_attach.get() {
            hook();
        }
    }

    pub(crate) fn spans(&self) -> &Arc<OpenSpans> {
        &self.0.spans
    }

    /// The directory of this instance, when rings are in files.
    pub fn directory(&self) -> Option<&Path> {
        self.0.placement.directory()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("placement", &self.0.placement).finish_non_exhaustive()
    }
}

/// Telemetry goes on when some thread panicked with a lock held: the data is counters and lists
/// that are whole at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
