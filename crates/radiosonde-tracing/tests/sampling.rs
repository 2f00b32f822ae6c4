//! Which spans are recorded, and what remains right in traces that are not.

mod common;

use common::{Lines, Way, capture_sampled};
use radiosonde_context::{Context, SpanId, TraceId, scope};
use radiosonde_tracing::{Counted, Keep, Layer, Sampler, SpanCounts};
use tracing::Instrument as _;

fn off() -> Sampler {
    Sampler::parse("parentbased_always_off", None).unwrap_or_default()
}

fn names(lines: &Lines) -> Vec<&str> {
    lines.spans.iter().filter_map(|span| span["msg"].as_str()).collect()
}

fn child() -> tracing::Span {
    tracing::info_span!("child")
}

/// More spans of a call site than are watched before others are left out.
const MANY: usize = 400;

#[test]
fn children_of_a_trace_that_is_not_sampled_are_switched_off_where_that_was_asked_for() {
    let lines = capture_sampled(
        Way::Skipping,
        off(),
        |layer| layer,
        || {
            tracing::info_span!("root").in_scope(|| {
                // The first ones show what spans of their call site do.
                child().in_scope(|| assert!(Context::current().span_id().is_some()));
                (0..MANY).for_each(|_| child().in_scope(|| {}));
                let root = Context::current().span_id();
                for _ in 0..3 {
                    let child = child();
                    assert!(child.is_disabled());
                    child.in_scope(|| {
                        assert_eq!(Context::current().span_id(), root);
                        tracing::info!("inside");
                    });
                }
            });
        },
    );
    assert!(lines.spans.is_empty());
    assert_eq!(lines.events.len(), 3, "events are recorded all the same");
    assert!(lines.events.iter().all(|event| event["trace_id"].is_string()));
}

#[test]
fn a_call_site_whose_spans_go_elsewhere_later_is_switched_on_again_for_good() {
    fn task() -> tracing::Span {
        tracing::info_span!("task")
    }
    capture_sampled(
        Way::Skipping,
        off(),
        |layer| layer,
        || {
            tracing::info_span!("root").in_scope(|| {
                (0..MANY).for_each(|_| task().in_scope(|| {}));
                assert!((0..9).any(|_| task().is_disabled()));
                let elsewhere = || {
                    let task = task();
                    Context::default().run(|| task.in_scope(|| {}));
                    task.is_disabled()
                };
                assert!((0..5_000).any(|_| !elsewhere()));
                assert!((0..MANY).all(|_| !task().is_disabled()));
            });
        },
    );
}

#[test]
fn a_call_site_whose_spans_are_told_their_parents_is_needed() {
    fn consume() -> tracing::Span {
        tracing::info_span!("consume")
    }
    let remote = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    let told = |span: tracing::Span| {
        radiosonde_tracing::set_parent(&span, &remote);
        span.in_scope(|| {});
    };
    // From the beginning, and after spans that were not, as soon as one is drawn.
    for (before, after, least) in [(0, MANY, MANY), (MANY, 20_000, 15_000)] {
        let lines = capture_sampled(
            Way::Skipping,
            off(),
            |layer| layer,
            || {
                tracing::info_span!("root").in_scope(|| {
                    (0..before).for_each(|_| consume().in_scope(|| {}));
                    (0..after).for_each(|_| told(consume()));
                });
            },
        );
        let consumed = names(&lines).into_iter().filter(|name| *name == "consume").count();
        assert!(consumed >= least, "{consumed} of {after} after {before}");
    }
}

#[test]
fn a_span_that_brings_ids_of_its_own_is_never_switched_off() {
    fn process() -> tracing::Span {
        tracing::info_span!("process")
    }
    for outer in [None, Some("outer")] {
        let lines = capture_sampled(
            Way::Skipping,
            off(),
            |layer| layer,
            || {
                let run = || {
                    tracing::info_span!("root").in_scope(|| {
                        for at in 0..MANY {
                            let span = scope().job(format!("job-{at}")).run(process);
                            span.in_scope(|| tracing::info!("inside"));
                        }
                    });
                };
                outer.map_or_else(run, |outer| scope().job(outer).run(run));
            },
        );
        for (at, event) in lines.events.iter().enumerate() {
            assert_eq!(event["job_id"], format!("job-{at}"), "{outer:?}");
        }
    }
}

