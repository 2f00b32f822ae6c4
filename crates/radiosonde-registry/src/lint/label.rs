//! What is held against the definition of a label.

use std::collections::BTreeSet;

use super::{
    label_name,
    pattern::{self, Tried},
    rules::Judge,
    survey::Survey,
};
use crate::{
    locate::Path,
    model::LabelSpec,
    names,
    shape::{LABEL_VALUE_BYTES_MAX, id_shape},
};

/// Labels other software gives a meaning of its own.
const RESERVED_LABELS: &[&str] = &["le", "otel_metric_overflow", "quantile"];

/// The value that stands for all free values past a cap.
const OVERFLOW_VALUE: &str = "_other";

pub(super) fn check(survey: &Survey<'_>, name: &str, label: &LabelSpec, judge: &mut Judge<'_, '_>) {
    // Where there is a list, nobody asks the pattern.
    let written = label.pattern.as_deref().filter(|_| label.values.is_none());
    let pattern = written.map(|written| (written, survey.tried(written)));
    named(name, judge);
    if is_judged_by_name(label, pattern.as_ref().map(|(_, tried)| tried)) {
        label_name::check(name, judge);
    }
    bounded(name, label, judge);
    if let Some((written, tried)) = &pattern {
        pattern::check(written, tried, label.max_values.is_some(), judge);
    }
    max_values(survey, name, label, judge);
    if let Some(list) = &label.values {
        values(list, judge);
    }
    unused(survey, name, judge);
}

fn named(name: &str, judge: &mut Judge<'_, '_>) {
    let path = judge.path().clone();
    if !names::is_label_name(name) || name.starts_with("__") {
        let fix = names::renaming(name.trim_start_matches('_'));
        judge.report.wrong_key(&path, format!("`{name}` is not a label name"), fix);
        return;
    }
    if RESERVED_LABELS.contains(&name) {
        let fix = "choose another name: formats and exporters write this label themselves";
        judge.report.wrong_key(&path, format!("label `{name}` is reserved"), fix);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let fix = format!("call it `{}`", names::snake_case(name));
        judge.breaks_by_name("camel_case", "has capital letters", &fix);
    }
}

/// Whether nothing but their number bounds the values of a label. What is wrong with a pattern is
/// reported; the name is judged when that is mended.
fn is_judged_by_name(label: &LabelSpec, pattern: Option<&Tried>) -> bool {
    let by_pattern = match pattern {
        None | Some(Tried::FitsAnyText) => false,
        Some(Tried::FitsId(..)) => label.max_values.is_none(),
        Some(Tried::Broken(_) | Tried::Empty | Tried::KeepsIdsOut | Tried::TooLong) => true,
    };
    label.values.is_none() && !by_pattern
}

/// One thing says which values there may be, and it says something.
fn bounded(name: &str, label: &LabelSpec, judge: &mut Judge<'_, '_>) {
    let path = judge.path().clone();
    if label.values.is_none() && label.pattern.is_none() && label.max_values.is_none() {
        let what = format!("label `{name}` may have any value");
        judge.wrong(
            &path,
            what,
            "add `values`, `pattern` or `max_values`, such as `\"max_values\": 20`",
        );
    }
    let besides =
        [("pattern", label.pattern.is_some()), ("max_values", label.max_values.is_some())];
    if label.values.is_some() {
        for (key, _) in besides.into_iter().filter(|(_, given)| *given) {
            let what = format!("`{key}` beside `values`, which say everything");
            judge.wrong(&judge.at(key), what, format!("delete `{key}`, or the list"));
        }
    }
}

fn max_values(survey: &Survey<'_>, name: &str, label: &LabelSpec, judge: &mut Judge<'_, '_>) {
    let path = judge.at("max_values");
    match (label.max_values, survey.series_with(name)) {
        (Some(0), _) => {
            judge.wrong(&path, "0 values refuse everything".to_owned(), "allow at least 1");
        }
        (Some(most), Some(series)) if most > series && label.values.is_none() => {
            let what =
                format!("{most} values, but no metric with it may have over {series} series");
            let fix = format!("write {series} or less, or raise the `series_limit` of a metric");
            judge.wrong(&path, what, fix);
        }
        _ => {}
    }
}

fn values(values: &[String], judge: &mut Judge<'_, '_>) {
    let path = judge.at("values");
    if values.is_empty() {
        judge.wrong(&path, "no value is listed".to_owned(), "list the values there are");
    }
    let mut met = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let is_first = met.insert(value);
        listed(value, is_first, &path.then(index), judge);
    }
}

fn listed(value: &str, is_first: bool, path: &Path, judge: &mut Judge<'_, '_>) {
    if !is_first {
        judge.wrong(path, format!("value `{value}` is listed twice"), "keep one");
    } else if value == OVERFLOW_VALUE {
        let fix = "choose another: it stands for the values past a cap";
        judge.wrong(path, format!("value `{value}` is reserved"), fix);
    } else if value.is_empty() {
        let fix = "delete it, or give it a name such as `none`: Prometheus takes it for no label";
        judge.wrong(path, "an empty value".to_owned(), fix);
    } else if value.chars().any(char::is_control) {
        let what = format!("value {value:?} holds control characters");
        judge.wrong(path, what, "write it in printable characters");
    } else if value.len() > LABEL_VALUE_BYTES_MAX {
        let what = format!("value longer than {LABEL_VALUE_BYTES_MAX} bytes");
        judge.wrong(path, what, "shorten it");
    } else if let Some(kind) = id_shape(value) {
        let what = format!("value `{value}` looks like {kind}");
        let fix = "list what kinds there are, not single things";
        judge.breaks("identifier_label", path, what, fix);
    }
}

/// A label that no metric has and that not every metric has to carry.
fn unused(survey: &Survey<'_>, name: &str, judge: &mut Judge<'_, '_>) {
    let registry = survey.registry;
    let root = Path::default();
    if survey.series_with(name).is_some()
        || registry.required_labels.iter().any(|required| required == name)
    {
        return;
    }
    // A file without metrics is one that is being started. Where something is unreadable or
    // misspelt, that may be where the label is used.
    if registry.metrics.is_empty()
        || survey.has_unknown_label
        || !judge.report.is_sound(&root.then("metrics"))
        || !judge.report.is_sound(&root.then("required_labels"))
    {
        judge.leaves_open("unused_label");
        return;
    }
    let fix =
        format!("delete it, or put it into the `labels` of a metric: \"labels\": [\"{name}\"]");
    judge.breaks_by_name("unused_label", "is a label that no metric has", &fix);
}
