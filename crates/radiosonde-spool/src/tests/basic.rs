//! What a spool does when nothing goes wrong, and what its limits are.

use super::*;
use crate::{DropReason, FRAME_BYTES_MAX, TAKEN_MAX, Tally};

#[test]
fn what_was_appended_is_taken_in_order_also_by_the_next_process() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    let mut next = 0;
    for batch in 1..=40 {
        next = append(&stream, batch, next, &[(3, 200), (1, 12), (7, 900)]);
    }
    assert_eq!((stream.mark(), spool.next_batch()), (40, 41));
    let first = stream.take(Limit { records: 11, bytes: 5000 }).unwrap().unwrap();
    assert_eq!(taken_records(&first), (0..11).collect::<Vec<_>>());
    settle(&stream, &first);

    let next_process = bench.after_kill();
    let spool = next_process.open();
    assert_eq!(spool.manifest(), MANIFEST);
    let stream = spool.stream(0);
    assert_eq!((stream.mark(), spool.next_batch()), (40, 41));
    assert_eq!(drain(&stream, Limit { records: 50, bytes: 9000 }), (11..next).collect::<Vec<_>>());
    let account = account(&spool, 0);
    assert_eq!(account.delivered, account.appended);
    assert_eq!(account.appended, Tally::new(next, 40 * 1112));
    assert_eq!((account.pending, account.oldest_ns), (Tally::default(), None));
    assert!(tell(&spool).is_empty());
    spool.remove().unwrap();
    assert!(next_process.memory.paths().is_empty(), "{:?}", next_process.memory.paths());
}

#[test]
fn a_range_that_was_taken_is_taken_again_as_it_was_and_others_are_settled_in_any_order() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(5, 100); 20]);
    let limit = Limit { records: 15, bytes: 10_000 };
    let taken: Vec<Taken> = (0..TAKEN_MAX).map(|_| stream.take(limit).unwrap().unwrap()).collect();
    assert_eq!(stream.take(limit).unwrap(), None, "no more than {TAKEN_MAX} at once");
    settle(&stream, &taken[2]);
    settle(&stream, &taken[2]);
    assert_eq!(account(&spool, 0).delivered.records, 15, "twice is once");
    stream.give_back(&taken[1]);
    let (waiting, books) = (stream.waiting(), account(&spool, 0));
    assert_eq!((waiting.appended, waiting.pending), (books.appended, books.pending));
    assert_eq!(waiting.oldest_ns, books.oldest_ns);
    assert!(spool.is_pending());
    let again = stream.take(Limit { records: 1, bytes: 1 }).unwrap().unwrap();
    assert!(again.is_again() && !taken[1].is_again());
    assert_eq!(Taken { is_again: false, ..again }, taken[1]);

    // The next process knows which of them were not settled.
    let next_process = bench.after_kill();
    let spool = next_process.open();
    let stream = spool.stream(0);
    for expected in [&taken[0], &taken[1], &taken[3]] {
        let again = stream.take(Limit { records: 1, bytes: 1 }).unwrap().unwrap();
        assert_eq!(taken_records(&again), taken_records(expected));
        settle(&stream, &again);
    }
    assert_eq!(drain(&stream, ALL), (60..100).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).delivered.records, 100);
    assert!(!spool.is_pending() && stream.waiting().oldest_ns.is_none());
}

#[test]
fn whatever_numbers_batches_have_no_record_goes_uncounted() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 5, 0, &[(1, 100), (2, 200)]);
    // Neither is one that may be here: they were never given, and a later one is.
    append(&stream, 4, 100, &[(3, 300)]);
    append(&stream, 1, 200, &[(4, 400), (5, 500)]);
    // The same one again, and one that does not hold anything.
    append(&stream, 5, 0, &[(1, 100), (2, 200)]);
    stream.append(3, &[]);
    let lost = Tally::new(12, 1200);
    let check = |spool: &Spool| {
        let found = account(spool, 0);
        assert_eq!(found.appended, Tally::new(15, 1500));
        assert_eq!(found.dropped, [(DropReason::WrongNumber, lost)]);
        found.pending.records
    };
    assert_eq!(check(&spool), 3);
    assert_eq!(spool.next_batch(), 6);
    // Also after a restart, which knows the number as well.
    let bench = bench.after_kill();
    let spool = bench.open();
    assert_eq!(check(&spool), 3);
    let [gap] = &tell(&spool)[..] else { panic!("one gap") };
    assert_eq!((gap.reason, gap.lost), (DropReason::WrongNumber, lost));
    append(&spool.stream(0), 2, 300, &[(1, 100)]);
    assert_eq!(account(&spool, 0).dropped_in_all().records, 13);
    assert_eq!(drain(&spool.stream(0), ALL), [0, 1, 2]);
}

