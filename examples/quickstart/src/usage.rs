//! Usage rows: what an export holds, what is accepted of it, and why the rest is not.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;

/// A usage provider: what the registry lists for the label `provider`, in the order of reports.
pub use crate::catalog::Provider;

/// The models this service has prices for: name, micro-dollars per thousand input and output tokens.
pub const MODELS: [(&str, u64, u64); 5] = [
    ("atlas-large", 3_000, 15_000),
    ("atlas-small", 250, 1_250),
    ("borealis-2", 1_100, 4_400),
    ("cirrus-embed", 20, 0),
    ("drift-mini", 150, 600),
];

/// The columns of an export, in the order of the CSV form; JSON objects use the same keys.
pub const COLUMNS: [&str; 9] = [
    "record_id",
    "provider",
    "window_start",
    "key_id",
    "model",
    "requests",
    "input_tokens",
    "output_tokens",
    "cost_usd",
];

/// Where a row stands: file name as given by the operator, and line from 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The export file.
    pub file: Arc<str>,
    /// The line the row starts at.
    pub line: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The cells of a row as text, by the index of [`COLUMNS`]; `None` where the export has none.
pub type Cells = [Option<String>; COLUMNS.len()];

/// A row that names its window, not yet checked further: that happens in the window's own job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawRow {
    /// Where it was read.
    pub origin: Origin,
    /// Whose usage it is.
    pub provider: Provider,
    /// The UTC day it belongs to.
    pub window: Date,
    /// All its cells.
    pub cells: Cells,
}

/// A checked row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageRow {
    /// The provider's id of the row; a second row with the same id is a duplicate.
    pub record_id: String,
    /// The API key the usage is billed to: its id, never the key.
    pub key_id: String,
    /// One of [`MODELS`].
    pub model: &'static str,
    /// Requests made.
    pub requests: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Cost in micro-dollars.
    pub cost_micros: u64,
}

/// A row that was not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// Where it stands.
    pub origin: Origin,
    /// Why.
    pub reason: RowError,
}

/// Why a row was not accepted. Cell texts are cut to 80 characters.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// An id that is empty, longer than 64 or holds anything but `[A-Za-z0-9_-]`.
    #[error("{column} is not an identifier: {value:?}")]
    BadIdentifier {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// Not a whole number, or for the cost not a finite decimal.
    #[error("{column} is not a number: {value:?}")]
    BadNumber {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// `window_start` is not a date.
    #[error("window_start is not a date like 2026-09-14: {value:?}")]
    BadWindow {
        /// What stands there.
        value: String,
    },
    /// The row has no such cell.
    #[error("column {column} is missing")]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// A cost below zero.
    #[error("cost_usd is negative: {value:?}")]
    NegativeCost {
        /// What stands there.
        value: String,
    },
    /// Not a JSON object.
    #[error("not a JSON object: {what}")]
    NotJson {
        /// The parser's words.
        what: String,
    },
    /// Not CSV.
    #[error("not CSV: {what}")]
    NotCsv {
        /// The parser's words.
        what: String,
    },
    /// A model without a price.
    #[error("unknown model {value:?}; known are atlas-*, borealis-2, cirrus-embed and drift-mini")]
    UnknownModel {
        /// What stands there.
        value: String,
    },
    /// A provider that is not one of ours.
    #[error("unknown provider {value:?}; known are acme, globex and initech")]
    UnknownProvider {
        /// What stands there.
        value: String,
    },
}

impl RowError {
    /// A short stable word for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadIdentifier { .. } => "bad_identifier",
            Self::BadNumber { .. } => "bad_number",
            Self::BadWindow { .. } => "bad_window",
            Self::MissingColumn { .. } => "missing_column",
            Self::NegativeCost { .. } => "negative_cost",
            Self::NotJson { .. } => "not_json",
            Self::NotCsv { .. } => "not_csv",
            Self::UnknownModel { .. } => "unknown_model",
            Self::UnknownProvider { .. } => "unknown_provider",
        }
    }
}

impl RawRow {
    /// Finds out which window the cells belong to.
    ///
    /// # Errors
    /// Provider or window is missing or unknown: no job can take the row.
    pub fn place(origin: Origin, cells: Cells) -> Result<Self, Rejected> {
        match (provider(&cells), window(&cells)) {
            (Ok(provider), Ok(window)) => Ok(Self { origin, provider, window, cells }),
            (Err(reason), _) | (_, Err(reason)) => Err(Rejected { origin, reason }),
        }
    }

    /// Checks every cell.
    ///
    /// # Errors
    /// The first cell that does not hold what its column says.
    pub fn normalise(&self) -> Result<UsageRow, RowError> {
        let cells = &self.cells;
        Ok(UsageRow {
            record_id: identifier(cells, RECORD_ID)?,
            key_id: identifier(cells, KEY_ID)?,
            model: model(cells)?,
            requests: whole(cells, REQUESTS)?,
            input_tokens: whole(cells, INPUT_TOKENS)?,
            output_tokens: whole(cells, OUTPUT_TOKENS)?,
            cost_micros: micros(cells)?,
        })
    }
}