#[test]
fn a_trace_of_its_own_and_a_sampled_parent_are_not_switched_off() {
    let sampled = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    let lines = capture_sampled(
        Way::Skipping,
        Sampler::default(),
        |layer| layer,
        || {
            let parent = sampled.run(|| tracing::info_span!("sampled"));
            let unsampled =
                Context::default().with_span(TraceId::random(), SpanId::random(), false);
            let _inside = unsampled.attach();
            for _ in 0..MANY {
                tracing::info_span!(parent: None, "alone").in_scope(|| {});
                tracing::info_span!(parent: &parent, "told").in_scope(|| {});
                tracing::info_span!("contextual").in_scope(|| {});
            }
        },
    );
    let found = names(&lines);
    let count = |name| found.iter().filter(|found| **found == name).count();
    assert_eq!(["alone", "told", "sampled", "contextual"].map(count), [MANY, MANY, 1, 0]);
}

#[test]
fn ids_hold_in_traces_that_are_not_sampled() {
    for way in Way::ALL {
        let lines = capture_sampled(
            way,
            off(),
            |layer| layer,
            || {
                tracing::info_span!("root").in_scope(|| {
                    for at in 0..3 {
                        let span = tracing::info_span!("job", job_id = format!("job-{at}"));
                        span.in_scope(|| tracing::info!("inside"));
                    }
                });
            },
        );
        let jobs: Vec<_> = lines.events.iter().map(|event| event["job_id"].clone()).collect();
        assert_eq!(jobs, ["job-0", "job-1", "job-2"], "{way:?}");
    }
}

#[test]
fn a_span_that_takes_its_context_elsewhere_is_never_switched_off() {
    fn task() -> tracing::Span {
        tracing::info_span!("task")
    }
    let lines = capture_sampled(
        Way::Skipping,
        off(),
        |layer| layer,
        || {
            tracing::info_span!("root").in_scope(|| {
                for _ in 0..MANY {
                    let work = async { tracing::info!("elsewhere") }.instrument(task());
                    let dispatch = tracing::dispatcher::get_default(Clone::clone);
                    std::thread::spawn(move || {
                        tracing::dispatcher::with_default(&dispatch, || futures_block_on(work));
                    })
                    .join()
                    .ok();
                }
            });
        },
    );
    let trace = &lines.events[0]["trace_id"];
    assert!(trace.is_string());
    assert!(lines.events.iter().all(|event| event["trace_id"] == *trace), "{lines}");
}

#[test]
fn a_span_whose_ids_were_asked_for_is_never_switched_off() {
    fn batch() -> tracing::Span {
        tracing::info_span!("batch")
    }
    let run = || {
        tracing::info_span!("root").in_scope(|| {
            for _ in 0..MANY {
                let batch = batch();
                batch.in_scope(|| {});
                assert!(!batch.is_disabled());
                tracing::info_span!(parent: &batch, "told").in_scope(|| {});
            }
        });
    };
    assert!(capture_sampled(Way::Skipping, off(), |layer| layer, run).spans.is_empty());
}

