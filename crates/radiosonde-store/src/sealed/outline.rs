//! What the index of a sealed file says about all of it, without reading a line.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::reader::open_plain;
use crate::sealed::index::{Index, Unusable};

/// A sealed file, as its index tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// Lines of the day file, also those that are none for a reader.
    pub lines: u64,
    /// Bytes of the day file.
    pub bytes_raw: u64,
    /// Earliest and latest time. `None` where no line has one.
    pub time: Option<(Timestamp, Timestamp)>,
    /// Its frames, in their order.
    pub frames: Vec<OutlinedFrame>,
}

/// A stretch of a sealed file, about a MiB of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutlinedFrame {
    /// Lines in it.
    pub lines: u64,
    /// Earliest and latest time of these. `None` where no line has one.
    pub time: Option<(Timestamp, Timestamp)>,
}

/// Reads the index of a sealed file. `None` where it has none that can be used: only reading the
/// file tells then.
///
/// # Errors
/// What the system says.
pub fn outline(path: &Path) -> io::Result<Option<Outline>> {
    let (file, length) = open_plain(path)?;
    let index = match Index::read(&file, length) {
        Ok(index) => index,
        Err(Unusable::Damaged(_)) => return Ok(None),
        Err(Unusable::Io(error)) => return Err(error),
    };
    let frame = |lines, ts| OutlinedFrame { lines, time: time(ts) };
    Ok(Some(Outline {
        lines: index.totals.lines,
        bytes_raw: index.totals.raw,
        time: time(index.totals.ts),
        frames: index.frames.iter().map(|one| frame(one.lines, one.ts)).collect(),
    }))
}

/// Times of the index, in microseconds; the earliest is above the latest where there is none.
fn time((earliest, latest): (i64, i64)) -> Option<(Timestamp, Timestamp)> {
    let at = |us| Timestamp::from_microsecond(us).ok();
    (earliest <= latest).then_some(at(earliest).zip(at(latest))).flatten()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sealed::{SealOptions, seal};

    #[test]
    fn an_index_tells_what_reading_would() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("events-2025-10-06.jsonl");
        let path = dir.path().join("events-2025-10-06.jsonl.zst");
        let filler = "x".repeat(100_000);
        let line = |second: u32| {
            format!("{{\"ts\":\"2025-10-06T10:00:{second:02}Z\",\"msg\":\"{filler}\"}}\n")
        };
        let text: String = (0..25).rev().map(line).collect::<String>() + "no line\n";
        fs::write(&plain, &text).unwrap();
        let _sealed = seal(&plain, &path, &SealOptions::default(), &mut || true).unwrap();
        let found = outline(&path).unwrap().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!((found.lines, found.bytes_raw), (26, text.len() as u64));
        assert_eq!(found.time, Some((at("2025-10-06T10:00:00Z"), at("2025-10-06T10:00:24Z"))));
        assert!(found.frames.len() > 1);
        assert_eq!(found.frames.iter().map(|frame| frame.lines).sum::<u64>(), 26);
        // A file without an index, and none at all.
        fs::write(&path, "nothing").unwrap();
        assert_eq!(outline(&path).unwrap(), None);
        assert!(outline(&dir.path().join("none")).is_err());
    }
}
