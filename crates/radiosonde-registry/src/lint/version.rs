//! The version of a metric and the `_v2` of its name: one cannot be raised without the other.

use super::{
    rules::Judge,
    style::{Named, proper_name},
};
use crate::model::MetricSpec;

const RULE: &str = "version_suffix";

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let (name, version) = (&metric.name, metric.version);
    if version == 0 {
        judge.wrong(&judge.at("version"), "version 0".to_owned(), "count from 1, or leave it out");
        return;
    }
    let path = judge.at("name");
    let allowed = judge.allowed();
    let proper = || proper_name(&Named::of(metric, &allowed));
    match parts(name) {
        (_, Some(named)) if named == version => {}
        (_, Some(named)) => {
            let what =
                format!("`{name}` is version {named} by its name, and `version` is {version}");
            let fix = match version {
                1 => format!("write `\"version\": {named}`"),
                _ => {
                    format!("write `\"version\": {named}`, or call it `{}`", proper())
                }
            };
            judge.breaks(RULE, &path, what, &fix);
        }
        (_, None) if version == 1 => {}
        (_, None) => {
            let what = format!("`{name}` is version {version}, and its name does not say so");
            let fix = format!("call it `{}`", proper());
            judge.breaks(RULE, &path, what, &fix);
        }
    }
}

/// The name without version and `_total`, and the version. `_v0` and `_v01` are no versions.
pub(super) fn parts(name: &str) -> (&str, Option<u32>) {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let version = name.rsplit_once("_v").filter(|(stem, digits)| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
        is_number && !digits.starts_with('0') && !stem.is_empty()
    });
    match version.and_then(|(stem, digits)| Some((stem, digits.parse().ok()?))) {
        Some((stem, version)) => (stem.strip_suffix("_total").unwrap_or(stem), Some(version)),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_names() {
        let table = [
            ("runs_total", ("runs", None)),
            ("runs_v2_total", ("runs", Some(2))),
            ("runs_total_v2", ("runs", Some(2))),
            ("parse_duration_ms_v12", ("parse_duration_ms", Some(12))),
            ("parse_v", ("parse_v", None)),
            ("parse_v0", ("parse_v0", None)),
            ("parse_v02", ("parse_v02", None)),
            ("parse_v2x", ("parse_v2x", None)),
            ("_v2", ("_v2", None)),
            ("x_v99999999999", ("x_v99999999999", None)),
        ];
        for (name, expected) in table {
            assert_eq!(parts(name), expected, "{name}");
        }
    }
}
