//! Killed in the middle of sealing, wherever that is: the day file stays, what is called `.zst` is
//! whole, queries find every line once, and sealing can be done again.
#![cfg(all(unix, feature = "sealed"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use radiosonde_store::Query;
use radiosonde_store::fuzzing;
use radiosonde_store::sealed::{SealOptions, is_sealed_copy, seal};

/// Names the directory in which the process that is killed works.
const CHILD: &str = "XTASK_SEAL_CHILD";
const FRAMES: u64 = 6;

fn names(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("events-2025-10-06.jsonl"), dir.join("events-2025-10-06.jsonl.zst"))
}

/// Lines without an id, so that a line that is shown twice is counted twice.
fn content() -> Vec<u8> {
    let filler = "x".repeat(1_000);
    let lines: String = (0..FRAMES * 1_000)
        .map(|n| {
            format!("{{\"ts\":\"2025-10-06T10:00:00.{n:06}Z\",\"evt\":\"log\",\"msg\":\"{n} {filler}\"}}\n")
        })
        .collect();
    lines.into_bytes()
}

/// Not a test: what the process does that is killed. Says on stderr when it comes to a step, and
/// waits there until it is told to go on.
#[test]
#[ignore = "run by the test below"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let (source, target) = names(Path::new(&dir));
    let (mut said, mut told) = (std::io::stderr(), std::io::stdin());
    let mut step = || {
        said.write_all(b".").unwrap();
        told.read_exact(&mut [0]).unwrap();
    };
    let _ = fuzzing::seal_in_steps(&source, &target, &mut step).unwrap();
    step();
    fs::remove_file(&source).unwrap();
    step();
}

/// Starts sealing, and kills it when it has come to so many steps. Whether it has.
fn kill_at(dir: &Path, steps: usize) -> bool {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--quiet"])
        .env(CHILD, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut tell) = (process.stderr.take().unwrap(), process.stdin.take().unwrap());
    let mut is_there = true;
    for step in 0..steps {
        is_there = (step == 0 || tell.write_all(b".").is_ok()) && said.read(&mut [0]).unwrap() == 1;
        if !is_there {
            break;
        }
    }
    process.kill().unwrap();
    let _ = process.wait().unwrap();
    is_there
}

#[test]
fn sealing_can_be_killed_at_any_step_and_done_again() {
    let content = content();
    let mut seen = Vec::new();
    for steps in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = names(dir.path());
        fs::write(&source, &content).unwrap();
        if !kill_at(dir.path(), steps) {
            break;
        }
        let found = Query::new(vec![dir.path().to_owned()]).run();
        assert_eq!(found.lines.len() as u64, FRAMES * 1_000, "killed at step {steps}");
        assert!(!found.reading.is_partial(), "killed at step {steps}");
        let state = (source.exists(), target.exists());
        if state.0 {
            assert!(fs::read(&source).unwrap() == content, "killed at step {steps}");
            if state.1 {
                assert!(is_sealed_copy(&source, &target, &mut || true).unwrap(), "step {steps}");
            } else {
                let _ = seal(&source, &target, &SealOptions::default(), &mut || true).unwrap();
                assert_eq!(dir.path().read_dir().unwrap().count(), 2, "the leftover is replaced");
            }
        }
        seen.push(state);
    }
    let times = |state| seen.iter().filter(|seen| **seen == state).count();
    assert_eq!(times((true, true)), 2, "renamed, and before it is removed: {seen:?}");
    assert_eq!(times((false, true)), 1, "done");
    assert!(times((true, false)) as u64 > 2 * FRAMES + 2, "writing and comparing: {seen:?}");
}
