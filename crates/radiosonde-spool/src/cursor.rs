//! The cursor of a stream: what is taken, what became of the rest, and the books.
//!
//! # Layout
//! A file with four slots of 4 KiB. A slot: `magic "RSNDCUR1", version u16, 0 u16, crc32c u32 (of the
//! other bytes of its length), length u32, 0 u32, generation u64`, then [`Cursor`] field by field, each a
//! u64: the next position, the place of the reader, delivered, rejected, refused, the batches, the
//! dropped by reason (count first), the ranges (count first), the gaps (count first), what is kept in memory.
//!
//! # Operation
//! A write goes to a slot that is neither the one written last, nor the one that is on disk, nor the one
//! that is being synced: so a torn write leaves the one before, and a power cut the one that was
//! synced.

use crate::account::{DropReason, Tally};
use crate::format::{Batches, Head, Position, VERSION, crc_around, u16_at, u32_at, u64_at};
use crate::options::TAKEN_MAX;

pub(crate) const SLOTS: usize = 4;
pub(crate) const SLOT_SIZE: usize = 4096;
/// Most gaps that wait to be told. Past them the last one grows.
pub(crate) const GAPS_MAX: usize = 16;

const MAGIC: [u8; 8] = *b"RSNDCUR1";
const HEAD: usize = 24;
const CRC_AT: usize = 12;
const REASONS: usize = DropReason::ALL.len();

/// Everything the cursor knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) generation: u64,
    /// Behind everything that was appended and kept.
    pub(crate) next: Position,
    /// What is taken next.
    pub(crate) read: Place,
    pub(crate) delivered: Tally,
    pub(crate) rejected: Tally,
    /// Part of what is dropped: what never got a sequence.
    pub(crate) refused: Tally,
    pub(crate) batches: Batches,
    /// By [`DropReason`].
    pub(crate) dropped: [Tally; REASONS],
    /// Taken and not settled.
    pub(crate) ranges: Vec<Range>,
    /// Not told yet.
    pub(crate) gaps: Vec<Untold>,
    /// Given to somebody who tells them. Written among the others, and after a restart one of them.
    pub(crate) telling: Vec<Untold>,
    pub(crate) kept: Kept,
}

/// What is in the memory of the process that writes, and on no disk: all from a position on, and the
/// ranges that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) from: Position,
    /// Why the disk did not take it, and how it is lost if the process is killed.
    pub(crate) reason: DropReason,
    /// When the first of it was appended.
    pub(crate) time_ns: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { from: Position::default(), reason: DropReason::WriteFailed, time_ns: 0 }
    }
}

/// A place in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    /// Byte of its file; zero for its first frame.
    pub(crate) offset: u64,
    /// What the frame there should say.
    pub(crate) at: Position,
}

/// Frames of one segment that somebody has, or had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// [`IN_MEMORY`] for frames that never reached the disk.
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) first: u64,
    pub(crate) tally: Tally,
    pub(crate) time_ns: u64,
    /// Its segment was given up for this reason: it cannot be taken again.
    pub(crate) evicted: Option<DropReason>,
    /// Somebody of this process has it. Not written: nobody has it after a restart.
    pub(crate) is_held: bool,
    /// It was taken before. Not written: after a restart it was.
    pub(crate) is_again: bool,
}

/// A loss that was not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) reason: DropReason,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) lost: Tally,
    pub(crate) from_ns: u64,
    pub(crate) to_ns: u64,
}

