//! Which spans stand in the files of a folder.

use memchr::memmem::Finder;
use std::collections::HashSet;
use std::path::Path;

/// How the name of a day file of spans begins.
const FILES: &str = "spans-";
/// What every line of a span has.
const SPAN: &str = "\"evt\":\"span\"";
/// What stands before the span's own id.
const ID: &[u8] = b"\"span_id\":\"";
/// Digits of an id.
const DIGITS: usize = 16;

/// Different spans that have a line with these attributes in the day files of the folder, and lines of
/// spans that had one.
///
/// # Errors
/// A file that cannot be read, and a line of a span without its id.
pub(crate) fn of_spans(folder: &Path, keys: &[&str]) -> Result<(u64, u64), String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut known = HashSet::new();
    let mut duplicated = 0;
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if entry.file_name().to_string_lossy().starts_with(FILES) {
            let text = std::fs::read(entry.path()).map_err(wrong)?;
            duplicated += read(&text, keys, &mut known)?;
        }
    }
    Ok((known.len() as u64, duplicated))
}

fn read(text: &[u8], keys: &[&str], known: &mut HashSet<[u8; DIGITS]>) -> Result<u64, String> {
    let (span, id) = (Finder::new(SPAN), Finder::new(ID));
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\":")).collect();
    let wanted: Vec<Finder<'_>> = keys.iter().map(Finder::new).chain([span]).collect();
    let is_whole = |line: &&[u8]| wanted.iter().all(|part| part.find(line).is_some());
    let mut duplicated = 0;
    for line in text.split(|byte| *byte == b'\n').filter(is_whole) {
        let start = id.find(line).map_or(line.len(), |at| at + ID.len());
        let digits = line[start..]
            .first_chunk()
            .ok_or_else(|| format!("a span without an id: {}", String::from_utf8_lossy(line)))?;
        duplicated += u64::from(!known.insert(*digits));
    }
    Ok(duplicated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_counted_by_their_ids() {
        let folder = tempfile::tempdir().expect("a folder");
        let line = |id: &str, key: &str| {
            format!("{{\"evt\":\"span\",\"span_id\":\"{id}\",\"meta\":{{\"{key}\":5}}}}\n")
        };
        let (one, other) = (line("00000000000000a1", "user"), line("00000000000000a2", "user"));
        let less = line("00000000000000a3", "items");
        let log = "{\"evt\":\"log\",\"span_id\":\"00000000000000a1\",\"user\":5}\n";
        let text = format!("{one}{log}{other}{less}{one}");
        std::fs::write(folder.path().join("spans-2026-01-01.jsonl"), text).expect("a file");
        std::fs::write(folder.path().join("events-2026-01-01.jsonl"), &one).expect("a file");
        assert_eq!(of_spans(folder.path(), &["user"]), Ok((2, 1)));
        assert_eq!(of_spans(folder.path(), &[]), Ok((3, 1)));
        let broken = folder.path().join("spans-2026-01-02.jsonl");
        std::fs::write(broken, "{\"evt\":\"span\"}\n").expect("a file");
        assert!(of_spans(folder.path(), &[]).is_err());
    }
}
