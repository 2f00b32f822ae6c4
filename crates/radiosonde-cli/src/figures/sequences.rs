//! Which sequence numbers of which rings were seen: what is missing between two of them was lost,
//! or removed; what came twice stands in the files twice.

use std::collections::{BTreeMap, HashMap};

/// The numbers seen, a bit for each.
#[derive(Debug)]
pub(crate) struct Sequences {
    rings: HashMap<Box<str>, Ring>,
    blocks: usize,
    blocks_max: usize,
    /// Lines whose numbers had no room.
    unlisted: u64,
    /// Lines without an id, or with one of others.
    without: u64,
    twice: u64,
}

#[derive(Debug, Default)]
struct Ring {
    blocks: BTreeMap<u64, Box<[u64; WORDS]>>,
    count: u64,
}

/// The numbers of one ring.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OfRing {
    /// `<instance>.<ring>`
    pub(crate) name: String,
    /// Different ones.
    pub(crate) count: u64,
    /// Of those between the first and the last.
    pub(crate) missing: u64,
    /// The first that is missing.
    pub(crate) missing_from: Option<u64>,
}

impl Default for Sequences {
    fn default() -> Self {
        Self::of_blocks(BLOCKS_MAX)
    }
}

impl Sequences {
    fn of_blocks(blocks_max: usize) -> Self {
        let rings = HashMap::new();
        Self { rings, blocks: 0, blocks_max, unlisted: 0, without: 0, twice: 0 }
    }

    /// Takes the id of a line, `<instance>.<ring>.<seq>`; whether it came before. What others call an
    /// `id` may stand in many lines, and what had no room is not known: neither came before.
    pub(crate) fn add(&mut self, id: Option<&str>) -> bool {
        let Some((ring, seq)) = id.and_then(parts) else {
            self.without += 1;
            return false;
        };
        if !self.rings.contains_key(ring) {
            if self.rings.len() >= RINGS_MAX {
                self.unlisted += 1;
                return false;
            }
            let _ = self.rings.insert(ring.into(), Ring::default());
        }
        let Some(of_ring) = self.rings.get_mut(ring) else { return false };
        let block = of_ring.blocks.entry(seq / BLOCK);
        if matches!(block, std::collections::btree_map::Entry::Vacant(_)) {
            if self.blocks >= self.blocks_max {
                self.unlisted += 1;
                return false;
            }
            self.blocks += 1;
        }
        let block = block.or_insert_with(|| Box::new([0; WORDS]));
        let at = usize::try_from(seq % BLOCK).unwrap_or(0);
        let (word, bit) = (&mut block[at / 64], 1 << (at % 64));
        let is_known = *word & bit != 0;
        *word |= bit;
        self.twice += u64::from(is_known);
        of_ring.count += u64::from(!is_known);
        is_known
    }

    /// Whether every number had room: otherwise nobody can say what is missing.
    pub(crate) const fn is_whole(&self) -> bool {
        self.unlisted == 0
    }

    /// Lines whose numbers had no room.
    pub(crate) const fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Lines that stand in the files once more.
    pub(crate) const fn twice(&self) -> u64 {
        self.twice
    }

    /// Lines without an id of ours.
    pub(crate) const fn without(&self) -> u64 {
        self.without
    }

    /// The rings, by name.
    pub(crate) fn rings(&self) -> Vec<OfRing> {
        let mut rings: Vec<OfRing> =
            self.rings.iter().map(|(name, ring)| ring.told(name)).collect();
        rings.sort_unstable();
        rings
    }
}

impl Ring {
    fn told(&self, name: &str) -> OfRing {
        let ends = self.first().zip(self.last());
        let missing = ends.map_or(0, |(first, last)| (last - first) - (self.count - 1));
        let missing_from = (missing > 0).then(|| self.first_missing()).flatten();
        OfRing { name: name.to_owned(), count: self.count, missing, missing_from }
    }

