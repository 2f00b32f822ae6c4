//! What a thread keeps: the blocks it opens spans in.

use std::cell::RefCell;
use std::sync::Arc;

use super::pool::slots_of;
use super::{BLOCK_SLOTS, OpenSpans, Opened};
use crate::journal::lock;
use crate::ring::is_forked_child;
use crate::thread::inside;

/// Blocks of its own a thread looks through for free slots before it takes a further one, and
/// before a span goes without a slot: a thread with thousands of open spans does not look at all of
/// them for each new one.
const LOOKS_MAX: usize = 8;

thread_local! {
    static TAKEN: RefCell<Vec<Taken>> = const { RefCell::new(Vec::new()) };
}

/// A thread's blocks of one table.
struct Taken {
    table: Arc<OpenSpans>,
    thread: u32,
    /// All of them, the one in use among them.
    blocks: Vec<u32>,
    /// The block spans are opened in now.
    current: u32,
    /// Its slots that are known to be free, a bit each.
    free: u32,
    /// Where to look next.
    next: usize,
}

/// Opens a span in a slot of this thread. `None` when there is none: the table is full, the thread
/// is ending, or it is opening a span already, as a signal handler finds it.
#[inline]
pub(super) fn open(table: &Arc<OpenSpans>, span: Opened<'_>) -> Option<(u32, u64)> {
    let opened = TAKEN.try_with(|taken| {
        let mut taken = taken.try_borrow_mut().ok()?;
        if let Some(own) = taken.iter_mut().find(|own| Arc::ptr_eq(&own.table, table)) {
            return own.open(span);
        }
        first(&mut taken, table)?.open(span)
    });
    opened.ok().flatten()
}

/// A span was closed on this thread: if it was opened here, its slot is the next one to be used.
#[inline]
pub(super) fn closed(table: &OpenSpans, slot: u32) {
    // Not known is no harm: it is found when the block seems full.
    let _ = TAKEN.try_with(|taken| {
        let Ok(mut taken) = taken.try_borrow_mut() else { return };
        let is_table = |own: &&mut Taken| std::ptr::eq(Arc::as_ptr(&own.table), table);
        if let Some(own) = taken.iter_mut().find(is_table)
            && slot / BLOCK_SLOTS as u32 == own.current
        {
            own.free |= 1 << (slot % BLOCK_SLOTS as u32);
        }
    });
}

/// The thread's first span.
#[cold]
fn first<'a>(all: &'a mut Vec<Taken>, table: &Arc<OpenSpans>) -> Option<&'a mut Taken> {
    // A thread may outlive many journals.
    all.retain(|own| Arc::strong_count(&own.table) > 1);
    let (thread, block) = inside(|| {
        let mut pool = lock(&table.pool);
        let block = pool.take()?;
        let thread = pool.thread();
        table.name(block, thread);
        Some((thread, block))
    })??;
    let blocks = vec![block];
    let table = Arc::clone(table);
    let mut own = Taken { table, thread, blocks, current: block, free: 0, next: 0 };
    own.free = own.look(block);
    all.push(own);
    all.last_mut()
}

impl Taken {
    #[inline]
    fn open(&mut self, span: Opened<'_>) -> Option<(u32, u64)> {
        if self.free == 0 {
            self.find_room()?;
        }
        let nth = self.free.trailing_zeros();
        self.free &= self.free - 1;
        let slot = self.current * BLOCK_SLOTS as u32 + nth;
        Some((slot, self.table.slots.open(slot, self.thread, span)))
    }

    /// Looks for free slots: in the blocks there are, then in a new one.
    #[cold]
    fn find_room(&mut self) -> Option<()> {
        for _ in 0..self.blocks.len().min(LOOKS_MAX) {
            self.next = (self.next + 1) % self.blocks.len();
            let block = self.blocks[self.next];
            let free = self.look(block);
            if free != 0 {
                (self.current, self.free) = (block, free);
                return Some(());
            }
        }
        let block = inside(|| {
            let mut pool = lock(&self.table.pool);
            let block = pool.take()?;
            self.table.name(block, self.thread);
            Some(block)
        })??;
        self.next = self.blocks.len();
        self.blocks.push(block);
        (self.current, self.free) = (block, self.look(block));
        // Somebody else's spans may fill it all.
        (self.free != 0).then_some(())
    }

    /// The free slots of a block, a bit each.
    fn look(&self, block: u32) -> u32 {
        let free = slots_of(block).filter(|slot| self.table.slots.is_free(*slot));
        free.fold(0, |bits, slot| bits | 1 << (slot % BLOCK_SLOTS as u32))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if is_forked_child() {
            return;
        }
        let mut pool = lock(&self.table.pool);
        for block in &self.blocks {
            pool.give_back(*block, self.look(*block).count_ones() as usize);
        }
    }
}

impl OpenSpans {
    /// Writes down that a block is this thread's. With the lock of the pool held.
    fn name(&self, block: u32, thread: u32) {
        let current = std::thread::current();
        self.slots.name_block(block as usize, thread, current.name().unwrap_or_default());
    }
}
