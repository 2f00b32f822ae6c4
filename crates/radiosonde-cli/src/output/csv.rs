//! Comma-separated values, as RFC 4180 has them: a header, records that end with CRLF, and quotes
//! around what holds a comma, a quote or a line break.
//!
//! A text that a spreadsheet would take for a formula, because of its first character, has a `'` in
//! front: what lines hold may come from anybody. Numbers are as they are.

use std::io::Write;

use radiosonde_events::clean_for_terminal;
use radiosonde_store::line::{Fields, Line};
use radiosonde_store::query::condition::value_of;
use serde_json::Value;

use super::columns;
use crate::levels;
use crate::outcome::Stop;
use crate::render::is_terminal;
use crate::zone;

/// The columns of lines, and whether their names are printed yet.
pub(super) struct Csv {
    columns: Vec<String>,
    is_terminal: bool,
    is_begun: bool,
}

impl Csv {
    pub(super) fn new(columns: Vec<String>) -> Self {
        Self { columns, is_terminal: is_terminal(), is_begun: false }
    }

    /// Of the fields that were asked for, or of all that a line has.
    pub(super) fn of_lines(field: &[String]) -> Self {
        Self::new(columns(field, &USUAL))
    }

    /// The header, if it is not there yet.
    pub(super) fn head(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let names = self.columns.iter().map(|name| Some(Value::from(name.as_str())));
            let row = record(names, self.is_terminal);
            out.write_all(row.as_bytes())?;
        }
        Ok(())
    }

    /// A record of a JSON object.
    pub(super) fn object(&mut self, object: &Value, out: &mut dyn Write) -> Result<(), Stop> {
        self.head(out)?;
        let values = self.columns.iter().map(|name| object.get(name).cloned());
        out.write_all(record(values, self.is_terminal).as_bytes())?;
        Ok(())
    }

    pub(super) fn line(&mut self, line: &Line, out: &mut dyn Write) -> Result<(), Stop> {
        self.head(out)?;
        let value = |name: &String| match name.as_str() {
            "ts" => Some(Value::String(zone::stamp(line.ts))),
            "meta" => Some(meta(line)),
            name => value_of(line, name).or_else(|| levels::unknown(line, name)),
        };
        let row = record(self.columns.iter().map(value), self.is_terminal);
        out.write_all(row.as_bytes())?;
        Ok(())
    }
}

/// The fields of a line: those of `meta`, and those that lines of others have beside it.
fn meta(line: &Line) -> Value {
    let beside = if line.process().is_none() { line.beside() } else { Fields::default() };
    let all = beside.iter().chain(line.meta.iter());
    Value::Object(all.map(|(key, value)| (key.to_owned(), value.clone())).collect())
}

/// One record, its line break behind it.
fn record(values: impl Iterator<Item = Option<Value>>, is_terminal: bool) -> String {
    let mut record = String::new();
    for (number, value) in values.enumerate() {
        if number > 0 {
            record.push(',');
        }
        cell(value.as_ref(), is_terminal, &mut record);
    }
    record.push_str("\r\n");
    record
}

fn cell(value: Option<&Value>, is_terminal: bool, record: &mut String) {
    let (text, is_text) = match value {
        None | Some(Value::Null) => return,
        Some(Value::String(text)) => (text.clone(), true),
        Some(other) => (other.to_string(), false),
    };
    let text = match is_terminal {
        true => clean_for_terminal(&text).into_owned(),
        false => text,
    };
    let guard = if is_text && text.starts_with(FORMULA) { "'" } else { "" };
    // A blank at an end would be lost on some readers.
    let is_bare = |c: char| !matches!(c, ',' | '"' | '\r' | '\n');
    if text.chars().all(is_bare) && text.trim_matches(' ').len() == text.len() && !text.is_empty() {
        record.push_str(guard);
        record.push_str(&text);
    } else {
        record.push('"');
        record.push_str(guard);
        record.push_str(&text.replace('"', "\"\""));
        record.push('"');
    }
}

/// What a formula of a spreadsheet may begin with.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The keys of a line, in their order there.
pub(super) const USUAL: [&str; 14] = [
    "ts",
    "level",
    "evt",
    "source",
    "msg",
    "service",
    "trace_id",
    "span_id",
    "job_id",
    "machine_id",
    "worker_id",
    "session_id",
    "meta",
    "id",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        for (value, expect) in [
            (json!("plain text"), "plain text"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"hi\""), "\"say \"\"hi\"\"\""),
            (json!("two\nlines\r\n"), "\"two\nlines\r\n\""),
            (json!(" edge"), "\" edge\""),
            (json!(""), "\"\""),
            (json!(null), ""),
            (json!(-5), "-5"),
            (json!(1.5), "1.5"),
            (json!(true), "true"),
            (json!("=1+1"), "'=1+1"),
            (json!("-5"), "'-5"),
            (json!("+a,b"), "\"'+a,b\""),
            (json!("@x"), "'@x"),
            (json!("\t=x"), "'\t=x"),
            (json!({"a": [1, "b"]}), "\"{\"\"a\"\":[1,\"\"b\"\"]}\""),
            (json!("\u{1b}[2J"), "\u{1b}[2J"),
        ] {
            let row = record([None, Some(value)].into_iter(), false);
            assert_eq!(row, format!(",{expect}\r\n"));
        }
        let row = record([Some(json!("\u{1b}[2J"))].into_iter(), true);
        assert!(!row.contains('\u{1b}'), "{row}");
    }
}
