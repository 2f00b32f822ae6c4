//! Every operation fails once, in every way; every operation is the last one of its process.

use super::memory::Fault;
use super::*;
use crate::{DropReason, Tally};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;
const EMFILE: i32 = 24;
const EINTR: i32 = 4;
const EFBIG: i32 = 27;

/// What a process did before it ended, as its caller knows it.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The first record of each batch, and one behind the last, as far as its append returned.
    batches: Vec<u64>,
    /// Records whose settle returned.
    settled: Vec<u64>,
    /// Those whose settle was begun.
    begun: Vec<u64>,
    told: u64,
}

/// Frames of each batch: records and length.
const BATCH: [(u32, usize); 3] = [(2, 300), (5, 700), (1, 40)];

/// Appends, takes, settles, gives back, syncs, evicts. Ends early when the process is dead.
fn run(bench: &Bench, spool: &Spool, known: &mut Known, batches: u64) {
    let stream = spool.stream(0);
    let debug = spool.stream(1);
    let is_dead = || bench.memory.is_dead();
    let limit = Limit { records: 16, bytes: 3000 };
    for turn in 0..batches {
        let first = 8 * known.batches.len() as u64;
        let batch = known.batches.len() as u64 + 1;
        append(&debug, batch, 1_000_000 + first, &BATCH);
        append(&stream, batch, first, &BATCH);
        if is_dead() {
            return;
        }
        known.batches.push(first);
        if turn % 3 == 1 {
            let taken: Vec<Taken> =
                (0..2).filter_map(|_| stream.take(limit).ok().flatten()).collect();
            if is_dead() {
                return;
            }
            for taken in taken.iter().rev() {
                if turn % 2 == 0 && taken.first() == taken.last() {
                    stream.give_back(taken);
                    continue;
                }
                known.begun.extend(taken_records(taken));
                settle(&stream, taken);
                if is_dead() {
                    return;
                }
                known.settled.extend(taken_records(taken));
            }
            stream.give_back_all();
        }
        if turn % 4 == 3 {
            let _ = spool.sync();
            let told: u64 = tell(spool).iter().map(|gap| gap.lost.records).sum();
            if is_dead() {
                return;
            }
            known.told += told;
        }
        bench.pass(300_000_000);
        for account in spool.accounts() {
            assert!(account.is_balanced(), "{account:?}");
        }
    }
}

fn two_streams() -> Bench {
    let mut options = options(&[("events", 1, 0), ("debug", 0, 0)]);
    options.cap_bytes = 6 * 4096;
    options.overflow_bytes = 12_000;
    Bench::new(options)
}

const TURNS: u64 = 14;

/// How many operations an undisturbed run has.
fn operations() -> u64 {
    let bench = two_streams();
    let spool = bench.create();
    bench.memory.plan(|_, _| None);
    let mut known = Known::default();
    run(&bench, &spool, &mut known, TURNS);
    assert!(account(&spool, 1).dropped_in_all().records > 0, "something is evicted");
    assert_eq!(account(&spool, 0).dropped_in_all().records, 0);
    bench.memory.heal()
}

#[test]
fn whichever_operation_fails_the_appender_goes_on_and_the_books_are_exact() {
    let all = operations();
    assert!(all > 100, "{all}");
    let faults = [
        Fault::Errno(ENOSPC),
        Fault::Errno(EIO),
        Fault::Errno(EROFS),
        Fault::Errno(EMFILE),
        Fault::Errno(EINTR),
        Fault::Errno(EFBIG),
        Fault::Half(ENOSPC),
        Fault::Half(EIO),
        Fault::Short(0),
        Fault::Short(1),
        Fault::Short(100),
    ];
    for fault in faults {
        for at in 0..all {
            let bench = two_streams();
            let spool = bench.create();
            let is_unlink = Arc::new(AtomicU64::new(0));
            let hit = Arc::clone(&is_unlink);
            bench.memory.plan(move |name, number| {
                if number == at && name == "unlink" {
                    hit.store(1, Ordering::Relaxed);
                }
                (number == at).then_some(fault)
            });
            let mut known = Known::default();
            run(&bench, &spool, &mut known, TURNS);
            bench.memory.heal();
            let place = format!("{fault:?} at {at}");
            assert_eq!(known.batches.len() as u64, TURNS, "{place}");
            // And after it as if nothing had been.
            bench.pass(2_000_000_000);
            spool.sync().unwrap();
            run(&bench, &spool, &mut known, 2);
            let stream = spool.stream(0);
            let mut records = known.settled.clone();
            records.extend(drain(&stream, Limit { records: 20, bytes: 2000 }));
            let found = account(&spool, 0);
            records.sort_unstable();
            let mut unique = records.clone();
            unique.dedup();
            assert_eq!(records, unique, "{place}: nothing twice");
            assert_eq!(found.appended.records, 8 * (TURNS + 2), "{place}");
            let lost = found.dropped_in_all().records;
            assert_eq!(records.len() as u64 + lost, found.appended.records, "{place}: {found:?}");
            // One fault costs nothing: memory holds what the disk did not take, and where the disk
            // says it is full, the lowest rank gave way. A file that cannot be removed frees nothing.
            let most = if is_unlink.load(Ordering::Relaxed) == 1 { 24 } else { 0 };
            assert!(lost <= most, "{place}: {found:?}");
        }
    }
}

