//! Lints: what is held against a registry that could be read.

mod code;
mod collide;
#[cfg(test)]
mod coverage;
mod deprecation;
mod details;
mod label;
mod label_name;
mod metric;
mod operations;
mod ours;
mod pattern;
mod rollup;
mod rules;
mod sections;
mod style;
mod survey;
mod unit;
mod version;

use std::collections::{BTreeMap, BTreeSet};

pub use self::rules::{LintRule, lints};
pub use self::unit::units_per_second;
use self::{
    rules::{Judge, Subject},
    survey::Survey,
};
use crate::{locate::Path, model::Registry, names, report::Report};

/// Runs every lint. Places that could not be read are left alone: they are reported already.
pub(crate) fn check(registry: &Registry, report: &mut Report<'_>) {
    let root = Path::default();
    sections::check(registry, report);
    if sections::are_too_long(registry, report) {
        return;
    }
    let survey = Survey::of(registry);
    for (name, label) in &registry.labels {
        if report.leaves_off() {
            return;
        }
        let path = root.then("labels").then(name.as_str());
        if report.is_sound(&path) {
            let mut judge = Judge::new(Subject::Label, name, path, &label.lint_allow, report);
            label::check(&survey, name, label, &mut judge);
            judge.finish();
        }
    }
    let required = root.then("required_labels");
    labels(registry, &registry.required_labels, &required, report);
    for (index, metric) in registry.metrics.iter().enumerate() {
        if report.leaves_off() {
            return;
        }
        let path = root.then("metrics").then(index);
        // A metric with an unreadable part would be accused of lacking it.
        if report.is_sound(&path) {
            let name = &metric.name;
            let mut judge = Judge::new(Subject::Metric, name, path, &metric.lint_allow, report);
            metric::check(&survey, metric, &mut judge);
            judge.finish();
        }
    }
    collide::check(registry, report);
    code::check(registry, report);
    ours::check(registry, report);
    operations::check(registry, report);
}

/// What a label is called, where it is declared, and how.
const LABEL: (&str, &str, &str) = ("label", "labels", "{\"max_values\": 20}");

/// What an owner is called, where it is declared, and how.
const OWNER: (&str, &str, &str) = ("owner", "owners", "{\"slack\": \"#channel\"}");

/// Labels named in a list: declared, and named once.
fn labels(registry: &Registry, list: &[String], path: &Path, report: &mut Report<'_>) {
    let mut met = BTreeSet::new();
    for (index, label) in list.iter().enumerate() {
        let path = path.then(index);
        if !met.insert(label) {
            report.wrong(&path, format!("label `{label}` is named twice"), "keep one");
        } else {
            declared(label, LABEL, &registry.labels, &path, report);
        }
    }
}

/// Something that is named here and has to be declared under a key of the document.
fn declared<T>(
    name: &str,
    (what, section, example): (&str, &str, &str),
    declared: &BTreeMap<String, T>,
    path: &Path,
    report: &mut Report<'_>,
) {
    if declared.contains_key(name) || !report.is_readable(&Path::default().then(section)) {
        return;
    }
    let fix = match guess(name, declared.keys(), report) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("declare it under `{section}`, such as `{name:?}: {example}`"),
    };
    report.wrong(path, format!("unknown {what} `{name}`"), fix);
}

/// The candidate that was probably meant. None is looked for when nobody will read it.
fn guess<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c String>,
    report: &Report<'_>,
) -> Option<&'c str> {
    if report.is_full() {
        return None;
    }
    names::closest(name, candidates.into_iter().map(String::as_str))
}
