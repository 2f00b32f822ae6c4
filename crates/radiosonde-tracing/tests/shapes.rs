//! Spans made, entered and dropped in every order: what a program leaves does not depend on the way
//! it has the layer, and is what `tracing` says.

mod common;

use common::{Lines, Way, capture};
use proptest::prelude::*;
use radiosonde_context::{Context, scope};
use radiosonde_tracing::{Counted, SpanCounts, context_of};
use serde_json::json;
use tracing::Span;

#[test]
fn a_span_closed_elsewhere_and_entered_in_two_places_is_one() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let span = tracing::info_span!("shared", n = 1);
                let dispatch = tracing::dispatcher::get_default(Clone::clone);
                let threads = [1, 2].map(|_| {
                    let (span, dispatch) = (span.clone(), dispatch.clone());
                    std::thread::spawn(move || {
                        tracing::dispatcher::with_default(&dispatch, || {
                            span.in_scope(|| tracing::info_span!("child").in_scope(|| {}));
                        });
                    })
                });
                span.in_scope(|| span.in_scope(|| tracing::info!("twice inside")));
                drop(span);
                threads.into_iter().for_each(|thread| drop(thread.join()));
            },
        );
        let shared = lines.span("shared")["span_id"].clone();
        let children: Vec<_> = lines.spans.iter().filter(|span| span["msg"] == "child").collect();
        assert_eq!(children.len(), 2, "{way:?}");
        for child in children {
            assert_eq!(child["meta"]["parent_span_id"], shared, "{way:?}");
        }
        assert_eq!(lines.event("twice inside")["span_id"], shared, "{way:?}");
    }
}

#[test]
fn a_span_that_serves_several_jobs_has_each_of_them_while_it_does() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let connection = tracing::info_span!("connection");
                for job in ["job-0", "job-1"] {
                    let job_scope = scope().job(job).session(format!("{job}-session"));
                    let _in_scope = job_scope.enter();
                    connection.in_scope(|| {
                        tracing::info!("query of {job}");
                        tracing::info_span!("of", job).in_scope(|| {});
                    });
                    assert_eq!(context_of(&connection).job_id(), Some(job), "{way:?}");
                }
                connection.in_scope(|| tracing::info!("idle"));
            },
        );
        for job in ["job-0", "job-1"] {
            let event = lines.event(&format!("query of {job}"));
            assert_eq!(event["job_id"], job, "{way:?}");
            assert_eq!(event["session_id"], format!("{job}-session"), "{way:?}");
            let mut children = lines.spans.iter().filter(|span| span["msg"] == "of");
            let child = children.find(|child| child["meta"]["attributes"]["job"] == job);
            assert_eq!(child.unwrap()["job_id"], job, "{way:?}");
        }
        assert_eq!(lines.event("idle")["job_id"], json!(null), "{way:?}");
        assert_eq!(lines.span("connection")["job_id"], "job-0", "of its first, {way:?}");
    }
}

#[test]
fn an_id_recorded_inside_changes_nothing_but_itself() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let late = || {
                    tracing::info_span!(
                        "late",
                        job_id = tracing::field::Empty,
                        worker_id = tracing::field::Empty
                    )
                };
                scope().job("outer").session("outer").run(|| {
                    let span = late().entered();
                    scope().job("inner").session("inner").run(|| {
                        span.record("worker_id", "w");
                        tracing::info!("in the inner scope");
                    });
                });
                let span = late();
                span.in_scope(|| {
                    tracing::info_span!("between").in_scope(|| {
                        span.in_scope(|| span.record("job_id", "j"));
                    });
                    tracing::info!("outside again");
                });
            },
        );
        let inner = lines.event("in the inner scope");
        let ids = ["job_id", "session_id", "worker_id"].map(|id| inner[id].clone());
        assert_eq!(ids, ["inner", "inner", "w"], "{way:?}");
        assert_eq!(lines.event("outside again")["job_id"], "j", "{way:?}");
    }
}

