//! Records, read back.

use super::{
    BOOL, BYTES, F64, FLAG_SITE_MESSAGE, FLAG_TRUNCATED, HEADER_SIZE, I64, INLINE_KEY, JSON,
    MARKED, NULL, SPAN_PART_SIZE, SpanPart, TEXT, TRAILER_SIZE, U64, extras, extras::Extras,
    is_whole,
};
use std::sync::Arc;

use crate::descriptor::Descriptor;
use crate::level::{Kind, Level};
use crate::value::Value;

/// A record, read back. Borrows the bytes it was read from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Number within its ring; a gap is a loss.
    pub sequence: u64,
    /// Nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// Which signal.
    pub kind: Kind,
    /// How urgent.
    pub level: Level,
    /// Id of the call site; 0 when `inline_site` has it.
    pub site: u32,
    /// The call site, when the record carries it.
    pub inline_site: Option<Arc<Descriptor>>,
    /// The packed context.
    pub context: &'a [u8],
    /// Present on spans.
    pub span: Option<SpanPart>,
    /// The span's own name, in place of the call site's; empty when it has none.
    pub name: &'a str,
    pub(super) extras: &'a [u8],
    /// The message; empty when it stands at the call site.
    pub message: &'a str,
    /// Whether the message is [`Descriptor::message`].
    pub message_at_site: bool,
    /// Whether something was cut when it was recorded.
    pub truncated: bool,
    pub(super) field_count: u16,
    pub(super) fields: &'a [u8],
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The check does not match: sectors of different laps, or damage.
    #[error("check does not match")]
    Check,
    /// A part is missing or not of its form.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

impl<'a> Record<'a> {
    /// Reads one record from its exact bytes. Its fields are looked at when they are asked for; the
    /// first that is malformed ends them.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that was not written by [`Builder`](super::Builder).
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
            return Err(DecodeError::Malformed("length"));
        };
        let (words, _) = header.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(words[at]);
        let (length, check) = (word(0) as u32 as usize, (word(0) >> 32) as u32);
        let Some((rest, _trailer)) = rest.split_last_chunk::<TRAILER_SIZE>() else {
            return Err(DecodeError::Malformed("length"));
        };
        if length != bytes.len() {
            return Err(DecodeError::Malformed("length"));
        }
        if !is_whole(bytes, check) {
            return Err(DecodeError::Check);
        }
        match Self::parse([word(1), word(2), word(3), word(4)], Reader { bytes: rest }) {
            Some(record) => Ok(record),
            None => Err(DecodeError::Malformed("header")),
        }
    }

    /// From the words behind length and check, and what stands between header and trailer.
    #[inline(always)]
    fn parse(
        [sequence, timestamp_ns, what, sizes]: [u64; 4],
        mut reader: Reader<'a>,
    ) -> Option<Self> {
        let site = what as u32;
        let kind = Kind::from_u8((what >> 32) as u8)?;
        let level = Level::from_u8((what >> 40) as u8)?;
        let flags = (what >> 48) as u16;
        let inline_site = if site == 0 { Some(reader.descriptor()?) } else { None };
        let context = reader.take(usize::from(sizes as u16))?;
        let (span, extras) = match kind {
            Kind::Span => reader.span().map(|(span, extras)| (Some(span), extras))?,
            _ => (None, &[][..]),
        };
        let (name, extras) =
            if extras.is_empty() { ("", extras) } else { extras::split_name(extras)? };
        let message = reader.take((sizes >> 32) as usize)?;
        // The look at an empty text costs more than one would think.
        let message = if message.is_empty() { "" } else { std::str::from_utf8(message).ok()? };
        Some(Self {
            sequence,
            timestamp_ns,
            kind,
            level,
            site,
            inline_site,
            context,
            span,
            name,
            extras,
            message,
            truncated: flags & FLAG_TRUNCATED != 0,
            message_at_site: flags & FLAG_SITE_MESSAGE != 0,
            field_count: (sizes >> 16) as u16,
            fields: reader.bytes,
        })
    }

    /// As [`Record::decode`], and looks at every field: for bytes of a dead process.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn decode_whole(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let record = Self::decode(bytes)?;
        if !record.fields().are_whole() {
            return Err(DecodeError::Malformed("field"));
        }
        if !record.extras().are_whole() {
            return Err(DecodeError::Malformed("extras"));
        }
        Ok(record)
    }

    /// Trace state, links and events of a span, and how many were dropped.
    pub fn extras(&self) -> Extras<'a> {
        Extras { reader: Reader { bytes: self.extras } }
    }

    /// Whether there are any extras.
    #[inline(always)]
    pub fn has_extras(&self) -> bool {
        !self.extras.is_empty()
    }

    /// The fields, in the order they were recorded.
    pub fn fields(&self) -> Fields<'a> {
        Fields { reader: Reader { bytes: self.fields }, left: self.field_count }
    }
}

/// The key of a field, read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// Index into the call site's keys.
    Index(usize),
    /// The key itself.
    Name(&'a str),
}

/// Iterator over a record's fields.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) left: u16,
}

impl Fields<'_> {
    /// Whether each of them can be read.
    pub(super) fn are_whole(mut self) -> bool {
        (0..self.left).all(|_| self.next().is_some())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Key<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let reader = &mut self.reader;
        let key = match reader.u8()? {
            INLINE_KEY => {
                let length = usize::from(reader.u8()?);
                Key::Name(std::str::from_utf8(reader.take(length)?).ok()?)
            }
            index => Key::Index(usize::from(index)),
        };
        let value = match reader.u8()? {
            NULL => Value::Null,
            BOOL => Value::Bool(reader.u8()? != 0),
            I64 => Value::I64(reader.u64()? as i64),
            U64 => Value::U64(reader.u64()?),
            F64 => Value::F64(f64::from_bits(reader.u64()?)),
            TEXT => Value::Str(reader.text()?),
            JSON => Value::Json(reader.text()?),
            BYTES => Value::Bytes(reader.counted()?),
            MARKED => Value::Marked(reader.text()?),
            _ => return None,
        };
        Some((key, value))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(head)
    }

    /// Bytes behind their number.
    #[inline]
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.counted()?).ok()
    }

    #[cold]
    fn descriptor(&mut self) -> Option<Arc<Descriptor>> {
        let (descriptor, taken) = Descriptor::decode(self.bytes)?;
        self.take(taken)?;
        Some(Arc::new(descriptor))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// The span part, and the extras behind it.
    fn span(&mut self) -> Option<(SpanPart, &'a [u8])> {
        let part = self.take(SPAN_PART_SIZE)?;
        let mut reader = Reader { bytes: part };
        let span = SpanPart {
            parent: reader.u64()?,
            start_ns: reader.u64()?,
            kind: reader.u8()?,
            status: reader.u8()?,
            kept: reader.u8()?,
        };
        let _padding = reader.u8()?;
        let extras = reader.u32()? as usize;
        Some((span, if extras == 0 { &[] } else { self.take(extras)? }))
    }
}
