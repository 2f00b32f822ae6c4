//! JSON text, appended to a buffer.

use radiosonde_record::Value;

/// Appends a JSON string, quotes included (RFC 8259 §7).
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"\\u",
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(short);
        if short == b"\\u" {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(&[b'0', b'0', digits[0], digits[1]]);
        }
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Appends an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a value. What JSON has no number for becomes a string.
pub(crate) fn value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::I64(value) => integer(out, *value),
        Value::U64(value) => integer(out, *value),
        Value::F64(value) if value.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(*value).as_bytes());
        }
        Value::F64(value) if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        Value::F64(value) if *value > 0.0 => out.extend_from_slice(b"\"+Inf\""),
        Value::F64(_) => out.extend_from_slice(b"\"-Inf\""),
        Value::Str(text) => string(out, text),
        Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        // A record read back has no other kinds.
        _ => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            string(&mut out, &text);
            prop_assert!(!out.iter().any(|byte| *byte < 0x20), "a line has no control characters");
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn any_number_reads_back(number in any::<f64>()) {
            let mut out = Vec::new();
            value(&mut out, &Value::F64(number));
            let back: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back.is_number(), number.is_finite());
            if number.is_finite() {
                // By the standard parser: serde_json's may be off by the last bit.
                let exact: f64 = std::str::from_utf8(&out).unwrap().parse().unwrap();
                prop_assert_eq!(exact.to_bits(), number.to_bits());
            }
        }
    }
}
