//! Spools that share a telemetry directory, and what it costs to know what the others take.

use std::path::PathBuf;

use super::*;
use crate::Root;
use crate::files::Files as _;

#[test]
fn other_spools_of_the_root_count_and_leave_a_minimum() {
    let mut options = one_stream();
    options.limits.root = Some(Root::new(Path::new(ROOT)));
    options.limits.root_bytes = 10 * 4096;
    options.limits.least_bytes = 2 * 4096;
    let bench = Bench::new(options);
    let other = Path::new(ROOT).join("inst/0/spool/other/events");
    for path in other.ancestors().collect::<Vec<_>>().into_iter().rev().skip(2) {
        let _ = crate::files::Files::create_dir(&bench.memory, path);
    }
    let spool = bench.create();
    let stream = spool.stream(0);
    let fill = |segments: u64| {
        for _ in 0..segments {
            append(&stream, spool.next_batch(), 0, &[(1, 3900)]);
        }
        spool.disk_bytes() / 4096
    };
    assert_eq!(fill(12), 10);
    bench.memory.set_content(&other.join("some.seg"), vec![0; 4 * 4096]);
    bench.pass(20_000_000_000);
    spool.sync().unwrap();
    assert_eq!(fill(2), 6);
    bench.memory.set_content(&other.join("more.seg"), vec![0; 40 * 4096]);
    bench.pass(20_000_000_000);
    spool.sync().unwrap();
    assert_eq!(fill(2), 2);
    assert!(account(&spool, 0).is_balanced());
}

#[test]
fn a_spool_that_is_only_drained_does_not_count_the_others() {
    // How often a directory is listed by opening and draining, and by appending then.
    let lists = |root: Option<&str>| {
        let mut bench = Bench::new(one_stream());
        append(&bench.create().stream(0), 1, 0, &[(1, 300); 3]);
        bench = bench.after_kill();
        bench.options.limits.root = root.map(|root| Root::new(Path::new(root)));
        let lists = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&lists);
        bench.memory.plan(move |name, _| {
            count.fetch_add(u64::from(name == "list"), Ordering::Relaxed);
            None
        });
        let spool = bench.open();
        drain(&spool.stream(0), ALL);
        for _ in 0..3 {
            bench.pass(60_000_000_000);
            spool.sync().unwrap();
        }
        let drained = lists.load(Ordering::Relaxed);
        append(&spool.stream(0), 2, 3, &[(1, 300); 3]);
        (drained, lists.load(Ordering::Relaxed) - drained)
    };
    let alone = lists(None);
    assert_eq!(lists(Some(ROOT)), (alone.0, alone.1 + 1));
}

/// A directory with so many spools that somebody left, each with a record in one of its streams.
fn many(spools: usize) -> (Bench, Vec<PathBuf>) {
    let mut bench = Bench::new(options(&[("events", 1, 0), ("logs", 0, 0)]));
    let folder = Path::new(ROOT).join("inst/0/spool");
    for path in folder.ancestors().collect::<Vec<_>>().into_iter().rev().skip(2) {
        let _ = bench.memory.create_dir(path);
    }
    let paths: Vec<PathBuf> = (0..spools).map(|number| folder.join(number.to_string())).collect();
    for path in &paths {
        let spool = Spool::create_in(bench.world(), path, MANIFEST, &bench.options).unwrap();
        append(&spool.stream(0), 1, 0, &[(1, 300)]);
    }
    bench = bench.after_kill();
    bench.options.limits.root = Some(Root::new(Path::new(ROOT)));
    (bench, paths)
}

#[test]
fn many_spools_of_a_process_count_their_root_once_for_all() {
    const SPOOLS: usize = 300;
    let (bench, paths) = many(SPOOLS);
    let lists = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lists);
    bench.memory.plan(move |name, _| {
        count.fetch_add(u64::from(name == "list"), Ordering::Relaxed);
        None
    });
    let open = |path: &PathBuf| Spool::open_in(bench.world(), path, &bench.options).unwrap();
    let spools: Vec<Spool> = paths.iter().map(open).collect();
    // The streams, what else is there, and the quarantine.
    assert!(lists.load(Ordering::Relaxed) <= 5 * SPOOLS as u64, "{lists:?}");
    let tend = |spool: &Spool| {
        append(&spool.stream(0), spool.next_batch(), 1, &[(1, 300)]);
        spool.sync().unwrap();
        spool.tend().unwrap();
    };
    for _ in 0..3 {
        let before = lists.load(Ordering::Relaxed);
        spools.iter().for_each(tend);
        bench.pass(20_000_000_000);
        // One walk over all of them.
        let listed = lists.load(Ordering::Relaxed) - before;
        assert!((1..=8 * SPOOLS as u64).contains(&listed), "{listed}");
    }
    // What each of them knows of the others is right all the same.
    let all: u64 = spools.iter().map(Spool::disk_bytes).sum();
    let others = bench.options.limits.root.as_ref().unwrap();
    for (spool, path) in spools.iter().zip(&paths) {
        let known = others.others(&bench.memory, path, bench.clock.load(Ordering::Relaxed));
        let cursors = 300 * 3 * 16 * 1024;
        assert!((all - spool.disk_bytes()..all + cursors).contains(&known), "{known} of {all}");
    }
}

#[test]
fn a_count_is_not_believed_for_long_nor_after_a_clock_was_set_back() {
    let (bench, paths) = many(2);
    let root = bench.options.limits.root.as_ref().unwrap();
    let others = |now: u64| root.others(&bench.memory, &paths[0], now);
    let more = paths[1].join("logs/more.seg");
    let before = others(50_000_000_000);
    bench.memory.set_content(&more, vec![0; 4096]);
    assert_eq!(others(59_999_999_999), before);
    assert_eq!(others(60_000_000_000), before + 4096);
    bench.memory.set_content(&more, vec![0; 8192]);
    assert_eq!(others(40_000_000_000), before + 8192, "the clock was set back");
}

#[test]
fn whoever_asks_while_another_counts_waits_for_nothing_but_the_first_count() {
    let (bench, paths) = many(2);
    let root = bench.options.limits.root.clone().unwrap();
    let first = root.others(&bench.memory, &paths[0], 1);
    // The other one is in the middle of its walk until it is told to go on.
    let (began, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    bench.memory.set_content(&paths[1].join("logs/more.seg"), vec![0; 4096]);
    let other = Bench { memory: bench.memory.after_kill(), ..bench.clone() };
    let mut is_first = true;
    other.memory.plan(move |_, _| {
        if std::mem::take(&mut is_first) {
            began.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
        None
    });
    const LATER: u64 = 60_000_000_000;
    std::thread::scope(|threads| {
        let walk = threads.spawn(|| root.others(&other.memory, &paths[0], LATER));
        has_begun.recv().unwrap();
        assert_eq!(root.others(&bench.memory, &paths[0], LATER), first, "the old one does");
        go_on.send(()).unwrap();
        assert_eq!(walk.join().unwrap(), first + 4096);
    });
}
