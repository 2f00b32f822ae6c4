//! What a thread keeps: its rings, its clock, and whether it is suppressed.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, TryLockError};
use std::time::{Duration, Instant};

use crate::format::Stamp;
use crate::journal::Journal;
use crate::level::{DropReason, Kind, Level};
use crate::ring::{self, Clock, Full, Producer};

/// The one wait of a stalled ring on an application thread.
const STALL_WAIT: Duration = Duration::from_millis(1);
/// How long the waiting thread sleeps between looks.
const STALL_STEP: Duration = Duration::from_micros(50);
/// Looks at the shared ring's lock before the record is dropped.
const SHARED_ATTEMPTS: usize = 64;
/// Records a thread without a ring shares before it asks for one again.
const SHARED_BEFORE_RETRY: u32 = 1024;
/// Records whose formatters record: how deep that may go.
const NESTED_MAX: u8 = 4;

thread_local! {
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
    static WAIT: Cell<Duration> = const { Cell::new(STALL_WAIT) };
    static CLOCK: Clock = const { Clock::new() };
    /// Records being built on this thread.
    static NESTED: Cell<u8> = const { Cell::new(0) };
    /// This thread holds, or waits for, a lock of ours.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static ATTACHED: RefCell<Attachments> = const { RefCell::new(Attachments::new()) };
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
    struct Restore(bool, Duration);
    impl Drop for Restore {
        fn drop(&mut self) {
            SUPPRESSED.set(self.0);
            WAIT.set(self.1);
        }
    }
    let _restore = Restore(SUPPRESSED.replace(false), WAIT.replace(wait));
    f()
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

/// Most programs have one journal: that one without a list.
struct Attachments {
    first: Option<Attachment>,
    others: Vec<Attachment>,
}

struct Attachment {
    id: usize,
    journal: Journal,
    /// `None` when the journal's rings are used up: then the shared one serves.
    producer: Option<Producer>,
    shared: u32,
}

impl Attachment {
    fn end(self) {
        if let Some(producer) = self.producer {
            self.journal.give_back(producer);
        }
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        self.first.take().into_iter().chain(self.others.drain(..)).for_each(Attachment::end);
    }
}

impl Attachments {
    const fn new() -> Self {
        Self { first: None, others: Vec::new() }
    }

    /// Lets go of journals that were closed: a thread may outlive many.
    fn forget_closed(&mut self) {
        let is_closed = |attachment: &mut Attachment| attachment.journal.is_closed();
        let first = self.first.take_if(is_closed);
        let closed: Vec<_> = self.others.extract_if(.., is_closed).chain(first).collect();
        closed.into_iter().for_each(Attachment::end);
    }

    fn add(&mut self, attachment: Attachment) {
        match &mut self.first {
            first @ None => *first = Some(attachment),
            Some(_) => self.others.push(attachment),
        }
    }

    #[inline(always)]
    fn get(&mut self, id: usize) -> Option<&mut Attachment> {
        match &mut self.first {
            Some(first) if first.id == id => Some(first),
            _ => self.others.iter_mut().find(|attachment| attachment.id == id),
        }
    }
}

/// What is pushed: everything about a record but its bytes, and how to write those.
pub(crate) struct Push<F> {
    pub(crate) kind: Kind,
    pub(crate) level: Level,
    pub(crate) truncated: bool,
    /// In bytes, a multiple of 8.
    pub(crate) length: usize,
    /// Called once with exactly `length` bytes, or not at all.
    pub(crate) fill: F,
}

#[derive(Clone, Copy)]
enum Found {
    Pushed,
    /// This thread is pushing already: a signal handler, or an allocator.
    Busy,
    /// The thread has no ring of this journal.
    None,
    /// It will not fit in this thread's ring.
    TooLarge,
}

/// A push off the short way, for all alike: what writes the bytes is known at run time only.
type Slow<'a> = Push<&'a dyn Fn(&mut [u8], Stamp)>;

impl<F: Fn(&mut [u8], Stamp)> Push<F> {
    #[inline(always)]
    pub(crate) fn new((kind, level): (Kind, Level), length: usize, fill: F) -> Self {
        Self { kind, level, truncated: false, length, fill }
    }

    /// Pushes to the ring of this thread.
    #[inline(always)]
    pub(crate) fn run(&self, journal: &Journal) {
        if ring::is_forked_child() {
            return journal.count_forked();
        }
        let found = ATTACHED.try_with(
            #[inline(always)]
            |attached| {
                // Nothing of the application runs below.
                let Ok(mut attached) = attached.try_borrow_mut() else { return Found::Busy };
                match attached.get(journal.id()) {
                    Some(Attachment { producer: Some(producer), .. }) => self.to(journal, producer),
                    _ => Found::None,
                }
            },
        );
        if !matches!(found, Ok(Found::Pushed)) {
            self.slow().elsewhere(journal, found.ok());
        }
    }

    #[inline(always)]
    fn to(&self, journal: &Journal, producer: &mut Producer) -> Found {
        if producer.is_pressed() {
            journal.grow(producer);
        }
        producer.begin(self.kind);
        if journal.is_closed() {
            producer.end();
            journal.count_outside(self.kind, DropReason::AfterShutdown, self.level);
            return Found::Pushed;
        }
        let pushed = producer.push(self.length, self.kind, self.level, self.truncated, &self.fill);
        let found = match pushed {
            Ok(false) => Found::Pushed,
            Ok(true) => {
                journal.control().wake();
                Found::Pushed
            }
            Err(full) => self.slow().full(journal, producer, full),
        };
        producer.end();
        found
    }

    #[inline(always)]
    fn slow(&self) -> Slow<'_> {
        let Self { kind, level, truncated, length, ref fill } = *self;
        Push { kind, level, truncated, length, fill }
    }
}

