//! Numbers to digits, several at a time: a record has four or five numbers, and one digit after
//! the other would be a third of its line's cost.

/// Numbers below have at most eight digits.
pub(crate) const EIGHT_DIGITS: u64 = 100_000_000;

/// The eight decimal digits of a number below [`EIGHT_DIGITS`], with leading zeros.
#[inline(always)]
pub(crate) fn eight(number: u64) -> [u8; 8] {
    (nibbles(number) | ASCII_ZEROS).to_le_bytes()
}

/// The decimal digits of a number below [`EIGHT_DIGITS`], without leading zeros, and how many.
#[inline(always)]
pub(crate) fn up_to_eight(number: u64) -> ([u8; 8], usize) {
    let digits = nibbles(number);
    // The lowest byte is the first digit. The last one stays also when it is zero.
    let leading = (digits | 1 << 56).trailing_zeros() / 8;
    let text = (digits | ASCII_ZEROS) >> (8 * leading);
    (text.to_le_bytes(), 8 - leading as usize)
}

const ASCII_ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// Eight digits in eight bytes, the first in the lowest: one number is cut into two of four digits,
/// these into four of two, those into digits, each step for all parts at once. A quotient is a
/// product with a scaled reciprocal, exact for numbers of that size.
#[inline(always)]
fn nibbles(number: u64) -> u64 {
    let (high, low) = (number / 10_000, number % 10_000);
    let fours = high | low << 32;
    let hundreds = ((fours * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
}

/// The bytes as lower case hexadecimal digits. `DIGITS` is twice `BYTES`.
pub(crate) fn hexadecimal<const BYTES: usize, const DIGITS: usize>(
    bytes: [u8; BYTES],
) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES) };
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 15].map(hexadecimal_digit);
    }
    digits
}

/// Without a table, so that the loop above becomes vector code.
pub(crate) fn hexadecimal_digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(number: u64) {
        assert_eq!(std::str::from_utf8(&eight(number)).unwrap(), format!("{number:08}"));
        let (digits, count) = up_to_eight(number);
        assert_eq!(std::str::from_utf8(&digits[..count]).unwrap(), number.to_string());
    }

    #[test]
    fn numbers_at_the_edges_have_their_digits() {
        // Every quotient of the first two steps, and the edges of all sizes.
        let step = if cfg!(miri) { 997 } else { 1 };
        (0..10_000)
            .step_by(step)
            .flat_map(|part| [part, part * 10_000, part * 10_000 + 9_999])
            .for_each(check);
        for power in 0..8 {
            let edge = 10_u64.pow(power);
            [edge - 1, edge, edge + 1].into_iter().for_each(check);
        }
        check(EIGHT_DIGITS - 1);
    }

    proptest! {
        #[test]
        fn any_number_of_eight_digits_has_its_digits(number in 0..EIGHT_DIGITS) {
            check(number);
        }

        #[test]
        fn bytes_have_their_hexadecimal_digits(bytes in any::<[u8; 16]>()) {
            let digits: [u8; 32] = hexadecimal(bytes);
            let expected = format!("{:032x}", u128::from_be_bytes(bytes));
            prop_assert_eq!(std::str::from_utf8(&digits).unwrap(), expected);
        }
    }
}
