//! What is held against a single metric.

use crate::{
    locate::Path,
    model::{MetricSpec, MetricType, Registry, Source, Status},
    names,
    report::Report,
};

/// More buckets than this make every series of a histogram a small database.
const BUCKETS_MAX: usize = 100;

pub(super) fn check(
    registry: &Registry,
    metric: &MetricSpec,
    path: &Path,
    report: &mut Report<'_>,
) {
    described(metric, path, report);
    super::labels(registry, &metric.labels, &path.then("labels"), report);
    if let Some(owner) = &metric.owner {
        let owners = registry.owners.keys();
        super::declared(owner, "owner", "owners", owners, &path.then("owner"), report);
    }
    label_count(registry, metric, path, report);
    series_count(registry, metric, path, report);
    buckets(metric, path, report);
    expression(metric, path, report);
    life(metric, path, report);
    super::style::check(metric, path, report);
}

fn described(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let name = &metric.name;
    if !names::is_metric_name(name) {
        let fix = "use letters, digits and underscores, not beginning with a digit";
        report.wrong(&path.then("name"), format!("`{name}` is not a metric name"), fix);
    } else if name.contains(':') && metric.source != Source::Derived {
        let what = format!("`{name}` contains a colon");
        report.wrong(&path.then("name"), what, "colons are for derived metrics");
    }
    if metric.help.trim().is_empty() {
        let fix = "add `help`: one sentence that says what is measured";
        report.wrong(&path.then("help"), format!("`{name}` has no help"), fix);
    }
    if metric.unit.as_deref().unwrap_or_default().trim().is_empty() {
        let fix = "add `unit`, such as \"seconds\", \"runs\", or \"1\" for none";
        report.wrong(&path.then("unit"), format!("`{name}` has no unit"), fix);
    }
}

fn label_count(registry: &Registry, metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let Some(limit) = metric.max_labels.or(registry.max_labels) else { return };
    let required = registry.required_labels.iter();
    let added = required.filter(|label| !metric.labels.contains(label)).count();
    let count = metric.labels.len() + added;
    if count > limit {
        let what = format!("{count} labels ({added} of them required everywhere), {limit} allowed");
        report.wrong(&path.then("labels"), what, "drop labels or raise `max_labels`");
    }
}

fn series_count(registry: &Registry, metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    if metric.series_limit == Some(0) {
        let what = "a limit of 0 refuses everything".to_owned();
        report.wrong(&path.then("series_limit"), what, "allow at least 1");
        return;
    }
    let limit = metric.series_limit.unwrap_or_else(|| registry.strictest_series_limit());
    // Enumerated labels keep their values past the cap, so they must fit beside a free label too.
    let values =
        metric.labels.iter().filter_map(|label| registry.labels.get(label)?.values.as_ref());
    let product = values.fold(1_usize, |product, values| product.saturating_mul(values.len()));
    if product > limit {
        let what = format!("its listed label values make {product} series, the limit is {limit}");
        let fix = "drop a label, shorten a list or raise `series_limit`";
        report.wrong(&path.then("labels"), what, fix);
    }
}

fn buckets(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let path = path.then("buckets");
    if metric.buckets.is_empty() {
        return;
    }
    if metric.metric_type != MetricType::Histogram {
        let what = format!("buckets on a {}", metric.metric_type);
        report.wrong(&path, what, "delete them, or make it a histogram");
        return;
    }
    if metric.buckets.len() > BUCKETS_MAX {
        let what = format!("{} buckets, {BUCKETS_MAX} allowed", metric.buckets.len());
        report.wrong(&path, what, "choose fewer");
    }
    for (index, pair) in metric.buckets.windows(2).enumerate() {
        if let [before, after] = pair
            && before.partial_cmp(after) != Some(std::cmp::Ordering::Less)
        {
            let what = format!("bucket {after} does not rise above {before}");
            report.wrong(&path.then(index + 1), what, "sort the bounds, each one once");
        }
    }
    for (index, bound) in metric.buckets.iter().enumerate() {
        if !bound.is_finite() {
            let what = "a bucket is not a finite number".to_owned();
            report.wrong(&path.then(index), what, "leave `+Inf` out: every histogram has it");
        }
    }
}

fn expression(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let path = path.then("expression");
    match (metric.source, &metric.expression) {
        (Source::Derived, None) => {
            let what = format!("derived metric `{}` has no expression", metric.name);
            report.wrong(&path, what, "add `expression`: the query it comes from");
        }
        (Source::App | Source::Batch | Source::External, Some(_)) => {
            let what = "an expression on a metric that is written".to_owned();
            report.wrong(&path, what, "delete it, or add `\"source\": \"derived\"`");
        }
        _ => {}
    }
}

fn life(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    if metric.version == 0 {
        report.wrong(&path.then("version"), "version 0".to_owned(), "count from 1");
    }
    let Status::Deprecated(deprecation) = &metric.status else { return };
    let path = path.then("status").then("deprecated");
    if let Some(since) = &deprecation.since
        && !is_date(since)
    {
        let what = format!("`{since}` is not a date");
        report.wrong(&path.then("since"), what, "write it as 2026-11-01");
    }
    if deprecation.replaced_by.as_deref() == Some(metric.name.as_str()) {
        let what = "it is replaced by itself".to_owned();
        report.wrong(&path.then("replaced_by"), what, "name the metric to use instead");
    }
}

/// `YYYY-MM-DD`, a day that exists.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let digits = parts.next().filter(|part| part.len() == length)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let (year, month, day) = (part(4), part(2), part(2));
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for good in ["2026-11-01", "2024-02-29", "2000-12-31"] {
            assert!(is_date(good), "{good}");
        }
        let bad = [
            "",
            "2026-11",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-1-1",
            "-026-01-01",
            "2026-11-01-",
            "2026-11-0é",
            "20261101",
        ];
        for bad in bad {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
