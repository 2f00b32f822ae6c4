//! A line while it is written.

use radiosonde_record::RawValue;
use radiosonde_redact::may_match;

use crate::digits::{EIGHT_DIGITS, eight, up_to_eight};
use crate::json;

/// Room that the copy of a piece or a text may take behind its end.
pub(crate) const MARGIN: usize = 64;

/// A line while it is written, into room for all of it.
///
/// Copies of a fixed size cost a fraction of those of any size, so short parts are copied with
/// whatever stands behind them, and the next part overwrites what was too much. That is why the
/// position moves separately from the copying.
///
/// Each part waits for the position the one before has left. So that it stays in a register, the
/// methods are inlined, and what is not takes a line by value and returns it.
///
/// # Panics
/// All methods, when the room is not enough: whoever makes it knows how much that is.
pub(crate) struct Line<'a, R: Room> {
    room: &'a mut R,
    at: usize,
    /// Whether a text was written that may have a secret in it.
    is_suspect: bool,
    /// Whether finished JSON counts as such a text, whatever it looks like.
    suspects_json: bool,
}

/// What a line is written into: of a size known beforehand, which saves half of the checks, or of
/// any.
pub(crate) trait Room: AsMut<[u8]> {}

impl<const N: usize> Room for [u8; N] {}
impl Room for &mut [u8] {}

impl<'a, R: Room> Line<'a, R> {
    #[inline(always)]
    pub(crate) fn new(room: &'a mut R, suspects_json: bool) -> Self {
        Self { room, at: 0, is_suspect: false, suspects_json }
    }

    /// Bytes written so far: the next one's position.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.at
    }

    /// Whether what was written has to be looked at, and written again without its secrets.
    #[inline(always)]
    pub(crate) fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Something in the record has to be looked at that is not written yet. No answer, for who has none
    /// either.
    #[cold]
    pub(crate) fn suspect<T>(&mut self) -> Option<T> {
        self.is_suspect = true;
        None
    }

    /// Takes back everything from a position on.
    #[inline(always)]
    pub(crate) fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    /// Room for the next bytes.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        let room = self.room.as_mut();
        if room.len().checked_sub(N).is_none_or(|last| self.at > last) {
            no_room();
        }
        match room[self.at..].first_chunk_mut() {
            Some(room) => room,
            None => no_room(),
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
        if piece.length <= SHORT {
            return self.front(&piece.short, piece.length);
        }
        let mut left = piece.length;
        for part in &piece.long {
            self.front(part, left.min(LONG));
            left = left.saturating_sub(LONG);
        }
    }

    /// Appends bytes as they are.
    #[inline(always)]
    pub(crate) fn verbatim(&mut self, bytes: &[u8]) {
        self.room.as_mut()[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Appends text as the inside of a JSON string, and what stands behind it.
    #[inline(always)]
    pub(crate) fn text<const N: usize>(&mut self, text: &str, then: &[u8; N]) {
        self.surrounded(b"", text.as_bytes(), then);
    }

    /// Appends text as the inside of a JSON string, and what stands around it.
    #[inline(always)]
    fn surrounded<const M: usize, const N: usize>(
        &mut self,
        before: &[u8; M],
        bytes: &[u8],
        then: &[u8; N],
    ) {
        self.is_suspect |= may_match(bytes);
        let room: &mut [u8; 64] = self.room();
        put(room, *before);
        if bytes.len() <= TEXT && copy_plain(&mut room[M..], bytes) {
            put(&mut room[M + bytes.len()..], *then);
            self.at += M + bytes.len() + N;
        } else {
            self.at = any_text(self.room.as_mut(), self.at + M, bytes);
            self.literal(then);
        }
    }

    /// Appends a member's value as it is, and a comma. Whether there may be a secret in it is known
    /// elsewhere.
    pub(crate) fn made_value(&mut self, json: &[u8], is_suspect: bool) {
        self.is_suspect |= is_suspect;
        self.verbatim(json);
        self.literal(b",");
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
    pub(crate) fn value(&mut self, value: RawValue<'_>) {
        match value {
            RawValue::Text(text) => return self.surrounded(b"\"", text, b"\","),
            RawValue::U64(number) => self.unsigned(number),
            RawValue::I64(number) => {
                // Written in any case: which sign comes next is hard to foretell for a processor.
                self.front(b"-", usize::from(number < 0));
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
            RawValue::Json(text) => {
                self.is_suspect |= self.suspects_json || may_match(text);
                self.verbatim(text);
            }
            RawValue::Null => self.literal(b"null"),
        }
        self.literal(b",");
    }

    /// Takes back the last byte.
    #[inline(always)]
    pub(crate) fn take_back_one(&mut self) {
        self.at = self.at.saturating_sub(1);
    }
}

#[cold]
fn no_room() -> ! {
    panic!("a line is longer than the room that was made for it")
}

/// Up to this length a piece is copied at once, and stands where its length does.
const SHORT: usize = 32;
/// Longer ones are copied in parts of this length: as much as goes without a loop in the copy.
const LONG: usize = 64;

/// Bytes that are part of many lines, in the form that is copied fastest.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    length: usize,
    /// The bytes, when they are no more.
    short: [u8; SHORT],
    /// The bytes otherwise.
    long: Vec<[u8; LONG]>,
}

impl Piece {
    /// Its length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut piece = Self { length: 0, short: [0; SHORT], long: Vec::new() };
        piece.set(bytes);
        piece
    }

    /// Becomes a piece of these bytes.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.length = bytes.len();
        match self.short.get_mut(..bytes.len()) {
            Some(short) => short.copy_from_slice(bytes),
            None => {
                self.long.clear();
                self.long.extend(bytes.chunks(LONG).map(|part| {
                    let mut padded = [0; LONG];
                    padded[..part.len()].copy_from_slice(part);
                    padded
                }));
            }
        }
    }
}

