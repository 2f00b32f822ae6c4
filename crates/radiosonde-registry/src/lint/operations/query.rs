//! Questions to the metrics, wherever they stand.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    known::{Known, Subject},
    text,
};
use crate::{
    locate::Path,
    model::{LabelMatch, MetricType, NamedQuery, Query, QueryAggregation},
    report::Report,
};

/// Questions under one key.
pub(super) fn all(known: &Known<'_>, list: &[NamedQuery], path: &Path, report: &mut Report<'_>) {
    for (index, named) in list.iter().enumerate() {
        let path = path.then(index);
        let wanted = "what people are to read";
        text::said_if_there(named.title.as_deref(), &path.then("title"), wanted, report);
        let _subject = check(known, &named.query, &path, report);
    }
}

/// One question; what it is asked of, when that is known.
pub(super) fn check<'r>(
    known: &Known<'r>,
    query: &Query,
    path: &Path,
    report: &mut Report<'_>,
) -> Option<Subject<'r>> {
    let subject = match (&query.metric, &query.expr) {
        (Some(_), Some(_)) => {
            let what = "`metric` and `expr` exclude each other".to_owned();
            report.wrong(&path.then("expr"), what, "keep one of them");
            return None;
        }
        (None, None) => {
            let what = "neither `metric` nor `expr`".to_owned();
            report.wrong(path, what, "add `\"metric\": \"…\"`, or PromQL under `expr`");
            return None;
        }
        (Some(metric), None) => {
            if !query.metrics.is_empty() {
                let what = "`metrics` beside `metric`".to_owned();
                report.wrong(&path.then("metrics"), what, "delete it: it belongs to `expr`");
            }
            let subject = known.metric(metric, &path.then("metric"), report);
            if let Some(subject) = subject {
                short_form(known, query, metric, subject, path, report);
            }
            subject
        }
        (None, Some(expr)) => {
            long_form(query, expr, path, report);
            reads(known, &query.metrics, &[expr], path, report);
            None
        }
    };
    let _window = text::some_duration(query.window.as_deref(), &path.then("window"), report);
    subject
}

fn short_form<'r>(
    known: &Known<'r>,
    query: &Query,
    metric: &str,
    subject: Subject<'r>,
    path: &Path,
    report: &mut Report<'_>,
) {
    let mut met = BTreeSet::new();
    for (index, label) in query.by.iter().enumerate() {
        let path = path.then("by").then(index);
        if !met.insert(label) {
            report.wrong(&path, format!("label `{label}` is named twice"), "keep one");
        } else {
            known.label_of(metric, subject, label, &path, report);
        }
    }
    matchers(known, &query.matchers, metric, subject, &path.then("where"), report);
    if let Some(aggregation) = query.aggregation {
        suits(aggregation, subject.metric.metric_type, &path.then("aggregation"), report);
    }
}

/// Label values that are looked at: labels of the metric, and values they may have.
pub(super) fn matchers<'r>(
    known: &Known<'r>,
    matchers: &BTreeMap<String, LabelMatch>,
    metric: &str,
    subject: Subject<'r>,
    path: &Path,
    report: &mut Report<'_>,
) {
    for (label, matched) in matchers {
        let path = path.then(label.as_str());
        known.label_of(metric, subject, label, &path, report);
        if matched.values().is_empty() {
            let what = "no value is listed".to_owned();
            report.wrong(&path, what, "list the values that are meant, or delete the label");
        }
        let list = match matched {
            LabelMatch::In(_) => path.clone(),
            LabelMatch::NotIn(_) => path.then("not"),
        };
        let values = matched.values();
        for (index, value) in values.iter().enumerate() {
            // Several stand in a list, one may stand alone.
            let path = if values.len() > 1 { list.then(index) } else { path.clone() };
            known.label_value(metric, subject, label, value, &path, report);
        }
    }
}

/// What cannot be made of the values of a metric.
fn suits(
    aggregation: QueryAggregation,
    metric_type: MetricType,
    path: &Path,
    report: &mut Report<'_>,
) {
    use QueryAggregation::{Increase, Last, Max, Min, P50, P90, P95, P99, Rate};
    let (what, fix) = match (metric_type, aggregation) {
        (MetricType::Gauge, Increase | Rate) => {
            ("a gauge goes up and down: it has no rate", "use avg, last, max, min or sum")
        }
        (MetricType::Counter, P50 | P90 | P95 | P99) => {
            ("a counter has no percentiles", "use rate or increase")
        }
        (MetricType::Histogram | MetricType::Summary, Last | Max | Min) => {
            ("a histogram or summary keeps no single values", "use p50, p95, avg, count or sum")
        }
        _ => return,
    };
    report.wrong(path, what.to_owned(), fix);
}

/// What belongs to the short form has no place beside a text.
fn long_form(query: &Query, expr: &str, path: &Path, report: &mut Report<'_>) {
    text::said(expr, &path.then("expr"), "the PromQL", report);
    let extras = [
        ("aggregation", query.aggregation.is_some()),
        ("by", !query.by.is_empty()),
        ("where", !query.matchers.is_empty()),
        ("window", query.window.is_some()),
    ];
    for (key, _) in extras.iter().filter(|(_, there)| *there) {
        let what = format!("`{key}` beside `expr`");
        report.wrong(&path.then(*key), what, "write it into the expression");
    }
}

/// Metrics that expressions say they read: they exist, and stand in one of the texts.
pub(super) fn reads(
    known: &Known<'_>,
    metrics: &[String],
    texts: &[&str],
    path: &Path,
    report: &mut Report<'_>,
) {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let words: HashSet<&str> =
        texts.iter().flat_map(|text| text.split(|char| !is_part(char))).collect();
    for (index, metric) in metrics.iter().enumerate() {
        let path = path.then("metrics").then(index);
        if let Some(subject) = known.metric(metric, &path, report)
            && !subject.is_among(metric, &words)
        {
            let what = format!("`{metric}` does not stand in the expression");
            report.wrong(&path, what, "delete it, or mend the expression");
        }
    }
}
