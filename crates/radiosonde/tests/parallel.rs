//! Unit tests of an application: many `init!` in one process, in parallel and in any order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

fn init_and_record(name: &str) {
    let telemetry = radiosonde::init!(filter = "info");
    let report = telemetry.report();
    let directory = report.directory.clone().unwrap();
    assert!(directory.starts_with(std::env::temp_dir()), "tests write to a directory of their own");
    radiosonde::scope().job(name).run(|| {
        tracing::info!("in a test");
        radiosonde::event!("test.event", "in a test");
    });
    let report = telemetry.flush(Duration::from_secs(20));
    assert_eq!(report.problems, [], "a second init! is normal in tests");
    let mut found = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let needle = format!("\"job_id\":\"{name}\"");
            let text = std::fs::read_to_string(path).unwrap();
            found += text.lines().filter(|line| line.contains(&needle)).count();
        }
    }
    assert_eq!(found, 2, "{name}");
}

macro_rules! tests {
    ($($name:ident)*) => { $(#[test] fn $name() { init_and_record(stringify!($name)); })* };
}

tests! { one two three four five six seven eight }
