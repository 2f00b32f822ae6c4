//! The real program, run as its users run it: what it prints, and what its telemetry tells.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use quickstart::provider::DEMO_KEY;
use serde_json::Value;

#[test]
fn a_failed_window_is_told_across_all_signals() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &[]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("correlate --job globex-2026-09-14 --dir "), "{stdout}");
    let total: Vec<_> = total_row(&stdout).split_whitespace().collect();
    assert_eq!(total[..5], ["total", "83", "80", "3", "7"], "{stdout}");

    let all = lines(folder.path());
    let job = of_job(&all, "initech-2026-09-09");
    let story = |evt: &str| job.iter().filter(|line| line["evt"] == evt).count();
    assert_eq!(story("ingestion.window_failed"), 1);
    assert_eq!(story("span"), 6, "ingest_window, parse_rows and four attempts");
    assert!(story("log") >= 8, "four refusals, three retries and the end");
    for line in &job {
        let worker = line["worker_id"].as_str().unwrap_or_default();
        assert!(worker.starts_with("w-"), "the job's worker is on every line: {line}");
    }
    let traces: BTreeSet<_> = job.iter().filter_map(|line| line["trace_id"].as_str()).collect();
    assert_eq!(traces.len(), 1, "one window, one trace");

    let root = named(&job, "ingest_window")[0];
    assert_eq!(root["meta"]["status"], "error");
    assert_eq!(root["meta"]["attributes"]["attempts"], 4);
    for attempt in named(&job, "fetch_window") {
        assert_eq!(attempt["meta"]["parent_span_id"], root["span_id"]);
        assert_eq!(attempt["meta"]["kind"], "client");
        assert_eq!(attempt["meta"]["status"], "error");
        assert_eq!(attempt["meta"]["attributes"]["http.response.status_code"], 500);
    }
    assert_eq!(runs(&job, "retry"), 3);
    assert_eq!(runs(&job, "failure"), 1);
    assert_eq!(runs(&job, "success"), 0);
}

#[test]
fn every_line_is_json_and_no_secret_gets_out() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &[]);
    let all = lines(folder.path());

    assert!(!String::from_utf8_lossy(&output.stderr).contains(DEMO_KEY), "on stderr");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(DEMO_KEY), "on stdout");
    let leak = all.iter().find(|line| line.to_string().contains(DEMO_KEY));
    assert_eq!(leak, None, "in the day files");
    let refused = |line: &&Value| line["msg"] == "provider refused the window";
    let refusal = all.iter().find(refused).expect("windows were refused");
    assert_eq!(refusal["meta"]["error.api_key"], "[redacted]");

    let ids: BTreeSet<_> = all.iter().filter_map(|line| line["id"].as_str()).collect();
    let with_id = all.iter().filter(|line| line["id"].is_string()).count();
    assert_eq!(ids.len(), with_id, "no id occurs twice");

    let sources = |source: &str| all.iter().any(|line| line["source"] == source);
    assert!(sources("quickstart::exports::csv"), "the log macros arrive");
    assert!(sources("quickstart::exports::json"), "the tracing macros arrive");
    let provider = named(&all.iter().collect::<Vec<_>>(), "provider.handle")[0];
    assert_eq!(provider["meta"]["kind"], "server");
    assert_eq!(of_job(&all, "globex-2026-09-11")[0]["evt"], "ingestion.window_missing");

    // Malformed rows are named with file and line, whatever stands in them.
    let malformed =
        |line: &&Value| line["msg"].as_str().unwrap_or_default().starts_with("malformed");
    let malformed: Vec<_> = all.iter().filter(malformed).collect();
    assert_eq!(malformed.len(), 41);
    assert!(malformed.iter().all(|line| line["meta"]["line"].is_u64()));
}

#[test]
fn successful_windows_add_up_in_their_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let _output = run(folder.path(), &[]);
    let all = lines(folder.path());
    let deltas: Vec<_> = all.iter().filter(|line| line["meta"]["kind"] == "delta").collect();
    assert_eq!((runs(&deltas, "success"), runs(&deltas, "failure")), (80, 3));
    let count = |line: &&&Value| line["meta"]["name"] == "ingestion_duration_seconds";
    let durations = deltas.iter().filter(count);
    assert_eq!(durations.filter_map(|line| line["meta"]["count"].as_u64()).sum::<u64>(), 83);
}

#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, text) in [
        (["--help"], 0, "Examples:"),
        (["--nonsense"], 2, "unknown option --nonsense"),
        (["no-such-file.csv"], 1, "not read: no-such-file.csv"),
    ] {
        let output = run(folder.path(), &arguments);
        let mut printed = output.stdout;
        printed.extend(output.stderr);
        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(output.status.code(), Some(code), "{printed}");
        assert!(printed.contains(text), "{printed}");
    }
}

#[cfg(unix)]
#[test]
fn serving_offers_metrics_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Running(
        command(folder.path(), &["--serve", "--prometheus", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut stderr = BufReader::new(program.0.stderr.take().unwrap()).lines();
    let address = stderr
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once("http://")?.1.split_once("/metrics")?.0.to_owned()))
        .expect("the address is printed");
    // The pipe is read to its end, or the program would wait for its own log.
    let drained = std::thread::spawn(move || stderr.map_while(Result::ok).count());

    let mut stdout = BufReader::new(program.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(stdout.any(|line| line.starts_with("total ")), "the first run ends");
    let metrics = get(&address, "/metrics");
    let series = "ingestion_windows_missing{provider=\"initech\",environment=\"staging\"} 3";
    assert!(metrics.contains(series), "{metrics}");
    assert!(get(&address, "/health").starts_with("HTTP/1.1 200"));

    let pid = program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(program.0.wait().unwrap().code(), Some(0));
    assert!(stdout.any(|line| line.contains("correlate --job")), "it says where to look");
    let _lines = drained.join().unwrap();
}

/// A child that does not outlive a failed test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(telemetry: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    let _ = command
        .args(arguments)
        .current_dir(telemetry)
        .env("RADIOSONDE_DIR", telemetry)
        .env_remove("RUST_LOG");
    command
}

fn run(telemetry: &Path, arguments: &[&str]) -> Output {
    command(telemetry, arguments).output().unwrap()
}

fn total_row(summary: &str) -> &str {
    summary.lines().find(|line| line.starts_with("total ")).unwrap_or_default()
}

/// All lines of the day files; each has to be a JSON object.
fn lines(folder: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !name.ends_with(".jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(value["meta"].is_object(), "{line}");
            lines.push(value);
        }
    }
    lines
}

fn of_job<'l>(lines: &'l [Value], job: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["job_id"] == job).collect()
}

fn named<'l>(lines: &[&'l Value], span: &str) -> Vec<&'l Value> {
    let of_name = |line: &&&Value| line["evt"] == "span" && line["meta"]["name"] == span;
    lines.iter().filter(of_name).copied().collect()
}

/// What these deltas add to `ingestion_runs_total` with this outcome.
fn runs(lines: &[&Value], outcome: &str) -> u64 {
    let meta = lines.iter().map(|line| &line["meta"]);
    meta.filter(|meta| meta["name"] == "ingestion_runs_total" && meta["kind"] == "delta")
        .filter(|meta| meta["labels"]["outcome"] == outcome)
        .filter_map(|meta| meta["value"].as_u64())
        .sum()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    let _bytes = stream.read_to_string(&mut response).unwrap();
    response
}
