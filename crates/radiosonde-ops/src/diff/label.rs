//! What labels may be.

use std::collections::BTreeSet;

use radiosonde_registry::{LabelSpec, Registry};

use super::changes::{Change, Changes, both, list, word};
use crate::known::few;

pub(super) fn compare(old: &Registry, new: &Registry, changes: &mut Changes) {
    for (name, before, after) in both(&old.labels, &new.labels) {
        let path = format!("labels.{name}");
        match (before, after) {
            (None, _) => _ = changes.compatible(path, "added"),
            // Metrics that had it have lost it, and say so themselves.
            (_, None) => _ = changes.compatible(path, "removed"),
            (Some(before), Some(after)) => {
                let users = users(old, new, name);
                Label { path, users, changes }.compare(before, after);
            }
        }
    }
}

/// Metrics that have the label before and after; those that do not are reported for that.
fn users(old: &Registry, new: &Registry, label: &str) -> Vec<String> {
    let of = |registry: &Registry| -> BTreeSet<String> {
        let required = registry.required_labels.iter().any(|required| required == label);
        let metrics = registry.metrics.iter();
        metrics
            .filter(|metric| required || metric.labels.iter().any(|own| own == label))
            .map(|metric| metric.name.clone())
            .collect()
    };
    of(old).intersection(&of(new)).cloned().collect()
}

struct Label<'c> {
    path: String,
    users: Vec<String>,
    changes: &'c mut Changes,
}

impl Label<'_> {
    fn compare(mut self, old: &LabelSpec, new: &LabelSpec) {
        match (&old.values, &new.values) {
            (Some(before), Some(after)) => self.values(before, after),
            (Some(before), None) => {
                let what =
                    "list given up: handles take a text, overflow no longer keeps its values";
                self.narrowed("values", what).was(&list(before));
            }
            (None, Some(after)) => {
                self.narrowed("values", "became a list: other values are refused").is(&list(after));
            }
            (None, None) => {}
        }
        match (&old.pattern, &new.pattern) {
            (before, after) if before == after => {}
            (_, None) => self.compatible("pattern", "removed").was(&word(&old.pattern)),
            (None, Some(after)) => {
                self.narrowed("pattern", "added: other values are refused").is(after);
            }
            (Some(before), Some(after)) => {
                let _ = self.narrowed("pattern", "changed").told(before, after);
            }
        }
        let limit = |spec: &LabelSpec| spec.max_values.map(|limit| limit as u64);
        if self.users.is_empty() {
            let path = format!("{}.max_values", self.path);
            if limit(old) != limit(new) {
                let _ = self.changes.compatible(path, "changed");
            }
        } else {
            let path = format!("{}.max_values", self.path);
            let fix = "values that are recorded today may fold into overflow: keep the limit";
            self.changes.limit(path, limit(old), limit(new), fix);
        }
        if (&old.description, &old.lint_allow) != (&new.description, &new.lint_allow) {
            let _ = self.compatible("description", "changed");
        }
    }

    fn values(&mut self, old: &[String], new: &[String]) {
        let (before, after): (BTreeSet<_>, BTreeSet<_>) =
            (old.iter().collect(), new.iter().collect());
        let gone: Vec<_> = before.difference(&after).collect();
        let came: Vec<_> = after.difference(&before).collect();
        if !gone.is_empty() {
            self.narrowed("values", "removed").was(&list(&gone));
        }
        if !came.is_empty() {
            self.compatible("values", "added").is(&list(&came));
        }
    }

    fn compatible(&mut self, key: &str, what: &str) -> &mut Change {
        self.changes.compatible(format!("{}.{key}", self.path), what)
    }

    /// Breaking for the metrics that use it; a label nobody uses may be anything.
    fn narrowed(&mut self, key: &str, what: &str) -> &mut Change {
        let path = format!("{}.{key}", self.path);
        if self.users.is_empty() {
            return self.changes.compatible(path, what);
        }
        let fix = format!(
            "keep what is read, or take a new label and publish the metrics that use it ({}) in a \
             new version",
            few(&self.users)
        );
        self.changes.breaking(path, what, fix)
    }
}
