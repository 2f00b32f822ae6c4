//! What a thread keeps: its rings, its scratch buffer, and whether it is suppressed.

use std::cell::{Cell, RefCell};
use std::sync::{OnceLock, TryLockError};
use std::time::{Duration, Instant};

use crate::journal::Journal;
use crate::level::{DropReason, Kind, Level};
use crate::ring::{Full, Producer};

/// The one wait of a stalled ring on an application thread.
const STALL_WAIT: Duration = Duration::from_millis(1);
/// How long the waiting thread sleeps between looks.
const STALL_STEP: Duration = Duration::from_micros(50);
/// Looks at the shared ring's lock before the record is dropped.
const SHARED_ATTEMPTS: usize = 64;
/// Places of the thread's cache of call sites.
const SITES: usize = 256;
/// Larger scratch buffers are not kept.
const SCRATCH_KEPT_MAX: usize = 128 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
    static WAIT: Cell<Duration> = const { Cell::new(STALL_WAIT) };
    static ATTACHED: RefCell<Attachments> = const { RefCell::new(Attachments(Vec::new())) };
    static CURRENT: RefCell<Option<Journal>> = const { RefCell::new(None) };
}

static GLOBAL: OnceLock<Journal> = OnceLock::new();

/// Makes a journal the one that `event!` and friends of the whole process write to; the first one
/// stays. Whether it was this one.
pub fn set_global(journal: &Journal) -> bool {
    GLOBAL.set(journal.clone()).is_ok()
}

/// Calls `f` with the journal of this thread (see [`with_journal`]) or of the process. `None`,
/// and `f` is not called, when there is none: libraries are silent until somebody listens.
pub fn with_current<R>(f: impl FnOnce(&Journal) -> R) -> Option<R> {
    let local = CURRENT.try_with(|current| current.try_borrow().ok().and_then(|c| c.clone()));
    match local {
        Ok(Some(journal)) => Some(f(&journal)),
        _ => GLOBAL.get().map(f),
    }
}

/// Makes `journal` the journal of this thread while `f` runs.
pub fn with_journal<R>(journal: &Journal, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Journal>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
        }
    }
    let before = CURRENT.try_with(|current| current.replace(Some(journal.clone())));
    let _restore = Restore(before.unwrap_or_default());
    f()
}

/// Records nothing on this thread from now on: for threads of telemetry itself.
pub fn suppress_thread() {
    let _ = SUPPRESSED.try_with(|suppressed| suppressed.set(true));
}

pub(crate) fn is_suppressed() -> bool {
    SUPPRESSED.try_with(Cell::get).unwrap_or(false)
}

/// Lets records of `f` through on a suppressed thread, and wait up to `wait` each time the ring is
/// full: for threads of telemetry that write a lot at once, such as snapshots.
pub fn patiently<R>(wait: Duration, f: impl FnOnce() -> R) -> R {
    struct Restore(bool, Duration);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = SUPPRESSED.try_with(|suppressed| suppressed.set(self.0));
            let _ = WAIT.try_with(|wait| wait.set(self.1));
        }
    }
    let suppressed = SUPPRESSED.try_with(|suppressed| suppressed.replace(false)).unwrap_or(false);
    let before = WAIT.try_with(|cell| cell.replace(wait)).unwrap_or(STALL_WAIT);
    let _restore = Restore(suppressed, before);
    f()
}

/// The thread's buffer. A formatter that records while this one is out gets a fresh one.
pub(crate) fn take_scratch() -> Vec<u8> {
    SCRATCH.try_with(Cell::take).unwrap_or_default()
}

pub(crate) fn give_scratch(buffer: Vec<u8>) {
    if buffer.capacity() <= SCRATCH_KEPT_MAX {
        let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
    }
}

struct Attachments(Vec<Attachment>);

struct Attachment {
    journal: Journal,
    /// `None` when the journal's rings are used up: then the shared one serves.
    producer: Option<Producer>,
    sites: Box<[(usize, u32); SITES]>,
}

impl Drop for Attachments {
    fn drop(&mut self) {
        for attachment in self.0.drain(..) {
            if let Some(producer) = attachment.producer {
                attachment.journal.give_back(producer);
            }
        }
    }
}