#[test]
fn whichever_operation_is_the_last_one_the_next_process_has_it_all() {
    let all = operations();
    for fault in [Fault::Dead, Fault::DeadInside] {
        for at in 0..all {
            let bench = two_streams();
            let spool = bench.create();
            bench.memory.plan(move |_, number| (number == at).then_some(fault));
            let mut known = Known::default();
            run(&bench, &spool, &mut known, TURNS);
            assert!(bench.memory.is_dead());
            let bench = bench.after_kill();
            // The recovery is killed as well, everywhere, one place for each of the above.
            bench.memory.plan(move |_, number| (number == at % 23).then_some(fault));
            let _ = bench.try_open();
            let bench = bench.after_kill();
            check_after_death(&bench, &known, &format!("{fault:?} at {at}"));
        }
    }
}

fn check_after_death(bench: &Bench, known: &Known, place: &str) {
    let spool = bench.open();
    let stream = spool.stream(0);
    let before = account(&spool, 0);
    let debug = account(&spool, 1);
    // Its batch stands in a stage, and is completed by whoever recovers it.
    let batch = known.batches.len() as u64 + 1;
    let first = 8 * known.batches.len() as u64;
    append(&spool.stream(1), batch, 1_000_000 + first, &BATCH);
    append(&stream, batch, first, &BATCH);
    let found = account(&spool, 0);
    assert_eq!(found.appended, Tally::new(first + 8, 1040 * batch), "{place}: {before:?}");
    assert_eq!(account(&spool, 1).appended, found.appended, "{place}: {debug:?}");
    let records = drain(&stream, Limit { records: 20, bytes: 2000 });
    let found = account(&spool, 0);
    assert_eq!(found.dropped_in_all().records, 0, "{place}: {found:?}");
    // What was settled stays settled; what was begun may be either; all else comes once.
    let expected = |record: &u64| !known.settled.contains(record);
    for record in (0..first + 8).filter(expected) {
        let times = records.iter().filter(|found| **found == record).count();
        let least = usize::from(!known.begun.contains(&record));
        assert!((least..=1).contains(&times), "{place}: {record} came {times} times");
    }
    let twice = records.iter().find(|record| known.settled.contains(record));
    assert_eq!(twice, None, "{place}: settled, and came again");
    let debug = spool.stream(1);
    let left = drain(&debug, Limit { records: 20, bytes: 2000 }).len() as u64;
    let found = account(&spool, 1);
    assert_eq!(left + found.dropped_in_all().records, first + 8, "{place}: {found:?}");
    let told: u64 = tell(&spool).iter().map(|gap| gap.lost.records).sum();
    assert!(told + known.told <= found.dropped_in_all().records, "{place}");
    spool.remove().unwrap();
    assert!(bench.memory.paths().is_empty(), "{place}: {:?}", bench.memory.paths());
}

