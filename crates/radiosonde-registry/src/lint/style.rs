//! Naming conventions of metrics.
//!
//! They are the ones `promtool check metrics` has, so that a registry without findings gives an
//! exposition without findings.

use super::{rules::Judge, version};
use crate::{
    model::{MetricSpec, MetricType},
    names,
};

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let name = metric.name.as_str();
    let is_counter = metric.metric_type == MetricType::Counter;
    let proper = proper_name(metric);
    if spelt_out(name).is_some() {
        let fix = format!("write the unit out: `{proper}`");
        judge.breaks_by_name("abbreviated_unit", "abbreviates its unit", &fix);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let fix = format!("call it `{proper}`");
        judge.breaks_by_name("camel_case", "has capital letters", &fix);
    }
    if is_counter && !name.ends_with("_total") {
        let fix = format!("call it `{proper}`");
        let what = "is a counter and does not end in `_total`";
        judge.breaks_by_name("counter_suffix", what, &fix);
    }
    if let Some((stem, ending)) = reserved_ending(name) {
        let what = "ends like a part of a histogram or summary";
        let fix = format!("choose another ending, such as `{stem}_{}`", instead_of(ending, metric));
        judge.breaks_by_name("reserved_suffix", what, &fix);
    }
    if !is_counter && name.ends_with("_total") {
        let fix = format!("call it `{proper}`, or make it a counter");
        judge.breaks_by_name("total_suffix", "ends in `_total` and is not a counter", &fix);
    }
}

/// The name as it would break none of these lints but those that are allowed: every message about a
/// name asks for the same one.
pub(super) fn proper_name(metric: &MetricSpec) -> String {
    let mut name = metric.name.clone();
    if !metric.allows("camel_case") {
        name = names::snake_case(&name);
    }
    if !metric.allows("abbreviated_unit") {
        name = spelt_out(&name).unwrap_or(name);
    }
    let had_total = name.ends_with("_total");
    let has_total = match metric.metric_type {
        MetricType::Counter => had_total || !metric.allows("counter_suffix"),
        _ => had_total && metric.allows("total_suffix"),
    };
    let (stem, named) = version::parts(&name);
    let raised = metric.version > 1 && !metric.allows("version_suffix");
    let version = if raised { Some(metric.version) } else { named };
    let version = version.map(|version| format!("_v{version}")).unwrap_or_default();
    // Behind the version, where a counter has to have it.
    format!("{stem}{version}{}", if has_total { "_total" } else { "" })
}

/// The name with its units written out, when one is not.
fn spelt_out(name: &str) -> Option<String> {
    let full = |part| ABBREVIATIONS.iter().find(|(short, _)| *short == part).map(|(_, full)| *full);
    let mut found = false;
    let parts: Vec<&str> = name
        .split('_')
        .enumerate()
        .map(|(index, part)| match full(part) {
            // A first word is what is measured, and no unit.
            Some(full) if index > 0 => {
                found = true;
                full
            }
            _ => part,
        })
        .collect();
    found.then(|| parts.join("_"))
}

fn reserved_ending(name: &str) -> Option<(&str, &'static str)> {
    ["bucket", "count", "created", "sum"]
        .into_iter()
        .find_map(|ending| Some((name.strip_suffix(ending)?.strip_suffix('_')?, ending)))
}

fn instead_of(ending: &str, metric: &MetricSpec) -> &'static str {
    match (ending, metric.metric_type) {
        (_, MetricType::Counter) => "total",
        ("created", _) => "start_time_seconds",
        ("bucket", _) => "group",
        ("sum", _) => "amount",
        _ => "current",
    }
}

/// Units `promtool` wants written out.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("sec", "seconds"),
    ("b", "bytes"),
    ("kb", "kilobytes"),
    ("mb", "megabytes"),
    ("gb", "gigabytes"),
    ("tb", "terabytes"),
    ("pb", "petabytes"),
    ("m", "minutes"),
    ("h", "hours"),
    ("d", "days"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LintAllowance;

    #[test]
    fn one_name_mends_everything() {
        let table = [
            ("runs", MetricType::Counter, 1, None, "runs_total"),
            ("runs", MetricType::Counter, 2, None, "runs_v2_total"),
            ("runs_total_v2", MetricType::Counter, 2, None, "runs_v2_total"),
            ("RunsMs", MetricType::Counter, 1, None, "runs_milliseconds_total"),
            ("runs", MetricType::Counter, 2, Some("counter_suffix"), "runs_v2"),
            ("runs_total", MetricType::Gauge, 1, None, "runs"),
            ("risksOpen_total", MetricType::Gauge, 1, Some("total_suffix"), "risks_open_total"),
            ("wait_ms", MetricType::Gauge, 3, Some("abbreviated_unit"), "wait_ms_v3"),
            (
                "packets_v4_total",
                MetricType::Counter,
                1,
                Some("version_suffix"),
                "packets_v4_total",
            ),
        ];
        for (name, metric_type, version, allowed, expected) in table {
            let mut metric = MetricSpec::new(name, metric_type);
            metric.version = version;
            let allow = |rule: &str| LintAllowance { rule: rule.to_owned(), ..Default::default() };
            metric.lint_allow = allowed.map(allow).into_iter().collect();
            assert_eq!(proper_name(&metric), expected, "{name}");
        }
    }
}
