//! Where open spans are: found by their number without a lock on the whole, from any thread.
//!
//! Slots stand in blocks, each twice as large as the one before, which are made when they are first
//! needed and stay. A thread keeps the numbers of a few free slots, so that opening and closing
//! spans takes the lock of the common list once in a while. Memory follows the most spans that were
//! ever open at once.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tracing_core::span::Id;

use crate::counts::{Counted, SpanCounts};
use crate::span::Span;

/// Slots of the first block.
const FIRST: u32 = 64;
/// Blocks, and so spans that can be open at once: a million, in 330 MB.
const BLOCKS: usize = 14;
/// Free slots a thread takes at once.
const TAKEN: usize = 16;
/// Free slots a thread keeps.
const KEPT: usize = 2 * TAKEN;

/// The open spans of one layer.
pub(crate) struct Store {
    blocks: [OnceLock<Box<[Slot]>>; BLOCKS],
    free: Mutex<Free>,
    counts: SpanCounts,
    this: Weak<Self>,
}

#[derive(Default)]
struct Free {
    slots: Vec<u32>,
    /// The first slot that was never used.
    next: u32,
}

#[derive(Default)]
struct Slot {
    /// How many handles there are.
    handles: AtomicU32,
    /// Which of the spans that were here one after the other it is: an old number finds nothing.
    generation: AtomicU32,
    span: Mutex<Span>,
}

thread_local! {
    /// Whether this thread holds a lock of a store, of which it could wait for itself.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static FREE: RefCell<Cache> = const { RefCell::new(Cache { store: Weak::new(), slots: Vec::new() }) };
}

/// As long as a thread has a lock of a store. What runs meanwhile is ours, and what our allocations
/// run, which may be an allocator that opens spans: these are left out.
struct Inside;

impl Inside {
    #[inline]
    fn enter() -> Option<Self> {
        (!INSIDE.replace(true)).then(|| Self)
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// An open span, with its lock.
pub(crate) struct Locked<'a> {
    // Unlocked before the thread is outside again.
    span: MutexGuard<'a, Span>,
    _inside: Inside,
}

impl Deref for Locked<'_> {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Span {
        &mut self.span
    }
}

/// The free slots of a thread, of the store it used last.
struct Cache {
    store: Weak<Store>,
    slots: Vec<u32>,
}

impl Cache {
    fn give_back(&mut self) {
        if let Some(store) = self.store.upgrade() {
            store.free().slots.append(&mut self.slots);
        }
        self.slots.clear();
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // A thread that is not there may have held the lock.
        if !radiosonde_context::is_forked_child() {
            // The list may grow, by an allocator that opens spans.
            let _inside = Inside::enter();
            self.give_back();
        }
    }
}

