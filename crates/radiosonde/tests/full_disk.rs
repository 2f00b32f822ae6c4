//! A disk that fills up and is freed again: the program goes on, the problem is named, nothing that
//! was recorded is lost, and delivery resumes by itself.
//!
//! Needs a file system of its own: a tmpfs in a mount namespace of a user namespace. Where the
//! kernel allows none, the test says so and fails only when `XTASK_REQUIRE_SERVERS=1` asks for
//! everything (`XTASK_WITHOUT=userns` leaves it out).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that did not run says so")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use radiosonde_events::Live;
use radiosonde_events::upkeep::{Retention, Rule, Task, Upkeep, removed};

/// Set in the child that runs inside the namespace: the mounted directory.
const INSIDE: &str = "FULL_DISK_TEST_DIRECTORY";
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_full_disk_holds_events_up_and_loses_none() {
    with_a_small_disk("a_full_disk_holds_events_up_and_loses_none", held_up);
}

#[test]
fn on_a_full_disk_new_threads_share_a_ring_and_what_is_lost_is_counted() {
    const TEST: &str = "on_a_full_disk_new_threads_share_a_ring_and_what_is_lost_is_counted";
    with_a_small_disk(TEST, overrun);
}

#[test]
fn sealing_waits_for_room_and_removing_makes_some() {
    with_a_small_disk("sealing_waits_for_room_and_removing_makes_some", keep_house);
}

#[test]
fn a_start_on_a_full_disk_makes_room_by_removing_what_is_old() {
    with_a_small_disk("a_start_on_a_full_disk_makes_room_by_removing_what_is_old", start_on_full);
}

#[test]
fn with_defaults_telemetry_does_not_fill_a_small_disk() {
    with_a_small_disk("with_defaults_telemetry_does_not_fill_a_small_disk", defaults);
}

/// Runs the test once more, in a process that has a small file system to itself.
fn with_a_small_disk(test: &str, inside: fn(&Path)) {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return inside(Path::new(&directory));
    }
    let mount = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=12m,mode=0700 tmpfs \"$0\" && exec \"$@\"";
    let program = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(mount.path())
        .arg(program)
        .args(["--exact", "--nocapture", test])
        .env(INSIDE, mount.path())
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            panic!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        other => not_run(&format!("{other:?}")),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn not_run(why: &str) {
    let left_out = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    let required = std::env::var_os("XTASK_REQUIRE_SERVERS").is_some();
    let left_out = left_out.split(',').any(|part| part == "userns");
    assert!(!required || left_out, "no mount namespace to be had: {why}");
    println!("not run: no mount namespace to be had: {why}");
}

fn config(root: &Path) -> radiosonde::Config {
    let service = radiosonde::Service::new("full-disk", "1.0.0");
    radiosonde::Config::new(service).profile(radiosonde::Profile::Cli).dir(root)
}

fn held_up(directory: &Path) {
    let root = directory.join("telemetry");
    let telemetry = config(&root).retention_bytes(0).init();
    radiosonde::event!("before", n = 0, "before the disk is full");
    telemetry.flush(PATIENCE);
    let ballast = directory.join("ballast");
    fill(&ballast);

    // More than the slack of the last page of the day file, less than a ring.
    for n in 1..=400 {
        radiosonde::event!("during", n = n, "while the disk is full");
    }
    let named = |part: &str| {
        let problems = telemetry.report().problems;
        problems.iter().any(|problem| problem.what.contains(part))
    };
    wait_until("the problem is named", || named("day files cannot be written"));
    let during = telemetry.flush(Duration::from_millis(50)).events;
    assert!(during.pending > 0, "what waits is pending, not sent: {during:?}");
    assert_eq!(during.dropped, 0);
    assert_eq!(
        during.offered,
        during.delivered + during.rejected + during.dropped + during.pending
    );

    fs::remove_file(&ballast).unwrap();
    wait_until("delivery resumes", || {
        telemetry.flush(Duration::from_millis(500)).events.pending == 0
    });
    radiosonde::event!("after", n = 401, "room again");
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");

    assert_eq!(numbers(&root).len(), 402);
}

