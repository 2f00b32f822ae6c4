//! Lines in the shape that was asked for: for people, as rows of columns, or as they are stored.

mod csv;
mod objects;
mod table;

use std::io::Write;

use jiff::civil::Date;
use jiff::tz::Offset;
use radiosonde_events::clean_json_for_terminal;
use radiosonde_store::Line;
use radiosonde_store::query::condition::value_of;

use crate::args::{Output, Select};
use crate::outcome::Stop;
use crate::render::line::{Ids, full};
use crate::render::text::shown;
use crate::render::{Screen, is_terminal};
use crate::zone;

use self::csv::Csv;
pub(crate) use self::objects::Objects;

/// Prints lines one by one; [`Lines::finish`] prints what it held back.
pub(crate) struct Lines<'a> {
    pub(crate) out: &'a mut dyn Write,
    shape: Shape,
    /// Columns that were asked for, and no line had anything in them yet.
    unseen: Vec<String>,
}

enum Shape {
    Csv(Csv),
    Pretty { screen: Screen, ids: Ids, day: Option<(Date, Offset)> },
    Stored { is_terminal: bool },
    Table(table::Table),
}

impl<'a> Lines<'a> {
    pub(crate) fn new(select: &Select, out: &'a mut dyn Write) -> Self {
        // What was asked for exactly is the same on every line.
        let ids = Ids {
            job: select.job.is_none(),
            machine: false,
            service: false,
            session: select.session.is_none(),
            trace: true,
            worker: select.worker.is_none(),
        };
        let show = &select.show;
        let shape = match show.output() {
            Output::Csv => Shape::Csv(Csv::of_lines(&show.field)),
            Output::Json | Output::Raw => Shape::Stored { is_terminal: is_terminal() },
            Output::Pretty => Shape::Pretty { screen: Screen::new(show, true), ids, day: None },
            Output::Table => {
                let screen = Screen::new(show, false);
                Shape::Table(table::Table::new(&show.field, ids, screen, select.follow))
            }
        };
        let unseen = match show.output() {
            Output::Csv | Output::Table => columns(&show.field, &[]),
            _ => Vec::new(),
        };
        Self { out, shape, unseen }
    }

    /// Prints a line; for people, before the first of each day its date, and the name of the zone where it
    /// is another from then on.
    pub(crate) fn print(&mut self, line: &Line) -> Result<(), Stop> {
        self.unseen.retain(|key| value_of(line, key).is_none());
        match &mut self.shape {
            Shape::Csv(csv) => csv.line(line, self.out),
            Shape::Pretty { screen, ids, day: before } => {
                let at = zone::of(line.ts);
                let today = (at.date(), at.offset());
                // Where the clocks are changed, an hour comes twice.
                if before.replace(today) != Some(today) {
                    let heading = format!("── {} ({}) ──", today.0, zone::name(line.ts));
                    writeln!(self.out, "{}", screen.paint.dim(&heading))?;
                }
                writeln!(self.out, "{}", full(line, *ids, screen.paint))?;
                Ok(())
            }
            Shape::Stored { is_terminal: true } => {
                writeln!(self.out, "{}", clean_json_for_terminal(&line.raw))?;
                Ok(())
            }
            Shape::Stored { is_terminal: false } => {
                self.out.write_all(line.raw.as_bytes())?;
                self.out.write_all(b"\n")?;
                Ok(())
            }
            Shape::Table(table) => table.push(line, self.out),
        }
    }

    /// Says on stderr which columns are empty since no line has such a key. A line may be without any
    /// of those that every line may have.
    pub(crate) fn tell_unseen(&self) {
        for key in self.unseen.iter().filter(|key| !csv::USUAL.contains(&key.as_str())) {
            eprintln!("radiosonde: no line shown has `{}`", shown(key));
        }
    }

    /// Prints what was held back, and everything goes on its way.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        match &mut self.shape {
            Shape::Csv(csv) => csv.head(self.out)?,
            Shape::Table(table) => table.finish(self.out)?,
            Shape::Pretty { .. } | Shape::Stored { .. } => {}
        }
        self.out.flush()?;
        Ok(())
    }
}

/// The columns that were asked for, or else these.
fn columns(field: &[String], usual: &[&str]) -> Vec<String> {
    match field.is_empty() {
        true => usual.iter().map(|key| (*key).to_owned()).collect(),
        false => field.to_vec(),
    }
}
