//! Single rounds, in processes of their own as the harness starts them.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Everyone who writes lines, as named at the workload `disk_2`; the limit writes no events.
const CANDIDATES: [&str; 16] = [
    "radiosonde",
    "tracing-json",
    "tracing-json-blocking",
    "json-subscriber",
    "json-subscriber-blocking",
    "emit",
    "logforth",
    "logforth-blocking",
    "slog",
    "slog-blocking",
    "spdlog-rs",
    "fast_log",
    "fast_log-blocking",
    "ftlog",
    "ftlog-blocking",
    "log-serde",
];

/// What the candidate says of its round.
fn round(names: [&str; 3], size: &str, folder: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_radiosonde-benches"))
        .arg("__round")
        .args(names)
        .arg(size)
        .arg(folder)
        .env("RADIOSONDE_STDERR", "off")
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{names:?}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    serde_json::from_str(text.lines().last().expect("an answer")).expect("JSON")
}

/// The lines of events in the files of the folder.
fn lines(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let texts = files.map(|entry| std::fs::read_to_string(entry.path()).expect("a file"));
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line.contains("\"user.action\"")).collect()
}

/// The value of a key, wherever it stands.
fn find<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(key).or_else(|| object.values().find_map(|value| find(value, key)))
}

#[test]
fn every_candidate_writes_the_same_event() {
    for name in CANDIDATES {
        let folder = tempfile::tempdir().expect("a folder");
        let answer = round(["events", "disk_2", name], "1", folder.path());
        let lines = lines(folder.path());
        let line = lines.last().unwrap_or_else(|| panic!("{name}: no line; {answer}"));
        // One of them puts text before its JSON.
        let object = &line[line.find('{').unwrap_or(0)..];
        let object: Value =
            serde_json::from_str(object).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        for key in ["page", "user"] {
            assert!(find(&object, key).is_some_and(Value::is_string), "{name}: {key}: {line}");
        }
        for key in ["items", "attempt"] {
            assert!(find(&object, key).is_some_and(Value::is_i64), "{name}: {key}: {line}");
        }
        assert!(find(&object, "ratio").is_some_and(Value::is_f64), "{name}: ratio: {line}");
        assert!(line.contains("clicked"), "{name}: no message: {line}");
        assert!(line.to_lowercase().contains("info"), "{name}: no level: {line}");
        assert!(line.contains("20") || line.contains("17"), "{name}: no time: {line}");
        assert_eq!(answer["books"]["duplicated"], 0, "{name}: {answer}");
        assert_eq!(answer["books"]["torn"], 0, "{name}: {answer}");
    }
}

#[test]
fn what_claims_to_wait_loses_nothing() {
    let waits = |name: &&&str| name.ends_with("-blocking");
    let others = ["radiosonde", "spdlog-rs", "log-serde"];
    for name in CANDIDATES.iter().filter(waits).chain(&others) {
        let folder = tempfile::tempdir().expect("a folder");
        let answer = round(["events", "disk_2", name], "100", folder.path());
        assert_eq!(answer["books"]["events"], 12_800, "{name}: {answer}");
        assert_eq!(answer["books"]["lost"], 0, "{name}: {answer}");
    }
}

#[test]
fn no_event_of_ours_is_lost_by_any_end_of_the_process() {
    for ending in ["return", "leaked", "exit", "panic", "abort", "sigterm", "sigkill"] {
        let folder = tempfile::tempdir().expect("a folder");
        let answer = round(["loss", ending, "radiosonde"], "quick", folder.path());
        let books = &answer["books"];
        assert!(
            books["events"].as_u64().is_some_and(|events| events >= 1_000),
            "{ending}: {books}"
        );
        assert_eq!(books["lost"], 0, "{ending}: {books}");
        assert_eq!(books["duplicated"], 0, "{ending}: {books}");
        assert_eq!(books["torn"], 0, "{ending}: {books}");
    }
}
