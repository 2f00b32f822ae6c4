//! The protocol of the rings, tried in every order its threads can take, and with every value their
//! loads may see (`cargo xtask prove loom`).
//!
//! Small rings and few records: what is looked for are orderings, and each kind of meeting (at the
//! head, at the tail, at the end of the ring, at a full ring) happens with four records already.
//! That it happened is asserted too. Threads are preempted up to three times, which finds what
//! there is to be found in all but contrived cases; `LOOM_MAX_PREEMPTIONS` says otherwise.
//!
//! What is not modelled: the mapping, the wait of a stalled thread, and `membarrier`, in whose
//! place both sides of a close have the fence that they have without it.

mod memory;
mod open;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Seen, Ordering};

use loom::sync::atomic::AtomicBool;
use loom::thread;

use super::anchor::{Anchor, Published};
use super::sync::AtomicU64;
use super::{Consumer, Full, Producer, Ring, Source as _, process_barrier};
use crate::format::{HEADER_SIZE, seal};
use crate::level::{DropReason, Kind, Level};
use memory::Watched;

/// Three of [`RECORD`] fit, and the fourth does not fit before the end.
const CAPACITY: usize = 128;
const RECORD: usize = HEADER_SIZE;
const PREEMPTIONS: usize = 3;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    builder.check(model);
}

fn ring(number: u32) -> (Arc<Ring<Watched>>, Producer<Watched>, Consumer<Watched>) {
    Ring::ends(Watched::new(CAPACITY), number)
}

/// A record that shows whether it is whole.
fn push(producer: &mut Producer<Watched>, number: u64) -> Result<bool, Full> {
    let fill = |place: &mut [u8], stamp| {
        place[..4].copy_from_slice(&(RECORD as u32).to_le_bytes());
        place[16..24].copy_from_slice(&number.to_le_bytes());
        place[24..32].copy_from_slice(&(!number).to_le_bytes());
        seal(place, stamp);
    };
    producer.push_at_last(RECORD, Kind::Event, Level::Critical, false, fill)
}

fn push_or_drop(producer: &mut Producer<Watched>, number: u64) -> bool {
    let pushed = push(producer, number).is_ok();
    if !pushed {
        producer.drop_record(Kind::Event, DropReason::RingFull, Level::Critical);
    }
    pushed
}

/// What was read of a record.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    number: u64,
    sequence: u64,
}

/// The next record; its space is given back.
fn read(consumer: &mut Consumer<Watched>) -> Option<Read> {
    let length = consumer.next().expect("what is between tail and head is whole")?;
    assert_eq!(length, RECORD);
    let found = consumer.record(length, |bytes| {
        let word = |at: usize| bytes[at..].first_chunk().copied().map(u64::from_le_bytes);
        assert_eq!(word(16).map(|number| !number), word(24), "torn");
        Read { sequence: word(8).expect("a sequence"), number: word(16).expect("a number") }
    });
    let position = consumer.position() + length as u64;
    consumer.advance(position);
    consumer.release(position);
    Some(found)
}

fn read_all(consumer: &mut Consumer<Watched>) -> Vec<Read> {
    std::iter::from_fn(|| read(consumer)).collect()
}

fn accepted(ring: &Ring<Watched>) -> u64 {
    use super::memory::Words as _;
    ring.memory.load_acquire(super::layout::accepted_at(Kind::Event))
}

