//! The program of Python, if its tests are to be run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

/// What `cargo xtask test` calls the part.
const PART: &str = "opentelemetry-sdk";

/// A Python that has what the program needs. `None` where it is not to be run; a failure where it
/// must be.
pub(crate) fn command() -> Option<Command> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part == PART) {
        eprintln!("not run: {PART} is left out");
        return None;
    }
    // Beside what tests write there, by `cargo xtask test`.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let installed = kept.read_dir().into_iter().flatten().filter_map(Result::ok);
    let installed = installed
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PART)));
    let place = std::env::var_os("OPENTELEMETRY_SDK").map(PathBuf::from).or(installed);
    let mut check = std::process::Command::new("python3");
    let mut command = Command::new("python3");
    if let Some(place) = &place {
        let _ = check.env("PYTHONPATH", place);
        let _ = command.env("PYTHONPATH", place);
    }
    let check = check.args(["-c", "import opentelemetry.sdk.trace, grpc"]);
    let is_there = check.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if is_there.is_ok_and(|status| status.success()) {
        return Some(command);
    }
    let advice = "run `cargo xtask test`, or set OPENTELEMETRY_SDK to the folder it is in";
    assert!(std::env::var_os("XTASK_REQUIRE_SERVERS").is_none(), "{PART} is missing: {advice}");
    eprintln!("not run: {PART} is missing; {advice}");
    None
}

/// Runs the program, and returns what it printed.
pub(crate) async fn run(mut python: Command, arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/caller.py");
    // What the environment says about telemetry is about the one who runs the tests.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            python.env_remove(name);
        }
    }
    let output = python.arg(script).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(crate::PATIENCE, output).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}