    fn first(&self) -> Option<u64> {
        let (number, block) = self.blocks.first_key_value()?;
        numbers(*number, block).next()
    }

    fn last(&self) -> Option<u64> {
        let (number, block) = self.blocks.last_key_value()?;
        numbers(*number, block).last()
    }

    fn first_missing(&self) -> Option<u64> {
        let mut expected = self.first()?;
        for (number, block) in &self.blocks {
            for seen in numbers(*number, block) {
                if seen != expected {
                    return Some(expected);
                }
                expected = seen.saturating_add(1);
            }
        }
        None
    }
}

/// Ring and number of an id of ours: `<8 characters>.<ring>.<seq>`, numbers in their shortest form.
fn parts(id: &str) -> Option<(&str, u64)> {
    let (ring, seq) = id.rsplit_once('.')?;
    let (instance, of_instance) = ring.split_once('.')?;
    let is_ours = instance.len() == INSTANCE_BYTES && number::<u32>(of_instance).is_some();
    Some((ring, number(seq)?)).filter(|_| is_ours)
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_shortest = text == "0" || !text.starts_with(['0', '+']);
    if is_shortest { text.parse().ok() } else { None }
}

/// The numbers that a block holds, in order.
fn numbers(number: u64, block: &[u64; WORDS]) -> impl Iterator<Item = u64> {
    (0..BLOCK).zip(0_usize..).filter_map(move |(add, at)| {
        (block[at / 64] & (1 << (at % 64)) != 0).then_some(number * BLOCK + add)
    })
}

const WORDS: usize = 64;
/// Numbers in a block.
const BLOCK: u64 = 64 * WORDS as u64;
/// 64 MiB of blocks: half a thousand million numbers.
const BLOCKS_MAX: usize = 128 << 10;
const RINGS_MAX: usize = 100_000;
/// Of the name of a process.
const INSTANCE_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_repeated_numbers_are_told_by_ring() {
        let mut seen = Sequences::default();
        let (a, b) = ("aaaaaaaa", "bbbbbbbb");
        let ids = [(a, 1, 0), (a, 1, 2), (a, 1, 2), (a, 1, 9_000), (a, 2, 7), (b, 1, 5), (b, 1, 4)];
        let again =
            ids.map(|(process, ring, seq)| seen.add(Some(&format!("{process}.{ring}.{seq}"))));
        assert_eq!(again, [false, false, true, false, false, false, false]);
        // Of others, whose lines may share one.
        let others = [
            "",
            "a",
            "aaaaaaaa.1.x",
            "aaaaaaaa.1.-1",
            "aaaaaaaa.1.02",
            "aaaaaaaa.7",
            "request.1.2",
        ];
        assert!(!seen.add(None));
        for id in others {
            assert!(!seen.add(Some(id)) && !seen.add(Some(id)), "{id}");
        }
        let ring = |name: &str, count, missing, missing_from| OfRing {
            name: name.to_owned(),
            count,
            missing,
            missing_from,
        };
        let expected = [
            ring("aaaaaaaa.1", 3, 8_998, Some(1)),
            ring("aaaaaaaa.2", 1, 0, None),
            ring("bbbbbbbb.1", 2, 0, None),
        ];
        assert_eq!(seen.rings(), expected);
        assert_eq!((seen.twice(), seen.without(), seen.is_whole()), (1, 15, true));
    }

    #[test]
    fn any_number_has_room_or_is_told() {
        let mut seen = Sequences::of_blocks(2);
        for id in ["aaaaaaaa.1.0".to_owned(), format!("aaaaaaaa.1.{}", u64::MAX)] {
            assert!(!seen.add(Some(&id)));
        }
        assert!(seen.is_whole());
        assert_eq!(seen.rings()[0].missing, u64::MAX - 1);
        let far = format!("aaaaaaaa.1.{}", BLOCK * 7);
        assert!(!seen.add(Some(&far)) && !seen.add(Some(&far)));
        assert_eq!((seen.unlisted(), seen.is_whole()), (2, false));
    }
}