/// The segment of ranges that are in memory.
pub(crate) const IN_MEMORY: u64 = u64::MAX;
/// No segment has this number or a higher one, so that there is always a next one.
pub(crate) const NUMBERS_END: u64 = u64::MAX / 2;
/// Most bytes of a segment that a range goes over: a frame of the largest size, and what is read with it.
const RANGE_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl Cursor {
    /// Everything from a position on is lost, which no disk ever had. It gives its sequences back: what
    /// is appended next follows what is there.
    pub(crate) fn drop_the_end(&mut self, from: Position, reason: DropReason, span: (u64, u64)) {
        let lost = self.next - from;
        if lost != Tally::default() {
            self.next = from;
            self.refused += lost;
            self.drop(reason, from.records, lost, span);
        }
    }

    /// Records and bytes that are lost, counted and to be told.
    pub(crate) fn drop(&mut self, reason: DropReason, first: u64, lost: Tally, span: (u64, u64)) {
        if lost == Tally::default() {
            return;
        }
        self.dropped[reason as usize] += lost;
        let last = first.saturating_add(lost.records.max(1) - 1);
        self.leave(Untold { reason, first, last, lost, from_ns: span.0, to_ns: span.1 });
    }

    fn leave(&mut self, gap: Untold) {
        let Untold { reason, first, .. } = gap;
        let is_full = self.gaps.len() >= GAPS_MAX;
        let next_to = |known: &&mut Untold| {
            known.reason == reason && (is_full || known.last.saturating_add(1) >= first)
        };
        match self.gaps.iter_mut().rev().find(next_to) {
            Some(known) => known.join(&gap),
            None if is_full => self.gaps[GAPS_MAX - 1].join(&gap),
            None => self.gaps.push(gap),
        }
    }

    /// What is there, or taken and not settled.
    pub(crate) fn pending(&self) -> Tally {
        self.ranges.iter().fold(self.next - self.read.at, |sum, range| sum + range.tally)
    }

    /// The first segment that is needed still.
    pub(crate) fn needed(&self) -> u64 {
        self.ranges.iter().map(|range| range.segment).fold(self.read.segment, u64::min)
    }

    /// Whether the books add up, as in every one that was ever written.
    pub(crate) fn is_possible(&self) -> bool {
        let Self { next, read, delivered, rejected, refused, .. } = self;
        let ranges = self.ranges.iter().map(|range| range.tally);
        let mut parts = [*delivered, *rejected].into_iter().chain(self.dropped).chain(ranges);
        let sum = parts.try_fold(Tally::default(), |sum, part| {
            Some(sum + part).filter(|sum| Tally::END.is_from(*sum))
        });
        let is_within = Tally::END.is_from(*next) && Tally::END.is_from(*refused);
        is_within
            && next.is_from(read.at)
            && sum == Some(read.at + *refused)
            && self.batches.is_possible()
    }

    /// The bytes of a slot.
    pub(crate) fn encode(&self, seed: u32) -> Vec<u8> {
        let mut words = vec![self.generation];
        let tally = |words: &mut Vec<u64>, tally: Tally| words.extend([tally.records, tally.bytes]);
        tally(&mut words, self.next);
        words.extend([self.read.segment, self.read.offset]);
        for sum in [self.read.at, self.delivered, self.rejected, self.refused] {
            tally(&mut words, sum);
        }
        words.extend([self.batches.begun, u64::from(self.batches.part), self.batches.mark]);
        words.push(REASONS as u64);
        self.dropped.iter().for_each(|sum| tally(&mut words, *sum));
        words.push(self.ranges.len() as u64);
        for range in &self.ranges {
            words.extend([range.segment, range.offset, range.end, range.first]);
            tally(&mut words, range.tally);
            words.extend([range.time_ns, range.evicted.map_or(0, |why| why as u64 + 1)]);
        }
        words.push((self.telling.len() + self.gaps.len()) as u64);
        for gap in self.telling.iter().chain(&self.gaps) {
            words.extend([gap.reason as u64, gap.first, gap.last]);
            tally(&mut words, gap.lost);
            words.extend([gap.from_ns, gap.to_ns]);
        }
        tally(&mut words, self.kept.from);
        words.extend([self.kept.reason as u64, self.kept.time_ns]);
        let mut bytes = Vec::with_capacity(HEAD + 8 * words.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.resize(HEAD, 0);
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        debug_assert!(bytes.len() <= SLOT_SIZE, "ranges and gaps are bounded");
        let length = bytes.len() as u32;
        bytes[16..20].copy_from_slice(&length.to_le_bytes());
        let crc = crc_around(&bytes, seed);
        bytes[CRC_AT..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a slot.
    pub(crate) fn decode(slot: &[u8], seed: u32) -> Head<Self> {
        let length = u32_at(slot, 16) as usize;
        if slot.len() < HEAD || slot[..8] != MAGIC || !(HEAD..=slot.len()).contains(&length) {
            return Head::Bad;
        }
        let bytes = &slot[..length];
        if u32_at(bytes, CRC_AT) != crc_around(bytes, seed) {
            Head::Bad
        } else if u16_at(bytes, 8) > VERSION {
            Head::Newer
        } else {
            let found = Self::read(bytes).filter(Self::is_possible);
            found.map_or(Head::Bad, Head::Ours)
        }
    }
}

impl Cursor {
    /// What the bytes of a slot say, true or not.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        decode_words(&mut Words { bytes, at: HEAD })
    }
}

impl Untold {
    fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.lost += other.lost;
        self.from_ns = self.from_ns.min(other.from_ns);
        self.to_ns = self.to_ns.max(other.to_ns);
    }
}

/// The best of the slots, and which it is; [`Head::Newer`] if any is of a newer version.
pub(crate) fn best(file: &[u8], seed: u32) -> Head<(usize, Cursor)> {
    let mut best: Option<(usize, Cursor)> = None;
    for (slot, bytes) in file.chunks(SLOT_SIZE).take(SLOTS).enumerate() {
        match Cursor::decode(bytes, seed) {
            Head::Newer => return Head::Newer,
            Head::Ours(found)
                if best.as_ref().is_none_or(|(_, best)| found.generation > best.generation) =>
            {
                best = Some((slot, found));
            }
            Head::Ours(_) | Head::Bad => {}
        }
    }
    best.map_or(Head::Bad, Head::Ours)
}

struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        let end = self.at.checked_add(8).filter(|end| *end <= self.bytes.len())?;
        let word = u64_at(self.bytes, self.at);
        self.at = end;
        Some(word)
    }

    fn tally(&mut self) -> Option<Tally> {
        Some(Tally::new(self.next()?, self.next()?))
    }

    fn reason(&mut self) -> Option<DropReason> {
        reason_at(self.next()?)
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.next()?).ok().filter(|count| *count <= most)
    }
}

