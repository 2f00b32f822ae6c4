//! Whose child a span is, and until when that can change.

mod common;

use common::{Way, capture, capture_sampled};
use radiosonde_context::{Context, SpanId, TraceId, scope};
use radiosonde_tracing::{Counted, Sampler, SpanCounts, add_link, context_of, set_parent};
use serde_json::json;

fn remote(sampled: bool) -> Context {
    Context::default().with_span(TraceId::random(), SpanId::random(), sampled)
}

#[test]
fn a_parent_that_was_extracted_just_after_creation_counts() {
    for way in Way::ALL {
        let remote = scope()
            .job("job-7")
            .run(|| Context::current().with_span(TraceId::random(), SpanId::random(), true));
        let lines = capture(
            way,
            |layer| layer,
            || {
                let span = tracing::info_span!("request", session_id = "s-1");
                set_parent(&span, &remote);
                let _inside = span.entered();
                tracing::info_span!("child").in_scope(|| tracing::info!("inside"));
            },
        );
        let (request, child) = (lines.span("request"), lines.span("child"));
        let trace = remote.trace_id().unwrap().to_string();
        assert_eq!(request["trace_id"], trace, "{way:?}");
        assert_eq!(request["meta"]["parent_span_id"], remote.span_id().unwrap().to_string());
        assert_eq!(child["trace_id"], trace);
        assert_eq!(child["meta"]["parent_span_id"], request["span_id"]);
        for line in [request, child, lines.event("inside")] {
            assert_eq!((&line["job_id"], &line["session_id"]), (&"job-7".into(), &"s-1".into()));
        }
    }
}

#[test]
fn once_somebody_knows_the_ids_a_parent_is_too_late_and_counted() {
    type Use = fn(&tracing::Span);
    let uses: [(&str, Use); 4] = [
        ("entered", |span| span.in_scope(|| {})),
        ("has a child", |span| drop(tracing::info_span!(parent: span, "child"))),
        ("has an event", |span| tracing::info!(parent: span, "event")),
        ("was asked", |span| drop(context_of(span))),
    ];
    for way in Way::ALL {
        for (what, make_known) in uses {
            let (counts, remote) = (SpanCounts::default(), remote(true));
            let lines = capture(
                way,
                |layer| layer.with_counts(&counts),
                || {
                    let span = tracing::info_span!("request");
                    make_known(&span);
                    let before = context_of(&span).trace_id();
                    set_parent(&span, &remote);
                    assert_eq!(context_of(&span).trace_id(), before, "{way:?} {what}");
                },
            );
            assert_eq!(counts.of(Counted::LateParent), 1, "{way:?} {what}");
            let first = counts.first_late_parent().unwrap();
            assert_eq!((first.span, first.at.file()), ("request", file!()), "{way:?} {what}");
            let trace = remote.trace_id().unwrap().to_string();
            assert_ne!(lines.span("request")["trace_id"], trace, "{way:?} {what}");
        }
    }
}

#[test]
fn the_decision_of_a_remote_parent_stands_both_ways() {
    let attributes = |lines: &common::Lines| lines.span("request")["meta"]["attributes"].clone();
    for way in Way::ALL {
        let run = |sampler, parent| {
            capture_sampled(
                way,
                sampler,
                |layer| layer,
                || {
                    let span = tracing::info_span!("request", route = "/orders");
                    set_parent(&span, &remote(parent));
                    span.in_scope(|| {});
                },
            )
        };
        let off = Sampler::parse("parentbased_always_off", None).unwrap();
        let sampled = run(off, true);
        assert_eq!(attributes(&sampled)["route"], "/orders", "{way:?}: nothing was lost before");
        assert!(run(Sampler::default(), false).spans.is_empty(), "{way:?}");
    }
}

#[test]
fn a_sampled_parent_counts_whole_in_a_trace_that_is_not_sampled() {
    for way in [Way::Own, Way::Registry, Way::Boxed, Way::Skipping] {
        let (around, parent) = (remote(false), remote(true));
        let lines = capture(
            way,
            |layer| layer,
            || {
                let _around = around.attach();
                let span = tracing::info_span!(
                    "request",
                    route = "/orders",
                    size = tracing::field::Empty,
                    otel.name = "GET /orders",
                    otel.kind = "server",
                    otel.status_description = "late"
                );
                span.record("size", 7);
                set_parent(&span, &parent);
                span.in_scope(|| {});
            },
        );
        let line = lines.span("GET /orders");
        assert_eq!(line["trace_id"], parent.trace_id().unwrap().to_string(), "{way:?}");
        let meta = &line["meta"];
        assert_eq!((&meta["kind"], &meta["status_message"]), (&"server".into(), &"late".into()));
        assert_eq!(meta["attributes"], json!({"route": "/orders", "size": 7}), "{way:?}");
    }
}

