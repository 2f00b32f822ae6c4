//! What goes out through the API's propagator, what comes in, and that baggage is one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use common::capture;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context as OtelContext, KeyValue};
use radiosonde_context::propagation::{
    Destinations, Propagators, set_baggage_destinations, set_propagators,
};
use radiosonde_context::{Baggage, Context, propagation, scope};
use radiosonde_otel_bridge::Propagator;
use tracing::{info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What holds for the process is changed by some of these tests.
static ALONE: Mutex<()> = Mutex::new(());

fn extract(headers: &[(&str, &str)]) -> OtelContext {
    let headers: HashMap<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Propagator::new().extract(&headers)
}

fn injected(cx: &OtelContext) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    Propagator::new().inject_context(cx, &mut headers);
    headers
}

#[test]
fn baggage_is_one_and_ids_stay_here() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let baggage = "tenant=K%C3%A4se;ttl=1,job_id=job-1,worker_id=not%20an%20id";
    let cx = extract(&[("traceparent", TRACEPARENT), ("baggage", baggage)]);
    assert_eq!(cx.baggage().get("tenant").map(ToString::to_string), Some("Käse".to_owned()));
    let lines = capture(|bridge| {
        let span = info_span!("request");
        span.set_parent(cx.clone()).unwrap();
        span.in_scope(|| {
            let here = Context::current();
            assert_eq!(here.baggage().get("tenant"), Some("Käse"));
            assert_eq!((here.job_id(), here.worker_id()), (Some("job-1"), None));
            info!("inside");
            let further = OtelContext::current()
                .with_baggage([KeyValue::new("tenant", "other"), KeyValue::new("job_id", "job-2")]);
            let _attached = further.attach();
            let here = Context::current();
            assert_eq!(
                (here.baggage().get("tenant"), here.job_id()),
                (Some("other"), Some("job-2"))
            );
            info!("further in");
            let cleared = OtelContext::current().with_cleared_baggage().attach();
            assert!(Context::current().baggage().is_empty());
            drop(cleared);
            assert_eq!(Context::current().baggage().get("tenant"), Some("other"));
        });
        // Ours becomes theirs.
        let ours = Baggage::default().with("tenant", "acme").unwrap();
        Context::default().with_baggage(ours).run(|| {
            scope().session("s-1").run(|| {
                info_span!("ours").in_scope(|| {
                    let cx = OtelContext::current();
                    let text = |key: &str| cx.baggage().get(key).map(ToString::to_string);
                    assert_eq!(text("tenant").as_deref(), Some("acme"));
                    assert_eq!(text("session_id").as_deref(), Some("s-1"));
                });
                let headers = injected(&OtelContext::current());
                assert_eq!(headers.get("baggage").map(String::as_str), Some("tenant=acme"));
                drop(bridge.tracer_provider().tracer("shop").start("by the API"));
            });
        });
        let listed = |list: &str| Destinations::parse(list).unwrap();
        for (list, expect) in [
            (listed("*"), Some("job_id=job-1,tenant=K%C3%A4se;ttl=1")),
            (listed("*.internal,*"), Some("job_id=job-1,tenant=K%C3%A4se;ttl=1")),
            (Destinations::default(), Some("tenant=K%C3%A4se;ttl=1")),
            (listed("loopback"), None),
            (listed("*.internal"), None),
            (listed("none"), None),
        ] {
            set_baggage_destinations(list.clone());
            let headers = injected(&cx);
            assert_eq!(headers.get("baggage").map(String::as_str), expect, "{list:?}");
            assert_eq!(headers["traceparent"], TRACEPARENT);
        }
        set_baggage_destinations(Destinations::default());
    });
    assert_eq!(lines.event("inside")["job_id"], "job-1");
    assert_eq!(lines.event("further in")["job_id"], "job-2");
    assert_eq!(lines.event("further in")["span_id"], lines.span("request")["span_id"]);
    assert_eq!(lines.span("by the API")["session_id"], "s-1");
}

