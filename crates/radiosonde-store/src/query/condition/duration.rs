//! Lengths of time as texts have them: `1.5s`, `20 ms`, `1m30s`.

use super::number::Number;

/// A length of time, in billionths of a nanosecond: exact, whatever a clock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Duration(i128);

impl Duration {
    /// Numbers with their units, one behind another. `None` for any other text, one of a bare number
    /// among them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut all = 0_i128;
        loop {
            let (number, behind) = split(rest, |c| c.is_ascii_digit() || c == '.');
            let (unit, behind) = split(behind.trim_start_matches(' '), char::is_alphabetic);
            let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
            all = all.checked_add(amount(number, nanoseconds * FINER)?)?;
            rest = behind.trim_start_matches(' ');
            if rest.is_empty() {
                return Some(Self(sign * all));
            }
        }
    }

    /// Behind a number alone, the unit that a key ends with.
    pub(super) fn parse_in(text: &str, unit: &str) -> Option<Self> {
        Self::parse(&format!("{text}{unit}"))
    }

    /// How many of a unit it is. `None` where there is no such unit.
    pub(super) fn in_units(self, unit: &str) -> Option<Number> {
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let one = nanoseconds * FINER;
        Some(match self.0 % one {
            0 => Number::Integer(self.0 / one),
            _ => Number::Float(self.0 as f64 / one as f64),
        })
    }
}

/// The unit a key ends with.
pub(super) fn unit_of(key: &str) -> Option<&'static str> {
    KEY_UNITS.iter().find(|(end, _)| key.ends_with(end)).map(|(_, unit)| *unit)
}

fn split(text: &str, is_of_first: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_first(c)).unwrap_or(text.len()))
}

/// A number with a point or without, of so much each. What is finer is cut off.
pub(super) fn amount(number: &str, each: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX as usize)];
    // Both may not be missing, and neither has another point in it.
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let behind: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let per = 10_i128.pow(fraction.len() as u32);
    let whole = (digits - behind) / per;
    whole.checked_mul(each)?.checked_add(behind.checked_mul(each)? / per)
}

/// Of a nanosecond.
const FINER: i128 = 1_000_000_000;
/// Digits behind the point that count: more than any clock has.
const FRACTION_DIGITS_MAX: u32 = 15;

/// In nanoseconds.
const UNITS: [(&str, i128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    // The micro sign, and the Greek letter.
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const KEY_UNITS: [(&str, &str); 5] =
    [("_ns", "ns"), ("_us", "us"), ("_ms", "ms"), ("_s", "s"), ("_seconds", "s")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_time_are_exact() {
        for (texts, nanoseconds) in [
            ("0ns|0s|0.000s|-0h", 0),
            ("20ms|20 ms|0.02s|20000us|20000\u{b5}s|20000\u{3bc}s|020ms|20.ms", 20_000_000),
            ("1.234567891s|1s234567891ns|1234.567891ms", 1_234_567_891),
            ("1m30s|90s|1.5min|1 m 30 s|.025h", 90_000_000_000),
            ("-1.5s", -1_500_000_000),
        ] {
            for text in texts.split('|') {
                assert_eq!(Duration::parse(text), Some(Duration(nanoseconds * FINER)), "{text}");
            }
        }
        // What is no whole nanosecond.
        assert!(Duration::parse("0.1ns") > Duration::parse("0.09ns"));
        assert_eq!(Duration::parse("1.5us").unwrap().in_units("us"), Some(Number::Float(1.5)));
        assert_eq!(
            Duration::parse("0.75s").unwrap().in_units("us"),
            Some(Number::Integer(750_000))
        );
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "-",
            " ",
            "20",
            "ms",
            ".ms",
            "1.2.3s",
            "5 %",
            "2 s later",
            "20MS",
            "s20",
            "--1s",
            "1e3ms",
            "1,200ms",
            "+1s",
            "9999999999999999999999999999h",
            "20ms-",
            " 20ms",
            "1 000ms",
        ] {
            assert_eq!(Duration::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_standard_library_writes_is_read(nanoseconds in any::<u64>()) {
            let text = format!("{:?}", std::time::Duration::from_nanos(nanoseconds));
            prop_assert_eq!(Duration::parse(&text), Some(Duration(i128::from(nanoseconds) * FINER)));
        }
    }
}
