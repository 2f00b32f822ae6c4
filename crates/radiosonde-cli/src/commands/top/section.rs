//! One of the rankings, ready to be printed.

use std::io::Write;

use serde_json::Value;

use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::color;
use crate::render::table::{Narrow, table_giving_way};

pub(super) struct Section {
    pub(super) title: String,
    pub(super) heading: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    /// Columns that are flush right.
    pub(super) right: &'static [usize],
    /// What gives way on a screen that is too narrow.
    pub(super) narrow: Narrow,
    /// What is said below.
    pub(super) rest: Option<String>,
    /// The rows for programs.
    pub(super) objects: Vec<Value>,
}

impl Section {
    pub(super) fn has_rows(&self) -> bool {
        !self.objects.is_empty()
    }

    pub(super) fn print(self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let paint = screen.paint;
        writeln!(out, "\n{}", paint.with(color::NAME, &screen.wrap(&self.title, 2)))?;
        let mut below: Vec<String> = self.rest.into_iter().collect();
        if self.rows.is_empty() {
            writeln!(out, "  {}", paint.dim("none"))?;
        } else {
            let mut rows = vec![columns(self.heading.iter().map(|word| paint.dim(word)))];
            rows.extend(self.rows.into_iter().map(columns));
            let left_out = table_giving_way(&rows, self.right, self.narrow, screen, out)?;
            let left_out: Vec<&str> = left_out.iter().map(|column| self.heading[*column]).collect();
            if !left_out.is_empty() {
                below.push(format!("without {}: --wide shows all", left_out.join(", ")));
            }
        }
        if !below.is_empty() {
            writeln!(out, "  {}", screen.fit(&paint.dim(&below.join("; ")), 2))?;
        }
        Ok(())
    }
}

/// Cells of a row, behind a margin.
fn columns(cells: impl IntoIterator<Item = String>) -> [String; COLUMNS] {
    let mut row: [String; COLUMNS] = Default::default();
    for (place, cell) in row.iter_mut().zip(cells) {
        *place = cell;
    }
    row[0].insert_str(0, "  ");
    row
}

/// Columns of the widest section.
const COLUMNS: usize = 9;
