//! Records whose size is known before they are written: no formatter runs, so they are built in the
//! ring itself, in one go.

use crate::format::{self, FIELD_MAX, Stamp};
use crate::level::{Kind, Level};
use crate::value::{ToValue, Value};

/// Largest record that is built this way: past it, cutting and its marker are somebody else's work.
pub(crate) const LENGTH_MAX: usize = 4096;
/// What the length of a value that must be formatted or cut counts as.
const NOT_PLAIN: usize = 1 << 20;

/// The fields of an event as the macro has them: a list `(&first, (&second, ()))` of values whose
/// types the compiler knows, so that writing them down takes no decisions.
pub trait FieldList {
    /// Bytes the fields take in a plain record; past its maximum when they are not plain.
    fn length(&self) -> usize;
    /// Writes the fields, the first under this index. What is left of the room.
    fn write<'a>(&self, index: u8, to: Cursor<'a>) -> Cursor<'a>;
    /// Hands over the fields one by one, the first under this index.
    fn each(&self, index: usize, take: &mut dyn FnMut(usize, Value<'_>));
}

impl FieldList for () {
    #[inline]
    fn length(&self) -> usize {
        0
    }

    #[inline]
    fn write<'a>(&self, _index: u8, to: Cursor<'a>) -> Cursor<'a> {
        to
    }

    #[inline]
    fn each(&self, _index: usize, _take: &mut dyn FnMut(usize, Value<'_>)) {}
}

impl<A: ToValue + ?Sized, B: FieldList> FieldList for (&A, B) {
    #[inline]
    fn length(&self) -> usize {
        let first = match self.0.to_value() {
            Value::Null => 2,
            Value::Bool(_) => 3,
            Value::I64(_) | Value::U64(_) | Value::F64(_) => 10,
            Value::Str(text) if text.len() <= FIELD_MAX => 6 + text.len(),
            _ => NOT_PLAIN,
        };
        first.saturating_add(self.1.length())
    }

    #[inline]
    fn write<'a>(&self, index: u8, to: Cursor<'a>) -> Cursor<'a> {
        self.1.write(index.wrapping_add(1), to.value(index, &self.0.to_value()))
    }

    #[inline]
    fn each(&self, index: usize, take: &mut dyn FnMut(usize, Value<'_>)) {
        take(index, self.0.to_value());
        self.1.each(index + 1, take);
    }
}

/// What a plain record is made of.
pub(crate) struct Plain<'a> {
    pub(crate) level: Level,
    pub(crate) timestamp_ns: u64,
    pub(crate) site: u32,
    pub(crate) context: &'a [u8],
    /// `None` when the call site has it.
    pub(crate) message: Option<&'a str>,
    pub(crate) fields: &'a dyn FieldList,
    pub(crate) field_count: usize,
}

/// The length of the record, when it is plain: every value has its final size now.
#[inline(always)]
pub(crate) fn length(
    context: &[u8],
    message: Option<&str>,
    fields: &dyn FieldList,
    field_count: usize,
) -> Option<usize> {
    let fixed = format::HEADER_SIZE + context.len() + message.map_or(0, str::len);
    let length = fixed.saturating_add(fields.length());
    let length = length.next_multiple_of(8) + format::TRAILER_SIZE;
    (length <= LENGTH_MAX && field_count < usize::from(format::INLINE_KEY)).then_some(length)
}

impl Plain<'_> {
    /// Writes the record into exactly its length of bytes.
    #[inline(always)]
    pub(crate) fn write(&self, out: &mut [u8], stamp: Stamp) {
        let flags = if self.message.is_none() { format::FLAG_SITE_MESSAGE } else { 0 };
        let message = self.message.unwrap_or_default();
        let length = out.len();
        // Past a sector the check is one of the bytes, below.
        let begin = length as u64 | stamp.accepted << 32;
        let site = u64::from(self.site)
            | (Kind::Event as u64) << 32
            | (self.level as u64) << 40
            | u64::from(flags) << 48;
        // All below 64 KiB: the length was bounded before.
        let sizes = self.context.len() as u64
            | (self.field_count as u64) << 16
            | (message.len() as u64) << 32;
        if let Some(trailer) = out.last_chunk_mut() {
            *trailer = stamp.accepted.to_le_bytes();
        }
        let to = Cursor { rest: &mut *out };
        let words = [begin, stamp.sequence, self.timestamp_ns, site, sizes];
        let to = to.words(words).bytes(self.context).bytes(message.as_bytes());
        let _padding = self.fields.write(0, to);
        if length > format::SECTOR {
            format::seal(out, stamp);
        }
    }
}

