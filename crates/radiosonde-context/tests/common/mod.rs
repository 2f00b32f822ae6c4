//! What tests of propagation share.
#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use radiosonde_context::propagation::ignored;

/// The books are the process's: who reads them is alone.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `f` made ignored, as `header reason count`, in the order of the books.
pub(crate) fn newly_ignored<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    let before = ignored();
    let result = f();
    let known = |header, reason| {
        let found = before.iter().find(|book| (book.header, book.reason) == (header, reason));
        found.map_or(0, |book| book.count)
    };
    let new = ignored().into_iter().filter_map(|book| {
        let count = book.count - known(book.header, book.reason);
        (count > 0).then(|| format!("{} {} {count}", book.header, book.reason))
    });
    (result, new.collect())
}
