//! A process that is killed after any of its stores: what its ring file says then.
//!
//! The kernel keeps every store an instruction has retired, in the order of the program where the
//! stores are Releases. So the states a kill can leave are those between two stores, and there are
//! few enough to look at each.

use std::cell::RefCell;
use std::io::{Seek as _, Write as _};
use std::rc::Rc;

use super::image::Image;
use super::memory::Words;
use super::*;
use crate::format::{Record, seal};

const CAPACITY: usize = 4096;

/// Memory that keeps what it was after each store.
#[derive(Clone, Default)]
struct Remembered(Rc<RefCell<States>>);

#[derive(Default)]
struct States {
    now: Vec<u8>,
    all: Vec<State>,
    /// Records the consumer has taken.
    taken: u64,
}

struct State {
    bytes: Vec<u8>,
    taken: u64,
}

impl Remembered {
    fn new() -> Self {
        let mut now = vec![0; layout::HEADER_SIZE + CAPACITY];
        now[..8].copy_from_slice(&layout::MAGIC.to_le_bytes());
        now[layout::VERSION_AT..][..4].copy_from_slice(&layout::VERSION.to_le_bytes());
        now[layout::CAPACITY_AT..][..4].copy_from_slice(&(CAPACITY as u32).to_le_bytes());
        Self(Rc::new(RefCell::new(States { now, ..States::default() })))
    }

    fn put(&self, at: usize, bytes: &[u8]) {
        let mut states = self.0.borrow_mut();
        states.now[at..][..bytes.len()].copy_from_slice(bytes);
        let state = State { bytes: states.now.clone(), taken: states.taken };
        states.all.push(state);
    }
}

impl Words for Remembered {
    fn len(&self) -> usize {
        self.0.borrow().now.len()
    }

    fn load(&self, at: usize) -> u64 {
        let states = self.0.borrow();
        states.now[at..].first_chunk().copied().map(u64::from_le_bytes).expect("in bounds")
    }

    fn load_acquire(&self, at: usize) -> u64 {
        self.load(at)
    }

    fn store_release(&self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    unsafe fn fill<R>(&self, at: usize, len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut bytes = vec![0; len];
        let result = f(&mut bytes);
        // Killed in the middle of the copy, and behind it.
        self.put(at, &bytes[..len / 2]);
        self.put(at, &bytes);
        result
    }

    unsafe fn view<R>(&self, at: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        let bytes = self.0.borrow().now[at..][..len].to_vec();
        f(&bytes)
    }
}

/// What recovery finds: the records it counts as accepted, and those that are there.
fn found(state: &State) -> (u64, u64) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&state.bytes).expect("room");
    file.rewind().expect("a file");
    let mut image = Image::read(file).expect("a ring");
    let accepted = image.counters().accepted.iter().sum();
    let mut records = 0;
    while let Some(length) = image.next().expect("nothing between tail and head is damaged") {
        let is_whole = image.record(length, |bytes| Record::decode_whole(bytes).is_ok());
        assert!(is_whole);
        image.advance(image.position() + length as u64);
        records += 1;
    }
    (accepted, records)
}

#[test]
#[cfg_attr(miri, ignore = "temporary files")]
fn whenever_it_is_killed_the_books_of_a_ring_are_right() {
    let memory = Remembered::new();
    let (_ring, mut producer, mut consumer) = Ring::ends(memory.clone(), 0);
    let kinds = [Kind::Event, Kind::Span, Kind::Metric];
    // Several times around, of lengths that leave every kind of rest at the end.
    for (number, kind) in (0..60).zip(kinds.into_iter().cycle()) {
        let text = "x".repeat(number * 37 % 700);
        let bytes = tests::record(kind, &text);
        producer.begin(kind);
        let fill = |place: &mut [u8], stamp| {
            place.copy_from_slice(&bytes);
            seal(place, stamp);
        };
        if producer.push_at_last(bytes.len(), kind, Level::Info, number % 5 == 0, fill).is_err() {
            producer.drop_record(kind, DropReason::RingFull, Level::Info);
        }
        producer.end();
        for _ in 0..number % 3 {
            let Some(length) = consumer.next().unwrap() else { break };
            let position = consumer.position() + length as u64;
            consumer.advance(position);
            memory.0.borrow_mut().taken += 1;
            consumer.release(position);
        }
    }
    let states = &memory.0.borrow().all;
    assert!(states.len() > 300 && states.last().is_some_and(|last| last.taken > 30));
    for (number, state) in states.iter().enumerate() {
        let (accepted, records) = found(state);
        assert_eq!(accepted, state.taken + records, "after store {number}");
    }
}
