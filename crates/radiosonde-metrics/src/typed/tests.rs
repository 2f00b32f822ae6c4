//! Typed handles with labels as `catalog!` makes them, written by hand.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use metrics::with_local_recorder;
use radiosonde_registry::{Registry, units_per_second};

use super::*;
use crate::{Metrics, Reason, Settings, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Success,
    Failure,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::VALUES[self.index()])
    }
}

impl FromStr for Outcome {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        parse(&[Self::Success, Self::Failure], text)
    }
}

impl Enumerated for Outcome {
    const LABEL: &'static str = "outcome";
    const VALUES: &'static [&'static str] = &["success", "failure"];

    fn index(self) -> usize {
        self as usize
    }
}

struct Provider(Symbol);

static PROVIDER: Label = Label::new("provider", Some("[a-z0-9-]+"), 2);

impl FreeLabel for Provider {
    fn label() -> &'static Label {
        &PROVIDER
    }
}

impl LabelValue<Provider> for Provider {
    fn part(&self) -> Part<'_> {
        Part::symbol(&self.0)
    }
}

fn runs(provider: &(impl LabelValue<Provider> + ?Sized), outcome: Outcome) -> Counter {
    static METRIC: Metric = Metric::new("runs_total", 1.0, "shop", &["provider", "outcome"]);
    METRIC.counter(|| [provider.part(), Part::listed(outcome)])
}

fn took(outcome: Outcome) -> Histogram<Time> {
    static METRIC: Metric = Metric::new("took_ms", 1e3, "shop", &["outcome"]);
    METRIC.histogram(|| [Part::listed(outcome)])
}

fn metrics() -> Metrics {
    let text = r#"{"schema_version": 1,
      "labels": {"outcome": {"values": ["success", "failure"]},
                 "provider": {"pattern": "[a-z0-9-]+", "max_values": 2}},
      "metrics": [
        {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
         "labels": ["provider", "outcome"]},
        {"name": "took_ms", "type": "histogram", "unit": "ms", "help": "Took.", "buckets": [10],
         "labels": ["outcome"],
         "lint_allow": [{"rule": "abbreviated_unit", "reason": "a test"}]}]}"#;
    let registry = Some(Registry::parse("registry.json", text).expect("a good registry"));
    Metrics::new(Settings { registry, ..Settings::default() })
}

#[test]
fn symbols_and_texts_write_the_same_series() {
    let metrics = metrics();
    let acme = Provider(PROVIDER.symbol("acme"));
    with_local_recorder(&metrics.recorder(), || {
        runs(&acme, Outcome::Success).increment(1);
        runs("acme", Outcome::Success).increment(2);
        runs(&"acme".to_owned(), Outcome::Success).increment(4);
        runs(&acme, Outcome::Failure).increment(8);
    });
    runs(&acme, Outcome::Success).increment(16);
    let value = |outcome| {
        let labels = [("provider", "acme"), ("outcome", outcome)];
        metrics.snapshot().value("runs_total", &labels).cloned()
    };
    assert_eq!(value("success"), Some(Value::Counter(7)), "nobody listens to the last write");
    assert_eq!(value("failure"), Some(Value::Counter(8)));
    assert!(metrics.refusals().is_empty(), "{:?}", metrics.refusals());
}

#[test]
fn durations_are_written_in_the_unit_of_the_metric() {
    let metrics = metrics();
    with_local_recorder(&metrics.recorder(), || {
        let took = took(Outcome::Success);
        took.record(Duration::from_micros(1_500));
        took.record(2);
        took.record(f64::NAN);
    });
    let snapshot = metrics.snapshot();
    let Some(Value::Histogram { sum, count, .. }) =
        snapshot.value("took_ms", &[("outcome", "success")])
    else {
        panic!("no histogram")
    };
    assert_eq!((*count, *sum), (2, 3.5));
    assert_eq!(metrics.refusals()[0].reason, Reason::Value);
}

