//! Nothing is missed and nothing comes twice: writers with real day files over several midnights, in
//! small parts that are sealed at once, against the real command.
//!
//! `XTASK_FOLLOW` is how many times 50,000 lines are written: 1, and 60 by `cargo xtask prove follow`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use radiosonde_events::Live;
use radiosonde_events::recover::recover_directory;
use radiosonde_events::upkeep::{Retention, Upkeep};
use radiosonde_store::Query;

use super::processes::{Clock, DAY, Process};
use super::{Following, PATIENCE};
use crate::fixture::Dir;

/// Names the directory of the process that is killed.
const CHILD: &str = "XTASK_FOLLOW_CHILD";
/// A second's worth of lines.
const SECOND: u64 = 50_000;
const WRITERS: u64 = 3;
const PART_BYTES: u64 = 512 << 10;
/// Records between two turns of the drain.
const TURN: u64 = 200;
/// Held for writing by who measures times.
pub(super) static ALONE: RwLock<()> = RwLock::new(());

pub(super) fn rounds() -> u64 {
    std::env::var("XTASK_FOLLOW").ok().map_or(1, |rounds| rounds.parse().unwrap())
}

pub(super) fn keep_all() -> Retention {
    let mut retention = Retention::default();
    (retention.days, retention.files, retention.bytes) = (None, None, None);
    retention
}

/// Writes lines of these numbers, and keeps house meanwhile.
fn write(root: &Path, clock: &Clock, numbers: std::ops::Range<u64>) {
    let mut process = Process::start(root, clock, PART_BYTES);
    let upkeep = process.upkeep(root, keep_all());
    let quarter = (numbers.end - numbers.start) / 4 / TURN;
    for (turn, first) in (1..).zip(numbers.clone().step_by(TURN as usize)) {
        process.record(first..(first + TURN).min(numbers.end));
        process.drain();
        if turn % quarter.max(1) == 0 {
            clock.jump(DAY as i64 / 2);
        }
        if turn % 10 == 0 {
            let upkept = upkeep.run(clock.now(), &mut |_| true);
            assert!(upkept.failed.is_empty() && upkept.removed.is_empty(), "{upkept:?}");
        }
    }
    process.settle();
}

/// Seals what is left.
fn seal_all(root: &Path, clock: &Clock) {
    clock.jump(DAY as i64);
    let upkeep = Upkeep::new(root, None, &Live::default(), keep_all());
    let _ = upkeep.seal_after(Some(Duration::ZERO)).run(clock.now(), &mut |_| true);
}

/// Three writers at once write so many lines, and what they wrote is sealed.
fn write_all(root: &Path, count: u64) {
    let clock = Clock::new();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let clock = &clock;
            let numbers = writer * count / WRITERS..(writer + 1) * count / WRITERS;
            let _ = scope.spawn(move || write(root, clock, numbers));
        }
    });
    seal_all(root, &clock);
}

/// The number and the id of a line.
fn number(line: &str) -> (u64, String) {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let msg = line["msg"].as_str().unwrap();
    let number = msg.strip_prefix("number ").unwrap().parse().unwrap();
    (number, line["id"].as_str().unwrap().to_owned())
}

/// Asserts that each came once, and in the order of its writer.
fn check_each_once(lines: &[String]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines {
        let (number, id) = number(line);
        let writer = id.split('.').next().unwrap().to_owned();
        if let Some(before) = last.insert(writer, number) {
            assert!(before < number, "{before} came before {number}, {id}");
        }
        assert!(ids.insert(id), "{line} came twice");
    }
    ids
}

/// What the files hold, sealed or not, as a query reads them.
fn ids_in(root: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let reading = Query::new(vec![root.to_owned()]).scan(&mut |found| {
        let _ = ids.insert(found.line.id.unwrap());
    });
    assert!(!reading.is_partial(), "{reading:?}");
    ids
}

pub(super) fn sealed_in(root: &Path) -> usize {
    let names = root.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".zst")).count()
}

#[test]
fn nothing_is_missed_or_repeated_over_midnights_and_sealing() {
    let _others = ALONE.read();
    let dir = Dir::empty();
    let root = dir.path().join("telemetry");
    let count = SECOND * rounds();
    let mut following = Following::start("tail -o json", &root);
    following.tells("waiting for it");
    write_all(&root, count);
    assert!(sealed_in(&root) >= 3 * WRITERS as usize, "days and parts");
    let lines = following.prints(count as usize).to_vec();
    following.interrupt().exits(0);
    let ids = check_each_once(&lines);
    assert_eq!(ids.len() as u64, count);
    assert!(ids == ids_in(&root));
}

#[test]
fn a_reader_that_does_not_read_is_overtaken_by_sealing_and_nothing_is_missed() {
    let _others = ALONE.read();
    let dir = Dir::empty();
    let root = dir.path().join("telemetry");
    let mut following = Following::start_unread("tail -o json", &root);
    following.tells("waiting for it");
    // More than a pipe and what is held take, so that the command waits for its reader.
    let count = SECOND / 2 * rounds();
    write_all(&root, count);
    assert_eq!(
        root.read_dir().unwrap().count(),
        sealed_in(&root) + 1,
        "all is sealed, but for inst"
    );
    let mut following = following.reading();
    let lines = following.prints(count as usize).to_vec();
    following.interrupt().exits(0);
    assert_eq!(check_each_once(&lines).len() as u64, count);
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "run by the test below"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let clock = Clock::new();
    // Until it is killed, but not for ever.
    write(Path::new(&dir), &clock, 0..100 * SECOND);
}

#[test]
fn nothing_is_missed_or_repeated_when_writers_are_killed_and_recovered() {
    let _others = ALONE.read();
    let dir = Dir::empty();
    let root = dir.path().join("telemetry");
    let mut following = Following::start("tail -o json", &root);
    following.tells("waiting for it");
    let mut seen = 0;
    for _ in 0..3 * rounds() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "follow::proof::child", "--ignored", "--quiet"])
            .env(CHILD, &root)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seen += SECOND as usize / 25;
        let _ = following.prints(seen);
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        recover(&root);
        let written = ids_in(&root).len();
        seen = following.prints(written).len();
    }
    let lines = following.prints(seen).to_vec();
    let ran = following.interrupt().exits(0);
    assert_eq!(ran.out.lines().count(), seen);
    assert!(check_each_once(&lines) == ids_in(&root));
}

/// Recovers what was killed; a command that another test starts may have its locks for a moment.
pub(super) fn recover(root: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let report = recover_directory(root, false).unwrap();
        assert!(report.failed.is_empty() && report.quarantined.is_empty(), "{report:?}");
        if report.busy.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{report:?}");
    }
}
