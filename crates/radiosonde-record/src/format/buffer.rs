//! The bytes of a record or of fields while they are written, one piece behind the other.

use std::cell::Cell;
use std::fmt;

use super::{
    BOOL, BYTES, F64, FIELD_MAX, HEADER_SIZE, I64, INLINE_KEY, JSON, MARKED, NULL, RECORD_MAX,
    TEXT, TRAILER_SIZE, U64,
};
use crate::descriptor::floor_char_boundary;
use crate::plain::copy;
use crate::value::Value;

/// Padding and trailer of a record at most.
const CLOSE_MAX: usize = 2 * TRAILER_SIZE;
/// Most bytes of a record before them.
const PIECES_MAX: usize = RECORD_MAX - CLOSE_MAX;
/// Most bytes of fields that wait for their record.
const FIELDS_MAX: usize = RECORD_MAX / 2;
/// Room for most records, made at once.
const ROOM: usize = 4096;
/// Room for the fields of most spans, made at the first.
const FIELDS_ROOM: usize = 128;
/// Key, type and length or number of a field.
const FIELD_HEAD_MAX: usize = 10;

thread_local! {
    static SCRATCH: Cell<Option<Box<Buffer>>> = const { Cell::new(None) };
}

/// Bytes that grow at their end, up to a maximum. What is behind the end is initialised and stays
/// so: a piece costs a comparison and its stores.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    end: usize,
    max: usize,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Written {
    Whole,
    /// With less than all of its text.
    Cut,
    /// There was no room for it.
    Refused,
}

impl Buffer {
    /// Takes the thread's buffer for a record. A formatter that records while it is out gets
    /// another one.
    #[inline]
    pub(crate) fn take() -> Box<Self> {
        let mut buffer = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_else(Self::new);
        buffer.end = 0;
        buffer
    }

    #[cold]
    fn new() -> Box<Self> {
        Box::new(Self { bytes: vec![0; ROOM], end: 0, max: PIECES_MAX })
    }

    /// Gives the buffer back to its thread.
    #[inline]
    pub(crate) fn give(mut self: Box<Self>) {
        // `close` goes past the maximum.
        self.bytes.truncate(PIECES_MAX);
        let _ = SCRATCH.try_with(|scratch| scratch.set(Some(self)));
    }

    /// For fields that wait for their record.
    pub(super) const fn for_fields() -> Self {
        Self { bytes: Vec::new(), end: 0, max: FIELDS_MAX }
    }

    /// What was written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// The header of a record that has one.
    #[inline]
    pub(super) fn header(&mut self) -> Option<&mut [u8; HEADER_SIZE]> {
        self.bytes.first_chunk_mut()
    }

    /// How much was written.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Bytes of its memory.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes back what was written behind `end`.
    #[inline]
    pub(super) fn truncate(&mut self, end: usize) {
        self.end = self.end.min(end);
    }

