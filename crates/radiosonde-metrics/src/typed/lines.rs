//! What a catalogue has found: series by their short values, in memory that is read in one go.
//!
//! The family itself finds a series by its text, which is where a scrape needs it. That takes a look at
//! five places, one after the other. Here it is one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::handle::At;
use crate::sought::Sought;
use crate::sync::lock;

/// Lines of the first table; each further one has twice as many.
const FIRST: usize = 64;

/// Tables: the last has 2,048 lines. What does not fit is found by its family.
const TABLES: usize = 6;

/// Lines that are looked at, one behind the other.
const PROBES: usize = 4;

/// Series by the words of values, all of which are short. Lines are written once: what is in a line stays true, as no
/// series ever becomes another.
#[derive(Debug)]
pub(super) struct Lines {
    /// Of `1 + 2 * N` numbers each: where the series is, or 0, and the words of its values.
    tables: [OnceLock<Box<[AtomicU64]>>; TABLES],
    current: AtomicUsize,
    /// Lines of the current table that are taken.
    taken: AtomicUsize,
    /// Held while a line is written.
    writing: Mutex<()>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            tables: [const { OnceLock::new() }; TABLES],
            current: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            writing: Mutex::new(()),
        }
    }

    /// Where the series with these values is, if that is known.
    #[inline(always)]
    pub(super) fn find<const N: usize>(&self, hash: u32, values: &[Sought<'_>; N]) -> Option<At> {
        let nth = self.current.load(Ordering::Acquire);
        let table = self.tables.get(nth)?.get()?;
        for at in places(nth, hash) {
            let line = table.get(at * width::<N>()..)?.get(..width::<N>())?;
            let (series, there) = line.split_first()?;
            // Before what is written behind it.
            let series = At::from_bits(series.load(Ordering::Acquire))?;
            let (there, _) = there.as_chunks::<2>();
            let is_it = |([one, other], value): (&[AtomicU64; 2], &Sought<'_>)| {
                one.load(Ordering::Relaxed) == value.one
                    && other.load(Ordering::Relaxed) == value.other
            };
            if there.iter().zip(values).all(is_it) {
                return Some(series);
            }
        }
        None
    }

    /// Notes where a series is. Does nothing where there is no room, for which nobody waits.
    #[cold]
    pub(super) fn add<const N: usize>(&self, hash: u32, values: &[Sought<'_>; N], series: At) {
        if !self.may_grow() && self.free::<N>(hash).is_none() {
            return;
        }
        let _alone = lock(&self.writing);
        if self.find(hash, values).is_some() {
            return;
        }
        let mut nth = self.current.load(Ordering::Relaxed);
        if self.may_grow() {
            // The new one fills as its series are written.
            nth += 1;
            self.taken.store(0, Ordering::Relaxed);
        }
        if let Some(table) = self.tables.get(nth) {
            let count = (FIRST << nth) * width::<N>();
            let _ = table.get_or_init(|| (0..count).map(|_| AtomicU64::new(0)).collect());
        }
        self.current.store(nth, Ordering::Release);
        if let Some((place, there)) = self.free::<N>(hash) {
            let words = values.iter().flat_map(|value| [value.one, value.other]);
            for (cell, word) in there.iter().zip(words) {
                cell.store(word, Ordering::Relaxed);
            }
            place.store(series.to_bits(), Ordering::Release);
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the current table is half full, and another one may come.
    fn may_grow(&self) -> bool {
        let nth = self.current.load(Ordering::Relaxed);
        nth + 1 < TABLES && self.taken.load(Ordering::Relaxed) * 2 >= FIRST << nth
    }

    /// A line for that hash that is not taken; some line as long as there is no table.
    fn free<const N: usize>(&self, hash: u32) -> Option<(&AtomicU64, &[AtomicU64])> {
        let nth = self.current.load(Ordering::Acquire);
        let Some(table) = self.tables.get(nth)?.get() else { return Some((&NO_LINE, &[])) };
        let mut lines = places(nth, hash)
            .filter_map(|at| table.get(at * width::<N>()..)?.get(..width::<N>())?.split_first());
        lines.find(|(series, _)| series.load(Ordering::Relaxed) == 0)
    }
}

/// Stands for a line of a table that is not there yet.
static NO_LINE: AtomicU64 = AtomicU64::new(0);

const fn width<const N: usize>() -> usize {
    1 + 2 * N
}

/// The lines of a table where a hash may be.
#[inline(always)]
fn places(nth: usize, hash: u32) -> impl Iterator<Item = usize> {
    let mask = (FIRST << nth) - 1;
    (0..PROBES).map(move |step| (hash as usize + step) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: u32) -> At {
        At::new(place as usize, place)
    }

    fn hash(place: u32) -> u32 {
        place.wrapping_mul(0x9e37_79b9) >> 7
    }

    /// A value for each number.
    fn text(place: u32) -> String {
        format!("v{place}")
    }

    #[test]
    fn what_is_found_is_what_was_added() {
        let lines = Lines::new();
        fn values(place: &str) -> [Sought<'_>; 2] {
            [Sought::new("a"), Sought::new(place)]
        }
        let count = if cfg!(miri) { 100 } else { 4_000 };
        for place in 0..count {
            let name = text(place);
            assert_eq!(lines.find(hash(place), &values(&name)), None);
            lines.add(hash(place), &values(&name), at(place));
            lines.add(hash(place), &values(&name), at(place));
            assert_eq!(lines.find(hash(place), &[Sought::new("b"), Sought::new(&name)]), None);
        }
        let found = |place: &u32| lines.find(hash(*place), &values(&text(*place)));
        let known = (0..count).filter(|place| {
            let found = found(place);
            assert!(found.is_none_or(|found| found == at(*place)));
            found.is_some()
        });
        let known = known.count();
        assert_eq!(known, lines.taken.load(Ordering::Relaxed), "each in one line");
        assert!(known > 0 && known <= FIRST << (TABLES - 1), "{known}");
    }

    #[test]
    fn most_of_what_fits_is_found() {
        let lines = Lines::new();
        let names: Vec<String> = (0..200).map(text).collect();
        // Several times: a table that is new is filled by what is asked for again.
        for _ in 0..TABLES {
            for (place, name) in (0..).zip(&names) {
                lines.add(hash(place), &[Sought::new(name)], at(place));
            }
        }
        let found = (0..)
            .zip(&names)
            .filter(|(place, name)| lines.find(hash(*place), &[Sought::new(name)]).is_some());
        let found = found.count();
        assert!(found > 190, "{found}");
    }

    #[test]
    fn one_thread_reads_while_others_add() {
        let lines = Lines::new();
        let names: Vec<String> = (0..if cfg!(miri) { 60 } else { 2_000 }).map(text).collect();
        let all = || (0..).zip(&names);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    all().for_each(|(n, name)| lines.add(hash(n), &[Sought::new(name)], at(n)));
                });
            }
            scope.spawn(|| {
                for (place, name) in all() {
                    let found = lines.find(hash(place), &[Sought::new(name)]);
                    assert!(found.is_none_or(|found| found == at(place)), "{place}");
                }
            });
        });
    }
}
