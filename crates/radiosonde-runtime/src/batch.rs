//! Values of batch gauges from process to process: read at the start, kept as they change.
//!
//! Each slot keeps those of its process, `inst/<n>/batch-<hash of service and environment>.json`.
//! Whoever starts reads the files of its service and environment in all slots, of living processes
//! too, and of each series takes the value that was computed last. What is kept was redacted, as
//! every label is.

mod file;
mod restore;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use radiosonde_metrics::{BatchValue, Metrics};
use radiosonde_record::Slot;

use crate::problem::{Problem, Problems};
use crate::words::counted;
use file::Found;
pub(crate) use file::Whose;

pub(crate) use restore::{Own, restore};

/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// What to do about a file that must not be written over.
const MOVE: &str = "look at the file, and mend, move or delete it; it is looked at again by itself";
/// Keeps the values of this process.
#[derive(Debug)]
pub(crate) struct Keeper {
    slot: Slot,
    path: PathBuf,
    whose: Whose,
    /// Not before.
    next: Instant,
    /// Written since the last file.
    changed: bool,
    /// Whether something stands in the place of the file that must not be lost.
    blocked: bool,
    /// What was in the file that could not be read at the start: kept on, but for what is newer.
    before: Vec<BatchValue>,
    /// What the last attempt had to say.
    told: Vec<Problem>,
}

impl Keeper {
    /// `own` is what [`restore`] says of our own file.
    pub(crate) fn new(slot: Slot, whose: Whose, own: Own) -> Self {
        let path = slot.path().join(file::name(&whose));
        let (next, before, told) = (Instant::now(), Vec::new(), Vec::new());
        Self {
            slot,
            path,
            whose,
            next,
            changed: own.is_stale,
            blocked: own.is_blocked,
            before,
            told,
        }
    }

    /// Writes what has changed, unless that failed a moment ago.
    pub(crate) fn keep(&mut self, now: Instant, metrics: &Metrics, problems: &Problems) {
        if now >= self.next && !self.write_changes(metrics, problems) {
            self.next = now + RETRY;
        }
    }

    /// Writes what has changed. Whether everything is on disk.
    pub(crate) fn write_changes(&mut self, metrics: &Metrics, problems: &Problems) -> bool {
        self.changed |= metrics.take_batch_changes();
        if !self.changed {
            return true;
        }
        let told = match self.write(&metrics.batch_values()) {
            Ok(left_out) => {
                self.changed = false;
                left_out.into_iter().collect()
            }
            Err(problem) => vec![problem],
        };
        self.told.iter().filter(|old| !told.contains(old)).for_each(|old| problems.retract(old));
        told.iter()
            .filter(|new| !self.told.contains(new))
            .for_each(|new| problems.add(new.clone()));
        self.told = told;
        !self.changed
    }

    /// What was left out for want of room, if anything.
    fn write(&mut self, values: &[BatchValue]) -> Result<Option<Problem>, Problem> {
        let path = self.path.clone();
        let failed = |why: &dyn std::fmt::Display, fix: &str| {
            let path = path.display();
            Problem::warning(format!("values of batch gauges are not kept in {path}: {why}"), fix)
        };
        if !self.slot.is_held() {
            return Err(failed(&"the lock of our slot is gone", "restart the program"));
        }
        if self.blocked {
            match file::read(&self.path, &self.whose) {
                Found::Nothing => {}
                Found::Values(found, _) => self.before = found,
                Found::Foreign => return Err(failed(&"another service's file is there", MOVE)),
                Found::Damaged(why) | Found::Unreadable(why) => return Err(failed(&why, MOVE)),
            }
            self.blocked = false;
        }
        let is_older = |old: &&BatchValue| {
            !values.iter().any(|new| new.metric == old.metric && new.labels == old.labels)
        };
        let older = self.before.iter().filter(is_older).cloned();
        let values: Vec<BatchValue> = values.iter().cloned().chain(older).collect();
        let fix = "make room or remove what is in the way; writing is tried again by itself";
        let rendered = file::render(&self.whose, &values);
        let (text, left_out) = rendered.map_err(|error| failed(&error, fix))?;
        file::write(&self.path, &text).map_err(|error| failed(&error, fix))?;
        Ok((left_out > 0).then(|| {
            let left_out = counted(left_out as u64, "value");
            let what =
                format!("{left_out} of batch gauges, the oldest, are not kept: 4 MiB are full");
            Problem::warning(what, "give batch gauges fewer series")
        }))
    }
}
