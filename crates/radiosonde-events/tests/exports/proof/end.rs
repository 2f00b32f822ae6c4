//! The points of a hand-over at which a process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a process ends, of itself: at the `call`th batch it hands over, here or there.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) call: u32,
    pub(crate) point: Point,
    pub(crate) calls: Arc<AtomicU32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before anything of the batch is in the queue.
    Before,
    /// In the middle of its first entry.
    WithinEntry,
    /// Between two of its entries.
    Between,
    /// When all entries are there and the batch is not whole.
    BeforeWhole,
    /// When it is whole, and the stage still has it.
    Whole,
}

impl Point {
    pub(crate) const ALL: [Self; 5] =
        [Self::Before, Self::WithinEntry, Self::Between, Self::BeforeWhole, Self::Whole];
}

impl End {
    /// Nothing after this call happens.
    pub(crate) fn come(&self) -> ! {
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("a signal");
        loop {
            std::thread::park();
        }
    }

    /// Called for each batch: whether it is the one.
    pub(crate) fn is_now(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.call
    }
}
