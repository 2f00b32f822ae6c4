//! Contexts of both kinds, attached and dropped in any order: the last one that is in force holds, for
//! both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context as OtelContext, KeyValue};
use proptest::prelude::*;
use radiosonde_context::{Attached, Context, SpanId, TraceFlags, TraceId};
use radiosonde_otel_bridge::{Bridge, Tracer};
use radiosonde_record::{Filter, Journal, Level, Placement};
use radiosonde_tracing::{Layer, Sampler};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// One of the API: a new span, or one of two that come again.
    Theirs(Option<bool>),
    Ours,
    Drop(usize),
}

enum Guard {
    Theirs(#[expect(dead_code, reason = "dropped")] opentelemetry::ContextGuard),
    Ours(#[expect(dead_code, reason = "dropped")] Attached),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop::option::of(any::<bool>()).prop_map(Step::Theirs),
        2 => Just(Step::Ours),
        3 => (0..8_usize).prop_map(Step::Drop),
    ]
}

fn tracer() -> (Journal, Tracer) {
    let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
    let bridge = Bridge::new(Layer::new(&journal, Sampler::default()));
    assert!(bridge.is_observing());
    (journal, bridge.tracer_provider().tracer("any"))
}

fn remote() -> Context {
    let flags = TraceFlags::from_bits(1);
    Context::default().with_remote_span(TraceId::random(), SpanId::random(), flags, None)
}

/// Its span, whoever says so.
fn span_of(cx: &OtelContext) -> Option<SpanId> {
    SpanId::from_bytes(cx.span().span_context().span_id().to_bytes())
}

fn of_job(job: &'static str) -> OtelContext {
    OtelContext::current().with_baggage([KeyValue::new("job_id", job)])
}

fn job() -> Option<String> {
    Context::current().job_id().map(str::to_owned)
}

#[test]
fn contexts_of_one_place_that_are_dropped_out_of_order_leave_nothing_behind() {
    let (_journal, tracer) = tracer();
    let span = OtelContext::new().with_span(tracer.start("around"));
    for around in [None, Some(span)] {
        let _around = around.map(OtelContext::attach);
        for _ in 0..3 {
            let first = of_job("a").attach();
            let second = of_job("b").attach();
            let third = of_job("c").attach();
            assert_eq!(job().as_deref(), Some("c"));
            drop(second);
            assert_eq!(job().as_deref(), Some("c"));
            drop(third);
            assert_eq!(job().as_deref(), Some("a"));
            let fourth = of_job("d").attach();
            drop(first);
            assert_eq!(job().as_deref(), Some("d"));
            drop(fourth);
            assert_eq!(job(), None);
        }
    }
    assert!(Context::current().is_empty());
}

#[test]
fn an_empty_context_leaves_one_that_says_something() {
    let (_journal, tracer) = tracer();
    let outer = remote();
    let _attached = of_job("a").attach();
    outer.run(|| {
        let trace = |span: &radiosonde_otel_bridge::Span| {
            TraceId::from_bytes(span.span_context().trace_id().to_bytes())
        };
        let child = tracer.start_with_context("child", &OtelContext::current());
        assert_eq!(trace(&child), outer.trace_id());
        let root = tracer.start_with_context("root", &OtelContext::new());
        assert_ne!(trace(&root), outer.trace_id());
        let _left = OtelContext::new().attach();
        assert_eq!(Context::current().span_id(), None);
    });
}

proptest! {
    // Each has a journal of its own, which nobody drains.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_last_one_in_force_holds(steps in prop::collection::vec(step(), 0..40)) {
        let (_journal, tracer) = tracer();
        let known = [true, false].map(|_| OtelContext::new().with_span(tracer.start("known")));
        // Those in force, in their order.
        let mut guards: Vec<(Option<SpanId>, Guard)> = Vec::new();
        for step in steps {
            match step {
                Step::Theirs(_) | Step::Ours if guards.len() >= 8 => {}
                Step::Theirs(which) => {
                    let cx = match which {
                        Some(which) => known[usize::from(which)].clone(),
                        None => OtelContext::current_with_span(tracer.start("new")),
                    };
                    // Of one that is there twice nobody says which of both was dropped.
                    if guards.iter().all(|(span, _)| *span != span_of(&cx)) {
                        guards.push((span_of(&cx), Guard::Theirs(cx.attach())));
                    }
                }
                Step::Ours => {
                    let context = remote();
                    guards.push((context.span_id(), Guard::Ours(context.attach())));
                }
                Step::Drop(at) if !guards.is_empty() => {
                    let _dropped = guards.remove(at % guards.len());
                }
                Step::Drop(_) => {}
            }
            let holds = guards.last().and_then(|(span, _)| *span);
            prop_assert_eq!(Context::current().span_id(), holds);
            let trace = Context::current().trace_id().map(TraceId::to_bytes);
            let child = tracer.start("child").span_context().trace_id().to_bytes();
            prop_assert!(trace.is_none_or(|trace| trace == child), "a child is in that trace");
        }
        while let Some(guard) = guards.pop() {
            drop(guard);
            let holds = guards.last().and_then(|(span, _)| *span);
            prop_assert_eq!(Context::current().span_id(), holds);
        }
        prop_assert!(Context::current().is_empty());
    }
}
