//! What is held against the rest of what is said about a metric: intervals, retention, comparison,
//! names in OTLP.

use super::{rules::Judge, sections::is_blank};
use crate::{
    duration,
    model::{Aggregation, MetricSpec, MetricType, OtelNames, Retention, Variance},
};

/// Longest name of an OpenTelemetry instrument, in characters.
const OTEL_NAME_CHARS_MAX: usize = 255;

/// Longest unit of an OpenTelemetry instrument, in characters.
const OTEL_UNIT_CHARS_MAX: usize = 63;

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    if metric.family.as_deref().is_some_and(is_blank) {
        let fix = "name the group of metrics it belongs to, or leave it out";
        judge.wrong(&judge.at("family"), "the family has no name".to_owned(), fix);
    }
    if metric.interval_s == Some(0) {
        let fix = "write the seconds between two writes, or leave it out";
        judge.wrong(&judge.at("interval_s"), "an interval of 0 seconds".to_owned(), fix);
    }
    aggregation(metric, judge);
    if let Some(variance) = &metric.variance {
        compared(variance, judge);
    }
    retention(&metric.retention, judge);
    if let Some(otel) = &metric.otel {
        in_otlp(otel, judge);
    }
}

fn aggregation(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let is_percentile = match metric.aggregation {
        Some(Aggregation::P50 | Aggregation::P90 | Aggregation::P95 | Aggregation::P99) => true,
        Some(
            Aggregation::Avg
            | Aggregation::Count
            | Aggregation::Last
            | Aggregation::Max
            | Aggregation::Min
            | Aggregation::Sum,
        )
        | None => false,
    };
    let metric_type = metric.metric_type;
    if is_percentile && matches!(metric_type, MetricType::Counter | MetricType::Gauge) {
        let what = format!("a percentile of a {metric_type}");
        let fix = "use avg, count, last, max, min or sum, or make it a histogram";
        judge.wrong(&judge.at("aggregation"), what, fix);
    }
}

fn compared(variance: &Variance, judge: &mut Judge<'_, '_>) {
    let path = judge.at("variance");
    if variance.baseline.as_deref().is_none_or(is_blank) {
        let what = "compared with nothing".to_owned();
        let fix = "add `baseline`: a metric, or a name the comparing job knows";
        judge.wrong(&path.then("baseline"), what, fix);
    }
    if let Some(tolerance) = variance.tolerance
        && !(0.0..=1.0).contains(&tolerance)
    {
        let what = format!("a tolerance of {tolerance}");
        let fix = "write a share of the baseline from 0 to 1: 0.05 is 5 %";
        judge.wrong(&path.then("tolerance"), what, fix);
    }
}

/// The finest resolution first, and each further one coarser and kept for longer.
fn retention(list: &[Retention], judge: &mut Judge<'_, '_>) {
    let path = judge.at("retention");
    // Written as a text there is one entry and no list around it.
    let is_list = list.len() > 1 || list.iter().any(|entry| entry.step.is_some());
    // Milliseconds; without a step the values are kept as they were scraped, the finest of all.
    let mut before: Option<(u64, u64)> = None;
    for (index, entry) in list.iter().enumerate() {
        let path = if is_list { path.then(index) } else { path.clone() };
        let step_text = entry.step.as_deref();
        let (keep, step) =
            (duration::milliseconds(&entry.keep), step_text.map(duration::milliseconds));
        let texts = [("keep", Some((entry.keep.as_str(), keep))), ("step", step_text.zip(step))];
        for (key, given) in texts {
            if let Some((text, None)) = given {
                let what = format!("`{text}` is not a duration");
                let fix = "write a number and ms, s, m, h, d, w or y, such as \"90d\" or \"1d12h\"";
                judge.wrong(&path.then(key), what, fix);
            }
        }
        let (Some(keep), Some(step)) = (keep, step.unwrap_or(Some(0))) else { return };
        if step >= keep {
            let what = "a point lasts as long as it is kept, or longer".to_owned();
            judge.wrong(&path.then("step"), what, "shorten `step` or lengthen `keep`");
        }
        if let Some((keep_before, step_before)) = before {
            if step <= step_before {
                let what = "this step is not coarser than the one before".to_owned();
                judge.wrong(&path.then("step"), what, "put the finest resolution first");
            } else if keep <= keep_before {
                let what = "it is kept no longer than the finer one before".to_owned();
                judge.wrong(&path.then("keep"), what, "lengthen `keep`, or delete the entry");
            }
        }
        before = Some((keep, step));
    }
}

fn in_otlp(otel: &OtelNames, judge: &mut Judge<'_, '_>) {
    let path = judge.at("otel");
    if let Some(name) = &otel.name
        && !is_instrument_name(name)
    {
        let what = format!("`{name}` is not the name of an OpenTelemetry instrument");
        let fix = format!(
            "begin with a letter and go on with letters, digits and `_ . - /`, at most \
             {OTEL_NAME_CHARS_MAX}"
        );
        judge.wrong(&path.then("name"), what, fix);
    }
    if let Some(unit) = &otel.unit
        && (unit.len() > OTEL_UNIT_CHARS_MAX || !unit.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let what = format!("`{unit}` is not the unit of an OpenTelemetry instrument");
        let fix = format!(
            "write it in at most {OTEL_UNIT_CHARS_MAX} ASCII characters without spaces, such as \
             \"ms\" or \"{{runs}}\""
        );
        judge.wrong(&path.then("unit"), what, fix);
    }
}

fn is_instrument_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    name.len() <= OTEL_NAME_CHARS_MAX
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instrument_names() {
        for good in ["http.server.duration", "a", "A-b/c_d.9", &"x".repeat(255)] {
            assert!(is_instrument_name(good), "{good}");
        }
        for bad in ["", "9x", "_x", ".x", "a b", "é", "a:b", &"x".repeat(256)] {
            assert!(!is_instrument_name(bad), "{bad}");
        }
    }
}
