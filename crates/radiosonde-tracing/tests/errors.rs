//! What a line says of a span in which something failed.

mod common;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Way, capture};
use radiosonde_tracing::{Counted, SpanCounts, SpanEvents, SpanLimits};
use serde_json::{Value, json};

#[derive(Debug)]
struct Failed(&'static str, Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

fn failure() -> Failed {
    Failed("saving", Some(Box::new(Failed("disk full", Some(Box::new(Failed("quota", None)))))))
}

#[tracing::instrument(err)]
fn save() -> Result<(), Failed> {
    Err(failure())
}

/// Status, message, and the attributes of the exceptions.
fn outcome(span: &Value) -> (Value, Value, Vec<Value>) {
    let meta = &span["meta"];
    let events = meta["events"].as_array().cloned().unwrap_or_default();
    let exceptions = events.into_iter().filter(|event| event["name"] == "exception");
    let exceptions = exceptions.map(|event| event["attributes"].clone()).collect();
    (meta["status"].clone(), meta["status_message"].clone(), exceptions)
}

#[test]
fn instrument_err_makes_an_exception_of_its_span() {
    for way in Way::ALL {
        let lines = capture(way, |layer| layer, || drop(save()));
        let (status, message, exceptions) = outcome(lines.span("save"));
        assert_eq!((status, message), (json!("error"), json!("saving")), "{way:?}");
        assert_eq!(exceptions, [json!({"exception.message": "saving"})]);
        assert_eq!(lines.events.len(), 1, "the event has its own line as well");
    }
}

#[test]
fn an_error_value_brings_its_sources() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let error = failure();
                let error: &(dyn Error + 'static) = &error;
                tracing::info_span!("event").in_scope(|| tracing::error!(error, "no luck"));
                tracing::info_span!("field", error);
                let later = tracing::info_span!("later", error = tracing::field::Empty);
                later.record("error", error);
            },
        );
        let expected = json!({
            "exception.message": "saving",
            "exception.stacktrace": "caused by: disk full\ncaused by: quota",
        });
        for name in ["event", "field", "later"] {
            let (status, message, exceptions) = outcome(lines.span(name));
            assert_eq!((status, message), (json!("error"), json!("saving")), "{way:?} {name}");
            assert_eq!(exceptions, std::slice::from_ref(&expected), "{way:?} {name}");
        }
        let attribute = &lines.span("later")["meta"]["attributes"]["error"];
        assert_eq!(attribute, "saving: disk full: quota");
    }
}

#[test]
fn the_status_is_set_as_the_specification_says() {
    type Steps = fn(&tracing::Span);
    let cases: [(&str, Steps, &str, Option<&str>); 8] = [
        ("nothing", |_| {}, "unset", None),
        ("an error", |span| _ = span.record("otel.status_code", "error"), "error", None),
        (
            "its description",
            |span| _ = span.record("otel.status_description", "late"),
            "error",
            Some("late"),
        ),
        (
            "ok is final",
            |span| {
                span.record("otel.status_code", "OK").record("otel.status_code", "ERROR");
                span.record("otel.status_description", "late");
                span.in_scope(|| tracing::error!("failed"));
            },
            "ok",
            None,
        ),
        (
            "ok after an error",
            |span| {
                span.record("otel.status_description", "late").record("otel.status_code", "ok");
            },
            "ok",
            None,
        ),
        (
            "unset changes nothing",
            |span| {
                span.record("otel.status_code", "error").record("otel.status_code", "unset");
            },
            "error",
            None,
        ),
        ("an error event", |span| span.in_scope(|| tracing::error!("failed")), "error", None),
        (
            "a warning",
            |span| span.in_scope(|| tracing::warn!(error = "small", "failed")),
            "unset",
            None,
        ),
    ];
    for way in Way::ALL {
        for (what, steps, status, message) in cases {
            let lines = capture(
                way,
                |layer| layer,
                || {
                    steps(&tracing::info_span!(
                        "span",
                        otel.status_code = tracing::field::Empty,
                        otel.status_description = tracing::field::Empty
                    ));
                },
            );
            let found = outcome(lines.span("span"));
            assert_eq!((&found.0, found.1.as_str()), (&json!(status), message), "{way:?} {what}");
        }
    }
}

#[test]
fn a_panic_marks_the_spans_it_ends_and_no_others() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            tracing::info_span!("clean_up").in_scope(|| {});
        }
    }
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let _outside = tracing::info_span!("outside").entered();
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _inside = tracing::info_span!("inside").entered();
                    let _guard = Guard;
                    std::panic::resume_unwind(Box::new("boom"));
                }));
                assert!(caught.is_err());
            },
        );
        let status = |name| outcome(lines.span(name));
        assert_eq!(status("inside"), (json!("error"), json!("panicked"), vec![]), "{way:?}");
        assert_eq!(status("clean_up").0, "unset", "{way:?}");
        assert_eq!(status("outside").0, "unset", "{way:?}");
    }
}

