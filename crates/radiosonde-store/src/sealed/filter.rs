//! Which ids a stretch of lines may hold: binary fuse filters of 16 bits.
//!
//! A filter knows every id put into it, and takes one in 65,536 others for one of them. `xorf` builds
//! it; it is asked by the few lines here, so that what files hold is ours to define and does not
//! change with a release of that crate. What was built is asked for each of its ids before it is used.
//!
//! As bytes, all numbers little-endian: the seed (64 bits), the segment length `l` and the length of
//! the segments `s` (32 bits each), then `s + 2 l` fingerprints of 16 bits.

use xorf::BinaryFuse16;

/// What an id names. Two kinds of ids never meet in a filter, even where they are spelled the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Job = 2,
    Session = 3,
    Trace = 1,
}

/// As many bytes of a trace id count; a query may give more or less of it, see [`Key::asked`].
const TRACE_BYTES: usize = 32;

/// What a filter knows of an id: a hash of its kind and its bytes, the same for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

impl Key {
    /// The key of an id that stands in a line. A trace has one whatever the case of its letters.
    pub(super) fn stored(kind: Kind, id: &[u8]) -> Self {
        if kind != Kind::Trace {
            return Self::of(kind, id);
        }
        let (mut counted, length) = ([0; TRACE_BYTES], TRACE_BYTES.min(id.len()));
        counted[..length].copy_from_slice(&id[..length]);
        counted.make_ascii_lowercase();
        Self::of(kind, &counted[..length])
    }

    /// The key to ask for. `None` when a filter cannot tell: for the beginning of a trace id.
    pub(super) fn asked(kind: Kind, id: &str) -> Option<Self> {
        let whole = kind != Kind::Trace || id.len() >= TRACE_BYTES;
        whole.then(|| Self::stored(kind, id.as_bytes()))
    }

    fn of(kind: Kind, id: &[u8]) -> Self {
        // Spread, so that no bit of an id stands for another kind.
        let mut hash = spread((kind as u64) << 32 | id.len() as u64);
        for piece in id.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        }
        Self(spread(hash))
    }
}

/// Every bit of the result depends on every bit of the number: the end of MurmurHash3.
fn spread(mut number: u64) -> u64 {
    number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

/// What a filter says before its fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    seed: u64,
    segment_length: u32,
    segments_length: u32,
}

/// Where the fingerprints of a key are in a filter, counted in fingerprints, and what they make
/// together when the key was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) places: [u32; 3],
    pub(super) expected: u16,
}

/// A filter in the bytes of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    shape: Shape,
    fingerprints: &'a [u8],
}

pub(super) const HEAD_BYTES: usize = 16;
/// Of a fingerprint.
pub(super) const PRINT_BYTES: usize = 2;
/// `xorf` makes no longer ones; a power of two.
const SEGMENT_LENGTH_MAX: u32 = 1 << 18;

/// The bytes of a filter over keys that are sorted and each there once. No keys make no bytes.
/// `None` when none can be built, which has not been seen yet.
pub(super) fn build(keys: &[Key]) -> Option<Vec<u8>> {
    if keys.is_empty() {
        return Some(Vec::new());
    }
    let built = BinaryFuse16::try_from_iterator(keys.iter().map(|key| key.0)).ok()?;
    let shape = &built.descriptor;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 2 * built.fingerprints.len());
    bytes.extend(shape.seed.to_le_bytes());
    bytes.extend(shape.segment_length.to_le_bytes());
    bytes.extend(shape.segment_count_length.to_le_bytes());
    bytes.extend(built.fingerprints.iter().flat_map(|print| print.to_le_bytes()));
    let filter = Filter::parse(&bytes)?;
    keys.iter().all(|key| filter.may_hold(*key)).then_some(bytes)
}

impl Shape {
    /// `None` for the head of what is no filter. Every place in a filter of this shape lies among its
    /// fingerprints.
    pub(super) fn parse(head: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (seed, rest) = head.split_first_chunk()?;
        let (segment_length, rest) = rest.split_first_chunk()?;
        let (segments_length, _) = rest.split_first_chunk()?;
        let seed = u64::from_le_bytes(*seed);
        let segment_length = u32::from_le_bytes(*segment_length);
        let segments_length = u32::from_le_bytes(*segments_length);
        let sound = segment_length.is_power_of_two()
            && segment_length <= SEGMENT_LENGTH_MAX
            && segments_length > 0
            && segments_length.is_multiple_of(segment_length)
            && segments_length <= u32::MAX - 2 * SEGMENT_LENGTH_MAX;
        sound.then_some(Self { seed, segment_length, segments_length })
    }

    /// Length of all fingerprints, in bytes.
    pub(super) fn prints_bytes(&self) -> u64 {
        let prints = u64::from(self.segments_length) + 2 * u64::from(self.segment_length);
        PRINT_BYTES as u64 * prints
    }

    /// Where to look for a key. The places stand in neighbouring segments, in their order.
    pub(super) fn probe(&self, key: Key) -> Probe {
        let hash = spread(key.0.wrapping_add(self.seed));
        let mask = self.segment_length - 1;
        let first = (u128::from(hash) * u128::from(self.segments_length)) >> 64;
        // Less than `segments_length`, of 32 bits.
        let first = first as u32;
        // Changing the low bits of a place keeps its segment.
        let second = (first + self.segment_length) ^ ((hash >> 18) as u32 & mask);
        let third = (first + 2 * self.segment_length) ^ (hash as u32 & mask);
        Probe { places: [first, second, third], expected: (hash ^ (hash >> 32)) as u16 }
    }
}

