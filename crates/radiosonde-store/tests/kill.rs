//! Killed in the middle of sealing, wherever that is: the day file stays, what is called `.zst` is
//! whole, queries find every line once, and sealing can be done again.
#![cfg(all(unix, feature = "sealed"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use radiosonde_store::Query;
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

/// Not a test: what the process does that is killed. Says on stdout when it goes on.
#[test]
#[ignore = "run by the test below"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let (source, target) = names(Path::new(&dir));
    let mut out = std::io::stderr();
    let _ = seal(&source, &target, &SealOptions::default(), &mut || out.write_all(b".").is_ok())
        .unwrap();
    fs::remove_file(&source).unwrap();
}

/// Starts sealing, and kills it after it has gone on so often. Whether it was alive until then.
fn kill_after(dir: &Path, steps: usize) -> bool {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--quiet"])
        .env(CHILD, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = process.stderr.take().unwrap();
    let mut step = [0];
    let mut alive = true;
    for _ in 0..steps {
        alive = alive && said.read(&mut step).unwrap() == 1;
    }
    process.kill().unwrap();
    let _ = process.wait().unwrap();
    alive
}

#[test]
fn sealing_can_be_killed_at_any_step_and_done_again() {
    let content = content();
    let mut steps = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = names(dir.path());
        fs::write(&source, &content).unwrap();
        let alive = kill_after(dir.path(), steps);
        let found = Query::new(vec![dir.path().to_owned()]).run();
        assert_eq!(found.lines.len() as u64, FRAMES * 1_000, "killed after {steps} steps");
        assert!(!found.reading.is_partial(), "killed after {steps} steps");
        if source.exists() {
            assert!(fs::read(&source).unwrap() == content, "killed after {steps} steps");
            if target.exists() {
                assert!(
                    is_sealed_copy(&source, &target, &mut || true).unwrap(),
                    "killed after {steps} steps"
                );
            } else {
                let _ = seal(&source, &target, &SealOptions::default(), &mut || true).unwrap();
                assert_eq!(dir.path().read_dir().unwrap().count(), 2, "the leftover is replaced");
            }
        }
        if !alive {
            break;
        }
        steps += 1;
    }
    assert!(steps as u64 > 2 * FRAMES, "{steps} steps: once for writing, once for comparing");
}
