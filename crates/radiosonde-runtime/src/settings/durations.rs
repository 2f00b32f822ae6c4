//! Durations as variables have them.

use std::time::Duration;

/// The longest: more is a number whose unit was meant otherwise, and too much for a clock.
const MAX: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// `500ms`, `1.5s`, `10m`, `2 h`, `1d`, `70us`, and `90` for seconds; units in any case.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = parts(text);
    let unit = unit_of(unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // Of a fraction no more is read than nanoseconds of the largest unit need.
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u128.pow(fraction.len() as u32);
    let number = whole.parse::<u64>().ok().map(u128::from)? * scale
        + fraction.parse::<u64>().ok().map(u128::from)?;
    let nanos = number.checked_mul(unit.as_nanos())? / scale;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let found = Duration::new(seconds, (nanos % 1_000_000_000) as u32);
    (found <= MAX).then_some(found)
}

/// As [`duration`], for what is counted in whole seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let found = duration(text)?;
    (found.subsec_nanos() == 0).then_some(found.as_secs())
}

/// Whether the text is a number and no more: where seconds are not what everybody means, ask for one.
pub(super) fn has_no_unit(text: &str) -> bool {
    let (number, unit) = parts(text);
    !number.is_empty() && unit.is_empty()
}

/// The number and its unit.
fn parts(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn unit_of(unit: &str) -> Option<Duration> {
    Some(match unit.to_lowercase().as_str() {
        "us" | "µs" | "μs" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "" | "s" => Duration::from_secs(1),
        "m" | "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3_600),
        "d" => Duration::from_secs(86_400),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_numbers_and_units() {
        let cases = [
            ("90", Some(90_000_000)),
            ("90s", Some(90_000_000)),
            ("1.5s", Some(1_500_000)),
            (" 10 m ", Some(600_000_000)),
            ("10min", Some(600_000_000)),
            ("500MS", Some(500_000)),
            ("70us", Some(70)),
            ("70 µs", Some(70)),
            ("0.25h", Some(900_000_000)),
            ("1d", Some(86_400_000_000)),
            ("0", Some(0)),
            ("1y", None),
            ("", None),
            ("s", None),
            (".5s", None),
            ("5.s", None),
            ("1.2.3s", None),
            ("-5ms", None),
            ("1e3", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("0.0000000001s", None),
        ];
        for (text, micros) in cases {
            assert_eq!(duration(text), micros.map(Duration::from_micros), "{text}");
        }
        assert_eq!((seconds("60000ms"), seconds("1.5s")), (Some(60), None));
        assert!(has_no_unit(" 5 ") && !has_no_unit("5ms") && !has_no_unit("fast"));
    }
}
