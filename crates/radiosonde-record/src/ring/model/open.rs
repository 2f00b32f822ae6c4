//! Slots of open spans: nobody sees half of one span and half of another, whoever closes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Seen, Ordering};

use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::check;
use crate::open::{Handle, Opened, SLOT_WORDS, Slots, Written};
use crate::ring::{Rows, Word};

/// One slot, wherever it is asked for.
struct OneSlot([AtomicU64; SLOT_WORDS]);

impl Rows<SLOT_WORDS> for OneSlot {
    type Word = AtomicU64;

    fn row(&self, _nth: u32) -> &[AtomicU64; SLOT_WORDS] {
        &self.0
    }
}

impl Word for AtomicU64 {
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    fn read_acquire(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn write_release(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
}

fn slots() -> Arc<Slots<OneSlot>> {
    Arc::new(Slots::new(OneSlot(std::array::from_fn(|_| AtomicU64::new(0)))))
}

fn open(slots: &Slots<OneSlot>, number: u8) -> Handle {
    let (start_ns, parent) = (u64::from(number), u64::from(number) + 10);
    let context = [number; 16];
    let span = Opened { site: u32::from(number), parent, start_ns, context: &context };
    let opened = slots.open(0, 1, span);
    assert_ne!(opened, Handle::default(), "the slot is free");
    opened
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
                assert!(slots.close(state));
                open(&slots, 2)
            })
        };
        let number = slots.read(0).as_ref().map_or(0, whole);
        SEEN[number as usize].store(true, Ordering::Relaxed);
        let state = writer.join().expect("the writer ends");
        assert_eq!(slots.read(0).as_ref().map(whole), Some(2));
        assert!(slots.close(state));
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
            thread::spawn(move || assert!(slots.close(state)))
        };
        let reader = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || slots.read(0).as_ref().map(whole))
        };
        closer.join().expect("the closer ends");
        assert!(slots.is_free(0));
        let again = open(&slots, 2);
        assert_ne!(again, state, "the old handle is worth nothing");
        assert!(!slots.close(state));
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
            thread::spawn(move || slots.change(state, 99, &[5; 16]))
        };
        if let Some(found) = slots.read(0) {
            let is_new = found.parent == 99;
            assert_eq!(found.context, [if is_new { 5 } else { 1 }; 16], "torn");
        }
        let state = writer.join().expect("the writer ends");
        assert!(slots.close(state));
    });
}
