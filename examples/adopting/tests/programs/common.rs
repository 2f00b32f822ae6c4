//! Runs a program of the guides in a directory of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a program has left.
pub(crate) struct Left {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The text of the files it had before.
    pub(crate) old: String,
    pub(crate) events: Vec<Value>,
    pub(crate) spans: Vec<Value>,
    pub(crate) metrics: Vec<Value>,
}

impl Left {
    pub(crate) fn old_lines(&self) -> usize {
        self.old.lines().count()
    }
}

/// Runs it to its end, with these variables and none of ours otherwise.
pub(crate) fn run(program: &str, variables: &[(&str, &str)]) -> Left {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = directory.path().join("telemetry");
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        if ["RADIOSONDE_", "OTEL_", "RUST_LOG"].iter().any(|start| name.starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.env("RADIOSONDE_DIR", &telemetry).env("RUST_BACKTRACE", "0");
    command.envs(variables.iter().copied()).current_dir(directory.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    Left {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        old: all(&directory.path().join("logs"), "shop.log"),
        events: lines(&telemetry, "events-"),
        spans: lines(&telemetry, "spans-"),
        metrics: lines(&telemetry, "metrics-"),
    }
}

fn lines(directory: &Path, start: &str) -> Vec<Value> {
    all(directory, start).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text of all files whose names begin so; none where there is no such directory.
fn all(directory: &Path, start: &str) -> String {
    let Ok(entries) = fs::read_dir(directory) else { return String::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start)));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