#[test]
fn frames_without_a_number_are_appended_each_time_and_are_in_no_batchs_way() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 0, 0, &[(1, 100)]);
    append(&stream, 0, 1, &[(1, 100), (1, 100)]);
    assert_eq!((stream.mark(), spool.next_batch()), (0, 1));
    append(&stream, 1, 3, &[(1, 100)]);
    append(&stream, 0, 4, &[(1, 100)]);
    append(&stream, 1, 3, &[(1, 100)]);
    let bench = bench.after_kill();
    let spool = bench.open();
    let stream = spool.stream(0);
    assert_eq!((stream.mark(), spool.next_batch()), (1, 2));
    append(&stream, 1, 3, &[(1, 100)]);
    append(&stream, 2, 5, &[(1, 100)]);
    assert_eq!(drain(&stream, ALL), (0..6).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).dropped, []);
}

#[test]
fn a_batch_is_there_once_however_often_it_is_appended_and_a_torn_one_is_completed() {
    let bench = Bench::new(one_stream());
    let stream = bench.create().stream(0);
    let frames = [(2, 300), (3, 300), (4, 300)];
    append(&stream, 1, 0, &frames);
    append(&stream, 1, 0, &frames);
    append(&stream, 5, 9, &frames);
    assert_eq!(stream.account().appended.records, 18);
    // As far as the first frame of the next batch.
    bench
        .memory
        .plan(|name, number| (name == "write" && number == 1).then_some(memory::Fault::Dead));
    append(&stream, 6, 18, &frames);
    let bench = bench.after_kill();
    let spool = bench.open();
    let stream = spool.stream(0);
    assert_eq!((stream.mark(), spool.next_batch()), (5, 7));
    append(&stream, 6, 18, &frames);
    append(&stream, 6, 18, &frames);
    append(&stream, 7, 27, &[]);
    assert_eq!((stream.mark(), spool.next_batch()), (7, 8));
    assert_eq!(drain(&stream, ALL), (0..27).collect::<Vec<_>>());
}

#[test]
fn what_was_rejected_and_what_is_too_large_is_in_the_books() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(10, 100), (5, FRAME_BYTES_MAX + 1), (1, FRAME_BYTES_MAX)]);
    let taken = stream.take(Limit { records: 10, bytes: 1000 }).unwrap().unwrap();
    stream.settle(&taken, Settled { delivered: 7, rejected: 3 }).unwrap();
    let found = account(&spool, 0);
    assert_eq!((found.delivered, found.rejected), (Tally::new(7, 70), Tally::new(3, 30)));
    assert_eq!(found.dropped, [(DropReason::Oversize, Tally::new(5, FRAME_BYTES_MAX as u64 + 1))]);
    assert_eq!(found.pending, Tally::new(1, FRAME_BYTES_MAX as u64));
    assert_eq!(drain(&stream, Limit { records: 1, bytes: 1 }), [15]);
    let taken = spool.take_gaps();
    assert_eq!(taken.len(), 1);
    // Killed before it is told, it is told by the next one.
    assert!(!spool.is_done());
    assert_eq!(bench.after_kill().open().take_gaps(), taken);
    // What is lost meanwhile is not told by telling that.
    append(&stream, 2, 16, &[(3, FRAME_BYTES_MAX + 1)]);
    assert_eq!(spool.take_gaps(), taken);
    assert_eq!(
        bench.after_kill().open().take_gaps().iter().map(|gap| gap.lost.records).sum::<u64>(),
        8
    );
    spool.told();
    let [later] = &tell(&spool)[..] else { panic!("one gap") };
    assert_eq!((later.reason, later.lost.records), (DropReason::Oversize, 3));
    let [gap] = &taken[..] else { panic!("one gap") };
    assert_eq!((gap.reason, gap.lost.records), (DropReason::Oversize, 5));
    assert!(tell(&spool).is_empty());
    assert!(bench.after_kill().open().take_gaps().is_empty(), "told once");
}