#[test]
fn all_events_are_in_their_span_on_request() {
    for way in Way::ALL {
        let make = |layer: radiosonde_tracing::Layer| layer.with_span_events(SpanEvents::All);
        let lines = capture(way, make, || {
            tracing::info_span!("span").in_scope(|| {
                tracing::info!(items = 3, ok = true, ratio = 0.5, password = "hunter2", "rendered");
                tracing::error!(error = "e", "failed");
            });
        });
        let events = lines.span("span")["meta"]["events"].as_array().unwrap().clone();
        let names: Vec<_> = events.iter().map(|event| event["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["rendered", "exception"], "{way:?}");
        let attributes = &events[0]["attributes"];
        assert_eq!(attributes["items"], 3);
        assert_eq!(attributes["ok"], true);
        assert_eq!(attributes["ratio"], 0.5);
        assert_eq!(attributes["level"], "info");
        assert_eq!(attributes["password"], "[redacted]", "{way:?}");
        assert!(events[0]["ts"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn secrets_in_exceptions_are_hidden_as_anywhere() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                tracing::info_span!("span").in_scope(|| {
                    tracing::error!(
                        error = "refused: Bearer abcdefghijklmnopqrstuvwxyz0123456789",
                        "no"
                    );
                });
            },
        );
        let line = lines.span("span").to_string();
        assert!(!line.contains("abcdefghijklmnopqrstuvwxyz0123456789"), "{way:?} {line}");
        assert!(line.contains("refused"), "{way:?} {line}");
    }
}

#[test]
fn limits_hold_and_say_what_they_cost() {
    let mut limits = SpanLimits::default();
    (limits.attributes, limits.events, limits.value_length) = (2, 3, Some(4));
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let make = |layer: radiosonde_tracing::Layer| {
            layer.with_limits(limits).with_span_events(SpanEvents::All).with_counts(&counts)
        };
        let lines = capture(way, make, || {
            let span = tracing::info_span!("span", a = "ααααα", b = %"bbbbbb", c = 3);
            // A key that is there already is no further attribute.
            span.record("a", "again");
            // And one that is left out is the same one each time.
            span.record("c", 4).record("c", tracing::field::debug(5));
            span.in_scope(|| (0..10).for_each(|_| tracing::info!("event")));
        });
        let meta = &lines.span("span")["meta"];
        let attributes = json!({"a": "agai", "b": "bbbb", "truncated": true});
        assert_eq!(meta["attributes"], attributes, "{way:?}");
        assert_eq!(meta["dropped_attributes_count"], 1);
        assert_eq!(meta["events"].as_array().unwrap().len(), 3);
        assert_eq!(meta["dropped_events_count"], 7);
        assert_eq!(counts.of(Counted::DroppedAttribute), 1);
        assert_eq!(counts.of(Counted::DroppedEvent), 7);
    }
}

#[test]
fn formatters_that_never_end_or_panic_are_bounded_and_named() {
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("αβ")?;
            }
        }
    }
    struct Panicking;
    impl fmt::Display for Panicking {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            std::panic::resume_unwind(Box::new("boom"))
        }
    }
    let mut limits = SpanLimits::default();
    limits.value_length = Some(40);
    let before = radiosonde_record::format_panics();
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer.with_limits(limits),
            || {
                tracing::info_span!("span", endless = %Endless, panicking = %Panicking)
                    .in_scope(|| tracing::error!(error = %Endless, "failed"));
            },
        );
        let attributes = &lines.span("span")["meta"]["attributes"];
        assert_eq!(attributes["endless"], "αβ".repeat(20), "{way:?}");
        assert_eq!(attributes["panicking"], "[panicked while formatting]", "{way:?}");
    }
    assert!(radiosonde_record::format_panics() >= before + 3);
}

#[test]
fn a_value_recorded_over_and_over_keeps_its_last_one() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let span = tracing::info_span!("loop", done = 0u64, name = "n");
                (1..=100_000_u64).for_each(|done| _ = span.record("done", done));
            },
        );
        let line = lines.span("loop");
        assert_eq!(line["meta"]["attributes"], json!({"done": 100_000, "name": "n"}), "{way:?}");
    }
}

#[test]
fn fields_of_opentelemetry_say_what_they_say_there() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                tracing::info_span!(
                    "s",
                    otel.name = "GET /orders",
                    otel.kind = "server",
                    code.x = 1
                );
            },
        );
        let line = lines.span("GET /orders");
        assert_eq!(line["meta"]["kind"], "server", "{way:?}");
        assert_eq!(line["meta"]["attributes"], json!({"code.x": 1}), "{way:?}");
    }
}
