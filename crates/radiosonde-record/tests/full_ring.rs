//! A ring that is full: what is lost is counted by level and reason, what matters most is lost
//! last, and the application does not wait for long.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Host, bounded, dropped, gaps, record_with};
use radiosonde_record::{DropReason, FIELD_MAX, Level, MESSAGE_MAX, Value};

/// Dropped events by level, as another process finds them in the headers of the ring files: from
/// byte 256 one number for each kind, reason (of 8) and level.
fn in_headers(host: &Host, reason: DropReason) -> BTreeMap<&'static str, u64> {
    let mut sum: BTreeMap<_, u64> = BTreeMap::new();
    for (path, _) in host.rings() {
        let bytes = fs::read(path).unwrap();
        for level in Level::ALL {
            let at = 256 + 8 * (reason as usize * Level::ALL.len() + level as usize);
            let count = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            *sum.entry(level.as_str()).or_default() += count;
        }
    }
    sum.retain(|_, count| *count > 0);
    sum
}

/// Every tenth is an error, every hundredth critical.
fn level(n: u64) -> Level {
    match n {
        n if n.is_multiple_of(100) => Level::Critical,
        n if n.is_multiple_of(10) => Level::Error,
        _ => Level::Info,
    }
}

#[test]
fn two_producers_at_full_speed_lose_exactly_what_is_counted_by_level_and_reason() {
    bounded(|| {
        const FOR: Duration = Duration::from_secs(3);
        // Longer than anybody waits for a drain that stands still.
        const PAUSE: Duration = Duration::from_millis(200);
        let mut host = Host::new();
        let mut records = 0;
        let drain = host.drain_at_hand(move || {
            records += 1;
            if records % 10_000 == 0 {
                thread::sleep(PAUSE);
            }
        });
        host.run(drain);
        let calls = thread::scope(|scope| {
            let spawn = |thread: u32| {
                let host = &host;
                scope.spawn(move || {
                    let (begin, mut calls) = (Instant::now(), BTreeMap::<_, u64>::new());
                    // Little for the producer to do, and more for the drain.
                    let text = format!("{thread} {}", "x".repeat(2000));
                    let mut n = 0;
                    while begin.elapsed() < FOR {
                        n += 1;
                        host.record(level(n), &text);
                        *calls.entry(level(n).as_str()).or_default() += 1;
                    }
                    calls
                })
            };
            [0, 1].map(spawn).map(|thread| thread.join().unwrap())
        });
        let (account, lines) = host.end();
        let mut offered = BTreeMap::<_, u64>::new();
        for (level, count) in calls.iter().flatten() {
            *offered.entry(*level).or_default() += count;
        }
        assert_eq!(account.offered, offered.values().sum::<u64>());
        let mut became = in_headers(&host, DropReason::RingFull);
        let lost = became.clone();
        assert!(lost.values().sum::<u64>() > 0, "the test did not overload: {account:?}");
        for line in &lines {
            *became.entry(Level::parse(&line.level).unwrap().as_str()).or_default() += 1;
        }
        assert_eq!(became, offered, "lost {lost:?}");
        assert_eq!(account.dropped, [(DropReason::RingFull, lost.values().sum())]);
        let by_level = account.dropped_by_level.iter().map(|(_, level, n)| (level.as_str(), *n));
        assert_eq!(by_level.collect::<BTreeMap<_, _>>(), lost);
        assert!(gaps(&lines) <= account.dropped_total());
        // In parts of what was offered, errors are lost less often.
        let part = |level| lost.get(level).copied().unwrap_or(0) as f64 / offered[level] as f64;
        assert!(part("error") <= part("info"), "lost {lost:?} of {offered:?}");
        assert!(part("critical") <= part("info"), "lost {lost:?} of {offered:?}");
    });
}

