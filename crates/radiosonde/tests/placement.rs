//! Where rings are: in the telemetry directory, by choice elsewhere, or, where a file system cannot
//! hold them, in memory; and what each place means for those who recover.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that did not run says so")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use process::{Helper, PATIENCE, hear, say, wait_for_the_end};
use radiosonde::{Config, Parts, Profile, Service};
use radiosonde_events::recover::recover_directory;
use radiosonde_record::patiently;

const EVENTS: u64 = 2000;

fn config(root: &Path) -> Config {
    Config::new(Service::new("placement", "1.0.0")).profile(Profile::Cli).dir(root)
}

fn record(parts: &Parts) {
    let half = |numbers: Range<u64>| {
        let record = || numbers.for_each(|n| radiosonde::event!("placed", n = n, "placed"));
        parts.events.within(|| patiently(PATIENCE, record));
    };
    half(0..EVENTS / 2);
    // From here on there is a drain, with a stage.
    parts.guard.flush(PATIENCE);
    half(EVENTS / 2..EVENTS);
}

/// The numbers in the day files, each once.
fn all_once(root: &Path) {
    let lines = common::event_lines(root);
    let placed = lines.iter().filter(|line| line["evt"] == "placed");
    let numbers: Vec<_> = placed.map(|line| line["meta"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len() as u64, EVENTS);
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (0..EVENTS).collect());
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Records and is killed; its rings are beside its telemetry directory.
fn die(directory: &Path) {
    let parts = config(&directory.join("telemetry")).rings(directory.join("rings")).build();
    record(&parts);
    let report = parts.guard.report();
    assert!(report.survives_kill && report.problems.is_empty(), "{report}");
    say(directory, "place", &report.rings.unwrap().display().to_string());
    wait_for_the_end();
}

/// Leaves the remains of such a process; where its rings are.
fn remains(test: &str, directory: &Path) -> PathBuf {
    fs::create_dir(directory.join("rings")).unwrap();
    let mut dead = Helper::start(test, directory, "dead");
    let place = PathBuf::from(hear(directory, "place"));
    dead.kill();
    assert_eq!(entries(&directory.join("rings")), [place.as_path()]);
    assert!(place.join("rings/0.ring").is_file() && place.join("stage").is_file());
    place
}

#[test]
fn rings_elsewhere_are_recovered_by_another_process() {
    const TEST: &str = "rings_elsewhere_are_recovered_by_another_process";
    if let Some((directory, _)) = process::part() {
        return die(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let place = remains(TEST, directory.path());
    let report = recover_directory(&root, false).unwrap();
    let [found] = &report.instances[..] else { panic!("{report:?}") };
    assert_eq!(found.recovered.gone, None);
    all_once(&root);
    assert!(!place.exists(), "what is recovered needs no memory");
    assert!(recover_directory(&root, false).unwrap().instances.is_empty());
}

#[test]
fn rings_that_went_with_their_machine_are_said_to_be_lost() {
    const TEST: &str = "rings_that_went_with_their_machine_are_said_to_be_lost";
    if let Some((directory, _)) = process::part() {
        return die(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let place = remains(TEST, directory.path());
    fs::remove_dir_all(&place).unwrap();
    let parts = config(&root).build();
    let report = parts.guard.shutdown(PATIENCE);
    let lost = |what: &str| what.contains(place.to_str().unwrap()) && what.contains("gone");
    assert!(report.problems.iter().any(|problem| lost(&problem.what)), "{report}");
    assert!(recover_directory(&root, false).unwrap().instances.is_empty(), "said once");
}

#[test]
fn a_place_is_given_back_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (root, rings) = (directory.path().join("telemetry"), directory.path().join("rings"));
    fs::create_dir(&rings).unwrap();
    let parts = config(&root).rings(&rings).build();
    record(&parts);
    assert_eq!(entries(&rings).len(), 1);
    let report = parts.guard.shutdown(PATIENCE);
    assert_eq!((report.events.pending, report.events.dropped), (0, 0), "{report}");
    assert!(entries(&rings).is_empty());
    all_once(&root);
}

#[test]
fn a_place_that_cannot_hold_rings_is_named_and_not_used() {
    let directory = tempfile::tempdir().unwrap();
    for place in ["/proc", "/dev/null/nowhere"] {
        let parts = config(directory.path()).rings(place).build();
        let report = parts.guard.shutdown(PATIENCE);
        assert!(report.survives_kill && report.rings.is_none(), "{report}");
        assert!(report.problems.iter().any(|problem| problem.what.contains(place)), "{report}");
    }
}

/// Telemetry on a file system that cannot hold rings, without and with another place for them.
fn on_overlay(directory: &Path) {
    let root = directory.join("merged/telemetry");
    let parts = config(&root).build();
    record(&parts);
    let report = parts.guard.shutdown(PATIENCE);
    assert!(!report.survives_kill, "{report}");
    let in_memory = |what: &str| what.starts_with("rings are in memory");
    assert!(report.problems.iter().any(|problem| in_memory(&problem.what)), "{report}");
    all_once(&root);
    fs::remove_dir_all(&root).unwrap();

    let parts = config(&root).rings(directory).build();
    record(&parts);
    let report = parts.guard.shutdown(PATIENCE);
    assert!(report.survives_kill && report.problems.is_empty(), "{report}");
    all_once(&root);
}

#[test]
fn where_files_cannot_hold_rings_memory_does_and_the_report_says_so() {
    const TEST: &str = "where_files_cannot_hold_rings_memory_does_and_the_report_says_so";
    const INSIDE: &str = "PLACEMENT_TEST_DIRECTORY";
    if let Some(directory) = std::env::var_os(INSIDE) {
        return on_overlay(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let script = "cd \"$0\" && mount -t overlay overlay \
                  -o lowerdir=lower,upperdir=upper,workdir=work merged && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", TEST])
        .env(INSIDE, directory.path())
        .output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) if text(&output.stdout).contains("running 1 test") => {
            panic!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        other => {
            let left_out = std::env::var("XTASK_WITHOUT").unwrap_or_default();
            let left_out = left_out.split(',').any(|part| part == "userns");
            let required = std::env::var_os("XTASK_REQUIRE_SERVERS").is_some();
            assert!(!required || left_out, "no overlay to be had: {other:?}");
            println!("not run: no overlay to be had: {other:?}");
        }
    }
}