#[test]
fn a_loss_that_is_told_is_not_told_again_because_the_next_one_is_not() {
    let bench = Bench::new(options(&[("events", 1, 0), ("traces", 0, 0)]));
    let spool = bench.create();
    for stream in 0..2 {
        append(&spool.stream(stream), 1, 0, &[(5, FRAME_BYTES_MAX + 1)]);
    }
    let streams =
        |spool: &Spool| spool.take_gaps().iter().map(|gap| gap.stream).collect::<Vec<_>>();
    assert_eq!(streams(&spool), [0, 1]);
    spool.told_first(0);
    assert_eq!(streams(&spool), [0, 1]);
    spool.told_first(1);
    assert_eq!(streams(&spool), [1]);
    assert_eq!(streams(&bench.after_kill().open()), [1]);
    assert!(!spool.is_done());
    spool.told_first(7);
    assert!(spool.is_done());
}

#[test]
fn the_oldest_of_the_lowest_rank_above_its_share_goes_first() {
    let mut options = options(&[
        ("debug", 0, 0),
        ("info", 1, 3 * 4096),
        ("warning", 2, 2 * 4096),
        ("event", 3, 0),
        ("trace", 0, 4096),
    ]);
    options.cap_bytes = 10 * 4096;
    let bench = Bench::new(options);
    let spool = bench.create();
    let fill = |stream: usize, segments: u64| {
        for _ in 0..segments {
            append(&spool.stream(stream), spool.next_batch(), 0, &[(1, 3900)]);
        }
        let lost = |stream| account(&spool, stream).dropped_in_all().records;
        assert!(spool.disk_bytes() <= 10 * 4096);
        [0, 1, 2, 3].map(lost)
    };
    assert_eq!(fill(0, 3), [0, 0, 0, 0]);
    assert_eq!(fill(1, 5), [0, 0, 0, 0]);
    assert_eq!(fill(2, 2), [0, 0, 0, 0]);
    // Full. A lower rank takes nothing from a higher one.
    assert_eq!(fill(0, 1), [1, 0, 0, 0]);
    assert_eq!(fill(3, 3), [4, 0, 0, 0], "debug has no share");
    assert_eq!(fill(3, 2), [4, 2, 0, 0], "info down to its share");
    assert_eq!(fill(3, 1), [4, 2, 0, 1], "then its own, warning has no more than its share");
    assert_eq!(fill(2, 1), [4, 2, 1, 1], "above its share, and events rank higher");
    assert_eq!(fill(4, 2), [4, 2, 1, 2], "its share is everybody's due, more is not");
    for (stream, pending) in [(0, 0), (1, 3), (2, 2), (3, 4), (4, 1)] {
        assert_eq!(account(&spool, stream).pending.records, pending, "stream {stream}");
    }
    let gaps = tell(&spool);
    assert!(gaps.iter().all(|gap| gap.reason == DropReason::Cap), "{gaps:?}");
    assert_eq!(gaps.iter().map(|gap| gap.lost.records).sum::<u64>(), 10);
}

#[test]
fn a_process_that_begins_with_small_segments_keeps_the_share_of_the_one_before_it() {
    const MIB: u64 = 1024 * 1024;
    let mut options = options(&[("info", 0, 8 * MIB), ("events", 1, 4 * MIB)]);
    options.segment_bytes = 4 * MIB;
    options.cap_bytes = 16 * MIB;
    let bench = Bench::new(options);
    let fill = |spool: &Spool, stream: usize, frames: u64| {
        for _ in 0..frames {
            append(&spool.stream(stream), spool.next_batch(), 0, &[(1, 60_000)]);
        }
        account(spool, 0).disk_bytes
    };
    let spool = bench.create();
    fill(&spool, 0, 400);
    assert_eq!(fill(&spool, 1, 300), 8 * MIB, "its share");
    let spool = bench.after_kill().open();
    // Segments of a quarter, a half and one MiB take the room of one of the two.
    assert_eq!(fill(&spool, 0, 28), 23 * MIB / 4);
    fill(&spool, 1, 28);
    assert_eq!(
        fill(&spool, 0, 10),
        31 * MIB / 4,
        "of the others, which have more than their share"
    );
}

