//! What the specification of the OpenTelemetry API says of spans, on the lines they leave.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use common::{Lines, capture, capture_with};
use opentelemetry::trace::{
    Event, FutureExt as _, Link, Span as _, SpanBuilder, SpanContext, SpanKind, Status,
    TraceContextExt as _, TraceFlags, Tracer as _, TracerProvider as _,
};
use opentelemetry::{
    Array, Context as OtelContext, InstrumentationScope, KeyValue, StringValue, Value,
};
use radiosonde_context::{Context, SpanId};
use radiosonde_otel_bridge::{Bridge, Tracer};
use radiosonde_tracing::{Keep, Sampler};
use tracing::{error, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

fn tracer(bridge: &Bridge) -> Tracer {
    bridge.tracer_provider().tracer("shop")
}

#[track_caller]
fn attribute(lines: &Lines, span: &str, key: &str, value: impl Into<serde_json::Value>) {
    let span = lines.span(span);
    assert_eq!(span["meta"]["attributes"][key], value.into(), "{span}");
}

#[test]
fn everything_a_span_is_given_stands_in_its_line() {
    let other = SpanContext::new(
        opentelemetry::TraceId::from(0xabc_u128),
        opentelemetry::SpanId::from(0xdef_u64),
        TraceFlags::SAMPLED,
        true,
        opentelemetry::trace::TraceState::from_key_value([("vendor", "1")]).unwrap(),
    );
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let lines = capture(|bridge| {
        let scope = InstrumentationScope::builder("shop").with_version("1.2.3").build();
        let tracer = bridge.tracer_provider().tracer_with_scope(scope);
        let mut span = tracer
            .span_builder("pay")
            .with_kind(SpanKind::Producer)
            .with_start_time(begin)
            .with_attributes([KeyValue::new("items", 3), KeyValue::new("password", "hunter2")])
            .with_links(vec![Link::new(other.clone(), vec![KeyValue::new("why", "batch")], 0)])
            .start(&tracer);
        assert!(span.is_recording() && span.span_context().is_sampled());
        span.set_attribute(KeyValue::new("items", 4));
        span.set_attributes([
            KeyValue::new("ratio", 0.5),
            KeyValue::new("ready", true),
            KeyValue::new(
                "names",
                Value::Array(Array::from(vec![StringValue::from("a"), "b".into()])),
            ),
        ]);
        let at = begin + Duration::from_millis(5);
        span.add_event_with_timestamp("queued", at, vec![KeyValue::new("depth", 7)]);
        span.record_error(&std::io::Error::other("disk full"));
        span.add_link(other.clone(), Vec::new());
        span.set_status(Status::error("declined"));
        span.update_name("pay by card");
        span.end_with_timestamp(begin + Duration::from_millis(20));
        assert!(!span.is_recording());
        // After its end, and a second end: nothing.
        span.set_attribute(KeyValue::new("late", true));
        span.update_name("late");
        span.end();
    });
    let span = lines.span("pay by card");
    let meta = &span["meta"];
    assert_eq!((&meta["kind"], &meta["status"]), (&"producer".into(), &"error".into()));
    assert_eq!(meta["status_message"], "declined", "{span}");
    assert_eq!(meta["start"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(
        (&span["ts"], &meta["duration_us"]),
        (&"2023-11-14T22:13:20.020000Z".into(), &20_000.into())
    );
    for (key, value) in [
        ("items", 4.into()),
        ("ratio", 0.5.into()),
        ("ready", true.into()),
        ("names", vec!["a", "b"].into()),
        ("otel.scope.name", "shop".into()),
        ("otel.scope.version", "1.2.3".into()),
        ("late", serde_json::Value::Null),
    ] {
        attribute(&lines, "pay by card", key, value);
    }
    assert_ne!(meta["attributes"]["password"], "hunter2", "{span}");
    let events = meta["events"].as_array().unwrap();
    assert_eq!(events[0]["name"], "queued");
    assert_eq!(events[0]["ts"], "2023-11-14T22:13:20.005000Z", "{span}");
    assert_eq!(events[0]["attributes"]["depth"], 7);
    assert_eq!(events[1]["name"], "exception");
    assert_eq!(events[1]["attributes"]["exception.message"], "disk full");
    let links = meta["links"].as_array().unwrap();
    assert_eq!(links.len(), 2);
    assert_eq!(links[0]["trace_id"], format!("{:032x}", 0xabc));
    assert_eq!(links[0]["span_id"], format!("{:016x}", 0xdef));
    assert_eq!(links[0]["attributes"]["why"], "batch", "{span}");
}

#[test]
fn lists_are_lists_wherever_attributes_are() {
    let strings = |texts: &[&str]| -> Value {
        Value::Array(Array::String(texts.iter().map(|text| (*text).to_owned().into()).collect()))
    };
    let lists = || {
        let floats = vec![0.5, -3.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        vec![
            KeyValue::new("before", 1),
            KeyValue::new("bools", Value::Array(vec![true, false].into())),
            KeyValue::new("ints", Value::Array(vec![i64::MIN, -2, i64::MAX].into())),
            KeyValue::new("floats", Value::Array(floats.into())),
            KeyValue::new("between", "[1]"),
            KeyValue::new("texts", strings(&["größe", "\"\n\u{0}\\", ""])),
            KeyValue::new("none", strings(&[])),
            KeyValue::new("passwords", strings(&["hunter2"])),
            KeyValue::new("hosts", strings(&["a", "postgres://shop:hunter2@db/x"])),
        ]
    };
    let other = || {
        let (trace, span) = (opentelemetry::TraceId::from(1), opentelemetry::SpanId::from(2));
        SpanContext::new(trace, span, TraceFlags::SAMPLED, true, Default::default())
    };
    let lines = capture(|bridge| {
        let tracer = tracer(bridge);
        let mut early = tracer
            .span_builder("early")
            .with_attributes(lists())
            .with_events(vec![Event::new("noted", SystemTime::now(), lists(), 0)])
            .with_links(vec![Link::new(other(), lists(), 0)])
            .start(&tracer);
        early.end();
        let mut late = tracer.start("late");
        late.set_attributes(lists());
        late.add_event("noted", lists());
        late.add_link(other(), lists());
    });
    let expected = serde_json::json!({
        "before": 1, "bools": [true, false], "ints": [i64::MIN, -2, i64::MAX],
        "floats": [0.5, -3.0, 1e300, "NaN", "+Inf", "-Inf"], "between": "[1]",
        "texts": ["größe", "\"\n\u{0}\\", ""], "none": [], "passwords": "[redacted]",
        "hosts": ["a", "postgres://shop:[redacted]@db/x"],
    });
    for name in ["early", "late"] {
        let meta = &lines.span(name)["meta"];
        let mut attributes = meta["attributes"].clone();
        attributes.as_object_mut().unwrap().remove("otel.scope.name");
        assert_eq!(attributes, expected, "{name}");
        assert_eq!(meta["events"][0]["attributes"], expected, "{name}");
        assert_eq!(meta["links"][0]["attributes"], expected, "{name}");
    }
}

#[test]
fn a_list_that_is_too_long_is_text_that_is_cut() {
    let cases = [
        ("numbers", Array::from(vec![1_i64; 100_000])),
        ("texts", Array::from(vec![StringValue::from("x".repeat(100_000))])),
    ];
    for (name, list) in cases {
        let lines = capture(|bridge| {
            let mut span = tracer(bridge).start(name);
            span.set_attribute(KeyValue::new("list", Value::Array(list)));
            span.set_attribute(KeyValue::new("short", Value::Array(vec![1_i64].into())));
        });
        let attributes = &lines.span(name)["meta"]["attributes"];
        let text = attributes["list"].as_str().unwrap();
        assert!(text.starts_with('[') && text.ends_with("…[cut]"), "{name}: {text}");
        assert!(text.len() <= 13 * 1024, "{name}: {}", text.len());
        assert_eq!(attributes["short"], serde_json::json!([1]));
        assert_eq!(attributes["truncated"], true, "{name}");
    }
}

#[test]
fn a_span_of_tracing_leaves_the_line_it_leaves_natively() {
    let lines = capture(|_| {
        let span = info_span!("work", items = 3_i64, of = "shop", otel.kind = "client");
        span.set_attribute("added", 1.5);
        span.in_scope(|| {
            span.set_attribute("later", "yes");
            span.add_event("noted", vec![KeyValue::new("n", 1)]);
            error!(error = &std::io::Error::other("disk full") as &dyn std::error::Error, "failed");
        });
        span.set_status(Status::error("gave up"));
    });
    let span = lines.span("work");
    assert_eq!(span["source"], "api");
    let meta = &span["meta"];
    assert_eq!((&meta["kind"], &meta["status"]), (&"client".into(), &"error".into()));
    let attributes = meta["attributes"].as_object().unwrap();
    let keys: Vec<_> = attributes.keys().map(String::as_str).collect();
    assert_eq!(keys, ["added", "items", "later", "of"], "{span}");
    let events = meta["events"].as_array().unwrap();
    let names: Vec<_> = events.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["noted", "exception"], "{span}");
    lines.said_in("work", &["failed"]);
}

#[test]
fn an_error_among_the_fields_of_a_span_is_an_exception() {
    let lines = capture(|_| {
        let error = std::io::Error::other("disk full");
        drop(info_span!("save", error = &error as &dyn std::error::Error));
    });
    let meta = &lines.span("save")["meta"];
    assert_eq!(meta["attributes"], serde_json::json!({"error": "disk full"}));
    assert_eq!(meta["events"][0]["attributes"]["exception.message"], "disk full");
    assert_eq!((&meta["status"], &meta["status_message"]), (&"error".into(), &"disk full".into()));
}

#[test]
fn a_panic_inside_of_a_span_is_its_error() {
    let lines = capture(|bridge| {
        let tracer = tracer(bridge);
        let panics = std::panic::catch_unwind(AssertUnwindSafe(|| {
            info_span!("fails").in_scope(|| {
                tracer.in_span("within", |_| panic!("boom"));
            });
        }));
        assert!(panics.is_err());
        assert!(Context::current().is_empty());
        info_span!("next").in_scope(|| info!("goes on"));
    });
    let meta = &lines.span("fails")["meta"];
    assert_eq!((&meta["status"], &meta["status_message"]), (&"error".into(), &"panicked".into()));
    lines.is_child("within", "fails");
    lines.is_root("next");
    lines.said_in("next", &["goes on"]);
}

#[test]
fn contexts_go_with_futures_to_other_threads_and_out_of_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let lines = common::capture_in(
        Sampler::default(),
        |layer| layer,
        |bridge, dispatch| {
            let tracer = tracer(bridge);
            tracing::dispatcher::with_default(dispatch, || {
                let span = tracer.start("outer");
                let cx = OtelContext::current_with_span(span);
                let inside = async {
                    assert!(Context::current().span_id().is_some());
                    tokio::task::yield_now().await;
                    Context::current().span_id()
                };
                let id = runtime.block_on(runtime.spawn(inside.with_context(cx.clone()))).unwrap();
                let own = cx.span().span_context().span_id().to_bytes();
                assert_eq!(id.map(SpanId::to_bytes), Some(own));
                // Our helpers take the API's span along, too.
                let carried = {
                    let _attached = cx.clone().attach();
                    radiosonde_context::wrap(async { Context::current().span_id() })
                };
                assert_eq!(runtime.block_on(runtime.spawn(carried)).unwrap(), id);
                // Guards that are dropped in the wrong order.
                let first = cx.clone().attach();
                let second = OtelContext::current_with_span(tracer.start("second")).attach();
                let ours = radiosonde_context::scope().job("job-1").enter();
                drop(first);
                info!("in the second");
                drop(second);
                drop(ours);
                assert!(Context::current().is_empty());
                let [one, other] = [info_span!("one"), info_span!("other")];
                let (one, other) = (one.entered(), other.entered());
                drop(one);
                info!("in the other");
                drop(other);
                info!("nowhere");
            });
        },
    );
    assert_eq!(lines.event("in the second")["job_id"], "job-1");
    assert_eq!(lines.event("in the second")["span_id"], lines.span("second")["span_id"]);
    lines.said_in("other", &["in the other"]);
    assert!(lines.event("nowhere").get("span_id").is_none());
}

#[test]
fn what_is_not_sampled_is_not_recorded_and_has_ids() {
    let never = Sampler::parse("always_off", None).unwrap();
    let run = |keep: Keep| {
        capture_with(
            never,
            |layer| layer.keep(keep),
            |bridge| {
                let tracer = tracer(bridge);
                tracer.in_span("outer", |cx| {
                    assert!(!cx.span().span_context().is_sampled());
                    assert!(cx.span().span_context().is_valid());
                    assert_eq!(cx.span().is_recording(), keep != Keep::default());
                    cx.span().set_status(Status::error("bad"));
                    info!("inside");
                });
            },
        )
    };
    let lines = run(Keep::default());
    assert!(lines.spans.is_empty(), "{lines}");
    assert!(lines.event("inside")["span_id"].is_string());
    let lines = run(Keep::errors());
    assert_eq!(lines.span("outer")["meta"]["kept"], "error");
    lines.said_in("outer", &["inside"]);
}

#[test]
fn what_telemetry_does_itself_makes_no_spans() {
    let lines = capture(|bridge| {
        let tracer = tracer(bridge);
        let _suppressed = OtelContext::enter_telemetry_suppressed_scope();
        let span = tracer.start("by the API");
        assert!(!span.is_recording() && !span.span_context().is_valid());
        info_span!("by tracing").in_scope(|| info!("inside"));
    });
    assert!(lines.spans.is_empty(), "{lines}");
    assert!(lines.event("inside").get("span_id").is_none());
}

#[test]
fn past_every_limit_it_is_counted_and_goes_on() {
    let lines = capture(|bridge| {
        let tracer = tracer(bridge);
        let mut span = tracer.start("large");
        let link = tracer.start("linked").span_context().clone();
        for n in 0..1_000 {
            span.set_attribute(KeyValue::new(format!("key{n}"), n));
            span.add_event(format!("event{n}"), vec![KeyValue::new("n", n)]);
            span.add_link(link.clone(), Vec::new());
        }
        span.add_link(SpanContext::NONE, Vec::new());
        drop(span);
        let name = "x".repeat(10_000);
        drop(tracer.start(name));
        for n in 0..3_000 {
            drop(tracer.start(format!("name {n}")));
        }
        let far = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 33)).unwrap();
        let mut early = SpanBuilder::from_name("early").with_start_time(far).start(&tracer);
        early.end_with_timestamp(far);
        drop(tracer.start(""));
    });
    let meta = &lines.span("large")["meta"];
    assert_eq!(meta["attributes"].as_object().unwrap().len(), 128);
    // With the attribute of the scope.
    assert_eq!(meta["dropped_attributes_count"], 1_001 - 128, "{meta}");
    assert_eq!(meta["events"].as_array().unwrap().len(), 128);
    assert_eq!(meta["dropped_events_count"], 1_000 - 128);
    assert_eq!(meta["dropped_links_count"], 1_000 - 128);
    let long = lines.spans.iter().find(|span| span["msg"].as_str().unwrap().starts_with("xxx"));
    assert_eq!(long.unwrap()["meta"]["attributes"]["truncated"], true, "{}", long.unwrap());
    // Their names are too many or too long for the list of open spans: who made them is known.
    for span in [lines.span("name 2999"), long.unwrap()] {
        assert_eq!(span["source"], "shop", "{span}");
    }
    assert_eq!(lines.span("early")["ts"], "1970-01-01T00:00:00.000000Z");
}

