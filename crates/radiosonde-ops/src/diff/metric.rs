//! Metrics, by name.

use std::collections::BTreeMap;

use radiosonde_registry::{MetricSpec, MetricType, Registry, Source, Status};

use super::{
    changes::{Change, Changes, both, list, powers, setting, word},
    operations::Readers,
    rollup, status,
};
use crate::Day;

pub(super) fn compare(old: &Registry, new: &Registry, today: Day, changes: &mut Changes) {
    let (before, after) = (by_name(old), by_name(new));
    let readers = Readers::of(old);
    for (name, had, has) in both(&before, &after) {
        let path = format!("metrics.{name}");
        match (had, has) {
            (None, None) => {}
            (None, Some(_)) => _ = changes.compatible(path, "added"),
            (Some(had), None) => {
                let change = removed(path, had, new, today, changes);
                if change.is_breaking() {
                    change.old = readers.told(name, had.metric_type);
                }
            }
            (Some(had), Some(has)) => Pair { path, old: had, new: has, changes }.compare(old, new),
        }
    }
    rollup::compare(old, new, &after, &readers, changes);
}

fn by_name(registry: &Registry) -> BTreeMap<&str, &MetricSpec> {
    registry.metrics.iter().map(|metric| (metric.name.as_str(), metric)).collect()
}

fn removed<'c>(
    path: String,
    metric: &MetricSpec,
    new: &Registry,
    today: Day,
    changes: &'c mut Changes,
) -> &'c mut Change {
    let name = &metric.name;
    if let Status::Deprecated(deprecation) = &metric.status {
        return match status::end(deprecation) {
            Some(end) if today >= end => {
                let change = changes.compatible(path, "removed");
                change.was(&format!("its deprecation ended {end}"));
                change
            }
            Some(end) => {
                let fix = format!("keep it until {end}, as its deprecation promises");
                changes.breaking(path, "removed too early", fix)
            }
            None => {
                let fix = "give its deprecation a day (`since`), and remove it when that is over";
                changes.breaking(path, "removed, deprecated without a day", fix)
            }
        };
    }
    // Most often it was renamed; a metric that is the same but for its name is told as that.
    let alike = |other: &&MetricSpec| other.help == metric.help && other.unit == metric.unit;
    let renamed = new.metrics.iter().filter(alike).take(CANDIDATES_MAX).find(|other| {
        let mut other = (*other).clone();
        other.name.clone_from(name);
        other == *metric
    });
    let fix = match renamed {
        Some(other) => format!(
            "keep `{name}` beside `{}`, deprecated and replaced by it, until readers have followed",
            other.name
        ),
        None => {
            "deprecate it first, with `since` and `emit_days`, and remove it afterwards".to_owned()
        }
    };
    changes.breaking(path, "removed", fix)
}

/// Metrics that are looked at for one that was renamed: those of one help text are few, unless
/// somebody wants it otherwise.
const CANDIDATES_MAX: usize = 100;

/// One metric before and after.
struct Pair<'p> {
    path: String,
    old: &'p MetricSpec,
    new: &'p MetricSpec,
    changes: &'p mut Changes,
}