/// Every record that was accepted is read, once, whole and in order, over the end of the ring, and
/// when the ring is full; what is dropped leaves its gap.
#[test]
fn what_is_accepted_is_read_once_and_in_order() {
    static WRAPPED: Seen = Seen::new(false);
    static FILLED: Seen = Seen::new(false);
    check(|| {
        let (ring, mut producer, mut consumer) = ring(0);
        let writer = thread::spawn(move || {
            (0..4).filter(|number| push_or_drop(&mut producer, *number)).collect::<Vec<u64>>()
        });
        let mut found = Vec::new();
        for _ in 0..2 {
            found.extend(read(&mut consumer));
            assert!(found.len() as u64 <= accepted(&ring), "delivered before it was accepted");
        }
        let expected = writer.join().expect("the writer ends");
        found.extend(read_all(&mut consumer));
        // Each call takes a sequence number, whatever became of it.
        let expected: Vec<Read> =
            expected.into_iter().map(|number| Read { number, sequence: number }).collect();
        assert_eq!(found, expected);
        assert_eq!(accepted(&ring), expected.len() as u64);
        let seen = if found.len() == 4 { &WRAPPED } else { &FILLED };
        seen.store(true, Ordering::Relaxed);
    });
    assert!(WRAPPED.load(Ordering::Relaxed) && FILLED.load(Ordering::Relaxed));
}

/// A ring goes from thread to thread through a lock (the pool of free rings): the next one goes on
/// where the last one ended.
#[test]
fn a_ring_that_is_handed_on_goes_on() {
    check(|| {
        let (_ring, producer, mut consumer) = ring(0);
        let pool = Arc::new(loom::sync::Mutex::new(producer));
        let writer = |number| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || push(&mut pool.lock().expect("nobody panics"), number).is_ok())
        };
        let threads = [writer(5), writer(6)];
        let mut found: Vec<Read> = read(&mut consumer).into_iter().collect();
        assert!(threads.into_iter().all(|thread| thread.join().expect("the writer ends")));
        found.extend(read_all(&mut consumer));
        assert_eq!(found.iter().map(|read| read.sequence).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(found.iter().map(|read| read.number).sum::<u64>(), 11);
    });
}

/// What the drain does for a ring at each look. `free` are larger ones, `left` those of its size.
fn tend(
    ring: &Ring<Watched>,
    free: &mut Vec<Producer<Watched>>,
    left: &mut Vec<Producer<Watched>>,
) {
    if ring.wants_attention() {
        left.extend(ring.collect());
        if ring.wants_more() {
            let larger = free.pop();
            free.extend(larger.and_then(|larger| ring.offer(larger)));
        }
    }
}

/// A producer under pressure goes on in another ring at any moment the drain may choose to offer
/// it: nothing is lost, no end of a ring is, and the one that was left can be used again.
#[test]
fn a_producer_changes_rings_and_nothing_is_lost() {
    static GREW: Seen = Seen::new(false);
    static STAYED: Seen = Seen::new(false);
    check(|| {
        let (first, mut producer, mut consumer) = ring(0);
        // One more than is needed: a ring that was left must not get it.
        let (second, larger, mut next) = ring(1);
        let (third, spare, _) = ring(2);
        // More than half full: the ring has asked.
        let mut accepted: Vec<u64> = (0..2).collect();
        assert!(accepted.iter().all(|number| push(&mut producer, *number).is_ok()));
        let writer = thread::spawn(move || {
            for number in 2..4 {
                accepted.extend(push_or_drop(&mut producer, number).then_some(number));
                producer.take_larger();
            }
            (accepted, producer)
        });
        let (mut free, mut left) = (vec![spare, larger], Vec::new());
        tend(&first, &mut free, &mut left);
        let mut found = read_all(&mut consumer);
        tend(&first, &mut free, &mut left);
        let (expected, last) = writer.join().expect("the writer ends");
        tend(&first, &mut free, &mut left);
        found.extend(read_all(&mut consumer));
        found.extend(read_all(&mut next));
        assert_eq!(found.iter().map(|read| read.number).collect::<Vec<_>>(), expected);

        // Whoever was quick or slow: every end is somewhere, once.
        let grew = Arc::ptr_eq(last.ring(), &second);
        let seen = if grew { &GREW } else { &STAYED };
        seen.store(true, Ordering::Relaxed);
        assert_eq!(left.len(), usize::from(grew), "the end that was left");
        assert!(!grew || free.len() == 1, "a ring that was left got the spare one");
        left.push(last);
        // What was offered and not taken waits for whoever uses the ring next.
        let mut user = left.swap_remove(0);
        assert!(Arc::ptr_eq(user.ring(), &first));
        push(&mut user, 9).expect("all was read");
        assert_eq!(read(&mut consumer).map(|read| read.number), Some(9));
        user.take_larger();
        left.extend(first.collect());
        left.push(user);
        left.append(&mut free);
        for ring in [&first, &second, &third] {
            assert!(left.iter().any(|end| Arc::ptr_eq(end.ring(), ring)), "an end was lost");
        }
        assert_eq!(left.len(), 3);
    });
    assert!(GREW.load(Ordering::Relaxed) && STAYED.load(Ordering::Relaxed));
}

