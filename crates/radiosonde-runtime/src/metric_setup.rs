//! The metrics of a telemetry, with all that is attached to them.

use radiosonde_metrics::{Metrics, Settings as MetricSettings};
use radiosonde_record::{Journal, Slot};
use radiosonde_registry::{MetricSpec, MetricType, Source};

use crate::batch::{self, Keeper, Whose};
use crate::books::Books;
use crate::problem::Problems;
use crate::settings::Settings;
use crate::tokio_metrics::Runtimes;
use crate::{metric_lines, process, refusals};

pub(crate) fn metrics(
    settings: &Settings,
    journal: &Journal,
    problems: &Problems,
    runtimes: &Runtimes,
    books: Books,
) -> Metrics {
    let mut asked = MetricSettings::default();
    if let Some(merged) = &settings.registry {
        asked.registry = Some(merged.registry.clone());
        asked.labels_by_file.clone_from(&merged.labels);
    }
    asked.environment.clone_from(&settings.environment);
    asked.labels.clone_from(&settings.labels);
    asked.rules.clone_from(&settings.redact);
    asked.own_crates.clone_from(&settings.own_crates);
    asked.clock.clone_from(&settings.clock);
    let metrics = Metrics::new(asked);
    let said = problems.clone();
    metrics.set_on_problem(Box::new(move |what, fix| said.say(what, fix)));
    for (what, fix) in metrics.warnings() {
        problems.warn(what, fix);
    }
    let (refused, catalogues) = (problems.clone(), settings.catalogues.clone());
    metrics.set_on_refusal(Box::new(move |refusal| {
        refused.add(refusals::problem(refusal, &catalogues));
    }));
    let deltas = journal.clone();
    metrics.on_delta(Box::new(move |context, delta| {
        metric_lines::record_delta(&deltas, context, delta);
    }));
    let labels = metrics.redactions_teller();
    metrics.add_collector(Box::new(move |snapshot| books.collect(snapshot, labels())));
    process::install(&metrics);
    runtimes.install(&metrics, journal);
    metrics
}

/// Takes up what earlier processes have computed. Who keeps it further; nobody where it cannot be
/// kept, or where no registry says which gauges are meant: one that cannot be read must not cost
/// the values of all its gauges.
pub(crate) fn batch_gauges(
    settings: &Settings,
    metrics: &Metrics,
    slot: Option<&Slot>,
    problems: &Problems,
) -> Option<Keeper> {
    let (root, merged) = (settings.directory.as_ref()?, settings.registry.as_ref()?);
    let (service, environment) = (settings.service.clone(), settings.environment.clone());
    let whose = Whose { service, environment };
    let own = batch::restore(metrics, root, slot, &whose, settings.clock.now(), problems);
    let is_batch =
        |spec: &MetricSpec| spec.source == Source::Batch && spec.metric_type == MetricType::Gauge;
    if !merged.registry.metrics.iter().any(is_batch) {
        return None;
    }
    slot.map(|slot| Keeper::new(slot.clone(), whose, own))
}
