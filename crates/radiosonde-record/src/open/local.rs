//! What a thread keeps: the blocks it opens spans in.

use std::cell::{Cell, RefCell};
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

use super::pool::slots_of;
use super::slots::{Mapped, Slots};
use super::{BLOCK_SLOTS, Handle, OpenSpans, Opened};
use crate::journal::lock;
use crate::ring::is_forked_child;
use crate::thread::inside;

/// Blocks of its own a thread looks through for free slots before it takes a further one, and
/// before a span goes without a slot: a thread with thousands of open spans does not look at all of
/// them for each new one.
const LOOKS_MAX: usize = 8;

/// In place of a table's id: none, and a call that has not returned.
const NONE: u64 = 0;
const BUSY: u64 = u64::MAX;

thread_local! {
    static CURRENT: Current = const { Current::new() };
    static TAKEN: RefCell<Vec<Taken>> = const { RefCell::new(Vec::new()) };
}

/// The block a thread opens spans in now. It has no destructor, so that nothing has to be asked
/// before it is used.
struct Current {
    /// Id of the table, [`NONE`] or [`BUSY`].
    table: Cell<u64>,
    thread: Cell<u32>,
    /// The slot to be tried next. One after the other: that of a short span is free again when its
    /// turn comes.
    slot: Cell<u32>,
}

/// A thread's blocks of one table.
struct Taken {
    table: Arc<OpenSpans>,
    thread: u32,
    /// All of them.
    blocks: Vec<u32>,
    /// Where to look next.
    next: usize,
}

/// Opens a span in a slot of this thread. Counts it when there is none: the table is full, the thread
/// is ending, or it is opening a span already, as a signal handler finds it.
#[inline(always)]
pub(super) fn open(table: &Arc<OpenSpans>, span: Opened<'_>) -> Handle {
    CURRENT.with(
        #[inline(always)]
        |current| {
            let id = current.table.replace(BUSY);
            let is_ours = id == table.id;
            let opened = if is_ours { current.open(&table.slots, span) } else { Handle::NOWHERE };
            if !opened.is_listed() {
                return current.open_elsewhere(id, table, span);
            }
            // A signal handler may use it when the slot is taken, and not before.
            compiler_fence(Ordering::SeqCst);
            current.table.set(id);
            opened
        },
    )
}

impl Current {
    const fn new() -> Self {
        Self { table: Cell::new(NONE), thread: Cell::new(0), slot: Cell::new(0) }
    }

    #[inline(always)]
    fn open(&self, slots: &Slots<Mapped>, span: Opened<'_>) -> Handle {
        let slot = self.slot.get();
        let opened = slots.open(slot, self.thread.get(), span);
        self.slot.set(after(slot));
        opened
    }

    /// In another slot than the next one. `id` is what was there instead of [`BUSY`].
    #[cold]
    fn open_elsewhere(&self, id: u64, table: &Arc<OpenSpans>, span: Opened<'_>) -> Handle {
        if id == BUSY {
            return table.unlisted();
        }
        let opened = TAKEN.try_with(|taken| {
            let mut taken = taken.try_borrow_mut().ok()?;
            let known = taken.iter().position(|own| Arc::ptr_eq(&own.table, table));
            let own = match known {
                Some(at) => &mut taken[at],
                None => first(&mut taken, table)?,
            };
            let opened = own.open(span, self.slot.get())?;
            self.thread.set(own.thread);
            self.slot.set(after(opened.slot));
            Some(opened)
        });
        let opened = opened.ok().flatten();
        compiler_fence(Ordering::SeqCst);
        self.table.set(if opened.is_some() { table.id } else { NONE });
        opened.unwrap_or_else(|| table.unlisted())
    }
}

/// The next slot of a block.
#[inline(always)]
fn after(slot: u32) -> u32 {
    const LAST: u32 = BLOCK_SLOTS as u32 - 1;
    const { assert!(BLOCK_SLOTS.is_power_of_two()) };
    (slot & !LAST) | (slot.wrapping_add(1) & LAST)
}

/// The thread's first span.
fn first<'a>(all: &'a mut Vec<Taken>, table: &Arc<OpenSpans>) -> Option<&'a mut Taken> {
    // A thread may outlive many journals. Of a table that several threads have, none is the last: its end is said.
    let is_used = |own: &Taken| !own.table.ended.load(Ordering::Relaxed);
    all.retain(|own| Arc::strong_count(&own.table) > 1 && is_used(own));
    let (thread, block) = table.take_block(None)?;
    all.push(Taken { table: Arc::clone(table), thread, blocks: vec![block], next: 0 });
    all.last_mut()
}

impl Taken {
    /// In a free slot of the blocks there are, or of a new one. `next` is the one to be tried next.
    fn open(&mut self, span: Opened<'_>, next: u32) -> Option<Handle> {
        for _ in 0..self.blocks.len().min(LOOKS_MAX) {
            let opened = self.open_in(self.blocks[self.next], span, next);
            if opened.is_some() {
                return opened;
            }
            self.next = (self.next + 1) % self.blocks.len();
        }
        let (_, block) = self.table.take_block(Some(self.thread))?;
        self.next = self.blocks.len();
        self.blocks.push(block);
        // Somebody else's spans may fill it all.
        self.open_in(block, span, next)
    }

    /// From the place of `next` on, once around: a span that stays open is not met again before all
    /// other slots have had their turn.
    fn open_in(&self, block: u32, span: Opened<'_>, next: u32) -> Option<Handle> {
        let slots = &self.table.slots;
        let first = slots_of(block).start + next % BLOCK_SLOTS as u32;
        let in_turn = successors(Some(first), |slot| Some(after(*slot))).take(BLOCK_SLOTS);
        let mut opened = in_turn.map(|slot| slots.open(slot, self.thread, span));
        opened.find(|opened| opened.is_listed())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if is_forked_child() {
            return;
        }
        CURRENT.with(|current| {
            if current.table.get() == self.table.id {
                current.table.set(NONE);
            }
        });
        let free =
            |block: &u32| slots_of(*block).filter(|slot| self.table.slots.is_free(*slot)).count();
        let mut pool = lock(&self.table.pool);
        for block in &self.blocks {
            pool.give_back(*block, free(block));
        }
        self.table.exhausted.store(false, Ordering::Relaxed);
    }
}

impl OpenSpans {
    /// A block for a thread, and the thread's number: this one, or a new one. `None` when there is
    /// none, or the thread is in one of our locks.
    fn take_block(&self, thread: Option<u32>) -> Option<(u32, u32)> {
        // Threads that find the table full do not queue for its lock.
        if self.exhausted.load(Ordering::Relaxed) {
            return None;
        }
        inside(|| {
            let mut pool = lock(&self.pool);
            let Some(block) = pool.take() else {
                self.exhausted.store(true, Ordering::Relaxed);
                return None;
            };
            let thread = thread.unwrap_or_else(|| pool.thread());
            let current = std::thread::current();
            let name = current.name().unwrap_or_default();
            self.slots.name_block(block as usize, thread, name);
            Some((thread, block))
        })?
    }
}
