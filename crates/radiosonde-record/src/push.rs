//! A push: a record on its way into the ring of its thread, or the shared one.

use std::cell::RefCell;
use std::sync::TryLockError;
use std::time::{Duration, Instant};

use crate::format::Stamp;
use crate::journal::Journal;
use crate::level::{DropReason, Kind, Level};
use crate::patience::WAIT_MAX;
use crate::ring::{self, Full, Producer};
use crate::thread::{self, inside, patient_wait};

/// How long the waiting thread sleeps between looks; with what timers take besides, twice as long. The
/// drain is not held up by that: what it gave back is a small part of what it still has to do.
const WAIT_STEP: Duration = Duration::from_micros(50);
/// Looks at the shared ring's lock before the record is dropped.
const SHARED_ATTEMPTS: usize = 64;
/// Records a thread without a ring shares before it asks for one again.
const SHARED_BEFORE_RETRY: u32 = 1024;

thread_local! {
    static ATTACHED: RefCell<Attachments> = const { RefCell::new(Attachments::new()) };
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

/// The time a call waits by.
trait Time {
    fn now(&mut self) -> Instant;
    fn sleep(&mut self, step: Duration);
}

/// As it passes.
struct System;

impl Time for System {
    fn now(&mut self) -> Instant {
        Instant::now()
    }

    fn sleep(&mut self, step: Duration) {
        std::thread::sleep(step);
    }
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
            return self.slow().forked(journal);
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
            self.slow().outside(journal, DropReason::AfterShutdown);
            return Found::Pushed;
        }
        let pushed = producer.push(self.length, self.kind, self.level, self.truncated, &self.fill);
        let found = match pushed {
            Ok(false) => Found::Pushed,
            Ok(true) => {
                journal.control().hurry();
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
            Some(Found::Busy) => self.outside(journal, DropReason::Reentrant),
            Some(Found::None) => self.without_ring(journal),
            Some(Found::TooLarge) | None => self.shared(journal),
        }
    }

    #[cold]
    fn full(&self, journal: &Journal, producer: &mut Producer, full: Full) -> Found {
        self.full_by(&mut System, journal, producer, full)
    }

    fn full_by(
        &self,
        time: &mut impl Time,
        journal: &Journal,
        producer: &mut Producer,
        full: Full,
    ) -> Found {
        let is_in = match full {
            Full::TooLarge => return Found::TooLarge,
            Full::MayWait => self.wait(time, journal, producer),
            Full::Stalled => false,
        };
        if !is_in {
            // Nobody waits any more, but the sooner there is room the fewer are lost.
            journal.control().hurry();
            self.drop_from(producer);
        }
        Found::Pushed
    }

    /// The bounded wait of a call. Whether the record went in, in the end into what is kept for those
    /// that have waited.
    fn wait(&self, time: &mut impl Time, journal: &Journal, producer: &mut Producer) -> bool {
        let said = patient_wait();
        let is_useless = || said.is_none() && journal.control().is_blocked();
        if is_useless() {
            return self.at_last(producer);
        }
        let (limit, begin) = (said.unwrap_or(WAIT_MAX), time.now());
        // What several threads share has no allowance: it would be nobody's.
        let is_charged = said.is_none() && !producer.is_shared();
        if is_charged && !producer.patience().allows(begin) {
            producer.stalled();
            return self.at_last(producer);
        }
        loop {
            journal.control().hurry();
            time.sleep(WAIT_STEP);
            producer.end();
            journal.grow(producer);
            producer.begin(self.kind);
            // Asked anew: in between this ring was not busy to whoever closes.
            if journal.is_closed() {
                return false;
            }
            let pushed =
                producer.push(self.length, self.kind, self.level, self.truncated, self.fill);
            let took = time.now().saturating_duration_since(begin);
            let is_over = took >= limit || is_useless();
            if (pushed.is_ok() || is_over) && is_charged {
                producer.patience().spend(took);
            }
            if pushed.is_ok() {
                return true;
            }
            if is_over {
                match said {
                    None => producer.waited_in_vain(),
                    Some(_) => producer.stalled(),
                }
                return self.at_last(producer);
            }
        }
    }

    fn at_last(&self, producer: &mut Producer) -> bool {
        let Self { kind, level, truncated, length, fill } = *self;
        producer.push_at_last(length, kind, level, truncated, fill).is_ok()
    }

    /// The first record of a thread, or one past the cap.
    fn without_ring(&self, journal: &Journal) {
        if journal.is_closed() {
            // Before a ring is made for it; the question that counts is asked again later.
            return self.outside(journal, DropReason::AfterShutdown);
        }
        match inside(|| attach(journal)) {
            None => self.outside(journal, DropReason::Reentrant),
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
                self.drop_from(&mut producer);
            }
            return;
        }
        self.outside(journal, DropReason::Contended);
    }

    /// Counts it as dropped where no ring counts it.
    #[cold]
    fn outside(&self, journal: &Journal, reason: DropReason) {
        thread::note_drop();
        journal.count_outside(self.kind, reason, self.level);
    }

    /// As [`Push::outside`], in the ring that has no room for it.
    fn drop_from(&self, producer: &mut Producer) {
        thread::note_drop();
        producer.drop_record(self.kind, DropReason::RingFull, self.level);
    }

    #[cold]
    fn forked(&self, journal: &Journal) {
        thread::note_drop();
        journal.count_forked();
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

#[cfg(all(test, not(loom)))]
mod tests;
