//! Whose remains are whose: a dead owner's are recovered exactly once by one of several that start
//! at the same moment; those of a process that lives, or is stopped, are nobody's but its own; and
//! neither a process id nor a boot id says which is which, only a lock does.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use process::{Helper, PATIENCE, hear, say, signal, state, wait_for_the_end, wait_until};
use radiosonde::{Config, Guard, Profile, Service};
use radiosonde_events::recover::recover_directory;
use radiosonde_record::patiently;
use serde_json::Value as Json;

fn start(root: &Path, service: &str) -> Guard {
    let config = Config::new(Service::new("inheritance", "1.0.0")).service(service);
    config.profile(Profile::Cli).dir(root).init()
}

fn record(from: u64, to: u64) {
    patiently(PATIENCE, || {
        for n in from..to {
            radiosonde::event!("counted", n = n, "counted");
        }
    });
}

/// How often each number of each service stands in the day files.
fn counted(root: &Path) -> HashMap<(String, u64), u32> {
    let mut found = HashMap::new();
    for line in common::event_lines(root).iter().filter(|line| line["evt"] == "counted") {
        let service = line["service"].as_str().unwrap().to_owned();
        *found.entry((service, line["meta"]["n"].as_u64().unwrap())).or_insert(0) += 1;
    }
    found
}

fn all_once(root: &Path, services: &[&str], count: u64) {
    let found = counted(root);
    for service in services {
        for n in 0..count {
            assert_eq!(found.get(&((*service).to_owned(), n)), Some(&1), "{service} {n}");
        }
    }
    assert_eq!(found.len() as u64, services.len() as u64 * count);
}

/// The directories of instances, dead or alive.
fn instances(root: &Path) -> Vec<PathBuf> {
    let slots = fs::read_dir(root.join("inst")).into_iter().flatten().flatten();
    let entries = slots.flat_map(|slot| fs::read_dir(slot.path()).into_iter().flatten().flatten());
    entries.map(|entry| entry.path()).filter(|path| path.join("owner.json").exists()).collect()
}

/// What the processes of these tests do.
fn play(directory: &Path, part: &str) {
    let root = directory.join("telemetry");
    let telemetry = start(&root, part);
    match part.split_once('-').unwrap().0 {
        // Records and is killed.
        "dead" => {
            record(0, 2000);
            say(directory, part, "");
            wait_for_the_end();
        }
        // Starts with all the others, and ends as it should.
        "heir" => {
            say(directory, part, "");
            record(0, 500);
            hear(directory, "end");
            let report = telemetry.shutdown(PATIENCE);
            assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
            let doubtful = |what: &str| what.contains("recovered") || what.contains("twice");
            assert!(!report.problems.iter().any(|found| doubtful(&found.what)), "{report}");
            say(directory, &format!("{part}.ended"), &report.recovered.to_string());
        }
        // Is stopped in the middle, and goes on.
        "stopped" => {
            record(0, 1000);
            say(directory, part, "");
            hear(directory, "go-on");
            record(1000, 2000);
            let report = telemetry.shutdown(PATIENCE);
            assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
            assert!(report.problems.is_empty(), "{report}");
        }
        other => panic!("no part called {other}"),
    }
}