impl Store {
    /// Counts there what it leaves out.
    pub(crate) fn new(counts: &SpanCounts) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            blocks: [const { OnceLock::new() }; BLOCKS],
            free: Mutex::default(),
            counts: counts.clone(),
            this: this.clone(),
        })
    }

    /// Opens a span: `begin` gets one that was used before, or is new, alone. `None` past the number
    /// that can be open, and where a lock is held; both are counted.
    #[inline]
    pub(crate) fn open(&self, begin: impl FnOnce(&mut Span)) -> Option<Id> {
        // A forked child records nothing, and threads it has not got may have held these locks.
        if radiosonde_context::is_forked_child() {
            return None;
        }
        let inside = self.enter()?;
        let Some(number) = self.take() else {
            self.counts.add(Counted::TooMany, 1);
            return None;
        };
        let (block, at) = place(number);
        let slot = self.blocks.get(block)?.get_or_init(|| slots(block)).get(at)?;
        // Nobody knows the span yet, so that nobody waits for it, and formatters run in `begin`.
        drop(inside);
        begin(&mut lock(&slot.span));
        slot.handles.store(1, Ordering::Release);
        Some(id(number, slot.generation.load(Ordering::Relaxed)))
    }

    /// Looks at an open span. `f` must run no code of the application.
    #[inline]
    pub(crate) fn with<R>(&self, id: &Id, f: impl FnOnce(&mut Span) -> R) -> Option<R> {
        Some(f(&mut *self.lock(id)?))
    }

    /// An open span, with its lock. No code of the application may run as long.
    #[inline]
    pub(crate) fn lock(&self, id: &Id) -> Option<Locked<'_>> {
        let (slot, generation) = self.place_of(id)?;
        let inside = self.enter()?;
        let locked = Locked { span: lock(&slot.span), _inside: inside };
        // With the lock held: it may have ended meanwhile, and the next one begun.
        (slot.generation.load(Ordering::Acquire) == generation).then_some(locked)
    }

    /// Another handle of a span.
    pub(crate) fn add_handle(&self, id: &Id) {
        if let Some((slot, _)) = self.find(id) {
            slot.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One handle less. `end` gets the span when that was the last one; it must run no code of the
    /// application. Whether it was.
    #[inline]
    pub(crate) fn drop_handle(&self, id: &Id, end: impl FnOnce(&mut Span)) -> bool {
        let Some((slot, number)) = self.find(id) else { return false };
        let generation = (id.into_u64() >> 32) as u32;
        // Who has the only handle is the only one who could make another.
        let is_last = slot.handles.load(Ordering::Acquire) == 1
            || slot.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            // Where a lock is held, handles are added all the same, and have to go again.
            let Some(_inside) = self.enter() else { return false };
            // First, so that its number finds nothing while it ends. Nobody else writes it: there is no
            // other handle, and no other span here yet.
            slot.generation.store(generation.wrapping_add(1), Ordering::Release);
            end(&mut lock(&slot.span));
            self.put(number);
        }
        is_last
    }

    /// `None` where this thread has a lock already.
    #[inline]
    fn enter(&self) -> Option<Inside> {
        let inside = Inside::enter();
        if inside.is_none() {
            self.counts.add(Counted::Nested, 1);
        }
        inside
    }

    #[inline]
    fn find(&self, id: &Id) -> Option<(&Slot, u32)> {
        let (slot, generation) = self.place_of(id)?;
        let number = number(id);
        (slot.generation.load(Ordering::Acquire) == generation).then_some((slot, number))
    }

    /// Where the span of an id is or was, and which of those that were there it is.
    #[inline]
    fn place_of(&self, id: &Id) -> Option<(&Slot, u32)> {
        // A forked child finds nothing: threads it has not got may have held these locks.
        let slot = self.slot(number(id)).filter(|_| !radiosonde_context::is_forked_child())?;
        Some((slot, (id.into_u64() >> 32) as u32))
    }

    #[inline]
    fn slot(&self, number: u32) -> Option<&Slot> {
        let (block, at) = place(number);
        self.blocks.get(block)?.get()?.get(at)
    }

    /// A free slot.
    #[inline]
    fn take(&self) -> Option<u32> {
        let cached = FREE.try_with(|cache| {
            let mut cache = cache.try_borrow_mut().ok()?;
            if !std::ptr::eq(cache.store.as_ptr(), self) {
                cache.give_back();
                cache.store = self.this.clone();
            }
            match cache.slots.pop() {
                Some(number) => Some(number),
                None => self.take_many(&mut cache.slots),
            }
        });
        match cached {
            Ok(Some(number)) => Some(number),
            // A thread that ends keeps nothing.
            Ok(None) | Err(_) => self.free().take(),
        }
    }

    #[cold]
    fn take_many(&self, into: &mut Vec<u32>) -> Option<u32> {
        let mut free = self.free();
        let many = (0..TAKEN).map_while(|_| free.take());
        into.extend(many);
        into.pop()
    }

    fn put(&self, number: u32) {
        let kept = FREE.try_with(|cache| {
            let Ok(mut cache) = cache.try_borrow_mut() else { return false };
            if !std::ptr::eq(cache.store.as_ptr(), self) {
                return false;
            }
            if cache.slots.len() >= KEPT {
                // Half of them: a thread that only closes what others open does this once in a while.
                self.free().slots.extend(cache.slots.drain(TAKEN..));
            }
            cache.slots.push(number);
            true
        });
        if !kept.unwrap_or(false) {
            self.free().slots.push(number);
        }
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slots there are in use or ready.
    #[cfg(test)]
    pub(crate) fn size(&self) -> u32 {
        self.free().next
    }

    /// Keeps the lists of free slots locked.
    #[cfg(test)]
    pub(crate) fn hold_lists(&self) -> impl Sized + '_ {
        self.free()
    }

    /// Looks at each slot, in use or not.
    #[cfg(test)]
    pub(crate) fn each(&self, mut f: impl FnMut(&Span)) {
        let slots = self.blocks.iter().filter_map(OnceLock::get).flatten();
        slots.for_each(|slot| f(&lock(&slot.span)));
    }
}

