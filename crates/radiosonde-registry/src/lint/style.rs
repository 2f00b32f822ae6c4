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
    if let Some(spelt) = spelt_out(name) {
        let fix = format!("write the unit out: `{spelt}`");
        judge.breaks_by_name("abbreviated_unit", "abbreviates its unit", &fix);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let fix = format!("call it `{}`", names::snake_case(name));
        judge.breaks_by_name("camel_case", "has capital letters", &fix);
    }
    if is_counter && !name.ends_with("_total") {
        let fix = format!("call it `{}`", counter_name(name));
        let what = "is a counter and does not end in `_total`";
        judge.breaks_by_name("counter_suffix", what, &fix);
    }
    if let Some((stem, ending)) = reserved_ending(name) {
        let what = "ends like a part of a histogram or summary";
        let fix = format!("choose another ending, such as `{stem}_{}`", instead_of(ending, metric));
        judge.breaks_by_name("reserved_suffix", what, &fix);
    }
    if !is_counter && let Some(stem) = name.strip_suffix("_total") {
        let fix = format!("call it `{stem}`, or make it a counter");
        judge.breaks_by_name("total_suffix", "ends in `_total` and is not a counter", &fix);
    }
}

/// The name with `_total` where it belongs: last, behind the version.
fn counter_name(name: &str) -> String {
    match version::parts(name) {
        (stem, Some(version)) => format!("{stem}_v{version}_total"),
        (stem, None) => format!("{stem}_total"),
    }
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
