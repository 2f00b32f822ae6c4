//! Putting the lines of all files in their order.

use std::io;
use std::ops::ControlFlow;
use std::thread;

use crate::line::Line;
use crate::query::Query;
use crate::query::entry::Entry;
use crate::query::judge::Judges;
use crate::query::kept::Kept;
use crate::query::limits::Limits;
use crate::query::plan::{Plan, Sink};
use crate::query::pool::Pool;
use crate::query::reading::{Reading, Unreadable};
use crate::query::segment::Loader;
use crate::query::source::Source;
use crate::query::supply::{End, Loaded, Supply};

/// Hands every match to `each`, by time and once, until that breaks off.
pub(super) fn by_time(
    query: &Query,
    limits: &Limits,
    each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
) -> Reading {
    let judges = Judges::new(query);
    let mut reading = Reading::default();
    let mut sink = Sink::pool(limits);
    let mut plan = Plan::make(query, &judges, limits, &mut sink, &mut reading);
    let Sink::Pool { mut pool, mut failed } = sink else { return reading };
    // Stable: of one time, in the order of the files.
    plan.segments.sort_by_key(|segment| segment.earliest);
    let supply = Supply::new(&judges, &plan.sources, &plan.segments, limits.threads);
    if failed.is_none() {
        let (pool, reading) = (&mut pool, &mut reading);
        failed = thread::scope(|scope| {
            supply.start(scope);
            let _end = End(&supply);
            let loader = supply.loader();
            let merge = Merge { query, supply: &supply, turn: 0, loader, pool, reading };
            merge.give(&plan.sources, each).err()
        });
    }
    if let Some(error) = failed {
        let what = format!("lines cannot wait for their turn in a temporary file: {error}");
        let error = io::Error::new(error.kind(), what);
        let path = limits.temporary.clone();
        reading.unreadable.push(Unreadable { path, offset: 0, error });
    }
    let (left, in_vain) = supply.rest();
    let is_read = |number| !left.contains(&number) || in_vain.contains_key(&number);
    plan.count_unread(&is_read, &mut reading);
    for Loaded { reading: read, .. } in in_vain.into_values() {
        reading.merge(read);
    }
    reading.bytes_spilled += pool.bytes_spilled();
    reading
}

/// Finds the newest matches, so many at most.
pub(super) fn newest(query: &Query, limits: &Limits, most: usize) -> (Vec<Line>, Reading) {
    let judges = Judges::new(query);
    let mut reading = Reading::default();
    let mut sink = Sink::Kept(Kept::new(most, query.kept_bytes_max.unwrap_or(u64::MAX)));
    let mut plan = Plan::make(query, &judges, limits, &mut sink, &mut reading);
    // The latest at the end, from where they are read.
    plan.segments.sort_by_key(|segment| segment.latest);
    let mut loader = Loader::new(&judges, &plan.sources);
    let mut first_read = plan.segments.len();
    for (number, segment) in plan.segments.iter().enumerate().rev() {
        let floor = sink.floor();
        if segment.latest < floor || query.is_stopped() {
            break;
        }
        first_read = number;
        let Some(source) = plan.sources.get(segment.source as usize) else { continue };
        loader.load(segment, floor, &mut reading, &mut |entry, reading| {
            sink.push(entry, source, reading);
        });
    }
    plan.count_unread(&|number| number >= first_read, &mut reading);
    let Sink::Kept(kept) = sink else { return (Vec::new(), reading) };
    reading.duplicates += kept.duplicates;
    reading.lines_parsed += kept.parsed;
    reading.has_older |= kept.has_older;
    let lines = kept.into_lines();
    reading.matched += lines.len() as u64;
    (lines, reading)
}

/// Matches by time, copies included.
struct Merge<'a, 'l> {
    query: &'a Query,
    supply: &'a Supply<'a>,
    /// The next segment.
    turn: usize,
    loader: Loader<'a>,
    pool: &'a mut Pool<'l>,
    reading: &'a mut Reading,
}

impl Merge<'_, '_> {
    /// Hands every match to `each`, once. An error means that the order is lost.
    fn give(
        mut self,
        sources: &[Source],
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut last: Option<Entry> = None;
        while let Some(entry) = self.next()? {
            let copied = last.as_ref().filter(|last| last.order == entry.order);
            if copied.is_some_and(|last| last.text == entry.text) {
                self.reading.duplicates += 1;
                continue;
            }
            self.reading.lines_parsed += 1;
            match Line::parse(&entry.text) {
                Ok(_) if copied.is_some() => self.reading.duplicates += 1,
                Ok(line) => {
                    self.reading.matched += 1;
                    last = Some(entry);
                    if each(&line).is_break() {
                        break;
                    }
                }
                Err(reason) => {
                    let path = sources.get(entry.source as usize).map(Source::path);
                    self.reading.skip(path.unwrap_or_default(), entry.offset, reason.to_string());
                }
            }
        }
        Ok(())
    }

    /// The next match. Whatever may hold an earlier one is read before.
    fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let first = self.supply.earliest(self.turn);
            let waiting = self.pool.earliest();
            if first.is_none_or(|first| waiting.is_some_and(|waiting| waiting < first)) {
                return self.pool.pop();
            }
            if self.query.is_stopped() {
                return Ok(None);
            }
            let Loaded { entries, reading } = self.supply.take(self.turn, &mut self.loader);
            self.turn += 1;
            self.reading.merge(reading);
            for entry in entries {
                self.pool.push(entry)?;
            }
        }
    }
}
