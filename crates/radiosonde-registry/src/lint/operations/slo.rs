//! What is held against one service level objective.

use super::{known::Known, query, text};
use crate::{
    locate::Path,
    model::{Comparison, Indicator, MetricType, SloSpec},
    report::Report,
};

pub(super) fn check(known: &Known<'_>, slo: &SloSpec, path: &Path, report: &mut Report<'_>) {
    text::said(&slo.description, &path.then("description"), "what is promised to whom", report);
    known.owner(slo.owner.as_deref(), &path.then("owner"), report);
    if slo.objective <= 0.0 || slo.objective >= 1.0 {
        let what = format!("an objective of {}", slo.objective);
        let fix = "write a share above 0 and below 1: 99.9 % is 0.999";
        report.wrong(&path.then("objective"), what, fix);
    }
    let window = text::duration(&slo.window, &path.then("window"), report);
    indicator(known, &slo.indicator, &path.then("indicator"), report);
    burn_rates(slo, window, &path.then("burn_rates"), report);
}

fn indicator(known: &Known<'_>, indicator: &Indicator, path: &Path, report: &mut Report<'_>) {
    let expressions = [
        ("good_expr", indicator.good_expr.as_deref()),
        ("total_expr", indicator.total_expr.as_deref()),
    ];
    let Some(metric) = &indicator.metric else {
        long_form(known, indicator, expressions, path, report);
        return;
    };
    for (key, expression) in expressions {
        if expression.is_some() {
            let what = format!("`metric` and `{key}` exclude each other");
            report.wrong(&path.then(key), what, "keep one of them");
        }
    }
    if !indicator.metrics.is_empty() {
        let what = "`metrics` beside `metric`".to_owned();
        report.wrong(&path.then("metrics"), what, "delete it: it belongs to the expressions");
    }
    let Some(subject) = known.metric(metric, &path.then("metric"), report) else { return };
    query::matchers(known, &indicator.matchers, metric, subject, &path.then("where"), report);
    query::matchers(known, &indicator.good, metric, subject, &path.then("good"), report);
    let compared = indicator.op.is_some() || indicator.threshold.is_some();
    match subject.metric.metric_type {
        MetricType::Counter => {
            if compared {
                let what = "a counter is not compared with a threshold".to_owned();
                report.wrong(path, what, "say under `good` which of its series are good");
            } else if indicator.good.is_empty() {
                let what = format!("nothing says which of `{metric}` is good");
                report.wrong(path, what, "add `\"good\": {\"label\": \"value\"}`");
            }
        }
        MetricType::Summary => {
            let what = "a summary does not tell which share of its values is good".to_owned();
            report.wrong(&path.then("metric"), what, "ask a histogram, or write the expressions");
        }
        MetricType::Gauge | MetricType::Histogram => {
            if !indicator.good.is_empty() {
                let what = format!("`good` on a {}", subject.metric.metric_type);
                report.wrong(&path.then("good"), what, "use `op` and `threshold`");
            } else if let (Some(op), Some(threshold)) = (indicator.op, indicator.threshold) {
                if subject.metric.metric_type == MetricType::Histogram {
                    on_bucket(op, threshold, &subject.metric.bounds(), path, report);
                }
            } else {
                let what = format!("nothing says which values of `{metric}` are good");
                report.wrong(path, what, "add `\"op\": \"<=\"` and `threshold`");
            }
        }
    }
}

/// A histogram knows how many values were at most a bound, and of no other value.
fn on_bucket(
    op: Comparison,
    threshold: f64,
    buckets: &[f64],
    path: &Path,
    report: &mut Report<'_>,
) {
    if op != Comparison::LessOrEqual {
        let what = format!("`{}` on a histogram", op.as_str());
        report.wrong(&path.then("op"), what, "write `<=`: that is what its buckets count");
    }
    if !buckets.is_empty() && !buckets.contains(&threshold) {
        let distance = |bound: &&f64| (**bound - threshold).abs();
        let nearest = buckets.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let nearest = nearest.map(ToString::to_string).unwrap_or_default();
        let what = format!("{threshold} is none of its buckets");
        let fix = format!("use {nearest}, the nearest one, or add the bucket");
        report.wrong(&path.then("threshold"), what, fix);
    }
}

fn long_form(
    known: &Known<'_>,
    indicator: &Indicator,
    expressions: [(&str, Option<&str>); 2],
    path: &Path,
    report: &mut Report<'_>,
) {
    let there: Vec<&str> = expressions.iter().filter_map(|(_, expression)| *expression).collect();
    if there.is_empty() {
        let what = "neither `metric` nor expressions".to_owned();
        report.wrong(path, what, "add `metric`, or `good_expr` and `total_expr`");
        return;
    }
    for (key, expression) in expressions {
        match expression {
            Some(expression) => text::said(expression, &path.then(key), "the PromQL", report),
            None => {
                let what = format!("one expression without `{key}`");
                report.wrong(path, what, format!("add `{key}`"));
            }
        }
    }
    let extras = [
        ("where", !indicator.matchers.is_empty()),
        ("good", !indicator.good.is_empty()),
        ("op", indicator.op.is_some()),
        ("threshold", indicator.threshold.is_some()),
    ];
    for (key, _) in extras.iter().filter(|(_, there)| *there) {
        let what = format!("`{key}` beside expressions");
        report.wrong(&path.then(*key), what, "write it into the expressions");
    }
    query::reads(known, &indicator.metrics, &there, path, report);
}

fn burn_rates(slo: &SloSpec, period: Option<u64>, path: &Path, report: &mut Report<'_>) {
    for (index, rate) in slo.burn_rates.iter().enumerate() {
        let path = path.then(index);
        let budget = 1.0 - slo.objective;
        if rate.factor <= 0.0 {
            let what = format!("a factor of {}", rate.factor);
            report.wrong(&path.then("factor"), what, "choose one above 0");
        } else if rate.factor * budget > 1.0 && (0.0..1.0).contains(&slo.objective) {
            // More than everything can never be bad.
            let most = (1.0 / budget * 10.0).floor() / 10.0;
            let what = format!("a factor of {} is never reached", rate.factor);
            let fix = format!("choose at most {most}: then everything is bad");
            report.wrong(&path.then("factor"), what, fix);
        }
        let window = text::duration(&rate.window, &path.then("window"), report);
        let short_path = path.then("short_window");
        let short = text::some_duration(rate.short_window.as_deref(), &short_path, report);
        if let (Some(window), Some(period)) = (window, period)
            && window > period
        {
            let what = format!("longer than the objective's {}", slo.window);
            report.wrong(&path.then("window"), what, "choose a shorter one");
        }
        if let (Some(short), Some(window)) = (short, window)
            && short >= window
        {
            let what = format!("not shorter than `window`, {}", rate.window);
            report.wrong(&short_path, what, "choose a twelfth of it, or leave it out");
        }
    }
}
