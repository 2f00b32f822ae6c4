//! Keeping house goes on when somebody takes our slot away, and what a short process counted is in
//! its last snapshot. One process has one telemetry: everything in one test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde::{Config, Guard, Profile, Service, event};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(root: &Path) -> Config {
    let config = Config::new(Service::new("house", "1.0.0")).profile(Profile::Cli).dir(root);
    config.rotate_bytes(4_000).seal_after(Duration::ZERO)
}

/// Fills two parts and waits until one is sealed.
fn fill_parts(telemetry: &Guard) {
    let (before, deadline) = (telemetry.report().files.sealed, Instant::now() + PATIENCE);
    for n in 0..50 {
        event!("recorded", n, password = "hunter2", "recorded");
        telemetry.flush(PATIENCE);
    }
    while telemetry.report().files.sealed == before {
        assert!(Instant::now() < deadline, "nothing is sealed: {}", telemetry.report());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn house_is_kept_in_another_slot_and_the_last_snapshot_has_everything() {
    let root = tempfile::tempdir().unwrap();
    // Two processes that were killed left their places, ours and another.
    let targets = ["prometheus-targets.json", "prometheus-targets.1.json"];
    let targets = targets.map(|name| root.path().join(name));
    for file in &targets {
        fs::write(file, "[]").unwrap();
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(root.path().join("inst/1")).unwrap();
    let telemetry = config(root.path()).init();
    assert!(!targets[0].exists());
    let deadline = Instant::now() + PATIENCE;
    while targets[1].exists() {
        assert!(Instant::now() < deadline, "the other one is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    let report = telemetry.report().to_string();
    assert!(report.contains("keeping    14 days, "), "{report}");
    assert!(
        report.contains("; parts of 3.9 KiB, sealed after 0 s; synced every second"),
        "{report}"
    );
    fill_parts(&telemetry);

    fs::remove_file(root.path().join("inst/0/lock")).unwrap();
    fill_parts(&telemetry);
    fill_parts(&telemetry);

    let own = telemetry.metrics_text();
    let own = own.lines().filter(|line| line.starts_with("# TYPE radiosonde_"));
    let names: Vec<&str> = own.map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert!(names.contains(&"radiosonde_files_removed_total"), "{names:?}");
    let text = telemetry.metrics_text();
    for name in names {
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }

    let recorded = telemetry.report().events.offered;
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!(report.events.pending, 0, "{report}");
    let mut query = radiosonde_store::Query::new(vec![root.path().to_owned()]);
    query.evt = vec!["metric".to_owned()];
    let lines = query.run().lines;
    let last = |name: &str| {
        let of_name = lines.iter().filter(|line| line.meta.text("name") == Some(name));
        of_name.filter_map(|line| line.meta.value("value")?.as_f64()).fold(0.0, f64::max)
    };
    assert!(last("radiosonde_redacted_total") >= 5.0);
    assert!(last("radiosonde_records_total") >= recorded as f64, "{recorded}");
}