#[test]
fn several_that_start_at_once_recover_each_dead_process_once() {
    const TEST: &str = "several_that_start_at_once_recover_each_dead_process_once";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let (path, root) = (directory.path(), directory.path().join("telemetry"));
    let names = |what: &str, count: u32| -> Vec<String> {
        (0..count).map(|number| format!("{what}-{number}")).collect()
    };
    let (dead, heirs) = (names("dead", 4), names("heir", 5));
    let mut dying: Vec<_> = dead.iter().map(|name| Helper::start(TEST, path, name)).collect();
    dead.iter().for_each(|name| drop(hear(path, name)));
    dying.iter_mut().for_each(Helper::kill);
    assert_eq!(instances(&root).len(), dead.len());

    let mut living: Vec<_> = heirs.iter().map(|name| Helper::start(TEST, path, name)).collect();
    heirs.iter().for_each(|name| drop(hear(path, name)));
    // Who died is recovered while all the heirs live.
    wait_until("the remains are gone", || instances(&root).len() == heirs.len());
    say(path, "end", "");
    living.iter_mut().for_each(Helper::join);

    let found = counted(&root);
    assert!(found.values().all(|times| *times == 1));
    for name in dead.iter().chain(&heirs) {
        let expected = if dead.contains(name) { 2000 } else { 500 };
        let of_it = found.keys().filter(|(service, _)| service == name);
        assert_eq!(of_it.count(), expected, "{name}");
    }
    assert!(instances(&root).is_empty());
    // Whoever reads the log in the morning sees who died, once each.
    let lines = common::event_lines(&root);
    let told: Vec<&str> = lines
        .iter()
        .filter(|line| line["evt"] == "telemetry.recovered")
        .map(|line| line["msg"].as_str().unwrap())
        .collect();
    for name in &dead {
        let of_it = told.iter().filter(|text| text.starts_with(&format!("{name} (pid ")));
        assert_eq!(of_it.count(), 1, "{told:?}");
    }
    assert_eq!(told.len(), dead.len(), "{told:?}");
    let of_recovery = lines.iter().filter(|line| line["evt"] == "telemetry.recovered");
    let mut pids: Vec<_> = dying.iter().map(Helper::pid).collect();
    for meta in of_recovery.map(|line| &line["meta"]) {
        let records = meta["records"].as_u64().unwrap();
        assert!(records <= 2000 && meta["spans"] == 0, "{meta}");
        assert_eq!(meta["instance"].as_str().unwrap().len(), 8, "{meta}");
        pids.retain(|pid| meta["pid"] != *pid);
    }
    assert!(pids.is_empty(), "{pids:?}");
}

#[test]
fn a_process_that_lives_or_is_stopped_is_left_alone() {
    const TEST: &str = "a_process_that_lives_or_is_stopped_is_left_alone";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let (path, root) = (directory.path(), directory.path().join("telemetry"));
    let mut stopped = Helper::start(TEST, path, "stopped-0");
    drop(hear(path, "stopped-0"));
    let alone = |what: &str| {
        let report = recover_directory(&root, false).unwrap();
        assert_eq!(report.busy, [0_u32], "{what}");
        assert!(report.instances.is_empty() && report.failed.is_empty(), "{what}: {report:?}");
    };
    alone("it lives");
    signal(stopped.pid(), libc::SIGSTOP);
    wait_until("it is stopped", || state(stopped.pid()) == Some('T'));
    alone("it is stopped");
    // Nor does another process of the directory take anything of it.
    let mut heir = Helper::start(TEST, path, "heir-0");
    drop(hear(path, "heir-0"));
    say(path, "end", "");
    heir.join();
    assert_eq!(hear(path, "heir-0.ended"), "0", "recovered from a process that lives");
    assert_eq!(instances(&root).len(), 1);
    signal(stopped.pid(), libc::SIGCONT);
    say(path, "go-on", "");
    stopped.join();
    let found = counted(&root);
    assert!(found.values().all(|times| *times == 1), "{found:?}");
    assert_eq!(found.len(), 2000 + 500);
}

/// Kills a process with remains, and changes what `owner.json` says of it.
fn remains(test: &str, directory: &Path, change: impl FnOnce(&mut Json)) {
    let mut dead = Helper::start(test, directory, "dead-0");
    drop(hear(directory, "dead-0"));
    dead.kill();
    let [instance] = &instances(&directory.join("telemetry"))[..] else { panic!("one instance") };
    let path = instance.join("owner.json");
    let mut owner: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut owner);
    fs::write(path, owner.to_string()).unwrap();
}

#[test]
fn remains_with_our_own_process_id_are_recovered_all_the_same() {
    const TEST: &str = "remains_with_our_own_process_id_are_recovered_all_the_same";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    // As in a container, where every process is number 1.
    remains(TEST, directory.path(), |owner| owner["pid"] = std::process::id().into());
    let report = recover_directory(&root, false).unwrap();
    let [found] = &report.instances[..] else { panic!("{report:?}") };
    assert_eq!((found.pid, found.other_boot), (std::process::id(), false));
    all_once(&root, &["dead-0"], 2000);
}

#[test]
fn remains_of_another_boot_are_recovered_and_said_to_be_of_it() {
    const TEST: &str = "remains_of_another_boot_are_recovered_and_said_to_be_of_it";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    remains(TEST, directory.path(), |owner| {
        assert!(owner["boot_id"].is_string(), "{owner}");
        owner["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
    });
    let report = recover_directory(&root, false).unwrap();
    let [found] = &report.instances[..] else { panic!("{report:?}") };
    assert!(found.other_boot);
    all_once(&root, &["dead-0"], 2000);
}
