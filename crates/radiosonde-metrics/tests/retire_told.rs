//! What is told of retired series, to whom, and that whoever is told may do what they want.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use radiosonde_metrics::{Exemplar, Exposition, Head, Metrics, Point, Reason, Scrape, Value};

/// Another flood after room was made is another one: who writes it, and which label, is told anew.
#[test]
fn the_next_flood_is_blamed_on_who_makes_it() {
    let metrics = Metrics::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    metrics.set_on_refusal(Box::new(move |refusal| {
        telling.lock().unwrap().push(refusal.reason);
    }));
    let flood = |label: &'static str, count: usize| {
        metrics::with_local_recorder(&metrics.recorder(), || {
            for n in 0..count {
                metrics::counter!("orders_total", label => format!("v{n}")).increment(1);
            }
        });
    };
    let exploded = || metrics.refusals().into_iter().find_map(|refusal| refusal.exploded);
    flood("customer", 3_000);
    let first = exploded().unwrap();
    assert_eq!(first.label, "customer");
    assert!(first.values <= 3_000, "no more values than writes: {}", first.values);
    assert!(metrics.retire("orders_total").is_some());
    assert_eq!(exploded(), None);
    flood("sku", 1_000);
    assert_eq!(exploded().unwrap().label, "sku");
    assert_eq!(*told.lock().unwrap(), [Reason::SeriesCap; 2]);
}

/// Whoever is told what a scrape found out may scrape.
#[test]
fn who_is_told_of_a_folded_series_may_read_all() {
    let metrics = Metrics::default();
    let write = |nth: usize| {
        metrics::with_local_recorder(&metrics.recorder(), || {
            metrics::counter!("orders_total", "customer" => format!("v{nth}")).increment(1);
        });
    };
    (0..200).for_each(write);
    assert_eq!(metrics.retire("orders_total"), Some(200));
    (200..400).for_each(write);
    write(0);
    let reads = Arc::new(AtomicUsize::new(0));
    let (reading, counted) = (metrics.clone(), reads.clone());
    metrics.set_on_refusal(Box::new(move |_| {
        reading.expose(Scrape::default(), &mut Nothing);
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    metrics.expose(Scrape::default(), &mut Nothing);
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

struct Nothing;

impl Exposition for Nothing {
    fn family(&mut self, _: &Head<'_>) {}
    fn series(&mut self, _: &str, _: &Point<'_>, _: &[Exemplar]) {}
}

/// What was hidden and folded has room again as anything else has.
#[test]
fn hidden_values_get_room_again() {
    let metrics = Metrics::default();
    let secret = "postgres://ann:correct-horse-battery@db/x";
    let write = |value: String| {
        metrics::with_local_recorder(&metrics.recorder(), || {
            metrics::counter!("orders_total", "customer" => value).increment(1);
        });
    };
    (0..200).for_each(|nth| write(format!("v{nth}")));
    (0..3).for_each(|_| write(secret.to_owned()));
    assert_eq!(metrics.retire("orders_total"), Some(200));
    write(secret.to_owned());
    let snapshot = metrics.snapshot();
    let family = snapshot.family("orders_total").unwrap();
    assert_eq!(family.series.len(), 2, "{family:?}");
    let values: Vec<_> = family.series.iter().map(|series| series.value.clone()).collect();
    assert!(values.contains(&Value::Counter(3)) && values.contains(&Value::Counter(1)));
}

/// A label of that name would stand beside the overflow set, or be taken for it.
#[test]
fn nobody_writes_an_overflow_set() {
    let metrics = Metrics::default();
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::counter!("orders_total", "otel_metric_overflow" => "true").increment(7);
    });
    let refusals = metrics.refusals();
    assert_eq!((refusals[0].reason, refusals[0].count), (Reason::LabelName, 1));
    assert!(
        metrics.snapshot().family("orders_total").is_none_or(|family| family.series.is_empty())
    );
}
