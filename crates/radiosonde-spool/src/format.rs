//! The files of a spool: segments of frames, and where everything is.
//!
//! # Constraints
//! What was appended before a kill is there after it, without a sync: one `pwrite` for each frame.
//! What was there before a power cut and a sync is there after it. A flipped byte costs one frame at
//! most, and how many records that were is known. An append makes no file but one in some thousand,
//! syncs nothing and waits for no reader. A reader that was killed takes the same frames again.
//!
//! # Layout
//! ```text
//! manifest                      magic "RSNDMAN1", version u16, 0 u16, crc32c u32, spool u64, length u32, bytes
//! <stream>/cursor               four slots, see the module `cursor`
//! <stream>/%020d.seg            segments, numbered upwards
//! quarantine/<stream>-%06d.bin  a line that says why, then the bytes
//! spare                         an empty, preallocated segment
//! ```
//! All numbers are little-endian. A segment begins with 80 bytes: `magic "RSNDSPL1", version u16, 0
//! u16, crc32c u32 (of all other bytes), spool u64, number u64, sequence u64, bytes before u64, created
//! ns u64, mark u64, begun u64, part u32, 0 u32`. Frames follow, each at a multiple of eight: `magic u32,
//! length u32, sequence u64, bytes before u64, batch u64, time ns u64, records u32, index u16, flags u16
//! (1: last of its batch), crc32c of the payload u32, crc32c of the head u32, payload, up to seven zeros`.
//! The file ends where they end: room is preallocated behind its end.
//!
//! Magic, version, and the checksum of the first 80 bytes of a segment (of the whole manifest, of a
//! slot's length) stay where they are in every version: a newer one is told from damage by them.
//!
//! The checksums begin from one over the spool's id and the stream's name, so that bytes of another
//! file, and a payload made to look like frames, are nothing here.
//!
//! # Operation
//! A record's sequence is its number in the stream, from zero, and `bytes before` the same for bytes
//! of payload: two frames tell how much is missing between them. Numbers are given only to what is
//! kept; what is refused at once is counted in the cursor. Batch and index make an append
//! repeatable: what is there of a batch is not written again. The last segment is appended to until
//! it is full. Whoever opens a spool begins a segment of its own and writes to no old one.
//!
//! The reader keeps in the cursor what it has taken, before anybody sees it, and what became of it.
//! A segment that is before all of that is garbage, and removed once the cursor is on disk. Under
//! pressure the oldest segment of the lowest rank goes first, counted in the cursor before it is
//! removed.
//!
//! # Recovery
//! The slot of the cursor with the highest generation counts. Its position may name a segment that is
//! gone: then the next one follows, and the sequences tell what is missing. Only the last segment
//! is read through, for the end of its frames and the batch that was being appended. Damage further
//! ahead is found when the reader gets there: it goes on at the next place where a head's checksum
//! holds, and counts what is missing by the sequences. Without any slot everything is taken again.
//! A segment of a newer version, and a file that is not named like ours, is left alone.

use crate::account::Tally;

/// The version of everything here.
pub(crate) const VERSION: u16 = 1;
pub(crate) const SEGMENT_HEAD: usize = 80;
pub(crate) const FRAME_HEAD: usize = 56;
pub(crate) const MANIFEST_HEAD: usize = 28;

const SEGMENT_MAGIC: [u8; 8] = *b"RSNDSPL1";
const MANIFEST_MAGIC: [u8; 8] = *b"RSNDMAN1";
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"RSfr");
const LAST: u16 = 1;
/// No batch has a higher number, so that there is always a next one.
const BATCHES_END: u64 = u64::MAX / 2;
/// Where the checksum is of a segment's head and of the manifest's.
const CRC_AT: usize = 12;

/// A number and a name in every checksum of a stream.
pub(crate) fn seed(spool: u64, stream: &str) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&spool.to_le_bytes()), stream.as_bytes())
}

/// A place in a stream: records and bytes before it.
pub(crate) type Position = Tally;

/// The head of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) spool: u64,
    pub(crate) number: u64,
    /// Before the first frame.
    pub(crate) first: Position,
    pub(crate) created_ns: u64,
    pub(crate) batches: Batches,
}

