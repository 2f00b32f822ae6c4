//! What was read of files that have lost their names, as they may come back compressed, or under
//! another one.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use crate::follow::file::{Beginning, Followed, Identity};
use crate::follow::packed::{Facts, begins_with};
use crate::names::DayFile;
use crate::reader::are_too_many;

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Known(VecDeque<Read>);

#[derive(Debug)]
struct Read {
    day: DayFile,
    identity: Option<Identity>,
    /// How it began, and how far it was read.
    beginning: Beginning,
    /// How long it was.
    length: u64,
    /// It was read to its end, and had no writer any more.
    is_whole: bool,
}

impl Read {
    fn position(&self) -> u64 {
        if self.is_whole { u64::MAX } else { self.beginning.position }
    }
}

impl Known {
    /// Remembers a day file. One that was read to its end had no writer any more.
    pub(super) fn note(&mut self, file: &Followed) {
        let Followed { day, identity, .. } = *file;
        let (beginning, length, is_whole) = (file.beginning(), file.length(), file.is_finished());
        self.0.push_back(Read { day, identity, beginning, length, is_whole });
        if self.0.len() > FILES_MAX {
            let _ = self.0.pop_front();
        }
    }

    /// Whether a day file is remembered that a file of this name may be, which may be a part by now.
    pub(super) fn has_any(&self, day: DayFile) -> bool {
        self.0.iter().any(|read| is_beside(read.day, day))
    }

    /// Whether one of this name was read to its end.
    pub(super) fn has_read(&self, day: DayFile) -> bool {
        self.0.iter().any(|read| read.day == day && read.is_whole)
    }

    /// How far a sealed file was read when it was a day file; `u64::MAX` is to its end.
    pub(super) fn read_of(&self, day: DayFile, sealed: &Facts) -> u64 {
        let read = self.0.iter().rev().filter(|read| is_beside(read.day, day)).find(|read| {
            let head = &read.beginning.head;
            match read.is_whole {
                true => sealed.holds(head, read.length, read.day == day),
                false => sealed.begins_with(head) == Some(true),
            }
        });
        read.map_or(0, Read::position)
    }

    /// What was read of the last day file of a name, or of a file that had another one.
    pub(super) fn beginning(&self, day: DayFile, file: Option<Identity>) -> Option<&Beginning> {
        let last = |is_it: &dyn Fn(&&Read) -> bool| self.0.iter().rev().find(is_it);
        let read = last(&|read| file.is_some() && read.identity == file);
        read.or_else(|| last(&|read| read.day == day)).map(|read| &read.beginning)
    }

    /// How far a file was read that others compressed since.
    ///
    /// # Errors
    /// Where there is no descriptor to read the compressed one. What cannot be read is another one, and told.
    pub(super) fn position(&self, day: DayFile, packed: &Path) -> io::Result<Option<u64>> {
        for read in self.0.iter().rev().filter(|read| is_beside(read.day, day)) {
            match begins_with(packed, &read.beginning.head) {
                Ok(true) => return Ok(Some(read.position())),
                Err(error) if are_too_many(&error) => return Err(error),
                Ok(false) | Err(_) => {}
            }
        }
        Ok(None)
    }
}

/// Whether one day file may become the other, as a part of the same day of a process.
pub(super) fn is_beside(one: DayFile, other: DayFile) -> bool {
    DayFile { part: 0, ..one } == DayFile { part: 0, ..other }
}

/// Some 600 bytes each.
const FILES_MAX: usize = 1_024;