#[test]
fn no_span_is_ahead_of_the_clock_or_ends_before_it_starts() {
    let now = SystemTime::now();
    let hour = Duration::from_secs(3_600);
    let (before, later) = (now - hour, now + hour);
    let lines = capture(|bridge| {
        let tracer = tracer(bridge);
        for (name, start, end) in [
            ("in time", before, now),
            ("backwards", now, before),
            ("starts later", later, later),
            ("ends later", before, later + hour),
        ] {
            let mut span = SpanBuilder::from_name(name).with_start_time(start).start(&tracer);
            span.add_event_with_timestamp("happened", later, Vec::new());
            span.end_with_timestamp(end);
        }
        info!("afterwards");
    });
    let afterwards = lines.event("afterwards")["ts"].as_str().unwrap();
    for (name, is_ahead) in
        [("in time", false), ("backwards", false), ("starts later", true), ("ends later", true)]
    {
        let line = lines.span(name);
        let (meta, ended) = (&line["meta"], line["ts"].as_str().unwrap());
        let start = meta["start"].as_str().unwrap();
        assert!(start <= ended && ended <= afterwards, "{line}");
        assert!(meta["events"][0]["ts"].as_str().unwrap() <= afterwards, "{line}");
        let ahead = meta["attributes"]["otel.time_ahead_ns"].as_u64().unwrap_or_default();
        assert_eq!(ahead > 3_500_000_000_000, is_ahead, "{line}");
    }
}

#[test]
fn spans_of_tracing_keep_their_place_past_the_names() {
    let lines = capture(|_| {
        for n in 0..3_000 {
            let _span = info_span!("item", otel.name = format!("item {n}")).entered();
        }
    });
    let [first, last] = ["item 0", "item 2999"].map(|name| lines.span(name));
    for place in ["source", "file", "line"] {
        assert_eq!(last.get(place), first.get(place), "{last}");
        assert_eq!(last["meta"].get(place), first["meta"].get(place), "{last}");
    }
    assert_eq!(last["source"], "api");
}

#[test]
fn a_span_that_the_filter_holds_back_is_what_is_around() {
    let lines = capture(|_| {
        info_span!("outer").in_scope(|| {
            tracing::debug_span!("held back").in_scope(|| {
                info!("inside");
                info_span!("inner").in_scope(|| {});
            });
        });
    });
    lines.said_in("outer", &["inside"]);
    lines.is_child("inner", "outer");
}
