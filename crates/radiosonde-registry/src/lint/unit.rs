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
}

pub(super) fn check(metric: &MetricSpec, judge: &mut Judge<'_, '_>) {
    let Some(written) = metric.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty())
    else {
        return;
    };
    let (stem, _) = version::parts(&metric.name);
    let Some((before, named)) = of_name(stem) else { return };
    // "ratio (0-1)" says the range as well.
    let plain = written.split('(').next().unwrap_or_default().trim();
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

fn is_spelling(unit: &Unit, written: &str) -> bool {
    unit.name == written
        || unit.spellings.contains(&written)
        || unit.name.strip_suffix('s') == Some(written)
}

const UNITS: &[Unit] = &[
    Unit { name: "nanoseconds", spellings: &["ns"], endings: &["ns"] },
    Unit { name: "microseconds", spellings: &["us", "µs"], endings: &["us"] },
    Unit { name: "milliseconds", spellings: &["ms"], endings: &["ms"] },
    Unit { name: "seconds", spellings: &["s", "sec"], endings: &["sec"] },
    Unit { name: "minutes", spellings: &["min"], endings: &[] },
    Unit { name: "hours", spellings: &["h"], endings: &[] },
    Unit { name: "days", spellings: &["d"], endings: &[] },
    Unit { name: "bytes", spellings: &["By", "B"], endings: &[] },
    Unit { name: "kilobytes", spellings: &["kBy", "kB"], endings: &["kb"] },
    Unit { name: "megabytes", spellings: &["MBy", "MB"], endings: &["mb"] },
    Unit { name: "gigabytes", spellings: &["GBy", "GB"], endings: &["gb"] },
    Unit { name: "kibibytes", spellings: &["KiBy", "KiB"], endings: &["kib"] },
    Unit { name: "mebibytes", spellings: &["MiBy", "MiB"], endings: &["mib"] },
    Unit { name: "gibibytes", spellings: &["GiBy", "GiB"], endings: &["gib"] },
    Unit { name: "bits", spellings: &["bit"], endings: &[] },
    Unit { name: "ratio", spellings: &["1"], endings: &[] },
    Unit { name: "percent", spellings: &["%"], endings: &[] },
    Unit { name: "celsius", spellings: &["Cel", "°C"], endings: &[] },
    Unit { name: "joules", spellings: &["J"], endings: &[] },
    Unit { name: "volts", spellings: &["V"], endings: &[] },
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
