//! Percent-encoding of baggage values (W3C Baggage, §3.3.1.3; RFC 3986, §2.1).

/// Appends a value to a header, with everything encoded that is no baggage octet.
pub(crate) fn encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// The bytes [`encode`] appends.
pub(crate) fn encoded_length(value: &str) -> usize {
    value.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}

/// The value that a header's octets stand for. What is no escape stays as it is; what is no UTF-8
/// becomes U+FFFD, as §3.3.1.3 asks.
pub(crate) fn decode(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let [first, after @ ..] = rest {
        let escape = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let byte = escape.map_or(*first, |(high, low)| high << 4 | low);
        out.push(byte);
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Whether a byte may stand in a value. The percent sign may not: it begins an escape.
fn is_plain(byte: u8) -> bool {
    is_octet(byte) && byte != b'%'
}

/// `baggage-octet`: printable ASCII without blank, quotes, comma, semicolon and backslash.
pub(crate) fn is_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
