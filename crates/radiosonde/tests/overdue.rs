//! A deprecation that is over stops no program that ran the day before.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, SystemTime};

use radiosonde::{Clock, Config, Service, Severity};

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "carts_total", "type": "counter", "unit": "carts", "help": "Carts.",
     "owner": "platform", "status": {"deprecated": {"since": "2026-11-01"}}}
  ]
}"#;

#[test]
fn the_end_of_a_deprecation_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    // 2026-11-15: the fourteen days are just over.
    let clock = Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_794_700_800));
    let config = Config::new(Service::new("app", "1.0.0")).dir(directory.path());
    let telemetry = config.registry(REGISTRY).clock(clock).try_init().unwrap();
    let problems = telemetry.report().problems;
    let whats: Vec<_> = problems.iter().map(|problem| (&*problem.what, problem.severity)).collect();
    let what = "`carts_total` is deprecated since 2026-11-01, and its 14 days are over";
    assert_eq!(whats, [(what, Severity::Warning)]);
    let json = serde_json::to_value(telemetry.report()).unwrap();
    assert_eq!(json["problems"][0]["severity"], "warning");

    // Beside an error it is told as well.
    let error = Config::new(Service::new("app", "1.0.0")).try_init().unwrap_err();
    let severities = error.problems.iter().map(|problem| problem.severity).collect::<Vec<_>>();
    assert_eq!(severities, [Severity::Warning, Severity::Error], "{error}");
}
