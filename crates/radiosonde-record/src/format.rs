//! The record format, version 2.
//!
//! # Constraints
//! Written by an application thread into its ring in one piece; read by the drain of the same
//! process, or by whoever recovers the ring of a dead one, possibly with another version of this
//! crate. All numbers are little-endian. A record is a multiple of 8 bytes and at most
//! [`RECORD_MAX`].
//!
//! # Layout
//! ```text
//!  0 u32 length, all of it             24 u32 call site: offset / 8 in `callsites`, 0 = inline
//!  4 u32 check, see below              28 u8  kind     29 u8 level   30 u16 flags
//!  8 u64 sequence within the ring      32 u16 context length         34 u16 number of fields
//! 16 u64 nanoseconds since 1970        36 u32 message length
//! 40 inline call site, when 24 is 0 (see `Descriptor::encode`)
//!    context (packed form of radiosonde-context)
//!    span part, when the kind is span: parent u64, start ns u64, span kind u8, status u8, 6 pad
//!    message, UTF-8
//!    fields: key u8 (index into the call site's keys; 255: length u8 and the key's bytes),
//!            type u8, value (bool u8; i64, u64, f64 8 bytes; text and JSON u32 length + UTF-8)
//!    padding to 8 bytes
//!    trailer u64: how many records the ring had accepted with this one
//! ```
//! Flags: 1 = something was cut to fit; 2 = the message is the call site's.
//!
//! The check is for power cuts, after which sectors of a ring may be from different laps. A record
//! of up to 512 bytes lies in two sectors at most: its check is the low half of the trailer, so
//! that either sector missing shows. A longer one has the crc32c of its bytes from 8 to the end.
//! Against SIGKILL nothing needs to be checked: see the ring.
//!
//! # Recovery
//! A record counts when its length is plausible and its check is right. Readers skip field types
//! they do not know by refusing the record (it is counted), never by guessing.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::descriptor::{Descriptor, floor_char_boundary};
use crate::level::{Kind, Level};
use crate::value::Value;

/// The largest record, in bytes.
pub const RECORD_MAX: usize = 64 * 1024;
/// The largest message, in bytes; more is cut with a marker.
pub const MESSAGE_MAX: usize = 24 * 1024;
/// The largest text of one field, in bytes; more is cut with a marker.
pub const FIELD_MAX: usize = 12 * 1024;

pub(crate) const HEADER_SIZE: usize = 40;
const SPAN_PART_SIZE: usize = 24;
pub(crate) const TRAILER_SIZE: usize = 8;
const FLAG_TRUNCATED: u16 = 1;
pub(crate) const FLAG_SITE_MESSAGE: u16 = 2;
/// Records past this have a checksum.
pub(crate) const SECTOR: usize = 512;
/// The bit that makes a length one of bytes to be passed over.
pub(crate) const FILLER: u32 = 1 << 31;
pub(crate) const INLINE_KEY: u8 = 255;

// The types of a field's value.
pub(crate) const NULL: u8 = 0;
pub(crate) const BOOL: u8 = 1;
pub(crate) const I64: u8 = 2;
pub(crate) const U64: u8 = 3;
pub(crate) const F64: u8 = 4;
pub(crate) const TEXT: u8 = 5;
pub(crate) const JSON: u8 = 6;

static FORMAT_PANICS: AtomicU64 = AtomicU64::new(0);

/// How often a `Display` or `Debug` of the application panicked while its value was recorded.
pub fn format_panics() -> u64 {
    FORMAT_PANICS.load(Ordering::Relaxed)
}

/// The part of a record only spans have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanPart {
    /// The parent's span id, 0 for a root.
    pub parent: u64,
    /// When it began, nanoseconds since 1970.
    pub start_ns: u64,
    /// Its kind, by the numbers of OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Its status, by the numbers of OTLP: 0 unset, 1 ok, 2 error.
    pub status: u8,
}

/// Where a record says its call site is.
#[derive(Clone, Debug)]
pub enum Site {
    /// In the file `callsites`, under this id.
    Registered(u32),
    /// In the record itself.
    Inline(Descriptor),
}

/// Builds one record in a buffer.
#[derive(Debug)]
pub struct Builder<'a> {
    buffer: &'a mut Vec<u8>,
    fields: u16,
    has_message: bool,
    truncated: bool,
}

