//! What a log record, span or metric is called, read from its protobuf message.

use radiosonde_otlp::Signal;

use crate::render::text::many;

/// Kind of a field: bytes behind their length.
const LENGTH_DELIMITED: u64 = 2;

/// The message of a log line, behind the name of its event if it has one; the name of a span or
/// of a metric.
pub(super) fn name(signal: Signal, item: &[u8]) -> String {
    let text =
        |number| field(item, number).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let name = match signal {
        Signal::Logs => {
            // `LogRecord.body` is an `AnyValue`: field 1 is a string, and 7 bytes, of which nobody
            // wants to read more than how many they are.
            let body = field(item, 5).and_then(|body| {
                let text = field(body, 1).map(|text| String::from_utf8_lossy(text).into_owned());
                text.or_else(|| field(body, 7).map(|bytes| many(bytes.len() as u64, "byte")))
            });
            let parts: Vec<String> = text(12).into_iter().chain(body).collect();
            (!parts.is_empty()).then(|| parts.join("  "))
        }
        Signal::Traces => text(5),
        Signal::Metrics => text(1),
        // Of a later version.
        _ => None,
    };
    name.unwrap_or_else(|| "(without a name)".to_owned())
}

/// Whether a log record is the event that tells of a loss.
pub(super) fn tells_of_a_loss(item: &[u8]) -> bool {
    // `LogRecord.event_name`
    field(item, 12) == Some(b"radiosonde.gap")
}

/// The first field of this number that has bytes.
fn field(mut message: &[u8], wanted: u64) -> Option<&[u8]> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let skipped = match key & 7 {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            LENGTH_DELIMITED => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = message.split_at_checked(skipped)?;
        if key == wanted << 3 | LENGTH_DELIMITED {
            return Some(value);
        }
        message = rest;
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_what_is_cut_or_hostile_has_none() {
        // Field 1 fixed64, field 2 varint 300, field 5 { field 1 "hi" }, field 12 "evt".
        let log = [
            &[0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0xac, 0x02][..],
            &[0x2a, 4, 0x0a, 2, b'h', b'i'],
            &[0x62, 3, b'e', b'v', b't'],
        ]
        .concat();
        assert_eq!(name(Signal::Logs, &log), "evt  hi");
        assert_eq!(name(Signal::Logs, &[0x2a, 5, 0x3a, 3, 0, 0x7f, 0xff]), "3 bytes");
        assert_eq!(name(Signal::Metrics, &[0x0a, 1, b'm']), "m");
        assert_eq!(name(Signal::Traces, &[0x2a, 1, b's']), "s");
        for length in 0..log.len() {
            let _ = name(Signal::Logs, &log[..length]);
        }
        for hostile in [&[0xff; 20][..], &[0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0x2b], &[]] {
            assert_eq!(name(Signal::Traces, hostile), "(without a name)");
        }
    }
}
