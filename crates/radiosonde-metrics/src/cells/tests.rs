//! Run under Miri as well, with fewer threads and writes.

use std::sync::{Arc, Barrier};
use std::thread;

use super::arena::BLOCKS;
use super::block::{CELLS, CHUNK};
use super::{Arena, add, add_at_hand, add_f64, record_at_hand};

/// What Miri is given to do, and what else is.
const fn sized(whole: u64, miri: u64) -> u64 {
    if cfg!(miri) { miri } else { whole }
}

fn arena() -> Arc<Arena> {
    Arc::new(Arena::new())
}

#[test]
fn cells_that_belong_together_stand_in_one_chunk() {
    let arena = arena();
    let chunk = |cell: u32| cell as usize / CHUNK;
    let mut next = 0;
    for count in [1, 14, 500, 14, 1, CHUNK, 1, 0, 300, 300] {
        let first = arena.reserve(count);
        assert!(first >= next, "a number was given twice");
        assert_eq!(chunk(first), chunk(first + count.max(1) as u32 - 1));
        next = first + count as u32;
    }
    assert!(arena.reserve(CHUNK + 1) >= CELLS, "too many for a chunk are shared");
    assert!(arena.reserve(1) < CELLS);
    assert!(arena.reserve_shared(2) >= CELLS);
}

#[test]
fn cells_past_those_of_blocks_are_shared() {
    let arena = arena();
    while arena.reserve(CHUNK) < CELLS {}
    let cell = arena.reserve(CHUNK);
    assert!(cell >= CELLS);
    add(&arena, cell, 3);
    assert!(!add_at_hand(arena.id(), cell, 1), "no thread has it at hand");
    add_f64(&arena, cell + 1, 0.5);
    assert_eq!((arena.sum(cell), arena.sum_f64(cell + 1)), (3, 0.5));
}

#[test]
fn a_thread_has_at_hand_what_it_wrote_last() {
    let (one, other) = (arena(), arena());
    let cells = [one.reserve(2), other.reserve(2)];
    assert!(!add_at_hand(one.id(), cells[0], 1), "nothing was written");
    add(&one, cells[0], 1);
    assert!(add_at_hand(one.id(), cells[0], 1));
    add(&other, cells[1], 1);
    assert!(!add_at_hand(one.id(), cells[0], 1), "the other is at hand");
    assert!(record_at_hand(other.id(), cells[1], cells[1] + 1, 2.5));
    add(&one, cells[0], 1);
    assert_eq!((one.sum(cells[0]), other.sum(cells[1]), other.sum_f64(cells[1] + 1)), (3, 2, 2.5));
    // Numbers of no arena, and of none that is left.
    assert!(!add_at_hand(super::NONE, cells[0], 1));
    let id = one.id();
    drop(one);
    add(&other, cells[1], 1);
    let third = arena();
    add(&third, third.reserve(1), 1);
    assert!(!add_at_hand(id, cells[0], 1));
}

#[test]
fn blocks_are_handed_on_and_nothing_is_lost() {
    let arena = arena();
    let cells = arena.reserve(2);
    let (rounds, threads, writes) = (sized(20, 3), sized(6, 3), sized(500, 5));
    for _ in 0..rounds {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..writes {
                        if !add_at_hand(arena.id(), cells, 1) {
                            add(&arena, cells, 1);
                        }
                        add_f64(&arena, cells + 1, 0.25);
                    }
                });
            }
        });
    }
    let written = rounds * threads * writes;
    assert_eq!(arena.sum(cells), written);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let sum = written as f64 * 0.25;
    assert_eq!(arena.sum_f64(cells + 1).to_bits(), sum.to_bits());
}

#[test]
fn more_threads_than_blocks_share() {
    let threads = BLOCKS + 3;
    let (arena, together) = (arena(), Barrier::new(threads));
    let cell = arena.reserve(1);
    thread::scope(|scope| {
        let write = || {
            for _ in 0..2 {
                add(&arena, cell, 1);
                together.wait();
            }
        };
        // A scope ends before the destructors of its threads have to: joining waits for them.
        for thread in (0..threads).map(|_| scope.spawn(write)).collect::<Vec<_>>() {
            assert!(thread.join().is_ok());
        }
    });
    assert_eq!(arena.sum(cell), threads as u64 * 2);
    // Their threads are gone: there is room again.
    add(&arena, cell, 1);
    assert!(add_at_hand(arena.id(), cell, 1));
}

