//! The unit in a name and the unit beside it: one of them would be wrong.

use super::{rules::Judge, version};
use crate::model::MetricSpec;

/// A unit: how it is written, in names first, and what a name may end in.
struct Unit {
    name: &'static str,
    /// Other ways to write it under `unit`, UCUM among them.
    spellings: &'static [&'static str],
    /// Other last words of a name.
    endings: &'static [&'static str],
    /// How many of them a second has, if it is one of time.
    per_second: Option<f64>,
}

/// How many of a unit, as a registry writes it, a second has; `None` when it is none of time. In
/// the spellings that the lint of units knows, `"seconds (since the start)"` among them.
///
/// ```
/// use radiosonde_registry::units_per_second;
///
/// assert_eq!(units_per_second("ms"), Some(1_000.0));
/// assert_eq!(units_per_second("bytes"), None);
/// ```
pub fn units_per_second(unit: &str) -> Option<f64> {
    let plain = plain(unit);
    UNITS.iter().find(|unit| is_spelling(unit, plain))?.per_second
}

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let Some(written) = metric.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty())
    else {
        return;
    };
    let (stem, _) = version::parts(&metric.name);
    let Some((before, named)) = of_name(stem) else { return };
    let plain = plain(written);
    if is_spelling(named, plain) {
        return;
    }
    let name = &metric.name;
    let what = format!("`{name}` is in {} by its name, and `unit` is {written:?}", named.name);
    let rename = UNITS.iter().find(|unit| is_spelling(unit, plain)).map_or_else(
        || ", or drop the unit from the name".to_owned(),
        |unit| format!(", or call it `{before}_{}{}`", unit.name, &name[stem.len()..]),
    );
    let fix = format!("write `\"unit\": {:?}`{rename}", named.name);
    judge.breaks("unit_mismatch", &judge.at("unit"), what, &fix);
}

/// The unit a name ends in, and what stands before it.
fn of_name(stem: &str) -> Option<(&str, &'static Unit)> {
    let (before, last) = stem.rsplit_once('_')?;
    // `runs_per_seconds` is in runs per second.
    if before == "per" || before.ends_with("_per") {
        return None;
    }
    let unit = UNITS.iter().find(|unit| unit.name == last || unit.endings.contains(&last))?;
    Some((before, unit))
}

/// The unit alone: `ratio (0-1)` says the range as well.
fn plain(written: &str) -> &str {
    written.split('(').next().unwrap_or_default().trim()
}

fn is_spelling(unit: &Unit, written: &str) -> bool {
    unit.name == written
        || unit.spellings.contains(&written)
        || unit.name.strip_suffix('s') == Some(written)
}

const UNITS: &[Unit] = &[
    Unit { name: "nanoseconds", spellings: &["ns"], endings: &["ns"], per_second: Some(1e9) },
    Unit {
        name: "microseconds",
        spellings: &["us", "µs"],
        endings: &["us"],
        per_second: Some(1e6),
    },
    Unit { name: "milliseconds", spellings: &["ms"], endings: &["ms"], per_second: Some(1e3) },
    Unit { name: "seconds", spellings: &["s", "sec"], endings: &["sec"], per_second: Some(1.0) },
    Unit { name: "minutes", spellings: &["min"], endings: &[], per_second: Some(1.0 / 60.0) },
    Unit { name: "hours", spellings: &["h"], endings: &[], per_second: Some(1.0 / 3_600.0) },
    Unit { name: "days", spellings: &["d"], endings: &[], per_second: Some(1.0 / 86_400.0) },
    Unit { name: "bytes", spellings: &["By", "B"], endings: &[], per_second: None },
    Unit { name: "kilobytes", spellings: &["kBy", "kB"], endings: &["kb"], per_second: None },
    Unit { name: "megabytes", spellings: &["MBy", "MB"], endings: &["mb"], per_second: None },
    Unit { name: "gigabytes", spellings: &["GBy", "GB"], endings: &["gb"], per_second: None },
    Unit { name: "kibibytes", spellings: &["KiBy", "KiB"], endings: &["kib"], per_second: None },
    Unit { name: "mebibytes", spellings: &["MiBy", "MiB"], endings: &["mib"], per_second: None },
    Unit { name: "gibibytes", spellings: &["GiBy", "GiB"], endings: &["gib"], per_second: None },
    Unit { name: "bits", spellings: &["bit"], endings: &[], per_second: None },
    Unit { name: "ratio", spellings: &["1"], endings: &[], per_second: None },
    Unit { name: "percent", spellings: &["%"], endings: &[], per_second: None },
    Unit { name: "celsius", spellings: &["Cel", "°C"], endings: &[], per_second: None },
    Unit { name: "joules", spellings: &["J"], endings: &[], per_second: None },
    Unit { name: "volts", spellings: &["V"], endings: &[], per_second: None },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_at_the_end_of_names() {
        let table = [
            ("wait_seconds", Some("seconds")),
            ("wait_ms", Some("milliseconds")),
            ("cpu_percent", Some("percent")),
            ("pass_ratio", Some("ratio")),
            ("seconds", None),
            ("bytes_per_seconds", None),
            ("seconds_left", None),
            ("modules", None),
        ];
        for (stem, expected) in table {
            assert_eq!(of_name(stem).map(|(_, unit)| unit.name), expected, "{stem}");
        }
    }

    #[test]
    fn units_of_time_have_a_factor() {
        let table = [
            ("ns", Some(1e9)),
            ("microseconds", Some(1e6)),
            ("µs", Some(1e6)),
            ("us", Some(1e6)),
            ("millisecond", Some(1e3)),
            (" s ", Some(1.0)),
            ("sec", Some(1.0)),
            ("seconds (since the start)", Some(1.0)),
            ("min", Some(1.0 / 60.0)),
            ("h", Some(1.0 / 3_600.0)),
            ("days", Some(1.0 / 86_400.0)),
            ("bytes", None),
            ("1", None),
            ("", None),
            ("seconds per run", None),
        ];
        for (unit, expected) in table {
            assert_eq!(units_per_second(unit), expected, "{unit}");
        }
    }

    #[test]
    fn no_spelling_means_two_units() {
        for (index, unit) in UNITS.iter().enumerate() {
            for other in &UNITS[index + 1..] {
                for spelling in unit.spellings.iter().chain([&unit.name]) {
                    assert!(!is_spelling(other, spelling), "{spelling}");
                }
                assert!(unit.endings.iter().all(|ending| !other.endings.contains(ending)));
            }
        }
    }
}
