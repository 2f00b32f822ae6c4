//! Fields of spans: numbers stay with the span they were given, and formatters that panic leave nothing
//! behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fmt;
use std::panic::catch_unwind;

use common::capture;
use opentelemetry::Context as OtelContext;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, scope};
use tracing::{debug_span, info, info_span};

/// A field whose formatter runs this.
struct Runs<F>(F);

impl<F: Fn()> fmt::Debug for Runs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("done")
    }
}

#[test]
fn numbers_of_a_span_that_is_held_back_are_nobody_elses() {
    let lines = capture(|_| {
        info_span!("outer", attempt = 1_u64, left = tracing::field::Empty).in_scope(|| {
            let held_back =
                debug_span!("held back", attempt = 99_u64, size = 5_usize, left = 7_u64);
            held_back.record("left", 8_u64);
            held_back.in_scope(|| {
                held_back.record("left", 9_u64);
                info_span!("inner", attempt = 2_u64).in_scope(|| {});
            });
        });
    });
    let attributes = |span: &str| lines.span(span)["meta"]["attributes"].clone();
    assert_eq!(attributes("outer"), serde_json::json!({ "attempt": 1 }), "{lines}");
    assert_eq!(attributes("inner"), serde_json::json!({ "attempt": 2 }), "{lines}");
}

#[test]
fn of_a_number_that_is_recorded_again_before_the_span_begins_the_last_one_holds() {
    let lines = capture(|_| {
        let span = info_span!("counted", attempt = tracing::field::Empty);
        for attempt in 0..100_u64 {
            span.record("attempt", attempt);
        }
        span.in_scope(|| {});
    });
    assert_eq!(lines.span("counted")["meta"]["attributes"]["attempt"], 99, "{lines}");
}

#[test]
fn a_formatter_that_panics_while_a_span_is_made_leaves_no_context_behind() {
    let flags = TraceFlags::from_bits(1);
    let caller =
        Context::default().with_remote_span(TraceId::random(), SpanId::random(), flags, None);
    let lines = capture(|_| {
        for _ in 0..3 {
            let dead = || caller.run(|| info_span!("dead", field = ?Runs(|| panic!("boom"))));
            let panics =
                scope().job("dead").run(|| catch_unwind(std::panic::AssertUnwindSafe(dead)));
            assert!(panics.is_err());
            assert!(Context::current().is_empty());
            let theirs = OtelContext::current();
            assert!(!theirs.has_active_span() && theirs.baggage().is_empty(), "{theirs:?}");
            info!("after it");
        }
        info_span!("next").in_scope(|| info!("in the next"));
    });
    assert!(lines.events.iter().all(|line| line.get("job_id").is_none()), "{lines}");
    lines.is_root("next");
    lines.said_in("next", &["in the next"]);
}
