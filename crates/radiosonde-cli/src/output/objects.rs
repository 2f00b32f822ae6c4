//! Rows that are JSON objects, for programs: each on a line, or as a record of columns.

use std::io::Write;

use radiosonde_events::clean_json_for_terminal;
use serde_json::Value;

use super::{Csv, columns};
use crate::args::{Output, Show};
use crate::outcome::Stop;
use crate::render::is_terminal;

/// What they are printed as, and how far that has come.
pub(crate) struct Objects {
    csv: Option<Csv>,
}

impl Objects {
    /// For `--output json` and `csv`, whose columns are those of `--field`, or else `usual`.
    pub(crate) fn new(show: &Show, usual: &[&str]) -> Self {
        let csv = (show.output() == Output::Csv).then(|| Csv::new(columns(&show.field, usual)));
        Self { csv }
    }

    pub(crate) fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<(), Stop> {
        match &mut self.csv {
            Some(csv) => csv.object(object, out)?,
            None if is_terminal() => {
                writeln!(out, "{}", clean_json_for_terminal(&object.to_string()))?;
            }
            None => writeln!(out, "{object}")?,
        }
        Ok(())
    }

    /// Prints the names of the columns where there was nothing below them.
    pub(crate) fn finish(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        self.csv.as_mut().map_or(Ok(()), |csv| csv.head(out))
    }
}