/// On a full disk a file cannot be sealed; nothing of it is lost, and nothing half done is left.
fn keep_house(root: &Path) {
    let plain = root.join("events-2020-01-02.jsonl");
    let line = |n: u32| {
        format!("{{\"ts\":\"2020-01-02T00:00:00Z\",\"n\":{}}}\n", n.wrapping_mul(2_654_435_761))
    };
    fs::write(&plain, (0..50_000).map(line).collect::<String>()).unwrap();
    fs::write(root.join("events-2020-01-01.jsonl"), line(1).repeat(100_000)).unwrap();
    fs::create_dir_all(root.join("inst/0")).unwrap();
    let content = fs::read(&plain).unwrap();
    let mut retention = Retention::default();
    retention.days = None;
    let keep = |retention: Retention| {
        let upkeep = Upkeep::new(root, None, &Live::default(), retention);
        upkeep.run(SystemTime::now(), &mut |_| true)
    };
    // The lock of the slot, and room in the ledger, are there before the disk is full.
    let kept = Upkeep::new(root, None, &Live::default(), retention).seal_after(None);
    assert!(kept.run(SystemTime::now(), &mut |_| true).failed.is_empty());
    fill(&root.join("ballast"));
    let old = SystemTime::now() - Duration::from_secs(3_600);
    for file in [&plain, &root.join("events-2020-01-01.jsonl")] {
        fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
    }
    let upkept = keep(retention);
    assert_eq!(upkept.failed.len(), 2, "{upkept:?}");
    assert!(upkept.failed.iter().all(|failed| failed.task == Task::Seal), "{upkept:?}");
    assert!(upkept.failed.iter().all(|failed| failed.reason.contains("bytes free")), "{upkept:?}");
    assert_eq!(fs::read(&plain).unwrap(), content);
    let unfinished = fs::read_dir(root).unwrap().flatten();
    assert_eq!(unfinished.filter(|e| e.path().extension().is_some_and(|e| e == "tmp")).count(), 0);

    // A rule that removes one of them makes room for the other.
    retention.files = Some(1);
    let upkept = keep(retention);
    assert_eq!(upkept.removed.len(), 1, "{upkept:?}");
    assert_eq!((upkept.sealed.len(), upkept.failed.len()), (1, 0), "{upkept:?}");
    assert!(!plain.exists() && root.join("events-2020-01-02.jsonl.zst").exists());
    assert_eq!(removed(root).unwrap()[&Rule::Files].lines, 100_000);
}

/// Three times what the disk holds, at the pace of the drain.
fn defaults(directory: &Path) {
    const EVENTS: u32 = 40_000;
    let root = directory.join("telemetry");
    let telemetry = config(&root).init();
    let padding = "x".repeat(700);
    for n in 1..=EVENTS {
        radiosonde::event!(
            "many",
            n = n,
            padding = padding.as_str(),
            "more than there is room for"
        );
        if n % 20 == 0 {
            telemetry.flush(PATIENCE);
        }
    }
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
    assert_eq!(report.problems, [], "{report}");
    let [(rule, gone)] = &report.files.removed[..] else { panic!("{report}") };
    assert_eq!(rule, "bytes");
    assert_eq!(lines(&root).count() as u64 + gone.lines, report.events.offered, "{report}");
    // The end interrupts the removing of what was written meanwhile.
    let kept = report.files.kept.as_ref().unwrap();
    let files = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    let bytes: u64 = files.filter(fs::Metadata::is_file).map(|file| file.len()).sum();
    assert!(bytes <= 2 * kept.bytes, "{bytes}: {report}");
}

fn start_on_full(directory: &Path) {
    let root = directory.join("telemetry");
    let old = root.join("events-2020-01-01.jsonl");
    let line = "{\"ts\":\"2020-01-01T00:00:00Z\"}\n";
    fs::create_dir_all(root.join("inst/0")).unwrap();
    fs::write(root.join("inst/0/lock"), "").unwrap();
    fs::write(&old, line.repeat(1 << 17)).unwrap();
    // As it was when the ledger got its room.
    let ledger = fs::File::create(root.join("inst/0/removed.jsonl")).unwrap();
    rustix::fs::fallocate(&ledger, rustix::fs::FallocateFlags::KEEP_SIZE, 0, 4096).unwrap();
    fill(&directory.join("ballast"));
    let telemetry = config(&root).init();
    let problems = telemetry.report().problems;
    assert!(problems.iter().any(|problem| problem.what.contains("rings are in memory")));
    radiosonde::event!("during", n = 1, "while the disk is full");
    wait_until("the old file is removed", || !old.exists());
    wait_until("delivery resumes", || {
        telemetry.flush(Duration::from_millis(500)).events.pending == 0
    });
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
    assert_eq!(removed(&root).unwrap()[&Rule::Age].lines, 1 << 17);
    // Nothing half made is left for the next start to stumble over.
    let left = fs::read_dir(root.join("inst/0")).unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.path().is_dir()).count(), 0);
}

