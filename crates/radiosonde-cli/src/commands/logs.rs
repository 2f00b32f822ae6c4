//! `radiosonde logs` and `radiosonde events`: the lines of `events-*` by time.

use std::io::Write;
use std::ops::ControlFlow;

use radiosonde_store::Query;
use radiosonde_store::line::PLAIN;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Answer;

use crate::args::Select;
use crate::outcome::{Stop, conclude};
use crate::output::Lines;
use crate::render::text::many;

/// Which lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All.
    All,
    /// Events with a name of their own: no plain log lines.
    Named,
}

pub(crate) fn run(select: &Select, which: Which, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut query = query(select, which)?;
    let mut printer = Lines::new(select, out);
    if query.limit.is_some() {
        query.kept_bytes_max = Some(NEWEST_BYTES_MAX);
        let answer = query.run();
        answer.lines.iter().try_for_each(|line| printer.print(line))?;
        // What was found stands before what was wrong where both go to one terminal.
        printer.finish()?;
        tell_older(&query, &answer);
        let is_any = !answer.lines.is_empty();
        if is_any {
            printer.tell_unseen();
        }
        return Ok(conclude(&query, &answer.reading, is_any));
    }
    // Without a limit the lines may be more than memory holds.
    let mut stopped = None;
    let reading = query.stream(&mut |line| match printer.print(line) {
        Ok(()) => ControlFlow::Continue(()),
        Err(stop) => {
            stopped = Some(stop);
            ControlFlow::Break(())
        }
    });
    match stopped {
        Some(stop) => Err(stop),
        None => {
            printer.finish()?;
            if reading.matched > 0 {
                printer.tell_unseen();
            }
            Ok(conclude(&query, &reading, reading.matched > 0))
        }
    }
}

/// What both commands look for.
pub(super) fn query(select: &Select, which: Which) -> Result<Query, Stop> {
    let mut query = select.query(&[Signal::Events])?;
    if which == Which::Named {
        query.except_evt.extend(PLAIN.map(str::to_owned));
    }
    Ok(query)
}

/// Says so where fewer lines are held than were asked for.
pub(super) fn tell_older(query: &Query, answer: &Answer) {
    let count = answer.lines.len();
    if answer.reading.has_older && query.limit.is_some_and(|limit| count < limit) {
        eprintln!(
            "radiosonde: only the newest {}: more than these take over {} MiB; without -n all are \
             read, and --until gives older ones",
            many(count as u64, "line"),
            NEWEST_BYTES_MAX >> 20
        );
    }
}

/// Of the newest lines, which are held until all was read: some 300 MiB of memory.
pub(super) const NEWEST_BYTES_MAX: u64 = 128 << 20;