impl Default for Piece {
    fn default() -> Self {
        Self::new(&[])
    }
}

/// Longest text that is copied without a loop.
const TEXT: usize = 32;

/// Copies at most 32 bytes to the front of the room, unless one of them needs an escape. Whether
/// it did. Two copies that overlap cover all lengths between one and two times their size.
#[inline(always)]
fn copy_plain(room: &mut [u8], bytes: &[u8]) -> bool {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        copy_ends(room, first, last, length);
        !json::needs_escape(first) && !json::needs_escape(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        copy_ends(room, first, last, length);
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        json::specials(first) | json::specials(last) == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        copy_ends(room, first, last, length);
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        json::specials(u64::from(first) | u64::from(last) << 32) == 0
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

/// Stores an array at the front, where there is room for it. Not by `copy_from_slice`: without
/// link-time optimization that is a call.
#[inline(always)]
fn put<const N: usize>(to: &mut [u8], bytes: [u8; N]) {
    if let Some(place) = to.first_chunk_mut() {
        *place = bytes;
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
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        copy_ends(room, first, last, length);
    } else {
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
    }
}

#[inline(always)]
fn copy_ends<const N: usize>(room: &mut [u8], first: &[u8; N], last: &[u8; N], length: usize) {
    put(room, *first);
    put(&mut room[length - N..length], *last);
}

/// Writes any text at a position, and returns the one behind it.
#[inline(never)]
fn any_text(room: &mut [u8], at: usize, text: &[u8]) -> usize {
    let room = &mut room[at..];
    let length = text.len();
    if length < TEXT || !copy_plain_long(&mut room[..length], text) {
        return at + json::escape(room, text);
    }
    at + length
}

/// Copies, unless a byte needs an escape. Whether it did. Both are of the same length, from 32.
fn copy_plain_long(to: &mut [u8], from: &[u8]) -> bool {
    let (Some(from_end), Some(to_end)) = (from.last_chunk::<32>(), to.last_chunk_mut()) else {
        return false;
    };
    *to_end = *from_end;
    let (from, _) = from.as_chunks::<32>();
    let (to, _) = to.as_chunks_mut();
    for (from, to) in from.iter().zip(to) {
        // Left at once: looked at together, the parts become a vector of their first bytes, and so
        // on, which takes twice the time.
        if json::needs_escape(from) {
            return false;
        }
        *to = *from;
    }
    !json::needs_escape(from_end)
}