/// At most 80 characters of a text: enough to recognise it, too little to flood a log.
pub fn excerpt(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn cell(cells: &Cells, index: usize) -> Result<&str, RowError> {
    let text = cells[index].as_deref().map(str::trim).filter(|text| !text.is_empty());
    text.ok_or(RowError::MissingColumn { column: COLUMNS[index] })
}

fn provider(cells: &Cells) -> Result<Provider, RowError> {
    let name = cell(cells, PROVIDER)?;
    name.parse().map_err(|_| RowError::UnknownProvider { value: excerpt(name) })
}

fn window(cells: &Cells) -> Result<Date, RowError> {
    let text = cell(cells, WINDOW_START)?;
    text.parse().map_err(|_| RowError::BadWindow { value: excerpt(text) })
}

fn identifier(cells: &Cells, index: usize) -> Result<String, RowError> {
    let text = cell(cells, index)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if text.len() > 64 || !text.bytes().all(plain) {
        return Err(RowError::BadIdentifier { column: COLUMNS[index], value: excerpt(text) });
    }
    Ok(text.to_owned())
}

fn model(cells: &Cells) -> Result<&'static str, RowError> {
    let name = cell(cells, MODEL)?;
    let known = MODELS.iter().find(|(model, ..)| *model == name);
    known.map(|(model, ..)| *model).ok_or_else(|| RowError::UnknownModel { value: excerpt(name) })
}

fn whole(cells: &Cells, index: usize) -> Result<u64, RowError> {
    let text = cell(cells, index)?;
    // Sums of a month must not overflow, so one cell stays far below u64.
    let number = text.parse().ok().filter(|number| *number <= WHOLE_MAX);
    number.ok_or_else(|| RowError::BadNumber { column: COLUMNS[index], value: excerpt(text) })
}

fn micros(cells: &Cells) -> Result<u64, RowError> {
    let text = cell(cells, COST_USD)?;
    let number = text.parse::<f64>().ok().filter(|usd| usd.abs() <= COST_USD_MAX);
    match number {
        Some(usd) if usd < 0.0 => Err(RowError::NegativeCost { value: excerpt(text) }),
        Some(usd) => Ok((usd * 1e6).round() as u64),
        None => Err(RowError::BadNumber { column: COLUMNS[COST_USD], value: excerpt(text) }),
    }
}

const RECORD_ID: usize = 0;
const PROVIDER: usize = 1;
const WINDOW_START: usize = 2;
const KEY_ID: usize = 3;
const MODEL: usize = 4;
const REQUESTS: usize = 5;
const INPUT_TOKENS: usize = 6;
const OUTPUT_TOKENS: usize = 7;
const COST_USD: usize = 8;

/// The largest count a cell may hold: a million million.
const WHOLE_MAX: u64 = 1_000_000_000_000;
/// The largest cost a row may have, in dollars.
const COST_USD_MAX: f64 = 1e7;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 9] =
        ["acme-1", "acme", "2026-09-14", "key_ops", "atlas-small", "3", "100", "20", "0.25"];

    fn cells(change: Option<(usize, &str)>) -> Cells {
        let mut cells: Cells = GOOD.map(|text| Some(text.to_owned()));
        if let Some((index, text)) = change {
            cells[index] = Some(text.to_owned());
        }
        cells
    }

    fn origin() -> Origin {
        Origin { file: "a.csv".into(), line: 7 }
    }

    #[test]
    fn a_good_row_is_normalised() {
        let row = RawRow::place(origin(), cells(None)).unwrap().normalise().unwrap();
        assert_eq!(row.cost_micros, 250_000);
        assert_eq!((row.model, row.requests, row.output_tokens), ("atlas-small", 3, 20));
    }

    #[test]
    fn malformed_cells_are_named() {
        let long = "x".repeat(100_000);
        for (index, text, kind) in [
            (RECORD_ID, "", "missing_column"),
            (RECORD_ID, long.as_str(), "bad_identifier"),
            (KEY_ID, "key\0ops", "bad_identifier"),
            (KEY_ID, "key_🛰", "bad_identifier"),
            (KEY_ID, "../../etc", "bad_identifier"),
            (MODEL, "atlas-xxl", "unknown_model"),
            (REQUESTS, "n/a", "bad_number"),
            (REQUESTS, "-1", "bad_number"),
            (REQUESTS, "1e3", "bad_number"),
            (INPUT_TOKENS, "18446744073709551616", "bad_number"),
            (OUTPUT_TOKENS, "18446744073709551615", "bad_number"),
            (COST_USD, "12,40", "bad_number"),
            (COST_USD, "NaN", "bad_number"),
            (COST_USD, "inf", "bad_number"),
            (COST_USD, "-inf", "bad_number"),
            (COST_USD, "1e300", "bad_number"),
            (COST_USD, "-3.20", "negative_cost"),
            (COST_USD, " ", "missing_column"),
        ] {
            let raw = RawRow::place(origin(), cells(Some((index, text)))).unwrap();
            let error = raw.normalise().unwrap_err();
            assert_eq!(error.kind(), kind, "{index} {error}");
            assert!(error.to_string().len() < 500, "a long cell is cut");
            assert!(!error.to_string().contains('\0'), "control characters are escaped");
        }
    }

    #[test]
    fn a_row_without_a_window_is_rejected_with_its_place() {
        for (index, text, kind) in [
            (PROVIDER, "umbrella", "unknown_provider"),
            (PROVIDER, "", "missing_column"),
            (WINDOW_START, "2026-02-30", "bad_window"),
            (WINDOW_START, "tomorrow", "bad_window"),
        ] {
            let rejected = RawRow::place(origin(), cells(Some((index, text)))).unwrap_err();
            assert_eq!(rejected.reason.kind(), kind);
            assert_eq!(rejected.origin.to_string(), "a.csv:7");
        }
    }
}
