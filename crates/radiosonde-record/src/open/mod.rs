//! The spans that are open: what runs now, and what was running when a process died.
//!
//! # Constraints
//! A span's record is made when it closes, so that of a span that never does there is none. Each
//! open span therefore has a slot in a table, which is a file mapping beside the rings: opening and
//! closing one are a few plain stores on the thread of the application, without a lock, a system
//! call or an allocation; what is in it survives the process. The table is bounded
//! ([`OPEN_SPANS_MAX`]): spans past it are counted and not listed.
//!
//! # Layout
//! The file `open`: a page of header, the headers of blocks, the slots. Numbers are little-endian.
//! ```text
//! file       0 u64 magic "RSNDOPN1"   8 u64 version   16 u64 number of slots   24 u64 process id
//!           64 u64 opened without a slot             72 u64 of these closed again
//!          128 u64 heartbeat: nanoseconds since 1970 of the drain's last look
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
//! A thread takes a block of slots and is the only one to open spans in it. It stores the state
//! "being written" with the next generation, then the words, then the state "open"; each store is a
//! Release. Any thread may close a span: one store of the state, by whoever has the only handle.
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
use std::sync::{Arc, Mutex};

use crate::descriptor::Descriptor;
use crate::ring::{Memory, Words as _, is_forked_child};
use pool::Pool;
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handle {
    /// In this slot, while it has this state.
    Listed { slot: u32, state: u64 },
    /// There was no slot for it.
    Unlisted,
    /// A forked child opened it, or nobody did.
    #[default]
    Nowhere,
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

/// A span that was open when its process died. See [`Sink::interrupted`](crate::Sink::interrupted).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted {
    /// The span.
    pub span: RunningSpan,
    /// When its process was last known to live, nanoseconds since 1970: the drain's last look at
    /// the rings, at most 50 ms before the end of a process whose threads were running, or the start
    /// of its youngest open span, if that is later.
    pub died_ns: u64,
    /// Id of the process.
    pub pid: u32,
}

/// The table of a journal.
#[derive(Debug)]
pub(crate) struct OpenSpans {
    slots: Slots<Memory>,
    pool: Mutex<Pool>,
}

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
        let slots = Slots::new(memory);
        slots.begin(std::process::id());
        Arc::new(Self { slots, pool: Mutex::new(Pool::new(blocks)) })
    }

    /// Lists a span.
    #[inline]
    pub(crate) fn open(self: &Arc<Self>, span: Opened<'_>) -> OpenSpan {
        if is_forked_child() {
            return OpenSpan(Handle::Nowhere);
        }
        OpenSpan(match local::open(self, span) {
            Some((slot, state)) => Handle::Listed { slot, state },
            None => {
                self.slots.memory().add_shared(slots::UNLISTED_OPENED_AT, 1);
                Handle::Unlisted
            }
        })
    }

    /// The context or the parent of a span has become another one.
    pub(crate) fn change(&self, span: &mut OpenSpan, parent: u64, context: &[u8]) {
        if let Handle::Listed { slot, state } = &mut span.0
            && !is_forked_child()
        {
            *state = self.slots.change(*slot, *state, parent, context);
        }
    }

    /// The span is closed.
    #[inline]
    pub(crate) fn close(&self, span: &Handle) {
        match *span {
            _ if is_forked_child() => {}
            Handle::Listed { slot, state } => {
                if self.slots.close(slot, state) {
                    local::closed(self, slot);
                }
            }
            Handle::Unlisted => self.slots.memory().add_shared(slots::UNLISTED_CLOSED_AT, 1),
            Handle::Nowhere => {}
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
        let used = self.used();
        let mut listed: Vec<Written> = (0..used).filter_map(|slot| self.slots.read(slot)).collect();
        let unlisted = self.slots.unlisted();
        let open = listed.len() as u64 + unlisted;
        listed.sort_by_key(|span| span.start_ns);
        listed.truncate(limit);
        // Names of threads are written with the lock held.
        let _pool = crate::journal::lock(&self.pool);
        let running = |span: Written| RunningSpan {
            site: describe(span.site).map(|site| (*site).clone()).unwrap_or_default(),
            thread: self.slots.thread_name(span.slot, span.thread),
            start_ns: span.start_ns,
            parent: span.parent,
            context: span.context,
        };
        RunningSpans { oldest: listed.into_iter().map(running).collect(), open, unlisted }
    }

    /// Slots of blocks that were ever taken.
    fn used(&self) -> u32 {
        (crate::journal::lock(&self.pool).used() * BLOCK_SLOTS) as u32
    }
}
