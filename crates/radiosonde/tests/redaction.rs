//! The redaction corpus, recorded in every way there is: no secret reaches a file or a screen, and
//! nothing innocent is changed.
//!
//! The test starts itself, since what a console shows is seen from outside only.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use radiosonde::{Level, Value, event, log_event};
use serde_json::Value as Json;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../radiosonde-redact/corpus");

/// In a process the test has started: what of the corpus it records, and where.
const PART: &str = "XTASK_REDACTION_PART";
const DIRECTORY: &str = "XTASK_REDACTION_DIRECTORY";

struct Entry {
    at: String,
    key: String,
    text: String,
    gone: String,
}

fn entries(part: &str) -> Vec<Entry> {
    let lines = std::fs::read_to_string(format!("{CORPUS}/{part}.jsonl")).unwrap();
    let joined = |value: &Json| {
        let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        parts.iter().map(|part| part.as_str().unwrap()).collect::<String>()
    };
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    lines
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .map(|line| Entry {
            at: text(&line["at"]),
            key: text(&line["key"]),
            text: joined(&line["text"]),
            gone: joined(&line["gone"]),
        })
        .collect()
}

/// An error with a cause, of which each says its text.
#[derive(Debug)]
struct Failure(String, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

fn record(n: usize, entry: &Entry) {
    let text = entry.text.as_str();
    let number = Value::U64(n as u64);
    if entry.at == "json" {
        let meta = [("n", number), ("text", Value::Json(text))];
        return log_event("corpus.json", Level::Info, "corpus", "json", &meta);
    }
    if entry.at == "key" {
        let nested = serde_json::json!({"outer": [{&entry.key: text}]}).to_string();
        let meta = [("n", number), (&*entry.key, Value::Str(text)), ("json", Value::Json(&nested))];
        log_event("corpus.key", Level::Info, "corpus", "key", &meta);
        let label = entry.key.replace(['-', '.'], "_");
        let labels = [(label, text.to_owned()), ("n".to_owned(), format!("k{n}"))];
        return metrics::counter!(format!("corpus_keys_{}_total", n / 50), &labels).increment(1);
    }
    let nested = serde_json::json!({"inner": [text], "note": {"more": text}}).to_string();
    event!("corpus.event", n, text, "event {}", text);
    let meta = [
        ("n", number),
        ("text", Value::Str(text)),
        ("json", Value::Json(&nested)),
        (text, Value::Null),
    ];
    log_event("corpus.log_event", Level::Warning, "corpus", text, &meta);
    tracing::info!(n, text, "{text}");
    let span = tracing::info_span!(
        "corpus", n, text, debug = ?text, error = tracing::field::Empty,
        otel.status_code = "error", otel.status_message = text,
    );
    span.in_scope(|| tracing::debug!(text = %text));
    log::warn!("log {n} {text}");
    let cause = Failure(text.to_owned(), Some(Box::new(Failure(format!("because {text}"), None))));
    let error = Failure("it failed".to_owned(), Some(Box::new(cause)));
    event!("corpus.failure", level: error, n, error = ?error, cause = %error.source().unwrap());
    tracing::error!(n, error = &error as &dyn Error, "failed");
    span.record("error", tracing::field::display(error.source().unwrap()));
    let labels = [("value".to_owned(), text.to_owned()), ("n".to_owned(), format!("e{n}"))];
    metrics::counter!(format!("corpus_{}_total", n / 50), &labels).increment(1);
    if n.is_multiple_of(10) {
        let _payload = std::panic::catch_unwind(|| panic!("{text}"));
    }
}

/// The process the test has started.
fn record_all(part: &str, directory: &str) {
    // The hook that was there would show what the application panics with.
    std::panic::set_hook(Box::new(|_| ()));
    let telemetry = radiosonde::init!(dir = directory, filter = "debug");
    radiosonde_record::patiently(Duration::from_secs(60), || {
        for (n, entry) in entries(part).iter().enumerate() {
            record(n, entry);
        }
        // A secret in the code itself, which stands at the call site.
        if part == "secrets" {
            event!("corpus.constant", "postgres://app:constant-secret@db/x is the one");
        }
    });
    let report = telemetry.shutdown(Duration::from_secs(60));
    assert_eq!(report.events.dropped, 0);
}

/// Records a part of the corpus in a process of its own. What it showed on its console.
fn run(part: &str, directory: &Path, console: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1", "the_corpus_in_every_way"]);
    command.env(PART, part).env(DIRECTORY, directory).env("RADIOSONDE_STDERR", console);
    let output = command.output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}", &shown[..shown.len().min(2000)]);
    shown
}

