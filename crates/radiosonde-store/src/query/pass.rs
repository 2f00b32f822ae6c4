//! Going through one file.

use std::io;

use crate::line::behind_nuls;
use crate::query::reading::Reading;
use crate::query::source::Source;
use crate::reader::Chunk;
use crate::stored::StoredReader;

/// How going through a file ended; an error says how far it came.
pub(super) type Outcome = Result<(), (u64, io::Error)>;

/// Text that was read.
pub(super) enum Piece<'a> {
    /// Whole lines, each with its line break, and where they begin.
    Lines(u64, &'a [u8]),
    /// The last line without its line break, and where it begins. It is whole but for the break, or
    /// not there yet, and never wrong.
    HalfLine(u64, &'a [u8]),
}

/// Goes through a file while something is left of `bytes_left`.
pub(super) fn read(
    mut opened: StoredReader,
    source: &Source,
    bytes_left: &mut u64,
    reading: &mut Reading,
    each: &mut dyn FnMut(Piece<'_>, &mut Reading),
) -> Outcome {
    let outcome = loop {
        if *bytes_left == 0 {
            // Whether that was all is not known before it is asked for.
            reading.is_cut_off = !matches!(opened.next_chunk(), Ok(None));
            break Ok(());
        }
        match opened.next_chunk() {
            Ok(Some(Chunk::Damaged(damage))) => reading.damage(source.path(), damage),
            Ok(Some(Chunk::Lines { offset, bytes })) => {
                *bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
                each(Piece::Lines(offset, bytes), reading);
            }
            Ok(Some(Chunk::HalfLine { offset, bytes })) => {
                let text = behind_nuls(bytes);
                each(Piece::HalfLine(offset + (bytes.len() - text.len()) as u64, text), reading);
            }
            Ok(Some(Chunk::Overlong { offset })) => {
                reading.skip(source.path(), offset, OVERLONG.to_owned());
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    opened.count(reading);
    outcome.map_err(|error| (opened.bytes_read(), error))
}

/// Why a line is passed over that is longer than [`crate::reader::LINE_BYTES_MAX`].
pub(crate) const OVERLONG: &str = "line over 16 MiB";
