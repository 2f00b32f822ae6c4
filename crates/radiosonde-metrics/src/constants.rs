//! The labels that every series carries.

use std::sync::Arc;

use radiosonde_redact::REDACTED;
use radiosonde_registry::{LabelSpec, MetricSpec, Registry, closest_name};

use crate::catalogue::Problems;
use crate::fault::quoted;
use crate::hub::Settings;
use crate::labels::fit_name;
use crate::redaction::Redactor;
use crate::shape::VALUE_BYTES_MAX;
use crate::snapshot::Labels;

/// Checks the constant labels, and that the registry's required ones are there.
pub(crate) fn constant_labels(
    settings: &Settings,
    registry: Option<&Registry>,
    redactor: &Redactor,
    problems: &mut Problems,
) -> Labels {
    let declared = |name: &str| declarations(name, settings, registry);
    let mut labels = Labels::new();
    for (name, value) in &settings.labels {
        if let Some(value) = checked(name, value, &declared(name), redactor, problems) {
            set(&mut labels, name, value);
        }
    }
    let Some(registry) = registry else {
        note_own(&labels, problems);
        return labels;
    };
    for required in &registry.required_labels {
        if labels.iter().any(|(name, _)| **name == **required) {
            continue;
        }
        if required == "environment"
            && let Some(environment) = &settings.environment
            && let Some(value) =
                checked(required, environment, &declared(required), redactor, problems)
        {
            set(&mut labels, required, value);
            continue;
        }
        let on_its_own = |metric: &MetricSpec| metric.labels.contains(required);
        if !registry.metrics.iter().all(on_its_own) {
            let variable = match required.as_str() {
                "environment" => "RADIOSONDE_ENVIRONMENT=…".to_owned(),
                _ => format!("OTEL_RESOURCE_ATTRIBUTES={required}=…"),
            };
            problems.add(
                &format!("the registry requires the label `{required}`, which has no value"),
                &format!("set {variable}, or pass it in `labels` of init!"),
            );
        }
    }
    note_own(&labels, problems);
    for (name, _) in labels.iter().filter(|(name, _)| declared(name).is_empty()) {
        // Kept: who wants it will find it missing later than who does not want it finds it there.
        let meant = closest_name(name, registry.labels.keys().map(String::as_str));
        let meant = meant.map(|meant| format!("call it `{meant}`, or ")).unwrap_or_default();
        problems.add(
            &format!("the constant label `{name}` is not declared in the registry"),
            &format!("{meant}declare it under `labels` there"),
        );
    }
    note_too_many(&labels, registry, problems);
    labels
}

/// Constant labels that metrics of ours have as labels of their own, which hold.
fn note_own(labels: &Labels, problems: &mut Problems) {
    for (name, _) in labels {
        let has = |metric: &&MetricSpec| metric.labels.iter().any(|label| **label == **name);
        let Some(metric) = Registry::builtin().metrics.iter().find(has) else { continue };
        problems.add(
            &format!(
                "the constant label `{name}` is a label of `{}` itself, whose series keep their own",
                metric.name
            ),
            "give the constant label another name",
        );
    }
}

/// Metrics that have more labels than they may, with the constant ones.
fn note_too_many(labels: &Labels, registry: &Registry, problems: &mut Problems) {
    let over = |metric: &&MetricSpec| {
        let is_own = |name: &str| metric.labels.iter().any(|label| label == name);
        let count = metric.labels.len() + labels.iter().filter(|(name, _)| !is_own(name)).count();
        metric.max_labels.or(registry.max_labels).is_some_and(|max| count > max)
    };
    let mut over = registry.metrics.iter().filter(over);
    let Some(first) = over.next() else { return };
    let more = match over.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = labels.iter().map(|(name, _)| format!("`{name}`")).collect();
    problems.add(
        &format!(
            "with the constant labels {} more labels than `max_labels` are on the series of `{}`{more}",
            names.join(", "),
            first.name
        ),
        "pass fewer constant labels, or raise `max_labels` in the registry",
    );
}

fn set(labels: &mut Labels, name: &str, value: Arc<str>) {
    labels.retain(|(there, _)| **there != *name);
    labels.push((Arc::from(name), value));
}

/// What is said about a label, and by which file. A constant label is one for all of them.
fn declarations<'r>(
    name: &str,
    settings: &'r Settings,
    registry: Option<&'r Registry>,
) -> Vec<(&'r str, &'r LabelSpec)> {
    let by_file = settings.labels_by_file.declared(name);
    if !by_file.is_empty() {
        return by_file;
    }
    let label = registry.and_then(|registry| registry.labels.get(name));
    label.map(|label| ("the registry", label)).into_iter().collect()
}

/// The value to use, which may be a redacted one; `None`, and a problem, when it cannot be used.
fn checked(
    name: &str,
    value: &str,
    declared: &[(&str, &LabelSpec)],
    redactor: &Redactor,
    problems: &mut Problems,
) -> Option<Arc<str>> {
    let reserved = ["le", "quantile", "otel_metric_overflow"].contains(&name);
    if reserved || name.is_empty() || fit_name(name, false) != name || name.starts_with("__") {
        problems.add(
            &format!("`{}` is no name for a constant label, so it is left out", quoted(name)),
            "use letters, digits and single leading underscores, and not le, quantile or \
             otel_metric_overflow",
        );
        return None;
    }
    if let Some(rule) = redactor.rule(name) {
        redactor.count(rule);
        return Some(Arc::from(REDACTED));
    }
    if value.is_empty() || value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
        problems.add(
            &format!("the constant label `{name}` has an unusable value, so it is left out"),
            "use 1 to 128 bytes without control characters",
        );
        return None;
    }
    let value = &*redactor.shown(name, value);
    for (file, spec) in declared {
        let Some(list) = spec.values.as_ref().filter(|list| !list.iter().any(|v| v == value))
        else {
            continue;
        };
        // Kept: without it, series of two environments could not be told apart.
        problems.add(
            &format!(
                "the constant label `{name}` is `{}`, which {file} does not list",
                quoted(value)
            ),
            &format!("use one of {}, or add it there", list.join(", ")),
        );
    }
    Some(Arc::from(value))
}
