//! Slots in memory: how one is written, closed and read. See the module documentation.
//!
//! Written against [`Rows`], so that the model checker can put its own memory in.

use super::{BLOCK_SLOTS, BLOCKS, Handle};
use crate::ring::{Memory, Rows, Table, Word, Words as _};

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"RSNDOPN1");
pub(super) const VERSION: u64 = 1;

// Of the file.
pub(super) const MAGIC_AT: usize = 0;
pub(super) const VERSION_AT: usize = 8;
pub(super) const SLOTS_AT: usize = 16;
pub(super) const PID_AT: usize = 24;
pub(super) const UNLISTED_OPENED_AT: usize = 64;
pub(super) const UNLISTED_CLOSED_AT: usize = 72;
pub(super) const HEARTBEAT_AT: usize = 128;
pub(super) const TOLD_START_AT: usize = 136;
pub(super) const TOLD_SLOT_AT: usize = 144;
pub(super) const HEADER_SIZE: usize = 4096;

// Of a block's header.
const BLOCK_HEADER_SIZE: usize = 64;
const NAME_LENGTH_AT: usize = 8;
const NAME_AT: usize = 16;
const NAME_MAX: usize = BLOCK_HEADER_SIZE - NAME_AT;

// Of a slot, in words.
pub(crate) const SLOT_WORDS: usize = 24;
const SLOT_SIZE: usize = 8 * SLOT_WORDS;
const STATE: usize = 0;
const START: usize = 1;
const PARENT: usize = 2;
const PLACE: usize = 3;
const CONTEXT: usize = 4;
pub(super) const CONTEXT_MAX: usize = SLOT_SIZE - 8 * CONTEXT;
/// Length of a context that has the ids of a trace and of a span, and no other.
const IDS_LENGTH: usize = 28;

const SLOTS_BEGIN: usize = HEADER_SIZE + BLOCKS * BLOCK_HEADER_SIZE;
/// Size of the file.
pub(super) const SIZE: usize = SLOTS_BEGIN + BLOCKS * BLOCK_SLOTS * SLOT_SIZE;

// The lowest bits of a state.
const STATE_BITS: u64 = 0b11;
const FREE: u64 = 0;
const WRITING: u64 = 1;
const OPEN: u64 = 2;
const CHANGING: u64 = 3;
const LENGTH_SHIFT: u32 = 8;
const GENERATION: u64 = 1 << 16;

/// Spans without a slot that a process may have had open: for more no machine has the memory.
const UNLISTED_MAX: u64 = 1 << 32;

/// Looks at a slot that changes all the while, before it is passed over: its spans are short.
const LOOKS_MAX: usize = 4;

/// What a slot says of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) slot: u32,
    pub(crate) start_ns: u64,
    pub(crate) parent: u64,
    pub(crate) site: u32,
    pub(crate) thread: u32,
    pub(crate) context: Vec<u8>,
}

/// The slots in their memory.
#[derive(Debug)]
pub(crate) struct Slots<M> {
    rows: M,
}

/// The memory of a process's own table.
pub(super) type Mapped = Table<SLOTS_BEGIN, { BLOCKS * BLOCK_SLOTS }, SLOT_WORDS>;

impl<M: Rows<SLOT_WORDS>> Slots<M> {
    pub(crate) fn new(rows: M) -> Self {
        Self { rows }
    }

    #[inline(always)]
    fn slot(&self, slot: u32) -> &[M::Word; SLOT_WORDS] {
        self.rows.row(slot)
    }

    /// Whether nothing is in the slot. By the thread that opens spans in it.
    #[inline]
    pub(crate) fn is_free(&self, slot: u32) -> bool {
        self.slot(slot)[STATE].read_acquire() & STATE_BITS == FREE
    }

    pub(super) fn is_open(&self, slot: u32) -> bool {
        matches!(self.slot(slot)[STATE].read_acquire() & STATE_BITS, OPEN | CHANGING)
    }

