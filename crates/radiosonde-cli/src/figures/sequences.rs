//! Which sequence numbers of which rings were seen: what is missing between two of them was lost,
//! or removed; what came twice stands in the files twice.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use radiosonde_store::id::LineId;
use radiosonde_store::names::Signal;

use crate::render::text::many;

/// The run of a process.
type Instance = [u8; 8];

/// The numbers seen, a bit for each.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    /// By the process and the number of the ring.
    rings: HashMap<(Instance, u32), Ring>,
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
    /// Signals of its lines, a bit for each.
    signals: u8,
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
    /// Signals of which no line of its process was seen. Rings number the lines of all signals, so
    /// that numbers that are missing may be of these.
    pub(crate) unseen: Vec<Signal>,
}

impl Sequences {
    /// Takes the id of a line; false where a line with this id came before.
    pub(crate) fn add(&mut self, id: Option<&str>) -> bool {
        self.put(id, 0)
    }

    /// As [`Sequences::add`], of a line of this signal.
    pub(crate) fn add_of(&mut self, signal: Signal, id: Option<&str>) -> bool {
        self.put(id, bit(signal))
    }

    fn put(&mut self, id: Option<&str>, signals: u8) -> bool {
        // What others call so may stand in many lines, and numbers in it count nothing.
        let Some((instance, LineId { ring, seq, .. })) = id.and_then(of_ours) else {
            self.without += 1;
            return true;
        };
        let are_many = self.rings.len() >= RINGS_MAX;
        let of_ring = match self.rings.entry((instance, ring)) {
            Entry::Vacant(_) if are_many => {
                self.unlisted += 1;
                return true;
            }
            entry => entry.or_default(),
        };
        of_ring.signals |= signals;
        let block = of_ring.blocks.entry(seq / BLOCK);
        if matches!(block, std::collections::btree_map::Entry::Vacant(_)) {
            if self.blocks >= BLOCKS_MAX {
                self.unlisted += 1;
                return true;
            }
            self.blocks += 1;
        }
        let block = block.or_insert_with(|| Box::new([0; WORDS]));
        let at = usize::try_from(seq % BLOCK).unwrap_or(0);
        let (word, bit) = (&mut block[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        if is_new {
            *word |= bit;
            of_ring.count += 1;
        } else {
            self.twice += 1;
        }
        is_new
    }

    /// Whether every number had room: otherwise nobody can say what is missing.
    pub(crate) const fn is_whole(&self) -> bool {
        self.unlisted == 0
    }

    /// Lines that stand in the files once more.
    pub(crate) const fn twice(&self) -> u64 {
        self.twice
    }

    /// What to say of lines that were not counted, as they were already; and of those of which that is
    /// not known.
    pub(crate) fn copies(&self) -> Vec<String> {
        let (twice, unknown) = (self.twice, self.unlisted);
        let word = if twice == 1 { "copy" } else { "copies" };
        let told = (twice > 0).then(|| format!("{twice} {word} of lines left out"));
        let not_known = || {
            format!("there is no room to tell whether {} are copies", many(unknown, "more line"))
        };
        told.into_iter().chain((unknown > 0).then(not_known)).collect()
    }

    /// Lines without an id of ours.
    pub(crate) const fn without(&self) -> u64 {
        self.without
    }

    /// The rings, by name.
    pub(crate) fn rings(&self) -> Vec<OfRing> {
        let mut seen: HashMap<Instance, u8> = HashMap::new();
        for ((of, _), ring) in &self.rings {
            *seen.entry(*of).or_default() |= ring.signals;
        }
        let told = |((of, number), ring): (&(Instance, u32), &Ring)| {
            let seen = seen.get(of).copied().unwrap_or_default();
            let unseen = Signal::ALL.into_iter().filter(|signal| seen & bit(*signal) == 0);
            ring.told(*of, *number, unseen.collect())
        };
        let mut rings: Vec<OfRing> = self.rings.iter().map(told).collect();
        rings.sort_unstable();
        rings
    }

    /// How many processes the rings are of.
    pub(crate) fn processes(&self) -> u64 {
        self.rings.keys().map(|(of, _)| of).collect::<HashSet<_>>().len() as u64
    }
}

impl Ring {
    fn told(&self, of: Instance, number: u32, unseen: Vec<Signal>) -> OfRing {
        let ends = self.first().zip(self.last());
        let missing = ends.map_or(0, |(first, last)| (last - first) - (self.count - 1));
        let missing_from = (missing > 0).then(|| self.first_missing()).flatten();
        let name = format!("{}.{number}", String::from_utf8_lossy(&of));
        OfRing { name, count: self.count, missing, missing_from, unseen }
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

fn bit(signal: Signal) -> u8 {
    let place = Signal::ALL.iter().position(|one| *one == signal);
    place.map_or(0, |place| 1 << place)
}

/// An id, if it is one of ours, with the process it begins with.
fn of_ours(id: &str) -> Option<(Instance, LineId<'_>)> {
    let id = LineId::parse(id)?;
    Some((id.instance.as_bytes().try_into().ok()?, id))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_repeated_numbers_are_told_by_ring() {
        let mut seen = Sequences::default();
        for (id, is_new) in [
            ("a.1.0", true),
            ("a.1.2", true),
            ("a.1.2", false),
            ("a.1.9000", true),
            ("a.2.7", true),
            ("b.1.5", true),
            ("b.1.4", true),
        ] {
            assert_eq!(seen.add_of(Signal::Events, Some(&long(id))), is_new, "{id}");
        }
        // Numbers of others count nothing, not even how often they come.
        for id in ["", "a", "order.3", "order.90000", "order.3", "10.0.0.7", "aaaaaaaa.1.-1"] {
            assert!(seen.add(Some(id)), "{id}");
        }
        assert!(seen.add(None));
        assert!(seen.add_of(Signal::Metrics, Some(&long("b.2.1"))));
        let ring = |name: &str, count, missing, missing_from| OfRing {
            name: long(name),
            count,
            missing,
            missing_from,
            unseen: match name.starts_with('a') {
                true => vec![Signal::Metrics, Signal::Spans],
                false => vec![Signal::Spans],
            },
        };
        let expected = [
            ring("a.1", 3, 8_998, Some(1)),
            ring("a.2", 1, 0, None),
            ring("b.1", 2, 0, None),
            ring("b.2", 1, 0, None),
        ];
        assert_eq!(seen.rings(), expected);
        assert_eq!((seen.twice(), seen.without(), seen.is_whole()), (1, 8, true));
        assert_eq!(seen.processes(), 2);
    }

    #[test]
    fn any_number_has_room_or_is_told() {
        let mut seen = Sequences::default();
        for id in ["a.1.0".to_owned(), format!("a.1.{}", u64::MAX)] {
            assert!(seen.add(Some(&long(&id))));
        }
        assert_eq!(seen.rings()[0].missing, u64::MAX - 1);
        assert!(seen.is_whole());
        for ring in 0..=RINGS_MAX {
            assert!(seen.add(Some(&long(&format!("b.{ring}.1")))));
        }
        assert!(!seen.is_whole());
    }

    /// With the name of a process as long as ours have it.
    fn long(id: &str) -> String {
        id.chars().next().unwrap_or_default().to_string().repeat(7) + id
    }
}