#[test]
fn a_disk_that_takes_nothing_costs_what_memory_does_not_hold_and_is_not_asked_all_the_time() {
    for code in [ENOSPC, EIO, EROFS] {
        let mut bench = two_streams();
        bench.options.overflow_bytes = 4000;
        let spool = bench.create();
        let stream = spool.stream(0);
        append(&stream, 1, 0, &BATCH);
        bench.memory.plan(move |name, _| {
            ["write", "create", "allocate"].contains(&name).then_some(Fault::Errno(code))
        });
        for batch in 2..=10 {
            append(&stream, batch, 8 * (batch - 1), &BATCH);
        }
        let asked = bench.memory.heal();
        // For each batch the cursor, which says that something is lost or in memory, and little more.
        assert!(asked < 9 * 3, "{asked}");
        let found = account(&spool, 0);
        let lost = found.dropped_in_all();
        assert_eq!(found.appended, Tally::new(80, 10_400));
        assert!(found.in_memory.bytes <= 4000 && found.in_memory.bytes > 3000, "{found:?}");
        assert_eq!(lost, Tally::new(80, 10_400) - Tally::new(8, 1040) - found.in_memory);
        let reason = if code == ENOSPC { DropReason::DiskFull } else { DropReason::WriteFailed };
        assert_eq!(found.dropped, [(reason, lost)]);
        // What is in memory can be sent. The rest goes to the disk when that takes it.
        let limit = Limit { records: 8, bytes: 2000 };
        let mut records = Vec::new();
        for _ in 0..2 {
            let taken = stream.take(limit).unwrap().unwrap();
            records.extend(taken_records(&taken));
            settle(&stream, &taken);
        }
        assert_eq!(records, (0..16).collect::<Vec<_>>());
        let held = stream.take(limit).unwrap().unwrap();
        stream.give_back(&held);
        assert_eq!(stream.take(limit).unwrap().unwrap().frames, held.frames);
        settle(&stream, &held);
        spool.sync().unwrap();
        assert_eq!(account(&spool, 0).in_memory, Tally::default());
        append(&stream, 11, 80, &BATCH);
        let bench = bench.after_kill();
        let spool = bench.open();
        drain(&spool.stream(0), ALL);
        let found = account(&spool, 0);
        assert_eq!(
            (found.dropped_in_all(), found.delivered),
            (lost, Tally::new(88, 11_440) - lost)
        );
    }
}

/// A spool on a disk that is full but for what the cursors take, and how many bytes that is.
fn on_a_full_disk(left: u64) -> (Bench, Spool) {
    let mut bench = two_streams();
    bench.options.limits.free_bytes = Some(100_000);
    let spool = bench.create();
    bench.memory.set_capacity(bench.memory.used() + left);
    (bench, spool)
}

#[test]
fn under_the_floor_it_waits_in_memory_is_said_so_and_is_written_at_the_end() {
    let (bench, spool) = on_a_full_disk(40_000);
    let stream = spool.stream(0);
    for batch in 1..=6 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
    }
    let limit = Limit { records: 8, bytes: 2000 };
    let held = stream.take(limit).unwrap().unwrap();
    let back = stream.take(limit).unwrap().unwrap();
    stream.give_back(&back);
    spool.sync().unwrap();
    let found = account(&spool, 0);
    assert_eq!((found.pending, found.in_memory), (Tally::new(48, 6240), Tally::new(48, 6240)));
    assert_eq!((found.in_memory_reason, found.segments), (Some(DropReason::DiskFull), 0));

    spool.close().unwrap();
    let found = account(&spool, 0);
    assert_eq!((found.pending, found.in_memory), (Tally::new(48, 6240), Tally::default()));
    assert_eq!((found.in_memory_reason, found.dropped.len()), (None, 0));
    assert!(found.disk_bytes < 20_000, "no more than it takes: {found:?}");
    // And what was taken from memory can be settled, by this process and by the next.
    settle(&stream, &held);
    let bench = bench.after_kill();
    let spool = bench.open();
    assert_eq!(drain(&spool.stream(0), ALL), (8..48).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).delivered.records, 48);
    spool.remove().unwrap();
}

