//! A registry out of what was observed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{refused, with};
use metrics::{Unit, counter, describe_histogram, gauge, histogram};
use radiosonde_metrics::{MetricType, Metrics, Reason, Settings};
use radiosonde_registry::Registry;

fn drafted(metrics: &Metrics) -> Registry {
    let text = metrics.registry_draft();
    Registry::parse("draft.json", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

#[test]
fn a_draft_takes_what_was_observed_and_refuses_the_rest() {
    let metrics = Metrics::default();
    let write = |metrics: &Metrics| {
        with(metrics, || {
            for n in 0..30 {
                let (host, zone) = (format!("h{n}"), format!("z \"{}\" \\", n % 3));
                counter!("runs_total", "host" => host, "zone" => zone).increment(1);
            }
            histogram!("parse.time_seconds", "zone" => "north").record(0.3);
            gauge!("queue_depth").set(1.0);
        });
    };
    with(&metrics, || {
        describe_histogram!("parse.time_seconds", Unit::Seconds, "Time to \"parse\".");
    });
    write(&metrics);
    let registry = drafted(&metrics);
    assert_eq!(metrics.observed_count(), 3);

    let parse = registry.metric("parse_time_seconds").unwrap();
    assert_eq!(
        (parse.metric_type, parse.unit.as_deref(), parse.help.as_str()),
        (MetricType::Histogram, Some("seconds"), "Time to \"parse\".")
    );
    // They are those it has anyway.
    assert!(parse.buckets.is_empty());
    assert_eq!(registry.metric("queue_depth").unwrap().help, "…");
    assert_eq!(registry.metric("runs_total").unwrap().labels, ["host", "zone"]);
    assert_eq!(registry.labels["host"].max_values, Some(100));
    let zones = ["north", "z \"0\" \\", "z \"1\" \\", "z \"2\" \\"];
    assert_eq!(registry.labels["zone"].values.as_deref().unwrap(), zones);

    // What was observed may be written with it.
    let next = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    write(&next);
    with(&next, || {
        counter!("new_total", "host" => "h1", "zone.name" => "north").increment(1);
        let _unused = gauge!("unused_ratio");
    });
    let text = next.registry_draft();
    let new = Registry::parse("draft.json", &text).unwrap();
    let names: Vec<_> = new.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["new_total", "parse_time_seconds"], "{text}");
    assert_eq!(new.metrics[0].metric_type, MetricType::Counter);
    assert_eq!(new.metrics[0].labels, ["host", "zone_name"]);
    assert_eq!(next.refusals().len(), 2, "{:?}", next.refusals());
    assert_eq!(refused(&next, "new_total", Reason::Unregistered), 1);
    // Names are those of Prometheus now.
    assert_eq!(refused(&next, "parse.time_seconds", Reason::Unregistered), 1);
}

#[test]
fn lists_do_not_multiply_past_the_limit() {
    let metrics = Metrics::default();
    with(&metrics, || {
        for n in 0..10 {
            let digit = n.to_string();
            counter!("wide_total", "a" => digit.clone(), "b" => digit.clone(), "c" => digit.clone())
                .increment(1);
            counter!("narrow_total", "a" => digit).increment(1);
        }
    });
    let registry = drafted(&metrics);
    let listed = registry.labels.values().filter(|label| label.values.is_some()).count();
    assert_eq!(listed, 2);
}

#[test]
fn an_empty_draft_is_a_registry_and_a_folded_one_too() {
    assert_eq!(drafted(&Metrics::default()).metrics.len(), 0);
    let metrics = Metrics::default();
    with(&metrics, || {
        for n in 0..300 {
            counter!("many_total", "host" => format!("h{n}")).increment(1);
        }
        gauge!("token_age_seconds", "token" => "secret").set(1.0);
    });
    let registry = drafted(&metrics);
    assert_eq!(registry.metric("many_total").unwrap().labels, ["host"]);
    assert_eq!(registry.labels["host"].max_values, Some(200));
    assert_eq!(registry.labels["token"].values, None);
}

#[test]
fn a_name_that_a_lint_is_against_is_for_a_person_to_decide() {
    let metrics = Metrics::default();
    with(&metrics, || counter!("runs").increment(1));
    let errors = Registry::parse("draft.json", &metrics.registry_draft()).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert_eq!(errors.0[0].path, "metrics[0].name", "{errors}");
}

#[test]
fn what_a_library_says_of_its_metrics_cannot_spoil_a_draft() {
    let metrics = Metrics::default();
    with(&metrics, || {
        describe_histogram!(
            "took_seconds",
            Unit::Seconds,
            "Took \u{1b}[31mlong\u{202e}\0\r, see\nbelow."
        );
        histogram!("took_seconds").record(0.3);
    });
    let registry = drafted(&metrics);
    let help = &registry.metric("took_seconds").unwrap().help;
    assert_eq!(help, "Took \u{fffd}[31mlong\u{fffd}\u{fffd}\u{fffd}, see\nbelow.");
}