/// Everything in the day files, by signal.
fn lines(directory: &Path, signal: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(signal) {
            lines.extend(std::fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    lines
}

/// What must not be found anywhere: the secret, or where that is a short word, where it stands.
fn needles(entry: &Entry) -> Vec<String> {
    let Entry { key, text, gone, .. } = entry;
    let plain = if gone.len() >= 8 { gone } else { text };
    let mut needles = match entry.at.as_str() {
        "key" => vec![format!("\"{key}\":\"{gone}"), format!(" {key}={gone}")],
        _ => vec![plain.clone()],
    };
    // As it stands inside JSON, and inside of JSON inside of that.
    for _ in 0..2 {
        let quoted = serde_json::to_string(needles.last().unwrap()).unwrap();
        needles.push(quoted.trim_matches('"').to_owned());
    }
    needles
}

fn check_secrets(directory: &Path, console: &str) {
    let shown = run("secrets", directory, console);
    let files = ["events-", "spans-", "metrics-"].map(|signal| lines(directory, signal).join("\n"));
    assert!(files.iter().all(|text| text.contains("[redacted]")), "every signal had some");
    assert!(shown.contains("[redacted]"), "so had the console");
    let everything = files.join("\n") + &shown;
    let entries = entries("secrets");
    for entry in &entries {
        for needle in needles(entry) {
            let found = everything.lines().find(|line| line.contains(&needle));
            assert!(found.is_none(), "{needle:?} of {} survives: {}", entry.at, found.unwrap());
        }
    }
    assert!(!everything.contains("constant-secret"));
    assert!(files[0].contains("postgres://app:[redacted]@db/x is the one"));
    let recorded = entries.iter().filter(|entry| !matches!(&*entry.at, "key" | "json")).count();
    for name in ["corpus.event", "corpus.log_event", "corpus.failure"] {
        let count = files[0].matches(&format!("\"evt\":\"{name}\"")).count();
        assert_eq!(count, recorded, "each {name} is in its file");
    }
}

fn check_innocent(directory: &Path, console: &str) {
    let _shown = run("innocent", directory, console);
    let entries = entries("innocent");
    let mut seen = 0;
    for line in lines(directory, "events-").iter().chain(&lines(directory, "spans-")) {
        let line: Json = serde_json::from_str(line).unwrap();
        let meta = if line["evt"] == "span" { &line["meta"]["attributes"] } else { &line["meta"] };
        let Some(entry) = meta["n"].as_u64().and_then(|n| entries.get(n as usize)) else {
            continue;
        };
        match &*entry.at {
            "json" => assert_eq!(meta["text"], serde_json::from_str::<Json>(&entry.text).unwrap()),
            "key" => {
                assert_eq!(meta[&entry.key], *entry.text);
                assert_eq!(meta["json"]["outer"][0][&entry.key], *entry.text);
            }
            _ => {
                for text in [&meta["text"], &meta["cause"], &meta["json"]["inner"][0]] {
                    assert!(text.is_null() || *text == *entry.text, "{line}");
                }
            }
        }
        seen += 1;
    }
    assert!(seen >= 5 * entries.len(), "{seen} lines of the corpus");
    // What was redacted is counted; here nothing is.
    let metrics = lines(directory, "metrics-").join("\n");
    assert!(metrics.contains("\"corpus_"));
    let counted: Vec<_> =
        metrics.lines().filter(|line| line.contains("radiosonde_redacted_total")).collect();
    assert!(counted.is_empty(), "{counted:#?}");
    // A label that has a series has it under its own value.
    assert!(!metrics.contains("\"value\":\"[redacted]\""));
}

#[test]
fn the_corpus_in_every_way() {
    if let (Ok(part), Ok(directory)) = (std::env::var(PART), std::env::var(DIRECTORY)) {
        return record_all(&part, &directory);
    }
    for console in ["json", "pretty"] {
        let directory = tempfile::tempdir().unwrap();
        check_secrets(directory.path(), console);
        let directory = tempfile::tempdir().unwrap();
        check_innocent(directory.path(), console);
    }
}
