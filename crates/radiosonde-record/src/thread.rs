//! What a thread keeps: which journal is its own, its clock, and whether it is suppressed.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::journal::Journal;
use crate::ring::Clock;

/// Records whose formatters record: how deep that may go.
const NESTED_MAX: u8 = 4;

thread_local! {
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
    /// How long each call waits for room, where it is said.
    static WAIT: Cell<Option<Duration>> = const { Cell::new(None) };
    /// A record of this thread was dropped since [`is_recorded`] asked.
    static HAS_DROPPED: Cell<bool> = const { Cell::new(false) };
    static CLOCK: Clock = const { Clock::new() };
    /// Records being built on this thread.
    static NESTED: Cell<u8> = const { Cell::new(0) };
    /// This thread holds, or waits for, a lock of ours.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Option<Journal>> = const { RefCell::new(None) };
}

static GLOBAL: OnceLock<Journal> = OnceLock::new();
/// Threads that are inside of [`with_journal`].
static LOCALS: AtomicUsize = AtomicUsize::new(0);

/// Makes a journal the one that `event!` and friends of the whole process write to; the first one
/// stays. Whether it was this one.
pub fn set_global(journal: &Journal) -> bool {
    let set = GLOBAL.set(journal.clone()).is_ok();
    if set {
        journal.become_global();
    }
    set
}

/// Calls `f` with the journal of this thread (see [`with_journal`]) or of the process. `None`,
/// and `f` is not called, when there is none: libraries are silent until somebody listens.
#[inline(always)]
pub fn with_current<R>(f: impl FnOnce(&Journal) -> R) -> Option<R> {
    with_local_or(|| GLOBAL.get(), f)
}

/// As [`with_current`], with another journal in place of that of the process: for bridges that have
/// one of their own, which is not that of a thread inside of [`with_journal`].
#[inline(always)]
pub fn with_local_or<'j, R>(
    own: impl FnOnce() -> Option<&'j Journal>,
    f: impl FnOnce(&Journal) -> R,
) -> Option<R> {
    let local = if has_local_journals() { local_journal() } else { None };
    let journal = match &local {
        Some(local) => Some(local),
        None => own(),
    };
    // One call, so that all of it can be in one piece.
    journal.map(f)
}

/// Whether any thread is inside of [`with_journal`].
#[inline(always)]
pub fn has_local_journals() -> bool {
    LOCALS.load(Ordering::Relaxed) > 0
}

#[cold]
fn local_journal() -> Option<Journal> {
    CURRENT.try_with(|current| current.try_borrow().ok().and_then(|c| c.clone())).ok().flatten()
}

/// Makes `journal` the journal of this thread while `f` runs.
pub fn with_journal<R>(journal: &Journal, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Journal>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
            LOCALS.fetch_sub(1, Ordering::Relaxed);
        }
    }
    LOCALS.fetch_add(1, Ordering::Relaxed);
    let before = CURRENT.try_with(|current| current.replace(Some(journal.clone())));
    let _restore = Restore(before.unwrap_or_default());
    f()
}

/// Records nothing on this thread from now on: for threads of telemetry itself.
pub fn suppress_thread() {
    SUPPRESSED.set(true);
}

/// Whether this is such a thread, outside of [`patiently`].
#[inline]
pub fn is_suppressed() -> bool {
    SUPPRESSED.get()
}

/// Lets records of `f` through on a suppressed thread, and wait up to `wait` each time the ring is
/// full: for threads that would rather be late than lose, such as those that write snapshots.
pub fn patiently<R>(wait: Duration, f: impl FnOnce() -> R) -> R {
    struct Restore(bool, Option<Duration>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SUPPRESSED.set(self.0);
            WAIT.set(self.1);
        }
    }
    let _restore = Restore(SUPPRESSED.replace(false), WAIT.replace(Some(wait)));
    f()
}

/// Whether none of the records of `f` was dropped, whatever other threads drop meanwhile: for threads that
/// would rather record something again than not at all. Each has its place in a ring then; what the drain
/// makes of it, the books say. What a suppressed thread does not record is not dropped: see [`patiently`].
pub fn is_recorded(f: impl FnOnce()) -> bool {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            // To whoever asks around this, it is a drop as well.
            HAS_DROPPED.set(HAS_DROPPED.get() || self.0);
        }
    }
    let _restore = Restore(HAS_DROPPED.replace(false));
    f();
    !HAS_DROPPED.get()
}

/// A record of this thread is dropped.
pub(crate) fn note_drop() {
    HAS_DROPPED.set(true);
}

/// How long each call is to wait for room, inside of [`patiently`].
pub(crate) fn patient_wait() -> Option<Duration> {
    WAIT.get()
}

/// Nanoseconds since 1970, as the records of this thread have them.
#[inline(always)]
pub fn now_ns() -> u64 {
    CLOCK.with(Clock::now)
}

/// Says that a record is being built on this thread, as long as the guard lives. `None` when it
/// must not be: inside of our own locks, or too deep.
pub(crate) fn enter() -> Option<Entered> {
    if INSIDE.get() || NESTED.get() >= NESTED_MAX {
        return None;
    }
    NESTED.set(NESTED.get() + 1);
    Some(Entered(()))
}

pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        NESTED.set(NESTED.get() - 1);
    }
}

/// Runs `f`, which takes locks: what an allocator or a signal handler records meanwhile is dropped
/// and counted. `None`, and `f` is not called, inside of another such call.
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> Option<R> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.set(false);
        }
    }
    if INSIDE.replace(true) {
        return None;
    }
    let _leave = Leave;
    Some(f())
}
