//! Orders for the drain, from any thread: flush, wake, stop; and what it has to tell.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::journal::lock;
use crate::slot::Slot;

/// Orders for the drain, from any thread.
#[derive(Debug, Default)]
pub struct Control {
    thread: OnceLock<Thread>,
    woken: AtomicBool,
    /// The drain waits for its disk.
    blocked: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requested: u64,
    completed: u64,
    stop: bool,
    stopped: bool,
    wakers: Vec<Waker>,
}

/// What a look of the drain must do besides.
pub(crate) struct Orders {
    /// To be completed when everything recorded so far is in its files.
    pub(crate) ticket: u64,
    pub(crate) flush: bool,
    pub(crate) stop: bool,
}

impl Control {
    /// The drain's look at its orders. Its first call says which thread is to be woken.
    pub(crate) fn orders(&self) -> Orders {
        // The first drain of a journal is the only one, and stays on its thread.
        let _already_set = self.thread.set(thread::current());
        self.woken.store(false, Ordering::Release);
        let state = lock(&self.state);
        let (ticket, stop) = (state.requested, state.stop);
        Orders { ticket, flush: state.completed < ticket, stop }
    }

    /// Everything up to this ticket is in its files.
    pub(crate) fn complete(&self, ticket: u64) {
        self.change(|state| state.completed = state.completed.max(ticket));
    }

    /// The drain has ended.
    pub(crate) fn ended(&self) {
        self.change(|state| state.stopped = true);
    }

    /// Ends the drain's pause. Costs an atomic swap when it is awake already.
    pub fn wake(&self) {
        // A look first: a thread whose ring is full calls this at each event.
        if !self.woken.load(Ordering::Relaxed)
            && !self.woken.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// As [`Control::wake`], for room. Not while the drain waits for its disk: it would only try in vain
    /// the sooner.
    #[inline]
    pub(crate) fn hurry(&self) {
        if !self.is_blocked() {
            self.wake();
        }
    }

    /// Whether the drain waits for its disk: nobody needs to wait for the drain then.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    pub(crate) fn set_blocked(&self, is_blocked: bool) {
        self.blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Whether somebody has woken the drain since its last look: a producer whose ring is more than
    /// half full, or full, as a rule.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Waits until everything recorded before the call is in its files, at most `within`. Whether
    /// it is.
    pub fn flush(&self, within: Duration) -> bool {
        let ticket = self.request(|_| {});
        self.wait(within, |state| state.completed >= ticket)
    }

    /// As [`Control::flush`], without a limit of its own. Cancel safe.
    pub fn flush_async(self: &Arc<Self>) -> Flush {
        let ticket = self.request(|_| {});
        Flush { control: Arc::clone(self), ticket }
    }

    /// Ends the drain after a last pass, at most `within`. Whether it ended.
    pub fn stop(&self, within: Duration) -> bool {
        self.request(|state| state.stop = true);
        self.wait(within, |state| state.stopped)
    }

    fn request(&self, change: impl FnOnce(&mut State)) -> u64 {
        let mut state = lock(&self.state);
        state.requested += 1;
        change(&mut state);
        let ticket = state.requested;
        drop(state);
        self.wake();
        ticket
    }

    fn wait(&self, within: Duration, done: impl Fn(&State) -> bool) -> bool {
        // Clamped: a limit of "for ever" must not overflow the clock.
        let deadline = Instant::now() + within.min(Duration::from_secs(60 * 60 * 24));
        let mut state = lock(&self.state);
        loop {
            if done(&state) || state.stopped {
                return done(&state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        for waker in wakers {
            waker.wake();
        }
    }
}

/// Completes when what was recorded before it was made is in its files, or the drain has stopped.
/// The output says whether it is. Cancel safe: dropping it only stops the waiting.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Flush {
    control: Arc<Control>,
    ticket: u64,
}

impl Future for Flush {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = lock(&self.control.state);
        if state.completed >= self.ticket {
            return Poll::Ready(true);
        }
        if state.stopped {
            return Poll::Ready(false);
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// What happened to the drain that people should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Writing failed; records wait, and it is tried again. Said once per spell.
    Blocked(io::Error),
    /// Writing works again.
    Unblocked,
    /// Records that could not be encoded, and bytes of rings that could not be read.
    Refused {
        /// Records.
        records: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Something in the drain has panicked, and it goes on.
    Restarted {
        /// How often since the start.
        restarts: u64,
    },
    /// Exports that nobody has taken over: the sink had no place for them, or panicked each time.
    ExportsLost {
        /// How many.
        exports: u64,
    },
    /// The stage could not be created: a kill can tear or repeat lines.
    Unstaged(io::Error),
    /// The slot was taken from us: its lock was removed, or the directory moved away. Lines go on
    /// in the files of another one.
    Moved {
        /// The slot whose files are written now.
        slot: Slot,
    },
    /// A file could not be written under its name.
    Misplaced {
        /// The name the lines are under instead.
        file: String,
    },
}
