//! What is said where a test's expectation does not hold: what there is, the closest first.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use radiosonde::Level;
use radiosonde::testing::{Capture, Captured, capture};

/// The message of an assertion that fails.
fn message(assertion: impl FnOnce()) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(assertion)).expect_err("it should not hold");
    panicked.downcast_ref::<String>().cloned().expect("a message")
}

/// Whether the parts stand in a text, in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("`{part}` is not where it should be in:\n{text}");
        };
        rest = after;
    }
}

fn story(t: &Captured) {
    radiosonde::scope().job("job-1").run(|| {
        let _request = tracing::info_span!("request").entered();
        radiosonde::event!("user.action", type = "scroll", "scrolled");
        radiosonde::event!("user.left", "left");
        tracing::info_span!("checkout", items = 3).in_scope(|| tracing::error!("declined"));
    });
    metrics::counter!("runs_total", "outcome" => "success").increment(2);
    metrics::counter!("runs_total", "outcome" => "failure").increment(1);
    metrics::gauge!("depth").set(3.0);
    metrics::histogram!("seconds").record(0.5);
    assert_eq!(t.lines().len(), 5, "{:?}", t.lines());
}

#[test]
fn what_is_closest_stands_first_with_what_is_different() {
    capture(|t| {
        story(t);
        type Case<'c> = (&'c dyn Fn(), &'c [&'c str]);
        let cases: [Case<'_>; 14] = [
            (
                &|| drop(t.assert_event("user.action").with("type", "click")),
                &[
                    "no event `user.action`, with type = \"click\"",
                    "2 events were captured, the closest first:",
                    "user.action",
                    "type is \"scroll\"",
                    "user.left",
                    "is called `user.left`",
                    "has no type",
                    "recorded from level info on",
                ],
            ),
            (
                &|| drop(t.assert_event("user.came")),
                &["no event `user.came`", "is called `user.action`"],
            ),
            (
                &|| drop(t.assert_event("user.action").times(2)),
                &["1 event, not 2, `user.action`", "scrolled"],
            ),
            (
                &|| drop(t.assert_log("declined").at_level(Level::Warning)),
                &["no log line saying \"declined\", of level warning", "is of level error"],
            ),
            (
                &|| drop(t.assert_event("user.left").in_span("checkout")),
                &["in the span `checkout`", "is in request"],
            ),
            (
                &|| drop(t.assert_log("declined").in_span("nowhere")),
                &["in the span `nowhere`", "is in request > checkout"],
            ),
            (
                &|| drop(t.assert_event("user.left").of_job("job-2")),
                &["with job_id = \"job-2\"", "job_id is \"job-1\""],
            ),
            (
                &|| drop(t.assert_span("checkout").is_child_of("user")),
                &["no span `checkout`, as a child of `user`", "is a child of `request`"],
            ),
            (
                &|| drop(t.assert_span("checkout").is_root()),
                &["as a root", "is a child of `request`"],
            ),
            (
                &|| drop(t.assert_span("request").failed()),
                &["with the status `error`", "has the status `unset`"],
            ),
            (
                &|| drop(t.assert_span("checkout").with("items", "3")),
                &["with items = \"3\"", "items is 3"],
            ),
            (&|| t.assert_no_event("user.left"), &["an event `user.left` was captured", "left"]),
            (
                &|| t.assert_none_at(Level::Error),
                &["of level error or above was captured", "declined"],
            ),
            (
                &|| drop(t.assert_span("checkout").with("items", 3).times(2)),
                &["1 span, not 2, `checkout`, with items = 3", "SPAN   checkout", "error"],
            ),
        ];
        for (assertion, parts) in cases {
            in_order(&message(assertion), parts);
        }
    });
}

#[test]
fn metrics_say_what_became_of_them() {
    let registry = r#"{"schema_version": 1, "labels": {"outcome": {"values": ["success", "failure"]}},
        "metrics": [
          {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "labels": ["outcome"]},
          {"name": "depth", "type": "gauge", "unit": "items", "help": "Depth.", "labels": []},
          {"name": "seconds", "type": "histogram", "unit": "seconds", "help": "Time.", "labels": [],
           "buckets": [1]}]}"#;
    Capture::new().registry(registry).run(|t| {
        story(t);
        metrics::counter!("runs_total", "outcome" => "maybe").increment(1);
        let success: &[(&str, &str)] = &[("outcome", "success")];
        type Case<'c> = (&'c dyn Fn(), &'c [&'c str]);
        let cases: [Case<'_>; 11] = [
            (
                &|| drop(t.assert_metric("runs_total", success).increased_by(1)),
                &[
                    "metric `runs_total{outcome=\"success\"}` increased by 2, not by 1",
                    "metrics that are there, its own first:",
                    "runs_total{outcome=\"failure\"} 1",
                    "runs_total{outcome=\"success\"} 2",
                    "depth 3",
                    "refused:",
                    "maybe",
                ],
            ),
            (
                &|| drop(t.assert_metric("runs_total", &[]).unchanged()),
                &["was written to: runs_total 3"],
            ),
            (
                &|| drop(t.assert_metric("runs_total", &[]).is(3)),
                &["is 2 series: name more of its labels"],
            ),
            (&|| drop(t.assert_metric("depth", &[]).is(4)), &["metric `depth` is 3, not 4"]),
            (
                &|| drop(t.assert_metric("dept", &[]).is(4)),
                &["metric `dept` was not written", "the most alike first:\n  depth 3"],
            ),
            (
                &|| drop(t.assert_metric("run_total", &[]).increased_by(1)),
                &["metric `run_total` was not written", "the most alike first:\n  runs_total"],
            ),
            (&|| drop(t.assert_metric("depth", &[]).increased_by(3)), &["is no counter", "`is`"]),
            (&|| drop(t.assert_metric("seconds", &[]).increased_by(1)), &["is no counter"]),
            (&|| drop(t.assert_metric("seconds", &[]).counted(2)), &["counted 1, not 2"]),
            (
                &|| drop(t.assert_metric("seconds", &[]).summed(0.25)),
                &["has the sum 0.5, not 0.25"],
            ),
            (&|| t.assert_no_refusals(), &["writes to metrics were refused", "runs_total"]),
        ];
        for (assertion, parts) in cases {
            in_order(&message(assertion), parts);
        }
        t.assert_metric("runs_total", &[("outcome", "unknown")]).unchanged().increased_by(0);
        let _holds = t.assert_metric("runs_total", &[]).increased_by(3_u64);
    });
}

