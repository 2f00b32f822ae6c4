//! Problems that are numbers, such as parents that came too late, stand in the log as well, once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use radiosonde::{Config, Context, Profile, Service};

#[test]
fn a_late_parent_is_in_the_log_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let config = Config::new(Service::new("shop", "1.0.0")).profile(Profile::Cli);
    let telemetry = config.dir(&root).init();
    for _ in 0..3 {
        let span = tracing::info_span!("consume");
        span.in_scope(|| {});
        radiosonde::set_parent(&span, &Context::default());
    }
    let report = telemetry.shutdown(Duration::from_secs(20));
    let late = |text: &str| text.starts_with("set_parent came too late");
    let named: Vec<_> = report.problems.iter().filter(|problem| late(&problem.what)).collect();
    assert_eq!(named.len(), 1, "{report}");

    let lines = common::event_lines(&root);
    let said: Vec<_> = lines
        .iter()
        .filter(|line| line["evt"] == "telemetry.problem" && late(line["msg"].as_str().unwrap()))
        .collect();
    assert_eq!(said.len(), 1, "{lines:?}");
    assert_eq!(said[0]["meta"]["fix"], named[0].fix);
}
