//! What jobs did to series adds up to the series, and is told with the right context.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};

use common::{metrics, total, value, with};
use metrics::{counter, gauge, histogram};
use radiosonde_context::{Context, scope};
use radiosonde_metrics::{Delta, DeltaValue, Metrics, Value};

type Seen = Arc<Mutex<Vec<(Option<String>, Option<String>, Delta)>>>;

fn watch(metrics: &Metrics) -> Seen {
    let seen = Seen::default();
    let sink = seen.clone();
    metrics.on_delta(Box::new(move |context: &Context, delta| {
        let ids = (context.job_id().map(str::to_owned), context.worker_id().map(str::to_owned));
        sink.lock().unwrap().push((ids.0, ids.1, delta.clone()));
    }));
    seen
}

fn drain(seen: &Seen) -> Vec<(Option<String>, Option<String>, Delta)> {
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn one_delta_per_series_and_stretch_with_the_context_of_the_writes() {
    let metrics = metrics();
    let seen = watch(&metrics);
    with(&metrics, || {
        counter!("known_total", "outcome" => "retry").increment(1);
        scope().job("job-1").worker("w-1").run(|| {
            for _ in 0..3 {
                counter!("known_total", "outcome" => "retry").increment(2);
            }
            counter!("known_total", "outcome" => "retry").absolute(10);
            counter!("known_total", "outcome" => "retry").absolute(4);
            gauge!("queue_depth", "host" => "a").set(7.0);
            gauge!("queue_depth", "host" => "a").decrement(2.0);
            histogram!("parse_duration_milliseconds", "outcome" => "retry").record(30.0);
            histogram!("parse_duration_milliseconds", "outcome" => "retry").record_many(10.0, 2);
            counter!("known_total", "outcome" => "success").increment(0);
            assert!(drain(&seen).is_empty(), "nothing before the scope is left");
        });
    });
    let deltas = drain(&seen);
    let values: Vec<_> = deltas.iter().map(|(_, _, d)| (&*d.name, d.value)).collect();
    assert_eq!(values[0], ("known_total", DeltaValue::Counter(6 + 3)));
    assert_eq!(values[1], ("queue_depth", DeltaValue::Gauge(5.0)));
    let DeltaValue::Distribution(parse) = values[2].1 else { panic!("{values:?}") };
    assert_eq!((parse.count, parse.sum, parse.min, parse.max), (3, 50.0, 10.0, 30.0));
    assert_eq!(values.len(), 3);
    for (job, worker, _) in &deltas {
        assert_eq!((job.as_deref(), worker.as_deref()), (Some("job-1"), Some("w-1")));
    }
}

#[test]
fn a_nested_scope_is_a_stretch_of_its_own() {
    let metrics = metrics();
    let seen = watch(&metrics);
    with(&metrics, || {
        let write = |n| counter!("known_total", "outcome" => "retry").increment(n);
        scope().job("outer").run(|| {
            write(1);
            scope().job("inner").run(|| write(10));
            write(100);
        });
    });
    let told: Vec<_> =
        drain(&seen).into_iter().map(|(job, _, d)| (job.unwrap(), d.value)).collect();
    let expected = [("outer", 1), ("inner", 10), ("outer", 100)]
        .map(|(job, n)| (job.to_owned(), DeltaValue::Counter(n)));
    assert_eq!(told, expected);
}

#[test]
fn deltas_of_many_threads_add_up_to_the_counter_also_past_the_cap() {
    let metrics = metrics();
    let seen = watch(&metrics);
    std::thread::scope(|threads| {
        for thread in 0..4_usize {
            let metrics = &metrics;
            threads.spawn(move || {
                with(metrics, || {
                    for job in 0..10 {
                        scope().job(format!("job-{thread}-{job}")).run(|| {
                            for n in 0..100 {
                                let host = format!("h{}", n * 4 + thread);
                                counter!("wide_total", "host" => host, "outcome" => "retry")
                                    .increment(3);
                            }
                        });
                    }
                });
            });
        }
    });
    let deltas = drain(&seen);
    let sum = deltas.iter().map(|(_, _, d)| match d.value {
        DeltaValue::Counter(n) => n,
        _ => 0,
    });
    assert_eq!(sum.sum::<u64>(), 4 * 10 * 100 * 3);
    assert_eq!(total(&metrics, "wide_total"), 4 * 10 * 100 * 3);
    assert!(deltas.iter().all(|(job, ..)| job.is_some()));
}

#[test]
fn a_full_list_and_a_flush_deliver_early() {
    let metrics = metrics();
    let seen = watch(&metrics);
    with(&metrics, || {
        scope().job("job-1").run(|| {
            for n in 0..64 {
                gauge!("queue_depth", "host" => format!("h{n}")).set(1.0);
            }
            assert_eq!(drain(&seen).len(), 64);
            gauge!("queue_depth", "host" => "h1").set(2.0);
            metrics.flush_thread();
            let told = drain(&seen);
            assert_eq!((told.len(), told[0].0.as_deref()), (1, Some("job-1")));
        });
    });
    assert!(drain(&seen).is_empty());
}

#[test]
fn the_end_of_a_thread_delivers_what_a_forgotten_guard_kept() {
    let metrics = metrics();
    let seen = watch(&metrics);
    let inner = metrics.clone();
    std::thread::spawn(move || {
        let _forgotten = std::mem::ManuallyDrop::new(scope().job("job-9").enter());
        with(&inner, || counter!("known_total", "outcome" => "retry").increment(4));
    })
    .join()
    .unwrap();
    let told = drain(&seen);
    assert_eq!((told.len(), told[0].0.as_deref()), (1, Some("job-9")));
    assert_eq!(told[0].2.value, DeltaValue::Counter(4));
}

#[test]
fn a_sink_may_write_and_panic_and_pipelines_stay_apart() {
    let (one, two) = (metrics(), metrics());
    let seen = watch(&two);
    let inner = one.clone();
    one.on_delta(Box::new(move |_, _| {
        with(&inner, || counter!("known_total", "outcome" => "failure").increment(1));
        scope().job("nested").run(|| {
            with(&inner, || counter!("known_total", "outcome" => "failure").increment(1));
        });
        panic!("a sink that panics");
    }));
    scope().job("job-1").run(|| {
        with(&one, || counter!("known_total", "outcome" => "retry").increment(1));
        with(&two, || counter!("known_total", "outcome" => "retry").increment(5));
    });
    let told = drain(&seen);
    assert_eq!((told.len(), told[0].2.value), (1, DeltaValue::Counter(5)));
    let written = value(&one, "known_total", &[("outcome", "failure")]);
    assert_eq!(written, Some(Value::Counter(2)), "and its own writes made no deltas");
}

#[test]
fn own_metrics_and_constant_labels_are_not_in_deltas() {
    let metrics = metrics();
    let seen = watch(&metrics);
    scope().job("job-1").run(|| {
        with(&metrics, || {
            gauge!("process_threads").set(3.0);
            counter!("known_total", "outcome" => "retry").increment(1);
        });
    });
    let told = drain(&seen);
    assert_eq!(told.len(), 1);
    let labels: Vec<_> = told[0].2.labels.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(labels, [("outcome", "retry")]);
    assert_eq!(told[0].2.unit.as_deref(), Some("items"));
}
