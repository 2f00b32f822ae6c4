//! The parts of a `tracing` event land where they belong, wherever its message stands and whatever
//! its formatters do meanwhile.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fmt;
use std::time::Duration;

use radiosonde::{Attached, scope};
use serde_json::json;

/// Enters a scope when it is formatted, and leaves it only afterwards.
struct Enters(std::cell::RefCell<Option<Attached>>);

impl fmt::Display for Enters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        *self.0.borrow_mut() = Some(scope().worker("entered").enter());
        f.write_str("value")
    }
}

#[test]
fn each_part_of_an_event_is_where_it_belongs() {
    let telemetry = radiosonde::init!();
    let name = "name";
    tracing::info!(case = 1, name, shown = %name, "first");
    tracing::info!(case = 2, message = "in the middle", flag = true);
    tracing::info!(case = 3, ratio = 0.5, message = %"at the end");
    tracing::info!(case = 4, large = u64::MAX, small = i64::MIN);
    tracing::info!(case = 5, debug = ?Some(1), "with {} arguments", 1);
    tracing::info!(case = 6, missing = tracing::field::Empty, none = None::<u8>, "some left out");
    let outer = tracing::info_span!("parent");
    tracing::info!(parent: &outer, case = 7, "of a parent");

    telemetry.flush(Duration::from_secs(20));
    let lines = common::event_lines(telemetry.directory().unwrap());
    let of = |case: u64| {
        let found: Vec<_> = lines.iter().filter(|line| line["meta"]["case"] == case).collect();
        assert_eq!(found.len(), 1, "case {case} of {lines:#?}");
        let mut meta = found[0]["meta"].clone();
        meta.as_object_mut().unwrap().remove("case");
        (found[0]["msg"].as_str().unwrap_or_default().to_owned(), meta)
    };
    let expected = [
        ("first", json!({"name": "name", "shown": "name"})),
        ("in the middle", json!({"flag": true})),
        ("at the end", json!({"ratio": 0.5})),
        ("", json!({"large": u64::MAX, "small": i64::MIN})),
        ("with 1 arguments", json!({"debug": "Some(1)"})),
        ("some left out", json!({})),
        ("of a parent", json!({})),
    ];
    for (case, (message, meta)) in (1..).zip(expected) {
        assert_eq!(of(case), (message.to_owned(), meta), "case {case}");
    }
    let of_parent = lines.iter().find(|line| line["msg"] == "of a parent").unwrap();
    assert_eq!(of_parent["trace_id"].as_str().unwrap().len(), 32);
}

#[test]
fn a_formatter_may_enter_a_scope_and_stay() {
    let telemetry = radiosonde::init!();
    let value = Enters(Default::default());
    tracing::info!(%value, "entering by tracing");
    tracing::info!("entered by tracing");
    drop(value.0.take());
    log::info!("entering by log: {value}");
    log::info!("entered by log");
    drop(value.0.take());
    tracing::info!("left");

    telemetry.flush(Duration::from_secs(20));
    let lines = common::event_lines(telemetry.directory().unwrap());
    let worker = |message: &str| {
        let line = lines.iter().find(|line| line["msg"] == message);
        line.unwrap_or_else(|| panic!("no line says `{message}`: {lines:#?}"))["worker_id"].clone()
    };
    for entering in ["entering by tracing", "entering by log: value", "left"] {
        assert!(worker(entering).is_null(), "{entering}");
    }
    for entered in ["entered by tracing", "entered by log"] {
        assert_eq!(worker(entered), "entered", "{entered}");
    }
}
