//! What an operator finds in the directory of a program that runs for long: files by day and size,
//! closed ones sealed, old ones removed by a rule, counted and named.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde::{Config, Fsync, Profile, Report, Service};
use radiosonde_record::patiently;

const PATIENCE: Duration = Duration::from_secs(60);

fn config(root: &Path) -> Config {
    Config::new(Service::new("files", "1.0.0")).profile(Profile::Cli).dir(root)
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not yet: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn names(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One process has one telemetry: everything in one test.
#[test]
fn files_are_cut_sealed_and_removed_and_the_books_say_so() {
    let root = tempfile::tempdir().unwrap();
    let line = r#"{"ts":"2020-01-01T00:00:00Z","level":"info","evt":"log","msg":"old"}"#;
    // Somebody's of long ago, whose slot is nobody's now, and one of tomorrow, that is no file of ours.
    for (name, lines) in [("events-2020-01-01.jsonl", 3), ("events-2020-01-02.4.jsonl", 5)] {
        fs::write(root.path().join(name), format!("{line}\n").repeat(lines)).unwrap();
    }
    fs::write(root.path().join("events-2020-01-03.jsonl.bak"), "mine").unwrap();
    let telemetry = config(root.path())
        .rotate_bytes(4_000)
        .seal_after(Duration::ZERO)
        .retention_days(30)
        .fsync(Fsync::Batch)
        .init();
    let removed = |report: &Report| report.files.removed.iter().map(|(_, r)| r.files).sum::<u64>();
    wait_until("old files are removed", || removed(&telemetry.report()) == 2);
    let report = telemetry.report();
    let (rule, by_age) = &report.files.removed[0];
    assert_eq!((rule.as_str(), by_age.files, by_age.lines), ("age", 2, 8));
    assert!(report.to_string().contains("2 removed by age (8 lines)"), "{report}");
    assert_eq!(report.problems, []);

    for batch in 0..10 {
        patiently(PATIENCE, || {
            (0..10).for_each(|n| radiosonde::event!("counted", n = batch * 10 + n, "counted"));
        });
        telemetry.flush(PATIENCE);
    }
    let is_part = |name: &String| name.starts_with("events-") && name.contains(".0.");
    let parts = names(root.path()).into_iter().filter(is_part).count();
    assert!(parts >= 2, "{:?}", names(root.path()));
    drop(telemetry.shutdown(PATIENCE));

    // The next process seals what this one has closed; what it writes to itself stays as it is.
    // (Only one telemetry is installed in a process: its parts are enough.)
    let built = config(root.path()).seal_after(Duration::ZERO).rotate_bytes(4_000).build();
    let guard = built.guard;
    let is_plain = |name: &String| is_part(name) && name.ends_with(".jsonl");
    wait_until("closed parts are sealed", || {
        names(root.path()).into_iter().filter(is_plain).count() <= 1
    });
    let _report = guard.shutdown(PATIENCE);
    let all = names(root.path());
    assert!(all.iter().any(|name| name.ends_with(".jsonl.zst")), "{all:?}");
    assert!(all.contains(&"events-2020-01-03.jsonl.bak".to_owned()), "{all:?}");
    assert!(!all.iter().any(|name| name.ends_with(".tmp")), "{all:?}");

    let mut query = radiosonde_store::Query::new(vec![root.path().to_owned()]);
    query.evt = vec!["counted".to_owned()];
    let answer = query.run();
    let mut numbers: Vec<u64> = answer
        .lines
        .iter()
        .map(|line| line.meta.value("n").and_then(serde_json::Value::as_u64).unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<u64>>());
    query.evt = vec!["telemetry.removed".to_owned()];
    let answer = query.run();
    let mut told: Vec<_> = answer.lines.iter().filter_map(|l| l.meta.text("file")).collect();
    told.sort_unstable();
    assert_eq!(told, ["events-2020-01-01.jsonl", "events-2020-01-02.4.jsonl"]);
}