    /// Puts a number into 4 bytes that were written before.
    pub(super) fn set_u32(&mut self, at: usize, number: u32) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = number.to_le_bytes();
        }
    }

    /// Makes room for `length` more bytes. Whether the maximum allows it.
    #[cold]
    fn grow(&mut self, length: usize) -> bool {
        let end = self.end + length;
        if end > self.max {
            return false;
        }
        if end > self.bytes.len() {
            self.bytes.resize((2 * end).clamp(FIELDS_ROOM, self.max), 0);
        }
        true
    }

    /// Appends a piece of known size, when there is room for it already.
    #[inline(always)]
    pub(super) fn piece<const N: usize>(&mut self, bytes: [u8; N]) -> bool {
        let Some(rest) = self.bytes.get_mut(self.end..) else { return false };
        let Some(place) = rest.first_chunk_mut::<N>() else { return false };
        *place = bytes;
        self.end += N;
        true
    }

    /// Appends bytes, all or none. Whether the maximum allowed it.
    #[inline(always)]
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> bool {
        let rest = self.bytes.get_mut(self.end..).unwrap_or_default();
        match rest.get_mut(..bytes.len()) {
            Some(place) => {
                copy(place, bytes);
                self.end += bytes.len();
                true
            }
            None => self.bytes_slowly(bytes),
        }
    }

    #[cold]
    fn bytes_slowly(&mut self, bytes: &[u8]) -> bool {
        self.grow(bytes.len()) && self.bytes(bytes)
    }

    /// Appends zeroes up to a multiple of 8, and those of the trailer.
    #[inline]
    pub(super) fn close(&mut self) {
        // Zeroed in one piece of known size, as much as may be needed.
        if self.bytes.len() < self.end + CLOSE_MAX {
            self.bytes.resize(self.end + CLOSE_MAX, 0);
        }
        let end = self.end.next_multiple_of(8) + TRAILER_SIZE;
        if self.piece([0; CLOSE_MAX]) {
            self.end = end;
        }
    }

    /// Appends a field, key, type and value, whose size is known and for which there is room
    /// already. Whether it was one.
    #[inline(always)]
    pub(super) fn plain_field(&mut self, key: u8, value: Value<'_>) -> bool {
        match value {
            Value::I64(value) => self.number(key, I64, value as u64),
            Value::U64(value) => self.number(key, U64, value),
            Value::F64(value) => self.number(key, F64, value.to_bits()),
            Value::Str(text) if text.len() <= FIELD_MAX => self.text(key, TEXT, text.as_bytes()),
            Value::Bool(value) => self.piece([key, BOOL, u8::from(value)]),
            Value::Null => self.piece([key, NULL]),
            _ => false,
        }
    }

    /// Appends any field.
    pub(super) fn field(&mut self, key: u8, value: Value<'_>) -> Written {
        let length = match value {
            Value::Str(text) if text.len() <= FIELD_MAX => text.len(),
            Value::Json(text) | Value::Marked(text) if text.len() <= FIELDS_MAX => text.len(),
            Value::Bytes(bytes) => bytes.len().min(FIELD_MAX),
            // As long as what stands in place of something too long, or grows by itself.
            _ => "null".len(),
        };
        if !self.grow(FIELD_HEAD_MAX + length) {
            return Written::Refused;
        }
        if self.plain_field(key, value) {
            return Written::Whole;
        }
        match value {
            // Cut JSON would break the line; ours is small, and dropped whole when it is not.
            Value::Json(text) if text.len() <= FIELDS_MAX => {
                fits(self.text(key, JSON, text.as_bytes()))
            }
            Value::Marked(text) if text.len() <= FIELDS_MAX => {
                fits(self.text(key, MARKED, text.as_bytes()))
            }
            Value::Json(_) | Value::Marked(_) => fits(self.text(key, JSON, b"null")).and_cut(),
            Value::Bytes(bytes) => match bytes.get(..FIELD_MAX) {
                Some(first) => {
                    let written = fits(self.text(key, BYTES, first));
                    if first.len() < bytes.len() { written.and_cut() } else { written }
                }
                None => fits(self.text(key, BYTES, bytes)),
            },
            value => self.formatted(key, |buffer| buffer.write_text(FIELD_MAX, value)),
        }
    }

    /// As [`Buffer::field`], with the key itself; one past 255 bytes is cut.
    pub(super) fn named_field(&mut self, key: &str, value: Value<'_>) -> Written {
        let key = &key.as_bytes()[..floor_char_boundary(key, usize::from(u8::MAX))];
        let start = self.end;
        let length = key.len() as u8;
        // The value brings the last byte of what stands before it, as it does for an index.
        let (head, last) = match key.split_last() {
            None => (self.bytes(&[INLINE_KEY]), length),
            Some((last, first)) => (self.bytes(&[INLINE_KEY, length]) && self.bytes(first), *last),
        };
        let written = if head { self.field(last, value) } else { Written::Refused };
        if written == Written::Refused {
            self.truncate(start);
        }
        written
    }

    /// As [`Buffer::field`], for the value that all formatters of `tracing` come as.
    pub(super) fn debug_field(&mut self, key: u8, value: &dyn fmt::Debug) -> Written {
        self.formatted(key, |buffer| buffer.write_debug(FIELD_MAX, value))
    }

    #[inline(always)]
    fn number(&mut self, key: u8, kind: u8, bits: u64) -> bool {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.piece([key, kind, a, b, c, d, e, f, g, h])
    }

    #[inline(always)]
    fn text(&mut self, key: u8, kind: u8, text: &[u8]) -> bool {
        let Some(rest) = self.bytes.get_mut(self.end..) else { return false };
        let Some((head, rest)) = rest.split_first_chunk_mut() else { return false };
        let Some(place) = rest.get_mut(..text.len()) else { return false };
        let [a, b, c, d] = (text.len() as u32).to_le_bytes();
        *head = [key, kind, a, b, c, d];
        copy(place, text);
        self.end += head.len() + text.len();
        true
    }

    /// A field whose length is known only afterwards.
    #[inline(always)]
    fn formatted(&mut self, key: u8, write: impl FnOnce(&mut Self) -> Written) -> Written {
        let before = self.end;
        if !self.bytes(&[key, TEXT, 0, 0, 0, 0]) {
            return Written::Refused;
        }
        let start = self.end;
        let written = write(self);
        if written == Written::Refused {
            self.truncate(before);
        } else {
            self.set_u32(start - 4, (self.end - start) as u32);
        }
        written
    }
}

pub(super) fn fits(all: bool) -> Written {
    if all { Written::Whole } else { Written::Refused }
}

impl Written {
    pub(super) fn and_cut(self) -> Self {
        if self == Self::Whole { Self::Cut } else { self }
    }
}