/// Which batches are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Batches {
    /// The last one of which anything is here.
    pub(crate) begun: u64,
    /// How many of its frames are.
    pub(crate) part: u32,
    /// The last one that is here whole.
    pub(crate) mark: u64,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) length: u32,
    pub(crate) at: Position,
    pub(crate) batch: u64,
    pub(crate) time_ns: u64,
    pub(crate) records: u32,
    pub(crate) index: u16,
    pub(crate) is_last: bool,
}

impl FrameHead {
    /// The place behind the frame.
    pub(crate) fn end(&self) -> Position {
        self.at + self.tally()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally::new(u64::from(self.records), u64::from(self.length))
    }

    /// Bytes from head to head.
    fn stride(&self) -> usize {
        FRAME_HEAD + (self.length as usize).next_multiple_of(8)
    }
}

impl Batches {
    pub(crate) fn is_possible(&self) -> bool {
        self.begun.max(self.mark) <= BATCHES_END
    }

    /// A frame is here.
    pub(crate) fn see(&mut self, batch: u64, index: u32, is_last: bool) {
        let seen = Self { begun: batch, part: index.saturating_add(1), mark: self.mark };
        *self = seen.max(*self);
        if is_last {
            self.mark = self.mark.max(batch);
        }
    }
}

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head<T> {
    /// It is ours, and whole.
    Ours(T),
    /// It is of a version that this one does not know.
    Newer,
    /// It is damaged, or not ours.
    Bad,
}

/// Where a walk through a segment's bytes gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame, its payload from here, and the place behind it.
    Frame(FrameHead, usize, usize),
    /// A frame whose payload is damaged, and the place behind it.
    Damaged(FrameHead, usize),
    /// Nothing of ours up to this place.
    Bad(usize),
    /// The bytes end before the frame does. With nothing left, they simply end.
    End,
}

