//! The same program leaves the same telemetry, whatever runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Runs the program and returns its lines without what differs from run to run.
fn telemetry(program: &Path, arguments: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("RADIOSONDE_DIR", directory.path())
        .env("RADIOSONDE_MACHINE_ID", "m-1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing on stdout, ever");
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().filter_map(essence));
        }
    }
    let left = std::fs::read_dir(directory.path().join("inst/0")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    // The ledger is there when the program lived long enough for a look at old files.
    let is_kept = |name: &std::ffi::OsString| name == "lock" || name == "removed.jsonl";
    assert!(left.iter().all(is_kept), "an orderly end leaves nothing to recover: {left:?}");
    lines.sort();
    lines
}

/// A line's content; `None` for what is said of machine, process and runtime, which is not the
/// program's.
fn essence(line: &str) -> Option<String> {
    let mut json: Json = serde_json::from_str(line).unwrap();
    let name = json["meta"]["name"].as_str().unwrap_or_default().to_owned();
    let foreign = ["machine_", "process_", "radiosonde_", "system_", "tokio_"];
    if json["evt"] == "machine.status" || foreign.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let correlated = json["meta"]["kind"] != "snapshot";
    if correlated {
        for (key, value) in [("job_id", "job-1"), ("worker_id", "w-1"), ("machine_id", "m-1")] {
            assert_eq!(json[key], value, "{line}");
        }
        for (key, length) in [("trace_id", 32), ("span_id", 16)] {
            assert_eq!(json[key].as_str().map(str::len), Some(length), "{line}");
        }
    }
    for key in ["ts", "id", "trace_id", "span_id"] {
        json.as_object_mut().unwrap().remove(key);
    }
    if let Some(meta) = json["meta"].as_object_mut() {
        meta.remove("start");
        meta.remove("duration_us");
    }
    Some(json.to_string())
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_one-line"))
}

#[test]
fn without_a_runtime_every_signal_arrives_correlated() {
    let lines = telemetry(&program(), &["none"]);
    let has = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(has(r#""msg":"started""#), 1, "{lines:#?}");
    assert_eq!(has(r#""evt":"user.action""#), 1);
    assert_eq!(has(r#""msg":"from a thread""#), 1);
    assert_eq!(has(r#""evt":"span""#), 1);
    assert_eq!(has(r#""kind":"delta""#), 2);
    assert_eq!(has(r#""kind":"snapshot""#), 2);
    assert_eq!(lines.len(), 8);
}

#[test]
fn on_a_current_thread_runtime_it_is_the_same() {
    let expected = telemetry(&program(), &["none"]);
    assert_eq!(telemetry(&program(), &["current_thread", "after"]), expected);
    assert_eq!(telemetry(&program(), &["current_thread", "before"]), expected);
}

#[test]
fn on_a_multi_thread_runtime_it_is_the_same() {
    let expected = telemetry(&program(), &["none"]);
    assert_eq!(telemetry(&program(), &["multi_thread", "after"]), expected);
    assert_eq!(telemetry(&program(), &["multi_thread", "before"]), expected);
}

/// Builds the program with `panic = "abort"`, which takes a build of everything below it.
#[test]
fn with_panic_abort_it_is_the_same() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-abort");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "one-line", "--profile", "panic-abort"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(manifest)
        .status()
        .unwrap();
    assert!(status.success());
    let program = target.join("panic-abort/one-line");
    assert_eq!(telemetry(&program, &["multi_thread"]), telemetry(&self::program(), &["none"]));
}
