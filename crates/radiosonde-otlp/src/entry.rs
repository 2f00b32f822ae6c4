//! Entries: what of a record waits in a spool, and the frames that they stand in.
//!
//! # Layout
//! All numbers are little-endian. A payload of a frame is entries, each behind its length as a `u32`:
//! ```text
//! 0 u8  version, 1
//! 1 u32 records: 1, or how many points of a metric there are
//! 5 u16 length of the scope
//! 7     scope: a message `InstrumentationScope`
//!       item: a message `LogRecord`, `Span` or `Metric`
//! ```
//! Neither scope nor item is looked at on the way: a request is put together from their bytes.

use crate::streams::Stream;

/// Most bytes of a frame's payload, unless a single entry takes more.
///
/// A part of what is on disk, as is how [`Packer`] fills frames: a batch that a kill tore apart is packed
/// again by whoever recovers it, perhaps a later version, and goes on behind as many frames as are there
/// already. Other frames of the same entries would lose some and repeat others.
pub const FRAME_MAX: usize = 64 * 1024;
/// Most bytes of an entry, so that it fits a frame: the largest record there is takes a fraction of it.
pub const ENTRY_MAX: usize = radiosonde_spool::FRAME_BYTES_MAX - PREFIX;

const VERSION: u8 = 1;
/// Bytes before the scope.
const HEAD: usize = 7;
/// Bytes of the length before each entry of a payload.
const PREFIX: usize = 4;

/// One entry, read back. Borrows the payload it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// What it counts for: log records, spans or points of metrics, of which the first two are one.
    pub records: u32,
    /// The scope, encoded.
    pub scope: &'a [u8],
    /// The log record, span or metric, encoded.
    pub item: &'a [u8],
}

/// Why bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It ends before it should.
    #[error("an entry ends early: the rest of its frame is lost")]
    Cut,
    /// Written by a version of this crate that is not known here.
    #[error("an entry has version {0}: send it with the radiosonde that wrote it, or a newer one")]
    Version(u8),
}

impl<'a> Entry<'a> {
    /// Reads one entry from its exact bytes.
    ///
    /// # Errors
    /// [`EntryError`] for anything that was not written by this crate.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(EntryError::Cut)?;
        let [version, a, b, c, d, low, high] = *head;
        if version != VERSION {
            return Err(EntryError::Version(version));
        }
        let scope = usize::from(u16::from_le_bytes([low, high]));
        let (scope, item) = rest.split_at_checked(scope).ok_or(EntryError::Cut)?;
        Ok(Self { records: u32::from_le_bytes([a, b, c, d]), scope, item })
    }
}

/// Where an entry is put together.
pub(crate) trait Append {
    fn append(&mut self, bytes: &[u8]);
}

impl Append for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Append for radiosonde_record::Lines {
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends an entry, without its length. A scope of more than 64 KiB, which nobody has, is left out.
pub(crate) fn encode(to: &mut impl Append, records: u32, scope: &[u8], item: &[u8]) {
    let (length, scope) = match u16::try_from(scope.len()) {
        Ok(length) => (length, scope),
        Err(_) => (0, &[][..]),
    };
    let [a, b, c, d] = records.to_le_bytes();
    let [low, high] = length.to_le_bytes();
    to.append(&[VERSION, a, b, c, d, low, high]);
    to.append(scope);
    to.append(item);
}

/// Bytes of an entry with such a scope and item.
pub(crate) const fn size(scope: usize, item: usize) -> usize {
    HEAD + scope + item
}

/// The entries of a frame's payload. Ends behind the first that is damaged.
pub fn entries(payload: &[u8]) -> Entries<'_> {
    Entries { rest: payload }
}

/// Iterator over the entries of a payload. See [`entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cut = self
            .rest
            .split_first_chunk::<PREFIX>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
        let Some((entry, rest)) = cut else {
            self.rest = &[];
            return Some(Err(EntryError::Cut));
        };
        self.rest = rest;
        Some(Entry::decode(entry))
    }
}

