//! What goes along with code to its threads and tasks besides its context: a seam for test kits.
//!
//! Whatever carries a context ([`carry`](crate::carry), [`wrap`](crate::wrap), the spawn helpers) takes
//! along what is in force where it is made. While nobody has ever used it, that costs a load and a
//! branch where something is carried, and a branch where it runs.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that is put around code on whatever thread it runs, such as the signals of one test.
pub trait Along: Send + Sync {
    /// Runs `code`, once, with this in force on the calling thread, and takes it back afterwards,
    /// also when `code` panics.
    fn around(&self, code: &mut dyn FnMut());
}

/// Whether [`with`] was ever called.
static USED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Along>>> = const { RefCell::new(None) };
}

/// Runs `f` with `along` in force here, and wherever the helpers of this crate take what `f` does.
/// Inside of another one the inner one is in force alone.
pub fn with<R>(along: &Arc<dyn Along>, f: impl FnOnce() -> R) -> R {
    USED.store(true, Ordering::Relaxed);
    Taken(Some(Arc::clone(along))).around(f)
}

/// What was in force where something was carried off.
#[derive(Clone, Default)]
pub(crate) struct Taken(Option<Arc<dyn Along>>);

impl Taken {
    /// What is in force now.
    #[inline]
    pub(crate) fn now() -> Self {
        if USED.load(Ordering::Relaxed) { Self(current()) } else { Self(None) }
    }

    /// Runs `f` with it. Where nothing was taken along, what is in force stays.
    #[inline]
    pub(crate) fn around<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            None => f(),
            Some(along) => around(along, f),
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Taken" } else { "Nothing" })
    }
}

#[cold]
fn current() -> Option<Arc<dyn Along>> {
    CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten()
}

#[cold]
fn around<R>(along: &Arc<dyn Along>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<dyn Along>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let current = CURRENT.try_with(|current| current.replace(self.0.take()));
            // Not while the cell is borrowed: whatever it is may look here when it is dropped.
            drop(current);
        }
    }
    let before = CURRENT.try_with(|current| current.replace(Some(Arc::clone(along))));
    let _restore = Restore(before.unwrap_or_default());
    let (mut f, mut result) = (Some(f), None);
    along.around(&mut || result = f.take().map(|f| f()));
    match (result, f) {
        (Some(result), _) => result,
        // It has not run it: nothing of a test kit is worth the code.
        (None, Some(f)) => f(),
        (None, None) => unreachable!("a panic of the code is not held back by what goes along"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Carried, carry, carry_fn, scope, spawn_scoped, spawn_thread, wrap};

    thread_local! {
        static IN_FORCE: Cell<u32> = const { Cell::new(0) };
    }

    struct Number(u32);

    impl Along for Number {
        fn around(&self, code: &mut dyn FnMut()) {
            struct Back(u32);
            impl Drop for Back {
                fn drop(&mut self) {
                    IN_FORCE.set(self.0);
                }
            }
            let _back = Back(IN_FORCE.replace(self.0));
            code();
        }
    }

    fn number(number: u32) -> Arc<dyn Along> {
        Arc::new(Number(number))
    }

    fn in_force() -> u32 {
        IN_FORCE.get()
    }

    #[test]
    fn it_goes_wherever_a_context_is_carried() {
        let (one, other) = (number(1), number(2));
        let (closure, often, value, future, scoped, thread) = with(&one, || {
            assert_eq!(with(&other, in_force), 2, "the inner one");
            assert_eq!(in_force(), 1);
            (
                carry(in_force),
                carry_fn(|()| in_force()),
                Carried::new(()),
                wrap(async { in_force() }),
                scope().job("j").wrap(async { in_force() }),
                spawn_thread(in_force),
            )
        });
        assert_eq!(in_force(), 0);
        let elsewhere = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let futures = [runtime.block_on(future), runtime.block_on(scoped)];
            let seen = with(&other, || [closure(), often(()), value.run(|()| in_force())]);
            (seen, futures, in_force())
        });
        assert_eq!(elsewhere.join().unwrap(), ([1; 3], [1; 2], 0));
        assert_eq!(thread.join().unwrap(), 1);
        let scoped = with(&one, || {
            std::thread::scope(|threads| spawn_scoped(threads, in_force).join().unwrap())
        });
        assert_eq!(scoped, 1);
    }

    #[test]
    fn what_was_carried_without_it_leaves_what_is_there() {
        let (closure, future) = (carry(in_force), wrap(async { in_force() }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = with(&number(3), || (closure(), runtime.block_on(future)));
        assert_eq!(seen, (3, 3));
    }

    #[test]
    fn what_is_dropped_half_way_is_dropped_inside() {
        struct Notes(std::sync::mpsc::Sender<u32>);
        impl Drop for Notes {
            fn drop(&mut self) {
                let _sent = self.0.send(in_force());
            }
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        let notes = || Notes(sender.clone());
        let (future, value) = with(&number(4), || {
            let notes_of_future = notes();
            let future = wrap(async move {
                let _notes = notes_of_future;
                std::future::pending::<()>().await;
            });
            (future, Carried::new(notes()))
        });
        drop(future);
        drop(value);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [4, 4]);
    }

    #[test]
    fn a_panic_leaves_it() {
        let caught = std::panic::catch_unwind(|| with(&number(5), || panic!("boom")));
        assert!(caught.is_err());
        assert_eq!((in_force(), current().is_none()), (0, true));
    }

    #[test]
    fn code_that_is_not_run_around_is_run_all_the_same() {
        struct Lazy;
        impl Along for Lazy {
            fn around(&self, _: &mut dyn FnMut()) {}
        }
        let lazy: Arc<dyn Along> = Arc::new(Lazy);
        assert_eq!(with(&lazy, || 7), 7);
    }
}
