//! Export files: which form one has, and its rows with the lines they stand on.
//!
//! A malformed row never ends the reading of a file: it is listed with its line and reason.

mod csv;
mod json;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::usage::{RawRow, Rejected};

/// What one file gave.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Rows that name their window.
    pub rows: Vec<RawRow>,
    /// Rows no window can take.
    pub rejected: Vec<Rejected>,
}

impl Export {
    fn push(&mut self, row: Result<RawRow, Rejected>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(rejected) => self.rejected.push(rejected),
        }
    }
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The CSV has no line of column names.
    #[error("no header with the columns provider and window_start; is it a usage export?")]
    NoHeader,
    /// A directory, socket or the like.
    #[error("not a regular file; name the export files themselves")]
    NotAFile,
    /// The operating system refused.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// Larger than 64 MiB.
    #[error("larger than 64 MiB; split it by month")]
    TooLarge,
}

/// Reads an export: `.csv`, `.json` (an array or one object a line) or `.jsonl`; any other ending
/// is judged by its first character.
///
/// # Errors
/// The file as a whole is unreadable, too large or without a header.
pub fn read(path: &Path) -> Result<Export, ExportError> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(ExportError::NotAFile);
    }
    let mut bytes = Vec::new();
    let _ = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ExportError::TooLarge);
    }
    let name: Arc<str> = path.file_name().unwrap_or_default().to_string_lossy().into();
    let first = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let is_csv = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => true,
        Some("json" | "jsonl" | "ndjson") => false,
        _ => !matches!(first, Some(b'[' | b'{')),
    };
    match first {
        _ if is_csv => csv::read(&name, &bytes),
        Some(b'[') => Ok(json::read_array(&name, &bytes)),
        _ => Ok(json::read_lines(&name, &bytes)),
    }
}

/// The largest export read: the whole file is held in memory once.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "record_id,provider,window_start,key_id,model,requests,input_tokens,\
                          output_tokens,cost_usd\n";

    fn check(file: &str, content: &[u8]) -> (Vec<u64>, Vec<(u64, &'static str)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, content).unwrap();
        let export = read(&path).unwrap();
        let rows = export.rows.iter().map(|row| row.origin.line).collect();
        let rejected = export.rejected.iter().map(|r| (r.origin.line, r.reason.kind())).collect();
        (rows, rejected)
    }

    #[test]
    fn csv_rows_keep_their_lines() {
        let text = format!(
            "{HEADER}a,acme,2026-09-01,k,atlas-small,1,2,3,0.1\n\
             b,acme\n\
             c,umbrella,2026-09-01,k,m,1,2,3,0.1\n\
             d,acme,2026-09-02,\"k\n2\",m,1,2,3,\"1,5\",extra\n\
             e,acme,2026-09-03,k\0,m,1,2,3,0.1\n"
        );
        let (rows, rejected) = check("a.csv", text.as_bytes());
        assert_eq!(rows, [2, 5, 7]);
        assert_eq!(rejected, [(3, "missing_column"), (4, "unknown_provider")]);
    }

    #[test]
    fn csv_with_invalid_utf8_and_reordered_columns() {
        let mut text = b"window_start,provider,note\n2026-09-01,acme,".to_vec();
        text.extend([0xff, 0xfe, b'\n']);
        assert_eq!(check("a.csv", &text), (vec![2], vec![]));
    }

    #[test]
    fn a_csv_without_header_is_an_error_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in [("a.csv", ""), ("b.csv", "1,2\n3,4\n"), ("c", "\0\0\0")] {
            let path = folder.path().join(file);
            std::fs::write(&path, content).unwrap();
            assert!(matches!(read(&path), Err(ExportError::NoHeader)), "{file}");
        }
        assert!(matches!(read(folder.path()), Err(ExportError::NotAFile)));
        assert!(matches!(read(&folder.path().join("none.csv")), Err(ExportError::Io(_))));
    }

    #[test]
    fn json_lines_lose_only_the_broken_line() {
        let text = "{\"provider\":\"globex\",\"window_start\":\"2026-09-01\"}\n\
                    {\"provider\":\"globex\",\"win\n\
                    \n\
                    [1,2]\n\
                    {\"provider\":7,\"window_start\":\"2026-09-01\"}\n\
                    {\"provider\":\"globex\",\"window_start\":\"2026-09-02\",\"cost_usd\":0.5}\n";
        for file in ["a.json", "a.jsonl", "unnamed"] {
            let (rows, rejected) = check(file, text.as_bytes());
            assert_eq!(rows, [1, 6]);
            assert_eq!(rejected, [(2, "not_json"), (4, "not_json"), (5, "unknown_provider")]);
        }
    }

    #[test]
    fn a_truncated_array_keeps_the_rows_before_the_cut() {
        let text = "[\n {\"provider\":\"initech\",\n  \"window_start\":\"2026-09-01\"},\n 5,\n \
                    {\"provider\":\"initech\",\"window_start\":\"2026-09-02\"},\n {\"provider\":";
        let (rows, rejected) = check("a.json", text.as_bytes());
        assert_eq!(rows, [2, 5]);
        assert_eq!(rejected, [(4, "not_json"), (6, "not_json")]);
    }

    #[test]
    fn hostile_json_is_bounded() {
        let deep = "[".repeat(100_000);
        let (rows, rejected) = check("a.json", deep.as_bytes());
        assert_eq!((rows.len(), rejected.len()), (0, 1));
        let (rows, rejected) = check("b.jsonl", b"\xff\xfe\n{\"a\":\"\\ud800\"}\nnull\n");
        assert_eq!((rows.len(), rejected.len()), (0, 3));
    }
}