/// Packs entries into payloads of frames, by stream. Keeps its memory.
#[derive(Debug, Default)]
pub struct Packer {
    streams: [Packed; Stream::ALL.len()],
}

/// The payloads of one stream, one behind the other.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    /// Where each payload ends, and how many records are in it.
    frames: Vec<(usize, u32)>,
}

impl Packer {
    /// Forgets all entries.
    pub fn clear(&mut self) {
        for packed in &mut self.streams {
            packed.bytes.clear();
            packed.frames.clear();
        }
    }

    /// Bytes of all payloads.
    pub fn size(&self) -> usize {
        self.streams.iter().map(|packed| packed.bytes.len()).sum()
    }

    /// Adds an entry. The same entries in the same order make the same payloads. One that is larger
    /// than [`ENTRY_MAX`] or cannot be read is left out: `false`.
    #[must_use]
    pub fn push(&mut self, stream: Stream, entry: &[u8]) -> bool {
        let Ok(Entry { records, .. }) = Entry::decode(entry) else { return false };
        if entry.len() > ENTRY_MAX {
            return false;
        }
        let Packed { bytes, frames } = &mut self.streams[stream.index()];
        let begin = frames.len().checked_sub(2).map_or(0, |before| frames[before].0);
        let end = bytes.len() + PREFIX + entry.len();
        match frames.last_mut() {
            Some((last, count)) if end - begin <= FRAME_MAX => {
                (*last, *count) = (end, count.saturating_add(records));
            }
            _ => frames.push((end, records)),
        }
        // Bounded by `ENTRY_MAX`.
        bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        bytes.extend_from_slice(entry);
        true
    }

