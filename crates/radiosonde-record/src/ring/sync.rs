//! Where the rings take atomics, locks and fences from: the standard library, or, in the tests of a
//! `--cfg loom` build, the model checker. Memory of rings goes another way: see
//! [`Words`](super::memory::Words).

#[cfg(not(all(test, loom)))]
pub(super) use std::sync::Mutex;
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, fence};

#[cfg(all(test, loom))]
pub(super) use loom::sync::Mutex;
#[cfg(all(test, loom))]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, fence};