impl Slow<'_> {
    #[cold]
    fn elsewhere(&self, journal: &Journal, found: Option<Found>) {
        match found {
            Some(Found::Pushed) => {}
            Some(Found::Busy) => {
                journal.count_outside(self.kind, DropReason::Reentrant, self.level);
            }
            Some(Found::None) => self.without_ring(journal),
            Some(Found::TooLarge) | None => self.shared(journal),
        }
    }

    #[cold]
    fn full(&self, journal: &Journal, producer: &mut Producer, full: Full) -> Found {
        match full {
            Full::TooLarge => return Found::TooLarge,
            Full::MayWait if self.wait(journal, producer) => {}
            Full::MayWait | Full::Stalled => {
                // Nobody waits any more, but the sooner there is room the fewer are lost.
                journal.control().wake();
                producer.drop_record(self.kind, DropReason::RingFull, self.level);
            }
        }
        Found::Pushed
    }

    /// The bounded wait of a stall. Whether the record went in.
    fn wait(&self, journal: &Journal, producer: &mut Producer) -> bool {
        let limit = WAIT.get();
        let begin = Instant::now();
        loop {
            journal.control().wake();
            std::thread::sleep(STALL_STEP);
            producer.end();
            journal.grow(producer);
            producer.begin(self.kind);
            // Asked anew: in between this ring was not busy to whoever closes.
            if journal.is_closed() {
                return false;
            }
            let pushed =
                producer.push(self.length, self.kind, self.level, self.truncated, self.fill);
            if pushed.is_ok() {
                return true;
            }
            if begin.elapsed() >= limit {
                producer.stalled();
                return false;
            }
        }
    }

    /// The first record of a thread, or one past the cap.
    fn without_ring(&self, journal: &Journal) {
        if journal.is_closed() {
            // Before a ring is made for it; the question that counts is asked again later.
            return journal.count_outside(self.kind, DropReason::AfterShutdown, self.level);
        }
        match inside(|| attach(journal)) {
            None => journal.count_outside(self.kind, DropReason::Reentrant, self.level),
            Some(Attached::Shared) => self.shared(journal),
            Some(Attached::Now) => {
                self.run(journal);
                journal.on_attach();
            }
        }
    }

    /// For threads without a ring: past the cap, or in their last moments.
    fn shared(&self, journal: &Journal) {
        for _ in 0..SHARED_ATTEMPTS {
            let mut producer = match journal.shared().try_lock() {
                Ok(producer) => producer,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            if let Found::TooLarge = self.to(journal, &mut producer) {
                producer.drop_record(self.kind, DropReason::RingFull, self.level);
            }
            return;
        }
        journal.count_outside(self.kind, DropReason::Contended, self.level);
    }
}

enum Attached {
    /// The thread has a ring now.
    Now,
    Shared,
}

/// Gives the thread a ring, when there is one to be had.
fn attach(journal: &Journal) -> Attached {
    let attached = ATTACHED.try_with(|attached| {
        let Ok(mut attached) = attached.try_borrow_mut() else { return Attached::Shared };
        if let Some(attachment) = attached.get(journal.id()) {
            attachment.shared += 1;
            if !attachment.shared.is_multiple_of(SHARED_BEFORE_RETRY) {
                return Attached::Shared;
            }
            attachment.producer = journal.producer();
            return if attachment.producer.is_some() { Attached::Now } else { Attached::Shared };
        }
        attached.forget_closed();
        let producer = journal.producer();
        let is_own = producer.is_some();
        let id = journal.id();
        attached.add(Attachment { id, journal: journal.clone(), producer, shared: 0 });
        if is_own { Attached::Now } else { Attached::Shared }
    });
    attached.unwrap_or(Attached::Shared)
}
