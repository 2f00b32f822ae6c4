//! Ids as hexadecimal digits.

/// The bytes that lower-case digits stand for, `None` for anything else and any other number.
pub(super) fn hex<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let mut out = [0; BYTES];
    if digits.len() != 2 * BYTES {
        return None;
    }
    let mut all = 0;
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all < NONE).then_some(out)
}

/// What is no digit.
const NONE: u8 = 16;

/// The value of every byte.
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
