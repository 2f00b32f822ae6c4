//! Lines as rows of a table, whose columns are as wide as what was seen of them needs.
//!
//! Where output is no terminal nothing is cut: whoever searches it finds what is rare as well. On a
//! terminal columns give way to the message, or to each other where they were asked for.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
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
    /// Whether the columns are those that were asked for: none of them is less than others.
    are_asked: bool,
    /// Until the widths are known.
    held: Vec<Row>,
    screen: Screen,
    is_begun: bool,
    /// Whether rows are printed as they come.
    live: bool,
    /// Whether times are without their date, which stands above those of a day then.
    is_date_above: bool,
    /// The date that was printed last.
    day: Option<(Date, Offset)>,
}

struct Row {
    ts: Timestamp,
    cells: Vec<String>,
}

struct Column {
    key: String,
    /// Of the widest cell that was seen.
    widest: usize,
    /// As it is printed; 0 where the column is left out.
    width: usize,
    /// Whether it is left out where no row has anything in it.
    optional: bool,
}

impl Table {
    pub(super) fn new(field: &[String], ids: Ids, screen: Screen, live: bool) -> Self {
        let column =
            |key: &str, optional| Column { key: key.to_owned(), widest: 0, width: 0, optional };
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
        Self {
            columns,
            are_asked: !field.is_empty(),
            held: Vec::new(),
            screen,
            is_begun: false,
            live,
            is_date_above: false,
            day: None,
        }
    }

    pub(super) fn push(&mut self, line: &Line, out: &mut dyn Write) -> Result<(), Stop> {
        let cells = self.columns.iter().map(|column| cell(line, &column.key)).collect();
        let row = Row { ts: line.ts, cells };
        let has_grown = self.grow(&row);
        if self.is_begun {
            if has_grown && self.lay_out() {
                self.head(out)?;
            }
            return self.row(&row, out);
        }
        self.held.push(row);
        if !self.live && self.held.len() < HELD_MAX {
            return Ok(());
        }
        // What comes later may have what these rows have not.
        self.columns.iter_mut().for_each(|column| column.optional = false);
        self.print(out)
    }

