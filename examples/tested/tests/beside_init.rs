//! Captures in a process that has telemetry of its own, before, beside and after them. One test: there
//! is one telemetry of a process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;
use std::time::Duration;

use radiosonde::testing::capture;

radiosonde::catalog!("registry.json");

static KEPT: LazyLock<metrics::Counter> = LazyLock::new(|| metrics::counter!("kept_total"));
static TYPED: LazyLock<radiosonde::typed::Counter> =
    LazyLock::new(|| catalog::deliveries_total("kim", catalog::Outcome::Delivered));

fn say(what: &str) {
    radiosonde::event!("said", what = what, "said");
    tracing::info_span!("saying").in_scope(|| tracing::info!(what, "by tracing"));
    log::info!("by log: {what}");
    metrics::counter!("said_total").increment(1);
    catalog::deliveries_total("kim", catalog::Outcome::Returned).increment(1);
    KEPT.increment(1);
    TYPED.increment(1);
    radiosonde::ingest("said_total").succeeded();
}

#[test]
fn captures_and_the_telemetry_of_the_process_know_nothing_of_each_other() {
    capture(|t| {
        tracing::info!("before init");
        log::info!("before init");
        t.assert_log("before init").times(2);
    });
    let directory = tempfile::tempdir().unwrap();
    let telemetry = radiosonde::init!(dir = directory.path(), filter = "info");
    assert_eq!(telemetry.report().problems, [], "a capture has taken no place of init!");
    say("process");
    for _ in 0..3 {
        capture(|t| {
            say("capture");
            radiosonde::spawn_thread(|| say("capture")).join().unwrap();
            t.assert_event("said").with("what", "capture").times(2);
            t.assert_log("by tracing").in_span("saying").times(2);
            t.assert_log("by log: capture").times(2);
            t.assert_metric("said_total", &[]).increased_by(2);
            t.assert_metric("kept_total", &[]).increased_by(2);
            t.assert_metric("deliveries_total", &[("outcome", "returned")]).increased_by(2);
            t.assert_metric("deliveries_total", &[("outcome", "delivered")]).increased_by(2);
            t.assert_metric("metric_ingest_status", &[("metric", "said_total")]).increased_by(2);
            assert_eq!((t.events().len(), t.logs().len(), t.spans().len()), (2, 4, 2));
            t.assert_no_refusals();
        });
    }
    let caught = std::panic::catch_unwind(|| {
        capture(|t| {
            let panicked = radiosonde::spawn_thread(|| panic!("boom")).join();
            assert!(panicked.is_err());
            t.assert_event("panic").saying("boom").once();
            panic!("the test fails");
        });
    });
    assert!(caught.is_err());
    say("process");
    let draft = telemetry.registry_draft();
    assert!(draft.contains("said_total") && draft.contains("kept_total"), "{draft}");
    let report = telemetry.shutdown(Duration::from_secs(20));
    let of_catalogue =
        |problem: &radiosonde::Problem| problem.what.contains("there is no registry");
    assert!(report.problems.iter().all(of_catalogue), "{report}");
    let lines: String = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(!lines.contains("capture") && !lines.contains("boom"), "{lines}");
    let count = |part: &str| lines.lines().filter(|line| line.contains(part)).count();
    let counts =
        [count("\"what\":\"process\""), count("by log: process"), count("\"msg\":\"saying\"")];
    assert_eq!(counts, [4, 2, 2], "{lines}");
    let twice = |name: &str| {
        let of = |line: &&str| line.contains(&format!("\"name\":\"{name}\""));
        lines.lines().filter(of).any(|line| line.contains("\"value\":2"))
    };
    for name in ["said_total", "kept_total", "deliveries_total"] {
        assert!(twice(name), "{name} in {lines}");
    }
}
