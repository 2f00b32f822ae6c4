//! The JSON forms: one object a line, or one array of objects.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Export;
use crate::usage::{COLUMNS, Cells, Origin, RawRow, Rejected, RowError, excerpt};

/// Reads one object a line; a line that is none costs itself only.
pub(super) fn read_lines(file: &Arc<str>, bytes: &[u8]) -> Export {
    let mut export = Export::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let origin = Origin { file: Arc::clone(file), line: index as u64 + 1 };
        match serde_json::from_slice(line) {
            Ok(object) => export.push(RawRow::place(origin, cells(object))),
            Err(error) => export.rejected.push(not_json(origin, &error)),
        }
    }
    tracing::info!(file = %file, rows = export.rows.len(), "read as JSON lines");
    export
}

/// Reads an array of objects. A syntax error ends it: the rows before the error are kept, the error
/// is listed with its line.
pub(super) fn read_array(file: &Arc<str>, bytes: &[u8]) -> Export {
    let text = String::from_utf8_lossy(bytes);
    let mut export = Export::default();
    let mut lines = Lines { text: &text, offset: 0, line: 1 };
    let mut take = |raw: &RawValue| {
        // The element borrows from `text`: the distance of their addresses is its offset.
        let offset = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let origin = Origin { file: Arc::clone(file), line: lines.at(offset) };
        match serde_json::from_str(raw.get()) {
            Ok(object) => export.push(RawRow::place(origin, cells(object))),
            Err(error) => export.rejected.push(not_json(origin, &error)),
        }
    };
    let mut json = serde_json::Deserializer::from_str(&text);
    let outcome = Elements(&mut take).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = outcome {
        let origin = Origin { file: Arc::clone(file), line: error.line() as u64 };
        tracing::error!(file = %file, line = origin.line, %error, "the rest of the array is lost");
        export.rejected.push(not_json(origin, &error));
    }
    tracing::info!(file = %file, rows = export.rows.len(), "read as a JSON array");
    export
}

fn not_json(origin: Origin, error: &serde_json::Error) -> Rejected {
    // The parser counts lines within what it was given; the origin has the file's own.
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let reason = RowError::NotJson { what: excerpt(what) };
    Rejected { origin, reason }
}

fn cells(mut object: Map<String, Value>) -> Cells {
    COLUMNS.map(|column| match object.remove(column)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Hands on each element of an array as it is read, so that a later syntax error takes none back.
struct Elements<'f, F>(&'f mut F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for Elements<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of usage rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            (self.0)(element);
        }
        Ok(())
    }
}

/// Counts lines up to offsets that only grow.
struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> u64 {
        let between = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.offset = offset.max(self.offset);
        self.line
    }
}
