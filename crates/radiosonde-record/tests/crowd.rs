//! Many threads at once, past the cap as well, many one after another, and rings that grow.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Barrier;
use std::thread;

use common::{Host, Line, PATIENCE, bounded, dropped, gaps};
use radiosonde_record::{
    DropReason, Level, RING_CAPACITY_MAX, RING_CAPACITY_MIN, RINGS_BYTES_MAX, patiently,
};

/// Page of a ring's header.
const HEADER: u64 = 4096;

fn ring_bytes(host: &Host) -> u64 {
    host.rings().iter().map(|(_, size)| size).sum()
}

/// Threads that are all alive when the last of them begins, each recording `events` events.
fn crowd(host: &Host, threads: u32, events: u32) {
    let (attached, recorded) = (Barrier::new(threads as usize), Barrier::new(threads as usize));
    thread::scope(|scope| {
        for thread in 0..threads {
            let (host, attached, recorded) = (&host, &attached, &recorded);
            let run = move || {
                host.record(Level::Info, &format!("{thread} 0"));
                attached.wait();
                for event in 1..events {
                    host.record(Level::Info, &format!("{thread} {event}"));
                }
                recorded.wait();
            };
            thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// Each line once, and how many there are.
fn distinct(lines: &[Line]) -> u64 {
    let messages: HashSet<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages.len(), lines.len(), "no line stands twice");
    messages.len() as u64
}

#[test]
fn six_hundred_threads_have_rings_of_their_own_and_lose_nothing() {
    bounded(|| {
        let mut host = Host::draining();
        // About 30 KiB a thread: more than half of its ring, so that many ask for larger ones, and
        // less than all of it, so that nothing is lost however late the drain is.
        crowd(&host, 600, 300);
        let bytes = ring_bytes(&host);
        let (account, lines) = host.end();
        assert_eq!((account.offered, account.dropped_total()), (600 * 300, 0), "{account:?}");
        assert_eq!(distinct(&lines), 600 * 300);
        let mut rings: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        for line in &lines {
            let thread = line.message.split(' ').next().unwrap();
            rings.entry(thread).or_default().insert(line.ring);
        }
        let shared = rings.values().filter(|of| of.contains(&0)).count();
        assert!(shared <= 3, "{shared} threads had no ring of their own");
        assert!(bytes <= RINGS_BYTES_MAX as u64, "{bytes}");
        assert_eq!(gaps(&lines), 0);
    });
}

#[test]
fn threads_past_the_cap_share_a_ring_and_what_it_loses_is_counted() {
    bounded(|| {
        let mut host = Host::draining();
        crowd(&host, 1100, 200);
        let bytes = ring_bytes(&host);
        let (account, lines) = host.end();
        assert_eq!(account.offered, 1100 * 200);
        assert_eq!(distinct(&lines) + account.dropped_total(), 1100 * 200, "{account:?}");
        let of_ring = dropped(&account, DropReason::RingFull);
        let contended = dropped(&account, DropReason::Contended);
        assert_eq!(of_ring + contended, account.dropped_total(), "{account:?}");
        assert!(gaps(&lines) <= of_ring, "{account:?}");
        assert!(lines.iter().any(|line| line.ring == 0), "some shared");
        assert!(bytes <= RINGS_BYTES_MAX as u64, "{bytes}");
    });
}

#[test]
fn threads_that_come_and_go_use_the_same_few_rings() {
    bounded(|| {
        const ROUNDS: u32 = 375;
        const THREADS: u32 = 8;
        let mut host = Host::draining();
        for round in 0..ROUNDS {
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let host = &host;
                    scope.spawn(move || {
                        for event in 0..5 {
                            host.record(Level::Info, &format!("{round} {thread} {event}"));
                        }
                    });
                }
            });
            // What ten rounds record fits in a single ring, should they all get the same.
            if round % 10 == 0 {
                assert!(host.journal.control().flush(PATIENCE));
            }
        }
        let rings = host.rings().len();
        let (account, lines) = host.end();
        let events = u64::from(ROUNDS * THREADS) * 5;
        assert_eq!((account.offered, account.dropped_total()), (events, 0), "{account:?}");
        assert_eq!(distinct(&lines), events);
        assert_eq!(gaps(&lines), 0);
        // The one for all, one per thread at a time, and spare ones.
        assert!(rings <= 24, "{rings} rings for {THREADS} threads at a time");
    });
}

/// Whether the lines of each thread are in the order of their times.
fn in_order(lines: &[Line]) {
    let mut last: HashMap<&str, &Line> = HashMap::new();
    for line in lines {
        let thread = line.message.split(' ').next().unwrap();
        if let Some(before) = last.insert(thread, line) {
            assert!(before.timestamp_ns <= line.timestamp_ns, "{before:?} {line:?}");
        }
    }
}

#[test]
fn a_thread_under_pressure_grows_to_the_largest_ring_and_keeps_its_order() {
    bounded(|| {
        let mut host = Host::new();
        let message = |n: u32| format!("0 {n:06} {}", "x".repeat(60));
        let mut next = 0..;
        let mut fill = |host: &Host, bytes: usize| {
            for n in next.by_ref().take(bytes / 160) {
                host.record(Level::Info, &message(n));
            }
        };
        // More than half of each ring in turn, less than what ordinary records may take of it.
        fill(&host, 50 * 1024);
        host.drain();
        let has = |host: &Host, capacity: usize, count: usize| {
            let size = capacity as u64 + HEADER;
            host.rings().iter().filter(|(_, of)| *of == size).count() >= count
        };
        common::wait_until("a larger ring", || has(&host, RING_CAPACITY_MIN * 4, 1));
        // Never past what fits, however late the drain is; pressed by each step, if it is late, or
        // by the size of one that comes before its next look.
        common::wait_until("the largest ring", || {
            assert!(host.journal.control().flush(PATIENCE));
            fill(&host, 200 * 1024);
            has(&host, RING_CAPACITY_MAX, 2)
        });
        assert!(host.journal.control().flush(PATIENCE));
        fill(&host, 800 * 1024);
        let sizes: BTreeSet<u64> = host.rings().into_iter().map(|(_, size)| size).collect();
        let (account, lines) = host.end();
        assert_eq!(account.dropped_total(), 0, "{account:?}");
        assert_eq!(distinct(&lines), account.offered);
        assert_eq!(gaps(&lines), 0);
        in_order(&lines);
        let rings: BTreeSet<u32> = lines.iter().map(|line| line.ring).collect();
        assert!(rings.len() >= 3, "{rings:?}");
        assert!(sizes.contains(&(RING_CAPACITY_MIN as u64 + HEADER)), "{sizes:?}");
    });
}

#[test]
fn patient_threads_at_full_speed_lose_nothing_and_keep_their_order() {
    bounded(|| {
        let mut host = Host::draining();
        thread::scope(|scope| {
            for thread in 0..2 {
                let host = &host;
                scope.spawn(move || {
                    patiently(PATIENCE, || {
                        for event in 0..100_000 {
                            host.record(Level::Info, &format!("{thread} {event}"));
                        }
                    });
                });
            }
        });
        let (account, lines) = host.end();
        assert_eq!((account.offered, account.dropped_total()), (200_000, 0), "{account:?}");
        assert_eq!(distinct(&lines), 200_000);
        in_order(&lines);
    });
}
