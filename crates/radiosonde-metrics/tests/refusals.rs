//! What is refused, that it is counted with its reason, and that it is told once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};

use common::{metrics, metrics_in, refused, total, value, with};
use metrics::{counter, gauge, histogram};
use radiosonde_metrics::{Metrics, Reason, Value};

#[test]
fn each_reason_refuses_and_counts_every_write() {
    type Case = (&'static str, Reason, &'static str, fn());
    let cases: Vec<Case> = vec![
        ("nobody_total", Reason::Unregistered, "not in the registry", || {
            counter!("nobody_total").increment(1);
        }),
        (
            "run_total",
            Reason::Unregistered,
            "not in the registry; did you mean `runs_total`?",
            || counter!("run_total").increment(1),
        ),
        (
            "wide_total",
            Reason::LabelUndeclared,
            "label `outcom` is not declared; did you mean `outcome`?",
            || counter!("wide_total", "outcom" => "retry").increment(1),
        ),
        (
            "metric_ingest_status",
            Reason::LabelValue,
            "no metric `run_total`; did you mean `runs_total`?",
            || {
                counter!("metric_ingest_status", "metric" => "run_total", "status" => "success")
                    .increment(1);
            },
        ),
        ("runs_total", Reason::TypeMismatch, "the metric is a counter", || {
            gauge!("runs_total", "provider" => "a", "outcome" => "retry").set(1.0);
        }),
        ("runs_total", Reason::LabelUndeclared, "label `user` is not declared", || {
            counter!("runs_total", "provider" => "a", "outcome" => "retry", "user" => "u")
                .increment(1);
        }),
        ("runs_total", Reason::LabelMissing, "label `outcome` is missing", || {
            counter!("runs_total", "provider" => "a").increment(1);
        }),
        ("runs_total", Reason::LabelRepeated, "label `provider` is given twice", || {
            counter!("runs_total", "provider" => "a", "provider" => "b").increment(1);
        }),
        (
            "runs_total",
            Reason::LabelValue,
            "label `outcome` is `sucess`, but should be one of `success`, `retry`, `failure`",
            || counter!("runs_total", "provider" => "a", "outcome" => "sucess").increment(1),
        ),
        (
            "versions_total",
            Reason::LabelValue,
            "label `version` is `v1-next`, but should be a match of `v[0-9]+|next`",
            || counter!("versions_total", "version" => "v1-next").increment(1),
        ),
        ("wide_total", Reason::LabelShape, "label `host` looks like a UUID", || {
            counter!("wide_total", "outcome" => "retry", "host" => "550e8400-e29b-41d4-a716-446655440000")
                .increment(1);
        }),
        ("parse_duration_milliseconds", Reason::Value, "the value NaN", || {
            histogram!("parse_duration_milliseconds", "outcome" => "retry").record(f64::NAN);
        }),
        ("queue_depth", Reason::Value, "the value inf", || {
            gauge!("queue_depth", "host" => "a").set(f64::INFINITY);
        }),
        (
            "elsewhere_total",
            Reason::ForeignSource,
            "the registry says that this process does not write it",
            || counter!("elsewhere_total", "outcome" => "retry").increment(1),
        ),
    ];
    for (metric, reason, example, write) in cases {
        let metrics = metrics();
        let before = metrics.series_count();
        with(&metrics, || (0..3).for_each(|_| write()));
        let refusals = metrics.refusals();
        assert_eq!(refusals.len(), 1, "{metric} {reason}: {refusals:?}");
        assert_eq!((&*refusals[0].metric, refusals[0].reason), (metric, reason));
        assert_eq!(refusals[0].count, 3, "{metric} {reason}");
        assert_eq!(refusals[0].example.as_deref(), Some(example));
        if reason != Reason::Value {
            assert_eq!(refusals[0].module.as_deref(), Some(module_path!()));
            assert_eq!(metrics.series_count(), before, "{metric} {reason}");
        }
        let labels = [("metric", metric), ("reason", reason.as_str())];
        let exposed = value(&metrics, "radiosonde_metric_writes_refused_total", &labels);
        assert_eq!(exposed, Some(Value::Counter(3)), "{metric} {reason}");
    }
}

#[test]
fn a_refused_handle_counts_writes_and_not_registrations() {
    let metrics = metrics();
    with(&metrics, || {
        let unused = counter!("nobody_total");
        assert!(metrics.refusals().is_empty(), "nothing was written through {unused:?}");
        let handle = histogram!("nobody_seconds");
        handle.record(1.0);
        handle.record_many(2.0, 10);
        counter!("nobody_total").absolute(7);
    });
    assert_eq!(refused(&metrics, "nobody_seconds", Reason::Unregistered), 11);
    assert_eq!(refused(&metrics, "nobody_total", Reason::Unregistered), 1);
}

