//! What there is in a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use radiosonde_store::names::{DayFile, Form, Signal, StoredFile};

use super::{Run, Step, Stopped, Task};

/// So many files are looked at between two questions whether to go on.
const STRETCH: usize = 256;

/// The forms of a day file that are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) day: DayFile,
    pub(super) plain: Option<u64>,
    pub(super) sealed: Option<u64>,
    /// When the plain one was written to last.
    written: Option<SystemTime>,
}

impl Found {
    /// What there is of a day file now.
    pub(super) fn look(root: &Path, day: DayFile) -> Self {
        let find = |form| {
            let path = root.join(StoredFile::new(day, form).file_name());
            fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)
        };
        let (plain, sealed) = (find(Form::Plain), find(Form::Sealed));
        Self {
            day,
            plain: plain.as_ref().map(fs::Metadata::len),
            sealed: sealed.as_ref().map(fs::Metadata::len),
            written: plain.and_then(|plain| plain.modified().ok()),
        }
    }

    /// Whether nobody has written to it for so long. A file of the future is one of a clock that
    /// was set back.
    pub(super) fn rests(&self, now: SystemTime, grace: Duration) -> bool {
        let Some(written) = self.written else { return true };
        let since = now.duration_since(written).unwrap_or_else(|ahead| ahead.duration());
        since >= grace
    }

    pub(super) fn bytes(&self) -> u64 {
        self.plain.unwrap_or(0) + self.sealed.unwrap_or(0)
    }
}

/// The last plain file of each slot and signal: the one its process may be writing to, or was.
pub(super) fn last_plain(all: &[Found]) -> BTreeMap<(u32, Signal), DayFile> {
    let mut last = BTreeMap::new();
    for Found { day, .. } in all.iter().filter(|found| found.plain.is_some()) {
        let place = last.entry((day.slot, day.signal)).or_insert(*day);
        if (place.date, place.part) < (day.date, day.part) {
            *place = *day;
        }
    }
    last
}

impl Run<'_> {
    /// The day files of the directory, sorted. What only looks like one is passed over.
    pub(super) fn list(&mut self) -> Result<Vec<Found>, Stopped> {
        let root = &self.upkeep.root;
        let mut days: Vec<DayFile> = match StoredFile::list(root) {
            Ok(files) => files.into_iter().map(|file| file.day).collect(),
            Err(error) => {
                self.upkept.fail(root, Task::Look, &error);
                return Ok(Vec::new());
            }
        };
        days.sort_unstable();
        days.dedup();
        let mut all = Vec::with_capacity(days.len());
        for (at, day) in days.into_iter().enumerate() {
            if at % STRETCH == STRETCH - 1 {
                self.goes_on(Step::Stretch)?;
            }
            let found = Found::look(&self.upkeep.root, day);
            if found.plain.or(found.sealed).is_some() {
                all.push(found);
            }
        }
        Ok(all)
    }
}