    /// Writes a span into a slot of this thread. Not when another span is open there.
    #[inline(always)]
    pub(crate) fn open(&self, slot: u32, thread: u32, span: super::Opened<'_>) -> Handle {
        let words = self.slot(slot);
        // Closed anywhere: what the closing thread did before it comes before what follows here.
        let before = words[STATE].read_acquire();
        if before & STATE_BITS != FREE {
            return Handle::NOWHERE;
        }
        // Neither this nor the next state is one that a reader has met before.
        words[STATE].write_release(before | WRITING);
        words[START].write_release(span.start_ns);
        words[PARENT].write_release(span.parent);
        words[PLACE].write_release(u64::from(span.site) | u64::from(thread) << 32);
        let length = write_context(words, span.context);
        let generation = (before & !(GENERATION - 1)).wrapping_add(GENERATION);
        let state = generation | length << LENGTH_SHIFT | OPEN;
        words[STATE].write_release(state);
        Handle { slot, state }
    }

    /// Changes an open span, by whoever has its handle, and returns the new one.
    pub(crate) fn change(&self, handle: Handle, parent: u64, context: &[u8]) -> Handle {
        let Handle { slot, state } = handle;
        let words = self.slot(slot);
        if words[STATE].read_acquire() != state {
            return handle;
        }
        // Killed in the middle, the span was open all the same: its length stays with the state.
        let generation = (state & !(GENERATION - 1)).wrapping_add(GENERATION);
        let changing = (state & (GENERATION - 1) & !STATE_BITS) | CHANGING;
        words[STATE].write_release(generation | changing);
        words[PARENT].write_release(parent);
        let length = write_context(words, context);
        let state = generation | length << LENGTH_SHIFT | OPEN;
        words[STATE].write_release(state);
        Handle { slot, state }
    }

    /// Ends a span, if it is still the one of this state. Whether it was.
    #[inline(always)]
    pub(crate) fn close(&self, handle: Handle) -> bool {
        let Handle { slot, state } = handle;
        let word = &self.slot(slot)[STATE];
        let is_it = word.read() == state;
        if is_it {
            word.write_release((state & !STATE_BITS) | FREE);
        }
        is_it
    }

    /// The span in a slot; `None` when none is open there, or only ever short ones.
    pub(crate) fn read(&self, slot: u32) -> Option<Written> {
        let words = self.slot(slot);
        for _ in 0..LOOKS_MAX {
            let state = words[STATE].read_acquire();
            match state & STATE_BITS {
                OPEN => {}
                CHANGING => continue,
                _ => return None,
            }
            let found = written(slot, state, |word| words[word].read_acquire());
            if words[STATE].read_acquire() == state {
                return Some(found);
            }
        }
        None
    }
}

impl Slots<Mapped> {
    pub(super) fn memory(&self) -> &Memory {
        self.rows.memory()
    }

    /// Writes the header into zeroed memory.
    pub(super) fn begin(&self, pid: u32) {
        self.memory().store_release(VERSION_AT, VERSION);
        self.memory().store_release(SLOTS_AT, (BLOCKS * BLOCK_SLOTS) as u64);
        self.memory().store_release(PID_AT, u64::from(pid));
        // The magic last: a table without it was never used.
        self.memory().store_release(MAGIC_AT, MAGIC);
    }

    /// A span that is open, and all that are older, have their events.
    pub(super) fn told(&self, span: &Written) {
        self.memory().store_release(TOLD_START_AT, span.start_ns);
        self.memory().store_release(TOLD_SLOT_AT, u64::from(span.slot) + 1);
    }

    /// Spans that are open and have no slot. Never less than there are.
    pub(super) fn unlisted(&self) -> u64 {
        // In this order: what is closed in between was opened before.
        let closed = self.memory().load_acquire(UNLISTED_CLOSED_AT);
        self.memory().load_acquire(UNLISTED_OPENED_AT).saturating_sub(closed)
    }

    /// Writes down whose block it is. With the lock of the pool held.
    pub(super) fn name_block(&self, block: usize, thread: u32, name: &str) {
        let at = HEADER_SIZE + block * BLOCK_HEADER_SIZE;
        self.memory().store_release(at, 0);
        let end = crate::descriptor::floor_char_boundary(name, NAME_MAX);
        self.memory().store_release(at + NAME_LENGTH_AT, end as u64);
        for (nth, bytes) in name.as_bytes()[..end].chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.memory().store_release(at + NAME_AT + 8 * nth, u64::from_le_bytes(word));
        }
        self.memory().store_release(at, u64::from(thread));
    }

    /// The name of the thread that opened a span. With the lock of the pool held.
    pub(super) fn thread_name(&self, slot: u32, thread: u32) -> String {
        let at = HEADER_SIZE + (slot as usize / BLOCK_SLOTS) * BLOCK_HEADER_SIZE;
        name(thread, |offset| self.memory().load_acquire(at + offset))
    }
}

