//! The wire format of Protocol Buffers, as far as messages of OTLP are written with it.
//!
//! A message is appended to bytes that are kept from one record to the next, so that writing one takes
//! no memory. What has its length before it gets one byte for it, as nearly all attributes need, and is
//! moved when that was too little.

/// Types of the wire: how what follows a key is read.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// Bytes of messages, appended field by field.
///
/// Whether a field that has its default is left out, is up to whoever writes: a value of a `oneof` has to
/// be there in any case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all bytes, and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Takes back everything from a position on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// Appends bytes that are whole fields already.
    pub(crate) fn fields(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `uint32`, `uint64`, an enumeration or, as 0 and 1, `bool`.
    #[inline]
    pub(crate) fn unsigned(&mut self, field: u32, value: u64) {
        self.keyed(field, VARINT, value);
    }

    /// `int64`: negative numbers take ten bytes.
    pub(crate) fn signed(&mut self, field: u32, value: i64) {
        self.unsigned(field, value.cast_unsigned());
    }

    /// `sint32`.
    pub(crate) fn zigzag(&mut self, field: u32, value: i32) {
        let value = i64::from(value);
        self.unsigned(field, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// `fixed32`.
    pub(crate) fn fixed_32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED_32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `fixed64`.
    #[inline]
    pub(crate) fn fixed_64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED_64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `sfixed64`.
    pub(crate) fn signed_64(&mut self, field: u32, value: i64) {
        self.fixed_64(field, value.cast_unsigned());
    }

    /// `double`.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.fixed_64(field, value.to_bits());
    }

    /// `string`.
    pub(crate) fn text(&mut self, field: u32, text: &str) {
        self.block(field, text.as_bytes());
    }

    /// `string`, unless it is empty.
    pub(crate) fn text_if_any(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.text(field, text);
        }
    }

    /// `bytes`, or a message that is encoded already.
    #[inline]
    pub(crate) fn block(&mut self, field: u32, bytes: &[u8]) {
        self.keyed(field, LENGTH, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// A message, which `write` appends.
    #[inline]
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let start = self.begin(field);
        write(self);
        self.end(start);
    }

    /// A message of a known length, which `write` appends.
    #[inline]
    pub(crate) fn message_of(&mut self, field: u32, length: usize, write: impl FnOnce(&mut Self)) {
        self.keyed(field, LENGTH, length as u64);
        let start = self.bytes.len();
        write(self);
        debug_assert_eq!(self.bytes.len() - start, length, "field {field}");
    }

    /// Begins a message, or a packed list. To be passed to [`Writer::end`] at its end.
    #[inline]
    pub(crate) fn begin(&mut self, field: u32) -> usize {
        self.keyed(field, LENGTH, 0);
        self.bytes.len()
    }

    /// Ends the message that began at this position.
    #[inline]
    pub(crate) fn end(&mut self, start: usize) {
        let length = self.bytes.len().saturating_sub(start);
        match (u8::try_from(length), self.bytes.get_mut(start.wrapping_sub(1))) {
            (Ok(short @ ..0x80), Some(place)) => *place = short,
            _ => self.move_for(start, length),
        }
    }

    /// One byte was too little for the length.
    #[cold]
    fn move_for(&mut self, start: usize, length: usize) {
        let (end, more) = (self.bytes.len(), varint_size(length as u64) - 1);
        self.bytes.resize(end + more, 0);
        self.bytes.copy_within(start..end, start + more);
        let mut left = length;
        for place in &mut self.bytes[start - 1..start + more] {
            *place = (left & 0x7f) as u8 | if left >= 0x80 { 0x80 } else { 0 };
            left >>= 7;
        }
    }

    /// `uint64` without a key: an item of a packed list.
    #[inline]
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// `fixed64` or `double` without a key: an item of a packed list.
    pub(crate) fn word(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A key, and a number behind it. Nearly all of both take a byte, and go together then.
    #[inline(always)]
    fn keyed(&mut self, field: u32, wire: u64, value: u64) {
        let key = u64::from(field) << 3 | wire;
        if key < 0x80 && value < 0x80 {
            self.bytes.extend_from_slice(&[key as u8, value as u8]);
        } else {
            self.keyed_long(key, value);
        }
    }

    #[inline(never)]
    fn keyed_long(&mut self, key: u64, value: u64) {
        self.varint(key);
        self.varint(value);
    }

    #[inline]
    fn key(&mut self, field: u32, wire: u64) {
        self.varint(u64::from(field) << 3 | wire);
    }
}

/// Bytes that a number takes as a varint.
#[inline]
pub(crate) fn varint_size(value: u64) -> usize {
    if value < 0x80 {
        return 1;
    }
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes of a message, or of bytes, of this length, with key and length. Fields up to 15, whose key is
/// one byte.
#[inline]
pub(crate) fn block_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_any_length_stand_behind_the_shortest_form_of_it() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content: Vec<u8> = (0..length).map(|at: usize| (at % 251) as u8).collect();
            let (mut nested, mut known) = (Writer::default(), Writer::default());
            nested.message(3, |writer| writer.message(2, |writer| writer.fields(&content)));
            known.block(2, &content);
            let inner = known.as_bytes().to_vec();
            known.clear();
            known.block(3, &inner);
            assert_eq!(nested.as_bytes(), known.as_bytes(), "{length}");
            assert_eq!(known.len(), block_size(block_size(length)), "{length}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_format() {
        type Case = (fn(&mut Writer), &'static [u8]);
        let cases: [Case; 9] = [
            (|w| w.unsigned(1, 150), &[0x08, 0x96, 0x01]),
            (|w| w.signed(1, -1), &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            (|w| w.zigzag(6, -1), &[0x30, 1]),
            (|w| w.zigzag(6, i32::MIN), &[0x30, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            (|w| w.fixed_32(16, 1), &[0x85, 0x01, 1, 0, 0, 0]),
            (|w| w.fixed_64(2, 256), &[0x11, 0, 1, 0, 0, 0, 0, 0, 0]),
            (|w| w.signed_64(6, -2), &[0x31, 0xfe, 255, 255, 255, 255, 255, 255, 255]),
            (|w| w.double(4, 1.0), &[0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
            (|w| w.text(2, "testing"), b"\x12\x07testing"),
        ];
        for (write, expected) in cases {
            let mut writer = Writer::default();
            write(&mut writer);
            assert_eq!(writer.as_bytes(), expected);
        }
        for value in [0, 1, 127, 128, 16_384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut writer = Writer::default();
            writer.varint(value);
            assert_eq!(writer.len(), varint_size(value), "{value}");
        }
    }
}
