//! What is held against a single metric.

use super::{
    deprecation, details, rollup, rules::Judge, sections, style, survey::Survey, unit, version,
};
use crate::{
    model::{ExponentialBuckets, MetricSpec, MetricType, Source},
    names,
};

/// More buckets than this make every series of a histogram a small database.
const BUCKETS_MAX: usize = 100;

pub(super) fn check(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    described(metric, judge);
    let path = judge.at("labels");
    super::labels(survey.registry, &metric.labels, &path, judge.report);
    owner(survey, metric, judge);
    label_count(survey, metric, judge);
    series_count(survey, metric, judge);
    buckets(metric, judge);
    exponential_buckets(metric, judge);
    expression(metric, judge);
    details::check(metric, judge);
    rollup::check(survey, metric, judge);
    deprecation::check(survey, metric, judge);
    // What is no name ends in nothing: its ending is judged when it is one.
    if is_named(metric) {
        style::check(metric, judge);
        unit::check(metric, judge);
        version::check(metric, judge);
    } else {
        for rule in ABOUT_NAMES {
            judge.leaves_open(rule);
        }
    }
}

/// The lints about how a name is made up.
const ABOUT_NAMES: &[&str] = &[
    "abbreviated_unit",
    "camel_case",
    "counter_suffix",
    "reserved_suffix",
    "total_suffix",
    "unit_mismatch",
    "version_suffix",
];

fn is_named(metric: &MetricSpec) -> bool {
    let is_derived = metric.source == Source::Derived;
    names::is_metric_name(&metric.name) && (is_derived || !metric.name.contains(':'))
}

/// What to do about a name that is none: the same that every lint would ask for.
fn renaming(metric: &MetricSpec) -> String {
    let fitted = names::fitted(&metric.name).map(|name| MetricSpec { name, ..metric.clone() });
    fitted.map_or_else(
        || names::renaming(&metric.name),
        |metric| {
            let allowed = metric.lint_allow.iter().map(|allowance| allowance.rule.as_str());
            let allowed = allowed.collect();
            let proper = style::proper_name(&style::Named::of(&metric, &allowed));
            format!("call it `{proper}`")
        },
    )
}

fn described(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let name = &metric.name;
    let path = judge.at("name");
    if !names::is_metric_name(name) {
        judge.wrong(&path, format!("`{name}` is not a metric name"), renaming(metric));
    } else if name.contains(':') && metric.source != Source::Derived {
        let what = format!("`{name}` contains a colon");
        let fix = format!("{}: colons are for derived metrics", renaming(metric));
        judge.wrong(&path, what, fix);
    }
    if sections::is_blank(&metric.help) {
        let fix = "add `help`: one sentence that says what is measured";
        judge.wrong(&judge.at("help"), format!("`{name}` has no help"), fix);
    }
    if metric.unit.as_deref().is_none_or(sections::is_blank) {
        let fix = "add `unit`, such as \"seconds\", \"runs\", or \"1\" for none";
        judge.wrong(&judge.at("unit"), format!("`{name}` has no unit"), fix);
    }
}

/// A registry that declares owners wants to know whose a metric is; a first one stays short.
fn owner(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let owners = &survey.registry.owners;
    let path = judge.at("owner");
    if let Some(owner) = &metric.owner {
        super::declared(owner, super::OWNER, owners, &path, judge.report);
    } else if let Some(first) = owners.keys().next() {
        let what = format!("`{}` has no owner", metric.name);
        let fix = format!("add `\"owner\": {first:?}` or another name under `owners`");
        judge.breaks("missing_owner", &path, what, &fix);
    }
}

fn label_count(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    if metric.max_labels == Some(0) {
        sections::no_labels(&judge.at("max_labels"), judge.report);
        return;
    }
    // A limit of 0 is what is wrong then, and not the labels.
    let limit = metric.max_labels.or(survey.registry.max_labels).filter(|limit| *limit > 0);
    let Some(limit) = limit else { return };
    let required = survey.registry.required_labels.iter();
    let added = required.filter(|label| !metric.labels.contains(label)).count();
    let count = metric.labels.len() + added;
    if count > limit {
        let what = format!("{count} labels ({added} of them required everywhere), {limit} allowed");
        judge.wrong(&judge.at("labels"), what, "drop labels or raise `max_labels`");
    }
}

