//! What is too long is cut, and the line, the books and the counts say so.

mod common;

use std::error::Error;
use std::fmt;

use common::{Way, capture};
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, TraceState};
use radiosonde_tracing::{Counted, SpanCounts, SpanEvents, SpanLimits, add_link, set_parent};
use serde_json::{Value, json};
use tracing::Span;
use tracing::field::Empty;

const CUTS: [Counted; 4] =
    [Counted::CutAttribute, Counted::CutEvent, Counted::CutMessage, Counted::CutName];

fn long() -> String {
    "é".repeat(20_000)
}

/// What is left of 40,000 bytes.
fn cut(bytes: usize) -> Value {
    json!(format!("{}…[cut, 40000 bytes in all]", "é".repeat(bytes / 2)))
}

fn span() -> Span {
    tracing::info_span!("span", text = Empty, otel.name = Empty, otel.status_description = Empty)
}

#[test]
fn each_cut_leaves_a_mark_and_is_counted() {
    type Case = (&'static str, fn(&Span), [u64; 4], fn(&Value));
    let cases: [Case; 8] = [
        (
            "nothing",
            |span| _ = span.record("text", "short"),
            [0; 4],
            |line| {
                assert_eq!(line["meta"]["attributes"], json!({"text": "short"}));
            },
        ),
        (
            "an attribute",
            |span| _ = span.record("text", long()),
            [1, 0, 0, 0],
            |line| {
                assert_eq!(line["meta"]["attributes"]["text"], cut(12 * 1024));
            },
        ),
        (
            "the status message",
            |span| _ = span.record("otel.status_description", long()),
            [0, 0, 1, 0],
            |line| assert_eq!(line["meta"]["status_message"], cut(2048)),
        ),
        (
            "a name",
            |span| _ = span.record("otel.name", long()),
            [0, 0, 0, 1],
            |line| {
                assert_eq!(line["meta"]["name"], cut(448));
                assert_eq!(line["msg"], cut(448));
            },
        ),
        (
            "a name that is another then",
            |span| _ = span.record("otel.name", long()).record("otel.name", "short"),
            [0; 4],
            |line| assert_eq!(line["meta"]["name"], "short"),
        ),
        (
            "a formatted name",
            |span| _ = span.record("otel.name", tracing::field::debug(long())),
            [0, 0, 0, 1],
            |line| {
                let name = line["meta"]["name"].as_str().unwrap();
                assert!(name.starts_with('é') && name.ends_with("é…[cut]"), "{name}");
            },
        ),
        (
            "the name of an event",
            |span| span.in_scope(|| tracing::info!("{}", long())),
            [0, 1, 0, 0],
            |line| {
                let event = &line["meta"]["events"][0];
                assert!(event["name"].as_str().unwrap().ends_with("é…[cut]"), "{event}");
                assert_eq!(event["attributes"]["truncated"], true);
            },
        ),
        (
            "an attribute of an event",
            |span| span.in_scope(|| tracing::info!(text = long(), "event")),
            [0, 1, 0, 0],
            |line| {
                let attributes = &line["meta"]["events"][0]["attributes"];
                assert_eq!(attributes["text"], cut(12 * 1024));
                assert_eq!(attributes["truncated"], true);
            },
        ),
    ];
    for way in Way::ALL {
        for (what, make, expected, check) in cases {
            let counts = SpanCounts::default();
            let lines = capture(
                way,
                |layer| layer.with_counts(&counts).with_span_events(SpanEvents::All),
                || make(&span()),
            );
            let line = &lines.spans[0];
            check(line);
            let is_cut = u64::from(expected.iter().any(|count| *count > 0));
            let says_so = line["meta"]["attributes"].get("truncated").is_some();
            assert_eq!((says_so, lines.truncated), (is_cut > 0, is_cut), "{way:?} {what}: {line}");
            assert_eq!(CUTS.map(|cut| counts.of(cut)), expected, "{way:?} {what}");
        }
    }
}

#[test]
fn an_exception_that_is_too_long_says_so_in_event_and_status() {
    #[derive(Debug)]
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("again and ")?;
            }
        }
    }
    impl Error for Endless {}
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let lines = capture(
            way,
            |layer| layer.with_counts(&counts),
            || {
                let error: &(dyn Error + 'static) = &Endless;
                tracing::info_span!("value").in_scope(|| tracing::error!(error, "failed"));
                tracing::info_span!("text").in_scope(|| tracing::error!(error = long(), "failed"));
            },
        );
        for (name, marker, least) in
            [("value", "…[cut]", 12_000), ("text", "…[cut, 40000 bytes in all]", 12_000)]
        {
            let meta = &lines.span(name)["meta"];
            let message = meta["status_message"].as_str().unwrap();
            let attributes = &meta["events"][0]["attributes"];
            let whole = attributes["exception.message"].as_str().unwrap();
            assert!(whole.len() > least && whole.ends_with(marker), "{way:?} {name}: {whole}");
            assert!((2000..2100).contains(&message.len()), "{way:?} {name}: {message}");
            assert!(message.ends_with("…[cut]"), "{way:?} {name}: {message}");
            assert_eq!(attributes["truncated"], true, "{way:?} {name}");
            assert_eq!(meta["attributes"]["truncated"], true, "{way:?} {name}");
        }
        assert_eq!(CUTS.map(|cut| counts.of(cut)), [0, 2, 2, 0], "{way:?}");
    }
}