    /// Prints what is held back, and below all rows what is not on the screen.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        if !self.is_begun && !self.held.is_empty() {
            self.print(out)?;
        }
        // Nobody sees the end of one that goes on.
        if self.is_begun && !self.live { self.tell_left_out(out) } else { Ok(()) }
    }

    /// Prints what is held, and from then on everything at once.
    fn print(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        self.is_begun = true;
        let _ = self.lay_out();
        self.head(out)?;
        let rows = std::mem::take(&mut self.held);
        rows.iter().try_for_each(|row| self.row(row, out))
    }

    fn head(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        if self.live {
            self.tell_left_out(out)?;
        }
        let paint = self.screen.paint;
        let names = self.columns.iter().map(|column| paint.dim(&shown(&column.key)));
        self.cells(&names.collect::<Vec<_>>(), out)
    }

    fn row(&mut self, row: &Row, out: &mut dyn Write) -> Result<(), Stop> {
        if !self.is_date_above {
            return self.cells(&row.cells, out);
        }
        let at = zone::of(row.ts);
        let today = (at.date(), at.offset());
        if self.day.replace(today) != Some(today) {
            let heading = format!("── {} ({}) ──", today.0, zone::name(row.ts));
            writeln!(out, "{}", self.screen.paint.dim(&heading))?;
        }
        let mut cells = row.cells.clone();
        for (cell, _) in cells.iter_mut().zip(&self.columns).filter(|(_, column)| column.is_time())
        {
            *cell = clock(row.ts);
        }
        self.cells(&cells, out)
    }

    fn cells(&self, cells: &[String], out: &mut dyn Write) -> Result<(), Stop> {
        let mut row = String::new();
        let shown = self.columns.iter().zip(cells).filter(|(column, _)| column.width > 0);
        let last = shown.clone().count().saturating_sub(1);
        for (number, (column, cell)) in shown.enumerate() {
            if number == last {
                row.push_str(cell);
                break;
            }
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

    /// Says which columns with something in them have no room on the screen.
    fn tell_left_out(&self, out: &mut dyn Write) -> Result<(), Stop> {
        let is_left_out = |column: &&Column| column.width == 0 && column.widest > 0;
        let names: Vec<String> =
            self.columns.iter().filter(is_left_out).map(|column| shown(&column.key)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let choose = if self.are_asked { "" } else { "--field names columns, " };
        let told = format!("without {}: {choose}-o csv has all", names.join(", "));
        writeln!(out, "{}", self.screen.paint.dim(&self.screen.wrap(&told, 0)))?;
        Ok(())
    }
}

/// How wide the columns are.
impl Table {
    /// Takes the widths of a row. Whether a column has to be wider than before.
    fn grow(&mut self, row: &Row) -> bool {
        let mut has_grown = false;
        for (column, cell) in self.columns.iter_mut().zip(&row.cells) {
            let width = columns(cell).min(WIDTH_MAX);
            has_grown |= width > column.wanted();
            column.widest = column.widest.max(width);
        }
        has_grown
    }

    /// Shares the screen out. Whether other columns are on it than before.
    fn lay_out(&mut self) -> bool {
        let is_shown = |table: &Self| -> Vec<bool> {
            table.columns.iter().map(|column| column.width > 0).collect()
        };
        let before = (is_shown(self), self.is_date_above);
        for column in &mut self.columns {
            let is_left_out = column.optional && column.widest == 0;
            column.width = if is_left_out { 0 } else { column.wanted() };
        }
        self.is_date_above = false;
        if let Some(edge) = self.screen.edge() {
            self.give_way(edge);
        }
        before != (is_shown(self), self.is_date_above)
    }

    /// Makes the columns narrower until they have room. The date of times goes first.
    fn give_way(&mut self, edge: usize) {
        if self.needed() <= edge {
            return;
        }
        for column in self.columns.iter_mut().filter(|column| column.is_time()) {
            column.width = CLOCK;
            self.is_date_above = true;
        }
        if self.are_asked {
            self.all_narrower(edge);
            self.without_last(edge);
        } else {
            self.less(edge);
        }
        self.wider(edge);
    }

    /// Makes the widest of the columns that were asked for narrower.
    fn all_narrower(&mut self, edge: usize) {
        let mut most = WIDTH_MAX;
        while most > LEAST && self.needed() > edge {
            most -= 1;
            for column in self.columns.iter_mut().filter(|column| !column.is_time()) {
                column.width = column.width.min(most);
            }
        }
    }

    /// Leaves out the last of those that were asked for.
    fn without_last(&mut self, edge: usize) {
        for number in (1..self.columns.len()).rev() {
            if self.needed() <= edge {
                return;
            }
            self.columns[number].width = 0;
        }
    }

    /// Leaves out what says least.
    fn less(&mut self, edge: usize) {
        for (key, least) in GIVE {
            let more = self.needed().saturating_sub(edge);
            let column = self.columns.iter_mut().find(|column| column.key == *key);
            if let Some(column) = column.filter(|_| more > 0) {
                let left = if *least > 0 { column.width.saturating_sub(more) } else { 0 };
                column.width = left.max(*least).min(column.width);
            }
        }
    }

    /// Gives what is left of the screen back to what is narrower than it needs.
    fn wider(&mut self, edge: usize) {
        for number in 0..self.columns.len() {
            let left = edge.saturating_sub(self.needed());
            let column = &mut self.columns[number];
            if column.width > 0 && !column.is_time() {
                column.width = (column.width + left).min(column.wanted());
            }
        }
    }

    /// The columns of the screen that a row needs.
    fn needed(&self) -> usize {
        let shown = || self.columns.iter().filter(|column| column.width > 0);
        let all: usize = shown().map(|column| column.width + GAP).sum();
        let beyond = match shown().next_back() {
            // It ends at the edge.
            Some(last) if !self.are_asked => GAP + last.width.saturating_sub(MSG_LEAST),
            _ => GAP,
        };
        all.saturating_sub(beyond)
    }
}

impl Column {
    fn is_time(&self) -> bool {
        self.key == "ts"
    }

    /// The width in which nothing of it is cut.
    fn wanted(&self) -> usize {
        self.widest.max(columns(&shown(&self.key))).min(WIDTH_MAX)
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
/// Between columns.
const GAP: usize = 2;
/// A time without its date.
const CLOCK: usize = "hh:mm:ss.mmm".len();
/// So much of each column that was asked for is on a screen of whatever width, or none of it.
const LEAST: usize = 12;
/// Columns give way until so much of a message is on the screen.
const MSG_LEAST: usize = 24;
/// What gives way to a message, and what is left of it: with nothing, it is left out.
const GIVE: &[(&str, usize)] = &[
    ("source", 0),
    ("session_id", 0),
    ("worker_id", 0),
    ("trace_id", 0),
    ("evt", 16),
    ("job_id", 0),
    ("evt", 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, level: &str, evt: &str, job: &str, msg: &str) -> Line {
        let text = format!(
            r#"{{"ts":"2025-10-06T11:50:{second:02}Z","level":"{level}","evt":"{evt}","source":"a::rather::long_path::of_a_module","job_id":"{job}","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","worker_id":"worker-17","msg":"{msg}","meta":{{"status":429,"why":"the provider says no to it"}}}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    const IDS: Ids =
        Ids { job: true, machine: false, service: false, session: true, trace: true, worker: true };

    /// What is printed of lines of these fields.
    fn printed(field: &[&str], screen: Screen, live: bool, lines: &[Line]) -> String {
        let field: Vec<String> = field.iter().map(|key| (*key).to_owned()).collect();
        let mut table = Table::new(&field, IDS, screen, live);
        let mut out = Vec::new();
        for line in lines {
            assert!(table.push(line, &mut out).is_ok());
            // As it is called while lines are followed.
            assert!(!live || table.finish(&mut out).is_ok());
        }
        assert!(table.finish(&mut out).is_ok());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn where_output_is_no_terminal_nothing_is_cut() {
        let job = "job-0123456789-0123456789-0123456789-0123456789";
        let mut lines: Vec<_> = (0..HELD_MAX).map(|_| line(0, "info", "a", "j", "m")).collect();
        lines.push(line(1, "critical", "payment.failed", job, "gave up"));
        for (live, lines) in [(false, &lines[..]), (true, &lines[HELD_MAX - 1..])] {
            let text = printed(&[], Screen::of_width(80, true), live, lines);
            let last = text.lines().last().unwrap();
            for whole in ["critical  payment.failed  a::rather", job, "gave up"] {
                assert!(last.contains(whole), "{live}: {last}");
            }
            assert!(text.starts_with("ts ") && text.lines().count() == lines.len() + 1, "{live}");
        }
        // What nobody had so far may come: then it has a column.
        let nobody = |ts| {
            let text = format!(r#"{{"ts":"2025-10-06T11:50:0{ts}Z","msg":"m"}}"#);
            Line::parse(text.as_bytes()).unwrap()
        };
        let mut lines: Vec<_> = (0..HELD_MAX).map(|_| nobody(0)).collect();
        let text = printed(&[], Screen::of_width(80, true), false, &lines[1..]);
        assert!(!text.contains("job_id"), "nobody has one");
        lines.push(line(1, "info", "a", job, "m"));
        let text = printed(&[], Screen::of_width(80, true), false, &lines);
        assert!(text.lines().last().unwrap().contains(job), "{text}");
    }

    #[test]
    fn on_a_terminal_columns_give_way_to_the_message() {
        let lines = [
            line(1, "info", "telemetry.problem", "job-1", "attempt 1 failed, waiting for it"),
            line(2, "warning", "http.server.request", "job-000000001234", "attempt 2 failed"),
        ];
        for (width, live, left_out, head) in [
            (200, false, None, "ts  level  evt  source  job_id  trace_id  worker_id  msg"),
            (120, false, Some("source"), "ts  level  evt  job_id  trace_id  worker_id  msg"),
            (80, false, Some("source, job_id, trace_id, worker_id"), "ts  level  evt  msg"),
            (80, true, Some("source, job_id, trace_id, worker_id"), "ts  level  evt  msg"),
            (50, false, Some("evt, source, job_id, trace_id, worker_id"), "ts  level  msg"),
        ] {
            let screen = Screen::of_width(width, false);
            let text = printed(&[], screen, live, &lines);
            assert!(text.lines().all(|row| columns(row) <= width), "{width}: {text}");
            for whole in ["attempt 1 failed", "attempt 2 failed", "warning"] {
                assert!(text.contains(whole), "{width}: {text}");
            }
            let heads: Vec<String> = text
                .lines()
                .filter(|row| row.starts_with("ts "))
                .map(|row| row.split_whitespace().collect::<Vec<_>>().join("  "))
                .collect();
            assert_eq!(heads.last().map(String::as_str), Some(head), "{width}: {text}");
            let told: Vec<_> = text.lines().filter(|row| row.starts_with("without ")).collect();
            assert_eq!(told.is_empty(), left_out.is_none(), "{width}: {text}");
            let told = told.last().copied().unwrap_or_default();
            assert!(
                told.starts_with(&format!("without {}", left_out.unwrap_or_default()))
                    || left_out.is_none(),
                "{width}: {text}"
            );
            // A time without its date stands below it.
            let dates = text.matches("── 2025-10-06 (UTC) ──").count();
            assert_eq!(dates, usize::from(text.contains("\n11:50:02.000  ")), "{width}: {text}");
        }
    }

    #[test]
    fn columns_that_were_asked_for_share_a_terminal() {
        let lines = [line(1, "warning", "a", "j", "attempt 1 failed, waiting for the next one")];
        let asked = ["ts", "level", "msg", "status", "why"];
        let text = printed(&asked, Screen::of_width(80, false), false, &lines);
        assert!(text.lines().all(|row| columns(row) <= 80), "{text}");
        for part in ["attempt 1 failed", " 429 ", "the provider says", "status"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("without "), "{text}");
        let text = printed(&asked, Screen::of_width(40, false), false, &lines);
        assert!(text.lines().all(|row| columns(row) <= 40), "{text}");
        assert!(
            text.contains("attempt 1 f") && text.contains("without status, why: -o csv"),
            "{text}"
        );
    }

    #[test]
    fn a_row_that_comes_later_makes_its_column_wider() {
        let lines = [
            line(1, "info", "a", "j", "m"),
            line(2, "critical", "payment.failed", "job-000000001234", "m"),
            line(3, "info", "a", "j", "m"),
        ];
        let text =
            printed(&["level", "evt", "job_id", "msg"], Screen::of_width(80, false), true, &lines);
        assert!(text.contains("critical  payment.failed  job-000000001234  m"), "{text}");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[2].rfind('m'), rows[3].rfind('m'), "{text}");
    }
}
