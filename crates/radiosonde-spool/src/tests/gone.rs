//! Files that go under a spool, and errors that pass.

use rustix::io::Errno;

use super::memory::Fault;
use super::*;
use crate::cursor::{self, Cursor, IN_MEMORY, Range, SLOT_SIZE};
use crate::files::{Files as _, Mode, READ_MAX};
use crate::format::{Head, segment_name};

fn unlink_segment(bench: &Bench, number: u64) {
    let path = Path::new(PATH).join("events").join(segment_name(number));
    bench.memory.unlink(&path).unwrap();
}

#[test]
fn what_is_appended_after_the_readers_segment_went_is_read_whole() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(1, 250); 10]);
    assert_eq!(drain(&spool.stream(0), ALL).len(), 10);
    let bench = bench.after_kill();
    unlink_segment(&bench, 1);
    let spool = bench.open();
    let stream = spool.stream(0);
    append(&stream, spool.next_batch(), 10, &[(1, 250); 12]);
    assert_eq!(drain(&stream, ALL), (10..22).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).dropped, []);
}

/// Writes the cursor anew, with a checksum that is right.
fn change_cursor(bench: &Bench, change: impl Fn(&mut Cursor)) {
    let path = Path::new(PATH).join("events/cursor");
    let mut bytes = bench.memory.content(&path);
    let manifest = bench.memory.content(&Path::new(PATH).join("manifest"));
    let seed = crate::format::seed(crate::format::u64_at(&manifest, 16), "events");
    let Head::Ours((slot, mut cursor)) = cursor::best(&bytes, seed) else { panic!("a cursor") };
    change(&mut cursor);
    let changed = cursor.encode(seed);
    let at = slot * SLOT_SIZE;
    bytes[at..at + changed.len()].copy_from_slice(&changed);
    bench.memory.set_content(&path, bytes);
}

#[test]
fn a_cursor_that_nobody_wrote_neither_stops_a_stream_nor_takes_all_memory() {
    let empty = |cursor: &mut Cursor| {
        let range = |first| Range { segment: 1, offset: 64, end: 64, first, ..Range::default() };
        cursor.ranges = (0..4).map(range).collect();
    };
    let long = |cursor: &mut Cursor| cursor.ranges[0].end = 1 << 40;
    let backwards = |cursor: &mut Cursor| cursor.ranges[0].end = 1;
    let high = |cursor: &mut Cursor| cursor.read.segment = IN_MEMORY;
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Cursor));
    let cases: [Case<'_>; 4] =
        [("empty", &empty), ("long", &long), ("backwards", &backwards), ("high", &high)];
    for (name, change) in cases {
        let bench = Bench::new(one_stream());
        let spool = bench.create();
        append(&spool.stream(0), 1, 0, &[(1, 250); 10]);
        let _taken = spool.stream(0).take(Limit { records: 1, bytes: 1000 }).unwrap().unwrap();
        spool.sync().unwrap();
        let bench = bench.after_kill();
        change_cursor(&bench, change);
        let spool = bench.open();
        let stream = spool.stream(0);
        append(&stream, spool.next_batch(), 10, &[(1, 250)]);
        let records = drain(&stream, ALL);
        assert!(records.ends_with(&(1..11).collect::<Vec<_>>()), "{name}: {records:?}");
        assert_eq!(stream.pending().records, 0, "{name}");
        // Whatever it said besides: the spool goes on.
        append(&stream, spool.next_batch(), 11, &[(1, 250); 30]);
        assert_eq!(drain(&stream, ALL).len(), 30, "{name}");
    }
}

#[test]
fn a_sparse_file_is_not_read_as_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let file = crate::files::Disk.open(&path, Mode::New).unwrap();
    file.set_length(1 << 40).unwrap();
    // The whole of it would end the process.
    let bytes = crate::files::read(&*file, (1 << 40) - 10, u64::MAX).unwrap();
    assert_eq!(bytes.len(), 10);
    let bytes = crate::files::read(&*file, 0, u64::MAX).unwrap();
    assert_eq!(bytes.len() as u64, READ_MAX);
}