impl<'a> Builder<'a> {
    /// Begins a record. The parts follow in the order context, span, message, fields.
    pub(crate) fn new(
        buffer: &'a mut Vec<u8>,
        kind: Kind,
        level: Level,
        timestamp_ns: u64,
        site: &Site,
        context: &[u8],
    ) -> Self {
        buffer.clear();
        buffer.resize(HEADER_SIZE, 0);
        buffer[16..24].copy_from_slice(&timestamp_ns.to_le_bytes());
        buffer[28] = kind as u8;
        buffer[29] = level as u8;
        match site {
            Site::Registered(id) => buffer[24..28].copy_from_slice(&id.to_le_bytes()),
            Site::Inline(descriptor) => descriptor.encode(buffer),
        }
        // The packed context is below 500 bytes by construction.
        let context = &context[..context.len().min(usize::from(u16::MAX))];
        buffer[32..34].copy_from_slice(&(context.len() as u16).to_le_bytes());
        buffer.extend_from_slice(context);
        Self { buffer, fields: 0, has_message: false, truncated: false }
    }

    /// Adds the span part: before the message, once, for spans only.
    pub fn span(&mut self, part: &SpanPart) {
        self.buffer.extend_from_slice(&part.parent.to_le_bytes());
        self.buffer.extend_from_slice(&part.start_ns.to_le_bytes());
        self.buffer.extend_from_slice(&[part.kind, part.status, 0, 0, 0, 0, 0, 0]);
    }

    /// Adds the message: before the fields. A second one becomes a field `message`. A panic of a
    /// formatter inside is caught.
    pub fn message(&mut self, message: Value<'_>) {
        if std::mem::replace(&mut self.has_message, true) || self.fields > 0 {
            return self.field_named("message", message);
        }
        let start = self.buffer.len();
        self.truncated |= write_text(self.buffer, MESSAGE_MAX, message);
        let length = (self.buffer.len() - start) as u32;
        self.buffer[36..40].copy_from_slice(&length.to_le_bytes());
    }

    /// Adds a field under the key with this index at the call site.
    pub fn field(&mut self, index: usize, value: Value<'_>) {
        match u8::try_from(index) {
            Ok(index) if index != INLINE_KEY => self.value(&[index], value),
            _ => self.truncated = true,
        }
    }

    /// Adds a field with its key; a key past 255 bytes is cut.
    pub fn field_named(&mut self, key: &str, value: Value<'_>) {
        let end = floor_char_boundary(key, usize::from(u8::MAX));
        let mut head = Vec::with_capacity(2 + end);
        head.extend_from_slice(&[INLINE_KEY, end as u8]);
        head.extend_from_slice(&key.as_bytes()[..end]);
        self.value(&head, value);
    }

    fn value(&mut self, key: &[u8], value: Value<'_>) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(key);
        self.truncated |= encode_value(self.buffer, value);
        if self.buffer.len() > RECORD_MAX - 16 || self.fields == u16::MAX {
            self.buffer.truncate(start);
            self.truncated = true;
        } else {
            self.fields += 1;
        }
    }

    /// Appends fields that were encoded before, with [`EncodedFields::push`].
    pub fn encoded_fields(&mut self, fields: &EncodedFields) {
        if self.buffer.len() + fields.bytes.len() > RECORD_MAX - 16 {
            self.truncated = true;
            return;
        }
        self.buffer.extend_from_slice(&fields.bytes);
        self.fields = self.fields.saturating_add(fields.count);
        self.truncated |= fields.truncated;
    }

    /// Completes the record but for sequence and checksum. Whether something was cut.
    pub(crate) fn finish(self) -> bool {
        let padded = self.buffer.len().next_multiple_of(8) + TRAILER_SIZE;
        self.buffer.resize(padded, 0);
        let flags = if self.truncated { FLAG_TRUNCATED } else { 0 };
        self.buffer[0..4].copy_from_slice(&(padded as u32).to_le_bytes());
        self.buffer[30..32].copy_from_slice(&flags.to_le_bytes());
        self.buffer[34..36].copy_from_slice(&self.fields.to_le_bytes());
        self.truncated
    }
}

/// Fields in their recorded form, kept until their record is written: a span collects them over
/// its life.
#[derive(Clone, Debug, Default)]
pub struct EncodedFields {
    bytes: Vec<u8>,
    count: u16,
    truncated: bool,
}

