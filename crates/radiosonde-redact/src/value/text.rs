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
    /// What HTTP calls a `token68`: what stands behind the name of an authentication scheme.
    Token,
    /// Letters, digits, `-` and `_`.
    UrlSafe,
    /// As [`Alphabet::UrlSafe`], and `=`.
    UrlSafeEquals,
    /// Letters, digits and `_`.
    Word,
}

/// How many alphabets there are.
pub(crate) const ALPHABETS: usize = Alphabet::Word as usize + 1;

impl Alphabet {
    pub(crate) fn has(self, byte: u8) -> bool {
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
            Self::Token => {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
            }
            Self::UrlSafe => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::UrlSafeEquals => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
            }
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
        }
    }
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

/// Whether a byte ends what stands in a URL, wherever that is written.
pub(crate) fn ends_url(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b'\\')
}

/// Longest text that stands for a value.
const PLACEHOLDER_MAX: usize = 64;

/// What is written in brackets where a value was taken out.
const HIDDEN: [&str; 16] = [
    "concealed",
    "credentials",
    "filtered",
    "hidden",
    "masked",
    "omitted",
    "password",
    "private",
    "protected",
    "redacted",
    "removed",
    "sanitized",
    "scrubbed",
    "secret",
    "sensitive",
    "token",
];

/// Whether somebody has hidden the value already, or means one that is yet to come. Looks at no more
/// than 64 bytes.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    if value.len() > PLACEHOLDER_MAX {
        return false;
    }
    let Ok(text) = str::from_utf8(value) else { return false };
    // A sentence may go on behind it.
    let text = text.trim_end_matches([':', '.', '!', '?']);
    let word = strip(text, "[", "]").or_else(|| strip(text, "%5B", "%5D")).unwrap_or(text);
    let is_word = HIDDEN.iter().any(|hidden| hidden.eq_ignore_ascii_case(word));
    is_word && word.len() < text.len()
        || word.eq_ignore_ascii_case("redacted")
        || text == "%s"
        || text.chars().all(|c| matches!(c, '*' | '.' | '…' | '•'))
        || text.len() >= 3 && text.bytes().all(|byte| matches!(byte, b'x' | b'X'))
        || text.as_bytes().chunks(3).all(|sign| sign.eq_ignore_ascii_case(b"%2A"))
        || strip(text, "${", "}").is_some_and(|name| is_name(name, true))
        || strip(text, "{", "}").is_some_and(|name| is_name(name, false))
        || strip(text, "{{", "}}").is_some_and(|name| is_name(name, false))
}

/// What stands between both, whatever the case of their letters.
fn strip<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    let (front, rest) = text.split_at_checked(before.len())?;
    let (inner, back) = rest.split_at_checked(rest.len().checked_sub(behind.len())?)?;
    (front.eq_ignore_ascii_case(before) && back.eq_ignore_ascii_case(behind)).then_some(inner)
}

/// Whether this names a variable, whose value comes later.
fn is_name(name: &str, may_have_digits: bool) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| {
            byte.is_ascii_alphabetic()
                || matches!(byte, b'_' | b'-' | b'.' | b':')
                || may_have_digits && byte.is_ascii_digit()
        })
}

/// Whether letters and digits are so many and so mixed as in keys. A part of what is not is not.
pub(crate) fn is_random(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    word.len() >= 16 && digits >= 2 && digits < word.len()
}

/// Whether a value looks random: has a word that does.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    value.split(|byte| !byte.is_ascii_alphanumeric()).any(is_random)
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
