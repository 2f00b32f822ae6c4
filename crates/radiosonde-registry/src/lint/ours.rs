//! Names of the metrics radiosonde writes itself: whoever takes one writes into the same families.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    locate::Path,
    model::{MetricSpec, MetricType, Registry},
    names,
    report::Report,
};

/// What the names of radiosonde's own books begin with.
const PREFIX: &str = "radiosonde_";

pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let builtin = Registry::builtin();
    let mut written = BTreeMap::new();
    for ours in &builtin.metrics {
        for name in names::written(&ours.name, ours.metric_type, false) {
            let _first = written.entry(name).or_insert(ours);
        }
    }
    let metrics = Path::default().then("metrics");
    for (index, metric) in registry.metrics.iter().enumerate() {
        let path = metrics.then(index);
        if !report.is_sound(&path) {
            continue;
        }
        match builtin.metric(&metric.name) {
            Some(ours) => overridden(metric, ours, &path, report),
            None => taken(&metric.name, metric.metric_type, &written, &path, report),
        }
        for (index, rollup) in metric.rollups.iter().enumerate() {
            let path = path.then("rollups").then(index);
            taken(&rollup.name, metric.metric_type, &written, &path, report);
        }
    }
}

/// A metric of the same name has to be the same for those who read it.
fn overridden(metric: &MetricSpec, ours: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let MetricSpec { name, metric_type, .. } = ours;
    let labels = if ours.labels.is_empty() {
        "without labels".to_owned()
    } else {
        format!("with the labels {}", ours.labels.join(", "))
    };
    let is_other = |key: &str| {
        (path.then(key), format!("radiosonde writes `{name}` itself, as a {metric_type} {labels}"))
    };
    let fix = "delete the metric, or give it another name; to change its help or its limit, keep \
               type and labels";
    if metric.metric_type != *metric_type {
        let (path, what) = is_other("type");
        report.wrong(&path, what, fix);
    } else if set(metric) != set(ours) {
        let (path, what) = is_other("labels");
        report.wrong(&path, what, fix);
    }
}

fn set(metric: &MetricSpec) -> BTreeSet<&str> {
    metric.labels.iter().map(String::as_str).collect()
}

/// Something of another name must write nothing that is ours, nor be taken for ours.
fn taken(
    name: &str,
    metric_type: MetricType,
    ours: &BTreeMap<String, &MetricSpec>,
    path: &Path,
    report: &mut Report<'_>,
) {
    let path = path.then("name");
    let names = names::written(name, metric_type, false);
    let clash = names.iter().find_map(|written| Some((written, ours.get(written)?)));
    if let Some((written, ours)) = clash {
        let what = match ours.name == *name {
            true => format!("radiosonde writes `{name}` itself"),
            false => {
                format!("`{name}` and radiosonde's own `{}` both write `{written}`", ours.name)
            }
        };
        report.wrong(&path, what, "give it another name");
    } else if name.starts_with(PREFIX) {
        let what = format!("names that begin with `{PREFIX}` are radiosonde's own");
        report.wrong(&path, what, "begin the name with what it is about, such as `job_`");
    }
}
