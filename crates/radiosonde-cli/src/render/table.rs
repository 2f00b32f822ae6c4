//! Rows of text, one column below the other.

use std::io::Write;

use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::text::columns;

/// Columns two spaces apart, as wide as they must be; some of them flush right.
pub(crate) fn table<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    out: &mut dyn Write,
) -> Result<(), Stop> {
    each_row(rows, right, &mut |row| Ok(writeln!(out, "{row}")?))
}

/// The same, with rows that end at the edge of the screen.
pub(crate) fn table_within<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    each_row(rows, right, &mut |row| Ok(writeln!(out, "{}", screen.fit(row, 0))?))
}

fn each_row<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    print: &mut dyn FnMut(&str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let width = |column: usize| {
        rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0).min(COLUMN_MAX)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(columns(cell)));
            let (left, right) =
                if right.contains(&column) { (pad.as_str(), "") } else { ("", pad.as_str()) };
            text.push_str(&format!("{left}{cell}{right}  "));
        }
        print(text.trim_end())?;
    }
    Ok(())
}

/// One endless name must not push everything else off the screen.
const COLUMN_MAX: usize = 60;
