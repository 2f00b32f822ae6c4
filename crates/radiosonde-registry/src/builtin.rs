//! The registry of the metrics radiosonde writes itself.

use std::sync::OnceLock;

use crate::{
    decode,
    model::{Environment, Registry},
};

/// Series each of these metrics may have in one process.
const SERIES_LIMIT: usize = 2_000;

/// One file a subject, checked like any registry by the test below.
const FRAGMENTS: &[(&str, &str)] = &[
    ("http.json", include_str!("../builtin/http.json")),
    ("machine.json", include_str!("../builtin/machine.json")),
    ("process.json", include_str!("../builtin/process.json")),
    ("radiosonde.json", include_str!("../builtin/radiosonde.json")),
    ("rpc.json", include_str!("../builtin/rpc.json")),
    ("tokio.json", include_str!("../builtin/tokio.json")),
];

/// All fragments as one registry.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut all = Registry { schema_version: 1, ..Registry::default() };
        let limit = Environment { series_limit: Some(SERIES_LIMIT), fleet_limit: None };
        // The only environment, so that every name, and none, gets its limit.
        let _new = all.environments.insert("any".to_owned(), limit);
        for (file, text) in FRAGMENTS {
            // A fragment that does not parse cannot get past the test; telemetry goes on without.
            // The lints are the test's: one of them asks for what is being made here.
            let Ok(fragment) = decode::parse_unlinted(file, text) else { continue };
            all.labels.extend(fragment.labels);
            let limit = fragment.max_labels;
            all.metrics.extend(fragment.metrics.into_iter().map(|mut metric| {
                metric.max_labels = metric.max_labels.or(limit);
                metric
            }));
        }
        all
    })
}
