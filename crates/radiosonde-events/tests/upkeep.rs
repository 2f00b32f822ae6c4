//! Keeping house where something is amiss: it goes on with the rest.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use radiosonde_events::Live;
use radiosonde_events::recover::recover_directory;
use radiosonde_events::upkeep::{Retention, Rule, Task, Upkeep, Upkept, removed};

mod processes;

use processes::{Clock, Process};

const LINE: &str = r#"{"ts":"2020-01-01T00:00:00.000000Z","msg":"old"}"#;

fn write(root: &Path, name: &str) {
    fs::write(root.join(name), format!("{LINE}\n")).unwrap();
}

fn keep(root: &Path) -> Upkept {
    let upkeep = Upkeep::new(root, None, &Live::default(), Retention::default());
    upkeep.seal_after(None).run(Clock::new().now(), &mut |_| true)
}

#[test]
fn files_of_a_slot_that_is_not_there_are_kept_as_well() {
    let root = tempfile::tempdir().unwrap();
    // As after a restored backup.
    write(root.path(), "events-2020-01-01.7.jsonl");
    let upkept = keep(root.path());
    assert_eq!(upkept.failed, []);
    assert_eq!(upkept.removed.len(), 1, "{upkept:?}");
    assert_eq!(upkept.removed[0].name, "events-2020-01-01.7.jsonl");
    assert_eq!(removed(root.path()).unwrap()[&Rule::Age].lines, 1);
}

#[test]
fn a_slot_no_process_can_have_is_not_made_for_a_file() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "events-2020-01-01.4000000000.jsonl");
    let upkept = keep(root.path());
    assert!(upkept.removed.is_empty(), "{upkept:?}");
    let [failed] = &upkept.failed[..] else { panic!("{upkept:?}") };
    assert!(failed.reason.contains("no process has a slot of that number"), "{failed:?}");
    assert!(!root.path().join("inst").exists());
}

#[test]
fn remains_nobody_can_recover_do_not_keep_old_files() {
    let root = tempfile::tempdir().unwrap();
    let process = Process::start(root.path(), &Clock::new(), u64::MAX);
    drop(process);
    write(root.path(), "events-2020-01-01.jsonl");
    let slot = fs::read_dir(root.path().join("inst/0")).unwrap();
    let instance = slot.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    // A description of a newer version, and one that met a full disk.
    for owner in [r#"{"version":99,"rules":"?"}"#, ""] {
        fs::write(instance.join("owner.json"), owner).unwrap();
        recover_directory(root.path(), false).unwrap();
        assert!(instance.exists(), "its rings are kept for whoever can read them");
    }
    let upkept = keep(root.path());
    assert_eq!(upkept.failed, []);
    assert_eq!(upkept.removed.len(), 1, "{upkept:?}");
}

#[test]
fn a_start_on_a_full_disk_leaves_nothing_to_recover() {
    let root = tempfile::tempdir().unwrap();
    let instance = root.path().join("inst/0/abcdefgh");
    fs::create_dir_all(&instance).unwrap();
    fs::write(instance.join("owner.json"), "").unwrap();
    let report = recover_directory(root.path(), false).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(!instance.exists());
}

#[test]
fn without_a_ledger_nothing_is_removed_and_the_ledger_is_named() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "events-2020-01-01.jsonl");
    fs::create_dir_all(root.path().join("inst/0/removed.jsonl")).unwrap();
    let upkept = keep(root.path());
    assert!(upkept.removed.is_empty() && !upkept.failed.is_empty(), "{upkept:?}");
    for failed in &upkept.failed {
        assert_eq!(failed.task, Task::Enter, "{failed:?}");
        assert!(failed.path.ends_with("inst/0/removed.jsonl"), "{failed:?}");
    }
    assert!(root.path().join("events-2020-01-01.jsonl").exists());
}
