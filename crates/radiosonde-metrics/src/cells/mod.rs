//! The memory that metrics are counted in.
//!
//! A thread writes cells of its own, with a load and a store: no instruction that other processors
//! have to agree to. A scrape sums what all threads have. Handles hold the numbers of cells, not
//! their addresses, so that a handle works on every thread.
//!
//! The cells of a thread are a block, in chunks of 512 that are made when one of them is first
//! written. When the thread ends its block is handed on, counts and all: a sum never falls. At most
//! 64 threads have blocks; further ones, and writes made while a thread's storage is being taken
//! down, go to cells that all share.
//!
//! `unsafe` is here for two things: the pointer to a thread's block, which is read on each write and
//! may not cost a look at whether the thread is ending; and the pointers to chunks.
#![allow(unsafe_code)]

mod arena;
mod block;
#[cfg(all(test, loom))]
mod models;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod text;

pub(crate) use arena::Arena;

use std::cell::{Cell, RefCell};

/// Cells that several families, and the threads that write them, share.
pub(crate) type SharedArena = Arc<Arena>;

pub(crate) use arena::NONE;
pub(crate) use text::{Text, Texts};

use arena::Owned;
use block::Block;
use sync::Arc;

/// The block of the arena that the thread wrote last.
#[derive(Clone, Copy)]
struct Last {
    arena: u64,
    /// Points to the block of an [`Owned`] in [`OWNED`] of this thread, or to [`EMPTY`].
    block: *const Block,
}

/// No arena has the id 0; who asks for it finds a block without cells.
#[cfg(not(all(test, loom)))]
const NOTHING: Last = Last { arena: 0, block: &raw const EMPTY };

#[cfg(not(all(test, loom)))]
static EMPTY: Block = Block::new();

/// The models own their blocks themselves, and never take the short way.
#[cfg(all(test, loom))]
const NOTHING: Last = Last { arena: 0, block: std::ptr::null() };

/// The blocks of this thread.
struct OwnedBlocks(RefCell<Vec<Owned>>);

impl Drop for OwnedBlocks {
    fn drop(&mut self) {
        // Before the blocks are handed on: writes of destructors that come later are shared ones.
        LAST.set(NOTHING);
    }
}

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(NOTHING) };
    static OWNED: OwnedBlocks = const { OwnedBlocks(RefCell::new(Vec::new())) };
}

/// Runs `write` on the thread's own block of that arena, if it has been written last.
#[inline(always)]
fn with_last<R>(arena: u64, write: impl FnOnce(&Block) -> Option<R>) -> Option<R> {
    let last = LAST.get();
    // Handles without an arena have an id that no block has.
    if last.arena != arena {
        return None;
    }
    // SAFETY: `LAST` names a block only while `OWNED` of this thread holds it: `find` sets it to one
    // that is there, and before one goes (`find`, which drops those of arenas nobody has, and the
    // destructor of `OWNED`) it is set to `EMPTY`, which nobody writes as it has no cells. No block is
    // owned by two threads.
    write(unsafe { &*last.block })
}

/// Adds to a cell of the arena with that id, if the thread has it at hand: else false, and
/// [`add`] is to be called.
#[inline(always)]
pub(crate) fn add_at_hand(arena: u64, cell: u32, by: u64) -> bool {
    with_last(arena, |block| block.own(cell).map(|cell| block::add(cell, by))).is_some()
}

/// Counts a value in one cell and adds it to a cell of floats in the same chunk; as
/// [`add_at_hand`], both or none.
#[inline(always)]
pub(crate) fn record_at_hand(arena: u64, count: u32, sum: u32, value: f64) -> bool {
    let write = |block: &Block| {
        let (count, sum) = (block.own(count)?, block.own(sum)?);
        block::add(count, 1);
        block::add_f64(sum, value);
        Some(())
    };
    with_last(arena, write).is_some()
}

/// Adds to a cell.
pub(crate) fn add(arena: &Arc<Arena>, cell: u32, by: u64) {
    if !add_at_hand(arena.id(), cell, by) && !with_own(arena, |own| own.add(cell, by)) {
        arena.add_shared(cell, by);
    }
}

/// Adds to a cell of floats.
pub(crate) fn add_f64(arena: &Arc<Arena>, cell: u32, by: f64) {
    if !with_own(arena, |own| own.add_f64(cell, by)) {
        arena.add_shared_f64(cell, by);
    }
}

/// Has the one thread of a forked child lose its short way: what it counts from now on is nobody's.
pub(crate) fn forget_in_child() {
    LAST.set(NOTHING);
}

/// Runs `write` on the thread's block of the arena, which becomes the one at hand. False when the
/// thread has none and gets none.
fn with_own(arena: &Arc<Arena>, write: impl FnOnce(&Owned) -> bool) -> bool {
    // An error means that the thread is ending and has handed its blocks on.
    let written = OWNED.try_with(|owned| {
        let Ok(mut owned) = owned.0.try_borrow_mut() else { return false };
        find(&mut owned, arena).is_some_and(write)
    });
    written.unwrap_or(false)
}

fn find<'o>(owned: &'o mut Vec<Owned>, arena: &Arc<Arena>) -> Option<&'o Owned> {
    let at = match owned.iter().position(|own| own.arena().id() == arena.id()) {
        Some(at) => at,
        None if arena.has_room() => {
            // Nobody can write or read those that only threads like this one are left of.
            LAST.set(NOTHING);
            owned.retain(|own| !Arena::is_abandoned(own.arena()));
            owned.push(Arena::own(arena)?);
            owned.len() - 1
        }
        None => return None,
    };
    let own = owned.get(at)?;
    LAST.set(Last { arena: arena.id(), block: own.block() });
    Some(own)
}
