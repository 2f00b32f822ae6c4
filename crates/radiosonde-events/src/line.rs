//! A line while it is written.

use radiosonde_record::{RawValue, Value};

use crate::digits::{EIGHT_DIGITS, eight, up_to_eight};
use crate::json;

/// Bytes that are written before they go on. Most lines fit several times.
const SIZE: usize = 4096;
/// Texts up to this length are copied through the buffer; longer ones pass by it.
const THROUGH_BUFFER_MAX: usize = 1024;

/// Where lines are put together. Made once, since clearing it would cost more than a line does.
#[derive(Debug)]
pub(crate) struct Buffer(Box<[u8; SIZE]>);

impl Default for Buffer {
    fn default() -> Self {
        Self(Box::new([0; SIZE]))
    }
}

/// A line while it is written: a buffer of fixed size in front of where the line belongs.
///
/// Copies of a fixed size cost a fraction of those of any size, so short parts are copied with
/// whatever stands behind them, and the next part overwrites what was too much. That is what the
/// buffer is for, and why the position moves separately from the copying.
///
/// Each part waits for the position the one before has left. So that it stays in a register, the
/// methods are inlined, and what is not takes a line by value and returns it.
pub(crate) struct Line<'a> {
    buffer: &'a mut [u8; SIZE],
    at: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    #[inline(always)]
    pub(crate) fn new(buffer: &'a mut Buffer, out: &'a mut Vec<u8>) -> Self {
        Self { buffer: &mut buffer.0, at: 0, out }
    }

    /// Appends what was written to where the line belongs.
    #[inline(always)]
    pub(crate) fn finish(self) {
        self.out.extend_from_slice(&self.buffer[..self.at]);
    }

    /// Room for the next bytes.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        const { assert!(N <= SIZE) };
        if self.at > SIZE - N {
            spill(self.buffer, self.at, self.out);
            self.at = 0;
        }
        match self.buffer[self.at..].first_chunk_mut() {
            Some(room) => room,
            // The check above says so to the compiler as well.
            None => unreachable!("a buffer with less than its size in front of its end"),
        }
    }

    /// Appends the first `length` of these bytes.
    #[inline(always)]
    pub(crate) fn front<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        // In two steps: the other order would copy the bytes to the stack first.
        let room = self.room();
        *room = *bytes;
        self.at += length;
    }

    /// Appends exactly these bytes.
    #[inline(always)]
    pub(crate) fn literal<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.front(bytes, N);
    }

    /// Appends a prepared piece.
    #[inline(always)]
    pub(crate) fn piece(&mut self, piece: &Piece) {
        self.front(&piece.start, piece.length.min(CHUNK));
        if piece.length > CHUNK {
            let mut left = piece.length - CHUNK;
            for chunk in &piece.rest {
                self.front(chunk, left.min(CHUNK));
                left = left.saturating_sub(CHUNK);
            }
        }
    }

    /// Appends bytes as they are.
    #[inline(always)]
    pub(crate) fn verbatim(&mut self, bytes: &[u8]) {
        spill(self.buffer, self.at, self.out);
        self.at = 0;
        self.out.extend_from_slice(bytes);
    }

    /// Appends text as the inside of a JSON string.
    #[inline(always)]
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// As [`Line::text`], of UTF-8.
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() > 32 {
            self.at = long_text(self.buffer, self.at, self.out, bytes);
        } else if copy_plain(self.room(), bytes) {
            self.at += bytes.len();
        } else {
            escaped_text(self.buffer, self.at, self.out, bytes);
            self.at = 0;
        }
    }

    /// Appends a number.
    #[inline(always)]
    pub(crate) fn unsigned(&mut self, number: u64) {
        if number < EIGHT_DIGITS {
            return self.short_unsigned(number);
        }
        let (high, low) = (number / EIGHT_DIGITS, number % EIGHT_DIGITS);
        if high < EIGHT_DIGITS {
            self.short_unsigned(high);
        } else {
            self.short_unsigned(high / EIGHT_DIGITS);
            self.literal(&eight(high % EIGHT_DIGITS));
        }
        self.literal(&eight(low));
    }

    #[inline(always)]
    fn short_unsigned(&mut self, number: u64) {
        let (digits, count) = up_to_eight(number);
        self.front(&digits, count);
    }

    /// Appends a member's value and a comma. What JSON has no number for becomes a string.
    #[inline(always)]
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        self.raw_value(match *value {
            Value::Str(text) => RawValue::Text(text.as_bytes()),
            Value::U64(number) => RawValue::U64(number),
            Value::I64(number) => RawValue::I64(number),
            Value::F64(number) => RawValue::F64(number),
            Value::Bool(value) => RawValue::Bool(value),
            Value::Json(text) => RawValue::Json(text.as_bytes()),
            // A record read back has no other kinds.
            _ => RawValue::Null,
        });
    }

    /// As [`Line::value`].
    #[inline(always)]
    pub(crate) fn raw_value(&mut self, value: RawValue<'_>) {
        match value {
            RawValue::Text(text) => {
                self.literal(b"\"");
                self.bytes(text);
                return self.literal(b"\",");
            }
            RawValue::U64(number) => self.unsigned(number),
            RawValue::I64(number) => {
                if number < 0 {
                    self.literal(b"-");
                }
                self.unsigned(number.unsigned_abs());
            }
            RawValue::F64(number) if number.is_finite() => {
                let mut digits = zmij::Buffer::new();
                let digits = digits.format_finite(number).as_bytes();
                // The longest number has 24 characters.
                copy_short(self.room(), digits);
                self.at += digits.len();
            }
            RawValue::F64(number) if number.is_nan() => self.literal(b"\"NaN\""),
            RawValue::F64(number) if number > 0.0 => self.literal(b"\"+Inf\""),
            RawValue::F64(_) => self.literal(b"\"-Inf\""),
            RawValue::Bool(true) => self.literal(b"true"),
            RawValue::Bool(false) => self.literal(b"false"),
            RawValue::Json(text) => self.verbatim(text),
            RawValue::Null => self.literal(b"null"),
        }
        self.literal(b",");
    }

    /// Takes back the last byte.
    #[inline(always)]
    pub(crate) fn take_back_one(&mut self) {
        match self.at.checked_sub(1) {
            Some(at) => self.at = at,
            None => drop(self.out.pop()),
        }
    }

    /// Where the next byte goes, for [`Line::rewind`].
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.out.len() + self.at
    }

    /// Takes back everything from a position on.
    #[inline(always)]
    pub(crate) fn rewind(&mut self, position: usize) {
        self.at = position.saturating_sub(self.out.len());
        self.out.truncate(position);
    }
}

