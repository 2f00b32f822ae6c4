//! Numbers, as both formats have them.

use std::fmt::Write as _;

/// Appends a whole number.
#[inline]
pub(crate) fn integer(out: &mut String, value: u64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends a number. Finite ones always have a point or an exponent (`25.0`, `1e21`): a bound is
/// then the same text in every format, and with it the series.
pub(crate) fn float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value == 0.0 || PLAIN.contains(&value.abs()) {
        out.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "{value:?}");
    }
}

/// Numbers that are written without an exponent, in the same digits by `Debug` of the standard
/// library, which is slow, and by zmij, whose exponents look otherwise.
const PLAIN: std::ops::Range<f64> = 1e-4..1e16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut out = String::new();
        float(&mut out, value);
        out
    }

    #[test]
    fn numbers_are_written_as_by_debug() {
        for value in [
            0.0,
            -0.0,
            25.0,
            0.1,
            0.25,
            1e-3,
            1e-4,
            0.000_099_999,
            1e-5,
            1e-7,
            1e15,
            9_999_999_999_999_998.0,
            1e16,
            1e17,
            1e21,
            1.5e300,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            -123.456,
        ] {
            assert_eq!(written(value), format!("{value:?}"));
        }
        assert_eq!(written(f64::NAN), "NaN");
        assert_eq!(written(f64::INFINITY), "+Inf");
        assert_eq!(written(f64::NEG_INFINITY), "-Inf");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_number_is_written_as_by_debug(bits: u64, exponent in -20_i32..25, part in -1.0..1.0_f64) {
            for value in [f64::from_bits(bits), part * 10_f64.powi(exponent), 10_f64.powi(exponent)] {
                if value.is_finite() {
                    // Of two shortest texts that are equally near, either will do.
                    let (text, debug) = (written(value), format!("{value:?}"));
                    prop_assert_eq!(text.parse::<f64>().ok(), Some(value));
                    let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
                    prop_assert_eq!(form(&text), form(&debug));
                }
            }
        }
    }
}