#[test]
fn what_is_evicted_while_somebody_has_it_is_counted_once() {
    let mut options = one_stream();
    options.cap_bytes = 3 * 4096;
    let bench = Bench::new(options);
    let spool = bench.create();
    let stream = spool.stream(0);
    for batch in 1..=3 {
        append(&stream, batch, batch - 1, &[(1, 3900)]);
    }
    let [first, second] = [0, 1].map(|_| stream.take(ALL).unwrap().unwrap());
    for batch in 4..=5 {
        append(&stream, batch, batch - 1, &[(1, 3900)]);
    }
    let found = account(&spool, 0);
    assert_eq!((found.dropped_in_all().records, found.pending.records), (0, 5));
    settle(&stream, &first);
    stream.give_back(&second);
    let found = account(&spool, 0);
    assert_eq!((found.delivered.records, found.dropped_in_all().records), (1, 1));
    assert_eq!(drain(&stream, ALL), [2, 3, 4]);
    assert_eq!(account(&spool, 0).delivered.records, 4);
}

#[test]
fn a_stream_that_says_little_takes_little_and_one_that_says_much_has_few_files() {
    const MIB: u64 = 1024 * 1024;
    let mut options = one_stream();
    options.segment_bytes = 4 * MIB;
    let bench = Bench::new(options);
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(1, 100)]);
    assert_eq!(spool.disk_bytes(), MIB / 4);
    for batch in 2..=400 {
        append(&spool.stream(0), batch, batch - 1, &[(1, 60_000)]);
    }
    let found = account(&spool, 0);
    assert!((9..=10).contains(&found.segments), "{found:?}");
    assert!(found.disk_bytes < 28 * MIB && found.disk_bytes > 22 * MIB, "{found:?}");
}

#[test]
fn an_operator_drops_what_nobody_has_and_it_is_counted() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(4, 1500); 10]);
    let held = stream.take(Limit { records: 4, bytes: 1 }).unwrap().unwrap();
    assert_eq!(stream.discard().records, 36);
    let found = account(&spool, 0);
    assert_eq!(found.dropped, [(DropReason::Operator, Tally::new(36, 13_500))]);
    settle(&stream, &held);
    append(&stream, 2, 40, &[(1, 100)]);
    assert_eq!(drain(&stream, ALL), [40]);
    let spool = bench.after_kill().open();
    assert_eq!(account(&spool, 0).delivered.records, 5);
}

#[test]
fn what_was_told_otherwise_is_dropped_without_a_gap_and_leaves_those_before_it() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(4, 1500)]);
    let _dropped = stream.discard();
    append(&stream, 2, 4, &[(3, 100)]);
    assert_eq!(stream.discard_told().records, 3);
    assert_eq!(account(&spool, 0).dropped[0].1.records, 7, "all of them are counted");
    let told =
        |spool: &Spool| spool.take_gaps().iter().map(|gap| gap.lost.records).collect::<Vec<_>>();
    assert_eq!(told(&spool), [4]);
    spool.told();
    append(&stream, 3, 7, &[(2, 100)]);
    assert_eq!(stream.discard_told().records, 2);
    assert!(spool.is_done());
    assert!(told(&bench.after_kill().open()).is_empty());
}

#[test]
fn the_oldest_is_never_said_to_be_younger_than_it_is() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    let start = bench.clock.load(Ordering::Relaxed);
    for batch in 1..=30 {
        bench.pass(10);
        append(&stream, batch, batch - 1, &[(1, 1000)]);
        if batch == 20 {
            // A clock that is set back changes nothing but the times.
            bench.clock.store(start - 500, Ordering::Relaxed);
        }
    }
    assert_eq!(stream.oldest_ns(), Some(start + 10));
    let two = Limit { records: 2, bytes: 10_000 };
    let taken = stream.take(two).unwrap().unwrap();
    assert_eq!((taken.oldest_ns(), stream.oldest_ns()), (start + 10, Some(start + 10)));
    settle(&stream, &taken);
    assert_eq!(stream.oldest_ns(), Some(start + 30));
    assert_eq!(drain(&stream, two), (2..30).collect::<Vec<_>>());
    assert_eq!(stream.oldest_ns(), None);
}

#[test]
fn names_that_are_none_and_spools_that_are_there_are_refused() {
    for name in ["", "a/b", "..", "UPPER", "quarantine", "spare", "manifest", &"x".repeat(33)] {
        let bench = Bench::new(options(&[(name, 0, 0)]));
        let made = Spool::create_in(bench.world(), Path::new(PATH), b"", &bench.options);
        assert_eq!(made.unwrap_err().kind(), std::io::ErrorKind::InvalidInput, "{name}");
    }
    let bench = Bench::new(one_stream());
    let _spool = bench.create();
    let again = Spool::create_in(bench.world(), Path::new(PATH), b"", &bench.options);
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
}