/// A call as threads make it, which may find the ring full and wait in the middle. Whether it was
/// accepted.
fn call(producer: &mut Producer<Watched>, closed: &AtomicBool, number: u64) -> bool {
    for _ in 0..2 {
        producer.begin(Kind::Event);
        let is_closed = closed.load(Ordering::Relaxed);
        let pushed = !is_closed && push(producer, number).is_ok();
        producer.end();
        if pushed || is_closed {
            return pushed;
        }
        producer.take_larger();
    }
    false
}

/// Once a journal is closed and no ring is busy, nothing comes any more. `full`: the call finds no
/// room at first.
fn close_against_a_call(full: bool, seen: &'static [Seen; 3]) {
    check(move || {
        let (ring, mut producer, mut consumer) = ring(0);
        if full {
            (0..3).for_each(|number| assert!(push(&mut producer, number).is_ok()));
        }
        let closed = Arc::new(AtomicBool::new(false));
        let writer = {
            let closed = Arc::clone(&closed);
            thread::spawn(move || call(&mut producer, &closed, 7))
        };
        let mut found = 0;
        if full {
            // Room for one more: the last record's trailer is not written over.
            found += (0..2).filter_map(|_| read(&mut consumer)).count();
        }
        closed.store(true, Ordering::SeqCst);
        process_barrier();
        let quiet = !ring.is_busy();
        found += read_all(&mut consumer).len();
        let went_in = writer.join().expect("the writer ends");
        let late = read_all(&mut consumer).len();
        assert_eq!(found + late, usize::from(went_in) + if full { 3 } else { 0 });
        assert!(!quiet || late == 0, "a record came after the close");
        let case = if !quiet { 0 } else { 1 + usize::from(went_in) };
        seen[case].store(true, Ordering::Relaxed);
    });
    assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed)), "busy, refused, accepted");
}

#[test]
fn after_a_close_nothing_comes() {
    static SEEN: [Seen; 3] = [const { Seen::new(false) }; 3];
    close_against_a_call(false, &SEEN);
}

#[test]
fn after_a_close_nothing_comes_from_a_call_that_waited() {
    static SEEN: [Seen; 3] = [const { Seen::new(false) }; 3];
    close_against_a_call(true, &SEEN);
}

/// Whoever reads an anchor of the clock reads one that somebody has published, in one piece.
#[test]
fn an_anchor_is_read_whole_or_not_at_all() {
    static SEEN: Seen = Seen::new(false);
    check(|| {
        let published = Arc::new(Published::of(std::array::from_fn(|_| AtomicU64::new(0))));
        let anchor = |n| Anchor { ticks: n, ticks_max: n, ns: n, rate: n };
        let publish = |n| {
            let published = Arc::clone(&published);
            thread::spawn(move || published.publish(anchor(n)))
        };
        let publishers = [publish(1), publish(2)];
        let generation = published.generation();
        if let Some(found) = published.read(generation) {
            assert!([0, 1, 2].map(anchor).contains(&found), "{found:?} at {generation}");
            assert_eq!(generation == 0, found == anchor(0));
            if generation > 0 {
                SEEN.store(true, Ordering::Relaxed);
            }
        }
        publishers.into_iter().for_each(|thread| thread.join().expect("the publisher ends"));
        let last = published.read(published.generation()).expect("nobody publishes any more");
        assert!([1, 2].map(anchor).contains(&last));
    });
    assert!(SEEN.load(Ordering::Relaxed));
}