#[test]
fn the_current_span_is_that_of_tracing() {
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                assert!(Span::current().is_none() || Span::current().is_disabled());
                let outer = tracing::info_span!("outer", late = tracing::field::Empty).entered();
                Span::current().record("late", 7);
                let inner = tracing::info_span!("inner").entered();
                assert_eq!(Span::current().id(), inner.id(), "{way:?}");
                // Left in the order they were entered.
                drop(outer);
                assert_eq!(Span::current().id(), inner.id(), "{way:?}");
                tracing::info!("in inner");
                drop(inner);
                assert!(Context::current().is_empty(), "{way:?}");
            },
        );
        assert_eq!(lines.span("outer")["meta"]["attributes"]["late"], 7, "{way:?}");
        assert_eq!(lines.event("in inner")["span_id"], lines.span("inner")["span_id"]);
    }
}

#[test]
fn guards_and_spans_left_in_any_order_leave_nothing_behind() {
    let job = || Context::current().job_id().map(str::to_owned);
    let id = |span: &Span| radiosonde_tracing::context_of(span).span_id();
    for way in Way::ALL {
        capture(
            way,
            |layer| layer,
            || {
                let span = tracing::info_span!("span");
                // The guard was there before the span.
                let guard = scope().job("outer").enter();
                let entered = span.clone().entered();
                drop(guard);
                assert_eq!(Context::current().span_id(), id(&span), "{way:?}");
                drop(entered);
                assert!(Context::current().is_empty(), "{way:?}");
                // And the span before the guard, as where one is held over an `.await`: a task's
                // context is in nobody else's way.
                let entered = span.clone().entered();
                let guard = scope().job("inner").enter();
                drop(entered);
                assert!(Context::current().is_empty(), "{way:?}");
                let again = span.clone().entered();
                drop(guard);
                assert_eq!(Context::current().span_id(), id(&span), "{way:?}");
                drop(again);
                assert!(Context::current().is_empty(), "{way:?}");
                // Two spans with a guard between them.
                let first = tracing::info_span!("first").entered();
                let between = scope().job("between").enter();
                let second = tracing::info_span!("second").entered();
                drop(first);
                drop(between);
                assert_eq!(Context::current().span_id(), id(&second), "{way:?}");
                assert_eq!(job().as_deref(), Some("between"), "{way:?}");
                drop(second);
                assert!(Context::current().is_empty(), "{way:?}");
            },
        );
    }
}

#[test]
fn formatters_that_make_spans_do_so() {
    struct Nested;
    impl std::fmt::Debug for Nested {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let _inside = tracing::info_span!("formatting").entered();
            tracing::info!("formatting");
            Span::current().record("late", 1);
            f.write_str("nested")
        }
    }
    // With one dispatcher alone, `tracing` asks nobody about a call site that is first met while a span
    // is made, and switches it off.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    for way in Way::ALL {
        let lines = capture(
            way,
            |layer| layer,
            || {
                let span =
                    tracing::info_span!("span", value = ?Nested, late = tracing::field::Empty);
                span.in_scope(|| span.record("late", tracing::field::debug(Nested)));
                assert!(Context::current().is_empty());
            },
        );
        let attributes = &lines.span("span")["meta"]["attributes"];
        assert_eq!(attributes["value"], "nested", "{way:?}");
        assert_eq!(attributes["late"], "nested", "{way:?}");
        // While a span is made, `tracing` hands nothing on that is made in between.
        assert_eq!(lines.spans.len(), 2, "{way:?}");
        assert_eq!(
            lines.span("formatting")["meta"]["parent_span_id"],
            lines.span("span")["span_id"]
        );
    }
}

