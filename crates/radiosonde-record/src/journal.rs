//! The journal: all rings of one owner, and the way in for every thread.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::callsite::Callsite;
use crate::control::Control;
use crate::descriptor::Descriptor;
use crate::filter::Filter;
use crate::format::{self, Buffer, Builder, MESSAGE_MAX, Site};
use crate::level::{DropReason, Kind, Level};
use crate::open::OpenSpans;
use crate::plain::{self, FieldList, Plain};
use crate::pool::{Rings, Taken};
use crate::refusal::{Refusal, Refusals};
use crate::ring::{self, Consumer, Counters, Memory, Producer, Region, Ring};
use crate::sites::Sites;
use crate::thread::{self, Push};
use crate::value::Value;

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
        let shared = rings.create(SHARED_CAPACITY)?;
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

    /// Records one event, span or metric: `build` fills it in. Never fails and never panics;
    /// waits at most 1 ms, and only for the first record that finds the ring full.
    ///
    /// `build` runs code of the application (formatters), which may record in turn. The context may
    /// be empty and come from `build` instead: see [`Builder::context`].
    pub fn record(
        &self,
        kind: Kind,
        level: Level,
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        self.record_at(thread::now_ns(), (kind, level), site, context, build);
    }

    /// As [`Journal::record`], of something that happened at another time, in nanoseconds since 1970.
    /// A time ahead of the clock delays what comes after it by some milliseconds, not more.
    pub fn record_at(
        &self,
        timestamp_ns: u64,
        what: (Kind, Level),
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        if !thread::is_suppressed() {
            self.build_at(timestamp_ns, what, site, context, build);
        }
    }

    /// As [`Journal::record_at`], on threads of telemetry as well.
    pub(crate) fn build_at(
        &self,
        now: u64,
        (kind, level): (Kind, Level),
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        let Some(_entered) = thread::enter() else {
            return self.count_outside(kind, DropReason::Reentrant, level);
        };
        let mut buffer = Buffer::take();
        let mut builder = Builder::new(&mut buffer, kind, level, now, site);
        builder.context(context);
        build(&mut builder);
        let truncated = builder.finish();
        let fill = |record: &mut [u8], stamp| {
            record.copy_from_slice(buffer.written());
            format::seal(record, stamp);
        };
        Push { kind, level, truncated, length: buffer.written().len(), fill }.run(self);
        buffer.give();
    }

    /// Records an event of a static call site in the ring itself, when no formatter is among its
    /// message and fields and nothing must be cut: then no code of the application runs. `false`,
    /// and nothing is recorded, otherwise: [`Journal::formatted_event`] is for those. Waits as
    /// [`Journal::record`] does.
    ///
    /// `message` is left out when the call site has it.
    #[inline(always)]
    pub fn plain_event(
        &self,
        callsite: &'static Callsite,
        context: &[u8],
        message: Option<Value<'_>>,
        fields: &dyn FieldList,
    ) -> bool {
        if thread::is_suppressed() {
            return true;
        }
        let text = callsite.text();
        let message = match message {
            None => None,
            Some(Value::Str(text)) if text.len() <= MESSAGE_MAX => Some(text),
            Some(_) => return false,
        };
        let field_count = text.keys.len();
        let Some(length) = plain::length(context, message, fields, field_count) else {
            return false;
        };
        let Some(site) = self.number(callsite) else { return false };
        let (level, timestamp_ns) = (text.level, thread::now_ns());
        let plain = Plain { level, timestamp_ns, site, context, message, fields, field_count };
        Push::new(
            (Kind::Event, level),
            length,
            #[inline(always)]
            |record, stamp| plain.write(record, stamp),
        )
        .run(self);
        true
    }

    /// Records an event of a static call site, whatever its message and fields are. See
    /// [`Journal::plain_event`].
    #[cold]
    pub fn formatted_event(
        &self,
        callsite: &'static Callsite,
        context: &[u8],
        message: Option<Value<'_>>,
        fields: &dyn FieldList,
    ) {
        let text = callsite.text();
        let site = self.site(callsite.key(), || callsite.describe());
        self.record(Kind::Event, text.level, &site, context, |record| {
            // In full, should the call site have found no number.
            record.message(message.or(text.message.map(Value::Str)).unwrap_or(Value::Str("")));
            fields.each(0, &mut |index, value| record.field(index, value));
        });
    }

    /// The number of a call site, given at its first use; `None` when there is no room for it.
    #[inline(always)]
    fn number(&self, callsite: &'static Callsite) -> Option<u32> {
        if self.0.global.load(Ordering::Relaxed) {
            let id = callsite.id();
            if id != 0 {
                return Some(id);
            }
        }
        self.find_number(callsite)
    }

    #[inline(never)]
    fn find_number(&self, callsite: &'static Callsite) -> Option<u32> {
        match self.site(callsite.key(), || callsite.describe()) {
            Site::Registered(id) => {
                if self.0.global.load(Ordering::Relaxed) {
                    callsite.set_id(id);
                }
                Some(id)
            }
            Site::Inline(_) => None,
        }
    }

    /// The site of a static call site, registered at its first use. `key` identifies it within
    /// the process.
    #[inline]
    pub fn site(&self, key: usize, describe: impl FnOnce() -> Descriptor) -> Site {
        match self.0.sites.find(key) {
            Some(id) => Site::Registered(id),
            None => self.new_site(key, describe),
        }
    }

    /// The site of a key that [`Journal::site`] was asked for before; `None` for another one, and for
    /// one of those past the first thousands. Takes no lock.
    #[inline]
    pub fn known_site(&self, key: usize) -> Option<Site> {
        self.0.sites.find(key).map(Site::Registered)
    }

    #[cold]
    fn new_site(&self, key: usize, describe: impl FnOnce() -> Descriptor) -> Site {
        let register = || {
            let mut more = lock(&self.0.more_sites);
            if let Some(id) = self.0.sites.find(key).or_else(|| more.get(&key).copied()) {
                return Site::Registered(id);
            }
            let descriptor = describe();
            let Some(id) = self.register(&descriptor) else { return Site::from(descriptor) };
            // Known before it can be met in a record.
            lock(&self.0.descriptors).insert(id, Arc::new(descriptor));
            if !self.0.sites.insert(key, id) {
                more.insert(key, id);
            }
            Site::Registered(id)
        };
        if ring::is_forked_child() {
            // Others may have held the lock when the process was forked.
            return Site::from(Descriptor::default());
        }
        // Inside of another registration: the record will be refused as reentrant.
        thread::inside(register).unwrap_or_else(|| Site::from(Descriptor::default()))
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
        self.count_outside(kind, DropReason::RateLimited, level);
    }

    /// Counts a call that no ring counts. Neither locks nor allocates; survives the process as
    /// the records do.
    pub(crate) fn count_outside(&self, kind: Kind, reason: DropReason, level: Level) {
        if ring::is_forked_child() {
            return self.count_forked();
        }
        self.0.shared_ring.count_outside(kind, reason, level);
    }

    /// Counts a call in a forked child: in memory of its own.
    #[cold]
    pub(crate) fn count_forked(&self) {
        self.0.forked.fetch_add(1, Ordering::Relaxed);
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

    /// The books of one signal. `offered = delivered + rejected + dropped + pending` holds in
    /// every answer; see [`Account`].
    ///
    /// In a forked child: what was offered there, all of it dropped as forked; no lock is taken,
    /// which another thread may have held when the process was forked.
    pub fn account(&self, kind: Kind) -> Account {
        if ring::is_forked_child() {
            return self.account_in_child(kind);
        }
        // A signal handler that records for the first time on this thread must not take the locks.
        thread::inside(|| self.sum(kind)).unwrap_or_else(|| self.sum(kind))
    }

    fn account_in_child(&self, kind: Kind) -> Account {
        let mut sum = Counters::default();
        if kind == Kind::Event {
            let forked = self.0.forked.load(Ordering::Relaxed);
            sum.dropped[kind as usize][DropReason::Forked as usize][Level::Info as usize] = forked;
        }
        Account::new(kind, &sum, 0, 0)
    }

    fn sum(&self, kind: Kind) -> Account {
        // Delivered first: it only grows, and nothing is delivered that was not counted as accepted
        // before, so that pending is never negative.
        let delivered = self.0.delivered[kind as usize].load(Ordering::Acquire);
        let rejected = self.0.rejected[kind as usize].load(Ordering::Acquire);
        let mut sum = *lock(&self.0.dropped);
        // Not with the lock held: the drain needs it at each look, and there may be a thousand.
        let rings = lock(&self.0.rings).all().to_vec();
        rings.iter().for_each(|ring| sum.add(&ring.counters()));
        Account::new(kind, &sum, delivered, rejected).and_refused(self.0.refusals.of(kind))
    }

    /// Counts records that were offered from elsewhere and could not be taken over, as offered and
    /// rejected. `first` says, to people, what the first of this reason was about; no values of the
    /// application may be in it. For whoever takes over records of others: what `event!` and its like
    /// are handed is never refused.
    pub fn refuse(
        &self,
        kind: Kind,
        reason: &'static str,
        count: u64,
        first: impl FnOnce() -> String,
    ) {
        if ring::is_forked_child() {
            return self.count_forked();
        }
        self.0.refusals.add(kind, reason, count, first);
    }

    /// What was refused so far, by signal and reason.
    pub fn refusals(&self) -> Vec<Refusal> {
        if ring::is_forked_child() { Vec::new() } else { self.0.refusals.all() }
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

    /// How often the drain has panicked and gone on.
    pub fn drain_restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_restart(&self) -> u64 {
        self.0.restarts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many exports nobody has taken over: see [`Sink::export`](crate::Sink::export). Their records
    /// may have lines all the same.
    pub fn exports_lost(&self) -> u64 {
        self.0.exports_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn count_exports_lost(&self, exports: u64) {
        self.0.exports_lost.fetch_add(exports, Ordering::Relaxed);
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

    /// A ring for a thread; `None` past the cap or without room on disk. The lock is held for
    /// moments: making a ring takes longer, and happens without it.
    pub(crate) fn producer(&self) -> Option<Producer> {
        let taken = lock(&self.0.rings).take();
        match taken {
            Taken::Free(producer) => Some(producer),
            Taken::ToMake(to_make) => {
                let made = to_make.make();
                lock(&self.0.rings).add(made)
            }
            Taken::Nothing => None,
        }
    }

    /// A larger ring for a producer under pressure: the one the drain has made for it, or a spare.
    /// Waits for nobody.
    #[cold]
    pub(crate) fn grow(&self, producer: &mut Producer) {
        if producer.take_larger()
            && let Ok(mut rings) = self.0.rings.try_lock()
        {
            rings.exchange(producer);
        }
    }

    pub(crate) fn give_back(&self, producer: Producer) {
        if !ring::is_forked_child() {
            lock(&self.0.rings).give_back(producer);
        }
    }

    /// Sees to rings that are under pressure, and to spare ones when there is time for that. The drain
    /// calls it.
    pub(crate) fn tend(&self, rings: &mut dyn Iterator<Item = &Arc<Ring>>, has_time: bool) {
        let to_make = lock(&self.0.rings).tend(rings, has_time);
        for (ring, to_make) in to_make {
            let made = to_make.make();
            let mut rings = lock(&self.0.rings);
            let Some(producer) = rings.add(made) else { continue };
            let unwanted = match ring {
                Some(ring) => ring.offer(producer),
                None => Some(producer),
            };
            if let Some(producer) = unwanted {
                rings.give_back(producer);
            }
        }
    }

    pub(crate) fn spans(&self) -> &Arc<OpenSpans> {
        &self.0.spans
    }

    pub(crate) fn shared(&self) -> &Mutex<Producer> {
        &self.0.shared
    }

    pub(crate) fn take_new_consumers(&self, into: &mut Vec<Consumer>) {
        lock(&self.0.rings).take_new(into);
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

    /// Records that would have had nothing but the exports that are lost.
    pub(crate) fn count_not_exported(&self, records: [u64; 3]) {
        for (cell, count) in self.0.rejected.iter().zip(records) {
            cell.fetch_add(count, Ordering::AcqRel);
        }
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
