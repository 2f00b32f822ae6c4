//! `radiosonde logs` and `radiosonde events`: the lines of `events-*` by time.

use std::io::Write;
use std::ops::ControlFlow;

use jiff::civil::Date;
use radiosonde_store::names::Signal;
use radiosonde_store::{Line, Query};

use crate::args::Select;
use crate::commands::print_stored;
use crate::outcome::{Stop, conclude};
use crate::render::Screen;
use crate::render::line::{Ids, full};
use crate::render::time::day;

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
    let mut printer = Printer::new(select, out);
    if query.limit.is_some() {
        let answer = query.run();
        answer.lines.iter().try_for_each(|line| printer.print(line))?;
        // What was found stands before what was wrong where both go to one terminal.
        printer.out.flush()?;
        return Ok(conclude(&query, &answer.reading, !answer.lines.is_empty()));
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
            printer.out.flush()?;
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

pub(super) struct Printer<'a> {
    pub(super) out: &'a mut dyn Write,
    is_json: bool,
    screen: Screen,
    ids: Ids,
    day: Option<Date>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(select: &Select, out: &'a mut dyn Write) -> Self {
        // What was asked for exactly is the same on every line.
        let ids = Ids {
            job: select.job.is_none(),
            machine: false,
            service: false,
            session: select.session.is_none(),
            trace: true,
            worker: select.worker.is_none(),
        };
        let screen = Screen::new(&select.show, true);
        Self { out, is_json: select.show.is_json(), screen, ids, day: None }
    }

    /// Prints a line, and before the first of each day its date.
    pub(super) fn print(&mut self, line: &Line) -> Result<(), Stop> {
        if self.is_json {
            return print_stored(line, self.out);
        }
        let today = day(line.ts);
        if self.day.replace(today) != Some(today) {
            writeln!(self.out, "{}", self.screen.paint.dim(&format!("── {today} (UTC) ──")))?;
        }
        writeln!(self.out, "{}", full(line, self.ids, self.screen.paint))?;
        Ok(())
    }
}