#[test]
fn what_an_event_leaves_out_is_said_in_it() {
    let mut limits = SpanLimits::default();
    limits.event_attributes = 1;
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let make = |layer: radiosonde_tracing::Layer| {
            layer.with_limits(limits).with_span_events(SpanEvents::All).with_counts(&counts)
        };
        let lines = capture(way, make, || {
            let span = tracing::info_span!("span");
            span.in_scope(|| tracing::error!(error = "small", error.type = "E", "failed"));
            span.in_scope(|| tracing::info!(a = 1, b = 2, "event"));
        });
        let events = lines.span("span")["meta"]["events"].as_array().unwrap().clone();
        let attributes = events.iter().map(|event| event["attributes"].clone());
        let expected =
            [json!({"exception.type": "E", "truncated": true}), json!({"a": 1, "truncated": true})];
        assert_eq!(attributes.collect::<Vec<_>>(), expected, "{way:?}");
        // The message of the exception; of the event `b`, level and target.
        assert_eq!(counts.of(Counted::DroppedAttribute), 4, "{way:?}");
        assert_eq!(counts.of(Counted::CutEvent), 1, "{way:?}: one span");
    }
}

#[test]
fn the_trace_state_has_room_however_much_a_span_has() {
    let state = format!("rojo={},congo={}", "r".repeat(250), "c".repeat(240));
    let remote = Context::default().with_remote_span(
        TraceId::random(),
        SpanId::random(),
        TraceFlags::SAMPLED,
        Some(TraceState::parse(&state).unwrap()),
    );
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer.with_span_events(SpanEvents::All),
            || {
                let span = tracing::info_span!("span");
                set_parent(&span, &remote);
                (0..200).for_each(|_| add_link(&span, &remote));
                span.in_scope(|| {
                    (0..200).for_each(|_| tracing::info!(text = "x".repeat(100), "event"));
                });
            },
        );
        let meta = &lines.span("span")["meta"];
        assert_eq!(meta["trace_state"], state, "{way:?}");
        assert!(meta["dropped_events_count"].as_u64() > Some(0), "{way:?}: there was no room");
        assert!(meta["dropped_links_count"].as_u64() > Some(0), "{way:?}");
    }
}

#[test]
fn a_known_attribute_is_brought_up_to_date_where_there_is_no_room_for_more() {
    let mut limits = SpanLimits::default();
    limits.attributes = 3;
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer.with_limits(limits),
            || {
                let span = tracing::info_span!("full", a = 1, b = 2, c = 3, d = 4, e = Empty);
                span.record("e", 5).record("a", "text").record("b", tracing::field::debug("new"));
                let text = |letter: &str, length| letter.repeat(length);
                let span =
                    tracing::info_span!("long", a = text("a", 12_000), b = text("b", 12_000));
                for nth in 0..1000_usize {
                    span.record("a", text("c", 11_000 + nth)).record("b", nth);
                    span.record("b", text("d", 12_000 - nth));
                }
            },
        );
        let full = &lines.span("full")["meta"];
        assert_eq!(full["attributes"], json!({"a": "text", "b": "\"new\"", "c": 3}), "{way:?}");
        assert_eq!(full["dropped_attributes_count"], 2);
        let long = &lines.span("long")["meta"]["attributes"];
        let expected = json!({"a": "c".repeat(11_999), "b": "d".repeat(11_001)});
        assert_eq!(*long, expected, "{way:?}");
    }
}
