//! A process that forks while its threads write through a catalogue: the child waits for none of them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/process.rs"]
mod process;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use process::{Helper, fork, wait_for, wait_until};
use radiosonde::{Config, Profile, Service};

radiosonde::catalog!("tests/fork_typed.json");

fn visit(visitor: usize) {
    catalog::visits_total(&format!("v-{visitor}")).increment(1);
}

/// Processes that fork, and children of each: only while a catalogue is new does it write down what it
/// finds.
const PARENTS: usize = 20;
const CHILDREN: usize = 12;

#[test]
fn a_forked_child_waits_for_no_lock_of_a_catalogue() {
    if let Some((directory, _)) = process::part() {
        return parent(&directory);
    }
    for nth in 0..PARENTS {
        let directory = tempfile::tempdir().unwrap();
        let mut parent = Helper::start(
            "a_forked_child_waits_for_no_lock_of_a_catalogue",
            directory.path(),
            "parent",
        );
        wait_until("the parent and its children have ended", || parent.has_ended());
        assert!(directory.path().join("done").exists(), "parent {nth}");
    }
}

fn parent(directory: &Path) {
    let config = Config::new(Service::new("fork", "1.0.0")).profile(Profile::Cli);
    let telemetry = config.registry(catalog::REGISTRY).dir(directory.join("telemetry")).init();
    // The series are there, and the catalogue has found none of them yet.
    (0..1_900).for_each(|n| {
        metrics::counter!("visits_total", "visitor" => format!("v-{n}")).increment(1);
    });
    let writing = AtomicBool::new(true);
    thread::scope(|scope| {
        for nth in 0..2 {
            let writing = &writing;
            scope.spawn(move || {
                for visitor in (0..1_900).cycle().skip(nth * 950) {
                    if !writing.load(Ordering::Relaxed) {
                        break;
                    }
                    visit(visitor);
                }
            });
        }
        for _ in 0..CHILDREN {
            let child = fork(|| (0..2_100).for_each(visit));
            assert!(wait_for(child), "a child that exits");
        }
        writing.store(false, Ordering::Relaxed);
    });
    let report = telemetry.report();
    assert!(report.problems.is_empty(), "what a child writes past the limit is nobody's: {report}");
    process::say(directory, "done", "");
}