impl Attachments {
    fn get(&mut self, journal: &Journal) -> Option<&mut Attachment> {
        self.0.iter_mut().find(|attachment| attachment.journal.id() == journal.id())
    }
}

/// Pushes a finished record to the ring of this thread.
pub(crate) fn push(
    journal: &Journal,
    record: &mut [u8],
    kind: Kind,
    level: Level,
    truncated: bool,
) {
    if journal.is_closed() {
        // Before a ring is made for it; the question that counts is asked again below.
        return journal.count_drop(kind, DropReason::AfterShutdown, level);
    }
    let mut attached_now = false;
    let pushed = ATTACHED.try_with(|attached| {
        // Nothing of the application runs below, so the cell can only be taken by a signal.
        let Ok(mut attached) = attached.try_borrow_mut() else { return false };
        if attached.get(journal).is_none() {
            attached_now = true;
            let producer = journal.producer();
            let sites = Box::new([(0, 0); SITES]);
            attached.0.push(Attachment { journal: journal.clone(), producer, sites });
        }
        match attached.get(journal).and_then(|attachment| attachment.producer.as_mut()) {
            Some(producer) => {
                push_or_drop(journal, producer, record, kind, level, truncated);
                true
            }
            None => false,
        }
    });
    if pushed != Ok(true) {
        push_shared(journal, record, kind, level, truncated);
    }
    if attached_now {
        journal.on_attach();
    }
}

fn push_or_drop(
    journal: &Journal,
    producer: &mut Producer,
    record: &mut [u8],
    kind: Kind,
    level: Level,
    truncated: bool,
) {
    producer.begin();
    if journal.is_closed() {
        producer.end();
        return journal.count_drop(kind, DropReason::AfterShutdown, level);
    }
    match producer.push(record, kind, truncated) {
        Ok(false) => {}
        Ok(true) => journal.control().wake(),
        Err(Full { may_wait: true }) if wait(journal, producer, record, kind, truncated) => {}
        Err(_) => producer.drop_record(kind, DropReason::RingFull, level),
    }
    producer.end();
}

/// The bounded wait of a stall. Whether the record went in.
fn wait(
    journal: &Journal,
    producer: &mut Producer,
    record: &mut [u8],
    kind: Kind,
    truncated: bool,
) -> bool {
    let limit = WAIT.try_with(Cell::get).unwrap_or(STALL_WAIT);
    let begin = Instant::now();
    loop {
        journal.control().wake();
        std::thread::sleep(STALL_STEP);
        if producer.push(record, kind, truncated).is_ok() {
            return true;
        }
        if begin.elapsed() >= limit {
            producer.stalled();
            return false;
        }
    }
}

/// For threads without a ring: past the cap, in their last moments, or inside a signal handler.
fn push_shared(journal: &Journal, record: &mut [u8], kind: Kind, level: Level, truncated: bool) {
    for _ in 0..SHARED_ATTEMPTS {
        match journal.shared().try_lock() {
            Ok(mut producer) => {
                return push_or_drop(journal, &mut producer, record, kind, level, truncated);
            }
            Err(TryLockError::Poisoned(poisoned)) => {
                let mut producer = poisoned.into_inner();
                return push_or_drop(journal, &mut producer, record, kind, level, truncated);
            }
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    journal.count_drop(kind, DropReason::Contended, level);
}

pub(crate) fn cached_site(journal: &Journal, key: usize) -> Option<u32> {
    let lookup = |attached: &RefCell<Attachments>| {
        let mut attached = attached.try_borrow_mut().ok()?;
        let (cached, id) = attached.get(journal)?.sites[place(key)];
        (cached == key && id != 0).then_some(id)
    };
    ATTACHED.try_with(lookup).ok().flatten()
}

pub(crate) fn cache_site(journal: &Journal, key: usize, id: u32) {
    let _ = ATTACHED.try_with(|attached| {
        if let Ok(mut attached) = attached.try_borrow_mut()
            && let Some(attachment) = attached.get(journal)
        {
            attachment.sites[place(key)] = (key, id);
        }
    });
}

/// Statics are aligned: the low bits say nothing.
fn place(key: usize) -> usize {
    ((key >> 4).wrapping_mul(0x9e37_79b9) >> 8) % SITES
}
