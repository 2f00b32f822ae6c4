//! Roll-ups have names of their own and may move from a metric to its next version.

use std::collections::BTreeMap;

use radiosonde_registry::{MetricSpec, MetricType, Registry, Rollup};

use super::{
    changes::{Changes, both, list, word},
    operations::Readers,
};

/// A roll-up and the metric whose series it sums.
type Sum<'r> = (&'r MetricSpec, &'r Rollup);

pub(super) fn compare(
    old: &Registry,
    new: &Registry,
    after: &BTreeMap<&str, &MetricSpec>,
    readers: &Readers,
    changes: &mut Changes,
) {
    let (before, now) = (by_name(old), by_name(new));
    for (name, had, has) in both(&before, &now) {
        let path = format!("rollups.{name}");
        match (had, has) {
            (None, _) => _ = changes.compatible(path, "added"),
            (Some((metric, _)), None) => {
                // It goes with its metric, which is reported; a metric may also take its name.
                if after.contains_key(metric.name.as_str()) && !after.contains_key(name) {
                    let fix = "keep it: leadership views and alerts read it by this name";
                    changes.breaking(path, "removed", fix).old =
                        readers.told(name, metric.metric_type);
                } else {
                    let _ = changes.compatible(path, "removed");
                }
            }
            (Some(had), Some(has)) => pair(&path, *had, *has, changes),
        }
    }
}

fn pair(path: &str, (old_metric, old): Sum<'_>, (new_metric, new): Sum<'_>, changes: &mut Changes) {
    let (had, has) = (kept(old), kept(new));
    if had != has {
        let fix = "keep its labels, or add a roll-up under another name";
        let _ = changes.breaking(path, "changed", fix).told(&list(&had), &list(&has));
    }
    let help = |metric: &MetricSpec, rollup: &Rollup| {
        rollup.help.clone().unwrap_or_else(|| metric.help.clone())
    };
    if old_metric.name == new_metric.name {
        // What the metric is, it says itself.
        changes.field(format!("{path}.help"), &old.help, &new.help, None, word);
        return;
    }
    let moved = changes.compatible(format!("{path}.of"), "moved");
    let _ = moved.told(&old_metric.name, &new_metric.name);
    let (before, now) = (help(old_metric, old), help(new_metric, new));
    changes.field(format!("{path}.help"), &before, &now, None, String::clone);
    let (old, new) = (old_metric, new_metric);
    let fix = "what reads it under this name would see something else: add a roll-up under another \
               name";
    let fix = Some(fix);
    let type_path = format!("{path}.type");
    changes.field(type_path, &old.metric_type, &new.metric_type, fix, MetricType::to_string);
    changes.field(format!("{path}.unit"), &old.unit, &new.unit, fix, word);
    // Of another type they come and go with it.
    if old.metric_type == new.metric_type {
        let buckets = format!("{path}.buckets");
        changes.field(buckets, &old.bounds(), &new.bounds(), fix, |bounds| list(bounds));
    }
}

/// The labels that are kept, in no order of their own.
fn kept(rollup: &Rollup) -> Vec<&str> {
    let mut by: Vec<&str> = rollup.by.iter().map(String::as_str).collect();
    by.sort_unstable();
    by
}

fn by_name(registry: &Registry) -> BTreeMap<&str, Sum<'_>> {
    let all = registry.metrics.iter().flat_map(|metric| {
        metric.rollups.iter().map(move |rollup| (rollup.name.as_str(), (metric, rollup)))
    });
    all.collect()
}