impl Free {
    fn take(&mut self) -> Option<u32> {
        self.slots.pop().or_else(|| {
            let number = self.next;
            let fits = place(number).0 < BLOCKS;
            self.next += u32::from(fits);
            fits.then_some(number)
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Block and place in it.
#[inline]
fn place(number: u32) -> (usize, usize) {
    // Blocks begin at FIRST * (2^n - 1).
    let shifted = u64::from(number) + u64::from(FIRST);
    let block = shifted.ilog2() - FIRST.ilog2();
    (block as usize, (shifted - (u64::from(FIRST) << block)) as usize)
}

fn slots(block: usize) -> Box<[Slot]> {
    (0..(FIRST as usize) << block).map(|_| Slot::default()).collect()
}

fn id(number: u32, generation: u32) -> Id {
    Id::from_u64(u64::from(generation) << 32 | u64::from(number + 1))
}

fn number(id: &Id) -> u32 {
    (id.into_u64() as u32).wrapping_sub(1)
}

/// A formatter that panicked in the middle leaves a span with fewer attributes, and whole.
fn lock(span: &Mutex<Span>) -> MutexGuard<'_, Span> {
    span.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for number in 0..100_000 {
            assert_eq!(place(number), expected, "{number}");
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn an_old_number_finds_nothing() {
        let store = Store::new(&SpanCounts::default());
        let first = store.open(|_| {}).unwrap();
        store.add_handle(&first);
        assert!(!store.drop_handle(&first, |_| panic!("not the last one")));
        assert!(store.drop_handle(&first, |_| {}));
        assert!(!store.drop_handle(&first, |_| panic!("it has ended")));
        let second = store.open(|_| {}).unwrap();
        assert_ne!(first, second);
        assert_eq!(store.with(&first, |_| ()), None);
        assert_eq!(store.with(&second, |_| ()), Some(()));
        assert_eq!(store.with(&Id::from_u64(u64::MAX), |_| ()), None);
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let counts = SpanCounts::default();
        let store = Store::new(&counts);
        let [one, other] = [(); 2].map(|()| store.open(|_| {}).unwrap());
        let inside = store.with(&one, |_| {
            assert_eq!(store.open(|_| panic!("the lists may be taken")), None);
            assert_eq!(store.with(&one, |_| ()), None);
            assert!(!store.drop_handle(&other, |_| panic!("its lock may be taken")));
            store.add_handle(&one);
            assert!(!store.drop_handle(&one, |_| panic!("not the last one")));
        });
        assert_eq!((inside, counts.of(Counted::Nested)), (Some(()), 3));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.with(&one, |_| panic!("a mistake of ours"));
        }));
        assert!(caught.is_err());
        assert_eq!(store.with(&one, |_| ()), Some(()), "it is outside again");
        // Formatters of a span that is made may make others.
        let outer = store.open(|_| assert!(store.open(|_| {}).is_some()));
        assert!(outer.is_some());
        assert!(store.drop_handle(&one, |_| {}), "none of the handles inside is left");
        assert_eq!((counts.of(Counted::Nested), counts.of(Counted::TooMany)), (3, 0));
    }

    #[test]
    fn a_million_spans_on_several_threads_take_the_room_of_those_open_at_once() {
        let store = Store::new(&SpanCounts::default());
        let (send, receive) = std::sync::mpsc::sync_channel::<Id>(100);
        let open = |store: &Store| store.open(|_| {}).unwrap();
        let mut threads = Vec::new();
        // Two threads open and close, one opens what another closes.
        for _ in 0..2 {
            let store = Arc::clone(&store);
            threads.push(std::thread::spawn(move || {
                for _ in 0..250_000 {
                    let [one, other] = [(); 2].map(|()| open(&store));
                    assert!(store.drop_handle(&one, |_| {}));
                    assert!(store.drop_handle(&other, |_| {}));
                }
            }));
        }
        let opening = Arc::clone(&store);
        threads.push(std::thread::spawn(move || {
            (0..100_000).for_each(|_| send.send(open(&opening)).unwrap());
        }));
        let closing = Arc::clone(&store);
        threads.push(std::thread::spawn(move || {
            receive.iter().for_each(|id| assert!(closing.drop_handle(&id, |_| {})));
        }));
        // Joined, they have given back what they kept.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Four threads with their free ones, a hundred on their way, two in two hands.
        let most = 4 * KEPT + TAKEN * 4 + 102 + 8;
        assert!(store.size() as usize <= most, "{}", store.size());
        let all = store.free().slots.len();
        assert_eq!(all, store.size() as usize, "what threads kept is back");
    }
}
