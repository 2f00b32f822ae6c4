//! No thread of an application is in a system call of ours on its hot path: shown by strace, which sees
//! each of them.

use crate::common::WITHIN;
use crate::parts::Process;
use radiosonde_testkit::{Fault, Receiver, Script};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The folder of the program's telemetry, which also tells that it is to run.
const FOLDER: &str = "SYSCALLS_TEST_FOLDER";
/// How long its end may take, in milliseconds.
const END_MS: &str = "SYSCALLS_TEST_END_MS";
/// Names that nobody has, looked for before and after what is watched: they stand in the trace.
const BEFORE: &str = "/radiosonde-test-before";
const AFTER: &str = "/radiosonde-test-after";
/// Calls of each kind that are watched, and how they are spread: 8,000 a second. So few at a time have
/// room in a ring of which nothing is read meanwhile, as on a machine with more to do than it can: where
/// a ring is full the call waits, which is a sleep.
const CALLS: u32 = 80;
const TIMES: u32 = 50;
const EVERY: Duration = Duration::from_micros(125);
/// Calls before that: the thread gets its ring, call sites are entered, the ring grows.
const WARM_UP: u32 = 2_000;

/// The program itself; nothing when it is run as a test.
#[test]
fn a_program_that_is_watched() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let service = radiosonde::Service::new("watched", "1.0.0");
    let guard = radiosonde::Config::new(service).dir(std::path::PathBuf::from(folder)).init();
    let application = std::thread::Builder::new().name("application".to_owned()).spawn(|| {
        let counter = metrics::counter!("orders_total");
        let calls = |count: u32| {
            let started = Instant::now();
            for number in 0..count {
                // Neither the clock nor a loop asks the kernel for anything.
                while started.elapsed() < EVERY * number {
                    std::hint::spin_loop();
                }
                let span = tracing::info_span!("place_order", number, user = "user-4711").entered();
                tracing::info!(number, route = "/orders/{id}", "order placed");
                radiosonde::event!("order.placed", number, items = 3);
                counter.increment(1);
                drop(span);
            }
        };
        calls(WARM_UP);
        for _ in 0..TIMES {
            let deadline = Instant::now() + WITHIN;
            while radiosonde::__private::pending_events() > 0 {
                assert!(Instant::now() < deadline, "the ring is not read");
                std::thread::sleep(Duration::from_millis(1));
            }
            let _nobody = std::fs::metadata(BEFORE);
            calls(CALLS);
            let _nobody = std::fs::metadata(AFTER);
        }
    });
    application.expect("a thread").join().expect("its end");
    let within = std::env::var(END_MS).expect("a time").parse().expect("milliseconds");
    guard.shutdown(Duration::from_millis(within));
}

/// strace, if it is there and may watch processes: containers may forbid that.
fn strace() -> Option<Command> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part == "strace") {
        eprintln!("not run: strace is left out");
        return None;
    }
    let program = std::env::var_os("STRACE").unwrap_or_else(|| "strace".into());
    let quiet = |word: &str| {
        let mut command = Command::new(&program);
        command.args(["-o", "/dev/null", word]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if quiet("true") {
        return Some(Command::new(program));
    }
    let is_there = Command::new(&program).arg("--version").output().is_ok();
    assert!(
        is_there || std::env::var_os("XTASK_REQUIRE_SERVERS").is_none(),
        "strace is missing: run `cargo xtask test`, or set STRACE to the program"
    );
    eprintln!("not run: strace is not there, or may not watch processes here");
    None
}

/// The system calls of each thread while the application's thread was on its hot path, by the names of
/// threads.
fn watched(trace: &str) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut is_hot = false;
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(name) = call.strip_prefix("prctl(PR_SET_NAME, \"") {
            names.insert(thread, name.split('"').next().unwrap_or_default().to_owned());
        } else if call.contains(BEFORE) {
            is_hot = true;
            assert_eq!(names.get(thread).map(String::as_str), Some("application"));
            calls.entry("application".to_owned()).or_default();
        } else if call.contains(AFTER) {
            is_hot = false;
        } else if is_hot && !call.starts_with("<... ") {
            // What is resumed was counted when it began.
            let name = names.get(thread).cloned().unwrap_or_else(|| format!("thread {thread}"));
            calls.entry(name).or_default().push(call.to_owned());
        }
    }
    calls
}

fn trace(mut command: Command, folder: &Path, endpoint: &str, end_ms: &str) -> String {
    let output = folder.join("trace");
    command
        .args(["-f", "-o"])
        .arg(&output)
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "--nocapture", "syscalls::a_program_that_is_watched"])
        .env(FOLDER, folder.join("telemetry"))
        .env(END_MS, end_ms)
        .stdout(Stdio::null());
    let mut process = Process::start_with(
        command,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("RADIOSONDE_STDERR", "off")],
    );
    assert!(process.0.wait().expect("its end").success());
    std::fs::read_to_string(output).expect("a trace")
}

#[test]
fn an_application_thread_makes_no_system_call_on_its_hot_path() {
    let hung = Script::healthy().until_told(Fault::HangAfterBody);
    for (script, is_healthy) in [(Script::healthy(), true), (hung, false)] {
        let Some(strace) = strace() else { return };
        let receiver = Receiver::with(script).expect("a receiver");
        let folder = tempfile::tempdir().expect("a folder");
        // Nothing is to be waited for where nothing comes.
        let end_ms = if is_healthy { "20000" } else { "100" };
        let calls = watched(&trace(strace, folder.path(), &receiver.http_endpoint(), end_ms));
        if is_healthy {
            // Spans, log records and events: what was watched was sent.
            receiver.wait_for(u64::from(3 * CALLS * TIMES), WITHIN).expect("everything");
        }
        for (thread, calls) in &calls {
            eprintln!("{thread}: {} system calls while the application recorded", calls.len());
        }
        assert_eq!(calls["application"], Vec::<String>::new(), "healthy: {is_healthy}");
        let ours = ["radiosonde-drain", "radiosonde-otlp"].map(|name| {
            // The kernel cuts names after 15 letters, strace shows what was asked for.
            calls.keys().any(|found| name.starts_with(found.as_str()))
        });
        assert_eq!(ours, [true, true], "who works for it was watched too: {:?}", calls.keys());
    }
}
