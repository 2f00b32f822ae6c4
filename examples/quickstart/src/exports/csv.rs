//! The CSV form. Speaks the `log` macros, as older modules of a service do: the lines arrive in the
//! same files as those of `tracing`.

use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::{Export, ExportError};
use crate::usage::{COLUMNS, Cells, Origin, RawRow, Rejected, RowError};

/// Reads all records; columns are found by name, unknown ones ignored.
pub(super) fn read(file: &Arc<str>, bytes: &[u8]) -> Result<Export, ExportError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|_| ExportError::NoHeader)?.clone();
    let places = COLUMNS.map(|column| header.iter().position(|name| name == column.as_bytes()));
    if places[1].is_none() || places[2].is_none() {
        return Err(ExportError::NoHeader);
    }
    log::debug!("{file}: {} of {} columns found", places.iter().flatten().count(), COLUMNS.len());

    let mut export = Export::default();
    let mut record = ByteRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                let origin = Origin { file: Arc::clone(file), line };
                export.push(RawRow::place(origin, cells(&record, &places)));
            }
            Err(error) => {
                let origin = Origin { file: Arc::clone(file), line };
                let reason = RowError::NotCsv { what: error.to_string() };
                export.rejected.push(Rejected { origin, reason });
                // Reading from memory fails only for the rest of the file as well.
                break;
            }
        }
    }
    log::info!("{file}: {} rows read as CSV", export.rows.len());
    Ok(export)
}

fn cells(record: &ByteRecord, places: &[Option<usize>; COLUMNS.len()]) -> Cells {
    places.map(|place| {
        let bytes = record.get(place?)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    })
}