#[test]
fn arenas_that_only_threads_are_left_of_go() {
    let rounds = sized(50, 5) as usize;
    let (asked, answered) = (Barrier::new(3), Barrier::new(3));
    let current = std::sync::RwLock::new(None::<Arc<Arena>>);
    let dropped = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    asked.wait();
                    let arena = crate::sync::read(&current).clone();
                    let arena = arena.unwrap_or_else(|| panic!("one is there"));
                    add(&arena, 0, 1);
                    drop(arena);
                    answered.wait();
                }
            });
        }
        let mut all = Vec::new();
        for _ in 0..rounds {
            let arena = arena();
            let _cell = arena.reserve(1);
            all.push(Arc::downgrade(&arena));
            *crate::sync::write(&current) = Some(arena);
            asked.wait();
            answered.wait();
        }
        *crate::sync::write(&current) = None;
        all.iter().filter(|arena| arena.strong_count() == 0).count()
    });
    // While the threads live, of the last two at most.
    assert!(dropped >= rounds - 2, "{dropped} of {rounds} are gone");
}

#[test]
fn destructors_of_a_thread_write_too() {
    struct Last(Arc<Arena>, u32);
    impl Drop for Last {
        fn drop(&mut self) {
            if !add_at_hand(self.0.id(), self.1, 1) {
                add(&self.0, self.1, 1);
            }
        }
    }
    thread_local! {
        static EARLY: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
        static LATE: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let arena = arena();
    let cell = arena.reserve(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Destructors run in an order nobody promises: one is registered before the blocks of
            // the thread are, one after.
            EARLY.set(Some(Last(arena.clone(), cell)));
            add(&arena, cell, 1);
            LATE.set(Some(Last(arena.clone(), cell)));
        });
    });
    // A scope ends before the destructors of its threads have to: the last of them gives the arena
    // back.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while arena.sum(cell) < 3 && std::time::Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(arena.sum(cell), 3);
}

#[test]
fn sums_stop_at_the_top_and_stay_finite() {
    let arena = arena();
    let cells = arena.reserve(3);
    add(&arena, cells, u64::MAX - 1);
    add(&arena, cells, 5);
    assert!(add_at_hand(arena.id(), cells, 5));
    thread::scope(|scope| {
        scope.spawn(|| {
            add(&arena, cells, 7);
            add_f64(&arena, cells + 1, f64::MAX);
        });
    });
    arena.add_shared(cells, 9);
    add_f64(&arena, cells + 1, f64::MAX);
    add_f64(&arena, cells + 1, f64::MAX);
    let mut sums = [0; 3];
    arena.sums(cells, &mut sums);
    assert_eq!((arena.sum(cells), sums[0], sums[2]), (u64::MAX, u64::MAX, 0));
    assert_eq!(arena.sum_f64(cells + 1).to_bits(), f64::MAX.to_bits());
}

#[test]
fn a_sum_is_raised_once_however_many_raise_it() {
    let arena = arena();
    let cell = arena.reserve(1);
    let raised: u64 = thread::scope(|scope| {
        let raisers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| (1..=sized(200, 10)).map(|to| arena.raise(cell, to)).sum::<u64>())
            })
            .collect();
        raisers.into_iter().map(|raiser| raiser.join().unwrap_or_default()).sum()
    });
    assert_eq!((arena.sum(cell), raised), (sized(200, 10), sized(200, 10)));
    add(&arena, cell, 5);
    assert_eq!(arena.raise(cell, 7), 0);
    assert_eq!(arena.raise(cell, u64::MAX), u64::MAX - sized(200, 10) - 5);
    assert_eq!(arena.sum(cell), u64::MAX);
}

#[test]
fn no_sum_falls_while_threads_come_and_go() {
    let arena = arena();
    let cells = arena.reserve(2);
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut count, mut sum, mut looks) = (0, 0.0, 0_u64);
            while !done.load(std::sync::atomic::Ordering::Acquire) || looks == 0 {
                let (now, now_sum) = (arena.sum(cells), arena.sum_f64(cells + 1));
                assert!(now >= count && now_sum >= sum, "{now} {now_sum} after {count} {sum}");
                (count, sum, looks) = (now, now_sum, looks + 1);
            }
        });
        for round in 0..sized(30, 2) {
            thread::scope(|inner| {
                for thread in 0..3_u32 {
                    let (arena, value) = (&arena, f64::from(thread) * 0.1 + 1e-9);
                    inner.spawn(move || {
                        for _ in 0..sized(300, 4) {
                            add(arena, cells, round);
                            add_f64(arena, cells + 1, value);
                        }
                    });
                }
            });
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        assert!(reader.join().is_ok());
    });
}
