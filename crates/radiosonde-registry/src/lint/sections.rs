//! What is held against the sections around the metrics: limits, environments, owners, modules.

use std::collections::BTreeSet;

use super::guess;
use crate::{
    locate::Path,
    model::{DEFAULT_SERIES_LIMIT, ModulePolicy, Owner, Registry},
    names,
    report::Report,
};

/// Metrics, and labels, of one registry. A catalogue of that size belongs in several files, and
/// every lint has to be done with it while a compiler waits.
const ENTRIES_MAX: usize = 10_000;

/// The label that says which environment a process runs in.
const ENVIRONMENT: &str = "environment";

pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let root = Path::default();
    if registry.schema_version != 1 {
        report.wrong(
            &root.then("schema_version"),
            format!("unknown schema version {}", registry.schema_version),
            "write 1, or use a newer release: this one reads version 1",
        );
    }
    if registry.service.as_deref().is_some_and(is_blank) {
        let fix = "write the name of the service, or leave it out for any";
        report.wrong(&root.then("service"), "the service has no name".to_owned(), fix);
    }
    if registry.max_labels == Some(0) {
        no_labels(&root.then("max_labels"), report);
    }
    environments(registry, report);
    environment_values(registry, report);
    owners(registry, report);
    modules(registry, report);
}

/// Whether the registry is so large that nothing else is looked at; reported then.
pub(super) fn are_too_long(registry: &Registry, report: &mut Report<'_>) -> bool {
    let sections = [("labels", registry.labels.len()), ("metrics", registry.metrics.len())];
    for (section, count) in sections {
        if count > ENTRIES_MAX {
            let what = format!("{count} {section}, {ENTRIES_MAX} allowed");
            let fix = "split the registry: catalogues of several crates merge";
            report.wrong(&Path::default().then(section), what, fix);
        }
    }
    sections.iter().any(|(_, count)| *count > ENTRIES_MAX)
}

/// A limit of 0 on labels, of the registry or of a metric.
pub(super) fn no_labels(path: &Path, report: &mut Report<'_>) {
    let what = "0 labels allowed".to_owned();
    report.wrong(path, what, "allow at least 1, or leave `max_labels` out");
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
        let one = environment.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT);
        if let Some(all) = environment.fleet_limit
            && (1..one).contains(&all)
        {
            let what = format!("all processes together may have {all} series, one alone {one}");
            let fix = format!("raise `fleet_limit` to {one} or more, or lower `series_limit`");
            report.wrong(&path.then("fleet_limit"), what, fix);
        }
    }
}

/// Where the values of the label `environment` are listed, they are the environments that have
/// limits: one that is in one list only was misspelt, or forgotten in the other.
fn environment_values(registry: &Registry, report: &mut Report<'_>) {
    let values = registry.labels.get(ENVIRONMENT).and_then(|label| label.values.as_ref());
    let (root, environments) = (Path::default(), &registry.environments);
    let Some(values) = values.filter(|values| !values.is_empty()) else { return };
    let (limits, list) =
        (root.then("environments"), root.then("labels").then(ENVIRONMENT).then("values"));
    if environments.is_empty() || !report.is_sound(&limits) || !report.is_sound(&list) {
        return;
    }
    let listed: BTreeSet<&String> = values.iter().collect();
    for name in environments.keys().filter(|name| !listed.contains(name)) {
        let what = format!("no value of the label `{ENVIRONMENT}` is `{name}`");
        let unlimited = values.iter().filter(|value| !environments.contains_key(*value));
        let fix = match guess(name, unlimited, report) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it to the values of the label, or delete its limits".to_owned(),
        };
        report.wrong_key(&limits.then(name.as_str()), what, fix);
    }
    let strictest = registry.strictest_series_limit();
    for (index, value) in values.iter().enumerate() {
        if !environments.contains_key(value) {
            let what = format!(
                "`{value}` has no limits of its own and would get the strictest, {strictest} series"
            );
            let fix = format!(
                "add `{value:?}: {{\"series_limit\": …}}` to `environments`, or \
                               delete the value"
            );
            report.wrong(&list.then(index), what, fix);
        }
    }
}

fn owners(registry: &Registry, report: &mut Report<'_>) {
    for (name, owner) in &registry.owners {
        let path = Path::default().then("owners").then(name.as_str());
        let Owner { name: _, slack, email, pagerduty, jira } = owner;
        let ways = [slack, email, pagerduty, jira];
        if report.is_sound(&path) && ways.into_iter().flatten().all(|way| is_blank(way)) {
            let what = format!("owner `{name}` cannot be reached");
            let fix = "add `slack`, `email`, `pagerduty` or `jira`, such as `\"slack\": \"#team\"`";
            report.wrong_key(&path, what, fix);
        }
    }
}

fn modules(registry: &Registry, report: &mut Report<'_>) {
    for (module, spec) in &registry.modules {
        let path = Path::default().then("modules").then(module.as_str());
        if !is_module_path(module) {
            let fix = match module.replace('-', "_") {
                meant if is_module_path(&meant) => format!("did you mean `{meant}`?"),
                _ => "write it as code does, such as `sqlx` or `tower_http::metrics`".to_owned(),
            };
            report.wrong_key(&path, format!("`{module}` is not the path of a module"), fix);
        }
        let limit = path.then("series_limit");
        match (spec.policy, spec.series_limit) {
            (ModulePolicy::Refuse, Some(_)) => {
                let what = "a series limit on a module that is refused".to_owned();
                report.wrong(&limit, what, "delete it, or set `policy` to namespace or allow");
            }
            (_, Some(0)) => {
                let fix = "allow at least 1, or write `\"policy\": \"refuse\"` instead";
                report.wrong(&limit, "a limit of 0 refuses everything".to_owned(), fix);
            }
            _ => {}
        }
    }
}

/// Identifiers with `::` between them.
fn is_module_path(path: &str) -> bool {
    path.split("::").all(|segment| names::is_label_name(segment) && segment != "_")
}

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