/// Length of the parts a piece is copied in.
const CHUNK: usize = 32;

/// Bytes that are part of many lines, in the form that is copied fastest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    length: usize,
    /// Most are no longer than that, and then there is no second place to look at.
    start: [u8; CHUNK],
    rest: Vec<[u8; CHUNK]>,
}

impl Piece {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut piece = Self::default();
        piece.set(bytes);
        piece
    }

    /// Becomes a piece of these bytes.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        let (start, rest) = bytes.split_at(bytes.len().min(CHUNK));
        let padded = |bytes: &[u8]| {
            let mut chunk = [0; CHUNK];
            chunk[..bytes.len()].copy_from_slice(bytes);
            chunk
        };
        self.length = bytes.len();
        self.start = padded(start);
        self.rest.clear();
        self.rest.extend(rest.chunks(CHUNK).map(padded));
    }
}

/// Copies at most 32 bytes to the front of the room, unless one of them needs an escape. Whether
/// it did. Two copies that overlap cover all lengths between one and two times their size.
#[inline(always)]
fn copy_plain(room: &mut [u8; 32], bytes: &[u8]) -> bool {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        copy_ends(room, first, last, length);
        !json::needs_escape_16(first) && !json::needs_escape_16(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        copy_ends(room, first, last, length);
        let [first, last] = [first, last].map(|word| json::specials(u64::from_le_bytes(*word)));
        first | last == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        copy_ends(room, first, last, length);
        let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
        json::specials(first | last << 32) == 0
    } else if let [first, .., last] = bytes {
        let middle = bytes[length / 2];
        room[0] = *first;
        room[1] = middle;
        room[length - 1] = *last;
        json::specials(u64::from_le_bytes([*first, middle, *last, b'x', b'x', b'x', b'x', b'x']))
            == 0
    } else if let [only] = bytes {
        room[0] = *only;
        !matches!(only, 0..=0x1f | b'"' | b'\\')
    } else {
        true
    }
}

/// Copies at most 32 bytes to the front of the room.
#[inline(always)]
fn copy_short(room: &mut [u8; 32], bytes: &[u8]) {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        copy_ends(room, first, last, length);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        copy_ends(room, first, last, length);
    } else {
        room[..length].copy_from_slice(bytes);
    }
}

#[inline(always)]
fn copy_ends<const N: usize>(room: &mut [u8; 32], first: &[u8; N], last: &[u8; N], length: usize) {
    room[..N].copy_from_slice(first);
    room[length - N..length].copy_from_slice(last);
}

/// Makes room by appending what stands in the buffer to where the line belongs.
#[cold]
fn spill(buffer: &[u8; SIZE], at: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&buffer[..at]);
}

/// Appends a text past 32 bytes, and returns the new position in the buffer.
#[inline(never)]
fn long_text(buffer: &mut [u8; SIZE], at: usize, out: &mut Vec<u8>, text: &[u8]) -> usize {
    let mut at = at;
    if text.len() <= THROUGH_BUFFER_MAX {
        if at + text.len() > SIZE {
            spill(buffer, at, out);
            at = 0;
        }
        let end = at + text.len();
        if copy_plain_long(&mut buffer[at..end], text) {
            return end;
        }
    }
    escaped_text(buffer, at, out, text);
    0
}

/// Copies, unless a byte needs an escape. Whether it did. Both are of the same length, from 16.
fn copy_plain_long(to: &mut [u8], from: &[u8]) -> bool {
    let (Some(from_end), Some(to_end)) = (from.last_chunk(), to.last_chunk_mut()) else {
        return false;
    };
    *to_end = *from_end;
    let mut special = json::needs_escape_16(from_end);
    let (from, _) = from.as_chunks::<16>();
    let (to, _) = to.as_chunks_mut::<16>();
    for (from, to) in from.iter().zip(to) {
        *to = *from;
        special |= json::needs_escape_16(from);
    }
    !special
}

/// Appends a text that needs escapes behind what stands in the buffer.
#[inline(never)]
fn escaped_text(buffer: &[u8; SIZE], at: usize, out: &mut Vec<u8>, text: &[u8]) {
    spill(buffer, at, out);
    json::escape(out, text);
}
