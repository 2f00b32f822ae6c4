//! The cells of one set of metrics: a block for each of up to 64 threads, and shared ones.

use std::ptr;

use super::block::{self, Block, CELLS, CHUNK, finite};
use super::sync::{Arc, AtomicPtr, AtomicU64, AtomicUsize, Mutex, Ordering, lock};
use crate::segmented::Segmented;
use radiosonde_context::is_forked_child;

/// Threads that may have a block at a time. Further ones, of which there are too many to be spared
/// 8 bytes for each cell, write shared cells.
pub(super) const BLOCKS: usize = match () {
    () if cfg!(all(test, loom)) => 1,
    () if cfg!(all(test, miri)) => 4,
    () => 64,
};

/// The arena of handles whose writes take more than a cell.
pub(crate) const NONE: u64 = u64::MAX;

/// Numbers of cells, and what they hold. Numbers are given once and never again.
pub(crate) struct Arena {
    /// Unique in the process, neither 0 nor [`NONE`].
    id: u64,
    /// The next cell that threads may have for themselves, and the next that is shared by all.
    next_own: AtomicUsize,
    next_shared: AtomicUsize,
    /// In the order they were made, which is the order they are summed in: a new one comes last and
    /// begins at 0, so that no sum of floats falls.
    blocks: Box<[AtomicPtr<Block>; BLOCKS]>,
    made: AtomicUsize,
    /// Blocks whose threads have ended.
    free: Mutex<Vec<usize>>,
    /// How many these are: known without the lock.
    spare: AtomicUsize,
    /// What was written by threads without a block.
    shared: Segmented<Box<[AtomicU64]>>,
}

/// A block, for the one thread that may write it. Dropping it hands the block on.
pub(super) struct Owned {
    arena: Arc<Arena>,
    nth: usize,
}