/// More than the rings can take, from threads that find no room for a ring of their own.
fn overrun(directory: &Path) {
    const THREADS: u64 = 20;
    const EVENTS: u64 = 500;
    const OF_MAIN: u64 = 20_000;
    const BEFORE: u64 = 5;
    let root = directory.join("telemetry");
    let telemetry = config(&root).retention_bytes(0).init();
    radiosonde::event!("before", "before the disk is full");
    telemetry.flush(PATIENCE);
    let rings = root.join("inst/0").join(telemetry.report().instance).join("rings");
    // A file that is being made, or could not be, has no room yet.
    let rings = || {
        let files = fs::read_dir(&rings).unwrap().flatten();
        files.filter(|file| file.metadata().is_ok_and(|file| file.blocks() > 100)).count()
    };
    // The spare ones first, for threads that live as long as the test.
    wait_until("spare rings", || rings() >= 4);
    let (begin, end) = (Barrier::new(5), Barrier::new(5));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                radiosonde::event!("before", "takes a ring");
                begin.wait();
                end.wait();
            });
        }
        begin.wait();
        // Whatever fails below, they end.
        let _end = AtEnd(&end);
        telemetry.flush(PATIENCE);
        let ballast = directory.join("ballast");
        fill(&ballast);
        // Whatever spare the drain has made meanwhile, it makes no more.
        let before = rings();
        thread::scope(|late| {
            for thread in 1..=THREADS {
                late.spawn(move || count(thread * EVENTS, EVENTS));
            }
        });
        count(1_000_000, OF_MAIN);
        assert_eq!(rings(), before, "a ring on a full disk");
        let during = telemetry.report().events;
        assert!(during.pending > 0 && during.dropped > 0, "{during:?}");
        assert_eq!(during.offered, during.delivered + during.dropped + during.pending);
        fs::remove_file(&ballast).unwrap();
        wait_until("delivery resumes", || {
            telemetry.flush(Duration::from_millis(500)).events.pending == 0
        });
        let mut later = 0;
        wait_until("new threads have rings again", || {
            later += 1;
            let first = 2_000_000 + later;
            thread::spawn(move || count(first, 1)).join().unwrap();
            rings() > before
        });
        let report = telemetry.shutdown(PATIENCE);
        let events = &report.events;
        assert_eq!((events.pending, events.rejected), (0, 0), "{report}");
        let recorded = THREADS * EVENTS + OF_MAIN + later;
        let found = numbers(&root);
        // Telemetry's own line about the disk may be among what was lost.
        let own = events.offered - recorded - BEFORE;
        let own_lost = own - lines(&root).filter(is_own).count() as u64;
        assert_eq!(found.len() as u64 + events.dropped, recorded + own_lost, "{report}");
        let resumed = (1..=later).filter(|n| found.contains(&(2_000_000 + n)));
        assert_eq!(resumed.count() as u64, later, "recording resumes");
    });
}

struct AtEnd<'a>(&'a Barrier);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.wait();
    }
}

fn count(from: u64, events: u64) {
    for n in from..from + events {
        radiosonde::event!("counted", n = n, "counted");
    }
}

/// The numbers in the day files; none stands twice.
fn numbers(root: &Path) -> HashSet<u64> {
    let mut numbers = HashSet::new();
    for n in lines(root).filter_map(|line| line["meta"]["n"].as_u64()) {
        assert!(numbers.insert(n), "event {n} stands twice");
    }
    numbers
}

fn is_own(line: &serde_json::Value) -> bool {
    line["source"] == "radiosonde"
}

fn lines(root: &Path) -> impl Iterator<Item = serde_json::Value> {
    common::event_lines(root).into_iter()
}

/// Takes all room there is.
fn fill(ballast: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(ballast).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}