#[test]
fn a_parent_that_is_held_back_stands_for_the_nearest_one_that_is_not() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let journal = radiosonde_record::Journal::open(
        radiosonde_record::Placement::Memory,
        radiosonde_record::Filter::at(radiosonde_record::Level::Info),
    )
    .unwrap();
    let layer = radiosonde_tracing::Layer::new(&journal, Sampler::default());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let request = tracing::info_span!("request").entered();
        let step = tracing::debug_span!("step");
        let (trace, outside) = (context_of(&request).trace_id(), tracing::Span::none());
        let query = tracing::info_span!(parent: &step, "query");
        assert_eq!(context_of(&query).trace_id(), trace);
        let alone = tracing::info_span!(parent: &outside, "alone");
        assert_ne!(context_of(&alone).trace_id(), trace);
    });
}

#[test]
fn a_context_without_a_span_brings_its_ids_only() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let span = tracing::info_span!("request");
                set_parent(&span, &scope().job("job-8").run(Context::current));
                span.in_scope(|| {});
            },
        );
        let request = lines.span("request");
        assert_eq!(request["job_id"], "job-8", "{way:?}");
        assert!(request["meta"].get("parent_span_id").is_none());
    }
}

#[test]
fn links_lead_to_what_a_span_follows_from_and_to_contexts() {
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let to = remote(true);
        let lines = capture(
            way,
            |layer| layer.with_counts(&counts),
            || {
                let first = tracing::info_span!("first");
                let second = tracing::info_span!("second");
                second.follows_from(&first);
                add_link(&second, &to);
                add_link(&second, &Context::default());
            },
        );
        let links = lines.span("second")["meta"]["links"].as_array().unwrap().clone();
        let first = lines.span("first");
        let expected = [
            (first["trace_id"].clone(), first["span_id"].clone()),
            (to.trace_id().unwrap().to_string().into(), to.span_id().unwrap().to_string().into()),
        ];
        let found: Vec<_> =
            links.iter().map(|link| (link["trace_id"].clone(), link["span_id"].clone())).collect();
        assert_eq!(found, expected, "{way:?}");
        assert_eq!(counts.of(Counted::DroppedLink), 1, "{way:?}: to nowhere");
    }
}

#[test]
fn links_have_a_limit_and_what_is_past_it_is_counted() {
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let lines = capture(
            way,
            |layer| layer.with_counts(&counts),
            || {
                let span = tracing::info_span!("batch");
                (0..1000).for_each(|_| add_link(&span, &remote(true)));
            },
        );
        let meta = &lines.span("batch")["meta"];
        assert_eq!(meta["links"].as_array().unwrap().len(), 128, "{way:?}");
        assert_eq!(meta["dropped_links_count"], 1000 - 128);
        assert_eq!(counts.of(Counted::DroppedLink), 1000 - 128);
    }
}

#[test]
fn a_span_that_is_off_has_the_context_that_is_current_and_what_is_asked_of_it_is_counted() {
    for way in Way::ALL {
        let counts = SpanCounts::default();
        capture(
            way,
            |layer| layer.with_counts(&counts),
            || {
                let outer = tracing::info_span!("outer").entered();
                let off = tracing::debug_span!("off");
                assert_eq!(context_of(&off).span_id(), context_of(&outer).span_id());
                set_parent(&off, &remote(true));
                add_link(&off, &remote(true));
                add_link(&tracing::Span::none(), &remote(true));
            },
        );
        let counted = [Counted::DisabledParent, Counted::DisabledLink, Counted::LateParent]
            .map(|what| counts.of(what));
        assert_eq!(counted, [1, 2, 0], "{way:?}");
    }
    // Nobody of ours is there to count.
    set_parent(&tracing::Span::none(), &remote(true));
}
