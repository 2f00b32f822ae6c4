//! A catalogue as a program uses it, called directly and through a macro of a facade.
#![deny(missing_docs, dead_code)]

/// A facade: re-exports what the catalogue needs and hands its own path on.
mod facade {
    pub(crate) use radiosonde_registry::RegistrySource;

    macro_rules! wrapped {
        ($file:literal) => {
            radiosonde_macros::catalog!([$crate::facade] $file);
        };
    }
    pub(crate) use wrapped;
}

mod direct {
    radiosonde_macros::catalog!([::radiosonde_registry] "tests/registry.json",);
}

mod through_a_macro {
    crate::facade::wrapped!("tests/registry.json");
}

#[test]
fn constants_are_the_names_of_metrics() {
    assert_eq!(direct::catalog::RUNS_TOTAL, "runs_total");
    assert_eq!(through_a_macro::catalog::BATCH_ROWS, "batch_rows");
}

#[test]
fn the_registry_is_the_file() {
    assert_eq!(direct::catalog::REGISTRY, through_a_macro::catalog::REGISTRY);
    let registry = direct::catalog::REGISTRY.load().expect("checked by the compiler");
    assert_eq!(registry.metrics.len(), 3);
    let facade::RegistrySource::Embedded { file, text, .. } = direct::catalog::REGISTRY else {
        panic!("not embedded")
    };
    assert_eq!((file, text), ("tests/registry.json", include_str!("registry.json")));
}
