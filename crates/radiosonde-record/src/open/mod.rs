//! The spans that are open: what runs now, and what was running when a process died.
//!
//! # Constraints
//! A span's record is made when it closes, so that of a span that never does there is none. Each
//! open span therefore has a slot in a table, which is a file mapping beside the rings: opening and
//! closing one are a few plain stores on the thread of the application, without a lock, a system
//! call or an allocation; what is in it survives the process. The table is bounded
//! ([`OPEN_SPANS_MAX`]): spans past it are counted and not listed. So are those of threads past the
//! first 512 that have a block, while these live. Generations have 48 bits: none comes back.
//!
//! # Layout
//! The file `open`: a page of header, the headers of blocks, the slots. Numbers are little-endian.
//! ```text
//! file       0 u64 magic "RSNDOPN1"   8 u64 version   16 u64 number of slots   24 u64 process id
//!           64 u64 opened without a slot             72 u64 of these closed again
//!          128 u64 heartbeat: nanoseconds since 1970 of the drain's last look
//!          136 u64 start of the youngest span that has its event, as telemetry was shut down
//!          144 u64 number of its slot + 1; 0 = no span has
//!         3072 u64 how far recovery is; 0 in the file of a living process
//! block      0 u64 number of the thread that has it, 0 = none   8 u64 length of its name
//!           16 the name, at most 48 bytes
//! slot       0 u64 state: generation << 16 | length of the context << 8 | 0 free, 1 being written,
//!                                                                    2 open, 3 being changed
//!            8 u64 start, nanoseconds since 1970      16 u64 the parent's span id, 0 = none
//!           24 u64 call site | number of the thread << 32
//!           32 the packed context, at most 160 bytes: what is longer ends there
//! ```
//!
//! # Operation
//! A thread takes a block of slots and is the only one to open spans in it, in one slot after the
//! other; what does not close keeps its slot, and is passed over. It stores the state "being
//! written", then the words, then the state "open" with the next generation; each store is a
//! Release, which costs nothing on x86. Any thread may close a span: one store of the state, by
//! whoever has the only handle. A thread that ends gives its blocks back, also those with open spans
//! in them.
//! A reader takes a slot's state, its words and its state again, each load an Acquire, and believes
//! them when both states are the same and "open": nobody ever sees half of one span and half of
//! another.
//!
//! # Recovery
//! Whoever recovers a dead process makes an event of each span that is open in its table, and treats
//! these as the records of one more ring ([`remains`]), so that they stand in the day files exactly
//! once for the same reasons as all records do. A span that was just being opened is left out: its
//! call never returned. One that was just being closed has its record already, and the event as
//! well.

mod journal;
mod local;
mod pool;
pub(crate) mod remains;
mod slots;
#[cfg(all(test, not(loom)))]
mod tests;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::descriptor::Descriptor;
use crate::ring::{Memory, Words as _, is_forked_child};
use pool::Pool;
use slots::Mapped;
#[cfg(all(test, loom))]
pub(crate) use slots::SLOT_WORDS;
pub(crate) use slots::{Slots, Written};

/// Spans that are listed at a time; more are counted.
pub const OPEN_SPANS_MAX: usize = BLOCKS * BLOCK_SLOTS;

/// Slots a thread takes at a time: few, so that many threads have some.
const BLOCK_SLOTS: usize = 16;
const BLOCKS: usize = 512;

/// A span that is open: to be given to [`Journal::close_span`](crate::Journal::close_span). The
/// default is none that anybody knows of.
#[derive(Debug, Default)]
#[must_use = "a span that is not closed is shown as running for ever"]
pub struct OpenSpan(Handle);

/// The slot of a span, and the state that it has as long as the span is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handle {
    slot: u32,
    /// Of an open slot, or one of those below: two words, which fit in registers.
    state: u64,
}

impl Handle {
    /// A forked child opened it, or nobody did. The state of a slot that was never used.
    const NOWHERE: Self = Self { slot: 0, state: 0 };
    /// There was no slot for it. No slot that is open has this state.
    const UNLISTED: Self = Self { slot: 0, state: 1 };

    #[inline(always)]
    fn is_listed(self) -> bool {
        self.state > Self::UNLISTED.state
    }
}

/// What is known of a span when it opens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened<'a> {
    /// Number of the call site, 0 when it has none.
    pub(crate) site: u32,
    pub(crate) parent: u64,
    pub(crate) start_ns: u64,
    pub(crate) context: &'a [u8],
}

/// A span that has not been closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningSpan {
    /// Its call site: name, source, file and line. Empty where that is not known.
    pub site: Descriptor,
    /// When it began, nanoseconds since 1970.
    pub start_ns: u64,
    /// The parent's span id, 0 for a root.
    pub parent: u64,
    /// The packed context of code inside it: its trace, its own id, and others. What was longer
    /// than 160 bytes ends there.
    pub context: Vec<u8>,
    /// Name of the thread it was opened on; empty when it has none, or has ended since.
    pub thread: String,
}

/// The spans that are open now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningSpans {
    /// The oldest of them, the oldest first.
    pub oldest: Vec<RunningSpan>,
    /// How many there are, listed or not.
    pub open: u64,
    /// How many of them have no place in the table.
    pub unlisted: u64,
}

/// A span that was open when its process died, or ended its telemetry. See
/// [`Sink::interrupted`](crate::Sink::interrupted).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted {
    /// The span.
    pub span: RunningSpan,
    /// When its process was last known to live, nanoseconds since 1970: the drain's last look at
    /// the rings, at most 50 ms before the end of a process whose threads were running, or the start
    /// of its youngest open span, if that is later. When telemetry was shut down, otherwise.
    pub died_ns: u64,
    /// Id of the process.
    pub pid: u32,
    /// Whether its process ended telemetry in order, and did not die.
    pub is_shutdown: bool,
}

