//! Records whose size is known before they are written: no formatter runs, so they are built in the
//! ring itself, in one go.

use crate::format::{self, FIELD_MAX};
use crate::level::{Kind, Level};
use crate::value::Value;

/// Largest record that is built this way: past it, cutting and its marker are somebody else's work.
const LENGTH_MAX: usize = 4096;

/// What a plain record is made of.
pub(crate) struct Plain<'a> {
    pub(crate) level: Level,
    pub(crate) timestamp_ns: u64,
    pub(crate) site: u32,
    pub(crate) context: &'a [u8],
    /// `None` when the call site has it.
    pub(crate) message: Option<&'a str>,
    pub(crate) values: &'a [Value<'a>],
}

/// The length of the record, when it is plain: every value has its final size now.
#[inline]
pub(crate) fn length(context: &[u8], message: Option<&str>, values: &[Value<'_>]) -> Option<usize> {
    let mut length = format::HEADER_SIZE + context.len() + message.map_or(0, str::len);
    for value in values {
        length += match value {
            Value::Null => 2,
            Value::Bool(_) => 3,
            Value::I64(_) | Value::U64(_) | Value::F64(_) => 10,
            Value::Str(text) if text.len() <= FIELD_MAX => 6 + text.len(),
            _ => return None,
        };
    }
    let length = length.next_multiple_of(8) + format::TRAILER_SIZE;
    (length <= LENGTH_MAX && values.len() < usize::from(format::INLINE_KEY)).then_some(length)
}

impl Plain<'_> {
    /// Writes the record into exactly its length of bytes, but for what the ring fills in.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        let flags = if self.message.is_none() { format::FLAG_SITE_MESSAGE } else { 0 };
        let length = out.len() as u32;
        let message = self.message.unwrap_or_default();
        let mut to = Cursor { out, at: 0 };
        to.put(u64::from(length).to_le_bytes());
        to.put([0; 8]);
        to.put(self.timestamp_ns.to_le_bytes());
        let site = u64::from(self.site)
            | (Kind::Event as u64) << 32
            | (self.level as u64) << 40
            | u64::from(flags) << 48;
        to.put(site.to_le_bytes());
        // All below 64 KiB: the length was bounded before.
        let sizes = self.context.len() as u64
            | (self.values.len() as u64) << 16
            | (message.len() as u64) << 32;
        to.put(sizes.to_le_bytes());
        to.bytes(self.context);
        to.bytes(message.as_bytes());
        for (index, value) in self.values.iter().enumerate() {
            to.value(index as u8, value);
        }
    }
}

/// Writes one thing after another. What does not fit is left out: lengths are computed before.
struct Cursor<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(place) = self.out.get_mut(self.at..self.at + N) {
            place.copy_from_slice(&bytes);
            self.at += N;
        }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(place) = self.out.get_mut(self.at..self.at + bytes.len()) {
            copy(place, bytes);
            self.at += bytes.len();
        }
    }

    #[inline]
    fn number(&mut self, key: u8, kind: u8, bits: u64) {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.put([key, kind, a, b, c, d, e, f, g, h]);
    }

    #[inline]
    fn value(&mut self, key: u8, value: &Value<'_>) {
        match value {
            Value::Bool(value) => self.put([key, format::BOOL, u8::from(*value)]),
            Value::I64(value) => self.number(key, format::I64, *value as u64),
            Value::U64(value) => self.number(key, format::U64, *value),
            Value::F64(value) => self.number(key, format::F64, value.to_bits()),
            Value::Str(text) => {
                let [a, b, c, d] = (text.len() as u32).to_le_bytes();
                self.put([key, format::TEXT, a, b, c, d]);
                self.bytes(text.as_bytes());
            }
            // Others are not plain.
            _ => self.put([key, format::NULL]),
        }
    }
}

/// Copies between slices of one length; short texts, which most are, without a call.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
        // Two pieces that overlap in the middle.
        if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
            if let Some(place) = to.first_chunk_mut() {
                *place = *first;
            }
            if let Some(place) = to.last_chunk_mut() {
                *place = *last;
            }
        }
    }
    match from.len() {
        0 => {}
        1..=3 => to.copy_from_slice(from),
        4..=7 => ends::<4>(to, from),
        8..=15 => ends::<8>(to, from),
        16..=31 => ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Key, Record};

    #[test]
    fn a_plain_record_reads_back() {
        let long = "x".repeat(100);
        let texts: Vec<&str> = (0..40).map(|length| &long[..length]).collect();
        for text in texts {
            let values = [
                Value::Null,
                Value::Bool(true),
                Value::I64(-4),
                Value::U64(u64::MAX),
                Value::F64(0.5),
                Value::Str(text),
            ];
            let plain = Plain {
                level: Level::Error,
                timestamp_ns: 77,
                site: 9,
                context: b"context",
                message: Some(text),
                values: &values,
            };
            let length = length(plain.context, plain.message, &values).unwrap();
            let mut bytes = vec![0; length];
            plain.write(&mut bytes);
            format::seal(&mut bytes, 5, 4);
            let record = Record::decode_whole(&bytes).unwrap();
            assert_eq!((record.sequence, record.timestamp_ns, record.site), (5, 77, 9));
            assert_eq!((record.level, record.kind), (Level::Error, Kind::Event));
            assert_eq!((record.context, record.message), (&b"context"[..], text));
            assert!(!record.message_at_site && !record.truncated);
            let fields: Vec<_> = record.fields().collect();
            for (at, ((key, value), given)) in fields.iter().zip(&values).enumerate() {
                assert_eq!(*key, Key::Index(at));
                assert_eq!(format!("{value:?}"), format!("{given:?}"));
            }
            assert_eq!(fields.len(), values.len());
        }
    }

    #[test]
    fn what_must_be_formatted_or_cut_is_not_plain() {
        assert_eq!(length(&[], None, &[Value::Display(&1)]), None);
        assert_eq!(length(&[], None, &[Value::Bytes(b"a")]), None);
        assert_eq!(length(&[], None, &[Value::Str(&"x".repeat(5000))]), None);
        assert_eq!(length(&[], None, &[Value::Null; 255]), None);
    }
}
