//! What the index of a sealed file says about all of it, without reading a line.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::reader::open_plain;
use crate::sealed::entries::Frame;
use crate::sealed::index::{Index, Unusable};
use crate::sealed::scan::Others;

/// A sealed file, as its index tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// Lines of the day file, as a reader takes them.
    pub lines: u64,
    /// What a reader would tell that it is no line.
    pub skipped: u64,
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
    /// Lines in it, as a reader takes them.
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
    let read = Index::read(&file, length).and_then(|mut index| {
        let others = index.others(&file)?;
        Ok((index, others))
    });
    let (index, others) = match read {
        Ok(read) => read,
        Err(Unusable::Damaged(_)) => return Ok(None),
        Err(Unusable::Io(error)) => return Err(error),
    };
    let outlined = |(frame, others): (&Frame, &Others)| OutlinedFrame {
        lines: frame.lines - u64::from(others.no_lines),
        time: time(frame.ts),
    };
    let frames: Vec<_> = index.frames.iter().zip(&others).map(outlined).collect();
    Ok(Some(Outline {
        lines: frames.iter().map(|frame| frame.lines).sum(),
        skipped: others.iter().map(|others| u64::from(others.told)).sum(),
        bytes_raw: index.totals.raw,
        time: time(index.totals.ts),
        frames,
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
        let lines: String = (0..25).rev().map(line).collect();
        let behind_nuls = format!("\0\0{}", line(7));
        // Blank lines and a half one are told by no reader.
        let text = lines + "no line\n\n \t\n\0\0\n{\"no\":1}\n" + &behind_nuls + &line(8)[..900];
        fs::write(&plain, &text).unwrap();
        let _sealed = seal(&plain, &path, &SealOptions::default(), &mut || true).unwrap();
        let found = outline(&path).unwrap().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!((found.lines, found.bytes_raw), (26, text.len() as u64));
        assert_eq!(found.skipped, 4);
        let mut count = 0;
        let reading = crate::Query::new(vec![path.clone()]).scan(&mut |_| count += 1);
        assert_eq!((found.lines, reading.frames_skipped), (count, 0));
        assert_eq!(found.time, Some((at("2025-10-06T10:00:00Z"), at("2025-10-06T10:00:24Z"))));
        assert!(found.frames.len() > 1);
        assert_eq!(found.frames.iter().map(|frame| frame.lines).sum::<u64>(), 26);
        // A file of those that did not tell these lines from others.
        let kept = [1, 2, 3, 4, 5, 6];
        let whole = fs::read(&path).unwrap();
        fs::write(&path, crate::fuzzing::with_sections(&path, &kept, &[]).unwrap()).unwrap();
        let older = outline(&path).unwrap().unwrap();
        assert_eq!((older.lines, older.skipped), (32, 0));
        // One that says what cannot be is read.
        fs::write(&path, whole).unwrap();
        for others in [&[0_u8; 8][..], &[255; 8].repeat(found.frames.len())] {
            let bytes = crate::fuzzing::with_sections(&path, &kept, &[(7, others)]).unwrap();
            let other = dir.path().join("events-2025-10-07.jsonl.zst");
            fs::write(&other, bytes).unwrap();
            assert_eq!(outline(&other).unwrap(), None);
        }
        // A file without an index, and none at all.
        fs::write(&path, "nothing").unwrap();
        assert_eq!(outline(&path).unwrap(), None);
        assert!(outline(&dir.path().join("none")).is_err());
    }
}