fn series_count(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    sections::no_limit(metric.series_limit, &judge.at("series_limit"), judge.report);
    if metric.series_limit == Some(0) {
        let what = "a limit of 0 refuses everything".to_owned();
        judge.wrong(&judge.at("series_limit"), what, "allow at least 1");
        return;
    }
    let (limit, of) = match metric.series_limit {
        Some(limit) => (limit, "its `series_limit`".to_owned()),
        None => (survey.strictest_limit, survey.strictest_limit_of()),
    };
    // Enumerated labels keep their values past the cap, so they must fit beside a free label too.
    let labels = &survey.registry.labels;
    let values = metric.labels.iter().filter_map(|label| labels.get(label)?.values.as_ref());
    let product = values.fold(1_usize, |product, values| product.saturating_mul(values.len()));
    // Where the limit is 0, that is reported, and no list would be short enough.
    if product > limit && limit > 0 {
        let what = format!("its listed label values make {product} series, {of} is {limit}");
        let fix = "drop a label, shorten a list or raise `series_limit`";
        judge.wrong(&judge.at("labels"), what, fix);
    }
}

fn buckets(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let path = judge.at("buckets");
    if metric.buckets.is_empty() {
        return;
    }
    if metric.metric_type != MetricType::Histogram {
        let what = format!("buckets on a {}", metric.metric_type);
        judge.wrong(&path, what, "delete them, or make it a histogram");
        return;
    }
    if metric.buckets.len() > BUCKETS_MAX {
        let what = format!("{} buckets, {BUCKETS_MAX} allowed", metric.buckets.len());
        judge.wrong(&path, what, "choose fewer");
    }
    for (index, pair) in metric.buckets.windows(2).enumerate() {
        if let [before, after] = pair
            && before.partial_cmp(after) != Some(std::cmp::Ordering::Less)
        {
            let what = format!("bucket {after} does not rise above {before}");
            judge.wrong(&path.then(index + 1), what, "sort the bounds, each one once");
        }
    }
}

fn exponential_buckets(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let Some(buckets) = &metric.exponential_buckets else { return };
    let path = judge.at("exponential_buckets");
    if metric.metric_type != MetricType::Histogram {
        let what = format!("buckets on a {}", metric.metric_type);
        judge.wrong(&path, what, "delete them, or make it a histogram");
        return;
    }
    if !metric.buckets.is_empty() {
        let what = "bounds are given twice".to_owned();
        judge.wrong(&path, what, "keep `buckets`, or these");
        return;
    }
    let ExponentialBuckets { scale, min, max } = *buckets;
    let (scales, ends) = (ExponentialBuckets::SCALES, ExponentialBuckets::ENDS);
    if !scales.contains(&scale) {
        let what = format!("there is no scale {scale}");
        judge.wrong(&path.then("scale"), what, "use -10 to 20: 3 makes steps of 9 %");
    } else if !ends.contains(&min) {
        let what = format!("`min` is {min:?}");
        judge.wrong(&path.then("min"), what, "use a number above 0, from 1e-300 to 1e300");
    } else if min >= max || !ends.contains(&max) {
        let what = format!("`max` is {max:?}, `min` is {min:?}");
        judge.wrong(&path.then("max"), what, "use a number above `min`, up to 1e300");
    } else if let Some(count) = buckets.count().filter(|n| *n > ExponentialBuckets::BOUNDS_MAX) {
        let most = ExponentialBuckets::BOUNDS_MAX;
        let what = format!("{count} buckets, {most} allowed");
        let fits = |scale: &i32| ExponentialBuckets::new(*scale, min, max).bounds().is_some();
        let fitting = (*scales.start()..scale).rev().find(fits).unwrap_or_default();
        let fix = format!("use the scale {fitting}, or bring `min` and `max` closer together");
        judge.wrong(&path, what, &fix);
    }
}

fn expression(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let path = judge.at("expression");
    match (metric.source, metric.expression.as_deref()) {
        (Source::Derived, None) => {
            let what = format!("derived metric `{}` has no expression", metric.name);
            judge.wrong(&path, what, "add `expression`: the query it comes from");
        }
        (Source::Derived, Some(expression)) if sections::is_blank(expression) => {
            let what = format!("the expression of `{}` is empty", metric.name);
            judge.wrong(&path, what, "write the query it comes from");
        }
        (Source::App | Source::Batch | Source::External, Some(_)) => {
            let what = "an expression on a metric that is written".to_owned();
            judge.wrong(&path, what, "delete it, or add `\"source\": \"derived\"`");
        }
        _ => {}
    }
}
