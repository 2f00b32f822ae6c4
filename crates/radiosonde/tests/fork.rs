//! A process that forks: its child records nothing, touches nothing, waits for nothing, and does
//! not keep what its parent held when that dies.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use process::{
    Helper, PATIENCE, fork, hear, is_alive, say, wait_for, wait_for_the_end, wait_until,
};
use radiosonde::{Config, Guard, Profile, Service};
use radiosonde_events::recover::recover_directory;
use radiosonde_record::{DropReason, patiently};

const TEST: &str = "a_forked_child_records_nothing_and_keeps_nothing_of_its_parent";
/// What the parent records before the first fork, after it, and before it is killed.
const STEPS: [u64; 3] = [1000, 1000, 500];

#[test]
fn a_forked_child_records_nothing_and_keeps_nothing_of_its_parent() {
    if let Some((directory, _)) = process::part() {
        return parent(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let mut helper = Helper::start(TEST, directory.path(), "parent");
    wait_until("the parent is ready", || {
        assert!(!helper.has_ended(), "it failed");
        directory.path().join("ready").exists()
    });
    helper.kill();
    // Its child lives; what the parent owned is free all the same.
    let child: i32 = hear(directory.path(), "child").parse().unwrap();
    assert!(is_alive(child));
    let report = recover_directory(&root, false).unwrap();
    assert!(report.busy.is_empty(), "the child keeps the lock of its dead parent");
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(is_alive(child));
    let [found] = &report.instances[..] else { panic!("{report:?}") };
    let forked = |dropped: &&(_, DropReason, _, _)| dropped.1 == DropReason::Forked;
    assert_eq!(
        found.recovered.dropped.iter().find(forked),
        None,
        "what the child did is not in the parent's books"
    );

    let numbers = |name: &str| -> Vec<u64> {
        let lines = common::event_lines(&root);
        let of = lines.iter().filter(|line| line["evt"] == name);
        let mut numbers: Vec<_> = of.map(|line| line["meta"]["n"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let expected: Vec<u64> = (0..STEPS.iter().sum()).collect();
    assert_eq!(numbers("parent"), expected);
    assert!(numbers("child").is_empty(), "a child recorded");
    let lines = common::event_lines(&root);
    let ids: HashSet<_> = lines.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids.len(), lines.len());

    // The child ends with an exit of its own, and leaves the directory as it is.
    let before = common::event_lines(&root).len();
    drop(helper);
    wait_until("the child ends", || !is_alive(child));
    assert_eq!(common::event_lines(&root).len(), before);
    assert!(recover_directory(&root, false).unwrap().instances.is_empty());
}

/// The process that forks, and is killed.
fn parent(directory: &Path) {
    let service = Service::new("fork", "1.0.0");
    let root = directory.join("telemetry");
    let telemetry = Config::new(service).profile(Profile::Cli).dir(&root).init();
    let recording = AtomicBool::new(true);
    thread::scope(|scope| {
        // So that locks of telemetry may be held by somebody at the moment of the fork.
        scope.spawn(|| {
            while recording.load(Ordering::Relaxed) {
                radiosonde::event!("background", "goes on");
                let _report = telemetry.report();
                thread::yield_now();
            }
        });
        // Threads that begin and end take locks of the metrics to take and hand on their memory.
        for _ in 0..2 {
            scope.spawn(|| {
                while recording.load(Ordering::Relaxed) {
                    let writer = || metrics::counter!("background_total").increment(1);
                    assert!(thread::spawn(writer).join().is_ok());
                }
            });
        }
        let counted = metrics::counter!("parent_total");
        counted.increment(7);
        let mut n = 0..;
        record(&mut n, STEPS[0]);
        for _ in 0..40 {
            let child = fork(|| in_child(&telemetry));
            assert!(wait_for(child), "a child that exits");
        }
        let instance = root.join("inst/0").join(telemetry.report().instance);
        assert!(instance.join("owner.json").exists(), "a child has removed what is ours");

        let ids = || radiosonde_context::TraceId::random().to_string();
        let child = fork(|| {
            in_child(&telemetry);
            say(directory, "ids", &ids());
            wait_for_the_end();
        });
        assert_ne!(hear(directory, "ids"), ids(), "the same ids twice");
        record(&mut n, STEPS[1]);
        let report = telemetry.flush(PATIENCE);
        let reasons = &report.events.dropped_by_reason;
        assert!(reasons.iter().all(|(reason, _)| reason != "forked"), "{report}");
        assert!(report.problems.is_empty(), "{report}");
        record(&mut n, STEPS[2]);
        counted.increment(1);
        #[cfg(feature = "prometheus")]
        assert!(telemetry.metrics_text().contains("\nparent_total 8\n"));
        say(directory, "child", &child.to_string());
        say(directory, "ready", "");
        wait_for_the_end();
        recording.store(false, Ordering::Relaxed);
    });
}

fn record(n: &mut impl Iterator<Item = u64>, count: u64) {
    patiently(PATIENCE, || {
        for n in n.by_ref().take(count as usize) {
            radiosonde::event!("parent", n = n, "recorded");
        }
    });
}

/// Everything a child may do with the telemetry of its parent.
fn in_child(telemetry: &Guard) {
    for n in 0..100_u64 {
        radiosonde::event!("child", n = n, "not recorded");
    }
    tracing::info_span!("child").in_scope(|| tracing::info!("not recorded"));
    log::info!("not recorded");
    metrics::counter!("parent_total").increment(100);
    metrics::histogram!("child_seconds").record(1.0);
    #[cfg(feature = "prometheus")]
    assert_eq!(telemetry.metrics_text(), "", "what a child counts is nobody's");
    let report = telemetry.flush(PATIENCE);
    let events = &report.events;
    assert_eq!(events.offered, events.dropped, "{report}");
    assert!(events.offered >= 102, "{report}");
    assert_eq!(events.dropped_by_reason, [("forked".to_owned(), events.dropped)]);
    assert!(report.problems[0].what.contains("forked"), "{report}");
}