impl EncodedFields {
    /// Adds the fields of `other` behind these.
    pub fn append(&mut self, other: &Self) {
        if self.bytes.len() + other.bytes.len() > RECORD_MAX / 2 {
            self.truncated = true;
            return;
        }
        self.bytes.extend_from_slice(&other.bytes);
        self.count = self.count.saturating_add(other.count);
        self.truncated |= other.truncated;
    }

    /// Adds a field under the key with this index at the call site. A later value of the same key
    /// comes later; readers take the last.
    pub fn push(&mut self, index: usize, value: Value<'_>) {
        let start = self.bytes.len();
        let Some(index) = u8::try_from(index).ok().filter(|index| *index != INLINE_KEY) else {
            self.truncated = true;
            return;
        };
        self.bytes.push(index);
        self.truncated |= encode_value(&mut self.bytes, value);
        if self.bytes.len() > RECORD_MAX / 2 || self.count == u16::MAX {
            self.bytes.truncate(start);
            self.truncated = true;
        } else {
            self.count += 1;
        }
    }
}

/// What only the ring of a record knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    /// Records the ring has accepted with this one.
    pub(crate) accepted: u64,
}

/// Writes the stamp into a finished record, and the check.
#[inline]
pub(crate) fn seal(record: &mut [u8], Stamp { sequence, accepted }: Stamp) {
    let Some(trailer) = record.last_chunk_mut() else { return };
    *trailer = accepted.to_le_bytes();
    record[8..16].copy_from_slice(&sequence.to_le_bytes());
    let check = if record.len() > SECTOR { crc32c::crc32c(&record[8..]) } else { accepted as u32 };
    record[4..8].copy_from_slice(&check.to_le_bytes());
}

/// The first bytes of what is passed over.
pub(crate) fn filler(length: u32) -> [u8; 8] {
    u64::from(length | FILLER).to_le_bytes()
}

/// Whether all sectors of a record are of one lap.
fn is_whole(record: &[u8], check: u32) -> bool {
    if record.len() > SECTOR {
        return crc32c::crc32c(&record[8..]) == check;
    }
    record.last_chunk().is_some_and(|trailer| u64::from_le_bytes(*trailer) as u32 == check)
}

