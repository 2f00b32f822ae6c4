//! Ids agree between the API's spans, those of `tracing`, and whatever is recorded inside of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::HashMap;

use common::{Lines, capture};
use opentelemetry::Context as OtelContext;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, propagation, scope};
use tracing::{info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A caller, and its headers.
fn caller() -> (Context, HashMap<String, String>) {
    let (trace, span) = (TraceId::random(), SpanId::random());
    let flags = TraceFlags::from_bits(1);
    let context = Context::default().with_remote_span(trace, span, flags, None);
    let mut headers = HashMap::new();
    propagation::inject(&context, &mut headers);
    (context, headers)
}

#[track_caller]
fn called_by(lines: &Lines, span: &str, caller: &Context) {
    let span = lines.span(span);
    assert_eq!(span["trace_id"], caller.trace_id().unwrap().to_string(), "{span}");
    assert_eq!(span["meta"]["parent_span_id"], caller.span_id().unwrap().to_string(), "{span}");
}

#[test]
fn a_parent_that_is_set_holds_and_lines_have_the_ids() {
    let (remote, headers) = caller();
    let lines = capture(|bridge| {
        let span = info_span!("request", items = 3);
        span.set_parent(bridge.propagator().extract(&headers)).unwrap();
        let _entered = span.enter();
        info!("inside");
        assert!(span.set_parent(OtelContext::new()).is_err(), "it has begun");
        info_span!("within").in_scope(|| info!("further in"));
        let tracer = bridge.tracer_provider().tracer("shop");
        tracer.in_span("by the API", |_| {
            info!("in the API's");
            info_span!("native again").in_scope(|| info!("innermost"));
        });
        info!("inside again");
    });
    called_by(&lines, "request", &remote);
    lines.said_in("request", &["inside", "inside again"]);
    lines.is_child("within", "request");
    lines.said_in("within", &["further in"]);
    lines.is_child("by the API", "request");
    lines.said_in("by the API", &["in the API's"]);
    lines.is_child("native again", "by the API");
    lines.said_in("native again", &["innermost"]);
}

#[test]
fn whichever_context_was_attached_last_holds() {
    let (remote, _) = caller();
    let remote = &remote;
    let lines = capture(|bridge| {
        let tracer = bridge.tracer_provider().tracer("shop");
        let nothing = Context::current();
        let within = |name: &'static str| {
            info!("event in {name}");
            info_span!("native", otel.name = format!("native in {name}")).in_scope(|| {});
            drop(tracer.start(format!("API in {name}")));
            let cx = OtelContext::current();
            drop(tracer.start_with_context(format!("API by parent in {name}"), &cx));
        };
        tracer.in_span("outer", |_| {
            within("outer");
            remote.run(|| {
                within("remote over outer");
                tracer.in_span("inner", |_| {
                    within("inner");
                    remote.run(|| within("remote over inner"));
                    within("inner again");
                });
                within("remote over outer again");
            });
            within("outer again");
        });
        within("nothing");
        assert_eq!(*nothing.packed(), *Context::current().packed());
    });
    let ours = remote.span_id().unwrap().to_string();
    let own = |name: &str| lines.span(name)["span_id"].as_str().unwrap().to_owned();
    for (name, span) in [
        ("outer", Some(own("outer"))),
        ("remote over outer", Some(ours.clone())),
        ("inner", Some(own("inner"))),
        ("remote over inner", Some(ours.clone())),
        ("inner again", Some(own("inner"))),
        ("remote over outer again", Some(ours.clone())),
        ("outer again", Some(own("outer"))),
        ("nothing", None),
    ] {
        let event = lines.event(&format!("event in {name}"));
        assert_eq!(event.get("span_id").and_then(|id| id.as_str()), span.as_deref(), "{event}");
        for kind in ["native", "API", "API by parent"] {
            let child = lines.span(&format!("{kind} in {name}"));
            let parent = child["meta"].get("parent_span_id").and_then(|id| id.as_str());
            assert_eq!(parent, span.as_deref(), "{child}");
        }
    }
    called_by(&lines, "inner", remote);
}

#[test]
fn a_job_goes_into_spans_and_what_they_contain() {
    let lines = capture(|bridge| {
        let tracer = bridge.tracer_provider().tracer("shop");
        scope().job("job-1").worker("w-1").run(|| {
            tracer.in_span("by the API", |_| info!("in the API's"));
            info_span!("native").in_scope(|| {
                info!("in the native one");
                scope().session("s-1").run(|| info!("in a session"));
                tracer.in_span("below", |_| info!("in the one below"));
            });
        });
        let span = info_span!("of a job", job_id = "job-2", worker_id = tracing::field::Empty);
        span.in_scope(|| {
            info!("in the job");
            span.record("worker_id", "w-2");
            info!("by the worker");
            tracer.in_span("under the job", |_| info!("in the one under the job"));
        });
        info!("outside");
    });
    let has = |msg: &str, job: Option<&str>, worker: Option<&str>| {
        let line = lines.event(msg);
        let ids = ["job_id", "worker_id"].map(|id| line.get(id).and_then(|id| id.as_str()));
        assert_eq!(ids, [job, worker], "{line}");
    };
    for msg in ["in the API's", "in the native one", "in a session", "in the one below"] {
        has(msg, Some("job-1"), Some("w-1"));
    }
    assert_eq!(lines.event("in a session")["session_id"], "s-1");
    assert_eq!(lines.event("in a session")["span_id"], lines.span("native")["span_id"]);
    lines.said_in("below", &["in the one below"]);
    has("in the job", Some("job-2"), None);
    has("by the worker", Some("job-2"), Some("w-2"));
    lines.said_in("under the job", &["in the one under the job"]);
    assert_eq!(lines.span("under the job")["job_id"], "job-2");
    has("outside", None, None);
}
