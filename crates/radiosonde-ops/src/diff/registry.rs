//! What holds for the registry as a whole.

use std::collections::BTreeSet;

use radiosonde_registry::{ModulePolicy, Registry};

use super::changes::{Changes, both, list, none, setting, word};

pub(super) fn compare(old: &Registry, new: &Registry, changes: &mut Changes) {
    let fix = "keep the name: series and dashboards are found by it";
    changes.field("service".to_owned(), &old.service, &new.service, Some(fix), word);
    environments(old, new, changes);
    required_labels(old, new, changes);
    // A rule for whoever writes the registry; the metrics themselves are compared one by one.
    changes.field("max_labels".to_owned(), &old.max_labels, &new.max_labels, None, setting);
    for (name, before, after) in both(&old.owners, &new.owners) {
        let path = format!("owners.{name}");
        match (before, after) {
            (None, _) => _ = changes.compatible(path, "added"),
            (_, None) => _ = changes.compatible(path, "removed"),
            (Some(before), Some(after)) if before != after => {
                let _ = changes.compatible(path, "changed");
            }
            _ => {}
        }
    }
    modules(old, new, changes);
}

fn environments(old: &Registry, new: &Registry, changes: &mut Changes) {
    for (name, before, after) in both(&old.environments, &new.environments) {
        let path = format!("environments.{name}");
        if after.is_none() {
            let fix = "keep it while something runs there: without it the strictest limit holds";
            let _ = changes.breaking(path, "removed", fix);
            continue;
        }
        if before.is_none() {
            let _ = changes.compatible(path.clone(), "added");
        }
        // Also of a new one: so far its processes had the limit of an unknown environment.
        type Limit = fn(&Registry, Option<&str>) -> usize;
        let limits: [(&str, Limit); 2] =
            [("series_limit", Registry::series_limit), ("fleet_limit", Registry::fleet_limit)];
        for (key, limit) in limits {
            let (had, has) = (limit(old, Some(name)) as u64, limit(new, Some(name)) as u64);
            let fix = "series that are recorded today may fold into overflow: keep the limit, or \
                       give the metrics that need it a `series_limit` of their own";
            if before.is_some() || has < had {
                changes.limit(format!("{path}.{key}"), Some(had), Some(has), fix);
            }
        }
    }
}

fn required_labels(old: &Registry, new: &Registry, changes: &mut Changes) {
    let before: BTreeSet<&String> = old.required_labels.iter().collect();
    let after: BTreeSet<&String> = new.required_labels.iter().collect();
    let path = "required_labels";
    for label in before.difference(&after) {
        let fix = "every series loses the label: keep it, or declare it on each metric";
        changes.breaking(path, "removed", fix).was(label);
    }
    for label in after.difference(&before) {
        let fix = "every series becomes another one: publish the metrics under new names, or \
                   declare the label on new metrics only";
        changes.breaking(path, "added", fix).is(label);
    }
}

/// Judged by what holds for a module in the end, as an entry may stand below another.
fn modules(old: &Registry, new: &Registry, changes: &mut Changes) {
    let policy = |registry: &Registry, path: &str| {
        let found = registry.module(path).map(|(_, spec)| spec.clone()).unwrap_or_default();
        (found.policy, found.series_limit.unwrap_or(radiosonde_registry::DEFAULT_SERIES_LIMIT))
    };
    for (path, before, after) in both(&old.modules, &new.modules) {
        if before == after {
            continue;
        }
        let (had, has) = (policy(old, path), policy(new, path));
        let looseness = |policy: ModulePolicy| match policy {
            ModulePolicy::Refuse => 0,
            ModulePolicy::Namespace => 1,
            _ => 2,
        };
        let narrower =
            looseness(has.0) < looseness(had.0) || (has.0 != ModulePolicy::Refuse && has.1 < had.1);
        let show = |listed: bool, (policy, limit): (ModulePolicy, usize)| match listed {
            true => format!("{policy:?} up to {limit} series").to_lowercase(),
            false => none(),
        };
        let (was, is) = (show(before.is_some(), had), show(after.is_some(), has));
        let place = format!("modules.{}", list(&[path]));
        let change = match narrower {
            true => {
                let fix = "metrics of that crate which are recorded today are refused: keep what \
                           was said about it, or register those that are read";
                changes.breaking(place, "narrowed", fix)
            }
            false => changes.compatible(place, "changed"),
        };
        let _ = change.told(&was, &is);
    }
}
