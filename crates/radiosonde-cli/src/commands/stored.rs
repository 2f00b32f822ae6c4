//! Stories as they are stored: line by line as they are found, since they may be more than memory holds.
//!
//! Which run a line is of only the others tell, and so does whether the first digits of an id are those
//! of one trace. Where either is asked for, everything is gone through once before.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::{ControlFlow, RangeInclusive};

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Line, Query};

use crate::args::{Pick, Select};
use crate::commands::correlate::{TRACE_DIGITS, no_such_run};
use crate::commands::{print_stored, trace, unfiled};
use crate::outcome::{Stop, conclude};
use crate::places;
use crate::render::text::shown;
use crate::runs::Times;

/// Prints the lines that match, or those of one run.
pub(super) fn run(
    select: &Select,
    pick: &Pick,
    mut query: Query,
    out: &mut dyn Write,
) -> Result<u8, Stop> {
    let is_certain = query.traces.iter().all(|trace| trace.len() == TRACE_DIGITS);
    let mut before = None;
    if pick.run.is_some() || !is_certain {
        let why = "the files are read twice to tell runs or traces apart";
        places::refuse_pipes(&query.dirs, why)?;
        let first = First::of(&query, pick.run.is_some(), is_certain);
        let found = first.traces.iter().map(String::as_str);
        trace::one_trace(&query, found)?;
        if first.has_too_many {
            return Err(Stop::Usage(too_many(select)));
        }
        if pick.run.is_some() && first.reading.matched > 0 {
            let runs = first.times.divide();
            let chosen = pick.of(runs.len()).and_then(|chosen| runs.get(chosen.start));
            let chosen = chosen.ok_or_else(|| no_such_run(select, pick, runs.len()))?;
            narrow(&mut query, chosen);
        }
        before = Some(first.reading);
    }
    let mut stopped = None;
    let mut reading = query.stream(&mut |line| match print_stored(line, out) {
        Ok(()) => ControlFlow::Continue(()),
        Err(stop) => {
            stopped = Some(stop);
            ControlFlow::Break(())
        }
    });
    if let Some(stop) = stopped {
        return Err(stop);
    }
    out.flush()?;
    let any = reading.matched > 0;
    if let Some(before) = before {
        reading.bytes_read += before.bytes_read;
        reading.merge_losses(before);
    }
    let status = conclude(&query, &reading, any);
    unfiled::tell(any, &query.dirs, Signal::Spans);
    Ok(status)
}

/// What going through everything once tells.
struct First {
    times: Times,
    /// Traces whose ids begin as asked.
    traces: BTreeSet<String>,
    has_too_many: bool,
    reading: Reading,
}

impl First {
    fn of(query: &Query, wants_runs: bool, is_certain: bool) -> Self {
        let (mut times, mut traces) = (Times::default(), BTreeSet::new());
        let mut has_too_many = false;
        let mut each = |line: &Line| {
            if wants_runs {
                times.add(line);
            }
            if let Some(trace) =
                line.trace_id.as_ref().filter(|trace| !is_certain && !traces.contains(*trace))
            {
                let _ = traces.insert(trace.clone());
            }
            has_too_many = times.parts() > PARTS_MAX;
            match has_too_many || traces.len() > TRACES_MAX {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let reading = query.stream(&mut each);
        Self { times, traces, has_too_many, reading }
    }
}

/// Looks for the lines of a run alone: it begins with the first of them and ends with the last.
fn narrow(query: &mut Query, run: &RangeInclusive<Timestamp>) {
    query.since = query.since.max(Some(*run.start()));
    let behind = run.end().checked_add(SignedDuration::from_nanos(1)).ok();
    query.until = match (query.until, behind) {
        (Some(until), Some(behind)) => Some(until.min(behind)),
        (until, behind) => until.or(behind),
    };
}

fn too_many(select: &Select) -> String {
    format!(
        "job {} has too many traces and processes for its runs to be told apart: narrow the time by \
         --since and --until",
        shown(select.job.as_deref().unwrap_or_default())
    )
}

/// Traces, processes and stretches of time that are held to tell runs apart: some 250 bytes each.
const PARTS_MAX: usize = 400_000;
/// Traces that are told from each other where one is asked for.
const TRACES_MAX: usize = 10_000;
