//! The recorder of the process, with what threads and catalogues keep of it. One test: there is one
//! such recorder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use radiosonde_metrics::{AlreadyInstalled, Metrics, Settings, Value};
use radiosonde_redact::{Rules, Verdict};
use radiosonde_registry::Registry;

radiosonde_metrics::catalog!("tests/registry.json");

/// Renames what goes through it, as prefix layers do.
struct Renaming<'r>(&'r dyn Recorder);

impl Recorder for Renaming<'_> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().cloned().collect();
        self.0.register_counter(&Key::from_parts("app_runs_total", labels), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(key, metadata)
    }
}

fn registry() -> Registry {
    let text = include_str!("registry.json");
    let renamed = r#"{"name": "app_runs_total", "type": "counter", "unit": "runs",
        "help": "Runs by another name.", "labels": ["outcome"], "owner": "platform"},
        {"name": "visits_total", "type": "counter", "unit": "visits", "help": "Visits.",
        "labels": ["provider"], "owner": "platform"}, {"name": "batch_rows""#;
    let text = text.replace(r#"{"name": "batch_rows""#, renamed);
    Registry::parse("registry.json", &text).unwrap()
}

#[test]
fn what_is_kept_of_the_recorder_is_true() {
    let rules = Rules::standard().with_callback("who", &["labels.provider"], |_, value| {
        if value.starts_with("u-") { Verdict::Replace("someone".to_owned()) } else { Verdict::Keep }
    });
    let metrics =
        Metrics::new(Settings { registry: Some(registry()), rules, ..Settings::default() });
    metrics.recorder().install().unwrap();
    let again: Result<(), AlreadyInstalled> = Metrics::default().recorder().install();
    assert!(again.is_err());
    let count = |name: &str, labels: &[(&str, &str)]| match metrics.snapshot().value(name, labels) {
        Some(Value::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    };
    let success = [("outcome", "success")];
    let run = || catalog::runs_total(catalog::Outcome::Success).increment(1);

    // A recorder around ours answers for another metric; what it says is not kept.
    metrics::with_recorder(|global| metrics::with_local_recorder(&Renaming(global), run));
    (0..10).for_each(|_| run());
    assert_eq!((count("app_runs_total", &success), count("runs_total", &success)), (1, 10));
    // Nor is the short way taken while another recorder is the current one.
    metrics::with_recorder(|global| metrics::with_local_recorder(&Renaming(global), run));
    let local = Metrics::new(Settings { registry: Some(registry()), ..Settings::default() });
    metrics::with_local_recorder(&local.recorder(), run);
    assert_eq!((count("app_runs_total", &success), count("runs_total", &success)), (2, 10));
    assert_eq!(local.snapshot().value("runs_total", &success), Some(&Value::Counter(1)));

    // One key, asked for as two types: what is kept for one is not given to the other.
    for _ in 0..3 {
        metrics::counter!("runs_total", "outcome" => "failure").increment(1);
        metrics::gauge!("runs_total", "outcome" => "failure").set(7.0);
    }
    assert_eq!(count("runs_total", &[("outcome", "failure")]), 3);
    let refused = |metric: &str| -> u64 {
        let refusals = metrics.refusals();
        refusals.iter().filter(|refusal| refusal.metric == metric).map(|r| r.count).sum()
    };
    assert_eq!(refused("runs_total"), 3);

    // What a rule replaces is counted with each write, kept handles or not.
    for _ in 0..5 {
        metrics::counter!("visits_total", "provider" => "u-bob".to_owned()).increment(1);
        metrics::counter!("visits_total", "provider" => "acme".to_owned()).increment(1);
    }
    assert_eq!(count("visits_total", &[("provider", "someone")]), 5);
    assert_eq!(count("visits_total", &[("provider", "acme")]), 5);
    let replaced = metrics.redactions().into_iter().find(|(rule, _)| rule == "who");
    assert_eq!(replaced.map(|(_, count)| count), Some(5));

    // Values that would end the text of a label early are their own.
    for provider in ["a\"", "a\\", "a\",outcome=\"success", "a"] {
        for _ in 0..2 {
            catalog::ingestion_runs_total(provider, catalog::Outcome::Success).increment(1);
        }
        let labels = [("provider", provider), ("outcome", "success")];
        assert_eq!(count("ingestion_runs_total", &labels), 2, "{provider}");
    }

    // A child records nothing and shows nothing; see also the test of a process that forks.
    let kept = metrics::counter!("runs_total", "outcome" => "success");
    radiosonde_context::reseed_after_fork();
    kept.increment(1);
    run();
    metrics::counter!("runs_total", "outcome" => "success").increment(1);
    assert_eq!(metrics.snapshot().families, []);
}