#[test]
fn why_something_may_not_be_there_is_said() {
    capture(|t| {
        std::thread::spawn(|| tracing::info!("elsewhere")).join().unwrap();
        let _open = tracing::info_span!("open").entered();
        let plain = ["none was captured", "plain spawns", "t.inside", "t.wrap"];
        in_order(&message(|| drop(t.assert_log("elsewhere"))), &plain);
        let open = ["no span `open`", "1 span of that name open: ask when it has ended"];
        in_order(&message(|| drop(t.assert_span("open"))), &open);
    });
}

#[test]
fn after_its_end_a_capture_shows_what_there_was() {
    let (t, written) = capture(|t| {
        let written = metrics::counter!("runs_total");
        written.increment(1);
        (t.clone(), written)
    });
    written.increment(1);
    t.assert_metric("runs_total", &[]).increased_by(1);
}

#[test]
fn the_story_is_told_in_order() {
    capture(|t| {
        story(t);
        let _open = tracing::info_span!("open").entered();
        in_order(
            &t.text(),
            &[
                "INFO",
                "user.action  request: scrolled",
                "user.left",
                "ERROR",
                "request > checkout:",
                "declined",
                "SPAN   checkout",
                "items=3",
                "job=job-1",
                "SPAN   request",
                "open: open, ",
                "metric depth 3",
                "metric runs_total{outcome=\"failure\"} 1",
                "metric seconds 1 value, sum 0.5",
            ],
        );
        assert_eq!(t.open_spans().len(), 1);
        let spans = t.spans().with("items", 3).of_job("job-1");
        assert_eq!(
            (spans.len(), spans[0].status(), spans[0].number("items")),
            (1, "error", Some(3.0))
        );
        assert_eq!(spans[0].fields(), [("items".to_owned(), "3".to_owned())]);
        let left = t.events().saying("left").at_level(Level::Info);
        assert_eq!(left[0].trace_id(), spans[0].trace_id());
        assert!(left[0].trace_id().is_some());
    });
}

#[test]
fn what_a_job_does_to_a_metric_is_a_line() {
    capture(|t| {
        radiosonde::scope().job("job-1").run(|| metrics::counter!("runs_total").increment(2));
        let lines = t.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].contains(r#""job_id":"job-1""#) && lines[0].contains("runs_total"),
            "{lines:?}"
        );
    });
}

#[test]
fn what_is_past_the_limit_is_told_and_nothing_can_be_said_to_be_absent() {
    capture(|t| {
        for _ in 0..100_010 {
            radiosonde::event!("many", "one of many");
        }
        assert_eq!(t.events().len(), 100_000);
        let text = message(|| t.assert_no_event("another"));
        in_order(&text, &["cannot be said", "10 records past the 100,000"]);
        let text = message(|| drop(t.assert_event("another")));
        in_order(&text, &["and 99980 more", "10 records past the 100,000"]);
    });
}

#[test]
fn a_registry_that_cannot_be_used_and_a_filter_that_is_none_make_the_test_fail() {
    let text = message(|| Capture::new().registry("{").run(|_| ()));
    in_order(&text, &["the registry of a capture cannot be used"]);
    let text = message(|| drop(Capture::new().filter("info,a=loud")));
    in_order(&text, &["is not understood at `a=loud`", "target=level"]);
}

#[test]
fn the_place_is_the_callers() {
    let (sender, places) = std::sync::mpsc::channel();
    let (me, before) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() != me {
            return before(info);
        }
        let _sent = sender.send(info.location().map(|place| place.file().to_owned()));
    }));
    capture(|t| {
        for assertion in [
            (&|| drop(t.assert_event("user.came"))) as &dyn Fn(),
            &|| drop(t.assert_metric("runs_total", &[]).increased_by(1)),
            &|| drop(t.assert_metric("runs_total", &[]).is(1)),
        ] {
            let _message = message(assertion);
            let place = places.recv().unwrap().unwrap();
            assert!(place.ends_with("messages.rs"), "{place}");
        }
    });
}
