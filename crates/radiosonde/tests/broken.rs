//! An unwritable directory, a taken port and a broken registry at once: the program runs, and
//! each problem is named with its fix.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use radiosonde::RegistrySource;

#[test]
fn everything_wrong_at_once_is_three_named_problems_and_a_program_that_runs() {
    let scratch = tempfile::tempdir().unwrap();
    // A file where the directory should be: unwritable for root as well.
    let file = scratch.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let registry = scratch.path().join("registry.json");
    let text =
        "{\"schema_version\": 1,\n \"metrics\": [\n  {\"name\": \"a\", \"type\": \"countr\"}]}";
    std::fs::write(&registry, text).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let telemetry = radiosonde::init!(
        service = "broken",
        dir = file.join("telemetry"),
        registry = RegistrySource::path(&registry),
        prometheus = format!("127.0.0.1:{port}"),
    );
    tracing::info!("the program runs");
    log::warn!("and logs");
    radiosonde::event!("still.here", "and has events");
    metrics::counter!("anything_total").increment(1);

    let report = telemetry.flush(Duration::from_secs(5));
    let text = report.to_string();
    let problem = |part: &str| {
        let found = report.problems.iter().find(|problem| problem.to_string().contains(part));
        found.unwrap_or_else(|| panic!("no problem says `{part}`: {text}"))
    };
    assert!(!problem("file/telemetry").fix.is_empty());
    let registry_problem = problem("registry.json:3:");
    assert!(registry_problem.what.contains("metrics[0].type"), "{text}");
    if cfg!(feature = "prometheus") {
        let moved = &problem(&format!("port {port} is taken")).fix;
        assert!(moved.contains("prometheus-targets.json"), "{moved}");
        assert!(moved.contains("only this program's user can read"), "{moved}");
        assert!(moved.contains("port 0"), "{moved}");
        assert!(telemetry.prometheus_addr().is_some());
    } else {
        problem("feature `prometheus`");
    }
    assert_eq!(report.problems.len(), 3, "{text}");

    // Nothing of it is lost silently: there is nowhere to put it, and the books say so.
    assert_eq!(report.directory, None);
    assert!(!report.survives_kill);
    let events = &report.events;
    assert_eq!(
        events.offered,
        events.delivered + events.rejected + events.dropped + events.pending
    );
    assert!(events.offered >= 3, "{text}");
    assert_eq!(events.delivered, 0, "{text}");
    assert!(events.dropped_by_reason.iter().any(|(reason, _)| reason == "no_destination"));
}
