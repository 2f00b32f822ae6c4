//! Slots of open spans: nobody sees half of one span and half of another, whoever closes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Seen, Ordering};

use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::check;
use crate::open::{Opened, Slots, Written};
use crate::ring::memory::Words;

/// The words of one slot that a model uses: state, start, parent, place and two of the context.
struct OneSlot([AtomicU64; 6]);

/// Bytes of a slot; where the first one begins is a multiple of it.
const SLOT_SIZE: usize = 192;

impl OneSlot {
    fn word(&self, at: usize) -> &AtomicU64 {
        &self.0[at % SLOT_SIZE / 8]
    }
}

impl Words for OneSlot {
    fn len(&self) -> usize {
        8 * self.0.len()
    }

    fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    fn load_acquire(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    fn store_release(&self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }

    unsafe fn fill<R>(&self, _at: usize, _len: usize, _f: impl FnOnce(&mut [u8]) -> R) -> R {
        unreachable!("slots are written word by word")
    }

    unsafe fn view<R>(&self, _at: usize, _len: usize, _f: impl FnOnce(&[u8]) -> R) -> R {
        unreachable!("slots are read word by word")
    }
}

fn slots() -> Arc<Slots<OneSlot>> {
    Arc::new(Slots::new(OneSlot(std::array::from_fn(|_| AtomicU64::new(0)))))
}

fn open(slots: &Slots<OneSlot>, number: u8) -> u64 {
    let (start_ns, parent) = (u64::from(number), u64::from(number) + 10);
    let context = [number; 16];
    let span = Opened { site: u32::from(number), parent, start_ns, context: &context };
    slots.open(0, 1, span)
}

/// Which span was read; it is one, and all of it.
fn whole(found: &Written) -> u64 {
    let number = found.start_ns;
    assert_eq!((found.parent, u64::from(found.site)), (number + 10, number), "torn");
    assert_eq!(found.context, [number as u8; 16], "torn");
    number
}

#[test]
fn a_reader_sees_one_span_or_the_next_or_none() {
    static SEEN: [Seen; 3] = [const { Seen::new(false) }; 3];
    check(|| {
        let slots = slots();
        let state = open(&slots, 1);
        let writer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || {
                assert!(slots.close(0, state));
                open(&slots, 2)
            })
        };
        let number = slots.read(0).as_ref().map_or(0, whole);
        SEEN[number as usize].store(true, Ordering::Relaxed);
        let state = writer.join().expect("the writer ends");
        assert_eq!(slots.read(0).as_ref().map(whole), Some(2));
        assert!(slots.close(0, state));
        assert_eq!(slots.read(0), None);
    });
    assert!(SEEN.iter().all(|seen| seen.load(Ordering::Relaxed)), "{SEEN:?}");
}

#[test]
fn a_slot_closed_by_another_thread_is_used_again_and_read_whole() {
    check(|| {
        let slots = slots();
        let state = open(&slots, 1);
        let closer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || assert!(slots.close(0, state)))
        };
        let reader = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || slots.read(0).as_ref().map(whole))
        };
        closer.join().expect("the closer ends");
        assert!(slots.is_free(0));
        let again = open(&slots, 2);
        assert_ne!(again, state, "the old handle is worth nothing");
        assert!(!slots.close(0, state));
        let _number = reader.join().expect("the reader ends");
    });
}

#[test]
fn a_change_is_seen_before_or_after_and_not_in_between() {
    check(|| {
        let slots = slots();
        let state = open(&slots, 1);
        let writer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || slots.change(0, state, 99, &[5; 16]))
        };
        if let Some(found) = slots.read(0) {
            let is_new = found.parent == 99;
            assert_eq!(found.context, [if is_new { 5 } else { 1 }; 16], "torn");
        }
        let state = writer.join().expect("the writer ends");
        assert!(slots.close(0, state));
    });
}
