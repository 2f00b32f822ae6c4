//! The middle of a write: waited for by whoever brings about a death, the proof or the process
//! itself.

use std::fs::File;
use std::hint::spin_loop;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a batch may fail to come before whoever waits goes on all the same.
pub const WITHIN: Duration = Duration::from_secs(2);
/// Where a stage says that it holds a batch on its way, and how. Were they elsewhere, no batch
/// would ever be met, and the proof would fail for that.
const STATES_AT: [usize; 2] = [8, 2048 + 8];
const STATE_LENGTH: usize = 8;
const READY: u64 = 1;

/// What to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// Stages, one of which must have a batch on its way: that of the process, which it may not
    /// have yet, and those of the dead, which whoever recovers them writes through as well. When
    /// there is none to ask, a batch is on its way as long as nothing else is known.
    pub stages: Vec<PathBuf>,
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
    /// As from the system. The day file must be there.
    pub fn wait(&self) -> io::Result<bool> {
        let day_file = self.day_file.as_ref().map(File::open).transpose()?;
        let mut watch = Watch { asks: !self.stages.is_empty(), stages: Vec::new(), day_file };
        let deadline = Instant::now() + WITHIN;
        while Instant::now() < deadline {
            if watch.stages.len() < self.stages.len() {
                // Before the next batch one more may be there; one that is gone stays open.
                let open = self.stages.iter().filter_map(|path| File::open(path).ok());
                watch.stages = open.collect();
            }
            if watch.begins(deadline)? && watch.lasts(self.after)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

struct Watch {
    /// Whether the stages say when a batch is on its way.
    asks: bool,
    stages: Vec<File>,
    day_file: Option<File>,
}

impl Watch {
    /// Whether a batch is on its way, and the file grows before it has arrived.
    fn begins(&self, deadline: Instant) -> io::Result<bool> {
        let before = self.length()?;
        // A batch can be on its way for ever, for instance that of somebody whose slot is not ours.
        while self.is_under_way()? && Instant::now() < deadline {
            if self.day_file.is_none() || self.length()? > before {
                return Ok(true);
            }
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

    fn is_under_way(&self) -> io::Result<bool> {
        if !self.asks {
            return Ok(true);
        }
        for stage in &self.stages {
            // Whoever has recovered it may have removed it as it was.
            if is_ready(stage)? && stage.metadata()?.nlink() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn length(&self) -> io::Result<Option<u64>> {
        self.day_file.as_ref().map(|file| file.metadata().map(|found| found.len())).transpose()
    }
}

/// Whether a stage says that its batch is on its way.
fn is_ready(stage: &File) -> io::Result<bool> {
    // Both states in one system call. What is shorter has only just been created.
    let mut bytes = [0; STATES_AT[1] - STATES_AT[0] + STATE_LENGTH];
    match stage.read_exact_at(&mut bytes, STATES_AT[0] as u64) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let is_ready = |at: usize| bytes[at - STATES_AT[0]..].starts_with(&READY.to_le_bytes());
    Ok(STATES_AT.into_iter().any(is_ready))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_batch_is_under_way_while_a_stage_that_is_there_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let bytes = |ready: Option<usize>| {
            let mut bytes = vec![0; 4096];
            ready.into_iter().for_each(|at| bytes[at] = 1);
            bytes
        };
        fs::write(&path, b"short").unwrap();
        let stages = vec![File::open(&path).unwrap()];
        let watch = Watch { asks: true, stages, day_file: None };
        let soon = Instant::now() + WITHIN;
        assert!(!watch.is_under_way().unwrap());
        for (ready, expected) in [(None, false), (Some(8), true), (Some(16), false)] {
            fs::write(&path, bytes(ready)).unwrap();
            assert_eq!(watch.is_under_way().unwrap(), expected, "{ready:?}");
        }
        fs::write(&path, bytes(Some(2056))).unwrap();
        assert!(watch.begins(soon).unwrap() && watch.lasts(Duration::from_micros(50)).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!watch.begins(soon).unwrap() && !watch.lasts(Duration::ZERO).unwrap());
    }

    #[test]
    fn a_batch_is_met_in_a_stage_that_is_not_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stage");
        let mut bytes = vec![0; 4096];
        bytes[8] = 1;
        fs::write(&path, bytes).unwrap();
        let missing = directory.path().join("later");
        let aim = Aim { stages: vec![missing, path], ..Aim::default() };
        assert!(aim.wait().unwrap());
        assert!(Aim { day_file: Some("nowhere".into()), ..aim }.wait().is_err());
    }

    #[test]
    fn without_a_stage_the_file_alone_tells() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.jsonl");
        fs::write(&path, b"").unwrap();
        let aim = Aim { day_file: Some(path.clone()), ..Aim::default() };
        let waits = std::thread::spawn(move || aim.wait().unwrap());
        while !waits.is_finished() {
            // It may not have looked for the first time yet.
            let length = fs::metadata(&path).unwrap().len() as usize;
            fs::write(&path, vec![b'x'; length + 1]).unwrap();
        }
        assert!(waits.join().unwrap());
    }
}
