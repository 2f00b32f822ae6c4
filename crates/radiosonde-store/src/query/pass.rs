//! Going through one file.

use std::io;

use crate::line::{Line, NotALine, behind_nuls};
use crate::query::Query;
use crate::query::judge::Judge;
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
    /// What stands behind the last line break.
    Last(Last<'a>),
}

/// A last line without its line break: whole but for that, not there yet, or cut off.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    /// Where it begins.
    pub(super) offset: u64,
    pub(super) text: &'a [u8],
    /// Whether somebody writes on in such a file, or did when it was sealed.
    pub(super) is_live: bool,
}

impl<'a> Last<'a> {
    /// What stands there, without the NULs in front of it. `None` where that is nothing.
    pub(super) fn of(offset: u64, bytes: &'a [u8], is_live: bool) -> Option<Self> {
        let text = behind_nuls(bytes);
        let offset = offset + (bytes.len() - text.len()) as u64;
        let is_nothing = text.trim_ascii().is_empty() || is_live && text.first() == Some(&0);
        (!is_nothing).then_some(Self { offset, text, is_live })
    }

    /// Counts that it is no line, for this reason: it is not there yet, or was cut off, or is
    /// something else.
    pub(super) fn is_no_line(&self, source: &Source, reason: &NotALine, reading: &mut Reading) {
        let may_go_on = self.text.starts_with(b"{")
            && !self.text.contains(&0)
            && std::str::from_utf8(self.text)
                .map_or_else(|error| error.error_len().is_none(), |_| true);
        if self.is_live && may_go_on {
            reading.unfinished += 1;
        } else {
            reading.skip(source.path(), self.offset, reason.to_string());
        }
    }
}

/// Goes through a file while something is left of `bytes_left`, and the query is wanted.
pub(super) fn read(
    query: &Query,
    mut opened: StoredReader,
    source: &Source,
    judge: &Judge<'_>,
    bytes_left: &mut u64,
    reading: &mut Reading,
    each: &mut dyn FnMut(Piece<'_>, &mut Reading),
) -> Outcome {
    // Whoever compressed it whole, or under another name, does not write on in it.
    let is_live = source.file().is_some() && opened.is_of_ours();
    let outcome = loop {
        if query.is_stopped() {
            break Ok(());
        }
        if *bytes_left == 0 {
            // Whether that was all is not known before it is asked for.
            reading.is_cut_off = !matches!(opened.next_chunk(), Ok(None));
            break Ok(());
        }
        match opened.next_chunk() {
            Ok(Some(Chunk::Damaged(damage))) => reading.damage(source.path(), damage),
            Ok(Some(Chunk::Lines { offset, bytes })) => {
                *bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
                if offset == 0 && source.file().is_none() {
                    tell_hidden(bytes, source, judge, reading);
                }
                each(Piece::Lines(offset, bytes), reading);
            }
            Ok(Some(Chunk::HalfLine { offset, bytes })) => {
                if let Some(last) = Last::of(offset, bytes, is_live) {
                    each(Piece::Last(last), reading);
                }
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

/// Tells that the first line of a file is no text, where nothing that is looked for stands in it: what
/// is in such a file nobody knows.
fn tell_hidden(bytes: &[u8], source: &Source, judge: &Judge<'_>, reading: &mut Reading) {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = behind_nuls(line);
    let is_passed_over = judge.needle().is_some_and(|needle| needle.find(line).is_none());
    let is_text = || std::str::from_utf8(text).is_ok() && !text.contains(&0);
    if is_passed_over
        && !is_text()
        && let Err(reason) = Line::parse(text)
    {
        reading.skip(source.path(), (line.len() - text.len()) as u64, reason.to_string());
    }
}

/// Why a line is passed over that is longer than [`crate::reader::LINE_BYTES_MAX`].
pub(crate) const OVERLONG: &str = "line over 16 MiB";
