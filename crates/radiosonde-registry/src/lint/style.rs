//! Naming conventions of metrics.
//!
//! They are the ones `promtool check metrics` has, so that a registry without findings gives an
//! exposition without findings.

use std::collections::BTreeSet;

use super::{rules::Judge, version};
use crate::{
    locate::Path,
    model::{MetricSpec, MetricType},
    names,
};

/// A name that series are written under.
#[derive(Clone, Copy)]
pub(super) struct Named<'n> {
    pub(super) name: &'n str,
    pub(super) metric_type: MetricType,
    /// The version it has to say; 1 for none.
    pub(super) version: u32,
    /// Lints it may break.
    pub(super) allowed: &'n BTreeSet<&'n str>,
}

impl<'n> Named<'n> {
    pub(super) fn of(metric: &'n MetricSpec, allowed: &'n BTreeSet<&'n str>) -> Self {
        let MetricSpec { name, metric_type, version, .. } = metric;
        Self { name, metric_type: *metric_type, version: *version, allowed }
    }
}

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let (allowed, at) = (judge.allowed(), judge.at("name"));
    check_name(&Named::of(metric, &allowed), &at, judge);
}

/// Judges the name of a metric or of a roll-up.
pub(super) fn check_name(named: &Named<'_>, at: &Path, judge: &mut Judge<'_, '_>) {
    let name = named.name;
    let is_counter = named.metric_type == MetricType::Counter;
    let proper = proper_name(named);
    if spelt_out(name).is_some() {
        let fix = format!("write the unit out: `{proper}`");
        judge.breaks("abbreviated_unit", at, format!("`{name}` abbreviates its unit"), &fix);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let fix = format!("call it `{proper}`");
        judge.breaks("camel_case", at, format!("`{name}` has capital letters"), &fix);
    }
    if is_counter && !name.ends_with("_total") {
        let fix = format!("call it `{proper}`");
        let what = format!("`{name}` is a counter and does not end in `_total`");
        judge.breaks("counter_suffix", at, what, &fix);
    }
    if let Some((stem, ending)) = reserved_ending(name) {
        let what = format!("`{name}` ends like a part of a histogram or summary");
        let fix = format!(
            "choose another ending, such as `{stem}_{}`",
            instead_of(ending, named.metric_type)
        );
        judge.breaks("reserved_suffix", at, what, &fix);
    }
    if !is_counter && name.ends_with("_total") {
        let fix = format!("call it `{proper}`, or make it a counter");
        let what = format!("`{name}` ends in `_total` and is not a counter");
        judge.breaks("total_suffix", at, what, &fix);
    }
}

/// The name as it would break none of these lints but those that are allowed: every message about a
/// name asks for the same one.
pub(super) fn proper_name(metric: &Named<'_>) -> String {
    let mut name = metric.name.to_owned();
    if !metric.allowed.contains("camel_case") {
        name = names::snake_case(&name);
    }
    if !metric.allowed.contains("abbreviated_unit") {
        name = spelt_out(&name).unwrap_or(name);
    }
    let had_total = name.ends_with("_total");
    let has_total = match metric.metric_type {
        MetricType::Counter => had_total || !metric.allowed.contains("counter_suffix"),
        _ => had_total && metric.allowed.contains("total_suffix"),
    };
    let (stem, named) = version::parts(&name);
    let raised = metric.version > 1 && !metric.allowed.contains("version_suffix");
    let version = if raised { Some(metric.version) } else { named };
    names::versioned(stem, version, has_total)
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

fn instead_of(ending: &str, metric_type: MetricType) -> &'static str {
    match (ending, metric_type) {
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
            let allowed = allowed.into_iter().collect();
            let named = Named { name, metric_type, version, allowed: &allowed };
            assert_eq!(proper_name(&named), expected, "{name}");
        }
    }
}
