//! On a real disk: modes, links, limits, and several threads at once.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::*;
use crate::{DropReason, Tally};

const LIMITED: &str = "SPOOL_TEST_LIMITED";
const LIMITED_TEST: &str = "tests::disk::a_limit_on_the_size_of_files_costs_records_and_no_process";

#[test]
fn nobody_else_may_read_or_write_it_and_links_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let spool = Spool::create(&path, b"authorization: secret", &one_stream()).unwrap();
    append(&spool.stream(0), 1, 0, &[(3, 300)]);
    spool.stream(0).quarantine(b"bytes", "why").unwrap();
    spool.sync().unwrap();
    let mut folders = vec![path.clone()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode = folder.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.metadata().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let mode = entry.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
                files += 1;
            }
        }
    }
    assert_eq!(files, 4, "manifest, cursor, segment, quarantined bytes");
    drop(spool);

    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    let opened = Spool::open(&link, &one_stream());
    assert_eq!(opened.unwrap_err().kind(), std::io::ErrorKind::NotADirectory);
    // A link in the place of a segment is left alone.
    let victim = directory.path().join("victim");
    std::fs::write(&victim, b"mine").unwrap();
    symlink(&victim, path.join("events/00000000000000000007.seg")).unwrap();
    let spool = Spool::open(&path, &one_stream()).unwrap();
    assert_eq!(account(&spool, 0).foreign_files, 1);
    assert_eq!(drain(&spool.stream(0), ALL), [0, 1, 2]);
    append(&spool.stream(0), 2, 3, &[(1, 300)]);
    assert_eq!(drain(&spool.stream(0), ALL), [3]);
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    drop(spool);

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
    let opened = Spool::open(&path, &one_stream());
    assert_eq!(opened.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn a_limit_on_the_size_of_files_costs_records_and_no_process() {
    if let Some(folder) = std::env::var_os(LIMITED) {
        let limit = rustix::process::Rlimit { current: Some(20_000), maximum: None };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
        let mut options = one_stream();
        options.segment_bytes = 40_000;
        options.overflow_bytes = 10_000;
        let spool = Spool::create(&Path::new(&folder).join("spool"), b"", &options).unwrap();
        for batch in 1..=100 {
            append(&spool.stream(0), batch, batch - 1, &[(1, 1000)]);
        }
        let found = account(&spool, 0);
        assert_eq!(found.appended.records, 100);
        assert_eq!(found.dropped, [(DropReason::WriteFailed, found.dropped_in_all())]);
        assert_eq!(drain(&spool.stream(0), ALL).len() as u64, found.pending.records);
        assert!(found.pending.records >= 25, "{found:?}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", LIMITED_TEST, "--nocapture"]).env(LIMITED, directory.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_appender_a_reader_and_a_syncer_at_once_lose_nothing() {
    const BATCHES: u64 = 400;
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::create(&directory.path().join("spool"), b"", &one_stream()).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let records = std::thread::scope(|threads| {
        threads.spawn(|| {
            for batch in 1..=BATCHES {
                append(&spool.stream(0), batch, 4 * (batch - 1), &[(3, 500), (1, 90)]);
            }
            is_over.store(true, Ordering::Release);
        });
        threads.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                spool.sync().unwrap();
                assert!(account(&spool, 0).is_balanced());
            }
        });
        let reader = threads.spawn(|| {
            let (stream, mut records) = (spool.stream(0), Vec::new());
            loop {
                let was_over = is_over.load(Ordering::Acquire);
                records.extend(drain(&stream, Limit { records: 30, bytes: 8000 }));
                if was_over && records.len() as u64 >= 4 * BATCHES {
                    return records;
                }
                assert!(records.len() as u64 <= 4 * BATCHES);
            }
        });
        reader.join().unwrap()
    });
    assert_eq!(records, (0..4 * BATCHES).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).delivered.records, 4 * BATCHES);
    // What is read goes from the disk with the next sync.
    spool.sync().unwrap();
    assert!(spool.disk_bytes() <= 2 * 4096, "{}", spool.disk_bytes());
}

