//! Records of `log` that come through tracing-log are recorded as they are: from where they are, by
//! the filter for that, and without fields that say so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Lines, Way, capture, capture_filtered};
use log::Log as _;
use radiosonde_record::{Filter, Level, LevelLimits};
use radiosonde_tracing::{Sampler, SpanEvents};
use serde_json::json;
use tracing_log::LogTracer;

/// What a macro of `log` does, where tracing-log is the logger.
fn log(level: log::Level, target: &str, line: u32, message: &str) {
    LogTracer::new().log(
        &log::Record::builder()
            .level(level)
            .target(target)
            .module_path(Some("shop::bank"))
            .file(Some("src/bank.rs"))
            .line(Some(line))
            .args(format_args!("{message} {}", 1 + 1))
            .build(),
    );
}

#[test]
fn a_record_of_log_says_where_it_is_from_and_carries_the_ids_of_its_span() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                tracing::info_span!("pay").in_scope(|| log(log::Level::Warn, "bank", 41, "slow"));
                let bare = log::Record::builder().args(format_args!("bare")).build();
                LogTracer::new().log(&bare);
            },
        );
        let (line, site) = (&lines.events[0], &lines.sites[0]);
        let said = [&line["source"], &line["level"], &line["evt"], &line["msg"]];
        assert_eq!(said, ["bank", "warning", "log", "slow 2"], "{way:?}");
        assert_eq!((&line["meta"], &line["span_id"]), (&json!({}), &lines.spans[0]["span_id"]));
        assert_eq!((&*site.source, &*site.file, site.line), ("bank", "src/bank.rs", 41), "{way:?}");
        let (line, site) = (&lines.events[1], &lines.sites[1]);
        assert_eq!((&line["source"], &line["meta"]), (&json!(""), &json!({})), "{way:?}");
        assert_eq!((&*site.file, site.line), ("", 0), "{way:?}");
    }
}

#[test]
fn the_filter_is_asked_for_the_target_of_the_record() {
    for (directives, expected) in [
        ("info", ["bank error", "bank info", "log info"].as_slice()),
        ("bank=off", &["log info"]),
        ("bank=error", &["bank error", "log info"]),
        ("warn,bank=debug", &["bank error", "bank info", "bank debug"]),
        ("log=off", &["bank error", "bank info"]),
        ("off", &[]),
    ] {
        for way in Way::ALL {
            let (filter, refused) = Filter::parse(directives, Level::Info);
            assert!(refused.is_empty(), "{refused:?}");
            let lines = capture_filtered(
                way,
                filter,
                Sampler::default(),
                |layer| layer,
                || {
                    log(log::Level::Error, "bank", 1, "bank error");
                    log(log::Level::Info, "bank", 2, "bank info");
                    log(log::Level::Debug, "bank", 3, "bank debug");
                    log(log::Level::Info, "log", 4, "log info");
                },
            );
            let expected: Vec<_> = expected.iter().map(|message| format!("{message} 2")).collect();
            assert_eq!(messages(&lines), expected, "{directives} {way:?}");
        }
    }
}

#[test]
fn each_call_site_has_a_rate_limit_of_its_own() {
    let limits = LevelLimits::default().with(Level::Info, 1);
    let lines = capture_filtered(
        Way::Registry,
        Filter::at(Level::Info).limited(limits),
        Sampler::default(),
        |layer| layer,
        || {
            for round in 0..50 {
                log(log::Level::Info, "bank", 5, &format!("fifth {round}"));
            }
            log(log::Level::Info, "bank", 6, "sixth");
        },
    );
    let said = messages(&lines);
    assert!(said.contains(&"fifth 0 2") && said.contains(&"sixth 2"), "{said:?}");
    assert!(said.len() < 50, "{said:?}");
}

#[test]
fn targets_past_the_room_for_call_sites_are_right_all_the_same() {
    const TARGETS: usize = 3_000;
    let lines = capture(
        Way::Own,
        |layer| layer,
        || {
            for nth in 0..TARGETS {
                log(log::Level::Info, &format!("tenant-{nth}"), 7, &format!("of {nth}"));
            }
        },
    );
    assert_eq!(lines.events.len(), TARGETS);
    for (nth, line) in lines.events.iter().enumerate() {
        let expected = (json!(format!("tenant-{nth}")), json!(format!("of {nth} 2")));
        assert_eq!((&line["source"], &line["msg"]), (&expected.0, &expected.1));
    }
}

#[test]
fn as_an_event_of_its_span_a_record_has_its_own_target_and_no_fields() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer.with_span_events(SpanEvents::All),
            || {
                let span = tracing::info_span!("pay");
                span.in_scope(|| log(log::Level::Error, "bank", 8, "gone"));
            },
        );
        let meta = &lines.span("pay")["meta"];
        assert_eq!(meta["status"], "error", "{way:?}");
        let [event] = meta["events"].as_array().unwrap().as_slice() else { panic!("{meta}") };
        assert_eq!(event["name"], "gone 2", "{way:?}");
        assert_eq!(event["attributes"], json!({"level": "error", "target": "bank"}), "{way:?}");
    }
}

#[test]
fn what_only_looks_like_a_record_of_log_is_recorded_somehow() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                tracing::info!(name: "log event", target: "log", other = 1, "other fields");
                tracing::event!(target: "log", tracing::Level::INFO,
                    message = "another name", log.target = "bank");
                // The fields, in another order, and of other types.
                tracing::event!(name: "log event", target: "log", tracing::Level::INFO,
                    message = "wrong types", log.target = 17, log.module_path = 1.5, log.file = true,
                    log.line = u64::MAX);
            },
        );
        let [other, name, types] = lines.events.as_slice() else { panic!("{lines}") };
        assert_eq!(other["meta"], json!({"other": 1}), "{way:?}");
        assert_eq!(name["meta"], json!({"log.target": "bank"}), "{way:?}");
        assert_eq!((&types["source"], &types["msg"]), (&json!("log"), &json!("wrong types")));
        assert_eq!((&types["meta"], lines.sites[2].line), (&json!({}), 0), "{way:?}");
    }
}

fn messages(lines: &Lines) -> Vec<&str> {
    lines.events.iter().map(|line| line["msg"].as_str().unwrap()).collect()
}
