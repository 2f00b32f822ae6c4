//! Putting the lines of all files in their order.

use std::cmp::Reverse;
use std::io;
use std::ops::ControlFlow;

use crate::line::Line;
use crate::query::Query;
use crate::query::entry::Entry;
use crate::query::judge::Judges;
use crate::query::kept::Kept;
use crate::query::limits::Limits;
use crate::query::plan::{Plan, Sink};
use crate::query::reading::{Reading, Unreadable};
use crate::query::segment::Loader;
use crate::query::source::Source;

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
    // The earliest at the end, from where they are taken; of one time, in the order of the files.
    plan.segments.reverse();
    plan.segments.sort_by_key(|segment| Reverse(segment.earliest));
    let sources = std::mem::take(&mut plan.sources);
    let mut merge = Merge { loader: Loader::new(&judges, &sources), plan, sink };
    let mut last: Option<Entry> = None;
    loop {
        let entry = match merge.next(&mut reading) {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(error) => {
                let what = format!("lines cannot wait for their turn in a temporary file: {error}");
                let error = io::Error::new(error.kind(), what);
                let path = limits.temporary.clone();
                reading.unreadable.push(Unreadable { path, offset: 0, error });
                break;
            }
        };
        let copied = last.as_ref().filter(|last| last.order == entry.order);
        if copied.is_some_and(|last| last.text == entry.text) {
            reading.duplicates += 1;
            continue;
        }
        reading.lines_parsed += 1;
        match Line::parse(&entry.text) {
            Ok(_) if copied.is_some() => reading.duplicates += 1,
            Ok(line) => {
                reading.matched += 1;
                last = Some(entry);
                if each(&line).is_break() {
                    break;
                }
            }
            Err(reason) => {
                let path = sources.get(entry.source as usize).map(Source::path);
                reading.skip(path.unwrap_or_default(), entry.offset, reason.to_string());
            }
        }
    }
    merge.plan.count_unread(&mut reading);
    if let Sink::Pool { pool, .. } = &merge.sink {
        reading.bytes_spilled += pool.bytes_spilled();
    }
    reading
}

/// Finds the newest matches, so many at most.
pub(super) fn newest(query: &Query, limits: &Limits, most: usize) -> (Vec<Line>, Reading) {
    let judges = Judges::new(query);
    let mut reading = Reading::default();
    let mut sink = Sink::Kept(Kept::new(most));
    let mut plan = Plan::make(query, &judges, limits, &mut sink, &mut reading);
    // The latest at the end, from where they are taken.
    plan.segments.sort_by_key(|segment| segment.latest);
    let sources = std::mem::take(&mut plan.sources);
    let mut loader = Loader::new(&judges, &sources);
    while plan.segments.last().is_some_and(|next| next.latest >= sink.floor()) {
        let Some(segment) = plan.take() else { break };
        let source = sources.get(segment.source as usize);
        let floor = sink.floor();
        loader.load(&segment, floor, &mut reading, &mut |entry, reading| {
            if let Some(source) = source {
                sink.push(entry, source, reading);
            }
        });
    }
    plan.count_unread(&mut reading);
    let Sink::Kept(kept) = sink else { return (Vec::new(), reading) };
    reading.duplicates += kept.duplicates;
    reading.lines_parsed += kept.parsed;
    let lines = kept.into_lines();
    reading.matched += lines.len() as u64;
    (lines, reading)
}

/// Matches by time, copies included.
struct Merge<'a> {
    plan: Plan,
    loader: Loader<'a>,
    sink: Sink<'a>,
}

impl Merge<'_> {
    /// The next match. Whatever may hold an earlier one is read before.
    fn next(&mut self, reading: &mut Reading) -> io::Result<Option<Entry>> {
        let Self { plan, loader, sink } = self;
        let Sink::Pool { pool, failed } = sink else { return Ok(None) };
        loop {
            if let Some(error) = failed.take() {
                return Err(error);
            }
            let earliest = pool.earliest();
            let is_due = |first: i64| earliest.is_none_or(|earliest| first <= earliest);
            match plan.segments.last() {
                Some(segment) if is_due(segment.earliest) => {}
                _ => return pool.pop(),
            }
            if let Some(segment) = plan.take() {
                loader.load(&segment, i64::MIN, reading, &mut |entry, _| {
                    if failed.is_none() {
                        *failed = pool.push(entry).err();
                    }
                });
            }
        }
    }
}