fn reason_at(place: u64) -> Option<DropReason> {
    DropReason::ALL.get(usize::try_from(place).ok()?).copied()
}

fn decode_words(words: &mut Words<'_>) -> Option<Cursor> {
    let mut cursor =
        Cursor { generation: words.next()?, next: words.tally()?, ..Cursor::default() };
    cursor.read = Place { segment: words.next()?, offset: words.next()?, at: words.tally()? };
    // Nobody writes this, nor books that do not add up; but the checksum keeps no secret, so anybody could.
    if cursor.read.segment > NUMBERS_END {
        return None;
    }
    cursor.delivered = words.tally()?;
    cursor.rejected = words.tally()?;
    cursor.refused = words.tally()?;
    let (begun, part) = (words.next()?, words.next()?);
    cursor.batches = Batches { begun, part: u32::try_from(part).ok()?, mark: words.next()? };
    // Fewer reasons are those of an earlier writer of the same version.
    for at in 0..words.count(REASONS)? {
        cursor.dropped[at] = words.tally()?;
    }
    for _ in 0..words.count(TAKEN_MAX)? {
        let (segment, offset, end) = (words.next()?, words.next()?, words.next()?);
        let (first, tally, time_ns) = (words.next()?, words.tally()?, words.next()?);
        let evicted = match words.next()? {
            0 => None,
            why => Some(reason_at(why - 1)?),
        };
        if end.checked_sub(offset)? > RANGE_BYTES_MAX {
            return None;
        }
        let range =
            Range { segment, offset, end, first, tally, time_ns, evicted, ..Range::default() };
        cursor.ranges.push(Range { is_again: true, ..range });
    }
    for _ in 0..words.count(2 * GAPS_MAX)? {
        let reason = words.reason()?;
        let (first, last, lost) = (words.next()?, words.next()?, words.tally()?);
        let (from_ns, to_ns) = (words.next()?, words.next()?);
        cursor.leave(Untold { reason, first, last, lost, from_ns, to_ns });
    }
    let (from, reason) = (words.tally()?, words.reason()?);
    cursor.kept = Kept { from, reason, time_ns: words.next()? };
    Some(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Cursor {
        let tally = |n| Tally::new(n, 100 * n);
        let mut cursor = Cursor {
            generation: 9,
            next: tally(90),
            read: Place { segment: 3, offset: 800, at: tally(40) },
            delivered: tally(10),
            rejected: tally(2),
            batches: Batches { begun: 8, part: 2, mark: 7 },
            kept: Kept { from: tally(80), reason: DropReason::DiskFull, time_ns: 7 },
            ..Cursor::default()
        };
        for (number, reason) in DropReason::ALL.into_iter().cycle().take(GAPS_MAX).enumerate() {
            cursor.drop(reason, 10 * number as u64, tally(3), (5, 6));
        }
        for number in 0..TAKEN_MAX as u64 {
            let range =
                Range { segment: number, first: number, is_again: true, ..Range::default() };
            cursor.ranges.push(range);
        }
        // The books add up.
        let lost = cursor.dropped.iter().fold(Tally::default(), |sum, lost| sum + *lost);
        cursor.refused = cursor.delivered + cursor.rejected + lost - cursor.read.at;
        assert!(cursor.is_possible());
        cursor
    }

    #[test]
    fn books_that_do_not_add_up_are_nobodys() {
        let changes: [fn(&mut Cursor); 8] = [
            |cursor| cursor.delivered.records += 1,
            |cursor| cursor.rejected.bytes += 1,
            |cursor| cursor.refused.records += 1,
            |cursor| cursor.dropped[2].bytes += 1,
            |cursor| cursor.ranges[1].tally.records += 1,
            |cursor| cursor.read.at.records += 1,
            |cursor| cursor.next.bytes = cursor.read.at.bytes - 1,
            |cursor| cursor.next = Tally::END + Tally::new(1, 0),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut cursor = full();
            change(&mut cursor);
            assert_eq!(Cursor::decode(&cursor.encode(7), 7), Head::Bad, "change {at}");
        }
    }

    #[test]
    fn a_full_slot_is_read_as_it_was_written_and_no_flipped_bit_gets_through() {
        let cursor = full();
        let bytes = cursor.encode(7);
        assert_eq!(cursor.gaps.len(), GAPS_MAX);
        assert!(bytes.len() <= SLOT_SIZE, "{}", bytes.len());
        assert_eq!(Cursor::decode(&bytes, 7), Head::Ours(cursor));
        assert_eq!(Cursor::decode(&bytes, 8), Head::Bad);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            assert_eq!(Cursor::decode(&damaged, 7), Head::Bad, "byte {at}");
            assert_eq!(Cursor::decode(&bytes[..at], 7), Head::Bad, "cut at {at}");
        }
    }

    #[test]
    fn gaps_beside_each_other_are_one_and_their_number_is_bounded() {
        let mut cursor = Cursor::default();
        let one = Tally::new(5, 50);
        cursor.drop(DropReason::Cap, 0, one, (1, 2));
        cursor.drop(DropReason::Cap, 5, one, (3, 4));
        let joined = Untold {
            reason: DropReason::Cap,
            first: 0,
            last: 9,
            lost: Tally::new(10, 100),
            from_ns: 1,
            to_ns: 4,
        };
        assert_eq!(cursor.gaps, [joined]);
        for number in 1..100 {
            cursor.drop(DropReason::Damaged, 20 * number, one, (5, 6));
        }
        assert_eq!(cursor.gaps.len(), GAPS_MAX);
        let told: u64 = cursor.gaps.iter().map(|gap| gap.lost.records).sum();
        assert_eq!(told, 10 + 99 * 5, "none is forgotten");
    }
}