    /// The payloads of a stream with the number of their records.
    pub fn frames(&self, stream: Stream) -> impl Iterator<Item = (u32, &[u8])> {
        let Packed { bytes, frames } = &self.streams[stream.index()];
        let begins = std::iter::once(0).chain(frames.iter().map(|(end, _)| *end));
        frames.iter().zip(begins).map(|((end, records), begin)| (*records, &bytes[begin..*end]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(records: u32, scope: &[u8], item: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, records, scope, item);
        bytes
    }

    #[test]
    fn entries_read_back_and_cut_ones_are_refused() {
        let bytes = entry(3, b"scope", b"item");
        let expected = Entry { records: 3, scope: b"scope", item: b"item" };
        assert_eq!(bytes.len(), size(5, 4));
        assert_eq!(Entry::decode(&bytes), Ok(expected));
        for cut in 0..HEAD + 5 {
            assert_eq!(Entry::decode(&bytes[..cut]), Err(EntryError::Cut), "{cut}");
        }
        let newer = [&[2], &bytes[1..]].concat();
        assert_eq!(Entry::decode(&newer), Err(EntryError::Version(2)));
        let wide = entry(1, &[b'x'; 70_000], b"item");
        assert_eq!(Entry::decode(&wide).map(|entry| entry.scope.len()), Ok(0));
    }

    /// What another version may have begun to append; see [`FRAME_MAX`].
    #[test]
    fn frames_are_what_they_have_always_been() {
        assert_eq!((FRAME_MAX, ENTRY_MAX), (65_536, 1_048_572));
        let mut packer = Packer::default();
        // Three that fill a frame to its last byte, one more, one that is larger, and two small ones.
        for item in [20_000, 20_000, 25_503, 0, 65_526, 1, 2] {
            assert!(packer.push(Stream::Events, &entry(1, b"", &vec![9; item])));
        }
        let lengths = packer.frames(Stream::Events).map(|(_, payload)| payload.len());
        assert_eq!(lengths.collect::<Vec<_>>(), [65_536, 11, 65_537, 25]);
        packer.clear();
        assert!(packer.push(Stream::Traces, &[1, 2, 0, 0, 0, 1, 0, b's', b'i']));
        assert!(packer.push(Stream::Traces, &[1, 1, 0, 0, 0, 0, 0]));
        let expected = b"\x09\0\0\0\x01\x02\0\0\0\x01\0si\x07\0\0\0\x01\x01\0\0\0\0\0";
        let frames: Vec<_> = packer.frames(Stream::Traces).collect();
        assert_eq!(frames, [(3, &expected[..])]);
    }

    #[test]
    fn frames_are_full_but_not_overfull_and_large_entries_stand_alone() {
        let mut packer = Packer::default();
        for _ in 0..2 {
            packer.clear();
            let sizes = [30_000, 30_000, 30_000, 500_000, 1, 1];
            for size in sizes {
                assert!(packer.push(Stream::Traces, &entry(2, b"", &vec![0; size])));
            }
            assert!(packer.push(Stream::Events, &entry(1, b"s", b"e")));
            let frames = packer.frames(Stream::Traces);
            let shape: Vec<_> = frames.map(|(n, bytes)| (n, entries(bytes).count())).collect();
            assert_eq!(shape, [(4, 2), (2, 1), (2, 1), (4, 2)]);
            assert_eq!(packer.frames(Stream::Events).count(), 1);
            assert_eq!(packer.frames(Stream::LogsInfo).count(), 0);
        }
        assert!(!packer.push(Stream::Events, &entry(1, b"", &[0; ENTRY_MAX])));
        assert!(!packer.push(Stream::Events, b"no entry"));
        assert_eq!(packer.frames(Stream::Events).map(|(records, _)| records).sum::<u32>(), 1);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_in_order(
            all in prop::collection::vec((0..1000_u32, 0..300_usize, 0..40_000_usize), 0..12)
        ) {
            let all: Vec<_> =
                all.into_iter().map(|(n, scope, item)| entry(n, &vec![b's'; scope], &vec![b'i'; item])).collect();
            let mut packer = Packer::default();
            for entry in &all {
                prop_assert!(packer.push(Stream::LogsInfo, entry));
            }
            let mut expected = all.iter().map(|bytes| Entry::decode(bytes));
            for (records, payload) in packer.frames(Stream::LogsInfo) {
                prop_assert!(payload.len() <= FRAME_MAX || entries(payload).count() == 1);
                let mut sum = 0;
                for entry in entries(payload) {
                    prop_assert_eq!(Some(entry), expected.next());
                    sum += entry.map_or(0, |entry| entry.records);
                }
                prop_assert_eq!(sum, records);
            }
            prop_assert_eq!(expected.next(), None);
        }

        #[test]
        fn damage_ends_a_payload_and_nothing_before_it(
            sizes in prop::collection::vec(0..300_usize, 1..12),
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packer = Packer::default();
            for size in &sizes {
                prop_assert!(packer.push(Stream::Events, &entry(1, b"scope", &vec![b'i'; *size])));
            }
            let whole: Vec<u8> =
                packer.frames(Stream::Events).flat_map(|(_, payload)| payload.to_vec()).collect();
            let mut bytes = whole[..cut.index(whole.len() + 1)].to_vec();
            let mut sound = bytes.len();
            if let Some((at, byte)) = damage.filter(|_| !bytes.is_empty()) {
                sound = at.index(bytes.len());
                bytes[sound] = byte;
            }
            let mut end = 0;
            let mut read = entries(&bytes);
            for (size, expected) in sizes.iter().zip(entries(&whole)) {
                end += PREFIX + HEAD + 5 + size;
                if end > sound {
                    break;
                }
                prop_assert_eq!(read.next(), Some(expected));
            }
            // Whatever comes then ends, and a request is made of it.
            let rest: Vec<_> = read.filter_map(Result::ok).collect();
            let request = crate::assemble(b"", &rest);
            let items: usize = rest.iter().map(|entry| entry.item.len()).sum();
            prop_assert!(request.len() >= items && request.len() <= 4 * bytes.len() + 64);
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(entries(&bytes).count() <= bytes.len());
        }
    }
}