#[test]
fn an_eighth_of_the_ring_is_kept_for_errors() {
    bounded(|| {
        let mut host = Host::new();
        let text = "x".repeat(900);
        let mut infos = 0;
        while host.account().dropped.is_empty() {
            host.record(Level::Info, &text);
            infos += 1;
        }
        let full = host.account();
        let mut errors = 0;
        while host.account().dropped == full.dropped {
            host.record([Level::Error, Level::Critical][errors % 2], &text);
            errors += 1;
        }
        host.drain();
        let (account, lines) = host.end();
        assert_eq!(lines.len(), infos - 1 + errors - 1);
        assert_eq!(account.dropped, [(DropReason::RingFull, 2)]);
        // It may have gone on in a larger ring that was ready.
        let name = format!("{}.ring", lines.last().unwrap().ring);
        let (_, size) = host.rings().into_iter().find(|(path, _)| path.ends_with(&name)).unwrap();
        // A record is a little less than a kilobyte.
        let kept = (size as usize - 4096) / 8 / 1024;
        assert!((kept - 2..=kept * 5 / 4).contains(&errors), "{errors}, {kept} KiB are kept");
    });
}

#[test]
fn a_stall_costs_some_waits_and_not_one_for_each_event() {
    bounded(|| {
        const EVENTS: u64 = 100_000;
        let mut host = Host::new();
        let begin = Instant::now();
        for _ in 0..EVENTS {
            host.record(Level::Info, "nobody drains");
        }
        // One wait for each would be a hundred seconds.
        assert!(begin.elapsed() < Duration::from_secs(50));
        let account = host.account();
        assert_eq!(account.offered, EVENTS);
        assert_eq!(account.dropped, [(DropReason::RingFull, EVENTS - account.pending)]);
        // As soon as there is room, there is a record again.
        host.drain();
        assert!(host.journal.control().flush(common::PATIENCE));
        host.record(Level::Info, "room again");
        let (account, lines) = host.end();
        assert_eq!(lines.last().unwrap().message, "room again");
        assert_eq!(gaps(&lines), account.dropped_total(), "each loss is a gap in the ids");
    });
}

/// A journal whose ring, the largest there is, was filled until a call waited in vain.
fn overfull() -> (Host, u64) {
    let host = Host::new();
    while host.account().dropped.is_empty() {
        host.record(Level::Info, "what comes faster than it goes");
    }
    let offered = host.account().offered;
    (host, offered)
}

#[test]
fn a_caller_that_waits_has_room_before_its_wait_is_over() {
    bounded(|| {
        // What a sink like that of OTLP takes, and what a call waits: in time that is counted, not
        // measured.
        const RECORD: Duration = Duration::from_micros(2);
        const BATCH: Duration = Duration::from_micros(200);
        const WAIT: Duration = Duration::from_millis(1);
        let (host, offered) = overfull();
        let (encoded, control) = (Arc::new(AtomicU32::new(0)), Arc::clone(host.journal.control()));
        let count = Arc::clone(&encoded);
        let mut drain = host.drain_at_hand(move || {
            count.fetch_add(1, Ordering::Relaxed);
            // As whoever waits does, all the time.
            control.wake();
        });
        let lost = host.account().dropped_total();
        let mut moved = 0;
        while moved < offered - lost {
            drain.turn();
            let records = encoded.swap(0, Ordering::Relaxed);
            assert!(records > 0, "{moved} of {offered}");
            let took = RECORD * records + BATCH;
            assert!(took < WAIT, "{records} records before there was room");
            moved += u64::from(records);
        }
        assert_eq!(host.account().dropped_total(), lost);
    });
}

#[test]
fn a_slow_sink_gives_back_what_it_has_before_a_wait_is_over() {
    bounded(|| {
        const RECORD: Duration = Duration::from_micros(25);
        let (host, _) = overfull();
        let (encoded, control) = (Arc::new(AtomicU32::new(0)), Arc::clone(host.journal.control()));
        let count = Arc::clone(&encoded);
        let mut drain = host.drain_at_hand(move || {
            count.fetch_add(1, Ordering::Relaxed);
            control.wake();
            let begin = Instant::now();
            while begin.elapsed() < RECORD {
                std::hint::spin_loop();
            }
        });
        for _ in 0..10 {
            drain.turn();
            let records = encoded.swap(0, Ordering::Relaxed);
            assert!((1..=20).contains(&records), "{records} records before there was room");
        }
    });
}