#[test]
fn a_look_changes_nothing_and_sees_the_books() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let spool = Spool::create(&path, MANIFEST, &one_stream()).unwrap();
    let stream = spool.stream(0);
    for batch in 1..=30 {
        append(&stream, batch, 2 * (batch - 1), &[(2, 400)]);
    }
    settle(&stream, &stream.take(Limit { records: 10, bytes: 5000 }).unwrap().unwrap());
    let _held = stream.take(Limit { records: 4, bytes: 5000 }).unwrap().unwrap();
    let before = account(&spool, 0);
    let seen = crate::look(&path, true).unwrap();
    assert_eq!(seen.manifest, MANIFEST);
    let [events] = &seen.streams[..] else { panic!("one stream") };
    let found = &events.account;
    assert!(found.is_balanced());
    assert_eq!((found.appended, found.pending), (before.appended, before.pending));
    assert_eq!((found.delivered, found.stream.as_str()), (before.delivered, "events"));
    assert_eq!(events.segments.len(), before.segments as usize);
    let pending = events.pending(&path, 3).unwrap();
    let payloads: Vec<u64> = pending
        .iter()
        .flat_map(|(records, _, payload)| records_in(&Frame { records: *records, payload }))
        .collect();
    assert_eq!(payloads, (10..16).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0), before, "nothing is changed");
    append(&stream, 31, 60, &[(2, 400)]);
    stream.give_back_all();
    assert_eq!(drain(&stream, ALL), (10..62).collect::<Vec<_>>());
    let opened = Spool::open(&path, &seen.options()).unwrap();
    assert_eq!(account(&opened, 0).delivered.records, 62);
}

#[test]
fn what_is_in_memory_only_is_pending_while_its_process_lives_and_lost_after_that() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mut options = one_stream();
    options.limits.free_bytes = Some(u64::MAX);
    let spool = Spool::create(&path, MANIFEST, &options).unwrap();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(3, 300), (2, 200)]);
    let taken = stream.take(Limit { records: 3, bytes: 300 }).unwrap().unwrap();
    assert_eq!(taken.records(), 3);
    let seen = |is_in_use| crate::look(&path, is_in_use).unwrap().streams.swap_remove(0);
    let five = Tally::new(5, 500);
    let (lives, dead) = (seen(true).account, seen(false));
    assert_eq!((lives.pending, lives.in_memory, lives.dropped.len()), (five, five, 0));
    assert_eq!(lives.in_memory_reason, Some(DropReason::DiskFull));
    assert_eq!((dead.account.pending, dead.account.in_memory), Default::default());
    assert_eq!((dead.account.dropped, dead.untold), (vec![(DropReason::DiskFull, five)], 5));
    drop(spool);
    assert_eq!(seen(false).account.pending, Tally::default(), "to drop it writes nothing");
}

#[test]
fn what_is_evicted_from_under_its_reader_is_pending_while_that_one_lives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mut options = one_stream();
    (options.segment_bytes, options.cap_bytes) = (4096, 16 << 10);
    let spool = Spool::create(&path, MANIFEST, &options).unwrap();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(1, 300); 5]);
    let taken = stream.take(Limit { records: 5, bytes: 5000 }).unwrap().unwrap();
    let mut batch = 1;
    while account(&spool, 0).dropped.is_empty() {
        batch += 1;
        append(&stream, batch, batch, &[(1, 300)]);
        assert!(batch < 1000, "the cap is never reached");
    }
    let seen = |is_in_use| crate::look(&path, is_in_use).unwrap().streams.swap_remove(0).account;
    let (books, lives, dead) = (account(&spool, 0), seen(true), seen(false));
    let numbers = |of: &crate::Account| (of.appended, of.pending, of.dropped.clone());
    assert_eq!(numbers(&lives), numbers(&books));
    assert!(lives.is_balanced() && dead.is_balanced());
    assert_eq!(
        books.pending.records - dead.pending.records,
        taken.records(),
        "lost with its reader"
    );
    settle(&stream, &taken);
    assert_eq!(seen(true).delivered.records, taken.records());
}

#[test]
fn spools_that_are_only_drained_hold_no_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(&[("debug", 1, 0), ("events", 2, 0), ("traces", 3, 0)]);
    let held = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let target =
            |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
        open.filter_map(target).filter(|path| path.starts_with(directory.path())).count()
    };
    let mut spools = Vec::new();
    for number in 0..20 {
        let path = directory.path().join(number.to_string());
        let spool = Spool::create(&path, MANIFEST, &options).unwrap();
        append(&spool.stream(1), 1, 0, &[(1, 300); 3]);
        assert_eq!(held(), 1, "its segment");
        spool.close().unwrap();
        drop(spool);
        spools.push(Spool::open(&path, &options).unwrap());
        assert_eq!(held(), 0, "spool {number}");
    }
    for spool in &spools {
        assert_eq!(drain(&spool.stream(1), Limit { records: 2, bytes: 1000 }).len(), 3);
        spool.sync().unwrap();
        assert_eq!(held(), 0);
    }
}

#[test]
fn a_look_tells_the_age_of_what_is_pending_and_not_of_its_segment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let spool = Spool::create(&path, MANIFEST, &one_stream()).unwrap();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(1, 300)]);
    drain(&stream, ALL);
    let before = (crate::home::World::real().clock)();
    append(&stream, 2, 1, &[(1, 300)]);
    let seen = crate::look(&path, true).unwrap();
    let account = &seen.streams[0].account;
    assert_eq!(account.pending.records, 1);
    assert!(account.oldest_ns.unwrap() >= before, "{account:?}");
}
