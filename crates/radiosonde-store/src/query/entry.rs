//! A matching line on its way to its place among all: its text, its place, and where it was found.

use crate::id::LineId;
use crate::line::Line;

/// A line that matches, by its text.
///
/// Sorts by place; of copies of one line, the one found first comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) order: Order,
    /// Which file it stands in, and where: see [`super::Found::offset`].
    pub(super) source: u32,
    pub(super) offset: u64,
    pub(super) text: Box<[u8]>,
}

impl Entry {
    /// Bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of::<Self>() + ALLOCATION_BYTES
    }
}

/// The place of a line among all: by time, then by writer and sequence. Copies of one line have the
/// same place; lines without an id of ours are told apart by where they stand: what others call `id` may
/// be a request, and stand in many lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Nanoseconds since 1970.
    ns: i128,
    instance: u64,
    ring: u32,
    file: u32,
    seq_or_offset: u64,
}

impl Order {
    /// The place of a line with this time and id, which stands in this file at this offset.
    pub(super) fn new(ns: i128, id: Option<&[u8]>, source: u32, offset: u64) -> Self {
        let Some((instance, ring, seq)) = id.and_then(parts) else {
            return Self { ns, instance: 0, ring: 0, file: source, seq_or_offset: offset };
        };
        Self { ns, instance, ring, file: u32::MAX, seq_or_offset: seq }
    }

    pub(super) fn of(line: &Line, source: u32, offset: u64) -> Self {
        let id = line.id.as_deref().map(str::as_bytes);
        Self::new(line.ts.as_nanosecond(), id, source, offset)
    }

    /// Its time in microseconds since 1970, rounded down.
    pub(super) fn microseconds(&self) -> i64 {
        // Years 9,999 before and after now fit.
        i64::try_from(self.ns.div_euclid(1_000)).unwrap_or(i64::MAX)
    }

    pub(super) fn to_bytes(self) -> [u8; ORDER_BYTES] {
        let mut bytes = [0; ORDER_BYTES];
        bytes[..16].copy_from_slice(&self.ns.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.instance.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.ring.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.file.to_le_bytes());
        bytes[32..].copy_from_slice(&self.seq_or_offset.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; ORDER_BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        Self {
            ns: i128::from_le_bytes(front(&mut rest)),
            instance: u64::from_le_bytes(front(&mut rest)),
            ring: u32::from_le_bytes(front(&mut rest)),
            file: u32::from_le_bytes(front(&mut rest)),
            seq_or_offset: u64::from_le_bytes(front(&mut rest)),
        }
    }
}

/// Takes bytes from the front of others, which are so many at least; zeros where they are not.
pub(super) fn front<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((front, behind)) = rest.split_first_chunk() else { return [0; N] };
    *rest = behind;
    *front
}

/// An id of ours, `<8 characters>.<ring>.<seq>`, as numbers that sort like it.
pub(crate) fn parts(id: &[u8]) -> Option<(u64, u32, u64)> {
    let LineId { instance, ring, seq } = LineId::parse(std::str::from_utf8(id).ok()?)?;
    Some((u64::from_be_bytes(instance.as_bytes().try_into().ok()?), ring, seq))
}

pub(super) const ORDER_BYTES: usize = 40;
/// What an allocation costs besides what it holds.
const ALLOCATION_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_ours_sort_by_number_and_others_tell_nothing() {
        let at = |id: &str| Order::new(5, Some(id.as_bytes()), 0, 0);
        assert!(at("aaaaaaaa.1.2") < at("aaaaaaaa.1.10"));
        assert!(at("aaaaaaaa.2.0") < at("aaaaaaaa.10.0"));
        let elsewhere = |id: &str| Order::new(5, Some(id.as_bytes()), 1, 1);
        assert_eq!(at("aaaaaaaa.1.2"), elsewhere("aaaaaaaa.1.2"));
        for id in ["a.1.2", "aaaaaaaa.1.02", "aaaaaaaa.01.2", "aaaaaaaa.1.+2", "", "request-7"] {
            assert_ne!(at(id), elsewhere(id), "{id}");
            assert_eq!(at(id), Order::new(5, None, 0, 0), "{id}");
        }
    }

    #[test]
    fn a_place_comes_back_from_its_bytes() {
        for order in [
            Order::new(-1, Some(b"aaaaaaaa.4294967295.18446744073709551615"), 7, 9),
            Order::new(i128::from(i64::MAX) * 1_000, None, 7, 9),
        ] {
            assert_eq!(Order::from_bytes(&order.to_bytes()), order);
        }
    }
}
