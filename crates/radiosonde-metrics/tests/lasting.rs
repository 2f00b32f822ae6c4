//! Handles that are kept from one write to the next. One test: there is one recorder of the process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics::{SharedString, Unit};
use radiosonde_metrics::{Lasting, Metrics, Settings, Value};
use radiosonde_redact::{Rules, Verdict};
use radiosonde_registry::Registry;

static METADATA: Metadata<'static> = Metadata::new("app", Level::INFO, Some("app"));
/// Of a crate that is not the program's, whose metrics need not be registered.
static FOREIGN: Metadata<'static> = Metadata::new("http", Level::INFO, Some("http"));

const REGISTRY: &str = r#"{"schema_version": 1,
  "labels": {"provider": {"max_values": 2}},
  "metrics": [
    {"name": "visits_total", "type": "counter", "unit": "visits", "help": "Visits.",
     "labels": ["provider"], "series_limit": 2},
    {"name": "open_visits", "type": "gauge", "unit": "visits", "help": "Visits.", "labels": []},
    {"name": "visit_seconds", "type": "histogram", "unit": "seconds", "help": "Visits.",
     "labels": []}]}"#;

/// Asks ours for another metric.
struct Renaming<'r>(&'r dyn Recorder);

impl Recorder for Renaming<'_> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(&visits("renamed"), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(key, metadata)
    }
}

fn visits(provider: &str) -> Key {
    Key::from_parts("visits_total", vec![Label::new("provider", provider.to_owned())])
}

fn ask(provider: &str) -> Result<Lasting<Counter>, Counter> {
    Lasting::counter(&visits(provider), &METADATA)
}

#[test]
fn what_lasts_is_what_would_be_given_again() {
    assert!(ask("acme").is_err(), "there is no recorder");
    let rules = Rules::standard().with_callback("who", &["labels.provider"], |_, value| {
        if value == "bob" { Verdict::Replace("someone".to_owned()) } else { Verdict::Keep }
    });
    let registry = Registry::parse("registry.json", REGISTRY).unwrap();
    let settings = || Settings {
        registry: Some(registry.clone()),
        rules: rules.clone(),
        own_crates: vec!["app".to_owned()],
        ..Settings::default()
    };
    let metrics = Metrics::new(settings());
    // One that may go away gives nothing that lasts.
    assert!(metrics::with_local_recorder(&metrics.recorder(), || ask("acme")).is_err());
    metrics.recorder().install().unwrap();
    let count = |metrics: &Metrics, provider: &str| match metrics
        .snapshot()
        .value("visits_total", &[("provider", provider)])
    {
        Some(Value::Counter(count)) => *count,
        None => 0,
        other => panic!("{other:?}"),
    };

    let acme = ask("acme").unwrap();
    acme.current().unwrap().increment(1);
    // It is not used while another recorder is the current one, and is again afterwards.
    let other = Metrics::new(settings());
    metrics::with_local_recorder(&other.recorder(), || {
        assert!(acme.current().is_none());
        assert!(ask("acme").is_err());
    });
    metrics::with_recorder(|global| {
        metrics::with_local_recorder(&Renaming(global), || assert!(ask("acme").is_err()));
    });
    acme.current().unwrap().increment(1);
    assert_eq!((count(&metrics, "acme"), count(&other, "acme")), (2, 0));

    // What a rule hides is counted with each write.
    ask("bob").unwrap_err().increment(1);
    // The metric is full: there may be room for it later.
    ask("folded").unwrap_err().increment(1);
    assert!(Lasting::counter(&Key::from_name("unknown_total"), &METADATA).is_err());
    assert!(Lasting::gauge(&visits("acme"), &METADATA).is_err(), "it is a counter");

    // A retired series comes back with what is written to it.
    assert_eq!(metrics.retire("visits_total"), Some(2));
    assert_eq!(count(&metrics, "acme"), 0);
    acme.current().unwrap().increment(1);
    assert_eq!(count(&metrics, "acme"), 3);
    ask("folded").unwrap_err().increment(1);
    ask("folded").expect("it has a series now").current().unwrap().increment(1);
    assert_eq!(count(&metrics, "folded"), 2);

    let open = Key::from_name("open_visits");
    let _new = Lasting::gauge(&open, &METADATA);
    Lasting::gauge(&open, &METADATA).unwrap().current().unwrap().increment(3.0);
    let seconds = Key::from_name("visit_seconds");
    let _new = Lasting::histogram(&seconds, &METADATA);
    Lasting::histogram(&seconds, &METADATA).unwrap().current().unwrap().record(3.0);
    let requests = Key::from_name("requests_total");
    Lasting::counter(&requests, &FOREIGN).unwrap_err().increment(1);
    Lasting::counter(&requests, &FOREIGN).unwrap().current().unwrap().increment(1);
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.value("open_visits", &[]), Some(&Value::Gauge(3.0)));
    assert_eq!(snapshot.value("requests_total", &[]), Some(&Value::Counter(2)));
    let durations = snapshot.value("visit_seconds", &[]);
    assert!(matches!(durations, Some(Value::Histogram { count: 1, .. })), "{durations:?}");

    // On every thread, and never in a forked child.
    std::thread::scope(|scope| {
        scope.spawn(|| acme.current().unwrap().increment(1)).join().unwrap();
    });
    assert_eq!(count(&metrics, "acme"), 4);
    radiosonde_context::reseed_after_fork();
    assert!(ask("acme").is_err());
    acme.current().unwrap().increment(1);
    assert_eq!(metrics.snapshot().families, []);
}
