//! What is held against the roll-ups of a metric. Whether a name is taken, see `collide`.

use std::collections::BTreeSet;

use super::{
    guess,
    rules::Judge,
    sections::is_blank,
    style::{self, Named},
    survey::Survey,
};
use crate::{
    fields,
    locate::Path,
    model::{MetricSpec, MetricType, Rollup, Source},
    names,
};

pub(super) fn check(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let path = judge.at("rollups");
    if metric.rollups.is_empty() {
        return;
    }
    let metric_type = metric.metric_type;
    if !matches!(metric_type, MetricType::Counter | MetricType::Histogram) {
        let what = format!("roll-ups of a {metric_type}, which has no sum");
        judge.wrong(&path, what, "delete them, or make it a counter or histogram");
        return;
    }
    if matches!(metric.source, Source::Derived | Source::External) {
        let what = "roll-ups of a metric that the program does not write".to_owned();
        judge.wrong(&path, what, "delete them, or sum in the query");
        return;
    }
    let allowed = judge.allowed();
    // A name of a roll-up stays when its metric gets a new version, and says none.
    let family = Named { version: 1, ..Named::of(metric, &allowed) };
    for (index, rollup) in metric.rollups.iter().enumerate() {
        let path = path.then(index);
        named(&family, rollup, &path, judge);
        kept(survey, metric, rollup, &path, judge);
    }
}

fn named(family: &Named<'_>, rollup: &Rollup, path: &Path, judge: &mut Judge<'_, '_>) {
    let name = &rollup.name;
    let at = path.then("name");
    if !names::is_label_name(name) {
        judge.wrong(&at, format!("`{name}` is not a metric name"), names::renaming(name));
    } else {
        judge.part(|judge| style::check_name(&Named { name, ..*family }, &at, judge));
    }
    if rollup.help.as_deref().is_some_and(is_blank) {
        let fix = "write one sentence, or leave it out for the help of the metric";
        judge.wrong(&path.then("help"), format!("`{name}` has no help"), fix);
    }
}

/// The labels that are kept: the metric's own, each once, not all of them.
fn kept(
    survey: &Survey<'_>,
    metric: &MetricSpec,
    rollup: &Rollup,
    path: &Path,
    judge: &mut Judge<'_, '_>,
) {
    let by = path.then("by");
    let mut met = BTreeSet::new();
    for (index, label) in rollup.by.iter().enumerate() {
        let at = by.then(index);
        if !met.insert(label) {
            judge.wrong(&at, format!("label `{label}` is named twice"), "keep one");
        } else if !metric.labels.contains(label) {
            let what = format!("`{label}` is not a label of `{}`", metric.name);
            let own: Vec<&str> = metric.labels.iter().map(String::as_str).collect();
            let fix = match guess(label, &metric.labels, judge.report) {
                _ if survey.registry.required_labels.contains(label) => {
                    "leave it out: required labels are always kept".to_owned()
                }
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("use {}", fields::alternatives(&own)),
            };
            judge.wrong(&at, what, fix);
        }
    }
    if metric.labels.iter().all(|label| met.contains(label)) {
        let what = format!("it keeps every label of `{}`, so nothing is summed", metric.name);
        judge.wrong(&by, what, "leave a label out, or delete the roll-up");
    }
}
