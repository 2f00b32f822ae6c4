//! How many lines a day file has, in either form.

use std::io::{self, Read};
use std::path::Path;

use crate::names::{Form, StoredFile};
use crate::reader::{Chunk, open_plain};
use crate::sealed::index::{Index, Unusable};
use crate::sealed::pace::Pace;
use crate::sealed::reader::Reader;

/// How many lines were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCount {
    /// As many as there are for certain.
    pub lines: u64,
    /// Whether these are all. Not where a sealed file is damaged so that nobody can tell: there may
    /// have been more.
    pub complete: bool,
}

/// Counts the lines of a day file, a last one without its break included: as the index of a sealed
/// one tells, otherwise by reading it. Lines in damaged frames of a file without an index are not
/// counted: nobody can read them. `go_on` is asked for each MiB at least; when it says `false`,
/// counting ends.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] when `go_on` said `false`.
pub fn count_lines(path: &Path, go_on: &mut dyn FnMut() -> bool) -> io::Result<LineCount> {
    let mut pace = Pace::new(go_on);
    let mut count = LineCount { lines: 0, complete: true };
    let name = path.file_name().and_then(|name| name.to_str()).and_then(StoredFile::parse);
    if name.is_some_and(|name| name.form == Form::Sealed) {
        let (file, length) = open_plain(path)?;
        match Index::read(&file, length) {
            Ok(index) => return Ok(LineCount { lines: index.totals.lines, complete: true }),
            Err(Unusable::Damaged(_)) => {}
            Err(Unusable::Io(error)) => return Err(error),
        }
        let mut sealed = Reader::open(path)?;
        while let Some(chunk) = sealed.next_chunk_or_stop(&mut pace)? {
            count.add(&chunk);
            pace.ask()?;
        }
    } else {
        count.lines = plain_lines(path, &mut pace)?;
    }
    Ok(count)
}

impl LineCount {
    fn add(&mut self, chunk: &Chunk<'_>) {
        self.lines += lines(chunk);
        if let Chunk::Damaged(damage) = chunk {
            self.complete &= !damage.lines_lost;
        }
    }
}

/// As many lines as the reader of live files tells, without looking for the end of a long one first.
fn plain_lines(path: &Path, pace: &mut Pace<'_>) -> io::Result<u64> {
    let (file, length) = open_plain(path)?;
    let mut file = file.take(length);
    let mut block = vec![0; BLOCK_BYTES];
    let (mut lines, mut last) = (0, b'\n');
    loop {
        let read = match file.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let Some(end) = block[..read].last() else { break };
        last = *end;
        lines += memchr::memchr_iter(b'\n', &block[..read]).count() as u64;
        pace.walked(read as u64)?;
    }
    Ok(lines + u64::from(last != b'\n'))
}

fn lines(chunk: &Chunk<'_>) -> u64 {
    match chunk {
        Chunk::Lines { bytes, .. } => memchr::memchr_iter(b'\n', bytes).count() as u64,
        Chunk::HalfLine { .. } | Chunk::Overlong { .. } => 1,
        Chunk::Damaged(_) => 0,
    }
}

const BLOCK_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::{SealOptions, seal};

    #[test]
    fn both_forms_have_the_same_lines_with_and_without_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("events-2025-10-06.jsonl");
        let sealed = dir.path().join("events-2025-10-06.jsonl.zst");
        let line = format!("{{\"ts\":\"2025-10-06T13:43:10Z\",\"msg\":\"{}\"}}\n", "x".repeat(500));
        std::fs::write(&plain, line.repeat(5_000) + "half").unwrap();
        let _ = seal(&plain, &sealed, &SealOptions::default(), &mut || true).unwrap();
        let counted = |path: &Path| {
            let count = count_lines(path, &mut || true).unwrap();
            (count.lines, count.complete)
        };
        assert_eq!(counted(&plain), (5_001, true));
        assert_eq!(counted(&sealed), (5_001, true));
        // Without the end of the index every frame is still there.
        let bytes = std::fs::read(&sealed).unwrap();
        let (file, length) = open_plain(&sealed).unwrap();
        let index_at = Index::start(&file, length).unwrap().unwrap() as usize;
        std::fs::write(&sealed, &bytes[..bytes.len() - 20]).unwrap();
        assert_eq!(counted(&sealed), (5_001, true));
        // Half a frame, and garbage.
        std::fs::write(&sealed, &bytes[..index_at / 2]).unwrap();
        let (lines, complete) = counted(&sealed);
        assert!(lines > 0 && lines < 5_001 && !complete, "{lines} {complete}");
        std::fs::write(&sealed, "garbage").unwrap();
        assert_eq!(counted(&sealed), (0, false));
        let stopped = count_lines(&plain, &mut || false).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    }
}
