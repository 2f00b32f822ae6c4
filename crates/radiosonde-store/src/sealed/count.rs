//! How many lines a day file has, in either form.

use std::io;
use std::path::Path;

use crate::names::{Form, StoredFile};
use crate::reader::{self, Chunk, open_plain};
use crate::sealed::index::Index;
use crate::sealed::reader::Reader;
use crate::sealed::seal::go_on;

/// The lines of a day file, a last one without its break included: as the index of a sealed one
/// tells, otherwise by reading it. Lines in damaged frames of a file without an index are not
/// counted: nobody can read them. `between` is asked every few milliseconds.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] when `between` said `false`.
pub fn count_lines(path: &Path, between: &mut dyn FnMut() -> bool) -> io::Result<u64> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(StoredFile::parse);
    if name.is_some_and(|name| name.form == Form::Sealed) {
        let (file, length) = open_plain(path)?;
        if let Ok(index) = Index::read(&file, length) {
            return Ok(index.totals.lines);
        }
        let mut sealed = Reader::open(path)?;
        return count(|| sealed.next_chunk().map(|chunk| chunk.as_ref().map(lines)), between);
    }
    let mut plain = reader::Reader::open(path)?;
    count(|| plain.next_chunk().map(|chunk| chunk.as_ref().map(lines)), between)
}

fn count(
    mut next: impl FnMut() -> io::Result<Option<u64>>,
    between: &mut dyn FnMut() -> bool,
) -> io::Result<u64> {
    let mut sum = 0;
    while let Some(lines) = next()? {
        go_on(between)?;
        sum += lines;
    }
    Ok(sum)
}

fn lines(chunk: &Chunk<'_>) -> u64 {
    match chunk {
        Chunk::Lines { bytes, .. } => memchr::memchr_iter(b'\n', bytes).count() as u64,
        Chunk::HalfLine { .. } | Chunk::Overlong { .. } => 1,
        Chunk::Damaged(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::{LEVEL_DEFAULT, seal};

    #[test]
    fn both_forms_have_the_same_lines_with_and_without_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("events-2025-10-06.jsonl");
        let sealed = dir.path().join("events-2025-10-06.jsonl.zst");
        let line = format!("{{\"ts\":\"2025-10-06T13:43:10Z\",\"msg\":\"{}\"}}\n", "x".repeat(500));
        std::fs::write(&plain, line.repeat(5_000) + "half").unwrap();
        seal(&plain, &sealed, LEVEL_DEFAULT, &mut || true).unwrap();
        assert_eq!(count_lines(&plain, &mut || true).unwrap(), 5_001);
        assert_eq!(count_lines(&sealed, &mut || true).unwrap(), 5_001);
        let bytes = std::fs::read(&sealed).unwrap();
        std::fs::write(&sealed, &bytes[..bytes.len() - 1]).unwrap();
        // Its index is cut off, all frames are there.
        assert_eq!(count_lines(&sealed, &mut || true).unwrap(), 5_001);
        let stopped = count_lines(&plain, &mut || false).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    }
}