#[test]
fn unregistered_names_are_bounded_and_none_is_lost() {
    let metrics = metrics();
    with(&metrics, || {
        for n in 0..1_000 {
            counter!(format!("nobody_{n}_total")).increment(1);
        }
        counter!("x".repeat(1 << 20)).increment(1);
        counter!("nobody_3_total").increment(1);
    });
    let refusals = metrics.refusals();
    assert_eq!(refusals.len(), 65, "64 names and the rest");
    assert_eq!(refusals.iter().map(|r| r.count).sum::<u64>(), 1_002);
    assert_eq!(refused(&metrics, "_other", Reason::Unregistered), 1_000 - 64 + 1);
    assert_eq!(refused(&metrics, "nobody_3_total", Reason::Unregistered), 2);
    assert!(refusals.iter().all(|r| r.metric.len() <= 200));
}

#[test]
fn each_metric_and_reason_is_told_once_also_to_who_comes_late() {
    let metrics = metrics();
    with(&metrics, || counter!("early_total").increment(1));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sink, inner) = (told.clone(), metrics.clone());
    metrics.set_on_refusal(Box::new(move |refusal| {
        sink.lock().unwrap().push(refusal.to_string());
        // What is told may write metrics itself, refused ones too, and may panic.
        with(&inner, || counter!("from_callback_total").increment(1));
        assert!(!refusal.metric.starts_with("late"), "a callback that panics");
    }));
    with(&metrics, || (0..5).for_each(|_| counter!("late_total").increment(1)));
    let told = told.lock().unwrap().clone();
    let said = |metric: &str| told.iter().filter(|t| t.contains(metric)).count();
    assert_eq!((said("early"), said("from_callback"), said("late")), (1, 1, 1), "{told:?}");
    assert!(told[0].starts_with("1 write to `early_total` refused: not in the registry (in "));
    assert_eq!(refused(&metrics, "late_total", Reason::Unregistered), 5);
}

#[test]
fn hostile_label_values_are_kept_or_refused_but_never_harm() {
    let metrics = metrics();
    let huge = "é".repeat(1 << 19);
    let values = [
        ("line\nend", false),
        ("nul\0", false),
        ("\u{1b}[31mred", false),
        (huge.as_str(), false),
        ("say \"hi\"", true),
        (r"C:\temp\", true),
        ("🎈🎈", true),
        ("", true),
        ("{}=,", true),
    ];
    for (host, kept) in values {
        with(&metrics, || {
            counter!("wide_total", "host" => host.to_owned(), "outcome" => "retry").increment(1);
        });
        let found = value(&metrics, "wide_total", &[("host", host), ("outcome", "retry")]);
        assert_eq!(found, kept.then_some(Value::Counter(1)), "{:?}", host.get(..8));
    }
    assert_eq!(refused(&metrics, "wide_total", Reason::LabelShape), 4);
}

#[test]
fn ids_are_refused_only_while_they_would_make_a_series() {
    let metrics = metrics_in("staging");
    let id = "deadbeefdeadbeef";
    with(&metrics, || {
        counter!("wide_total", "host" => id, "outcome" => "retry").increment(1);
        for n in 0..50 {
            counter!("wide_total", "host" => format!("h{n}"), "outcome" => "retry").increment(1);
        }
        counter!("wide_total", "host" => id, "outcome" => "retry").increment(1);
    });
    assert_eq!(refused(&metrics, "wide_total", Reason::LabelShape), 1);
    assert_eq!(refused(&metrics, "wide_total", Reason::SeriesCap), 1);
    assert_eq!(total(&metrics, "wide_total"), 51);
}

#[test]
fn values_of_secret_labels_are_never_stored() {
    let metrics = metrics();
    with(&metrics, || {
        counter!("secrets_total", "token" => "tk-live-1").increment(1);
        counter!("secrets_total", "token" => "tk-live-2").increment(1);
    });
    let stored = value(&metrics, "secrets_total", &[("token", "[redacted]")]);
    assert_eq!(stored, Some(Value::Counter(2)));
    assert!(!format!("{:?} {:?}", metrics.snapshot(), metrics.refusals()).contains("tk-live"));
    assert_eq!(metrics.redactions().iter().map(|(_, n)| n).sum::<u64>(), 2);

    let observed = Metrics::default();
    with(&observed, || counter!("logins", "password" => "hunter2").increment(1));
    let stored = value(&observed, "logins", &[("password", "[redacted]")]);
    assert_eq!(stored, Some(Value::Counter(1)));
}
