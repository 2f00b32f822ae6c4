//! The middle of a write: waited for by whoever brings about a death, the proof or the process
//! itself.

use std::fs::File;
use std::hint::spin_loop;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a batch may fail to come before whoever waits goes on all the same.
pub const WITHIN: Duration = Duration::from_secs(2);
/// Between two looks at a day file alone: a change seen after so long is one that has just begun.
const FRESH: Duration = Duration::from_micros(20);
/// Where a stage says that it holds a batch on its way, and how. Were they elsewhere, no batch
/// would ever be met, and the proof would fail for that.
const STATES_AT: [usize; 2] = [8, 2048 + 8];
const STATE_LENGTH: usize = 8;
const READY: u64 = 1;

/// What to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The stage of the process: a batch must be on its way. None when the batch may be that of
    /// somebody dead, which is written through other stages.
    pub stage: Option<PathBuf>,
    /// A day file that must have grown meanwhile.
    pub day_file: Option<PathBuf>,
    /// And then so long, by which the batch must still be on its way.
    pub after: Duration,
}

impl Aim {
    /// Waits, without a pause between the looks: all of a batch is written in a fraction of a
    /// millisecond. Whether what was aimed at has come within [`WITHIN`]: a day file, for instance,
    /// is another one after midnight.
    ///
    /// # Errors
    /// As from the system: the files must be there.
    pub fn wait(&self) -> io::Result<bool> {
        let watch = Watch {
            stage: self.stage.as_ref().map(File::open).transpose()?,
            day_file: self.day_file.as_ref().map(File::open).transpose()?,
        };
        let deadline = Instant::now() + WITHIN;
        while Instant::now() < deadline {
            let begun = match &watch.stage {
                Some(_) => watch.begun()?,
                None => watch.grown(deadline)?,
            };
            if begun && watch.lasts(self.after)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

struct Watch {
    stage: Option<File>,
    day_file: Option<File>,
}

impl Watch {
    /// Whether a batch is on its way, and the file grows before it has arrived.
    fn begun(&self) -> io::Result<bool> {
        let before = self.length()?;
        while self.is_under_way()? {
            if self.day_file.is_none() || self.length()? != before {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the file grows, by a change that has not happened while the scheduler had us wait:
    /// that one is over.
    fn grown(&self, deadline: Instant) -> io::Result<bool> {
        let mut before = (Instant::now(), self.length()?);
        while before.0 < deadline {
            let now = (Instant::now(), self.length()?);
            if now.1 != before.1 && now.0.duration_since(before.0) < FRESH {
                return Ok(true);
            }
            before = now;
        }
        Ok(false)
    }

    /// Whether the batch is on its way for so long, and still is.
    fn lasts(&self, after: Duration) -> io::Result<bool> {
        let begin = Instant::now();
        while begin.elapsed() < after {
            if !self.is_under_way()? {
                return Ok(false);
            }
            spin_loop();
        }
        self.is_under_way()
    }

    /// Always, as far as is known, when no stage says so.
    fn is_under_way(&self) -> io::Result<bool> {
        let Some(stage) = &self.stage else { return Ok(true) };
        // Both in one system call.
        let mut bytes = [0; STATES_AT[1] - STATES_AT[0] + STATE_LENGTH];
        stage.read_exact_at(&mut bytes, STATES_AT[0] as u64)?;
        let is_ready = |at: usize| bytes[at - STATES_AT[0]..].starts_with(&READY.to_le_bytes());
        Ok(STATES_AT.into_iter().any(is_ready))
    }

    fn length(&self) -> io::Result<Option<u64>> {
        self.day_file.as_ref().map(|file| file.metadata().map(|found| found.len())).transpose()
    }
}
