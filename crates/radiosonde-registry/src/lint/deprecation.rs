//! What is held against the end of a metric's life.

use super::{guess, rules::Judge, survey::Survey};
use crate::{
    day::Day,
    locate::Path,
    model::{DEFAULT_EMIT_DAYS, MetricSpec, Status},
};

/// Days a paired counter may be written. Whoever wants it longer does not want the metric to go.
const EMIT_DAYS_MAX: u32 = 365;

pub(super) fn check(survey: &Survey<'_>, metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let Status::Deprecated(deprecation) = &metric.status else { return };
    // In its short form it has no parts; they are missed at the metric then.
    let path = judge.at("status").then("deprecated");
    if let Some(since) = &deprecation.since
        && since.parse::<Day>().is_err()
    {
        let what = format!("`{since}` is not a date");
        judge.wrong(&path.then("since"), what, "write it as 2026-11-01");
    }
    if !(1..=EMIT_DAYS_MAX).contains(&deprecation.emit_days) {
        let what = format!(
            "`{}_deprecated` would be written for {} days",
            metric.name, deprecation.emit_days
        );
        let fix =
            format!("write 1 to {EMIT_DAYS_MAX}, or leave `emit_days` out for {DEFAULT_EMIT_DAYS}");
        judge.wrong(&path.then("emit_days"), what, fix);
    }
    if let Some(successor) = &deprecation.replaced_by {
        replacement(survey, metric, successor, &path.then("replaced_by"), judge);
    }
}

/// What takes the place of a metric can be written today, and read in the same way.
fn replacement(
    survey: &Survey<'_>,
    metric: &MetricSpec,
    successor: &str,
    path: &Path,
    judge: &mut Judge<'_, '_>,
) {
    let metrics = Path::default().then("metrics");
    if successor == metric.name {
        judge.wrong(path, "it is replaced by itself".to_owned(), "name the metric to use instead");
        return;
    }
    let Some((index, found)) = survey.metric(successor) else {
        // The one that is meant may be one that cannot be read.
        if judge.report.is_sound(&metrics) {
            let names = survey.registry.metrics.iter().map(|metric| &metric.name);
            let others = names.filter(|name| **name != metric.name);
            let fix = match guess(successor, others, judge.report) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => "declare it under `metrics`, or leave `replaced_by` out".to_owned(),
            };
            judge.wrong(path, format!("unknown metric `{successor}`"), fix);
        }
        return;
    };
    if !judge.report.is_sound(&metrics.then(index)) {
        return;
    }
    if let Status::Deprecated(further) = &found.status {
        let fix = match &further.replaced_by {
            Some(last) => format!("name its own replacement, `{last}`"),
            None => "name one that stays, or leave `replaced_by` out".to_owned(),
        };
        judge.wrong(path, format!("`{successor}` is deprecated itself"), fix);
    } else if found.metric_type != metric.metric_type {
        let (one, other) = (metric.metric_type, found.metric_type);
        let what = format!("`{}` is a {one} and `{successor}` a {other}", metric.name);
        let fix =
            format!("name a {one}: whoever reads the old one has to change the query as well");
        judge.breaks("replacement_type", path, what, &fix);
    }
}
