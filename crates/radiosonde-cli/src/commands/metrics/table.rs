//! Series in columns.

use std::borrow::Cow;
use std::io::Write;

use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::color;
use crate::render::text::columns;

/// Series, value, picture, remark, in columns.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

/// One series.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) series: String,
    pub(super) value: String,
    /// How it went; empty where that cannot be told.
    pub(super) picture: String,
    pub(super) remark: String,
}

impl Table {
    /// Whether something had to be cut. Where a name has no room beside its value the value has a line
    /// of its own: the end of a name is what tells it from the next.
    pub(super) fn print(self, screen: Screen, out: &mut dyn Write) -> Result<bool, Stop> {
        let most = screen.edge().map_or(COLUMN_MAX, |edge| COLUMN_MAX.min(edge / 2));
        let widest = |column: fn(&Row) -> &String| {
            let widths = self.rows.iter().map(|row| columns(column(row)));
            widths.filter(|width| *width <= most).max().unwrap_or(0)
        };
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(columns(text)));
        let (first, second) = (widest(|row| &row.series), widest(|row| &row.value));
        let third = widest(|row| &row.picture);
        let mut cut = false;
        for Row { series, value, picture, remark } in &self.rows {
            let remark = screen.paint.dim(remark);
            let mut rest = format!("  {value}{}", pad(value, second));
            if third > 0 {
                let bar = screen.paint.with(color::BAR, picture);
                rest.push_str(&format!("  {bar}{}", pad(picture, third)));
            }
            let rest = format!("{rest}  {remark}");
            let rest = rest.trim_end();
            let room = screen.edge().map(|edge| edge.saturating_sub(2 + columns(rest)));
            let first = first.min(room.unwrap_or(first));
            let mut name = series.as_str();
            if room.is_some_and(|room| columns(name) > room) {
                let alone = format!("  {name}");
                let alone = screen.fit(&alone, 0);
                cut |= matches!(alone, Cow::Owned(_));
                writeln!(out, "{alone}")?;
                name = "";
            }
            let row = format!("  {name}{}{rest}", pad(name, first));
            let row = screen.fit(&row, 0);
            cut |= matches!(row, Cow::Owned(_));
            writeln!(out, "{row}")?;
        }
        Ok(cut)
    }
}

/// A wider text stands out of its column: one endless label value must not push everybody's values
/// off the screen.
const COLUMN_MAX: usize = 90;

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(rows: &[(&str, &str)], screen: Screen) -> (String, bool) {
        let row = |(series, value): &(&str, &str)| {
            let (series, value) = ((*series).to_owned(), (*value).to_owned());
            Row { series, value, ..Row::default() }
        };
        let mut out = Vec::new();
        let table = Table { rows: rows.iter().map(row).collect() };
        let Ok(cut) = table.print(screen, &mut out) else { panic!() };
        (String::from_utf8(out).unwrap(), cut)
    }

    #[test]
    fn a_text_too_wide_for_its_column_moves_no_other() {
        let endless = "x".repeat(COLUMN_MAX + 1);
        let rows = [("runs_total", "3"), (&endless, "4"), ("rows", "5")];
        let expected = format!("  runs_total  3\n  {endless}  4\n  rows        5\n");
        assert_eq!(printed(&rows, Screen::of_width(80, true)), (expected, false));
    }

    #[test]
    fn on_a_terminal_a_name_without_room_beside_its_value_stands_above_it() {
        let long = "a_rather_long_name_of_a_series{with=\"labels\"}";
        let rows = [("runs_total", "3"), (long, "12 × mean 310 ms"), ("rows", "5")];
        let (text, cut) = printed(&rows, Screen::of_width(50, false));
        let expected = format!(
            "  runs_total  3\n\
             \x20 {long}\n\
             \x20             12 × mean 310 ms\n\
             \x20 rows        5\n"
        );
        assert_eq!((text.as_str(), cut), (&*expected, false));
        // What has no room at all.
        for (name, value) in [(long, &*"9".repeat(60)), (&"x".repeat(60), "9")] {
            let (text, cut) = printed(&[(name, value)], Screen::of_width(50, false));
            assert!(cut && text.contains('…'), "{text}");
            assert!(text.lines().all(|line| columns(line) <= 50), "{text}");
        }
    }
}
