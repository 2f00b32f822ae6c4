//! Processes that are killed, and such that have no telemetry.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{LogExporter, SpanExporter};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use radiosonde_otel_bridge::sdk::SdkClient;
use radiosonde_runtime::{Config, Guard, Profile, Service};
use serde_json::Value as Json;

use super::bodies::{logs, request};
use super::{lines, send, start, with};

/// In a process a test has started: its directory.
const DIRECTORY: &str = "SDK_TEST_DIRECTORY";

fn directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}

fn process(test: &str, directory: &std::path::Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1", test]);
    command.env(DIRECTORY, directory).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn every_call_that_returned_is_on_disk_after_a_kill() {
    if let Some(directory) = directory() {
        return emit_for_ever(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut child =
        process("killed::every_call_that_returned_is_on_disk_after_a_kill", directory.path());
    // It says a number once both calls with it have returned.
    let mut said = 0;
    let output = BufReader::new(child.stdout.take().unwrap());
    for line in output.lines().map_while(Result::ok) {
        if let Some(number) = line.strip_prefix("returned ") {
            said = number.parse::<u64>().unwrap();
            if said >= 2_000 {
                break;
            }
        }
    }
    child.kill().unwrap();
    let _status = child.wait().unwrap();
    assert!(said >= 2_000, "it ended by itself");
    let telemetry = start_again(directory.path());
    let numbers = |signal: &str, number: fn(&Json) -> Option<u64>| {
        let mut found: Vec<u64> =
            lines(directory.path(), signal).iter().filter_map(number).collect();
        found.sort_unstable();
        found
    };
    let events = numbers("events", |line| line["meta"]["n"].as_u64());
    let spans = numbers("spans", |line| line["meta"]["attributes"]["n"].as_u64());
    for (what, found) in [("events", events), ("spans", spans)] {
        let expected: Vec<u64> = (0..found.len() as u64).collect();
        assert!(found == expected, "{what}: each once, without a gap");
        assert!(found.len() as u64 > said, "{what}: {} of {said}", found.len());
    }
    drop(telemetry);
}

/// Starts where the dead one was, and waits until it is recovered.
fn start_again(directory: &std::path::Path) -> Guard {
    // Beside the telemetry of this process, if it has one.
    let config = Config::new(Service::new("shop", "1.0.0")).profile(Profile::Cli);
    let telemetry = config.dir(directory).build().guard;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while telemetry.flush(Duration::from_secs(5)).recovered == 0 {
        assert!(std::time::Instant::now() < deadline, "{}", telemetry.report());
    }
    telemetry
}

#[expect(clippy::print_stdout, reason = "the test reads it")]
fn emit_for_ever(directory: &std::path::Path) {
    let _telemetry = start(directory);
    let exporter = with(LogExporter::builder().with_http(), SdkClient::new()).build().unwrap();
    let logs = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
    let exporter = with(SpanExporter::builder().with_http(), SdkClient::new()).build().unwrap();
    let traces = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let (logger, tracer) = (logs.logger("killed"), traces.tracer("killed"));
    for n in 0..i64::MAX {
        let mut record = logger.create_log_record();
        record.add_attribute("n", n);
        logger.emit(record);
        let attribute = [opentelemetry::KeyValue::new("n", n)];
        drop(tracer.span_builder("work").with_attributes(attribute).start(&tracer));
        println!("returned {n}");
    }
}

#[test]
fn without_telemetry_the_sdk_is_told_so_and_the_books_know_it_later() {
    let Some(directory) = directory() else {
        let directory = tempfile::tempdir().unwrap();
        let test = "killed::without_telemetry_the_sdk_is_told_so_and_the_books_know_it_later";
        let output = process(test, directory.path()).wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("told"), "{text}");
        return;
    };
    let sent = |path: &str| {
        let request = request(path, "application/x-protobuf", "", logs(1));
        send(&SdkClient::new(), request).unwrap().status().as_u16()
    };
    assert_eq!([sent("/v1/logs"), sent("/v1/logs"), sent("/v1/traces")], [503; 3]);
    let telemetry = start(&directory);
    assert_eq!(telemetry.report().events.rejected, 0);
    assert_eq!(sent("/v1/logs"), 200);
    let report = telemetry.flush(Duration::from_secs(30));
    assert_eq!((report.events.rejected, report.spans.rejected), (2, 1), "{report}");
    let said: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|problem| problem.contains("before init!")), "{said:?}");
    println!("told");
}