/// Type byte and value. Whether something was cut.
fn encode_value(out: &mut Vec<u8>, value: Value<'_>) -> bool {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(value) => out.extend_from_slice(&[BOOL, u8::from(value)]),
        Value::I64(value) => {
            out.push(I64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::U64(value) => {
            out.push(U64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::F64(value) => {
            out.push(F64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Json(_) | Value::Str(_) | Value::Bytes(_) | Value::Display(_) | Value::Debug(_) => {
            let json = matches!(value, Value::Json(_));
            out.push(if json { JSON } else { TEXT });
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            // Cut JSON would break the line; ours is small, and dropped whole when it is not.
            let cut = if json {
                let Value::Json(text) = value else { return true };
                let fits = text.len() <= RECORD_MAX / 2;
                out.extend_from_slice(if fits { text.as_bytes() } else { b"null" });
                !fits
            } else {
                write_text(out, FIELD_MAX, value)
            };
            let length = (out.len() - at - 4) as u32;
            out[at..at + 4].copy_from_slice(&length.to_le_bytes());
            return cut;
        }
    }
    false
}

/// Appends a value as text of at most `max` bytes and a marker. Whether it was cut.
fn write_text(out: &mut Vec<u8>, max: usize, value: Value<'_>) -> bool {
    match value {
        Value::Str(text) if text.len() <= max => {
            out.extend_from_slice(text.as_bytes());
            false
        }
        Value::Str(text) => {
            let end = floor_char_boundary(text, max);
            out.extend_from_slice(&text.as_bytes()[..end]);
            out.extend_from_slice(format!("…[cut, {} bytes in all]", text.len()).as_bytes());
            true
        }
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(max + 4)]);
            write_text(out, max, Value::Str(&text))
        }
        Value::Display(value) => format_guarded(out, max, format_args!("{value}")),
        other => format_guarded(out, max, format_args!("{other:?}")),
    }
}

/// Runs a formatter of the application, which may panic, log, or never end.
fn format_guarded(out: &mut Vec<u8>, max: usize, arguments: fmt::Arguments<'_>) -> bool {
    if let Some(text) = arguments.as_str() {
        return write_text(out, max, Value::Str(text));
    }
    let start = out.len();
    let mut bounded = Bounded { out, limit: start + max, cut: false };
    let formatted = catch_unwind(AssertUnwindSafe(|| bounded.write_fmt(arguments)));
    let cut = bounded.cut;
    match formatted {
        Ok(Ok(())) => {}
        _ if cut => out.extend_from_slice("…[cut]".as_bytes()),
        Ok(Err(fmt::Error)) => out.extend_from_slice(b"[formatting failed]"),
        Err(_panic) => {
            FORMAT_PANICS.fetch_add(1, Ordering::Relaxed);
            out.truncate(start);
            out.extend_from_slice(b"[panicked while formatting]");
        }
    }
    cut
}

struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
    cut: bool,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.out.len());
        let end = floor_char_boundary(text, room);
        self.out.extend_from_slice(&text.as_bytes()[..end]);
        if end < text.len() {
            // An error ends the formatter: it must not run on for output nobody keeps.
            self.cut = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

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
    pub inline_site: Option<Descriptor>,
    /// The packed context.
    pub context: &'a [u8],
    /// Present on spans.
    pub span: Option<SpanPart>,
    /// The message; empty when it stands at the call site.
    pub message: &'a str,
    /// Whether the message is [`Descriptor::message`].
    pub message_at_site: bool,
    /// Whether something was cut when it was recorded.
    pub truncated: bool,
    field_count: u16,
    fields: &'a [u8],
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
    /// [`DecodeError`] for anything that was not written by [`Builder`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let malformed = DecodeError::Malformed;
        let mut reader = Reader { bytes };
        let length = reader.u32().ok_or(malformed("length"))? as usize;
        if length != bytes.len() || length < HEADER_SIZE + TRAILER_SIZE {
            return Err(malformed("length"));
        }
        let check = reader.u32().ok_or(malformed("check"))?;
        if !is_whole(bytes, check) {
            return Err(DecodeError::Check);
        }
        reader.bytes = &reader.bytes[..reader.bytes.len() - TRAILER_SIZE];
        let header = || -> Option<_> {
            let sequence = reader.u64()?;
            let timestamp_ns = reader.u64()?;
            let site = reader.u32()?;
            let kind = Kind::from_u8(reader.u8()?)?;
            let level = Level::from_u8(reader.u8()?)?;
            let flags = reader.u16()?;
            let context_length = usize::from(reader.u16()?);
            let field_count = reader.u16()?;
            let message_length = reader.u32()? as usize;
            let inline_site = if site == 0 {
                let (descriptor, taken) = Descriptor::decode(reader.bytes)?;
                reader.take(taken)?;
                Some(descriptor)
            } else {
                None
            };
            let context = reader.take(context_length)?;
            let span = if kind == Kind::Span { Some(reader.span()?) } else { None };
            let message = std::str::from_utf8(reader.take(message_length)?).ok()?;
            Some(Self {
                sequence,
                timestamp_ns,
                kind,
                level,
                site,
                inline_site,
                context,
                span,
                message,
                truncated: flags & FLAG_TRUNCATED != 0,
                message_at_site: flags & FLAG_SITE_MESSAGE != 0,
                field_count,
                fields: reader.bytes,
            })
        };
        // The closure only gives `?` on options a scope of its own.
        let mut header = header;
        header().ok_or(malformed("header"))
    }

    /// As [`Record::decode`], and looks at every field: for bytes of a dead process.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn decode_whole(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let record = Self::decode(bytes)?;
        let mut fields = record.fields();
        for _ in 0..record.field_count {
            fields.next().ok_or(DecodeError::Malformed("field"))?;
        }
        Ok(record)
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
    reader: Reader<'a>,
    left: u16,
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
            kind @ (TEXT | JSON) => {
                let length = reader.u32()? as usize;
                let text = std::str::from_utf8(reader.take(length)?).ok()?;
                if kind == TEXT { Value::Str(text) } else { Value::Json(text) }
            }
            _ => return None,
        };
        Some((key, value))
    }
}

#[derive(Clone, Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn span(&mut self) -> Option<SpanPart> {
        let part = self.take(SPAN_PART_SIZE)?;
        let mut reader = Reader { bytes: part };
        Some(SpanPart {
            parent: reader.u64()?,
            start_ns: reader.u64()?,
            kind: reader.u8()?,
            status: reader.u8()?,
        })
    }
}

#[cfg(test)]
mod tests;