#[test]
fn it_speaks_the_formats_that_are_asked_for() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    set_propagators(Propagators::parse("b3").unwrap());
    let fields: Vec<_> = Propagator::new().fields().map(str::to_owned).collect();
    assert!(fields.contains(&"b3".to_owned()), "{fields:?}");
    // Without a decision: it is ours to make.
    let cx = extract(&[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7")]);
    let nothing = extract(&[("traceparent", TRACEPARENT)]);
    assert!(!nothing.has_active_span());
    let debug = extract(&[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d")]);
    assert!(injected(&debug)["b3"].ends_with("-d"), "{:?}", injected(&debug));
    let lines = capture(|bridge| {
        let tracer = bridge.tracer_provider().tracer("shop");
        let _span = tracer.start_with_context("request", &cx);
        let native = info_span!("native");
        native.set_parent(cx.clone()).unwrap();
    });
    set_propagators(Propagators::default());
    for name in ["request", "native"] {
        assert_eq!(lines.span(name)["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}

#[test]
fn headers_that_make_no_sense_are_as_if_they_were_not_there() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for headers in [
        &[("traceparent", "00-zz")][..],
        &[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
        &[("traceparent", ""), ("tracestate", "=,="), ("baggage", ";;;=,")],
    ] {
        let cx = extract(headers);
        assert!(!cx.has_active_span(), "{headers:?}");
        assert!(injected(&cx).is_empty(), "{headers:?}");
    }
    let state = "a=1,".repeat(200);
    let cx = extract(&[("traceparent", TRACEPARENT), ("tracestate", &state)]);
    assert_eq!(injected(&cx).keys().collect::<Vec<_>>(), ["traceparent"]);
}

#[test]
fn a_bridge_in_two_subscribers_panics_nowhere() {
    let lines = capture(|bridge| {
        use tracing_subscriber::layer::SubscriberExt as _;
        let _outer = info_span!("outer").entered();
        let second = tracing_subscriber::registry().with(bridge.layer());
        tracing::subscriber::with_default(second, || {
            let spans: Vec<_> = (0..10).map(|_| info_span!("inner")).collect();
            info!(parent: spans.last().unwrap(), "told its parent");
            spans[0].in_scope(|| info!("inside"));
        });
    });
    assert_eq!(lines.event("inside")["trace_id"], lines.span("outer")["trace_id"]);
    assert!(lines.events.iter().any(|line| line["msg"] == "told its parent"));
}

#[test]
fn our_functions_for_spans_work_on_those_of_the_layer() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let caller = propagation::extract(&[("traceparent", TRACEPARENT)]);
    let lines = capture(|_| {
        let span = info_span!("request");
        radiosonde_tracing::add_link(&span, &caller);
        radiosonde_tracing::set_parent(&span, &caller);
        let context = radiosonde_tracing::context_of(&span);
        assert_eq!(context.trace_id(), caller.trace_id());
        info!(parent: &span, "told its parent");
        radiosonde_tracing::set_parent(&span, &Context::default());
        span.in_scope(|| assert_eq!(Context::current().span_id(), context.span_id()));
        // Made before anything is entered, and ours is newer than the API's.
        let cx = caller.run(|| extract(&[]));
        let late = info_span!("by the headers");
        late.set_parent(cx).unwrap();
        info_span!(parent: None, "root", job_id = "job-1").in_scope(|| info!("in the root"));
        scope().job("job-2").run(|| info_span!(parent: None, "root of a job").in_scope(|| {}));
        info_span!(parent: &span, "child").in_scope(|| {});
    });
    let request = lines.span("request");
    assert_eq!(request["meta"]["parent_span_id"], "00f067aa0ba902b7");
    assert_eq!(request["meta"]["links"][0]["span_id"], "00f067aa0ba902b7");
    lines.said_in("request", &["told its parent"]);
    lines.is_child("child", "request");
    assert_eq!(lines.span("by the headers")["meta"]["parent_span_id"], "00f067aa0ba902b7");
    lines.is_root("root");
    lines.said_in("root", &["in the root"]);
    lines.is_root("root of a job");
    assert_eq!(lines.span("root of a job")["job_id"], "job-2");
}