impl Probe {
    /// Whether the key may have been put in, by what is at its places.
    pub(super) fn is_met(&self, print: impl Fn(u32) -> u16) -> bool {
        self.places.into_iter().fold(0, |all, place| all ^ print(place)) == self.expected
    }
}

impl<'a> Filter<'a> {
    /// `None` for bytes that are no filter. Whatever is read here can be asked without a panic.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, fingerprints) = bytes.split_first_chunk()?;
        let shape = Shape::parse(head)?;
        let fits = fingerprints.len() as u64 == shape.prints_bytes();
        fits.then_some(Self { shape, fingerprints })
    }

    /// Whether the key may have been put in. Never false for one that was.
    pub(super) fn may_hold(&self, key: Key) -> bool {
        self.shape
            .probe(key)
            .is_met(|place| print_at(self.fingerprints, PRINT_BYTES * place as usize))
    }
}

/// The fingerprint at a place, in bytes; 0 where there is none.
pub(super) fn print_at(bytes: &[u8], at: usize) -> u16 {
    let print = bytes.get(at..).and_then(<[u8]>::first_chunk);
    print.map_or(0, |print| u16::from_le_bytes(*print))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(count: u64) -> Vec<Key> {
        let mut keys: Vec<Key> =
            (0..count).map(|n| Key::stored(Kind::Job, format!("job-{n}").as_bytes())).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    #[test]
    fn every_key_put_in_is_found_and_few_others_are() {
        for count in [1, 2, 3, 4, 5, 7, 30, 500, 5_000, 300_000] {
            let keys = keys(count);
            assert_eq!(keys.len() as u64, count, "two ids with one hash");
            let bytes = build(&keys).unwrap();
            let filter = Filter::parse(&bytes).unwrap();
            assert!(keys.iter().all(|key| filter.may_hold(*key)), "{count}");
            let others = (0..20_000_u64)
                .filter(|n| {
                    filter.may_hold(Key::stored(Kind::Session, format!("job-{n}").as_bytes()))
                })
                .count();
            // 1 in 65,536 would be 0.3 of them; small ones are a little worse.
            assert!(others < 20, "{others} of 20,000 among {count}");
        }
        assert_eq!(build(&[]), Some(Vec::new()));
    }

    #[test]
    fn keys_and_filters_are_the_same_for_ever() {
        // Files that were sealed with them are asked with them.
        assert_eq!(Key::stored(Kind::Job, b"job-123").0, 0xc888_16bd_47bc_f189);
        assert_eq!(
            Key::stored(Kind::Trace, b"0edadbc0a1b2c3d4e5f60718293a4b5c").0,
            0x4e92_a252_e014_1300
        );
        // A filter of three keys, built once upon a time.
        let mut bytes = vec![193, 92, 2, 137, 236, 45, 10, 145, 8, 0, 0, 0, 8, 0, 0, 0];
        bytes.resize(64, 0);
        bytes[50..52].copy_from_slice(&[159, 22]);
        bytes[58..60].copy_from_slice(&[125, 166]);
        bytes[62..64].copy_from_slice(&[222, 137]);
        let filter = Filter::parse(&bytes).unwrap();
        let held: Vec<Key> = keys(50).into_iter().filter(|key| filter.may_hold(*key)).collect();
        assert_eq!(held, keys(3));
    }

    #[test]
    fn a_trace_is_known_by_32_digits() {
        let id = "0edadbc0a1b2c3d4e5f60718293a4b5c";
        let longer = format!("{id}00");
        let stored = Key::stored(Kind::Trace, longer.as_bytes());
        // A line with the longer id matches both.
        assert_eq!(Key::asked(Kind::Trace, id), Some(stored));
        assert_eq!(Key::asked(Kind::Trace, &longer), Some(stored));
        assert_eq!(Key::asked(Kind::Trace, &id[..31]), None);
        // Others have capitals; other ids are as they are written.
        assert_eq!(Key::stored(Kind::Trace, id.to_uppercase().as_bytes()), stored);
        assert_ne!(Key::stored(Kind::Job, b"a"), Key::stored(Kind::Job, b"A"));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_filter_do_no_harm(
            seed: u64,
            segment in 0u32..40,
            segments in 0u32..80,
            prints in proptest::collection::vec(any::<u8>(), 0..400),
            keys: [u64; 8],
        ) {
            let mut bytes = seed.to_le_bytes().to_vec();
            bytes.extend(segment.to_le_bytes());
            bytes.extend(segments.to_le_bytes());
            bytes.extend(&prints);
            for cut in [bytes.len(), bytes.len() / 2, 3] {
                if let Some(filter) = Filter::parse(&bytes[..cut]) {
                    for key in keys {
                        let _ = filter.may_hold(Key(key));
                    }
                }
            }
            // Of the right length it is asked, and every place lies inside.
            let (segment, segments) = (1 << (segment % 6), (segments % 9 + 1) << (segment % 6));
            let prints = vec![0; 2 * (segments + 2 * segment) as usize];
            let shape = Shape { seed, segment_length: segment, segments_length: segments };
            let filter = Filter { shape, fingerprints: &prints };
            for key in keys {
                let hash = spread(key.wrapping_add(seed));
                let places = shape.probe(Key(key)).places.map(u64::from);
                prop_assert!(places.is_sorted());
                prop_assert!(places.iter().all(|place| PRINT_BYTES as u64 * place < shape.prints_bytes()));
                prop_assert_eq!(filter.may_hold(Key(key)), (hash ^ (hash >> 32)) as u16 == 0);
            }
        }
    }
}
