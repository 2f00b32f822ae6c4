//! How much is in a body, before anything is made of it: what takes two bytes there may take some
//! hundred in memory.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::Signal;

/// Records of one request: log records, spans, points of metrics. Stock exporters send some hundred.
const RECORDS_MAX: usize = 65_536;
/// Attributes, events and links of all records of one request.
const PARTS_MAX: usize = 1_048_576;

/// Why a body is too much: what there are too many of, and how many records there are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) text: String,
    pub(super) records: u64,
}

/// Looks through a body. What cannot be read is left to whoever reads it.
pub(super) fn check(signal: Signal, body: &[u8]) -> Result<(), TooMany> {
    // Numbers of fields: resource, scope, record, and what is in it.
    let (records, parts): (&[&[u32]], &[&[u32]]) = match signal {
        Signal::Logs => (&[&[1, 2, 2]], &[&[1, 2, 2, 6]]),
        Signal::Metrics => (
            &[
                &[1, 2, 2, 5, 1],
                &[1, 2, 2, 7, 1],
                &[1, 2, 2, 9, 1],
                &[1, 2, 2, 10, 1],
                &[1, 2, 2, 11, 1],
            ],
            &[&[1, 2, 2], &[1, 2, 2, 5, 1, 7], &[1, 2, 2, 7, 1, 7], &[1, 2, 2, 9, 1, 9]],
        ),
        Signal::Traces => (
            &[&[1, 2, 2]],
            &[&[1, 2, 2, 9], &[1, 2, 2, 11], &[1, 2, 2, 11, 3], &[1, 2, 2, 13], &[1, 2, 2, 13, 4]],
        ),
    };
    let sum = |paths: &[&[u32]]| paths.iter().filter_map(|path| count(body, path)).sum::<usize>();
    let (records, parts) = (sum(records), sum(parts));
    let too_many = |what| TooMany { text: what, records: (records as u64).max(1) };
    if records > RECORDS_MAX {
        return Err(too_many(format!(
            "the body has more than {RECORDS_MAX} records: export smaller batches"
        )));
    }
    if parts > PARTS_MAX {
        return Err(too_many(format!(
            "the body has more than {PARTS_MAX} attributes, events and links: export smaller batches"
        )));
    }
    Ok(())
}

/// How many messages there are at the end of a path of fields; `None` for damage.
fn count(mut bytes: &[u8], path: &[u32]) -> Option<usize> {
    let [number, rest @ ..] = path else { return Some(1) };
    let mut found = 0;
    while !bytes.is_empty() {
        let (field, kind) = decode_key(&mut bytes).ok()?;
        if kind == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
            let (body, after) = bytes.split_at_checked(length)?;
            bytes = after;
            if field == *number {
                found += count(body, rest)?;
            }
        } else {
            skip_field(kind, field, &mut bytes, DecodeContext::default()).ok()?;
        }
    }
    Some(found)
}
