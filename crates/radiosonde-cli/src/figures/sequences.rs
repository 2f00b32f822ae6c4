//! Which sequence numbers of which rings were seen: what is missing between two of them was lost,
//! or removed; what came twice stands in the files twice.

use std::collections::{BTreeMap, HashMap};

/// The numbers seen, a bit for each.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    rings: HashMap<Box<str>, Ring>,
    blocks: usize,
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

impl Sequences {
    /// Takes the id of a line, `<instance>.<ring>.<seq>`.
    pub(crate) fn add(&mut self, id: Option<&str>) {
        let parts = id.and_then(|id| id.rsplit_once('.'));
        let parts = parts.and_then(|(ring, seq)| Some((ring, seq.parse::<u64>().ok()?)));
        let Some((ring, seq)) = parts else {
            self.without += 1;
            return;
        };
        if !self.rings.contains_key(ring) {
            if self.rings.len() >= RINGS_MAX || ring.len() > NAME_BYTES_MAX {
                self.unlisted += 1;
                return;
            }
            let _ = self.rings.insert(ring.into(), Ring::default());
        }
        let Some(of_ring) = self.rings.get_mut(ring) else { return };
        let block = of_ring.blocks.entry(seq / BLOCK);
        if matches!(block, std::collections::btree_map::Entry::Vacant(_)) {
            if self.blocks >= BLOCKS_MAX {
                self.unlisted += 1;
                return;
            }
            self.blocks += 1;
        }
        let block = block.or_insert_with(|| Box::new([0; WORDS]));
        let at = usize::try_from(seq % BLOCK).unwrap_or(0);
        let (word, bit) = (&mut block[at / 64], 1 << (at % 64));
        if *word & bit != 0 {
            self.twice += 1;
        } else {
            *word |= bit;
            of_ring.count += 1;
        }
    }

    /// Whether every number had room: otherwise nobody can say what is missing.
    pub(crate) const fn is_whole(&self) -> bool {
        self.unlisted == 0
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
/// Names of rings of ours have twenty characters at most.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_repeated_numbers_are_told_by_ring() {
        let mut seen = Sequences::default();
        let ids = ["a.1.0", "a.1.2", "a.1.2", "a.1.9000", "a.2.7", "b.1.5", "b.1.4"];
        ids.iter().for_each(|id| seen.add(Some(id)));
        let others = [None, Some(""), Some("a"), Some("a.1.x"), Some("a.1.-1")];
        others.iter().for_each(|id| seen.add(*id));
        let ring = |name: &str, count, missing, missing_from| OfRing {
            name: name.to_owned(),
            count,
            missing,
            missing_from,
        };
        let expected =
            [ring("a.1", 3, 8_998, Some(1)), ring("a.2", 1, 0, None), ring("b.1", 2, 0, None)];
        assert_eq!(seen.rings(), expected);
        assert_eq!((seen.twice(), seen.without(), seen.is_whole()), (1, 5, true));
    }

    #[test]
    fn any_number_has_room_or_is_told() {
        let mut seen = Sequences::default();
        for id in ["a.1.0".to_owned(), format!("a.1.{}", u64::MAX), "x".repeat(1_000) + ".1"] {
            seen.add(Some(&id));
        }
        assert_eq!(seen.rings()[0].missing, u64::MAX - 1);
        assert!(!seen.is_whole());
    }
}
