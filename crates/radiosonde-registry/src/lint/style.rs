//! Naming conventions: the rules a metric may break when it gives a reason.
//!
//! They are the ones `promtool check metrics` has, so that a registry without findings gives an
//! exposition without findings.

use std::collections::BTreeSet;

use crate::{
    fields,
    locate::Path,
    model::{MetricSpec, MetricType},
    names,
    report::Report,
};

/// A convention and how it is told from a name.
struct Rule {
    name: &'static str,
    breaks: fn(&MetricSpec) -> bool,
    what: &'static str,
    fix: &'static str,
}

pub(super) fn check(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    for rule in RULES {
        if (rule.breaks)(metric) && !metric.allows(rule.name) {
            let what = format!("`{}` {}", metric.name, rule.what);
            let fix =
                format!("{}, or add a lint_allow for `{}` with a reason", rule.fix, rule.name);
            report.wrong(&path.then("name"), what, fix);
        }
    }
    allowances(metric, &path.then("lint_allow"), report);
}

/// An allowance names a rule that exists, once, and says why.
fn allowances(metric: &MetricSpec, path: &Path, report: &mut Report<'_>) {
    let known: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    let mut met = BTreeSet::new();
    for (index, allowance) in metric.lint_allow.iter().enumerate() {
        let path = path.then(index);
        let rule = allowance.rule.as_str();
        if !known.contains(&rule) {
            let fix = match names::closest(rule, known.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("use {}", fields::alternatives(&known)),
            };
            report.wrong(&path.then("rule"), format!("unknown lint `{rule}`"), fix);
        } else if !met.insert(rule) {
            report.wrong(&path, format!("lint `{rule}` is allowed twice"), "keep one");
        }
        if allowance.reason.trim().is_empty() {
            let what = "the allowance gives no reason".to_owned();
            report.wrong(&path.then("reason"), what, "say why the lint may be broken");
        }
    }
}

const RULES: &[Rule] = &[
    Rule {
        name: "abbreviated_unit",
        breaks: |metric| metric.name.split('_').skip(1).any(|part| ABBREVIATIONS.contains(&part)),
        what: "abbreviates its unit",
        fix: "write the unit out",
    },
    Rule {
        name: "camel_case",
        breaks: |metric| metric.name.bytes().any(|byte| byte.is_ascii_uppercase()),
        what: "has capital letters",
        fix: "write it in snake_case",
    },
    Rule {
        name: "counter_suffix",
        breaks: |metric| {
            metric.metric_type == MetricType::Counter && !metric.name.ends_with("_total")
        },
        what: "is a counter and does not end in `_total`",
        fix: "add the suffix",
    },
    Rule {
        name: "reserved_suffix",
        breaks: |metric| {
            ["_bucket", "_count", "_created", "_sum"]
                .iter()
                .any(|suffix| metric.name.ends_with(suffix))
        },
        what: "ends like a part of a histogram or summary",
        fix: "choose another ending",
    },
    Rule {
        name: "total_suffix",
        breaks: |metric| {
            metric.metric_type != MetricType::Counter && metric.name.ends_with("_total")
        },
        what: "ends in `_total` and is not a counter",
        fix: "drop the suffix",
    },
];

/// Units `promtool` wants written out.
const ABBREVIATIONS: &[&str] =
    &["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];
