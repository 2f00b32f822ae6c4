//! An anchor of the clock, published to all threads at once: a sequence lock whose readers never
//! wait, and keep what they have when they meet a writer.

use std::sync::atomic::Ordering;

use super::sync::{AtomicU64, fence};

/// A moment by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The processor's counter.
    pub(super) ticks: u64,
    /// Ticks after which the anchor is too old.
    pub(super) ticks_max: u64,
    /// The wall clock.
    pub(super) ns: u64,
    /// Nanoseconds per tick, times 2^26.
    pub(super) rate: u64,
}

impl Anchor {
    /// Too old at once.
    pub(super) const NONE: Self = Self { ticks: 0, ticks_max: 0, ns: 0, rate: 0 };
}

/// The present anchor of the process.
#[derive(Debug)]
pub(super) struct Published {
    /// Even when the anchor is whole; 0 when there was none yet.
    generation: AtomicU64,
    cells: [AtomicU64; 4],
}

impl Published {
    /// From five zeros. (The model checker's atomics have no `const` constructor.)
    pub(super) const fn of([generation, a, b, c, d]: [AtomicU64; 5]) -> Self {
        Self { generation, cells: [a, b, c, d] }
    }

    /// Changes with every anchor.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The anchor of this generation; `None` when it is not whole, or not there any more.
    pub(super) fn read(&self, generation: u64) -> Option<Anchor> {
        let [ticks, ticks_max, ns, rate] =
            [0, 1, 2, 3].map(|at| self.cells[at].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let is_whole =
            generation.is_multiple_of(2) && self.generation.load(Ordering::Relaxed) == generation;
        is_whole.then_some(Anchor { ticks, ticks_max, ns, rate })
    }

    /// Makes an anchor the present one, unless somebody else is doing the same.
    pub(super) fn publish(&self, anchor: Anchor) {
        let before = self.generation.load(Ordering::Relaxed);
        // Odd: somebody else is publishing.
        if before % 2 == 1
            || self
                .generation
                .compare_exchange(before, before + 1, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        fence(Ordering::Release);
        let Anchor { ticks, ticks_max, ns, rate } = anchor;
        for (cell, value) in self.cells.iter().zip([ticks, ticks_max, ns, rate]) {
            cell.store(value, Ordering::Relaxed);
        }
        self.generation.store(before + 2, Ordering::Release);
    }
}