#[test]
fn nobody_waits_and_batches_are_whole() {
    bounded(|| {
        let (host, offered) = overfull();
        let encoded = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&encoded);
        let also = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        host.drain_at_hand(also).turn();
        let records = u64::from(encoded.load(Ordering::Relaxed));
        assert!(records >= 1500, "{records} of {offered}");
    });
}

#[test]
fn a_record_too_large_for_the_ring_of_its_thread_arrives_over_the_shared_one() {
    bounded(|| {
        let mut host = Host::new();
        let text = "x".repeat(FIELD_MAX);
        // About 50 KiB: what is in the ring already leaves no room for it, nor would half of it.
        for _ in 0..10 {
            host.record(Level::Info, &"y".repeat(2000));
        }
        for _ in 0..3 {
            record_with(&host.journal, Level::Info, |record| {
                record.message(Value::Str("large"));
                for key in ["a", "b", "c", "d"] {
                    record.field_named(key, Value::Str(&text));
                }
            });
        }
        host.drain();
        let (account, lines) = host.end();
        assert_eq!((account.offered, account.dropped_total()), (13, 0), "{account:?}");
        let large: Vec<_> = lines.iter().filter(|line| line.message == "large").collect();
        assert_eq!(large.len(), 3);
        assert!(large.iter().all(|line| line.text == 4 * FIELD_MAX && !line.truncated));
        assert!(large.iter().any(|line| line.ring == 0), "{large:?}");
    });
}

#[test]
fn what_no_record_can_hold_is_cut_marked_and_counted() {
    bounded(|| {
        let mut host = Host::draining();
        let text = "x".repeat(1024 * 1024);
        host.record(Level::Info, &text);
        record_with(&host.journal, Level::Info, |record| {
            record.message(Value::Str("many"));
            for _ in 0..100 {
                record.field_named("key", Value::Str(&text));
            }
        });
        host.record(Level::Info, &"x".repeat(MESSAGE_MAX));
        let (account, lines) = host.end();
        assert_eq!((account.offered, account.dropped_total()), (3, 0), "{account:?}");
        assert_eq!(account.truncated, 2);
        let cut: Vec<_> = lines.iter().map(|line| line.truncated).collect();
        assert_eq!(cut.iter().filter(|cut| **cut).count(), 2, "{cut:?}");
        assert_eq!(dropped(&account, DropReason::RingFull), 0);
    });
}

/// Calls in a loop, against a drain that takes 5 µs a record and pauses for 10 ms now and then. What
/// was lost of them.
fn burst(count: u64) -> u64 {
    const RECORD: Duration = Duration::from_micros(5);
    const PAUSE: Duration = Duration::from_millis(10);
    let mut host = Host::new();
    let (mut records, mut last) = (0, Instant::now());
    let drain = host.drain_at_hand(move || {
        records += 1;
        if records % 5_000 == 0 {
            thread::sleep(PAUSE);
        }
        // From one record to the next, whatever the rest of it takes.
        while last.elapsed() < RECORD {
            std::hint::spin_loop();
        }
        last = Instant::now();
    });
    host.run(drain);
    for _ in 0..count {
        host.record(Level::Info, "one of many");
    }
    let (account, lines) = host.end();
    assert_eq!(account.offered, count);
    assert_eq!(lines.len() as u64 + account.dropped_total(), count);
    account.dropped_total()
}

#[test]
fn a_burst_that_the_drain_does_not_keep_up_with_arrives_whole() {
    bounded(|| {
        // Seven times what the largest ring holds, and no more: on a machine that gives the drain a tenth
        // of a core it must not take the 5 s that a thread waits. (`push/tests` has 200,000, by a
        // simulated clock.) One that gives it nothing for 100 ms costs records, as it should; not each
        // time.
        let mut lost = Vec::new();
        while !lost.contains(&0) {
            assert!(lost.len() < 3, "{lost:?}");
            lost.push(burst(50_000));
        }
    });
}
