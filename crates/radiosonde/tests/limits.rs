//! Limits by level, over all three front ends, to the line that says what they held back; and the
//! ids that a record of `log` carries.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use radiosonde::Level;
const CALLS: u64 = 500;
const LIMIT: u64 = 20;
const WARNINGS: u64 = 100;

fn second() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[test]
fn every_call_site_has_its_limit_and_one_line_says_what_was_held_back() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = radiosonde::init!(
        service = "limits",
        dir = directory.path(),
        profile = radiosonde::Profile::Cli,
        filter = "info,limits::loud=debug",
        rate_limits = {Level::Info => LIMIT as u32, Level::Critical => 1},
    );
    assert_eq!(log::max_level(), log::LevelFilter::Debug, "of the filter's lowest level");

    let begin = second();
    tracing::info_span!("work", job_id = "job-7").in_scope(|| {
        for n in 0..CALLS {
            radiosonde::event!("by.event", n, "event");
            tracing::info!(n, "tracing");
            log::info!("log {n}");
            if n < WARNINGS {
                log::warn!("no limit for warnings");
            }
        }
    });
    let seconds = second() - begin + 1;
    let report = telemetry.shutdown(Duration::from_secs(20));
    assert_eq!(report.problems, []);

    let mut passed = BTreeMap::<String, u64>::new();
    let mut summaries = Vec::new();
    for line in common::event_lines(directory.path()) {
        match line["evt"].as_str().unwrap() {
            "telemetry.suppressed" => summaries.push(line),
            "by.event" => *passed.entry("event".to_owned()).or_default() += 1,
            "log" => {
                let message = line["msg"].as_str().unwrap();
                let kind = message.split(' ').next().unwrap();
                *passed.entry(kind.to_owned()).or_default() += 1;
                assert_eq!(line["job_id"], "job-7", "{line}");
                assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
                assert_eq!(line["source"], "limits");
            }
            other => panic!("{other}: {line}"),
        }
    }
    assert_eq!(passed.remove("no"), Some(WARNINGS), "warnings have no limit");
    assert_eq!(passed.len(), 3, "{passed:?}");
    for (kind, passed) in &passed {
        assert!((LIMIT..=LIMIT * seconds).contains(passed), "{kind}: {passed}");
    }
    let held_back = 3 * CALLS - passed.values().sum::<u64>();
    assert_eq!(report.events.dropped, held_back, "{report}");
    let by_level = [("rate_limited".to_owned(), "info".to_owned(), held_back)];
    assert_eq!(report.events.dropped_by_level, by_level, "{report}");
    // Usually one; one more for each minute this took.
    let said: u64 = summaries.iter().map(|line| line["meta"]["suppressed"].as_u64().unwrap()).sum();
    assert_eq!(said, held_back);
    let last = &summaries[0];
    assert_eq!((&last["level"], &last["source"]), (&"warning".into(), &"radiosonde".into()));
    assert!(last["msg"].as_str().unwrap().contains("held back by rate limits"), "{last}");
    let sites = last["meta"]["by_call_site"].as_array().unwrap();
    assert_eq!(sites.len(), 3, "{last}");
    for site in sites {
        assert!(site["file"].as_str().unwrap().ends_with("limits.rs"), "{site}");
        assert_eq!((&site["level"], &site["source"]), (&"info".into(), &"limits".into()));
    }
    let by_sites: u64 = sites.iter().map(|site| site["count"].as_u64().unwrap()).sum();
    assert_eq!(last["meta"]["by_level"]["info"], by_sites);
}
