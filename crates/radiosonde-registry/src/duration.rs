//! Durations as Prometheus writes them: `90d`, `36h`, `1d12h`.

/// The units, the largest first, with their milliseconds. A year has 365 days there.
const UNITS: &[(&str, u64)] = &[
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const DAY: u64 = 86_400_000;

/// The milliseconds of a duration; `None` when it is none, is zero, or is too long to count.
/// Units may follow each other from the largest to the smallest, each once.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut units = UNITS;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters =
            after.len() - after.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (unit, after) = after.split_at_checked(letters)?;
        let position = units.iter().position(|(name, _)| *name == unit)?;
        let (_, length) = units.get(position)?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        units = units.get(position + 1..)?;
        rest = after;
    }
    Some(sum).filter(|sum| *sum > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("90d", Some(90 * DAY)),
            ("1d12h", Some(36 * 3_600_000)),
            ("1w", Some(7 * DAY)),
            ("2y", Some(730 * DAY)),
            ("1m30s500ms", Some(90_500)),
            ("5ms", Some(5)),
            ("", None),
            ("0s", None),
            ("5", None),
            ("d", None),
            ("-5d", None),
            ("1.5h", None),
            ("13mo", None),
            ("12h1d", None),
            ("1d1d", None),
            ("90 d", None),
            ("90D", None),
            ("5é", None),
            ("99999999999999999999d", None),
            ("18446744073709551615y", None),
        ];
        for (text, expected) in table {
            assert_eq!(milliseconds(text), expected, "{text:?}");
        }
    }
}