/// Writes one thing after another. What does not fit is left out: lengths are computed before.
#[derive(Debug)]
pub struct Cursor<'a> {
    rest: &'a mut [u8],
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(crate) fn new(rest: &'a mut [u8]) -> Self {
        Self { rest }
    }

    #[inline(always)]
    fn piece<const N: usize>(self, write: impl FnOnce(&mut [u8; N])) -> Self {
        match self.rest.split_first_chunk_mut() {
            Some((room, rest)) => {
                write(room);
                Self { rest }
            }
            None => Self { rest: &mut [] },
        }
    }

    /// The header of a record.
    #[inline(always)]
    pub(crate) fn words(self, words: [u64; format::HEADER_SIZE / 8]) -> Self {
        self.piece::<{ format::HEADER_SIZE }>(|room| {
            let (places, _) = room.as_chunks_mut::<8>();
            for (place, word) in places.iter_mut().zip(words) {
                *place = word.to_le_bytes();
            }
        })
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(self, bytes: &[u8; N]) -> Self {
        self.piece(|room| *room = *bytes)
    }

    #[inline(always)]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        match self.rest.split_at_mut_checked(bytes.len()) {
            Some((room, rest)) => {
                copy(room, bytes);
                Self { rest }
            }
            None => Self { rest: &mut [] },
        }
    }

    #[inline(always)]
    fn number(self, key: u8, kind: u8, bits: u64) -> Self {
        // Not by `copy_from_slice`: without link-time optimization that is a call.
        self.piece::<10>(|[key_at, kind_at, number @ ..]| {
            (*key_at, *kind_at, *number) = (key, kind, bits.to_le_bytes());
        })
    }

    #[inline(always)]
    fn value(self, key: u8, value: &Value<'_>) -> Self {
        match value {
            Value::Bool(value) => self.piece(|room| *room = [key, format::BOOL, u8::from(*value)]),
            Value::I64(value) => self.number(key, format::I64, *value as u64),
            Value::U64(value) => self.number(key, format::U64, *value),
            Value::F64(value) => self.number(key, format::F64, value.to_bits()),
            Value::Str(text) => {
                let length = (text.len() as u32).to_le_bytes();
                let head = self.piece::<6>(|[key_at, kind_at, length_at @ ..]| {
                    (*key_at, *kind_at, *length_at) = (key, format::TEXT, length);
                });
                head.bytes(text.as_bytes())
            }
            // Others are not plain.
            _ => self.piece(|room| *room = [key, format::NULL]),
        }
    }
}

/// Copies between slices of one length; short texts, which most are, without a call.
#[inline(always)]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    #[inline(always)]
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
    // Asked in this order, most texts take two or three questions.
    match from.len() {
        8.. => match from.len() {
            ..=16 => ends::<8>(to, from),
            17..=32 => ends::<16>(to, from),
            33..=64 => ends::<32>(to, from),
            _ => to.copy_from_slice(from),
        },
        4.. => ends::<4>(to, from),
        2.. => ends::<2>(to, from),
        _ => {
            if let ([to, ..], [from, ..]) = (to, from) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Key, Record};

    #[test]
    fn a_plain_record_reads_back() {
        let long = "x".repeat(700);
        for text in (0..long.len()).map(|length| &long[..length]) {
            let fields = (&None::<u8>, (&true, (&-4i64, (&u64::MAX, (&0.5f64, (text, ()))))));
            let plain = Plain {
                level: Level::Error,
                timestamp_ns: 77,
                site: 9,
                context: b"context",
                message: Some(text),
                fields: &fields,
                field_count: 6,
            };
            let length = length(plain.context, plain.message, &fields, 6).unwrap();
            let mut bytes = vec![0; length];
            plain.write(&mut bytes, Stamp { sequence: 5, accepted: 4 });
            let record = Record::decode_whole(&bytes).unwrap();
            assert_eq!((record.sequence, record.timestamp_ns, record.site), (5, 77, 9));
            assert_eq!((record.level, record.kind), (Level::Error, Kind::Event));
            assert_eq!((record.context, record.message), (&b"context"[..], text));
            assert!(!record.message_at_site && !record.truncated);
            let mut given = Vec::new();
            fields
                .each(0, &mut |index, value| given.push((Key::Index(index), format!("{value:?}"))));
            let read: Vec<_> =
                record.fields().map(|(key, value)| (key, format!("{value:?}"))).collect();
            assert_eq!(read, given);
            assert_eq!(read.len(), 6);
        }
    }

    #[test]
    fn what_must_be_formatted_or_cut_is_not_plain() {
        let is_plain = |fields: &dyn FieldList, count| length(&[], None, fields, count).is_some();
        assert!(is_plain(&(&1, ()), 1));
        assert!(!is_plain(&(&Value::Display(&1), ()), 1));
        assert!(!is_plain(&(&Value::Display(&1), (&Value::Display(&1), ())), 1));
        assert!(!is_plain(&(&b"a"[..], ()), 1));
        assert!(!is_plain(&("x".repeat(5000).as_str(), ()), 1));
        assert!(!is_plain(&(), 255));
    }
}
