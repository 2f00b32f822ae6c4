//! Rows of text, one column below the other.

use std::io::Write;

use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::text::{columns, fit_middle};

/// What gives way where the rows of a table are wider than the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow {
    /// The column of names, which are not painted: the middle of a long one is left out.
    pub(crate) gives: usize,
    /// Columns of the screen that names have at least.
    pub(crate) least: usize,
    /// Columns that are left out where that is not enough, in this order.
    pub(crate) goes: &'static [usize],
}

/// Columns two spaces apart, as wide as they must be; some of them flush right.
pub(crate) fn table<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    out: &mut dyn Write,
) -> Result<(), Stop> {
    each_row(rows, right, &[], &mut |row| Ok(writeln!(out, "{row}")?))
}

/// The same, with rows that end at the edge of the screen.
pub(crate) fn table_within<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    each_row(rows, right, &[], &mut |row| Ok(writeln!(out, "{}", screen.fit(row, 0))?))
}

/// The same, where something gives way before that. The columns that were left out.
pub(crate) fn table_giving_way<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    narrow: Narrow,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Vec<usize>, Stop> {
    let mut rows = rows.to_vec();
    let mut left_out = Vec::new();
    if let Some(edge) = screen.edge() {
        let Narrow { gives, least, goes } = narrow;
        // What is left for names beside the other columns.
        let room = |left_out: &[usize]| {
            let is_there = |column: &usize| *column != gives && !left_out.contains(column);
            let widths = (0..N).filter(is_there).map(|column| width(&rows, column));
            let others: usize =
                widths.filter(|width| *width > 0).map(|width| width + BETWEEN).sum();
            edge.saturating_sub(others)
        };
        let wanted = width(&rows, gives).min(least);
        for column in goes {
            if room(&left_out) >= wanted {
                break;
            }
            left_out.push(*column);
        }
        let room = room(&left_out).max(wanted.min(NAME_MIN));
        for row in rows.iter_mut().skip(1) {
            row[gives] = fit_middle(&row[gives], room).into_owned();
        }
    }
    let fit = &mut |row: &str| Ok(writeln!(out, "{}", screen.fit(row, 0))?);
    each_row(&rows, right, &left_out, fit)?;
    Ok(left_out)
}

fn each_row<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    left_out: &[usize],
    print: &mut dyn FnMut(&str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let widths: [usize; N] = std::array::from_fn(|column| width(rows, column));
    for row in rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(columns(cell)));
            let (left, right) =
                if right.contains(&column) { (pad.as_str(), "") } else { ("", pad.as_str()) };
            if !left_out.contains(&column) {
                text.push_str(&format!("{left}{cell}{right}{:BETWEEN$}", ""));
            }
        }
        print(text.trim_end())?;
    }
    Ok(())
}

fn width<const N: usize>(rows: &[[String; N]], column: usize) -> usize {
    rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0).min(COLUMN_MAX)
}

/// However narrow the screen is, so much of a name is on it.
const NAME_MIN: usize = 12;
/// Between two columns.
const BETWEEN: usize = 2;
/// One endless name must not push everything else off the screen.
const COLUMN_MAX: usize = 60;
