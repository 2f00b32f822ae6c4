//! Lines as rows of a table, whose columns are as wide as the first of them need.

use std::borrow::Cow;
use std::io::Write;

use radiosonde_store::Line;
use radiosonde_store::query::condition::value_of;
use serde_json::Value;

use crate::levels;
use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::line::{Ids, short};
use crate::render::text::{columns, fit, shown};
use crate::render::time::{clock, day};
use crate::zone;

/// The rows that are not printed yet, and the columns.
pub(super) struct Table {
    columns: Vec<Column>,
    /// Whether nobody named them.
    are_usual: bool,
    /// Until the widths are known.
    held: Vec<Vec<String>>,
    screen: Screen,
    is_begun: bool,
    /// Whether rows are printed as they come.
    live: bool,
}

struct Column {
    key: String,
    width: usize,
    /// Whether it is left out where no row has anything in it.
    optional: bool,
}

impl Table {
    pub(super) fn new(field: &[String], ids: Ids, screen: Screen, live: bool) -> Self {
        let column = |key: &str, optional| Column {
            key: key.to_owned(),
            width: columns(&shown(key)),
            optional,
        };
        let columns = match field.is_empty() {
            true => {
                let ids = [
                    ("job_id", ids.job),
                    ("trace_id", ids.trace),
                    ("session_id", ids.session),
                    ("worker_id", ids.worker),
                ];
                let ids =
                    ids.iter().filter(|(_, wanted)| *wanted).map(|(key, _)| column(key, true));
                let first = ["ts", "level", "evt", "source"].map(|key| column(key, false));
                first.into_iter().chain(ids).chain([column("msg", false)]).collect()
            }
            false => field.iter().map(|key| column(key.trim(), false)).collect(),
        };
        let are_usual = field.is_empty();
        Self { columns, are_usual, held: Vec::new(), screen, is_begun: false, live }
    }

    pub(super) fn push(&mut self, line: &Line, out: &mut dyn Write) -> Result<(), Stop> {
        let row: Vec<String> = self.columns.iter().map(|column| cell(line, &column.key)).collect();
        if self.is_begun {
            return self.row(&row, out);
        }
        self.held.push(row);
        if self.live || self.held.len() >= HELD_MAX { self.print(out) } else { Ok(()) }
    }

    /// Prints what is held, and from then on everything at once.
    pub(super) fn print(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        if self.is_begun || self.held.is_empty() {
            return Ok(());
        }
        self.is_begun = true;
        let rows = std::mem::take(&mut self.held);
        for (number, column) in self.columns.iter_mut().enumerate() {
            let widest = rows.iter().map(|row| columns(&row[number])).max().unwrap_or(0);
            // What comes later may have what these rows have not; that is not known now.
            let is_left_out = column.optional && widest == 0 && !self.live;
            column.width = match is_left_out {
                true => 0,
                false => column.width.max(widest).min(WIDTH_MAX),
            };
            // The most severe ones are rare, and come later.
            if column.key == "level" {
                column.width = column.width.max(LEVEL_WIDTH);
            }
        }
        self.give_way();
        let paint = self.screen.paint;
        let names = self.columns.iter().map(|column| paint.dim(&shown(&column.key)));
        self.row(&names.collect::<Vec<_>>(), out)?;
        rows.iter().try_for_each(|row| self.row(row, out))
    }

