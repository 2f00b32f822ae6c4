//! A disk that fills up and is freed again: the program goes on, the problem is named, nothing that
//! was recorded is lost, and delivery resumes by itself.
//!
//! Needs a file system of its own: a tmpfs in a mount namespace of a user namespace. Where the
//! kernel allows none, the test says so and fails only when `XTASK_REQUIRE_SERVERS=1` asks for
//! everything (`XTASK_WITHOUT=userns` leaves it out).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that did not run says so")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Set in the child that runs inside the namespace: the mounted directory.
const INSIDE: &str = "FULL_DISK_TEST_DIRECTORY";
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_full_disk_holds_events_up_and_loses_none() {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return inside(Path::new(&directory));
    }
    let mount = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=12m,mode=0700 tmpfs \"$0\" && exec \"$@\"";
    let test = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(mount.path())
        .arg(test)
        .args(["--exact", "--nocapture", "a_full_disk_holds_events_up_and_loses_none"])
        .env(INSIDE, mount.path())
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            panic!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        other => not_run(&format!("{other:?}")),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn not_run(why: &str) {
    let left_out = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    let required = std::env::var_os("XTASK_REQUIRE_SERVERS").is_some();
    let left_out = left_out.split(',').any(|part| part == "userns");
    assert!(!required || left_out, "no mount namespace to be had: {why}");
    println!("not run: no mount namespace to be had: {why}");
}

fn inside(directory: &Path) {
    let root = directory.join("telemetry");
    let service = radiosonde::Service::new("full-disk", "1.0.0");
    let telemetry =
        radiosonde::Config::new(service).profile(radiosonde::Profile::Cli).dir(&root).init();
    radiosonde::event!("before", n = 0, "before the disk is full");
    telemetry.flush(PATIENCE);
    let ballast = directory.join("ballast");
    fill(&ballast);

    // More than the slack of the last page of the day file, less than a ring.
    for n in 1..=1000 {
        radiosonde::event!("during", n = n, "while the disk is full");
    }
    let named = |part: &str| {
        let problems = telemetry.report().problems;
        problems.iter().any(|problem| problem.what.contains(part))
    };
    wait_until("the problem is named", || named("day files cannot be written"));
    let during = telemetry.flush(Duration::from_millis(50)).events;
    assert!(during.pending > 0, "what waits is pending, not sent: {during:?}");
    assert_eq!(during.dropped, 0);
    assert_eq!(
        during.offered,
        during.delivered + during.rejected + during.dropped + during.pending
    );

    fs::remove_file(&ballast).unwrap();
    wait_until("delivery resumes", || {
        telemetry.flush(Duration::from_millis(500)).events.pending == 0
    });
    radiosonde::event!("after", n = 1001, "room again");
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");

    let mut numbers = HashSet::new();
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("events-") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let json: serde_json::Value = serde_json::from_str(line).unwrap();
                if let Some(n) = json["meta"]["n"].as_u64() {
                    assert!(numbers.insert(n), "event {n} stands twice");
                }
            }
        }
    }
    assert_eq!(numbers.len(), 1002);
}

/// Takes all room there is.
fn fill(ballast: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(ballast).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}
