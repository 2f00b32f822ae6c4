//! The bytes of a record or of fields while they are written, one piece behind the other.

use super::{BOOL, F64, I64, JSON, NULL, TEXT, U64};
use crate::format::{FIELD_MAX, RECORD_MAX, TRAILER_SIZE};
use crate::plain;
use crate::value::Value;

/// Kept behind every piece, so that padding and trailer find room.
const SPARE: usize = 2 * TRAILER_SIZE;
/// Most bytes of pieces: a whole record has trailer and padding as well.
const RECORD_PIECES_MAX: usize = RECORD_MAX - SPARE;
/// Most bytes of fields that wait for their record.
const FIELDS_MAX: usize = RECORD_MAX / 2;
/// Room for most records, made at once.
const RECORD_ROOM: usize = 4096;

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
    /// There was no room: nothing was written, or a part that the caller takes back.
    Refused,
}

impl Buffer {
    /// For a record, in memory that an earlier one has left.
    #[inline]
    pub(crate) fn for_record(bytes: Vec<u8>) -> Self {
        let mut buffer = Self { bytes, end: 0, max: RECORD_PIECES_MAX };
        if buffer.bytes.len() < RECORD_ROOM {
            buffer.bytes.resize(RECORD_ROOM, 0);
        }
        buffer
    }

    /// For fields that wait for their record.
    pub(super) const fn for_fields() -> Self {
        Self { bytes: Vec::new(), end: 0, max: FIELDS_MAX }
    }

    /// The memory, for the next record.
    #[inline]
    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    pub(super) fn written_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.end]
    }

    /// How much was written.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Takes back what was written behind `end`.
    pub(super) fn truncate(&mut self, end: usize) {
        self.end = self.end.min(end);
    }

    /// The next `length` bytes, which may hold anything. `None`, and nothing is taken, past the
    /// maximum.
    #[inline(always)]
    pub(super) fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        let end = self.end + length;
        if end + SPARE > self.bytes.len() && !self.grow(end) {
            return None;
        }
        let room = self.bytes.get_mut(self.end..end)?;
        self.end = end;
        Some(room)
    }

    /// Makes room up to `end`. Whether the maximum allows it.
    #[cold]
    fn grow(&mut self, end: usize) -> bool {
        if end > self.max {
            return false;
        }
        self.bytes.resize((2 * end).min(self.max) + SPARE, 0);
        true
    }

    /// Appends bytes, all or none. Whether they fit.
    #[inline(always)]
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> bool {
        let room = self.room(bytes.len());
        room.map(|room| plain::copy(room, bytes)).is_some()
    }

    /// Zeroes up to a multiple of 8, and the trailer.
    #[inline]
    pub(super) fn close(&mut self) {
        let end = self.end.next_multiple_of(8) + TRAILER_SIZE;
        // Zeroed in one piece of fixed size: `SPARE` bytes are there behind every other piece.
        if let Some(room) = self.bytes[self.end..].first_chunk_mut::<SPARE>() {
            *room = [0; SPARE];
        }
        self.end = end;
    }

    /// Appends a field: key, type and value.
    #[inline(always)]
    pub(super) fn field(&mut self, key: u8, value: Value<'_>) -> Written {
        match value {
            Value::I64(value) => self.number(key, I64, value as u64),
            Value::U64(value) => self.number(key, U64, value),
            Value::F64(value) => self.number(key, F64, value.to_bits()),
            Value::Str(text) if text.len() <= FIELD_MAX => self.text(key, TEXT, text),
            Value::Bool(value) => self.piece([key, BOOL, u8::from(value)]),
            Value::Null => self.piece([key, NULL]),
            value => self.other(key, value),
        }
    }

    #[inline(always)]
    fn number(&mut self, key: u8, kind: u8, bits: u64) -> Written {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.piece([key, kind, a, b, c, d, e, f, g, h])
    }

    #[inline(always)]
    fn piece<const N: usize>(&mut self, bytes: [u8; N]) -> Written {
        match self.room(N) {
            Some(room) => {
                room.copy_from_slice(&bytes);
                Written::Whole
            }
            None => Written::Refused,
        }
    }

    #[inline(always)]
    fn text(&mut self, key: u8, kind: u8, text: &str) -> Written {
        let Some(room) = self.room(6 + text.len()) else { return Written::Refused };
        let Some((head, room)) = room.split_first_chunk_mut::<6>() else { return Written::Refused };
        let [a, b, c, d] = (text.len() as u32).to_le_bytes();
        *head = [key, kind, a, b, c, d];
        plain::copy(room, text.as_bytes());
        Written::Whole
    }

    #[inline(never)]
    fn other(&mut self, key: u8, value: Value<'_>) -> Written {
        match value {
            // Cut JSON would break the line; ours is small, and dropped whole when it is not.
            Value::Json(text) if text.len() <= FIELDS_MAX => self.text(key, JSON, text),
            Value::Json(_) => self.text(key, JSON, "null").and_cut(),
            value => self.formatted(key, value),
        }
    }

    /// A field whose length is known only afterwards.
    fn formatted(&mut self, key: u8, value: Value<'_>) -> Written {
        if self.piece([key, TEXT, 0, 0, 0, 0]) == Written::Refused {
            return Written::Refused;
        }
        let start = self.end;
        let written = self.write_text(FIELD_MAX, value);
        let length = (self.end - start) as u32;
        if let Some(place) = self.bytes[..start].last_chunk_mut() {
            *place = length.to_le_bytes();
        }
        written
    }
}

impl Written {
    pub(super) fn and_cut(self) -> Self {
        if self == Self::Whole { Self::Cut } else { self }
    }
}
