//! Which blocks of the table nobody has.

use std::collections::VecDeque;

use super::BLOCK_SLOTS;

/// Blocks that are free. Its lock also guards the names of threads in the headers of blocks.
#[derive(Debug)]
pub(super) struct Pool {
    /// Given back, with at least half of their slots free.
    roomy: Vec<u32>,
    /// Given back with less: spans of threads that have ended are still open there.
    crowded: VecDeque<u32>,
    /// Blocks from here on were never taken.
    used: usize,
    all: usize,
    next_thread: u32,
}

impl Pool {
    pub(super) fn new(blocks: usize) -> Self {
        Self { roomy: Vec::new(), crowded: VecDeque::new(), used: 0, all: blocks, next_thread: 1 }
    }

    /// A block for a thread.
    pub(super) fn take(&mut self) -> Option<u32> {
        if let Some(block) = self.roomy.pop() {
            return Some(block);
        }
        if self.used < self.all {
            self.used += 1;
            return Some(self.used as u32 - 1);
        }
        // The one that has had most time to become free.
        self.crowded.pop_front()
    }

    /// Takes a block back, with so many free slots. Spans may still be open in it; its next thread
    /// leaves them alone.
    pub(super) fn give_back(&mut self, block: u32, free: usize) {
        if free * 2 >= BLOCK_SLOTS {
            self.roomy.push(block);
        } else {
            self.crowded.push_back(block);
        }
    }

    /// Blocks that were ever taken: all others are empty.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// A number for a thread, unlike all others'.
    pub(super) fn thread(&mut self) -> u32 {
        let number = self.next_thread;
        // 0 is none; nobody starts so many threads that one gets another's name.
        self.next_thread = number.checked_add(1).unwrap_or(1);
        number
    }
}

/// The slots of a block.
pub(super) fn slots_of(block: u32) -> std::ops::Range<u32> {
    let first = block * BLOCK_SLOTS as u32;
    first..first + BLOCK_SLOTS as u32
}