impl Pair<'_> {
    fn compare(mut self, before: &Registry, after: &Registry) {
        self.meaning();
        self.source();
        self.zero_init(before, after);
        self.labels();
        self.limits(before, after);
        status::compare(&self.path, self.old, self.new, self.changes);
        self.remarks();
    }

    /// What readers rely on.
    fn meaning(&mut self) {
        let fix = successor(self.old);
        let fix = Some(fix.as_str());
        let (old, new) = (self.old, self.new);
        self.field("type", &old.metric_type, &new.metric_type, fix, MetricType::to_string);
        self.field("unit", &old.unit, &new.unit, fix, word);
        self.field("buckets", &old.buckets, &new.buckets, fix, |bounds| list(bounds));
        let exponential = (&old.exponential_buckets, &new.exponential_buckets);
        self.field("exponential_buckets", exponential.0, exponential.1, fix, powers);
        // Of a metric that is derived no more, or only now, the source is told. Layout means nothing.
        let fix_of_query = fix.filter(|_| match (&old.expression, &new.expression) {
            (Some(old), Some(new)) => !old
                .split_whitespace()
                .flat_map(str::chars)
                .eq(new.split_whitespace().flat_map(str::chars)),
            _ => false,
        });
        self.field("expression", &old.expression, &new.expression, fix_of_query, word);
        let name = |metric: &MetricSpec| {
            let otel = metric.otel.as_ref().and_then(|otel| otel.name.clone());
            otel.unwrap_or_else(|| metric.name.clone())
        };
        let unit = |metric: &MetricSpec| {
            metric.otel.as_ref().and_then(|otel| otel.unit.clone()).or_else(|| metric.unit.clone())
        };
        self.field("otel.name", &name(old), &name(new), fix, String::clone);
        // A changed unit that OTLP merely repeats is told once.
        if old.unit == new.unit {
            self.field("otel.unit", &unit(old), &unit(new), fix, word);
        }
        let fix = (new.version < old.version).then_some("versions only rise: keep the old one");
        self.field("version", &old.version, &new.version, fix, u32::to_string);
    }

    fn source(&mut self) {
        let (old, new) = (self.old, self.new);
        let written = |source| matches!(source, Source::App | Source::Batch);
        // Only gauges are kept over the end of a process.
        let kept =
            |it: &MetricSpec| it.source == Source::Batch && it.metric_type == MetricType::Gauge;
        let fix = if written(old.source) && !written(new.source) {
            Some("code that writes it no longer compiles: keep the source, or take another name")
        } else if kept(old) && !kept(new) && new.metric_type == MetricType::Gauge {
            Some(
                "its last value is gone with each restart, and the time it was written at with it: \
                  keep it `batch`",
            )
        } else {
            None
        };
        let show = |source: &Source| format!("{source:?}").to_lowercase();
        self.field("source", &old.source, &new.source, fix, show);
    }

    /// Whether series exist before their first value. Without a word the type decides.
    fn zero_init(&mut self, before: &Registry, after: &Registry) {
        let (old, new) = (self.old, self.new);
        let from_zero = |it: &MetricSpec, registry: &Registry| {
            let rises = matches!(it.metric_type, MetricType::Counter | MetricType::Histogram);
            // Series of labels that are not listed cannot be known beforehand; sums of them are.
            let known = it.is_enumerated(registry) || !it.rollups.is_empty();
            known && it.zero_init.unwrap_or(rises)
        };
        let fix = match new.metric_type {
            _ if !from_zero(old, before) || from_zero(new, after) => None,
            MetricType::Counter | MetricType::Histogram => {
                Some("series are born at their first value, which `increase` never shows: keep it")
            }
            _ => Some("series are missing until their first value, where they were 0: keep it"),
        };
        self.field("zero_init", &old.zero_init, &new.zero_init, fix, setting);
    }

    fn labels(&mut self) {
        let (old, new) = (&self.old.labels, &self.new.labels);
        if old == new {
            return;
        }
        let (mut before, mut after) = (old.clone(), new.clone());
        before.sort();
        after.sort();
        let path = format!("{}.labels", self.path);
        let change = match before == after {
            // Two texts in another order would still compile, and be wrong.
            true => {
                let fix = "typed handles take them in this order: keep it";
                self.changes.breaking(path, "reordered", fix)
            }
            false => self.changes.breaking(path, "changed", successor(self.old)),
        };
        let _ = change.told(&list(old), &list(new));
    }

    fn limits(&mut self, before: &Registry, after: &Registry) {
        let (old, new) = (self.old.series_limit, self.new.series_limit);
        if old == new {
            return;
        }
        // Where the metric says nothing, its environment does.
        let of = |limit: Option<usize>, registry: &Registry| {
            Some(limit.unwrap_or_else(|| registry.series_limit(None)) as u64)
        };
        let path = format!("{}.series_limit", self.path);
        let fix = "series that are recorded today may fold into overflow: keep the limit";
        self.changes.limit(path, of(old, before), of(new, after), fix);
    }

    /// What is said about it, and how it is kept: nobody has to follow.
    fn remarks(&mut self) {
        let (old, new) = (self.old, self.new);
        self.field("help", &old.help, &new.help, None, String::clone);
        self.field("owner", &old.owner, &new.owner, None, word);
        self.field("family", &old.family, &new.family, None, word);
        self.field("interval_s", &old.interval_s, &new.interval_s, None, setting);
        self.field("aggregation", &old.aggregation, &new.aggregation, None, setting);
        self.field("refresh", &old.refresh, &new.refresh, None, setting);
        self.field("max_labels", &old.max_labels, &new.max_labels, None, setting);
        for (key, same) in [
            ("variance", old.variance == new.variance),
            ("retention", old.retention == new.retention),
            ("lint_allow", old.lint_allow == new.lint_allow),
        ] {
            if !same {
                let _ = self.changes.compatible(format!("{}.{key}", self.path), "changed");
            }
        }
    }

    fn field<T: PartialEq>(
        &mut self,
        key: &str,
        old: &T,
        new: &T,
        fix: Option<&str>,
        show: impl Fn(&T) -> String,
    ) {
        self.changes.field(format!("{}.{key}", self.path), old, new, fix, show);
    }
}

/// What to do instead of changing what a name means.
fn successor(metric: &MetricSpec) -> String {
    let (next, version) = metric.next_version();
    format!("publish it as `{next}` with version {version} and deprecate `{}`", metric.name)
}
