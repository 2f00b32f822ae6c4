//! Who owns what: a lock removed under a living process, a directory moved away, and a shutdown
//! that does not wait for its drain. No line is lost, torn or doubled.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde::Parts;
use radiosonde_events::recover::recover_directory;

const PATIENCE: Duration = Duration::from_secs(30);

fn start(root: &Path, service: &str) -> Parts {
    let config = radiosonde::Config::new(radiosonde::Service::new("locks", "1.0.0"));
    config.service(service).dir(root).profile(radiosonde::Profile::Cli).build()
}

fn record(parts: &Parts, from: u64, to: u64) {
    // Patiently: what is asked here is who owns what, not how much fits in a ring.
    let count = || {
        for n in from..to {
            radiosonde::event!("counted", n = n, "counted");
        }
    };
    parts.events.within(|| radiosonde_record::patiently(PATIENCE, count));
}

/// How often each number of each service stands in the day files.
fn counted(roots: &[&Path]) -> HashMap<(String, u64), u32> {
    let mut found = HashMap::new();
    for entry in roots.iter().flat_map(|root| std::fs::read_dir(root).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let json: serde_json::Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
                if let Some(n) = json["meta"]["n"].as_u64() {
                    let key = (json["service"].as_str().unwrap().to_owned(), n);
                    *found.entry(key).or_insert(0) += 1;
                }
            }
        }
    }
    found
}

fn all_once(found: &HashMap<(String, u64), u32>, service: &str, count: u64) {
    for n in 0..count {
        assert_eq!(found.get(&(service.to_owned(), n)), Some(&1), "{service} {n}");
    }
}

#[test]
fn a_lock_removed_under_a_living_process_costs_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let first = start(root, "first");
    record(&first, 0, 1000);
    first.guard.flush(PATIENCE);
    std::fs::remove_file(root.join("inst/0/lock")).unwrap();
    let second = start(root, "second");
    assert_eq!(second.guard.report().slot, Some(0), "it finds the slot free");
    for step in 1..5 {
        record(&first, step * 1000, (step + 1) * 1000);
        record(&second, (step - 1) * 1000, step * 1000);
    }
    let report = first.guard.shutdown(PATIENCE);
    assert!(report.problems.iter().any(|problem| problem.what.contains("lock of our slot")));
    assert_eq!(report.events.dropped, 0, "{report}");
    assert_eq!(second.guard.shutdown(PATIENCE).events.pending, 0);
    let found = counted(&[root]);
    all_once(&found, "first", 5000);
    all_once(&found, "second", 4000);
}

#[test]
fn a_directory_moved_away_is_made_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, moved) = (scratch.path().join("telemetry"), scratch.path().join("moved"));
    let parts = start(&root, "moving");
    record(&parts, 0, 1000);
    parts.guard.flush(PATIENCE);
    std::fs::rename(&root, &moved).unwrap();
    record(&parts, 1000, 2000);
    let report = parts.guard.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
    all_once(&counted(&[&root, &moved]), "moving", 2000);
}

#[test]
fn a_shutdown_that_does_not_wait_leaves_its_locks_to_the_drain() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let parts = start(root, "hasty");
    std::thread::scope(|threads| {
        for thread in 0..8 {
            let parts = &parts;
            threads.spawn(move || record(parts, thread * 500, (thread + 1) * 500));
        }
    });
    let report = parts.guard.shutdown(Duration::ZERO);
    let events = &report.events;
    assert_eq!(
        events.offered,
        events.delivered + events.rejected + events.dropped + events.pending
    );
    // Whoever recovers meanwhile finds the slot taken until the drain has ended.
    let deadline = Instant::now() + PATIENCE;
    while !recover_directory(root, false).unwrap().busy.is_empty() {
        assert!(Instant::now() < deadline, "the drain has not ended");
        std::thread::yield_now();
    }
    let found = counted(&[root]);
    assert_eq!(found.values().filter(|count| **count > 1).count(), 0, "lines that stand twice");
    assert_eq!(found.len() as u64 + report.events.dropped, 4000);
}

#[test]
fn a_damaged_inheritance_does_not_stop_the_heir() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    // Remains of every unpleasant kind.
    let slot = root.join("inst/0");
    for (id, owner) in [("aaaaaaaa", "{}"), ("bbbbbbbb", "not json"), ("cccccccc", "{}")] {
        std::fs::create_dir_all(slot.join(id).join("rings")).unwrap();
        std::fs::write(slot.join(id).join("owner.json"), owner).unwrap();
    }
    let mut hostile = vec![0_u8; 8192];
    hostile[..8].copy_from_slice(b"RSNDRNG1");
    (hostile[8], hostile[12], hostile[128]) = (1, 1, 1);
    std::fs::write(slot.join("aaaaaaaa/rings/7.ring"), hostile).unwrap();
    std::fs::create_dir(slot.join("cccccccc/rings/0.ring")).unwrap();
    std::fs::create_dir(slot.join("personal")).unwrap();
    std::fs::write(slot.join("personal/data.txt"), "mine").unwrap();

    let parts = start(root, "heir");
    record(&parts, 0, 1000);
    let report = parts.guard.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
    all_once(&counted(&[root]), "heir", 1000);
    let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    for id in ["aaaaaaaa", "bbbbbbbb", "cccccccc"] {
        assert!(problems.iter().any(|problem| problem.contains(id)), "{id}: {problems:?}");
    }
    assert_eq!(std::fs::read(slot.join("personal/data.txt")).unwrap(), b"mine");
}
