//! Records and fields on their way into a ring.

use super::buffer::{Buffer, Written};
use super::{FLAG_TRUNCATED, HEADER_SIZE, INLINE_KEY, MESSAGE_MAX, Site, SpanPart};
use crate::descriptor::floor_char_boundary;
use crate::level::{Kind, Level};
use crate::value::Value;

/// Builds one record in a buffer.
#[derive(Debug)]
pub struct Builder<'a> {
    buffer: &'a mut Buffer,
    // Numbers of fields cannot overflow: each takes 2 bytes, of fewer than 128 KiB.
    fields: u16,
    message_length: u32,
    has_message: bool,
    truncated: bool,
}

impl<'a> Builder<'a> {
    /// Begins a record in an empty buffer. The parts follow in the order context, span, message,
    /// fields.
    #[inline]
    pub(crate) fn new(
        buffer: &'a mut Buffer,
        kind: Kind,
        level: Level,
        timestamp_ns: u64,
        site: &Site,
        context: &[u8],
    ) -> Self {
        // The packed context is below 500 bytes by construction.
        let context = &context[..context.len().min(usize::from(u16::MAX))];
        let id = match site {
            Site::Registered(id) => *id,
            Site::Inline(_) => 0,
        };
        let words = [
            0,
            0,
            timestamp_ns,
            u64::from(id) | (kind as u64) << 32 | (level as u64) << 40,
            context.len() as u64,
        ];
        if let Some(header) = buffer.room(HEADER_SIZE) {
            header.copy_from_slice(words.map(u64::to_le_bytes).as_flattened());
        }
        let mut builder =
            Self { buffer, fields: 0, message_length: 0, has_message: false, truncated: false };
        if let Site::Inline(descriptor) = site {
            let mut bytes = Vec::new();
            descriptor.encode(&mut bytes);
            builder.bytes(&bytes);
        }
        builder.bytes(context);
        builder
    }

    /// Adds a part that finds room: all that comes before the fields does.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.truncated |= !self.buffer.bytes(bytes);
    }

    /// Adds the span part: before the message, once, for spans only.
    pub fn span(&mut self, part: &SpanPart) {
        self.bytes(&part.parent.to_le_bytes());
        self.bytes(&part.start_ns.to_le_bytes());
        self.bytes(&[part.kind, part.status, 0, 0, 0, 0, 0, 0]);
    }

    /// Adds the message: before the fields. A second one becomes a field `message`. A panic of a
    /// formatter inside is caught.
    #[inline]
    pub fn message(&mut self, message: Value<'_>) {
        if std::mem::replace(&mut self.has_message, true) || self.fields > 0 {
            return self.field_named("message", message);
        }
        let start = self.buffer.len();
        let written = self.buffer.write_text(MESSAGE_MAX, message);
        if written == Written::Refused {
            self.buffer.truncate(start);
        }
        self.truncated |= written != Written::Whole;
        self.message_length = (self.buffer.len() - start) as u32;
    }

    /// Adds a field under the key with this index at the call site.
    #[inline(always)]
    pub fn field(&mut self, index: usize, value: Value<'_>) {
        if index >= usize::from(INLINE_KEY) {
            self.truncated = true;
            return;
        }
        let start = self.buffer.len();
        match self.buffer.field(index as u8, value) {
            Written::Whole => self.fields += 1,
            written => self.less(start, written),
        }
    }

    /// Adds a field with its key; a key past 255 bytes is cut.
    pub fn field_named(&mut self, key: &str, value: Value<'_>) {
        let key = &key.as_bytes()[..floor_char_boundary(key, usize::from(u8::MAX))];
        let start = self.buffer.len();
        let length = key.len() as u8;
        // The value brings the last byte of what stands before it, as it does for an index.
        let (head, last) = match key.split_last() {
            None => (self.buffer.bytes(&[INLINE_KEY]), length),
            Some((last, first)) => {
                let head = self.buffer.bytes(&[INLINE_KEY, length]) && self.buffer.bytes(first);
                (head, *last)
            }
        };
        let written = if head { self.buffer.field(last, value) } else { Written::Refused };
        match written {
            Written::Whole => self.fields += 1,
            written => self.less(start, written),
        }
    }

    /// A field that is not there whole.
    #[cold]
    fn less(&mut self, start: usize, written: Written) {
        self.truncated = true;
        match written {
            Written::Refused => self.buffer.truncate(start),
            Written::Cut | Written::Whole => self.fields += 1,
        }
    }

    /// Appends fields that were encoded before, with [`EncodedFields::push`].
    pub fn encoded_fields(&mut self, fields: &EncodedFields) {
        if self.buffer.bytes(fields.buffer.written()) {
            self.fields += fields.count;
            self.truncated |= fields.truncated;
        } else {
            self.truncated = true;
        }
    }

    /// Completes the record but for what its ring knows. Whether something was cut.
    #[inline]
    pub(crate) fn finish(self) -> bool {
        self.buffer.close();
        let length = self.buffer.len() as u32;
        let flags = if self.truncated { FLAG_TRUNCATED } else { 0 };
        if let Some(header) = self.buffer.written_mut().first_chunk_mut::<HEADER_SIZE>() {
            header[..4].copy_from_slice(&length.to_le_bytes());
            header[30..32].copy_from_slice(&flags.to_le_bytes());
            header[34..36].copy_from_slice(&self.fields.to_le_bytes());
            header[36..].copy_from_slice(&self.message_length.to_le_bytes());
        }
        self.truncated
    }
}

/// Fields in their recorded form, kept until their record is written: a span collects them over
/// its life.
#[derive(Clone, Debug)]
pub struct EncodedFields {
    buffer: Buffer,
    count: u16,
    truncated: bool,
}

impl Default for EncodedFields {
    fn default() -> Self {
        Self { buffer: Buffer::for_fields(), count: 0, truncated: false }
    }
}

impl EncodedFields {
    /// Adds the fields of `other` behind these.
    pub fn append(&mut self, other: Self) {
        if self.count == 0 && !self.truncated {
            *self = other;
            return;
        }
        if self.buffer.bytes(other.buffer.written()) {
            self.count += other.count;
            self.truncated |= other.truncated;
        } else {
            self.truncated = true;
        }
    }

    /// Adds a field under the key with this index at the call site. A later value of the same key
    /// comes later; readers take the last.
    pub fn push(&mut self, index: usize, value: Value<'_>) {
        let start = self.buffer.len();
        let written = match u8::try_from(index) {
            Ok(index) if index != INLINE_KEY => self.buffer.field(index, value),
            _ => Written::Refused,
        };
        if written == Written::Refused {
            self.buffer.truncate(start);
        } else {
            self.count += 1;
        }
        self.truncated |= written != Written::Whole;
    }
}