#[test]
fn more_names_than_anybody_keeps_are_right_in_the_lines() {
    const NAMES: usize = 1_200;
    for way in Way::ALL {
        let counts = SpanCounts::default();
        let lines = capture(
            way,
            |layer| layer.with_counts(&counts),
            || {
                for nth in 0..NAMES {
                    tracing::info_span!("route", otel.name = format!("GET /{nth}"), nth);
                }
            },
        );
        assert_eq!(lines.spans.len(), NAMES, "{way:?}");
        for span in &lines.spans {
            let name = format!("GET /{}", span["meta"]["attributes"]["nth"]);
            assert_eq!((&span["msg"], &span["meta"]["name"]), (&json!(name), &json!(name)));
        }
        // In the table of open spans some had the name of the call site.
        assert_eq!(counts.of(Counted::UnlistedName), NAMES as u64 - 256, "{way:?}");
    }
}

/// A step of a program with a few spans.
#[derive(Clone, Debug)]
enum Step {
    New { place: usize, parent: usize },
    Enter(usize),
    Exit(usize),
    Clone { from: usize, to: usize },
    Drop(usize),
    Event,
}

const PLACES: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    let place = || 0..PLACES;
    prop_oneof![
        (place(), 0..PLACES + 2).prop_map(|(place, parent)| Step::New { place, parent }),
        place().prop_map(Step::Enter),
        place().prop_map(Step::Exit),
        (place(), place()).prop_map(|(from, to)| Step::Clone { from, to }),
        place().prop_map(Step::Drop),
        Just(Step::Event),
    ]
}

/// Runs the steps; entered spans are left in the end, the last first.
fn run(steps: &[Step]) {
    let mut places: [Option<Span>; PLACES] = Default::default();
    let mut entered: Vec<(usize, tracing::span::EnteredSpan)> = Vec::new();
    for (number, step) in (0_u64..).zip(steps) {
        match *step {
            Step::New { place, parent } => {
                let span = match parent {
                    PLACES => tracing::info_span!(parent: None, "span", number),
                    at if at < PLACES && places[at].is_some() => {
                        tracing::info_span!(parent: places[at].as_ref().unwrap_or(&Span::none()), "span", number)
                    }
                    _ => tracing::info_span!("span", number),
                };
                places[place] = Some(span);
            }
            Step::Enter(place) => {
                if let Some(span) = &places[place] {
                    entered.push((place, span.clone().entered()));
                }
            }
            Step::Exit(place) => {
                if let Some(at) = entered.iter().rposition(|(from, _)| *from == place) {
                    drop(entered.remove(at));
                }
            }
            Step::Clone { from, to } => places[to] = places[from].clone(),
            Step::Drop(place) => places[place] = None,
            Step::Event => tracing::info!(number, "event"),
        }
    }
    while let Some(last) = entered.pop() {
        drop(last);
    }
    drop(places);
    assert!(Context::current().is_empty());
}

/// What does not depend on ids and times: the number of each span, with that of its parent, and of
/// each event with that of its span.
fn shape(lines: &Lines) -> [Vec<[Option<u64>; 2]>; 2] {
    let number_of = |id: &serde_json::Value| {
        let span = lines.spans.iter().find(|span| id.is_string() && span["span_id"] == *id);
        span.and_then(|span| span["meta"]["attributes"]["number"].as_u64())
    };
    let spans = lines.spans.iter().map(|span| {
        let own = span["meta"]["attributes"]["number"].as_u64();
        [own, number_of(&span["meta"]["parent_span_id"])]
    });
    let events = lines.events.iter();
    let events =
        events.map(|event| [event["meta"]["number"].as_u64(), number_of(&event["span_id"])]);
    let (mut spans, mut events): (Vec<_>, Vec<_>) = (spans.collect(), events.collect());
    spans.sort_unstable();
    events.sort_unstable();
    [spans, events]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// The registry of `tracing-subscriber` is the model.
    #[test]
    fn any_program_leaves_the_same_either_way(steps in prop::collection::vec(step(), 0..40)) {
        let own = shape(&capture(Way::Own, |layer| layer, || run(&steps)));
        let model = shape(&capture(Way::Registry, |layer| layer, || run(&steps)));
        prop_assert_eq!(own, model);
    }
}
