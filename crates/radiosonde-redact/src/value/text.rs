//! What text is made of, as far as the rules for values ask.

/// Characters a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// Capitals and the digits from 2 to 7.
    Base32,
    /// The alphabet of Base64, padding included.
    Base64,
    /// Letters, digits, `-`, `_` and `.`.
    Dotted,
    /// Hexadecimal digits of either case.
    Hex,
    /// Hexadecimal digits and `-`.
    HexDashed,
    /// Hexadecimal digits, small letters.
    LowerHex,
    /// As [`Alphabet::UrlSafe`], and `/`.
    Path,
    /// Letters, digits, `-` and `_`.
    UrlSafe,
    /// As [`Alphabet::UrlSafe`], and `=`.
    UrlSafeEquals,
    /// Letters, digits and `_`.
    Word,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Base32 => byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
            Self::Base64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
            }
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::HexDashed => byte.is_ascii_hexdigit() || byte == b'-',
            Self::LowerHex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Path => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/'),
            Self::UrlSafe => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::UrlSafeEquals => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
            }
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
        }
    }
}

/// How many characters from the front are of an alphabet; no more than `most` are looked at.
pub(crate) fn run_length(text: &[u8], alphabet: Alphabet, most: usize) -> usize {
    text.iter().take(most).take_while(|byte| alphabet.has(**byte)).count()
}

/// Whether a word can begin here: behind anything but a letter or digit, and behind what stands for
/// something else, such as `\n` and `%3D`.
#[inline]
pub(crate) fn is_boundary_before(text: &[u8], start: usize) -> bool {
    match text.get(..start) {
        None | Some([]) => true,
        Some([.., byte]) if !byte.is_ascii_alphanumeric() => true,
        Some([.., b'\\', b'n' | b'r' | b't']) => true,
        Some([.., b'%', high, low]) => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        Some(_) => false,
    }
}

/// The longest that is looked for where [`is_in_chain`].
pub(crate) const CHAINED_MAX: usize = 300;

/// Whether what begins here hangs on another word by a sign that long keys are made of as well. A
/// text may have many of those in a row, and it must not be read once for each.
pub(crate) fn is_in_chain(text: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    matches!(before, Some(b'-' | b'_' | b'.' | b'/'))
}

/// Whether a byte ends what stands in a URL, wherever that is written.
pub(crate) fn ends_url(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b'\\')
}

/// Whether somebody has hidden the value already, or means one that is yet to come.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let all = |wanted: fn(&u8) -> bool| value.iter().all(wanted);
    value.is_empty()
        || value == crate::REDACTED.as_bytes()
        || value.first() == Some(&b'[') && value.last() == Some(&b']')
        || all(|byte| matches!(byte, b'*' | b'.'))
        || value.len() >= 3 && all(|byte| matches!(byte, b'x' | b'X'))
        || value.len() >= 3 && value.starts_with("…".as_bytes())
        || value.starts_with("•".as_bytes())
        || value.starts_with(b"${") && value.ends_with(b"}")
        || value.starts_with(b"{") && value.ends_with(b"}")
        || value.starts_with(b"%2A%2A")
        || value == b"%s"
        || value.eq_ignore_ascii_case(b"redacted")
        || value.eq_ignore_ascii_case(b"%5Bredacted%5D")
}

/// The bytes of a Base64 text of either alphabet, padding or none; `None` when it is no such text.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (digits, padding) = text.split_at(end);
    if padding.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(base64_digit(*digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}