/// Writes a context, or its beginning. Returns how much of it.
#[inline(always)]
fn write_context<W: Word>(slot: &[W; SLOT_WORDS], context: &[u8]) -> u64 {
    // A trace, a span, and no other id: without a loop.
    if let Ok(ids) = <&[u8; IDS_LENGTH]>::try_from(context) {
        let (words, last) = ids.as_chunks::<8>();
        for (to, word) in slot[CONTEXT..].iter().zip(words) {
            to.write_release(u64::from_le_bytes(*word));
        }
        let last = last.first_chunk().map_or(0, |last| u32::from_le_bytes(*last));
        slot[CONTEXT + IDS_LENGTH / 8].write_release(u64::from(last));
        return IDS_LENGTH as u64;
    }
    write_any_context(slot, &context[..context.len().min(CONTEXT_MAX)])
}

#[inline(never)]
fn write_any_context<W: Word>(slot: &[W; SLOT_WORDS], context: &[u8]) -> u64 {
    for (to, bytes) in slot[CONTEXT..].iter().zip(context.chunks(8)) {
        let word = match bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        to.write_release(word);
    }
    context.len() as u64
}

/// The table of a dead process, in the bytes of its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dead<'a>(pub(super) &'a [u8]);

impl Dead<'_> {
    pub(super) fn word(self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The spans that were open and have no event. A damaged slot reads as something or nothing, and
    /// hurts no other.
    pub(super) fn spans(self) -> impl Iterator<Item = Written> {
        let told = (self.word(TOLD_START_AT), self.word(TOLD_SLOT_AT));
        let is_told = told.1 != 0 && told.1 <= (BLOCKS * BLOCK_SLOTS) as u64;
        let has_event = move |span: &Written| (span.start_ns, u64::from(span.slot) + 1) <= told;
        self.open().filter(move |span| !(is_told && has_event(span)))
    }

    fn open(self) -> impl Iterator<Item = Written> {
        (0..(BLOCKS * BLOCK_SLOTS) as u32).filter_map(move |slot| {
            let state = self.word(at(slot));
            let is_open = matches!(state & STATE_BITS, OPEN | CHANGING);
            is_open.then(|| written(slot, state, |word| self.word(at(slot) + 8 * word)))
        })
    }

    /// Spans that were open and had no slot: 0 where the words that count them are damaged.
    pub(super) fn unlisted(self) -> u64 {
        let [opened, closed] = [UNLISTED_OPENED_AT, UNLISTED_CLOSED_AT].map(|at| self.word(at));
        let open = opened.saturating_sub(closed);
        if open > UNLISTED_MAX { 0 } else { open }
    }

    pub(super) fn thread_name(self, slot: u32, thread: u32) -> String {
        let at = HEADER_SIZE + (slot as usize / BLOCK_SLOTS) * BLOCK_HEADER_SIZE;
        name(thread, |offset| self.word(at + offset))
    }
}

/// Where a slot is.
#[inline]
fn at(slot: u32) -> usize {
    SLOTS_BEGIN + slot as usize * SLOT_SIZE
}

fn written(slot: u32, state: u64, load: impl Fn(usize) -> u64) -> Written {
    let length = ((state >> LENGTH_SHIFT) as u8 as usize).min(CONTEXT_MAX);
    let words = (0..length.div_ceil(8)).map(|nth| load(CONTEXT + nth));
    let mut context: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    context.truncate(length);
    let place = load(PLACE);
    Written {
        slot,
        start_ns: load(START),
        parent: load(PARENT),
        site: place as u32,
        thread: (place >> 32) as u32,
        context,
    }
}

fn name(thread: u32, load: impl Fn(usize) -> u64) -> String {
    if thread == 0 || load(0) != u64::from(thread) {
        return String::new();
    }
    let length = usize::try_from(load(NAME_LENGTH_AT)).unwrap_or(0).min(NAME_MAX);
    let words = (0..length.div_ceil(8)).map(|nth| load(NAME_AT + 8 * nth));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
}