/// The table of a journal.
#[derive(Debug)]
pub(crate) struct OpenSpans {
    /// Unlike that of any other table of this process.
    id: u64,
    slots: Slots<Mapped>,
    pool: Mutex<Pool>,
    /// The pool had nothing left, and was given nothing since.
    exhausted: AtomicBool,
    /// Its journal is closed: threads that have blocks of it let go of them.
    ended: AtomicBool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl OpenSpans {
    /// Makes the table: in a file of this directory, or in memory.
    ///
    /// # Errors
    /// As from the system.
    pub(crate) fn create(directory: Option<&Path>) -> io::Result<Arc<Self>> {
        let size = slots::SIZE;
        let memory = match directory {
            Some(directory) => Memory::create(&directory.join(remains::FILE), size)?,
            None => Memory::anonymous(size)?,
        };
        Ok(Self::of(memory, BLOCKS))
    }

    fn of(memory: Memory, blocks: usize) -> Arc<Self> {
        let slots = Slots::new(Mapped::new(memory));
        slots.begin(std::process::id());
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (pool, exhausted) = (Mutex::new(Pool::new(blocks)), AtomicBool::new(false));
        Arc::new(Self { id, slots, pool, exhausted, ended: AtomicBool::new(false) })
    }

    /// Nothing that is opened from now on matters: threads let go of it when they meet the next table.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Lists a span.
    #[inline(always)]
    pub(crate) fn open(self: &Arc<Self>, span: Opened<'_>) -> OpenSpan {
        if is_forked_child() {
            return OpenSpan(Handle::NOWHERE);
        }
        OpenSpan(local::open(self, span))
    }

    /// Counts a span that has no slot.
    fn unlisted(&self) -> Handle {
        self.slots.memory().add_shared(slots::UNLISTED_OPENED_AT, 1);
        Handle::UNLISTED
    }

    /// The context or the parent of a span has become another one.
    pub(crate) fn change(&self, span: &mut OpenSpan, parent: u64, context: &[u8]) {
        if span.0.is_listed() && !is_forked_child() {
            span.0 = self.slots.change(span.0, parent, context);
        }
    }

    /// The span is closed.
    #[inline(always)]
    pub(crate) fn close(&self, span: Handle) {
        if is_forked_child() {
            return;
        }
        if span.is_listed() {
            let _was_open = self.slots.close(span);
        } else if span == Handle::UNLISTED {
            self.slots.memory().add_shared(slots::UNLISTED_CLOSED_AT, 1);
        }
    }

    /// The process lives at this moment.
    pub(crate) fn beat(&self, now_ns: u64) {
        self.slots.memory().store_release(slots::HEARTBEAT_AT, now_ns);
    }

    /// How many spans are open: listed, and past the table.
    pub(crate) fn count(&self) -> (u64, u64) {
        let used = self.used();
        let listed = (0..used).filter(|slot| self.slots.is_open(*slot)).count();
        (listed as u64, self.slots.unlisted())
    }

    /// The spans that are open, oldest first, at most `limit` of them; `describe` knows call sites.
    pub(crate) fn running(
        &self,
        limit: usize,
        describe: impl Fn(u32) -> Option<Arc<Descriptor>>,
    ) -> RunningSpans {
        let (listed, open, unlisted) = self.listed(limit);
        let running = |span: Written| self.describe(span, &describe);
        RunningSpans { oldest: listed.into_iter().map(running).collect(), open, unlisted }
    }

    /// What the table says of the oldest, how many are open, and how many of these are not listed.
    fn listed(&self, limit: usize) -> (Vec<Written>, u64, u64) {
        let used = self.used();
        let mut listed: Vec<Written> = (0..used).filter_map(|slot| self.slots.read(slot)).collect();
        let unlisted = self.slots.unlisted();
        let open = listed.len() as u64 + unlisted;
        listed.sort_by_key(|span| (span.start_ns, span.slot));
        listed.truncate(limit);
        (listed, open, unlisted)
    }

    fn describe(
        &self,
        span: Written,
        describe: impl Fn(u32) -> Option<Arc<Descriptor>>,
    ) -> RunningSpan {
        let thread = {
            // Names of threads are written with the lock held. Threads that begin wait for one name.
            let _pool = crate::journal::lock(&self.pool);
            self.slots.thread_name(span.slot, span.thread)
        };
        RunningSpan {
            site: describe(span.site).map(|site| (*site).clone()).unwrap_or_default(),
            thread,
            start_ns: span.start_ns,
            parent: span.parent,
            context: span.context,
        }
    }

    /// Calls `tell` with the oldest spans that are open, until `go_on` says no before the next one.
    /// What was told is no matter of recovery any more. How many these are.
    pub(crate) fn interrupt(
        &self,
        limit: usize,
        describe: impl Fn(u32) -> Option<Arc<Descriptor>>,
        tell: &mut dyn FnMut(RunningSpan),
        go_on: &mut dyn FnMut() -> bool,
    ) -> u64 {
        let (listed, ..) = self.listed(limit);
        let mut told = 0;
        for listed in listed {
            if !go_on() {
                break;
            }
            let now = self.slots.read(listed.slot);
            // It may have ended meanwhile.
            let Some(span) = now.filter(|now| now.start_ns == listed.start_ns) else { continue };
            tell(self.describe(span, &describe));
            self.slots.told(&listed);
            told += 1;
        }
        told
    }

    /// Slots of blocks that were ever taken.
    fn used(&self) -> u32 {
        (crate::journal::lock(&self.pool).used() * BLOCK_SLOTS) as u32
    }
}
