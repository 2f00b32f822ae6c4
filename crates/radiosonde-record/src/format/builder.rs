//! Records and fields on their way into a ring.

use std::fmt;

use super::buffer::{Buffer, Written};
use super::encoded::EncodedFields;
use super::extras::{NameEntry, SpanExtras};
use super::{FLAG_TRUNCATED, HEADER_SIZE, INLINE_KEY, MESSAGE_MAX, Site, SpanPart, put};
use crate::descriptor::Descriptor;
use crate::level::{Kind, Level};
use crate::value::Value;

/// Builds one record in a buffer.
#[derive(Debug)]
pub struct Builder<'a> {
    buffer: &'a mut Buffer,
    // Words, though the record has less room for them: counted in memory and read back as one
    // piece, narrow neighbours would wait for each other. All stay below 64 Ki: fields take 2
    // bytes at least, in a record of that size.
    fields: u64,
    context_length: u64,
    message_length: u64,
    has_message: bool,
    truncated: bool,
}

impl<'a> Builder<'a> {
    /// Begins a record in an empty buffer. The parts follow in the order context, span, message,
    /// fields.
    #[inline(always)]
    pub(crate) fn new(
        buffer: &'a mut Buffer,
        kind: Kind,
        level: Level,
        timestamp_ns: u64,
        site: &Site,
    ) -> Self {
        let id = match site {
            Site::Registered(id) => *id,
            Site::Inline(_) => 0,
        };
        let kind_and_site = u64::from(id) | (kind as u64) << 32 | (level as u64) << 40;
        let words: [u64; 5] = [0, 0, timestamp_ns, kind_and_site, 0];
        let mut header = [0; HEADER_SIZE];
        let (places, _) = header.as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        let mut truncated = !buffer.piece(header);
        if let Site::Inline(descriptor) = site {
            truncated |= !inline_site(buffer, descriptor);
        }
        // Made at the end and in one go: a struct that is changed and moved then waits for itself.
        Self {
            buffer,
            fields: 0,
            context_length: 0,
            message_length: 0,
            has_message: false,
            truncated,
        }
    }

    /// Adds the packed context: before all else, and once, if it was not given to
    /// [`Journal::record`](crate::Journal::record). It is copied now: what runs afterwards may
    /// change the context of the thread.
    #[inline]
    pub fn context(&mut self, packed: &[u8]) {
        // Packed contexts are below 500 bytes by construction.
        let fits = packed.len() <= usize::from(u16::MAX) && self.context_length == 0;
        if fits && self.buffer.bytes(packed) {
            self.context_length = packed.len() as u64;
        } else {
            self.truncated = true;
        }
    }

    /// Adds a part that finds room: all that comes before the fields does.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.truncated |= !self.buffer.bytes(bytes);
    }

    /// Adds the span part: before the message, once, for spans only.
    pub fn span(&mut self, part: &SpanPart) {
        self.bytes(&part.to_bytes(0));
    }

    /// As [`Builder::span`], with what few spans have. `name` stands in place of the call site's; it
    /// is empty when there is none.
    pub fn span_with(&mut self, part: &SpanPart, name: &str, extras: &SpanExtras) {
        let name = NameEntry::of(name);
        self.bytes(&part.to_bytes(name.len() + extras.as_bytes().len()));
        let (head, name) = name.parts();
        self.bytes(head);
        self.bytes(name);
        self.bytes(extras.as_bytes());
    }

    /// Adds the message: before the fields. A second one becomes a field `message`. A panic of a
    /// formatter inside is caught.
    // As with fields, what the caller knows of the value is decided there: a value handed over in
    // memory is read again before it is all written.
    #[inline(always)]
    pub fn message(&mut self, message: Value<'_>) {
        match message {
            Value::Debug(message) => self.debug_message(message),
            message => self.any_message(message),
        }
    }

    #[inline(never)]
    fn debug_message(&mut self, message: &dyn fmt::Debug) {
        let write = |buffer: &mut Buffer| buffer.write_debug(MESSAGE_MAX, message);
        self.write_message(Value::Debug(message), write);
    }

    #[inline(never)]
    fn any_message(&mut self, message: Value<'_>) {
        self.write_message(message, |buffer| buffer.write_text(MESSAGE_MAX, message));
    }

    #[inline(always)]
    fn write_message(&mut self, message: Value<'_>, write: impl FnOnce(&mut Buffer) -> Written) {
        if std::mem::replace(&mut self.has_message, true) || self.fields > 0 {
            return self.field_named("message", message);
        }
        let start = self.buffer.len();
        let written = write(self.buffer);
        if written == Written::Refused {
            self.buffer.truncate(start);
        }
        self.truncated |= written != Written::Whole;
        self.message_length = (self.buffer.len() - start) as u64;
    }

    /// Adds a field under the key with this index at the call site.
    #[inline(always)]
    pub fn field(&mut self, index: usize, value: Value<'_>) {
        if key(index).is_some_and(|key| self.buffer.plain_field(key, value)) {
            self.fields += 1;
            return;
        }
        match value {
            Value::Debug(value) => self.debug_field(index, value),
            value => self.any_field(index, value),
        }
    }

    #[inline(never)]
    fn debug_field(&mut self, index: usize, value: &dyn fmt::Debug) {
        let write = |key| self.buffer.debug_field(key, value);
        let written = key(index).map_or(Written::Refused, write);
        self.count(written);
    }

    #[inline(never)]
    fn any_field(&mut self, index: usize, value: Value<'_>) {
        let written = key(index).map_or(Written::Refused, |key| self.buffer.field(key, value));
        self.count(written);
    }

    fn count(&mut self, written: Written) {
        self.fields += u64::from(written != Written::Refused);
        self.truncated |= written != Written::Whole;
    }

    /// Adds a field with its key; a key past 255 bytes is cut.
    pub fn field_named(&mut self, key: &str, value: Value<'_>) {
        let written = self.buffer.named_field(key, value);
        self.count(written);
    }

    /// Appends fields that were encoded before, with [`EncodedFields::push`].
    pub fn encoded_fields(&mut self, fields: &EncodedFields) {
        let (count, bytes) = fields.parts();
        if self.buffer.bytes(bytes) {
            self.fields += u64::from(count);
            self.truncated |= fields.is_truncated();
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
        if let Some(header) = self.buffer.header() {
            put(header, length.to_le_bytes());
            put(&mut header[30..], flags.to_le_bytes());
            let sizes = self.context_length | self.fields << 16 | self.message_length << 32;
            put(&mut header[32..], sizes.to_le_bytes());
        }
        self.truncated
    }
}

/// The key byte of a field by its index at the call site.
pub(super) fn key(index: usize) -> Option<u8> {
    u8::try_from(index).ok().filter(|key| *key != INLINE_KEY)
}

#[cold]
fn inline_site(buffer: &mut Buffer, descriptor: &Descriptor) -> bool {
    let mut bytes = Vec::new();
    descriptor.encode(&mut bytes);
    buffer.bytes(&bytes)
}
