//! JSON strings: which bytes need an escape, and which one (RFC 8259 §7).
//!
//! Nearly all text needs none. So it is looked at eight or sixteen bytes at a time, and only what
//! does need one goes byte by byte.

use crate::digits::hexadecimal_digit;

/// Appends a JSON string, quotes included.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    inside(out, text);
    out.push(b'"');
}

/// Appends the inside of a JSON string.
pub(crate) fn inside(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    out.resize(start + LONGEST * text.len(), 0);
    let length = escape(&mut out[start..], text.as_bytes());
    out.truncate(start + length);
}

/// Bytes one byte can become.
pub(crate) const LONGEST: usize = 6;

/// Writes the inside of a JSON string, and returns its length. There must be room for [`LONGEST`]
/// times the text.
pub(crate) fn escape(room: &mut [u8], text: &[u8]) -> usize {
    let (mut rest, mut at) = (text, 0);
    let mut put = |bytes: &[u8]| {
        room[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        put(plain);
        let Some((byte, after)) = special.split_first() else { return at };
        match byte {
            b'"' | b'\\' => put(&[b'\\', *byte]),
            b'\n' => put(b"\\n"),
            b'\r' => put(b"\\r"),
            b'\t' => put(b"\\t"),
            0x08 => put(b"\\b"),
            0x0c => put(b"\\f"),
            _ => {
                let [high, low] = [byte >> 4, byte & 15].map(hexadecimal_digit);
                put(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = after;
    }
}

/// How many bytes from the front need no escape.
fn plain_length(text: &[u8]) -> usize {
    let (chunks, _) = text.as_chunks::<32>();
    let skipped = 32 * chunks.iter().take_while(|chunk| !needs_escape(chunk)).count();
    let (words, rest) = text[skipped..].as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return skipped + 8 * at + special.trailing_zeros() as usize / 8;
        }
    }
    let special = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'));
    text.len() - rest.len() + special.unwrap_or(rest.len())
}

/// The high bit of each byte that needs an escape. Above the first such byte others may be marked
/// without need: the subtractions borrow.
#[inline(always)]
pub(crate) fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    // A byte from 0x80 is part of a character beyond ASCII, which needs none.
    (control | quote | backslash) & !word & (ONES * 0x80)
}

/// Whether any of the bytes needs an escape.
#[inline(always)]
pub(crate) fn needs_escape<const N: usize>(bytes: &[u8; N]) -> bool {
    // In this form it becomes a few vector instructions.
    let any = bytes.iter().fold(0, |any, byte| {
        any | u8::from(*byte < 0x20) | u8::from(*byte == b'"') | u8::from(*byte == b'\\')
    });
    any != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) {
        let mut out = Vec::new();
        string(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(text).unwrap());
    }

    #[test]
    fn every_character_of_ascii_is_escaped_at_every_place() {
        // Miri takes minutes for all of them.
        let step = if cfg!(miri) { 31 } else { 1 };
        for length in [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48] {
            for (byte, at) in
                (0..=0x7f_u8).flat_map(|byte| (0..length).map(move |at| (byte, at))).step_by(step)
            {
                let mut text = vec![b'x'; length];
                text[at] = byte;
                check(std::str::from_utf8(&text).unwrap());
            }
        }
    }

    #[test]
    fn each_byte_is_marked_or_not() {
        for (byte, at) in (0..=u8::MAX).flat_map(|byte| (0..8).map(move |at| (byte, at))) {
            let mut word = [b'x'; 8];
            word[at] = byte;
            let marks = specials(u64::from_le_bytes(word));
            let special = matches!(byte, 0..=0x1f | b'"' | b'\\');
            assert_eq!(marks != 0, special, "{byte} at {at}");
            assert!(!special || marks.trailing_zeros() as usize / 8 == at);
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_as_serde_json_writes_it(text in any::<String>()) {
            check(&text);
        }

        #[test]
        fn so_does_text_full_of_escapes(text in "[a\"\\\\\u{0}-\u{1f}ä🦀\u{7f}]{0,100}") {
            check(&text);
        }
    }
}