#[test]
fn what_not_even_the_end_brings_to_the_disk_is_lost_for_that_reason_and_nothing_waits_any_more() {
    for (code, reason) in [(ENOSPC, DropReason::DiskFull), (EIO, DropReason::WriteFailed)] {
        let bench = two_streams();
        let spool = bench.create();
        let stream = spool.stream(0);
        append(&stream, 1, 0, &BATCH);
        assert_eq!(drain(&stream, ALL).len(), 8);
        bench.memory.plan(move |name, _| {
            ["create", "allocate"].contains(&name).then_some(Fault::Errno(code))
        });
        // The first segment is full: there is no other.
        for batch in 2..=10 {
            append(&stream, batch, 8 * (batch - 1), &BATCH);
        }
        let waiting = account(&spool, 0);
        assert_eq!(waiting.in_memory_reason, Some(reason), "{waiting:?}");
        let given_back = stream.take(Limit { records: 60, bytes: 9000 }).unwrap().unwrap();
        stream.give_back(&given_back);
        let _ = spool.close();
        append(&stream, 11, 80, &BATCH);
        let found = account(&spool, 0);
        assert_eq!(found.in_memory, Tally::default());
        assert_eq!(found.appended.records, 88);
        assert_eq!(found.dropped, [(reason, found.dropped_in_all())], "{code}");
        let told: u64 = tell(&spool).iter().map(|gap| gap.lost.records).sum();
        assert_eq!(told, found.dropped_in_all().records);
        // The next process takes what is there, and finds nothing missing.
        let bench = bench.after_kill();
        let spool = bench.open();
        assert_eq!(drain(&spool.stream(0), ALL).len() as u64, found.pending.records);
        assert_eq!(account(&spool, 0).dropped, found.dropped, "{code}");
    }
}

#[test]
fn what_a_killed_process_had_in_memory_only_is_lost_for_the_reason_that_put_it_there() {
    let (bench, spool) = on_a_full_disk(40_000);
    let stream = spool.stream(0);
    for batch in 1..=6 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
    }
    let limit = Limit { records: 8, bytes: 2000 };
    settle(&stream, &stream.take(limit).unwrap().unwrap());
    let _held = stream.take(limit).unwrap().unwrap();
    let before = account(&spool, 0);
    assert_eq!(before.pending.records, 40);
    let bench = bench.after_kill();
    let spool = bench.open();
    let found = account(&spool, 0);
    assert_eq!(found.appended, before.appended);
    assert_eq!((found.pending, found.in_memory), (Tally::default(), Tally::default()));
    assert_eq!(found.dropped, [(DropReason::DiskFull, before.pending)]);
    let told: u64 = tell(&spool).iter().map(|gap| gap.lost.records).sum();
    assert_eq!(told, 40);
    // What comes now comes after it, and nothing is missing before it.
    bench.memory.set_capacity(1 << 40);
    append(&spool.stream(0), 7, 48, &BATCH);
    assert_eq!(drain(&spool.stream(0), ALL), (48..56).collect::<Vec<_>>());
    let found = account(&spool, 0);
    assert_eq!(found.dropped, [(DropReason::DiskFull, before.pending)]);
    spool.remove().unwrap();
}

#[test]
fn the_disk_keeps_its_floor_and_a_full_one_takes_what_was_freed() {
    let mut options = options(&[("events", 1, 0), ("debug", 0, 0)]);
    options.limits.free_bytes = Some(6 * 4096);
    let bench = Bench::new(options);
    bench.memory.set_capacity(30 * 4096);
    let spool = bench.create();
    let fill = |stream: usize, frames: u64| {
        for _ in 0..frames {
            append(&spool.stream(stream), spool.next_batch(), 0, &[(1, 3900)]);
        }
        assert!(bench.memory.used() <= 24 * 4096, "{}", bench.memory.used() / 4096);
        account(&spool, 0).dropped_in_all().records
    };
    assert_eq!(fill(1, 10), 0);
    assert_eq!(fill(0, 12), 0, "debug gave way");
    assert!(fill(0, 10) > 0, "then the oldest events");
    let found = account(&spool, 0);
    assert_eq!(found.dropped, [(DropReason::DiskFull, found.dropped_in_all())]);
    assert!(found.pending.records >= 10, "{found:?}");
}

