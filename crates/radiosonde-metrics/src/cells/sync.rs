//! Where the cells take atomics, locks and shared pointers from: the standard library, or, in the
//! tests of a `--cfg loom` build, the model checker.

#[cfg(not(all(test, loom)))]
pub(super) use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(all(test, loom))]
pub(super) use loom::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
#[cfg(all(test, loom))]
pub(super) use loom::sync::{Arc, Mutex, MutexGuard};

/// The lock, also after a panic of whoever held it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
