//! Names that two things would have in the code of `catalog!`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    locate::Path,
    model::{LabelSpec, MetricSpec, Registry, Source},
    names,
    report::Report,
};

/// The constant of the registry itself.
const REGISTRY: &str = "REGISTRY";

/// Identifiers with the name in the registry that each comes from.
type Taken<'r> = BTreeMap<String, &'r str>;

/// Judges what a program gets handles for: metrics it writes, and their labels.
pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let written = |metric: &MetricSpec| matches!(metric.source, Source::App | Source::Batch);
    let path = Path::default().then("metrics");
    let (mut constants, mut functions) = (Taken::new(), Taken::new());
    let mut used = BTreeSet::new();
    for (index, metric) in registry.metrics.iter().enumerate() {
        let path = path.then(index);
        // What is no name, or derived and misses its source, is reported as that.
        if !written(metric) || metric.name.contains(':') || !report.is_sound(&path) {
            continue;
        }
        used.extend(metric.labels.iter().map(String::as_str));
        if names::is_metric_name(&metric.name) {
            of_metric(&metric.name, &path.then("name"), &mut constants, &mut functions, report);
        }
    }
    let path = Path::default().then("labels");
    let (mut types, mut parameters) = (Taken::new(), Taken::new());
    for name in used {
        let path = path.then(name);
        if let Some(label) = registry.labels.get(name)
            && report.is_sound(&path)
            && names::is_label_name(name)
        {
            of_label(name, &path, &mut types, &mut parameters, report);
            of_values(name, label, &path.then("values"), report);
        }
    }
}

fn of_metric<'r>(
    name: &'r str,
    path: &Path,
    constants: &mut Taken<'r>,
    functions: &mut Taken<'r>,
    report: &mut Report<'_>,
) {
    let constant = code::constant(name);
    if !name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        // It would also catch parameters of that name.
        report.wrong(path, format!("`{name}` has no letter"), "call it what it measures");
    } else if constant == REGISTRY {
        let what = format!("`{name}` would be `{REGISTRY}` in code, as the registry itself is");
        report.wrong(path, what, "rename the metric");
    } else {
        // One name for both is one finding.
        let twice = take(constant, name, constants);
        if let Some((first, identifier)) = take(code::function(name), name, functions).or(twice) {
            let what = format!("`{name}` and `{first}` would both be `{identifier}` in code");
            report.wrong(path, what, "rename one of the metrics");
        }
    }
}

fn of_label<'r>(
    name: &'r str,
    path: &Path,
    types: &mut Taken<'r>,
    parameters: &mut Taken<'r>,
    report: &mut Report<'_>,
) {
    let own = code::label_type(name);
    if own.is_empty() {
        let what = format!("label `{name}` has no letter or digit");
        report.wrong_key(path, what, "call it what it tells apart");
        return;
    }
    let twice = take(code::parameter(name), name, parameters);
    if let Some((first, identifier)) = take(own, name, types).or(twice) {
        let what = format!("labels `{name}` and `{first}` would both be `{identifier}` in code");
        report.wrong_key(path, what, "rename one of the labels");
    }
}

fn of_values(name: &str, label: &LabelSpec, path: &Path, report: &mut Report<'_>) {
    let mut variants = Taken::new();
    for (index, value) in label.values.iter().flatten().enumerate() {
        if let Some((first, variant)) = take(code::variant(value), value, &mut variants) {
            let own = code::label_type(name);
            let what =
                format!("values `{value}` and `{first}` would both be `{own}::{variant}` in code");
            let fix = "rename one of them, or give the label `pattern` or `max_values` instead of \
                       `values`";
            report.wrong(&path.then(index), what, fix);
        }
    }
}

/// Takes an identifier; gives what has it already. That the same name stands twice is reported
/// elsewhere.
fn take<'r>(identifier: String, name: &'r str, taken: &mut Taken<'r>) -> Option<(&'r str, String)> {
    let first = *taken.entry(identifier.clone()).or_insert(name);
    (first != name).then_some((first, identifier))
}