    /// Leaves out what is said best elsewhere, and makes others narrower, until what is told has room on
    /// the screen. Columns that were asked for all stay.
    fn give_way(&mut self) {
        let Some(edge) = self.screen.edge() else { return };
        let mut left_out = Vec::new();
        for key in if self.are_usual { GIVES_WAY.as_slice() } else { &[] } {
            if self.needs(NARROW, MSG_LEAST) <= edge {
                break;
            }
            let found = self.columns.iter_mut().find(|column| column.key == *key);
            if let Some(column) = found.filter(|column| column.width > 0) {
                column.width = 0;
                left_out.push(*key);
            }
        }
        let of_last = if self.are_usual { MSG_LEAST } else { CELL_LEAST };
        while self.needs(WIDTH_MAX, of_last) > edge {
            let last = self.columns.len().saturating_sub(1);
            let can = |column: &&mut Column| {
                !WHOLE.contains(&column.key.as_str()) && column.width > CELL_LEAST
            };
            let widest = self.columns[..last].iter_mut().filter(can).max_by_key(|one| one.width);
            let Some(widest) = widest else { break };
            widest.width -= 1;
        }
        if !left_out.is_empty() {
            eprintln!(
                "radiosonde: without {}, for which the terminal is too narrow: --field names columns, \
                 -o csv has all",
                left_out.join(", ")
            );
        } else if self.needs(WIDTH_MAX, of_last) > edge {
            eprintln!(
                "radiosonde: rows go on past the edge of the terminal: -o csv has all of them"
            );
        }
    }

    /// Columns of the screen that rows take, where the last cell has so many at most, and others that may
    /// be cut have so many.
    fn needs(&self, most: usize, of_last: usize) -> usize {
        let last = self.columns.len().saturating_sub(1);
        let width = |(number, column): (usize, &Column)| match number == last {
            true => column.width.min(of_last),
            false if WHOLE.contains(&column.key.as_str()) => column.width,
            false => column.width.min(most),
        };
        let widths = self.columns.iter().enumerate().filter(|(_, column)| column.width > 0);
        let (count, sum) = widths.map(width).fold((0, 0), |(n, sum), width| (n + 1, sum + width));
        sum + GAP * usize::saturating_sub(count, 1)
    }

    fn row(&self, cells: &[String], out: &mut dyn Write) -> Result<(), Stop> {
        let mut row = String::new();
        let shown = self.columns.iter().zip(cells).filter(|(column, _)| column.width > 0);
        let last = shown.clone().count().saturating_sub(1);
        for (number, (column, cell)) in shown.enumerate() {
            if number == last {
                row.push_str(cell);
                break;
            }
            // What is longer than those before it is cut where it would push others off the screen.
            let cell = match self.screen.edge() {
                Some(_) => fit(cell, column.width),
                None => Cow::Borrowed(cell.as_str()),
            };
            row.push_str(&cell);
            row.push_str(&" ".repeat(column.width.saturating_sub(columns(&cell)) + GAP));
        }
        writeln!(out, "{}", self.screen.fit(row.trim_end(), 0))?;
        Ok(())
    }
}

/// What stands in a column.
fn cell(line: &Line, key: &str) -> String {
    match key {
        // Without --local it is UTC, as everywhere.
        "ts" => match zone::name(line.ts).as_str() {
            "UTC" => format!("{} {}", day(line.ts), clock(line.ts)),
            zone => format!("{} {} {zone}", day(line.ts), clock(line.ts)),
        },
        "trace_id" => line.trace_id.as_deref().map(short).map(shown).unwrap_or_default(),
        "meta" => line
            .meta
            .iter()
            .map(|(key, value)| shown(&format!("{key}={value}")))
            .collect::<Vec<_>>()
            .join(" "),
        _ => match value_of(line, key).or_else(|| levels::unknown(line, key)) {
            None => String::new(),
            Some(Value::String(text)) => shown(&text),
            Some(other) => shown(&other.to_string()),
        },
    }
}

/// Rows by which the widths are found.
const HELD_MAX: usize = 500;
/// One endless value must not push everything else off the screen; the last column may be longer.
const WIDTH_MAX: usize = 40;
/// Columns that the screen has no room for, the first of them first.
const GIVES_WAY: [&str; 6] = ["source", "session_id", "worker_id", "trace_id", "job_id", "evt"];
/// Columns that say nothing when they are cut.
const WHOLE: [&str; 2] = ["ts", "level"];
/// So much of a message is on the screen, and of any cell.
const MSG_LEAST: usize = 20;
const CELL_LEAST: usize = 12;
/// Widths with which others stay beside a message.
const NARROW: usize = 16;
/// Of `critical`.
const LEVEL_WIDTH: usize = 8;
/// Between columns.
const GAP: usize = 2;
