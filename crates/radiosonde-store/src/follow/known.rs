//! What was read of files that have lost their names, as they may come back compressed.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use crate::follow::file::{Beginning, Followed};
use crate::follow::packed::{begins_with, holds};
use crate::names::DayFile;

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Known(VecDeque<Read>);

#[derive(Debug)]
struct Read {
    day: DayFile,
    /// How it began.
    beginning: Beginning,
    /// How far it was read, and how long it was.
    position: u64,
    length: u64,
}

impl Known {
    /// Remembers a day file. One that was read to its end had no writer any more.
    pub(super) fn note(&mut self, file: &Followed) {
        let position = if file.is_finished() { u64::MAX } else { file.position() };
        let (day, beginning, length) = (file.day, file.beginning(), file.length());
        self.0.push_back(Read { day, beginning, position, length });
        if self.0.len() > FILES_MAX {
            let _ = self.0.pop_front();
        }
    }

    /// Whether a sealed file is one that was read to its end.
    ///
    /// # Errors
    /// Where descriptors run out.
    pub(super) fn has_read(&self, day: DayFile, sealed: &Path) -> io::Result<bool> {
        let is_whole = |read: &&Read| read.day == day && read.position == u64::MAX;
        for read in self.0.iter().rev().filter(is_whole) {
            if holds(sealed, read.length)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was read of the last day file of a name.
    pub(super) fn beginning(&self, day: DayFile) -> Option<&Beginning> {
        self.0.iter().rev().find(|read| read.day == day).map(|read| &read.beginning)
    }

    /// How far a file was read that others compressed since.
    pub(super) fn position(&self, day: DayFile, packed: &Path) -> Option<u64> {
        let known = self.0.iter().rev().filter(|read| read.day == day);
        known
            .into_iter()
            .find(|read| begins_with(packed, &read.beginning.head).unwrap_or(false))
            .map(|read| read.position)
    }
}

/// Some 600 bytes each.
const FILES_MAX: usize = 1_024;
