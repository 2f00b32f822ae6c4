//! Callbacks that judge values, in a process whose stderr is seen from outside: what they say is the
//! same in the file and on the console, and when one panics nobody is told what it was asked about.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the test reads what its own process says")]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radiosonde::{Config, Rules, Service, Verdict, event};

/// In the process the test has started: where it records.
const DIRECTORY: &str = "XTASK_CALLBACKS_DIRECTORY";

fn record(directory: &Path) {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let rules = Rules::standard()
        .with_pattern("customer", "acme_[a-z]+")
        .with_callback("number", &["meta.order"], |_, _| {
            Verdict::Replace(format!("order-{}", ASKED.fetch_add(1, Ordering::Relaxed)))
        })
        .with_callback("frail", &["meta.note", "labels.note"], |_, value| {
            panic!("cannot judge {value}")
        });
    let config = Config::new(Service::new("shop", "1.0.0")).dir(directory).redact(rules);
    let telemetry = config.init();
    tracing::info_span!("bill_acme_corp").in_scope(|| tracing::info!("for acme_corp"));
    for n in 0..20 {
        event!("noted", note = "hunter2-in-the-drain", n, "noted");
        metrics::counter!("notes_total", "note" => format!("hunter2-label-{n}")).increment(1);
        event!("ordered", order = n, "ordered");
    }
    let of_ours = std::thread::spawn(|| {
        radiosonde_record::suppress_thread();
        panic!("hunter2-on-a-thread-of-ours")
    });
    assert!(of_ours.join().is_err());
    let report = telemetry.shutdown(Duration::from_secs(60));
    println!("{report}");
}

#[test]
fn a_callback_that_panics_is_a_problem_and_tells_nobody_what_it_was_asked() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return record(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = "a_callback_that_panics_is_a_problem_and_tells_nobody_what_it_was_asked";
    command.args(["--exact", "--nocapture", "--test-threads=1", name]);
    command.env(DIRECTORY, directory.path()).env("RADIOSONDE_STDERR", "pretty");
    command.env("RADIOSONDE_REDACT_ALLOW", "password");
    let output = command.output().unwrap();
    let [told, shown] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{told}{shown}");

    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_file() { std::fs::read_to_string(path).unwrap() } else { String::new() }
    };
    let files: String = std::fs::read_dir(directory.path()).unwrap().map(read).collect();
    for (what, text) in [("report", &told), ("console", &shown), ("files", &files)] {
        assert!(!text.contains("hunter2"), "{what}: {text}");
        assert!(!text.contains("acme_corp"), "{what}: {text}");
        assert!(!text.contains("cannot judge"), "{what}: {text}");
    }
    let problem = "the redaction callback `frail` panicked and is not asked any more";
    assert_eq!(told.matches(problem).count(), 1, "{told}");
    assert!(told.contains("problems\n- the redaction callback"), "it is the only one: {told}");
    let rules = "standard rules + patterns customer + callbacks frail, number; not: password";
    assert!(told.contains(&format!("\nredaction  {rules}\n")), "{told}");
    assert!(!shown.contains("panicked at"), "{shown}");
    assert_eq!(files.matches("\"note\":\"[redacted]\",\"n\":").count(), 20, "{files}");
    // Twenty fields of events and twenty labels.
    assert!(files.contains("radiosonde_redacted_total{rule=\\\"frail\\\"} 40\""), "{files}");
    assert!(files.contains("\"name\":\"bill_[redacted]\""), "{files}");
    assert!(shown.contains("bill_[redacted]: for [redacted]"), "{shown}");
    // What is said changes each time, and is the same wherever it stands.
    for n in 0..20 {
        assert_eq!(files.matches(&format!("\"order\":\"order-{n}\"}}")).count(), 1, "{files}");
        assert_eq!(shown.matches(&format!("order=order-{n}  ")).count(), 1, "{shown}");
    }
}