/// Writes the head of a segment.
pub(crate) fn segment_head(head: &SegmentHead, seed: u32) -> [u8; SEGMENT_HEAD] {
    let mut bytes = [0; SEGMENT_HEAD];
    bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    let Batches { begun, part, mark } = head.batches;
    let words = [
        head.spool,
        head.number,
        head.first.records,
        head.first.bytes,
        head.created_ns,
        mark,
        begun,
    ];
    for (place, word) in bytes[16..72].chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes[72..76].copy_from_slice(&part.to_le_bytes());
    let crc = crc_around(&bytes, seed);
    bytes[CRC_AT..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads the head of the segment with this number.
pub(crate) fn read_segment_head(bytes: &[u8], number: u64, seed: u32) -> Head<SegmentHead> {
    let Some(bytes) = bytes.first_chunk::<SEGMENT_HEAD>() else { return Head::Bad };
    if bytes[..8] != SEGMENT_MAGIC {
        return Head::Bad;
    }
    if u32_at(bytes, CRC_AT) != crc_around(bytes, seed) {
        return Head::Bad;
    }
    let head = SegmentHead {
        spool: u64_at(bytes, 16),
        number: u64_at(bytes, 24),
        first: Position::new(u64_at(bytes, 32), u64_at(bytes, 40)),
        created_ns: u64_at(bytes, 48),
        batches: Batches {
            mark: u64_at(bytes, 56),
            begun: u64_at(bytes, 64),
            part: u32_at(bytes, 72),
        },
    };
    if u16_at(bytes, 8) > VERSION {
        Head::Newer
    } else if head.number == number && head.batches.is_possible() && Tally::END.is_from(head.first)
    {
        Head::Ours(head)
    } else {
        Head::Bad
    }
}

/// The id in the head of any segment, for a spool whose manifest is damaged.
pub(crate) fn spool_of(bytes: &[u8], number: u64, stream: &str) -> Option<u64> {
    let spool = u64_at(bytes.first_chunk::<SEGMENT_HEAD>()?, 16);
    match read_segment_head(bytes, number, seed(spool, stream)) {
        Head::Ours(head) => Some(head.spool),
        _ => None,
    }
}

/// Appends a frame to the bytes.
pub(crate) fn write_frame(bytes: &mut Vec<u8>, head: &FrameHead, payload: &[u8], seed: u32) {
    let start = bytes.len();
    bytes.extend_from_slice(&FRAME_MAGIC.to_le_bytes());
    bytes.extend_from_slice(&head.length.to_le_bytes());
    for word in [head.at.records, head.at.bytes, head.batch, head.time_ns] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(&head.records.to_le_bytes());
    bytes.extend_from_slice(&head.index.to_le_bytes());
    bytes.extend_from_slice(&(if head.is_last { LAST } else { 0 }).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c_append(seed, payload).to_le_bytes());
    let crc = crc32c::crc32c_append(seed, &bytes[start..]);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// Looks at what stands at a place. What stands at `bytes[0]` is at a multiple of eight in its file.
pub(crate) fn step(bytes: &[u8], at: usize, seed: u32) -> Step {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.len() < FRAME_HEAD {
        return Step::End;
    }
    let Some((head, payload_crc)) = frame_head(rest, seed) else {
        let mut next = at + 8;
        while next + FRAME_HEAD <= bytes.len() && frame_head(&bytes[next..], seed).is_none() {
            next += 8;
        }
        return Step::Bad(next);
    };
    let end = at + head.stride();
    if end > bytes.len() {
        return Step::End;
    }
    let from = at + FRAME_HEAD;
    let payload = &bytes[from..from + head.length as usize];
    if crc32c::crc32c_append(seed, payload) == payload_crc {
        Step::Frame(head, from, end)
    } else {
        Step::Damaged(head, end)
    }
}

/// A head whose checksum holds, and the checksum of its payload.
fn frame_head(bytes: &[u8], seed: u32) -> Option<(FrameHead, u32)> {
    let bytes = bytes.first_chunk::<FRAME_HEAD>()?;
    if u32_at(bytes, 0) != FRAME_MAGIC
        || u32_at(bytes, 52) != crc32c::crc32c_append(seed, &bytes[..52])
        || u32_at(bytes, 4) as usize > crate::FRAME_BYTES_MAX
    {
        return None;
    }
    let head = FrameHead {
        length: u32_at(bytes, 4),
        at: Position::new(u64_at(bytes, 8), u64_at(bytes, 16)),
        batch: u64_at(bytes, 24),
        time_ns: u64_at(bytes, 32),
        records: u32_at(bytes, 40),
        index: u16_at(bytes, 44),
        is_last: u16_at(bytes, 46) & LAST != 0,
    };
    (Tally::END.is_from(head.at) && head.batch <= BATCHES_END).then(|| (head, u32_at(bytes, 48)))
}

/// Writes a manifest.
pub(crate) fn manifest(spool: u64, owner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MANIFEST_HEAD + owner.len());
    bytes.extend_from_slice(&MANIFEST_MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&spool.to_le_bytes());
    bytes.extend_from_slice(&(owner.len() as u32).to_le_bytes());
    bytes.extend_from_slice(owner);
    let crc = crc_around(&bytes, 0);
    bytes[CRC_AT..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a manifest: the spool's id and the owner's bytes.
pub(crate) fn read_manifest(bytes: &[u8]) -> Head<(u64, &[u8])> {
    if bytes.len() < MANIFEST_HEAD || bytes[..8] != MANIFEST_MAGIC {
        return Head::Bad;
    }
    let owner = &bytes[MANIFEST_HEAD..];
    if u32_at(bytes, CRC_AT) != crc_around(bytes, 0) {
        Head::Bad
    } else if u16_at(bytes, 8) > VERSION {
        Head::Newer
    } else if owner.len() == u32_at(bytes, 24) as usize {
        Head::Ours((u64_at(bytes, 16), owner))
    } else {
        Head::Bad
    }
}

/// The checksum of everything but the checksum.
pub(crate) fn crc_around(bytes: &[u8], seed: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &bytes[..CRC_AT]), &bytes[CRC_AT + 4..])
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes)
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:020}.seg")
}

/// The number in the name of a segment's file.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