#[test]
fn contexts_go_anywhere_in_traces_that_are_not_sampled() {
    fn task() -> tracing::Span {
        tracing::info_span!("task")
    }
    for way in Way::ALL {
        let unsampled = Context::default().with_span(TraceId::random(), SpanId::random(), false);
        let trace = unsampled.trace_id().unwrap().to_string();
        let lines = capture_sampled(
            way,
            Sampler::default(),
            |layer| layer,
            || {
                let _inside = unsampled.attach();
                for _ in 0..3 {
                    task().in_scope(|| tracing::info!("inline"));
                    let (handed, dispatch) =
                        (task(), tracing::dispatcher::get_default(Clone::clone));
                    let there = move || {
                        handed.in_scope(|| {
                            tracing::info_span!("inner").in_scope(|| tracing::info!("there"));
                        });
                        tracing::info_span!(parent: &handed, "told")
                            .in_scope(|| tracing::info!("told"));
                    };
                    std::thread::spawn(move || tracing::dispatcher::with_default(&dispatch, there))
                        .join()
                        .unwrap();
                }
            },
        );
        assert!(lines.spans.is_empty(), "{way:?}: {lines}");
        assert_eq!(lines.events.len(), 9);
        assert!(lines.events.iter().all(|event| event["trace_id"] == *trace), "{way:?}: {lines}");
    }
}

#[test]
fn an_event_without_a_parent_has_no_span() {
    for way in Way::ALL {
        let lines = capture_sampled(
            way,
            Sampler::default(),
            |layer| layer,
            || {
                tracing::info_span!("around").in_scope(|| tracing::info!(parent: None, "alone"));
            },
        );
        assert_eq!(lines.event("alone")["trace_id"], serde_json::Value::Null, "{way:?}");
    }
}

#[test]
fn two_layers_of_ours_record_each_span_each() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let open = || {
        radiosonde_record::Journal::open(
            radiosonde_record::Placement::Memory,
            radiosonde_record::Filter::at(radiosonde_record::Level::Info),
        )
        .unwrap()
    };
    let journals = [open(), open()];
    let [one, other] = journals
        .each_ref()
        .map(|journal| radiosonde_tracing::Layer::new(journal, Sampler::default()));
    let subscriber = tracing_subscriber::registry().with(one).with(other);
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            let span = tracing::info_span!("outer");
            let _entered = span.enter();
            tracing::info_span!("inner").in_scope(|| {});
        }
    });
    for journal in &journals {
        assert_eq!(journal.account(radiosonde_record::Kind::Span).offered, 6);
        assert_eq!(journal.open_span_counts(), (0, 0));
    }
}

/// Polls a future that is ready at once.
fn futures_block_on(future: impl Future<Output = ()>) {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
}

#[test]
fn errors_and_slow_spans_are_kept_and_say_so() {
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let slow = std::time::Duration::from_millis(30);
        let make = |layer: Layer| layer.keep(Keep::errors().and_slow(slow)).with_counts(&counts);
        let lines = capture_sampled(way, off(), make, || {
            for _ in 0..2 {
                tracing::info_span!("fine", n = 1).in_scope(|| {});
            }
            tracing::info_span!("failed", n = 2).in_scope(|| tracing::error!("no luck"));
            tracing::info_span!("slow", n = 3).in_scope(|| {
                let begun = std::time::Instant::now();
                while begun.elapsed() < slow {
                    std::thread::yield_now();
                }
                assert_eq!(Context::current().is_sampled(), Some(false), "others are told so");
            });
        });
        assert_eq!(names(&lines), ["failed", "slow"], "{way:?}");
        for (name, kept, n) in [("failed", "error", 2), ("slow", "slow", 3)] {
            let meta = &lines.span(name)["meta"];
            assert_eq!((&meta["kept"], &meta["attributes"]["n"]), (&kept.into(), &n.into()));
        }
        assert_eq!((counts.of(Counted::KeptError), counts.of(Counted::KeptSlow)), (1, 1));
    }
}

#[test]
fn a_sampled_span_is_not_said_to_be_kept() {
    for way in Way::ALL {
        let make = |layer: Layer| layer.keep(Keep::errors());
        let lines = capture_sampled(way, Sampler::default(), make, || {
            tracing::info_span!("failed").in_scope(|| tracing::error!("no luck"));
        });
        assert!(lines.span("failed")["meta"].get("kept").is_none(), "{way:?}");
    }
}
