//! Lines in the order of their files.

use crate::line::Line;
use crate::query::Found;
use crate::query::judge::{Judge, Look};
use crate::query::pass::Piece;
use crate::query::reading::Reading;
use crate::query::source::Source;

/// Hands the matches of a piece of a file to `each`.
pub(super) fn piece(
    judge: &Judge<'_>,
    source: &Source,
    piece: &Piece<'_>,
    reading: &mut Reading,
    each: &mut dyn FnMut(Found<'_>),
) {
    let (dir, file) = (source.dir.as_path(), source.file());
    let mut line = |offset, text: &[u8]| {
        if judge.look(text, i64::MIN) == Look::No {
            return Ok(());
        }
        reading.lines_parsed += 1;
        let line = Line::parse(text)?;
        if judge.is_match(&line) {
            reading.matched += 1;
            let signal = source.signal(&line);
            each(Found { line, dir, file, signal, offset });
        }
        Ok::<(), crate::line::NotALine>(())
    };
    match *piece {
        Piece::Lines(start, bytes) => {
            let mut skips = Vec::new();
            judge.lines(bytes, &mut |at, text| {
                let offset = start + at as u64;
                skips.extend(line(offset, text).err().map(|reason| (offset, reason)));
            });
            for (offset, reason) in skips {
                reading.skip(source.path(), offset, reason.to_string());
            }
        }
        Piece::Last(last) => {
            let outcome = line(last.offset, last.text);
            if let Err(reason) = outcome {
                last.is_no_line(source, &reason, reading);
            }
        }
    }
}
