//! Lines that wait for their turn, in memory up to a bound, and in temporary files beyond it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use crate::query::entry::Entry;
use crate::query::limits::Limits;
use crate::query::spill::{Run, Writer};

/// Gives out the least of what was put in.
pub(super) struct Pool<'a> {
    limits: &'a Limits,
    heap: BinaryHeap<Reverse<Entry>>,
    /// Bytes of the heap.
    bytes: usize,
    runs: Vec<Run>,
    /// Which run has the least head.
    least: Option<usize>,
    bytes_spilled: u64,
}

impl<'a> Pool<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        let (heap, runs) = (BinaryHeap::new(), Vec::new());
        Self { limits, heap, bytes: 0, runs, least: None, bytes_spilled: 0 }
    }

    /// Whether lines may wait that could be read later: a few of a stretch, or many.
    pub(super) fn has_room(&self, are_few: bool) -> bool {
        let most = self.limits.early_bytes;
        self.bytes < if are_few { most } else { most / 2 }
    }

    /// Bytes written to temporary files.
    pub(super) fn bytes_spilled(&self) -> u64 {
        self.bytes_spilled
    }

    /// Puts a line in. After an error the pool has lost lines.
    pub(super) fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.bytes += entry.bytes();
        self.heap.push(Reverse(entry));
        if self.bytes > self.limits.waiting_bytes { self.spill() } else { Ok(()) }
    }

    /// The time of the least, in microseconds.
    pub(super) fn earliest(&self) -> Option<i64> {
        let in_memory = self.heap.peek().map(|Reverse(entry)| entry.order);
        let in_files = self.least.map(|least| self.runs[least].head().order());
        in_memory.into_iter().chain(in_files).min().map(|order| order.microseconds())
    }

    /// Takes the least. After an error the pool has lost lines.
    pub(super) fn pop(&mut self) -> io::Result<Option<Entry>> {
        let in_files = self.least.filter(|least| {
            let head = self.runs[*least].head();
            self.heap.peek().is_none_or(|Reverse(entry)| head.is_before(entry))
        });
        if let Some(least) = in_files {
            let (entry, rest) = self.runs.swap_remove(least).next()?;
            self.runs.extend(rest);
            self.find_least();
            return Ok(Some(entry));
        }
        let entry = self.heap.pop().map(|Reverse(entry)| entry);
        self.bytes -= entry.as_ref().map_or(0, Entry::bytes);
        Ok(entry)
    }

    /// Writes everything in memory to a run of its own.
    fn spill(&mut self) -> io::Result<()> {
        let mut writer = Writer::new(self.limits, 0)?;
        self.bytes = 0;
        // From the last to the first, by how the heap compares.
        for Reverse(entry) in std::mem::take(&mut self.heap).into_sorted_vec().into_iter().rev() {
            writer.push(&entry)?;
        }
        self.add(writer)?;
        self.find_least();
        Ok(())
    }

    /// Makes one run of as many as may be of a level, which is of the next level then: so there are
    /// few runs, and each line is written again only a few times.
    fn put_together(&mut self, level: u32) -> io::Result<()> {
        let is_of_level = |run: &mut Run| run.level == level;
        let mut together: Vec<Run> = self.runs.extract_if(.., is_of_level).collect();
        let mut writer = Writer::new(self.limits, level + 1)?;
        while let Some(least) = least(&together) {
            let (entry, rest) = together.swap_remove(least).next()?;
            together.extend(rest);
            writer.push(&entry)?;
        }
        self.add(writer)
    }

    fn add(&mut self, writer: Writer) -> io::Result<()> {
        let (bytes, run) = writer.finish()?;
        self.bytes_spilled += bytes;
        let Some(run) = run else { return Ok(()) };
        let level = run.level;
        self.runs.push(run);
        let of_level = self.runs.iter().filter(|run| run.level == level).count();
        if of_level >= self.limits.runs.max(2) { self.put_together(level) } else { Ok(()) }
    }

    fn find_least(&mut self) {
        self.least = least(&self.runs);
    }
}

/// Which run has the least head.
fn least(runs: &[Run]) -> Option<usize> {
    (0..runs.len()).min_by_key(|at| *runs[*at].head())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::entry::Order;

    fn entry(ns: i16, length: usize, offset: u64) -> Entry {
        let order = Order::new(ns.into(), None, 0, offset);
        Entry { order, source: 0, offset, text: vec![b'x'; length].into() }
    }

    fn names(dir: &tempfile::TempDir) -> usize {
        dir.path().read_dir().unwrap().count()
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_by_its_place_whatever_went_to_files(
            lines in proptest::collection::vec((0_i16..200, 0_usize..300, any::<bool>()), 0..200),
            waiting_bytes in 0_usize..8_000,
            runs in 0_usize..5,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let temporary = dir.path().to_owned();
            let limits = Limits { waiting_bytes, runs, temporary, ..Limits::default() };
            let mut pool = Pool::new(&limits);
            let mut there = Vec::new();
            for (offset, (ns, length, is_taken)) in lines.into_iter().enumerate() {
                let new = entry(ns, length, offset as u64);
                there.push(new.clone());
                pool.push(new).unwrap();
                prop_assert!(pool.bytes <= waiting_bytes);
                if is_taken {
                    there.sort_unstable();
                    let least = there.remove(0);
                    prop_assert_eq!(pool.earliest(), Some(least.order.microseconds()));
                    prop_assert_eq!(pool.pop().unwrap(), Some(least));
                }
            }
            there.sort_unstable();
            for least in there {
                prop_assert_eq!(pool.pop().unwrap(), Some(least));
            }
            prop_assert_eq!(pool.pop().unwrap(), None);
            prop_assert!(pool.runs.is_empty());
            prop_assert_eq!(names(&dir), 0);
        }
    }

    #[test]
    fn many_lines_are_written_a_few_times_and_nothing_has_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().to_owned();
        let limits = Limits { waiting_bytes: 1_000, runs: 8, temporary, ..Limits::default() };
        let mut pool = Pool::new(&limits);
        let total: u64 = (0..20_000)
            .map(|n| {
                // Neither sorted nor by turns.
                let new = entry((n * 7_919 % 20_011) as i16, 20, n as u64);
                pool.push(new).unwrap();
                20 + 56
            })
            .sum();
        assert!(pool.runs.len() < 8 * 5, "{}", pool.runs.len());
        assert_eq!(names(&dir), 0);
        assert!(pool.bytes_spilled() < 6 * total, "{} of {total}", pool.bytes_spilled());
        let mut last = None;
        let mut count = 0;
        while let Some(entry) = pool.pop().unwrap() {
            assert!(last < Some(entry.order));
            last = Some(entry.order);
            count += 1;
        }
        assert_eq!(count, 20_000);
    }
}
