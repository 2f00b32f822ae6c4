//! Numbers compared exactly, whether they have a point or not.

use std::cmp::Ordering;

/// A number of JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Wider than any integer of a line.
    Integer(i128),
    /// Infinite for one of a text that is beyond all an `f64` can be.
    Float(f64),
}

impl Number {
    /// One of a line.
    pub(super) fn of(number: &serde_json::Number) -> Option<Self> {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Some(Self::Integer(integer.into())),
            (None, Some(integer)) => Some(Self::Integer(integer.into())),
            (None, None) => number.as_f64().filter(|float| float.is_finite()).map(Self::Float),
        }
    }

    /// One as people write it: `429`, `-1.5`, `1e3`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::of_text(text).filter(|number| !matches!(number, Self::Float(f) if f.is_infinite()))
    }

    /// The same of a line, where it may be beyond all an `f64` can be: that is more than any other, or
    /// less.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        // `inf`, `nan` and `infinity` are numbers for the standard library.
        let is_number = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.bytes().all(is_number) || !text.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        text.parse().ok().map(Self::Float)
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => integer_to_float(a, b),
            (Self::Float(_), Self::Integer(_)) => other.compare(self).map(Ordering::reverse),
        }
    }
}

/// Without a rounding, up to 64 bits: by the whole part of the float, then by what is behind its point.
fn integer_to_float(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if !(i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&integer) {
        // The integers of a line are rounded where they have more than 64 bits.
        return (integer as f64).partial_cmp(&float);
    }
    let whole = float.trunc();
    // A cast of a float that is too large gives the largest integer.
    if whole >= OUT_OF_RANGE {
        return Some(Ordering::Less);
    }
    if whole < -OUT_OF_RANGE {
        return Some(Ordering::Greater);
    }
    let behind = float - whole;
    let of_whole = integer.cmp(&(whole as i128));
    Some(of_whole.then_with(|| 0.0.partial_cmp(&behind).unwrap_or(Ordering::Equal)))
}

/// 2^127.
const OUT_OF_RANGE: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_without_rounding() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expect) in [
            ("9007199254740993", "9007199254740992", Greater),
            ("9007199254740993", "9007199254740992.0", Greater),
            ("18446744073709551615", "18446744073709551614", Greater),
            ("18446744073709551615", "1.8446744073709551616e19", Less),
            ("-9223372036854775808", "-9223372036854775807", Less),
            ("400", "400.0", Equal),
            ("4e2", "400", Equal),
            ("400", "400.5", Less),
            ("-400", "-400.5", Greater),
            ("400.25", "400", Greater),
            ("0", "-0.0", Equal),
            ("1", "1e300", Less),
            ("1", "-1e300", Greater),
            ("0.1", "0.1", Equal),
            ("18446744073709551616", "18446744073709551615", Greater),
            ("-9223372036854775809", "-9223372036854775808", Less),
            ("123456789012345678901234567890", "1.2345678901234568e29", Equal),
            ("170141183460469231731687303715884105728", "1e38", Greater),
        ] {
            let number = |text| Number::parse(text).unwrap();
            assert_eq!(number(a).compare(number(b)), Some(expect), "{a} {b}");
            assert_eq!(number(b).compare(number(a)), Some(expect.reverse()), "{b} {a}");
        }
    }

    #[test]
    fn what_is_beyond_all_numbers_is_more_or_less_than_any() {
        let all = "170141183460469231731687303715884105728";
        for text in ["0", "-1e308", "1.7e308", "18446744073709551615", all] {
            let (most, least) = (Number::of_text("1E400"), Number::of_text("-1e999"));
            let number = Number::parse(text).unwrap();
            assert_eq!(most.unwrap().compare(number), Some(Ordering::Greater), "{text}");
            assert_eq!(number.compare(least.unwrap()), Some(Ordering::Greater), "{text}");
        }
        assert_eq!(Number::of_text("infinity"), None);
    }

    #[test]
    fn words_are_no_numbers() {
        for text in ["", "-", ".", "e", "inf", "NaN", "infinity", "1e999", "0x10", "1 2", "1_000"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
