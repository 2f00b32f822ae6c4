//! Every pack is free of findings, and what its program writes arrives whole.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use std::{collections::BTreeSet, fs, path::Path};

use packs::{
    job_platform, migration_program, session_analytics, translation_pipeline, usage_ingestion,
};
use radiosonde::RegistrySource;
use radiosonde_metrics::{Family, Metrics, Settings, Value};
use radiosonde_ops::{Day, MetricType, Registry, Source, check};

struct Pack {
    name: &'static str,
    source: RegistrySource,
    write: fn(),
    metrics: usize,
}

const PACKS: [Pack; 5] = [
    Pack {
        name: "usage-ingestion",
        source: usage_ingestion::catalog::REGISTRY,
        write: usage_ingestion::write_every_metric_once,
        metrics: 5,
    },
    Pack {
        name: "translation-pipeline",
        source: translation_pipeline::catalog::REGISTRY,
        write: translation_pipeline::write_every_metric_once,
        metrics: 7,
    },
    Pack {
        name: "migration-program",
        source: migration_program::catalog::REGISTRY,
        write: migration_program::write_every_metric_once,
        metrics: 27,
    },
    Pack {
        name: "job-platform",
        source: job_platform::catalog::REGISTRY,
        write: job_platform::write_every_metric_once,
        metrics: 23,
    },
    Pack {
        name: "session-analytics",
        source: session_analytics::catalog::REGISTRY,
        write: session_analytics::write_every_metric_once,
        metrics: 19,
    },
];

/// Names that other documents have fixed, and the lint each of them breaks.
const ALLOWED: [(&str, &str); 6] = [
    ("cli_latency_p95_ms", "abbreviated_unit"),
    ("escaped_defect_count", "counter_suffix"),
    ("escaped_defect_count", "reserved_suffix"),
    ("migration_velocity_weekly", "counter_suffix"),
    ("parse_duration_ms", "abbreviated_unit"),
    ("risk_burndown_total", "total_suffix"),
];

impl Pack {
    fn registry(&self) -> Registry {
        self.source.load().unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// A program of this pack: with every required label, and nothing written.
    fn metrics(&self) -> Metrics {
        let registry = self.registry();
        // A value of a list is one that fits; no pack requires a free label.
        let value = |label: &String| registry.labels[label].values.as_ref().unwrap()[0].clone();
        let labels = registry.required_labels.iter().map(|it| (it.clone(), value(it))).collect();
        Metrics::new(Settings { registry: Some(registry), labels, ..Settings::default() })
    }
}

#[test]
fn every_folder_is_a_pack_without_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let folders: BTreeSet<String> = entries
        .filter(|path| path.join("registry.json").exists())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, PACKS.iter().map(|pack| pack.name.to_owned()).collect());
    for pack in &PACKS {
        let file = root.join(pack.name).join("registry.json");
        let checked = check(&file, Day::today()).unwrap();
        assert!(checked.findings.is_empty(), "{:#?}", checked.findings);
        assert_eq!(checked.metrics, Some(pack.metrics), "{}", pack.name);
        assert_eq!(pack.registry().service.as_deref(), Some(pack.name));
    }
}

#[test]
fn lints_are_allowed_only_where_a_name_is_fixed() {
    let mut allowed = Vec::new();
    for pack in &PACKS {
        let registry = pack.registry();
        for metric in &registry.metrics {
            let rules = metric.lint_allow.iter().map(|it| (metric.name.clone(), it.rule.clone()));
            allowed.extend(rules);
        }
        assert!(registry.labels.values().all(|label| label.lint_allow.is_empty()), "{}", pack.name);
    }
    allowed.sort();
    let expected: Vec<_> =
        ALLOWED.iter().map(|(name, rule)| ((*name).to_owned(), (*rule).to_owned())).collect();
    assert_eq!(allowed, expected);
}

#[test]
fn typed_handles_write_every_metric() {
    for pack in &PACKS {
        let metrics = pack.metrics();
        metrics::with_local_recorder(&metrics.recorder(), pack.write);
        everything_arrived(pack, &metrics);
    }
}

/// The other way in: the macros of the `metrics` crate, with names known at run time only.
#[test]
fn the_recorder_takes_every_metric() {
    for pack in &PACKS {
        let (metrics, registry) = (pack.metrics(), pack.registry());
        metrics::with_local_recorder(&metrics.recorder(), || {
            for metric in registry.metrics.iter().filter(|metric| is_written(metric.source)) {
                let value = |label: &String| match &registry.labels[label].values {
                    Some(values) => values[0].clone(),
                    None => "some-value".to_owned(),
                };
                let labels: Vec<_> =
                    metric.labels.iter().map(|label| (label.clone(), value(label))).collect();
                match metric.metric_type {
                    MetricType::Counter => {
                        metrics::counter!(metric.name.clone(), &labels).increment(1);
                    }
                    MetricType::Gauge => metrics::gauge!(metric.name.clone(), &labels).set(1.0),
                    // Histograms and summaries are one thing to it.
                    _ => {
                        metrics::histogram!(metric.name.clone(), &labels).record(1.0);
                    }
                }
            }
        });
        everything_arrived(pack, &metrics);
    }
}

fn is_written(source: Source) -> bool {
    matches!(source, Source::App | Source::Batch)
}

/// Every metric that is written has one series with a value, and nothing was refused.
#[track_caller]
fn everything_arrived(pack: &Pack, metrics: &Metrics) {
    let snapshot = metrics.snapshot();
    let registry = pack.registry();
    for metric in &registry.metrics {
        let family = snapshot.family(&metric.name);
        if is_written(metric.source) {
            let written = family.map(written_series).unwrap_or_default();
            assert_eq!(written, 1, "{}: {}: {family:#?}", pack.name, metric.name);
        } else {
            assert_eq!(family, None, "{}: {}", pack.name, metric.name);
        }
        for rollup in &metric.rollups {
            let written = snapshot.family(&rollup.name).map(written_series);
            assert_eq!(written, Some(1), "{}: {}", pack.name, rollup.name);
        }
    }
    assert_eq!(metrics.refusals(), [], "{}", pack.name);
    assert_eq!(metrics.problems(), [], "{}", pack.name);
}

/// Series that hold something: those that exist at 0 from the start are not among them.
fn written_series(family: &Family) -> usize {
    let holds = |value: &Value| match value {
        Value::Counter(count) => *count > 0,
        Value::FloatCounter(value) | Value::Gauge(value) => *value != 0.0,
        Value::Histogram { count, .. } | Value::Summary { count, .. } => *count == 1,
        _ => false,
    };
    family.series.iter().filter(|series| holds(&series.value)).count()
}
