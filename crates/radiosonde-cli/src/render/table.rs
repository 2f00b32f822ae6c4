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
    /// What becomes of the column behind the names.
    pub(crate) behind: Behind,
}

/// The column behind that of the names, where rows are wider than the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Has the room it needs, as others have.
    Stays,
    /// The last one. Has what names leave it, and ends at the edge; where there is no room for all, what
    /// stands behind a semicolon is on a line of its own.
    Ends,
    /// The last one. Follows the end of each name, which goes on below its beginning instead of being
    /// cut, or stands below it, and ends at the edge.
    Follows,
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
        let Narrow { gives, least, goes, behind } = narrow;
        // What is left for names beside the other columns.
        let room = |left_out: &[usize]| {
            let is_there = |column: &usize| *column != gives && !left_out.contains(column);
            let counts = |column| match behind {
                Behind::Ends if column == gives + 1 => width(&rows, column).min(BEHIND_MIN),
                Behind::Follows if column == gives + 1 => 0,
                _ => width(&rows, column),
            };
            let widths = (0..N).filter(is_there).map(counts);
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
        if behind == Behind::Follows && !has_room(&rows, &left_out, edge) {
            folded(&rows, right, (gives, &left_out), screen, out)?;
            return Ok(left_out);
        }
        let room = room(&left_out).max(wanted.min(NAME_MIN));
        for row in rows.iter_mut().skip(1) {
            row[gives] = fit_middle(&row[gives], room).into_owned();
        }
        if behind == Behind::Ends {
            let before = (0..=gives).filter(|column| !left_out.contains(column));
            let indent: usize = before.map(|column| width(&rows, column) + BETWEEN).sum();
            let room = edge.saturating_sub(indent);
            rows = rows.into_iter().flat_map(|row| parted(row, gives + 1, room)).collect();
        }
    }
    let fit = &mut |row: &str| Ok(writeln!(out, "{}", screen.fit(row, 0))?);
    each_row(&rows, right, &left_out, fit)?;
    Ok(left_out)
}

/// Whether no row has to give way.
fn has_room<const N: usize>(rows: &[[String; N]], left_out: &[usize], edge: usize) -> bool {
    let mut has_room = true;
    let _infallible = each_row(rows, &[], left_out, &mut |row| {
        has_room &= columns(row) <= edge;
        Ok(())
    });
    has_room
}

/// A row, of which what stands behind a semicolon of its last column is below it where both have no room.
fn parted<const N: usize>(row: [String; N], last: usize, room: usize) -> Vec<[String; N]> {
    let parts = row.get(last).filter(|cell| columns(cell) > room);
    let parts: Vec<String> =
        parts.into_iter().flat_map(|cell| cell.split("; ")).map(str::to_owned).collect();
    let mut parts = parts.into_iter();
    let mut rows = vec![row];
    if let Some(first) = parts.next() {
        rows[0][last] = first;
    }
    rows.extend(parts.map(|part| {
        let mut below = [const { String::new() }; N];
        below[last] = part;
        below
    }));
    rows
}

/// Rows whose names go on below their beginnings, with the last column behind their ends.
fn folded<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    (gives, left_out): (usize, &[usize]),
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let before = (0..gives).filter(|column| !left_out.contains(column));
    let indent: usize = before.map(|column| width(rows, column) + BETWEEN).sum();
    let mut rows_of = rows.iter();
    let heads: Vec<[String; N]> = rows
        .iter()
        .map(|row| {
            std::array::from_fn(|at| if at < gives { row[at].clone() } else { String::new() })
        })
        .collect();
    each_row(&heads, right, left_out, &mut |head| {
        let Some(row) = rows_of.next() else { return Ok(()) };
        let mut text = screen.wrap(&row[gives], indent);
        let more = row.get(gives + 1).filter(|more| !more.is_empty());
        if let Some(more) = more {
            let used = match text.rsplit_once('\n') {
                Some((_, last)) => columns(last),
                None => indent + columns(&text),
            };
            let ends_at = used + BETWEEN + columns(more);
            let goes_on = screen.edge().is_some_and(|edge| {
                // All of it below rather than some of it here.
                let is_whole_below = ends_at > edge && indent + columns(more) <= edge;
                is_whole_below || ends_at.min(used + BETWEEN + BEHIND_MIN) > edge
            });
            match goes_on {
                true => text.push_str(&format!("\n{:indent$}", "")),
                false => text.push_str(&format!("{:BETWEEN$}", "")),
            }
            text.push_str(more);
        }
        let head = format!("{head}{:1$}", "", indent.saturating_sub(columns(head)));
        for line in format!("{head}{text}").lines() {
            writeln!(out, "{}", screen.fit(line.trim_end(), 0))?;
        }
        Ok(())
    })
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
/// And so much of what stands behind it.
const BEHIND_MIN: usize = 16;
/// Between two columns.
const BETWEEN: usize = 2;
/// One endless name must not push everything else off the screen.
const COLUMN_MAX: usize = 60;