#[test]
fn an_error_that_passes_while_opening_loses_nothing() {
    for errno in [Errno::ACCESS, Errno::MFILE, Errno::NOMEM, Errno::IO] {
        for is_without_manifest in [false, true] {
            let bench = Bench::new(one_stream());
            let spool = bench.create();
            append(&spool.stream(0), 1, 0, &[(1, 250); 40]);
            spool.sync().unwrap();
            let bench = bench.after_kill();
            if is_without_manifest {
                bench.memory.unlink(&Path::new(PATH).join("manifest")).unwrap();
            }
            let (mut failed, mut number) = (0, 0);
            // Each of the files in turn, once; in the end none is left.
            let spool = loop {
                let is_hit = Arc::new(AtomicU64::new(0));
                bench.memory.plan({
                    let (mut opened, is_hit) = (0, Arc::clone(&is_hit));
                    move |name, _| {
                        opened += u32::from(name == "open");
                        let is_it = name == "open" && opened == number + 1;
                        is_hit.fetch_or(is_it.into(), Ordering::Relaxed);
                        is_it.then_some(Fault::Errno(errno.raw_os_error()))
                    }
                });
                let opened = bench.try_open();
                failed += u32::from(opened.is_err());
                if is_hit.load(Ordering::Relaxed) == 0 {
                    break opened.unwrap();
                }
                number += 1;
            };
            bench.memory.heal();
            assert!(failed > 3, "no segment was hit");
            assert_eq!(drain(&spool.stream(0), ALL).len(), 40, "{errno:?}");
            assert_eq!(account(&spool, 0).dropped, []);
        }
    }
}

#[test]
fn what_somebody_puts_there_later_is_not_removed() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(1, 250)]);
    drain(&spool.stream(0), ALL);
    let path = Path::new(PATH).join("events").join(segment_name(40));
    bench.memory.set_content(&path, b"mine".to_vec());
    let removed = spool.remove().unwrap_err();
    assert_eq!(removed.kind(), std::io::ErrorKind::DirectoryNotEmpty);
    assert_eq!(bench.memory.content(&path), b"mine");
}

#[test]
fn a_file_removed_under_a_living_spool_costs_what_was_in_it_and_no_more() {
    for is_found_by_sync in [true, false] {
        let bench = Bench::new(one_stream());
        let spool = bench.create();
        let stream = spool.stream(0);
        append(&stream, 1, 0, &[(1, 250); 3]);
        assert_eq!(drain(&stream, Limit { records: 1, bytes: 1000 }).len(), 3);
        append(&stream, 2, 3, &[(1, 250); 2]);
        unlink_segment(&bench, 1);
        if is_found_by_sync {
            spool.sync().unwrap();
        } else {
            assert!(stream.take(ALL).unwrap().is_none());
        }
        append(&stream, 3, 5, &[(1, 250); 5]);
        assert_eq!(drain(&stream, ALL), (5..10).collect::<Vec<_>>(), "{is_found_by_sync}");
        let found = account(&spool, 0);
        assert_eq!(found.dropped_in_all().records, 2, "{found:?}");
        assert_eq!(found.dropped[0].0, crate::DropReason::Damaged);
        assert_eq!(found.segments, 1);
        // And so after a restart.
        append(&stream, 4, 10, &[(1, 250)]);
        let spool = bench.after_kill().open();
        assert_eq!(drain(&spool.stream(0), ALL), [10]);
        assert_eq!(account(&spool, 0).dropped_in_all().records, 2);
    }
}

#[test]
fn a_directory_that_went_under_a_living_spool_is_made_anew_with_what_its_owner_wrote_down() {
    for with_parent in [false, true] {
        let mut bench = Bench::new(one_stream());
        let path = Path::new(ROOT).join("folder/spool");
        bench.memory.create_dir(path.parent().unwrap()).unwrap();
        let spool = Spool::create_in(bench.world(), &path, MANIFEST, &bench.options).unwrap();
        let stream = spool.stream(0);
        append(&stream, 1, 0, &[(1, 250); 3]);
        for file in bench.memory.paths() {
            bench.memory.unlink(&file).unwrap();
        }
        bench.memory.remove_dir(&path.join("events")).unwrap();
        bench.memory.remove_dir(&path).unwrap();
        if with_parent {
            bench.memory.remove_dir(path.parent().unwrap()).unwrap();
        }
        // Whoever looks after it finds that it is gone.
        let _ = spool.sync();
        append(&stream, 2, 3, &[(1, 250); 4]);
        spool.sync().unwrap();
        bench.memory = bench.memory.after_power_cut(&mut |_| 1);
        let spool = Spool::open_in(bench.world(), &path, &bench.options).unwrap();
        assert_eq!(spool.manifest(), MANIFEST, "{with_parent}");
        assert_eq!(drain(&spool.stream(0), ALL), (3..7).collect::<Vec<_>>());
        assert!(account(&spool, 0).dropped_in_all().records <= 3);
    }
}

#[test]
fn folders_whose_maker_was_killed_are_synced_by_who_comes_next() {
    let bench = Bench::new(one_stream());
    drop(bench.create());
    let bench = bench.after_kill();
    let spool = bench.open();
    append(&spool.stream(0), 1, 0, &[(1, 250); 3]);
    spool.sync().unwrap();
    // Of names that were not synced none is kept.
    let memory = bench.memory.after_power_cut(&mut |_| 1);
    let spool = Bench { memory, ..bench }.open();
    assert_eq!(drain(&spool.stream(0), ALL), [0, 1, 2]);
}