#[test]
fn unfit_values_are_refused_where_they_are_written() {
    static LABEL: Label = Label::new("provider", Some("[a-z0-9-]+"), 8);
    let metrics = metrics();
    let long = "x".repeat(100_000);
    let unfit = [
        ("550e8400-e29b-41d4-a716-446655440000", Reason::LabelShape),
        (&long, Reason::LabelShape),
        ("No Capitals", Reason::LabelValue),
        ("", Reason::LabelValue),
    ];
    for (value, reason) in unfit {
        let error = LABEL.check(value).expect_err(value);
        assert_eq!(error.reason(), reason.as_str(), "{error}");
        let symbol = LABEL.symbol(value);
        assert!(symbol.as_str().len() <= 132, "a value that is refused is not kept whole");
        let provider = Provider(symbol);
        with_local_recorder(&metrics.recorder(), || {
            runs(&provider, Outcome::Failure).increment(1);
            runs(value, Outcome::Failure).increment(1);
        });
    }
    let counts: Vec<_> = metrics.refusals().iter().map(|r| (r.reason, r.count)).collect();
    assert_eq!(counts, [(Reason::LabelShape, 4), (Reason::LabelValue, 4)]);
    assert_eq!(metrics.refusals()[0].module.as_deref(), Some("shop"));
    assert_eq!(LABEL.shared_count(), 0);
    assert!(LABEL.check("acme").is_ok());
}

#[test]
fn what_is_shared_is_bounded() {
    static LABEL: Label = Label::new("customer", None, 3);
    for round in 0..2 {
        for n in 0..1_000 {
            let text = format!("c-{n}");
            assert_eq!(LABEL.symbol(&text).as_str(), text, "in round {round}");
        }
    }
    assert_eq!(LABEL.shared_count(), 3);
    assert!(std::ptr::eq(LABEL.symbol("c-0").as_str(), LABEL.symbol("c-0").as_str()));
    assert_eq!(LABEL.symbol("c-999"), LABEL.symbol("c-999"));
}

#[test]
fn the_bound_holds_when_many_threads_come_at_once() {
    static LABEL: Label = Label::new("customer", None, 50);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for n in 0..500 {
                    let _symbol = LABEL.symbol(&format!("c-{}", n * (thread + 1)));
                }
            });
        }
    });
    assert_eq!(LABEL.shared_count(), 50);
}

#[test]
fn secrets_are_not_kept() {
    static KEYS: Label = Label::new("api_key", Some("[a-z]+"), 8);
    static TEAMS: Label = Label::new("team", None, 8);
    let symbol = KEYS.symbol("swordfish");
    assert_eq!(symbol.as_str(), "swordfish");
    assert_eq!(KEYS.shared_count(), 0);
    let _symbol = TEAMS.symbol("password=swordfish");
    assert_eq!(TEAMS.shared_count(), 0);
    let error = KEYS.check("Swordfish!").expect_err("off the pattern").to_string();
    assert!(!error.contains("Swordfish"), "{error}");
}

#[test]
fn errors_say_what_to_write() {
    let error = "sucess".parse::<Outcome>().expect_err("misspelt").to_string();
    assert_eq!(error, "`sucess` is not a value of the label `outcome`; use `success` or `failure`");
    assert_eq!("failure".parse(), Ok(Outcome::Failure));
    let error = PROVIDER.check("Acme").expect_err("a capital").to_string();
    assert_eq!(error, "label `provider` is `Acme`, but should be a match of `[a-z0-9-]+`");
    let error = PROVIDER.check("deadbeefdeadbeef").expect_err("an id").to_string();
    assert!(error.contains("put it into an event"), "{error}");
}

#[test]
fn units_of_time() {
    for (unit, expected) in
        [("seconds", 2.0), ("ms", 2e3), ("µs", 2e6), ("minutes (since the start)", 1.0 / 30.0)]
    {
        let per_second = units_per_second(unit).expect("a unit of time");
        let written = Duration::from_secs(2).in_units(per_second);
        assert!((written - expected).abs() < 1e-9, "{unit}: {written}");
        assert_eq!(Quantity::<Time>::in_units(7_u8, per_second), 7.0);
    }
}
