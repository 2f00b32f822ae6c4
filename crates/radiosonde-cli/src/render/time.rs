//! Times and durations for people. Times are those of the zone the command runs in, usually UTC.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::zone;

/// `11:50:02.113`
pub(crate) fn clock(ts: Timestamp) -> String {
    let at = zone::of(ts);
    let millis = at.subsec_nanosecond() / 1_000_000;
    format!("{:02}:{:02}:{:02}.{millis:03}", at.hour(), at.minute(), at.second())
}

/// `2025-10-06`
pub(crate) fn day(ts: Timestamp) -> Date {
    zone::of(ts).date()
}

/// `2025-10-06 11:50:02.113 UTC`
pub(crate) fn moment(ts: Timestamp) -> String {
    format!("{} {} {}", day(ts), clock(ts), zone::name(ts))
}

/// `2025-10-06 11:50:02.113 UTC` for one moment, else
/// `2025-10-06 11:50:02.113 to 11:50:04.000 UTC (1.89 s)`; both dates where they differ, and both zones.
pub(crate) fn range(from: Timestamp, to: Timestamp) -> String {
    if from == to {
        return moment(from);
    }
    let mut text = format!("{} {} ", day(from), clock(from));
    if zone::of(from).offset() != zone::of(to).offset() {
        let _ = write!(text, "{} ", zone::name(from));
    }
    text.push_str("to ");
    if day(from) != day(to) {
        let _ = write!(text, "{} ", day(to));
    }
    let _ = write!(text, "{} {} ({})", clock(to), zone::name(to), duration(between(from, to)));
    text
}

/// Microseconds from `from` to `to`, 0 when they are the wrong way round.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_microsecond().saturating_sub(from.as_microsecond())).unwrap_or(0)
}

/// A duration in microseconds, to three digits: `850 µs`, `12.3 ms`, `4.68 s`, `3m 12s`, `2h 05m`.
pub(crate) fn duration(us: u64) -> String {
    /// Three digits of `value / unit`.
    fn digits(value: u64, unit: u64) -> String {
        let decimals = if value < 10 * unit { 2 } else { usize::from(value < 100 * unit) };
        let shift = 10_u64.pow(u32::try_from(decimals).unwrap_or(0));
        // Cut, not rounded: 999.9 ms must not read as 1000 ms.
        let scaled = value / (unit / shift);
        match decimals {
            0 => scaled.to_string(),
            _ => format!("{}.{:0decimals$}", scaled / shift, scaled % shift),
        }
    }
    let seconds = us / 1_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", digits(us, 1_000)),
        1_000_000..60_000_000 => format!("{} s", digits(us, 1_000_000)),
        60_000_000..3_600_000_000 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600_000_000..86_400_000_000 => {
            format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60)
        }
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_to_three_digits() {
        for (us, expect) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (12_345, "12.3 ms"),
            (999_999, "999 ms"),
            (1_000_000, "1.00 s"),
            (4_685_000, "4.68 s"),
            (59_999_999, "59.9 s"),
            (192_000_000, "3m 12s"),
            (7_500_000_000, "2h 05m"),
            (100_000_000_000, "1d 3h"),
            (u64::MAX, "213503982d 8h"),
        ] {
            assert_eq!(duration(us), expect);
        }
    }

    #[test]
    fn a_range_names_the_second_day_only_when_it_is_another() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            range(at("2025-10-06T11:50:02.1139Z"), at("2025-10-06T11:50:04Z")),
            "2025-10-06 11:50:02.113 to 11:50:04.000 UTC (1.88 s)"
        );
        let moment = at("2025-10-06T11:50:02Z");
        assert_eq!(range(moment, moment), "2025-10-06 11:50:02.000 UTC");
        assert_eq!(
            range(at("2025-10-06T23:59:59Z"), at("2025-10-07T00:00:00Z")),
            "2025-10-06 23:59:59.000 to 2025-10-07 00:00:00.000 UTC (1.00 s)"
        );
    }
}