impl Arena {
    pub(crate) fn new() -> Self {
        // Of the standard library also under the model checker: it is not part of the protocol.
        static IDS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let blocks: Vec<_> = (0..BLOCKS).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        let Ok(blocks) = blocks.try_into() else { unreachable!("as many as were collected") };
        Self {
            id: IDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            next_own: AtomicUsize::new(0),
            next_shared: AtomicUsize::new(CELLS as usize),
            blocks,
            made: AtomicUsize::new(0),
            free: Mutex::new(Vec::new()),
            spare: AtomicUsize::new(0),
            shared: Segmented::default(),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The number of the first of several cells that follow one another. They stand in one chunk, or
    /// else are shared by all threads.
    pub(crate) fn reserve(&self, count: usize) -> u32 {
        let place = |next: usize| {
            let left = CHUNK - next % CHUNK;
            if count <= left { next } else { next + left }
        };
        let fits = |next| count <= CHUNK && place(next) + count <= CELLS as usize;
        let take = |next| fits(next).then(|| place(next) + count);
        let taken = self.next_own.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map_or_else(|_| self.reserve_shared(count), |before| place(before) as u32)
    }

    /// As [`Arena::reserve`], of cells that are shared in any case.
    pub(crate) fn reserve_shared(&self, count: usize) -> u32 {
        let first = self.next_shared.fetch_add(count, Ordering::Relaxed);
        // Past 2³² nothing can be kept: such a process has 32 GiB of cells.
        u32::try_from(first).unwrap_or(u32::MAX)
    }

    /// The sum of a cell over all threads; stops at the top.
    pub(crate) fn sum(&self, cell: u32) -> u64 {
        let shared = self.peek_shared(cell).map_or(0, |cell| cell.load(Ordering::Relaxed));
        let own = self.blocks().filter_map(|block| block.get(cell));
        own.fold(shared, |sum, cell| sum.saturating_add(cell.load(Ordering::Relaxed)))
    }

    /// The sum of a cell of floats over all threads, in the order that lets it only grow.
    pub(crate) fn sum_f64(&self, cell: u32) -> f64 {
        let load = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
        let shared = self.peek_shared(cell).map_or(0.0, load);
        let own = self.blocks().filter_map(|block| block.get(cell));
        own.fold(shared, |sum, cell| finite(sum + load(cell)))
    }

    /// The sums of several cells that were reserved together.
    pub(crate) fn sums(&self, first: u32, to: &mut [u64]) {
        let count = to.len();
        for (sum, cell) in to.iter_mut().zip(first..) {
            *sum = self.peek_shared(cell).map_or(0, |cell| cell.load(Ordering::Relaxed));
        }
        for cells in self.blocks().filter_map(|block| block.several(first, count)) {
            for (sum, cell) in to.iter_mut().zip(cells) {
                *sum = sum.saturating_add(cell.load(Ordering::Relaxed));
            }
        }
    }

    /// A cell that all threads share, made if it is not there; none past 2³¹ cells.
    pub(crate) fn shared(&self, cell: u32) -> Option<&AtomicU64> {
        let make = || (0..CHUNK).map(|_| AtomicU64::new(0)).collect();
        let chunk = self.shared.get_or_init(cell as usize / CHUNK, make)?;
        chunk.get(cell as usize % CHUNK)
    }

    fn peek_shared(&self, cell: u32) -> Option<&AtomicU64> {
        self.shared.get(cell as usize / CHUNK)?.get(cell as usize % CHUNK)
    }

    /// Adds to a cell from any thread.
    pub(super) fn add_shared(&self, cell: u32, by: u64) {
        let Some(cell) = self.shared(cell) else { return };
        let more = |n: u64| Some(n.saturating_add(by));
        let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Adds to a cell of floats from any thread.
    pub(super) fn add_shared_f64(&self, cell: u32, by: f64) {
        let Some(cell) = self.shared(cell) else { return };
        let more = |bits: u64| Some(finite(f64::from_bits(bits) + by).to_bits());
        let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Raises the sum of a cell to `value`; one that is there already stays. By how much it rose.
    pub(crate) fn raise(&self, cell: u32, value: u64) -> u64 {
        let Some(shared) = self.shared(cell) else { return 0 };
        loop {
            // Of two that raise at a time the second to store begins again, with the sum there is
            // then. Writers that add meanwhile count as having come later.
            let before = shared.load(Ordering::Acquire);
            let Some(missing) = value.checked_sub(self.sum(cell)).filter(|more| *more > 0) else {
                return 0;
            };
            let after = before.saturating_add(missing);
            let stored =
                shared.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed);
            if stored.is_ok() {
                return after - before;
            }
        }
    }

    /// Whether a thread may get a block: a look before [`Arena::own`] takes the lock.
    pub(super) fn has_room(&self) -> bool {
        self.made.load(Ordering::Relaxed) < BLOCKS || self.spare.load(Ordering::Relaxed) > 0
    }

    /// Whether nobody is left but threads that have written it: its handles are gone.
    pub(super) fn is_abandoned(this: &Arc<Self>) -> bool {
        let owners = this.made.load(Ordering::Relaxed) - this.spare.load(Ordering::Relaxed);
        Arc::strong_count(this) <= owners
    }

    /// A block for the calling thread; none while 64 threads have one.
    pub(super) fn own(this: &Arc<Self>) -> Option<Owned> {
        let mut free = lock(&this.free);
        let nth = match free.pop() {
            Some(nth) => {
                this.spare.store(free.len(), Ordering::Relaxed);
                nth
            }
            None => {
                let nth = this.made.load(Ordering::Relaxed);
                let place = this.blocks.get(nth)?;
                place.store(Box::into_raw(Box::new(Block::new())), Ordering::Release);
                this.made.store(nth + 1, Ordering::Release);
                nth
            }
        };
        Some(Owned { arena: Arc::clone(this), nth })
    }

    /// The blocks there are, in the order they were made.
    fn blocks(&self) -> impl Iterator<Item = &Block> {
        let made = self.made.load(Ordering::Acquire);
        self.blocks.iter().take(made).filter_map(Self::block)
    }

    fn block(place: &AtomicPtr<Block>) -> Option<&Block> {
        // SAFETY: a pointer that is not null was made by `Box::into_raw` in `own`, is never replaced
        // and lives as long as the arena, which is borrowed here. `Acquire` pairs with the `Release`
        // it was stored with.
        unsafe { place.load(Ordering::Acquire).as_ref() }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for place in self.blocks.iter() {
            let made = place.load(Ordering::Relaxed);
            if !made.is_null() {
                // SAFETY: made by `Box::into_raw`, in its place only once; nobody has the arena any
                // more, and whoever owned a block had it.
                drop(unsafe { Box::from_raw(made) });
            }
        }
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Owned {
    pub(super) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// The block, which lives as long as this does.
    pub(super) fn block(&self) -> &Block {
        let place = self.arena.blocks.get(self.nth).and_then(Arena::block);
        place.unwrap_or_else(|| unreachable!("it was made before it was given away"))
    }

    /// Adds to a cell. False when the cell is one that all threads share.
    pub(super) fn add(&self, cell: u32, by: u64) -> bool {
        self.block().own_or_make(cell).map(|cell| block::add(cell, by)).is_some()
    }

    /// Adds to a cell of floats, as [`Owned::add`].
    pub(super) fn add_f64(&self, cell: u32, by: f64) -> bool {
        self.block().own_or_make(cell).map(|cell| block::add_f64(cell, by)).is_some()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // In a child the lock may be held by a thread that does not exist. Nobody asks for the block
        // there.
        if is_forked_child() {
            return;
        }
        // What this thread wrote happens before what the next owner does: the lock orders them.
        let mut free = lock(&self.arena.free);
        free.push(self.nth);
        self.arena.spare.store(free.len(), Ordering::Relaxed);
    }
}