#[test]
fn what_went_for_the_disk_while_somebody_had_it_is_lost_for_the_disk() {
    for is_killed in [false, true] {
        let mut options = options(&[("events", 1, 0), ("debug", 0, 0)]);
        options.limits.free_bytes = Some(6 * 4096);
        let bench = Bench::new(options);
        bench.memory.set_capacity(30 * 4096);
        let spool = bench.create();
        let debug = spool.stream(1);
        append(&debug, 1, 0, &[(1, 3900)]);
        let held = debug.take(ALL).unwrap().unwrap();
        for batch in 2..=17 {
            append(&spool.stream(0), batch, batch, &[(1, 3900)]);
        }
        assert_eq!(account(&spool, 1).segments, 0);
        let lost = vec![(DropReason::DiskFull, Tally::new(1, 3900))];
        assert_eq!(account(&spool, 1).dropped, [], "somebody has it");
        if is_killed {
            assert_eq!(account(&bench.after_kill().open(), 1).dropped, lost);
        } else {
            debug.give_back(&held);
            assert_eq!(account(&spool, 1).dropped, lost);
        }
    }
}

#[test]
fn what_stays_free_fits_the_disk() {
    const MIB: u64 = 1 << 20;
    let cases = [
        (0, 0),
        (100 * MIB, 10 * MIB),
        (1024 * MIB, 1024 * MIB / 10),
        (4096 * MIB, 256 * MIB),
        (10_000 * MIB, 500 * MIB),
        (1_000_000 * MIB, 1024 * MIB),
    ];
    for (total, free) in cases {
        assert_eq!(crate::free_least(total), free, "{total}");
    }
    // By default it is the rule: a volume of 100 MiB takes segments.
    let bench = Bench::new(one_stream());
    bench.memory.set_capacity(100 * MIB);
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &BATCH);
    let found = account(&spool, 0);
    assert_eq!((found.segments, found.in_memory), (1, Tally::default()));
}

#[test]
fn what_is_done_leaves_the_disk_without_any_need_for_room_once_a_cursor_there_says_so() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    for batch in 1..=12 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
    }
    assert!(account(&spool, 0).segments >= 3);
    spool.sync().unwrap();
    // Everything is settled, and nobody takes again.
    while account(&spool, 0).pending.records > 0 {
        settle(&stream, &stream.take(Limit { records: 20, bytes: 2000 }).unwrap().unwrap());
    }
    bench.memory.plan(|name, _| (name == "sync").then_some(Fault::Errno(EIO)));
    assert!(spool.sync().is_err());
    let segments = || {
        let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "seg");
        bench.memory.paths().into_iter().filter(is_segment).count()
    };
    assert!(segments() >= 3, "no cursor is on disk that does without them");
    bench.memory.heal();
    spool.sync().unwrap();
    assert_eq!(segments(), 1, "the one that is appended to");
    bench.pass(9_000_000_000);
    append(&stream, 13, 96, &BATCH);
    assert_eq!(drain(&stream, ALL).len(), 8);
    bench.pass(9_000_000_000);
    spool.sync().unwrap();
    assert_eq!(segments(), 1, "it is in use");
    bench.pass(1_000_000_000);
    spool.sync().unwrap();
    assert_eq!((segments(), account(&spool, 0).disk_bytes, spool.disk_bytes()), (0, 0, 0));
    append(&stream, 14, 104, &BATCH);
    let bench = bench.after_kill();
    let spool = bench.open();
    assert_eq!(drain(&spool.stream(0), ALL), (104..112).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).dropped_in_all(), Tally::default());
    spool.sync().unwrap();
    assert_eq!(spool.disk_bytes(), 0, "of a spool that was left, at once");
}

#[test]
fn an_owner_who_syncs_nothing_has_what_is_done_removed_without_a_sync() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    spool.sync().unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let synced = Arc::clone(&syncs);
    bench.memory.plan(move |name, _| {
        synced.fetch_add(u64::from(name.starts_with("sync")), Ordering::Relaxed);
        None
    });
    for batch in 1..=12 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
    }
    let before = account(&spool, 0).segments;
    assert!(before >= 3);
    while account(&spool, 0).pending.records > 0 {
        settle(&stream, &stream.take(Limit { records: 20, bytes: 2000 }).unwrap().unwrap());
    }
    spool.tend().unwrap();
    let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "seg");
    let segments = bench.memory.paths().into_iter().filter(is_segment).count();
    assert_eq!(segments, 1, "of {before}: the one that is appended to");
    append(&stream, 13, 96, &BATCH);
    // Nor at its end.
    spool.close_unsynced().unwrap();
    assert_eq!(syncs.load(Ordering::Relaxed), 0);
    let bench = bench.after_kill();
    let spool = bench.open();
    assert_eq!(drain(&spool.stream(0), ALL), (96..104).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).dropped_in_all(), Tally::default());
    // Nor when it goes.
    let synced = Arc::clone(&syncs);
    bench.memory.plan(move |name, _| {
        synced.fetch_add(u64::from(name.starts_with("sync")), Ordering::Relaxed);
        None
    });
    spool.remove_unsynced().unwrap();
    assert_eq!(syncs.load(Ordering::Relaxed), 0);
    assert_eq!(bench.memory.paths().into_iter().filter(is_segment).count(), 0);
}

