//! A second `init!` is a problem in the report of the first, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[test]
fn a_second_init_in_one_process_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    // As an application would: these services are not in test.
    let service = radiosonde::Service::new("app", "1.0.0");
    let first = radiosonde::Config::new(service).dir(directory.path()).init();
    assert_eq!(first.report().problems, []);
    let second = radiosonde::Config::new(service).init();
    assert!(second.report().problems[0].what.contains("second time"));
    drop(second);
    radiosonde::event!("after.the.second", "the second guard ends nothing");
    let report = first.shutdown(std::time::Duration::from_secs(20));
    assert_eq!(report.events.dropped, 0, "{report}");
    assert_eq!(report.events.pending, 0);

    let error = radiosonde::Config::new(service).try_init().unwrap_err();
    assert!(error.to_string().contains("after telemetry was shut down"), "{error}");
}
