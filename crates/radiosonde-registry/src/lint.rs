//! Lints: what is held against a registry that could be read.

mod collide;
mod metric;
mod operations;
mod style;

use std::collections::BTreeSet;

use crate::{
    locate::Path,
    model::{LabelSpec, Registry},
    names,
    report::Report,
};

/// Labels other software gives a meaning of its own.
const RESERVED_LABELS: &[&str] = &["le", "otel_metric_overflow", "quantile"];

/// The value that stands for all free values past a cap.
const OVERFLOW_VALUE: &str = "_other";

/// Longest label value, in bytes; the guard refuses longer ones.
const LABEL_VALUE_BYTES_MAX: usize = 128;

/// Runs every lint. Places that could not be read are left alone: they are reported already.
pub(crate) fn check(registry: &Registry, report: &mut Report<'_>) {
    let root = Path::default();
    if registry.schema_version != 1 {
        report.wrong(
            &root.then("schema_version"),
            format!("unknown schema version {}", registry.schema_version),
            "this program reads version 1",
        );
    }
    environments(registry, report);
    for (name, label) in &registry.labels {
        label_definition(name, label, report);
    }
    required_labels(registry, report);
    for (index, metric) in registry.metrics.iter().enumerate() {
        let path = root.then("metrics").then(index);
        // A metric with an unreadable part would be accused of lacking it.
        if report.is_sound(&path) {
            metric::check(registry, metric, &path, report);
        }
    }
    collide::check(registry, report);
    operations::check(registry, report);
}

fn environments(registry: &Registry, report: &mut Report<'_>) {
    for (name, environment) in &registry.environments {
        let path = Path::default().then("environments").then(name.as_str());
        let limits =
            [("series_limit", environment.series_limit), ("fleet_limit", environment.fleet_limit)];
        for (key, limit) in limits {
            if limit == Some(0) {
                let fix = "allow at least 1, or leave the limit out for 200";
                report.wrong(&path.then(key), "a limit of 0 refuses everything".to_owned(), fix);
            }
        }
    }
}

fn label_definition(name: &str, label: &LabelSpec, report: &mut Report<'_>) {
    let path = Path::default().then("labels").then(name);
    if !report.is_sound(&path) {
        return;
    }
    if !names::is_label_name(name) || name.starts_with("__") {
        let fix = "use letters, digits and underscores, not beginning with a digit or `__`";
        report.wrong(&path, format!("`{name}` is not a label name"), fix);
    }
    if RESERVED_LABELS.contains(&name) {
        report.wrong(&path, format!("label `{name}` is reserved"), "choose another name");
    }
    if label.values.is_none() && label.pattern.is_none() && label.max_values.is_none() {
        let what = format!("label `{name}` may have any value");
        report.wrong(&path, what, "add `values`, `pattern` or `max_values`");
    }
    if label.max_values == Some(0) {
        let what = "0 values refuse everything".to_owned();
        report.wrong(&path.then("max_values"), what, "allow at least 1");
    }
    if label.pattern.as_deref() == Some("") {
        let what = "an empty pattern fits the empty value only".to_owned();
        report.wrong(&path.then("pattern"), what, "write a regular expression");
    }
    let Some(values) = &label.values else { return };
    if values.is_empty() {
        let what = "no value is listed".to_owned();
        report.wrong(&path.then("values"), what, "list the values there are");
    }
    let mut met = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let path = path.then("values").then(index);
        if !met.insert(value) {
            report.wrong(&path, format!("value `{value}` is listed twice"), "keep one");
        } else if value == OVERFLOW_VALUE {
            let fix = "choose another: it stands for the values past a cap";
            report.wrong(&path, format!("value `{value}` is reserved"), fix);
        } else if value.is_empty() || value.chars().any(char::is_control) {
            let what = "a value is empty or holds control characters".to_owned();
            report.wrong(&path, what, "write it in printable characters");
        } else if value.len() > LABEL_VALUE_BYTES_MAX {
            let what = format!("value longer than {LABEL_VALUE_BYTES_MAX} bytes");
            report.wrong(&path, what, "shorten it");
        }
    }
}

fn required_labels(registry: &Registry, report: &mut Report<'_>) {
    let path = Path::default().then("required_labels");
    labels(registry, &registry.required_labels, &path, report);
}

/// Labels named in a list: declared, and named once.
fn labels(registry: &Registry, list: &[String], path: &Path, report: &mut Report<'_>) {
    let mut met = BTreeSet::new();
    for (index, label) in list.iter().enumerate() {
        let path = path.then(index);
        if !met.insert(label) {
            report.wrong(&path, format!("label `{label}` is named twice"), "keep one");
        } else {
            declared(label, "label", "labels", registry.labels.keys(), &path, report);
        }
    }
}

/// Something that is named here and has to be declared under a key of the document.
fn declared<'c>(
    name: &str,
    what: &str,
    section: &str,
    declared: impl Iterator<Item = &'c String> + Clone,
    path: &Path,
    report: &mut Report<'_>,
) {
    let section_path = Path::default().then(section);
    if declared.clone().any(|candidate| candidate == name) || !report.is_readable(&section_path) {
        return;
    }
    let fix = match names::closest(name, declared.map(String::as_str)) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("declare it under `{section}`"),
    };
    report.wrong(path, format!("unknown {what} `{name}`"), fix);
}
