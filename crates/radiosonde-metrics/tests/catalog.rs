//! A catalogue as a program uses it, called directly and through a macro of a facade.
#![forbid(unsafe_code)]
#![deny(missing_docs, dead_code, warnings)]

use radiosonde_metrics::{Metrics, Settings, Value};

/// A facade: re-exports what the catalogue needs and hands its own path on.
mod facade {
    pub(crate) use radiosonde_metrics::{__private::catalog, RegistrySource, typed};

    macro_rules! wrapped {
        ($file:literal) => {
            $crate::facade::catalog!([$crate::facade] $file);
        };
    }
    pub(crate) use wrapped;
}

mod direct {
    radiosonde_metrics::catalog!("tests/registry.json");
}

mod through_a_macro {
    crate::facade::wrapped!("tests/registry.json");
}

mod hostile {
    radiosonde_metrics::catalog!("tests/hostile.json",);
}

#[test]
fn constants_are_the_names_of_metrics() {
    assert_eq!(direct::catalog::RUNS_TOTAL, "runs_total");
    assert_eq!(through_a_macro::catalog::BATCH_ROWS, "batch_rows");
}

#[test]
fn the_registry_is_the_file() {
    let registry = direct::catalog::REGISTRY.load().expect("checked by the compiler");
    assert_eq!(through_a_macro::catalog::REGISTRY.load(), Ok(registry.clone()));
    assert_eq!(registry.metrics.len(), 4);
    // Which crate's metrics have to be registered.
    assert_eq!(direct::catalog::REGISTRY.crate_name(), Some("catalog"));
    let facade::RegistrySource::Embedded { file, text, .. } = direct::catalog::REGISTRY else {
        panic!("not embedded")
    };
    assert_eq!((file, text), ("tests/registry.json", include_str!("registry.json")));
}

fn metrics(source: &facade::RegistrySource) -> Metrics {
    let registry = Some(source.load().expect("checked by the compiler"));
    Metrics::new(Settings { registry, ..Settings::default() })
}

#[test]
fn functions_write_their_metric() {
    use direct::catalog;

    let metrics = metrics(&catalog::REGISTRY);
    metrics::with_local_recorder(&metrics.recorder(), || {
        for outcome in catalog::Outcome::ALL {
            catalog::runs_total(outcome).increment(3);
        }
        catalog::batch_rows().set(12);
    });
    let snapshot = metrics.snapshot();
    let failures = snapshot.value("runs_total", &[("outcome", "failure")]);
    assert_eq!(failures, Some(&Value::Counter(3)));
    assert_eq!(snapshot.value("batch_rows", &[]), Some(&Value::Gauge(12.0)));
    assert!(metrics.refusals().is_empty());
}

#[test]
fn enumerations_know_their_values() {
    use direct::catalog::Outcome;

    assert_eq!(Outcome::ALL, [Outcome::Success, Outcome::Failure]);
    assert_eq!("failure".parse(), Ok(Outcome::Failure));
    assert_eq!(format!("{0}, {0:?}, {0:>9}", Outcome::Success), "success, Success,   success");
    let error = "Failure".parse::<Outcome>().expect_err("a capital");
    let expected = "`Failure` is not a value of the label `outcome`; use `success` or `failure`";
    assert_eq!(error.to_string(), expected);
}

/// Keywords, names of the language's own types, values that make no identifier, and texts that
/// want to be something else.
#[test]
fn names_that_are_hard_to_say() {
    use hostile::catalog;

    let metrics = metrics(&catalog::REGISTRY);
    metrics::with_local_recorder(&metrics.recorder(), || {
        let text = catalog::String::new("a text");
        catalog::r#type(catalog::Status::_429, &text, catalog::Self_::Err).set(1.5);
        catalog::self_(catalog::Status::DeepseekX, "a text", catalog::Self_::Self_).set(1.5);
        catalog::dau(catalog::Status::OTHER).set(1.5);
        catalog::drop(&catalog::Option::new("o"), "a str").increment(2);
        catalog::metric(catalog::Status::ALL_).record(0.25);
        catalog::vec(&catalog::Option::new("o"), catalog::Debug::Clone).record(0.25);
        #[expect(deprecated, reason = "it is")]
        catalog::str().set(1.5);
    });
    assert!(metrics.refusals().is_empty(), "{:?}", metrics.refusals());
    assert_eq!(metrics.snapshot().value("str", &[]), Some(&Value::Gauge(1.5)));
    let text = catalog::String::new("a text");
    assert_eq!(format!("{text} {text:?}"), "a text String(\"a text\")");
    assert_eq!(catalog::String::check("b"), catalog::String::check("c"));
}