#[test]
fn a_sync_that_fails_is_said_and_the_segment_is_not_written_any_more() {
    let bench = two_streams();
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &BATCH);
    bench.memory.plan(|name, _| (name == "sync").then_some(Fault::Errno(EIO)));
    assert_eq!(spool.sync().unwrap_err().raw_os_error(), Some(EIO));
    bench.memory.heal();
    let found = account(&spool, 0);
    assert_eq!((found.at_risk, found.segments), (8, 1));
    append(&stream, 2, 8, &BATCH);
    assert_eq!(account(&spool, 0).segments, 2);
    spool.sync().unwrap();
    assert_eq!(account(&spool, 0).at_risk, 8);
    assert_eq!(drain(&stream, ALL), (0..16).collect::<Vec<_>>());
}

#[test]
fn a_place_that_cannot_be_read_is_given_up_after_three_times() {
    let bench = two_streams();
    let spool = bench.create();
    let stream = spool.stream(0);
    for batch in 1..=4 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
    }
    bench.memory.plan(|name, _| (name == "read").then_some(Fault::Errno(EIO)));
    for _ in 0..3 {
        assert_eq!(stream.take(ALL).unwrap_err().raw_os_error(), Some(EIO));
    }
    assert_eq!(account(&spool, 0).dropped_in_all().records, 0);
    // Then it is read piece by piece, and one of them is bad.
    bench.memory.plan(|name, number| (name == "read" && number < 3).then_some(Fault::Errno(EIO)));
    let records = drain(&stream, ALL);
    let found = account(&spool, 0);
    assert!(!records.is_empty() && records.len() < 32, "{records:?}");
    assert_eq!(found.dropped_in_all().records, 32 - records.len() as u64);
}

#[test]
fn a_folder_that_is_removed_under_us_costs_what_was_in_it() {
    let bench = two_streams();
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &BATCH);
    for path in bench.memory.paths() {
        crate::files::Files::unlink(&bench.memory, &path).unwrap();
    }
    for folder in ["events", "debug", ""] {
        crate::files::Files::remove_dir(&bench.memory, &Path::new(PATH).join(folder)).unwrap();
    }
    for batch in 2..=20 {
        append(&stream, batch, 8 * (batch - 1), &BATCH);
        bench.pass(2_000_000_000);
    }
    let records = drain(&stream, ALL);
    let found = account(&spool, 0);
    assert!(records.len() > 80, "{records:?}");
    assert_eq!(records.len() as u64 + found.dropped_in_all().records, 160, "{found:?}");
}

#[test]
fn a_spool_that_was_being_made_is_nobodys_and_can_be_removed() {
    let bench = two_streams();
    bench.memory.plan(|_, _| None);
    drop(bench.create());
    let all = bench.memory.heal();
    for at in 0..all {
        let bench = two_streams();
        bench.memory.plan(move |_, number| (number == at).then_some(Fault::DeadInside));
        let made = Spool::create_in(bench.world(), Path::new(PATH), MANIFEST, &bench.options);
        assert!(made.is_err(), "{at}");
        let bench = bench.after_kill();
        match bench.try_open() {
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{at}"),
            Ok(spool) => {
                assert!([&b""[..], MANIFEST].contains(&spool.manifest()), "{at}");
                assert!(spool.is_done(), "{at}");
                spool.remove().unwrap();
            }
        }
        assert!(bench.memory.paths().is_empty(), "{at}: {:?}", bench.memory.paths());
    }
}
