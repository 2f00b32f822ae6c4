//! What became of the runs of batch jobs: `metric_ingest_status{metric,status}`.

use std::collections::BTreeMap;

use metrics::{Key, Label, Level, Metadata, Recorder as _};
use radiosonde_registry::{LabelSpec, Registry, Source};

use crate::family::Guarded;
use crate::recorder::Recorder;

/// The counter.
pub(crate) const NAME: &str = "metric_ingest_status";

/// What may become of a run.
pub(crate) const STATUSES: [&str; 2] = ["success", "failure"];

/// Says how a run went that computes a metric: from [`crate::Metrics::ingest`].
///
/// Each call counts one run in `metric_ingest_status{metric="…",status="success"}`, or
/// `status="failure"`. A metric that is not in the registry is refused, and counted as such.
#[derive(Clone, Debug)]
#[must_use = "a run is counted by `succeeded` or `failed`"]
pub struct Ingest {
    recorder: Option<Recorder>,
    metric: String,
}

impl Ingest {
    /// For when there is no telemetry: counts nothing.
    pub fn none() -> Self {
        Self { recorder: None, metric: String::new() }
    }

    pub(crate) fn new(recorder: Recorder, metric: &str) -> Self {
        Self { recorder: Some(recorder), metric: metric.to_owned() }
    }

    /// Counts a run that computed the metric.
    pub fn succeeded(self) {
        self.count(STATUSES[0]);
    }

    /// Counts a run that did not.
    pub fn failed(self) {
        self.count(STATUSES[1]);
    }

    fn count(self, status: &'static str) {
        let Some(recorder) = self.recorder else { return };
        let labels = vec![Label::new("metric", self.metric), Label::new("status", status)];
        let key = Key::from_parts(NAME, labels);
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        recorder.register_counter(&key, &metadata).increment(1);
    }
}

/// The labels of the counter when there is a registry: as many metrics as it has, and no others.
pub(crate) fn labels(builtin: &Registry, registry: &Registry) -> BTreeMap<String, LabelSpec> {
    let mut labels = builtin.labels.clone();
    if let Some(metric) = labels.get_mut("metric") {
        metric.max_values = None;
        metric.values = Some(registry.metrics.iter().map(|spec| spec.name.clone()).collect());
    }
    labels
}

/// Runs of batch metrics are counted from 0.
pub(crate) fn create_from_zero(registry: &Registry, family: &Guarded) {
    for spec in registry.metrics.iter().filter(|spec| spec.source == Source::Batch) {
        for status in STATUSES {
            let _ = family.create([&*spec.name, status].into_iter());
        }
    }
}
