//! `radiosonde logs` and `radiosonde events`: the lines of `events-*` by time.

use std::io::Write;
use std::ops::ControlFlow;

use radiosonde_store::Query;
use radiosonde_store::names::Signal;

use crate::args::Select;
use crate::outcome::{Stop, conclude};
use crate::output::Lines;

/// Which lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All.
    All,
    /// Events with a name of their own: no plain log lines.
    Named,
}

pub(crate) fn run(select: &Select, which: Which, out: &mut dyn Write) -> Result<u8, Stop> {
    let query = query(select, which)?;
    let mut printer = Lines::new(select, out);
    if query.limit.is_some() {
        let answer = query.run();
        answer.lines.iter().try_for_each(|line| printer.print(line))?;
        // What was found stands before what was wrong where both go to one terminal.
        printer.finish()?;
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
        query.except_evt.push("log".to_owned());
    }
    Ok(query)
}
