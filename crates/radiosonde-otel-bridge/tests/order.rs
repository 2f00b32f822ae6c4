//! Contexts of both kinds, attached and dropped in any order: the last one that is in force holds, for
//! both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
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
